/* /admin/v1/report: what `postern report` says, computed by the gateway from the archive on its own disk; the state at a past date comes signed. */
#include "gateway/api/admin.h"
#include "gateway/effects.h"
#include "gateway/report_source.h"
#include "gateway/signing_ring.h"

#include <stdio.h>

enum { DEFAULT_DAYS = 30, DAY_S = 86400, TIME_BYTES = 64, STATE_BYTES = 256 * 1024 * 1024, JWS_BYTES = 8 * 1024, CLAIMS_BYTES = 1024 };
#define STATE_TYPE "postern-as-of+jwt"

/* A day is its beginning, or the moment after its end. */
static enum err_code query_time(struct http_request *r, const char *key, bool end_of_day, int64_t *at_s, struct err *err)
{
    struct span text = SPAN_NONE;
    char full[TIME_BYTES];
    int64_t read_s = 0;
    enum err_code code = request_query(r, key, &text, err);
    if (code != OK)
        return code == ERR_NOT_FOUND ? OK : code;
    bool day = text.bytes == ARCHIVE_DAY_BYTES;
    snprintf(full, sizeof full, "%.*s%s", SPAN_ARGS(span_slice(text, 0, 40)), day ? "T00:00:00Z" : "");
    if (!clock_from_rfc3339(span_of(full), &read_s))
        return err_set(err, ERR_INPUT, "%s must be a day (2026-11-30) or a time (2026-11-30T12:00:00Z)", key);
    *at_s = read_s + (day && end_of_day ? DAY_S : 0);
    return OK;
}

/* The second whose state is meant: the last of a day. */
static enum err_code query_moment(struct http_request *r, int64_t *at_s, struct err *err)
{
    struct span text = SPAN_NONE;
    enum err_code code = query_time(r, "at", true, at_s, err);
    if (code == OK && request_query(r, "at", &text, err) == OK && text.bytes == ARCHIVE_DAY_BYTES)
        --*at_s;
    *at_s = report_source_end(*at_s, r->now_s);
    return code;
}

static enum err_code folder_of(const struct http_request *r, const char **folder, struct err *err)
{
    *folder = effects_archive_folder(r->node->effects);
    return *folder != NULL ? OK : err_set(err, ERR_NOT_FOUND, "this gateway writes no archive (archive.enabled)");
}

static enum err_code read_options(struct http_request *r, struct report_options *o, struct err *err)
{
    struct span by = SPAN_NONE;
    *o = (struct report_options){ .until_s = r->now_s, .by = REPORT_CHECK, .least = REPORT_LEAST };
    enum err_code code = query_time(r, "until", true, &o->until_s, err);
    o->until_s = report_source_end(o->until_s, r->now_s);
    o->since_s = o->until_s - (int64_t)DEFAULT_DAYS * DAY_S;
    if (code == OK)
        code = query_time(r, "since", false, &o->since_s, err);
    if (code == OK)
        code = request_query(r, "by", &by, err);
    if (code == ERR_NOT_FOUND)
        return OK;
    return code == OK && !report_by_from(by, &o->by) ? err_set(err, ERR_INPUT, "by must be check, rung, group or month") : code;
}

static void show(struct http_request *r, struct http_response *res)
{
    CLEANUP(report_freep) struct report *report = NULL;
    struct report_source source = { .folder_count = 1 };
    const char *folder = NULL;
    struct err err;
    enum err_code code = folder_of(r, &folder, &err);
    source.folders = &folder;
    if (code == OK)
        code = read_options(r, &source.options, &err);
    if (code == OK)
        code = report_source_read(&source, &report, &err);
    if (code != OK) {
        admin_problem(r, res, &err);
        return;
    }
    struct to_json w = response_json(res, 200);
    report_to_json(report, &w);
}

/* The signature is over the hash of the member `state`, byte for byte as it stands in the answer. */
static enum err_code sign_state(const struct http_request *r, struct span state, int64_t at_s, struct buf *jws, struct err *err)
{
    CLEANUP(buf_done) struct buf claims;
    struct to_json w;
    char hash[SECRET_HEX_BYTES + 1];
    buf_init(&claims, CLAIMS_BYTES * 4);
    secret_sha256_hex(state, hash);
    to_json_init(&w, &claims);
    to_json_object(&w);
    to_json_member_text(&w, "iss", r->node->options.public_url);
    to_json_member_int(&w, "iat", r->now_s);
    to_json_member_int(&w, "as_of", at_s);
    to_json_member_text(&w, "sha256", span_of(hash));
    to_json_end(&w);
    return signing_sign_archive(r->node, buf_span(&claims), SPAN_LITERAL(STATE_TYPE), jws, err);
}

static void show_state(struct http_request *r, struct http_response *res)
{
    CLEANUP(report_freep) struct report *report = NULL;
    CLEANUP(buf_done) struct buf state, jws;
    struct report_source source = { .folder_count = 1, .options = { .least = 1 }, .state_only = true };
    int64_t at_s = r->now_s;
    struct to_json w;
    const char *folder = NULL;
    struct err err;
    buf_init(&state, STATE_BYTES);
    buf_init(&jws, JWS_BYTES);
    source.folders = &folder;
    enum err_code code = folder_of(r, &folder, &err);
    if (code == OK)
        code = query_moment(r, &at_s, &err);
    source.options.until_s = at_s + 1;
    if (code == OK)
        code = report_source_read(&source, &report, &err);
    if (code == OK) {
        to_json_init(&w, &state);
        report_state_to_json(report, &w);
        code = buf_check(&state, "the state", &err);
    }
    if (code == OK)
        code = sign_state(r, buf_span(&state), at_s, &jws, &err);
    if (code != OK) {
        admin_problem(r, res, &err);
        return;
    }
    w = response_json(res, 200);
    to_json_object(&w);
    to_json_key(&w, "state");
    to_json_raw(&w, buf_span(&state));
    to_json_member_text(&w, "signature", buf_span(&jws));
    to_json_end(&w);
}

static const struct route rows[] = {
    { HTTP_GET, "/admin/v1/report", ADMIN_LISTENERS, SCOPE_ADMIN, 0, PROBLEM_JSON, 0, NULL, show, "admin.report" },
    { HTTP_GET, "/admin/v1/report/as-of", ADMIN_LISTENERS, SCOPE_ADMIN, 0, PROBLEM_JSON, 0, NULL, show_state, "admin.report.as_of" },
};
const struct route_table report_routes = { rows, sizeof rows / sizeof rows[0] };
