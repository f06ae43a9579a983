#include "connectors/identity/okta_api.h"

#include "posture/base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIXED_BYTES = OKTA_API_TOKEN_BYTES + 8, TOKEN_URL_BYTES = VENDOR_API_BASE_BYTES + 32 };
struct okta_api { struct vendor_api *api; };

/* ---- life ---- */

static const char scopes[] = "okta.users.manage okta.groups.manage";

enum err_code okta_api_new(const struct okta_api_options *options, struct okta_api **out, struct err *err)
{
    char fixed[FIXED_BYTES] = "", token_url[TOKEN_URL_BYTES];
    if (options->token.bytes > OKTA_API_TOKEN_BYTES)
        return err_set(err, ERR_INPUT, "okta.token has at most %d bytes", OKTA_API_TOKEN_BYTES);
    if (options->url.bytes >= VENDOR_API_BASE_BYTES)
        return err_set(err, ERR_INPUT, "okta.url has at most %d bytes", VENDOR_API_BASE_BYTES - 1);
    if (!span_empty(options->token))
        snprintf(fixed, sizeof fixed, "SSWS %.*s", SPAN_ARGS(options->token));
    snprintf(token_url, sizeof token_url, "%.*s/oauth2/v1/token", SPAN_ARGS(options->url));
    const struct oauth_client_options oauth = { .token_url = span_of(token_url), .client_id = options->client_id, .scope = span_of(scopes), .sign = options->sign,
                                                .sign_context = options->sign_context, .clock = options->clock };
    const struct vendor_api_options api = { .base = options->url, .http = { .allow_loopback_http = options->allow_loopback_http, .ca_file = options->ca_file, .tick = options->tick,
                                                                            .tick_context = options->tick_context },
                                            .authorization = span_of(fixed), .oauth = &oauth, .clock = options->clock, .error_word = okta_read_error };
    struct okta_api *o = calloc(1, sizeof *o);
    enum err_code code = o == NULL ? err_set(err, ERR_MEMORY, "okta") : vendor_api_new(&api, &o->api, err);
    secret_wipe(fixed, sizeof fixed);
    if (code != OK) {
        okta_api_free(o);
        return err_wrap(err, "okta");
    }
    *out = o;
    return OK;
}

void okta_api_free(struct okta_api *o)
{
    if (o == NULL)
        return;
    vendor_api_free(o->api);
    free(o);
}

/* ---- one call ---- */

/* A path of fixed words and encoded values: "/api/v1/users/%/groups" with each % replaced by a value. */
static bool make_url(const struct okta_api *o, const char *path, const struct span *values, struct buf *url)
{
    buf_append(url, vendor_api_base(o->api));
    for (; *path != '\0'; path++) {
        if (*path == '%')
            http_client_encode(*values++, url);
        else
            buf_append_byte(url, *path);
    }
    return !url->failed;
}

static struct vendor_result call(struct okta_api *o, const char *method, const char *path, const struct span *values, struct vendor_answer *answer)
{
    CLEANUP(buf_done) struct buf url;
    buf_init(&url, HTTP_CLIENT_URL_BYTES);
    *answer = (struct vendor_answer){ 0 };
    if (!make_url(o, path, values, &url))
        return (struct vendor_result){ .outcome = VENDOR_REFUSED, .after_s = -1, .error = "a name that is too long" };
    const struct vendor_request request = { .method = method, .url = buf_span(&url), .most_bytes = OKTA_ANSWER_BYTES };
    return vendor_api_call(o->api, &request, answer);
}

static struct vendor_result judge_reading(enum err_code code, const struct err *err, struct vendor_result r)
{
    if (code == OK)
        return r;
    if (code != ERR_NOT_FOUND && code != ERR_CONFLICT)
        return vendor_unreadable(err);
    r.outcome = code == ERR_NOT_FOUND ? VENDOR_NOT_FOUND : VENDOR_REFUSED;
    snprintf(r.error, sizeof r.error, "%.*s", (int)sizeof r.error - 1, err->text);
    return r;
}

/* ---- people ---- */

static struct vendor_result find_by_login(struct okta_api *o, struct span name, struct okta_user *user)
{
    struct vendor_answer answer;
    struct err err = { 0 };
    struct vendor_result r = call(o, "GET", "/api/v1/users/%", &name, &answer);
    if (r.outcome == VENDOR_DONE)
        r = judge_reading(okta_read_user(buf_span(&answer.body), name, user, &err), &err, r);
    vendor_answer_done(&answer);
    return r;
}

/* The address goes into an expression: a quote or backslash in it would end the text there. */
static struct vendor_result find_by_email(struct okta_api *o, struct span email, struct okta_user *user)
{
    CLEANUP(buf_done) struct buf filter;
    struct vendor_answer answer;
    struct err err = { 0 };
    buf_init(&filter, HTTP_CLIENT_URL_BYTES);
    buf_append_text(&filter, "profile.email eq \"");
    buf_append(&filter, email);
    buf_append_byte(&filter, '"');
    struct vendor_result r = call(o, "GET", "/api/v1/users?limit=2&filter=%", &(struct span){ filter.at, filter.bytes }, &answer);
    if (r.outcome == VENDOR_DONE)
        r = judge_reading(okta_read_only_user(buf_span(&answer.body), email, user, &err), &err, r);
    vendor_answer_done(&answer);
    return r;
}

struct vendor_result okta_api_find(struct okta_api *o, struct span name, struct okta_user *user)
{
    struct vendor_result r = find_by_login(o, name, user);
    bool address = span_find(name, '@') < name.bytes && span_find(name, '"') == name.bytes && span_find(name, '\\') == name.bytes;
    return r.outcome == VENDOR_NOT_FOUND && address ? find_by_email(o, name, user) : r;
}

/* ---- groups ---- */

/* One page; *next is the address of the following one, or empty. */
static struct vendor_result read_page(struct okta_api *o, struct buf *next, const struct span *groups, size_t group_count, bool *member)
{
    struct vendor_answer answer;
    struct err err = { 0 };
    size_t count = 0;
    const struct vendor_request request = { .method = "GET", .url = buf_span(next), .most_bytes = OKTA_ANSWER_BYTES };
    struct vendor_result r = vendor_api_call(o->api, &request, &answer);
    if (r.outcome == VENDOR_DONE)
        r = judge_reading(okta_read_groups(buf_span(&answer.body), groups, group_count, member, &count, &err), &err, r);
    struct span link = r.outcome == VENDOR_DONE ? vendor_api_next_link(buf_span(&answer.link)) : SPAN_NONE;
    bool stays = span_equal(link, buf_span(next));
    buf_clear(next);
    if (!span_empty(link) && (stays || !vendor_api_is_under(vendor_api_base(o->api), link) || !buf_append(next, link))) {
        (void)err_set(&err, ERR_PROTOCOL, "the next page is not Okta's");
        r = vendor_unreadable(&err);
    }
    vendor_answer_done(&answer);
    return r;
}

struct vendor_result okta_api_memberships(struct okta_api *o, struct span user, const struct span *groups, size_t group_count, bool *member)
{
    CLEANUP(buf_done) struct buf next;
    struct vendor_result r = { .outcome = VENDOR_REFUSED, .after_s = -1, .error = "a name that is too long" };
    buf_init(&next, HTTP_CLIENT_URL_BYTES);
    for (size_t i = 0; i < group_count; i++)
        member[i] = false;
    if (!make_url(o, "/api/v1/users/%/groups?limit=200", &user, &next))
        return r;
    for (int page = 0; page < OKTA_API_PAGES; page++) {
        r = read_page(o, &next, groups, group_count, member);
        if (r.outcome != VENDOR_DONE || next.bytes == 0)
            return r;
    }
    struct err err;
    (void)err_set(&err, ERR_LIMIT, "more than %d pages of groups", OKTA_API_PAGES);
    return vendor_unreadable(&err);
}

static struct vendor_result change(struct okta_api *o, const char *method, const char *path, const struct span *values)
{
    struct vendor_answer answer;
    struct vendor_result r = call(o, method, path, values, &answer);
    vendor_answer_done(&answer);
    return r;
}

struct vendor_result okta_api_set_member(struct okta_api *o, struct span user, struct span group, bool member)
{
    return change(o, member ? "PUT" : "DELETE", "/api/v1/groups/%/users/%", (const struct span[]){ group, user });
}

struct vendor_result okta_api_end_sessions(struct okta_api *o, struct span user)
{
    return change(o, "DELETE", "/api/v1/users/%/sessions?oauthTokens=true&forgetDevices=false", &user);
}

struct vendor_result okta_api_group(struct okta_api *o, struct span group, struct okta_group *out)
{
    struct vendor_answer answer;
    struct err err = { 0 };
    struct vendor_result r = call(o, "GET", "/api/v1/groups/%", &group, &answer);
    if (r.outcome == VENDOR_DONE)
        r = judge_reading(okta_read_group(buf_span(&answer.body), out, &err), &err, r);
    vendor_answer_done(&answer);
    return r;
}
