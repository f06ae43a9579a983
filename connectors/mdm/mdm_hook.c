#include "connectors/mdm/mdm_http.h"

#include "posture/base/secret.h"

static bool is_ours(const struct mdm_options *o, struct span shown)
{
    bool same = false;
    for (size_t i = 0; i < 2; i++)
        same = (o->hook_secrets[i].bytes > 0 && span_equal_ct(shown, o->hook_secrets[i])) || same;
    return same;
}

static bool password_is_ours(const struct mdm_options *o, struct span basic)
{
    struct buf pair;
    struct span rest, user;
    buf_init(&pair, MDM_TOKEN_BYTES);
    bool same = false;
    if (secret_from_base64(basic, MDM_TOKEN_BYTES, &pair, NULL) == OK) {
        rest = buf_span(&pair);
        same = span_cut(&rest, ':', &user) && is_ours(o, rest);
    }
    buf_wipe(&pair);
    return same;
}

enum err_code mdm_hook_secret(const struct mdm_options *o, const struct mdm_hook *hook, struct err *err)
{
    struct span authorization = hook->field(hook->context, "authorization"), scheme = SPAN_NONE, rest = authorization;
    bool good = is_ours(o, hook->field(hook->context, "x-postern-secret"));
    if (!good && span_cut(&rest, ' ', &scheme))
        good = span_equal_fold(scheme, SPAN_LITERAL("bearer")) ? is_ours(o, span_trim(rest)) : span_equal_fold(scheme, SPAN_LITERAL("basic")) && password_is_ours(o, span_trim(rest));
    return good ? OK : err_set(err, ERR_DENIED, "the call does not show the webhook secret of mdm %.*s", SPAN_ARGS(o->id));
}
