#include "connectors/vendor_api.h"

#include "posture/base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIXED_BYTES = 1024, NUMBER_BYTES = 64, DATE_BYTES = 64 };

struct vendor_api {
    struct http_client *http;
    struct oauth_client *oauth;                                      /* NULL: the fixed value */
    const struct clock *clock;
    void (*error_word)(struct span body, char word[VENDOR_API_WORD_BYTES]);
    char base[VENDOR_API_BASE_BYTES], fixed[FIXED_BYTES];
};

/* ---- life ---- */

static bool copy_text(struct span from, char *to, size_t room)
{
    if (from.bytes >= room)
        return false;
    if (from.bytes > 0)
        memcpy(to, from.at, from.bytes);
    to[from.bytes] = '\0';
    return true;
}

static enum err_code fill(struct vendor_api *v, const struct vendor_api_options *options, struct err *err)
{
    enum err_code code = http_client_check_url(&options->http, options->base, err);
    if (code == OK && (!copy_text(options->base, v->base, sizeof v->base) || span_ends(options->base, SPAN_LITERAL("/"))))
        code = err_set(err, ERR_INPUT, "an API's address has at most %d bytes and no slash at its end", VENDOR_API_BASE_BYTES - 1);
    if (code == OK && !copy_text(options->authorization, v->fixed, sizeof v->fixed))
        code = err_set(err, ERR_INPUT, "an API token has at most %d bytes", FIXED_BYTES - 16);
    if (code == OK && v->fixed[0] == '\0' && options->oauth == NULL)
        code = err_set(err, ERR_INPUT, "an API needs a token, or a client with its key or secret");
    if (code == OK)
        code = http_client_new(&options->http, &v->http, err);
    if (code == OK && v->fixed[0] == '\0')
        code = oauth_client_new(options->oauth, &options->http, v->http, &v->oauth, err);
    return code;
}

enum err_code vendor_api_new(const struct vendor_api_options *options, struct vendor_api **out, struct err *err)
{
    struct vendor_api *v = calloc(1, sizeof *v);
    if (v == NULL)
        return err_set(err, ERR_MEMORY, "an API");
    v->clock = options->clock;
    v->error_word = options->error_word;
    enum err_code code = fill(v, options, err);
    if (code != OK) {
        vendor_api_free(v);
        return code;
    }
    *out = v;
    return OK;
}

void vendor_api_free(struct vendor_api *v)
{
    if (v == NULL)
        return;
    oauth_client_free(v->oauth);
    http_client_free(v->http);
    secret_free(v, sizeof *v);
}

struct span vendor_api_base(const struct vendor_api *v) { return span_of(v->base); }

void vendor_answer_done(struct vendor_answer *answer)
{
    buf_done(&answer->body);
    buf_done(&answer->link);
}

/* ---- addresses in answers ---- */

bool vendor_api_is_under(struct span base, struct span url)
{
    struct span rest = span_slice(url, base.bytes, SIZE_MAX);
    if (span_empty(base) || !span_starts(url, base) || span_empty(rest) || rest.at[0] != '/')
        return false;
    for (size_t i = 0; i < url.bytes; i++)
        if ((unsigned char)url.at[i] <= 0x20 || (unsigned char)url.at[i] >= 0x7f || url.at[i] == '\\' || url.at[i] == '#')
            return false;
    struct span path = span_slice(rest, 0, span_find(rest, '?'));
    return span_search(path, SPAN_LITERAL("/../")) == path.bytes && !span_ends(path, SPAN_LITERAL("/..")) && span_search(path, SPAN_LITERAL("%2e")) == path.bytes &&
           span_search(path, SPAN_LITERAL("%2E")) == path.bytes;
}

/* Whether the parameters of a link, which end at the next comma outside quotes, say rel=next. *used: how long they are. */
static bool says_next(struct span rest, size_t *used)
{
    bool quoted = false, next = false;
    size_t begin = 0, i = 0;
    for (; i <= rest.bytes; i++) {
        char c = i < rest.bytes ? rest.at[i] : ',';
        if (c == '"')
            quoted = !quoted;
        if (i < rest.bytes && (quoted || (c != ';' && c != ',')))
            continue;
        struct span parameter = span_trim(span_slice(rest, begin, i - begin));
        next = next || span_equal_fold(parameter, SPAN_LITERAL("rel=\"next\"")) || span_equal_fold(parameter, SPAN_LITERAL("rel=next"));
        begin = i + 1;
        if (c == ',')
            break;
    }
    *used = i < rest.bytes ? i + 1 : rest.bytes;
    return next;
}

struct span vendor_api_next_link(struct span link)
{
    while (!span_empty(link)) {
        size_t open = span_find(link, '<'), used = 0;
        link = span_slice(link, open + 1, SIZE_MAX);
        size_t close = span_find(link, '>');
        struct span url = span_slice(link, 0, close), rest = span_slice(link, close + 1, SIZE_MAX);
        if (close >= link.bytes)
            return SPAN_NONE;
        if (says_next(rest, &used))
            return url;
        link = span_slice(rest, used, SIZE_MAX);
    }
    return SPAN_NONE;
}

/* ---- what an answer means ---- */

static struct vendor_result say(enum vendor_outcome outcome, bool away, const char *what)
{
    struct vendor_result r = { .outcome = outcome, .away = away, .after_s = -1 };
    snprintf(r.error, sizeof r.error, "%s", what);
    return r;
}

struct vendor_result vendor_unreadable(const struct err *err)
{
    struct vendor_result r = say(VENDOR_LATER, true, "");
    r.status = 200;
    snprintf(r.error, sizeof r.error, "the answer cannot be read: %.90s", err->text);
    return r;
}

static struct vendor_result judge_transport(enum err_code code, const struct err *err)
{
    if (code == ERR_INPUT)
        return say(VENDOR_REFUSED, false, err->text);
    if (code == ERR_DENIED)
        return say(VENDOR_DENIED, true, "its address is not allowed");
    return say(VENDOR_LATER, true, code == ERR_LIMIT ? "the answer is too long" : code == ERR_AMBIGUOUS ? "no complete answer" : code == ERR_MEMORY ? "memory is short" : "out of reach");
}

static enum vendor_outcome outcome_of(long status)
{
    if (status >= 200 && status < 300)
        return VENDOR_DONE;
    if (status == 404)
        return VENDOR_NOT_FOUND;
    if (status == 401 || status == 403)
        return VENDOR_DENIED;
    return (status >= 400 && status < 500 && status != 408 && status != 429) || status == 501 ? VENDOR_REFUSED : VENDOR_LATER; /* a redirect is an answer of something in between */
}

/* Fields that say how often a call may be made. */
struct limits { struct buf remaining, reset, date; };

static int64_t clamp_wait(int64_t wait_s) { return wait_s < 0 ? 0 : wait_s > VENDOR_API_WAIT_MOST_S ? VENDOR_API_WAIT_MOST_S : wait_s; }

/* X-Rate-Limit-Reset is a moment of the vendor's clock, and Date says what that clock shows: ours does not matter. */
static int64_t wait_of(const struct vendor_api *v, const struct http_reply *reply, const struct limits *l)
{
    uint64_t reset_s = 0, remaining = 1;
    int64_t date_s = 0;
    if (reply->retry_after_s >= 0)
        return clamp_wait(reply->retry_after_s);
    bool spent = reply->status == 429 || (span_to_u64(buf_span(&l->remaining), &remaining) && remaining == 0);
    if (!spent || !span_to_u64(buf_span(&l->reset), &reset_s) || reset_s > INT64_MAX / 2)
        return -1;
    if (!http_client_date(buf_span(&l->date), &date_s))
        date_s = clock_wall_s(v->clock);
    return clamp_wait((int64_t)reset_s - date_s + 1);
}

static struct vendor_result judge(const struct vendor_api *v, const struct http_reply *reply, const struct limits *l)
{
    char word[VENDOR_API_WORD_BYTES] = "";
    struct vendor_result r = { .outcome = outcome_of(reply->status), .status = reply->status, .after_s = wait_of(v, reply, l) };
    r.away = r.outcome == VENDOR_LATER;
    if (r.outcome == VENDOR_DONE)
        return r;
    if (v->error_word != NULL)
        v->error_word(buf_span(&reply->body), word);
    snprintf(r.error, sizeof r.error, "answered %ld%s%s", reply->status, word[0] != '\0' ? " " : "", word);
    return r;
}

/* ---- one call ---- */

static struct vendor_result perform(struct vendor_api *v, const struct vendor_request *request, struct span header, struct vendor_answer *answer)
{
    struct http_reply reply = { 0 };
    struct limits l;
    struct err err = { 0 };
    buf_init(&l.remaining, NUMBER_BYTES);
    buf_init(&l.reset, NUMBER_BYTES);
    buf_init(&l.date, DATE_BYTES);
    buf_init(&answer->link, VENDOR_API_LINK_BYTES);
    const struct http_field fields[] = { { "Authorization", header }, { "Accept", SPAN_LITERAL("application/json") }, { "Content-Type", request->type } };
    const struct http_wanted wanted[] = { { "Link", &answer->link }, { "X-Rate-Limit-Remaining", &l.remaining }, { "X-Rate-Limit-Reset", &l.reset }, { "Date", &l.date } };
    const struct http_call call = { .method = request->method, .url = request->url, .fields = fields, .field_count = span_empty(request->type) ? 2 : 3, .body = request->body, .wanted = wanted,
                                    .wanted_count = 4, .timeout_ms = VENDOR_API_CALL_MS, .most_bytes = request->most_bytes, .reuse = true };
    enum err_code code = http_client_call(v->http, &call, &reply, &err);
    struct vendor_result r = code == OK ? judge(v, &reply, &l) : judge_transport(code, &err);
    buf_done(&l.remaining);
    buf_done(&l.reset);
    buf_done(&l.date);
    if (r.outcome == VENDOR_DONE && answer->link.failed)
        r = say(VENDOR_LATER, true, "the Link fields of the answer are too long");
    if (r.outcome == VENDOR_DONE) {
        answer->body = reply.body;
        return r;
    }
    http_reply_done(&reply);
    buf_done(&answer->link);
    return r;
}

static struct vendor_result find_header(struct vendor_api *v, struct span *header, bool *fresh)
{
    *header = span_of(v->fixed);
    *fresh = true;
    if (v->oauth == NULL)
        return say(VENDOR_DONE, false, "");
    struct oauth_client_result t = oauth_client_token(v->oauth, header, fresh);
    struct vendor_result r = say(t.outcome == OAUTH_CLIENT_DONE ? VENDOR_DONE : t.outcome == OAUTH_CLIENT_LATER ? VENDOR_LATER : VENDOR_DENIED, t.outcome != OAUTH_CLIENT_DONE, t.error);
    r.after_s = t.retry_after_s < 0 ? -1 : clamp_wait(t.retry_after_s);
    return r;
}

struct vendor_result vendor_api_call(struct vendor_api *v, const struct vendor_request *request, struct vendor_answer *answer)
{
    struct span header = SPAN_NONE;
    bool fresh = false;
    *answer = (struct vendor_answer){ 0 };
    if (!vendor_api_is_under(span_of(v->base), request->url))
        return say(VENDOR_REFUSED, false, "the address to call is not the vendor's");
    struct vendor_result r = find_header(v, &header, &fresh);
    if (r.outcome != VENDOR_DONE)
        return r;
    r = perform(v, request, header, answer);
    if (r.status != 401 || fresh)
        return r;
    oauth_client_forget(v->oauth);
    r = find_header(v, &header, &fresh);
    return r.outcome == VENDOR_DONE ? perform(v, request, header, answer) : r;
}
