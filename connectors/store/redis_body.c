#include "connectors/store/redis_body.h"

#include "posture/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { LEVEL = 6, WINDOW_BITS = -15 /* raw: a checksum is the store's business */, MEMORY_LEVEL = 9, SHORT_BYTES = 128, HEAD_BYTES = 16,
       FIXED_BYTES = 512 /* shorter ones are inflated in a third of the time with the codes that need no table, and are hardly longer */, MARK_BYTES = 24 /* at most */ };

/* The last member of a device's body, and what a body says of it in front: where it begins, so that a load can stop there. A reader that does not know the mark passes over it. */
#define FACTS ",\"facts\":["
#define MARK "\"facts_at\":"

/* Dictionary 1. It may never change: what was stored with it is read with it. What bodies often hold, the most frequent last (RFC 1950 section 2.2: near is cheap). */
static const char dictionary[] =
    "\"duplicate_of\":\"removed\":true\"virtual\":true\"recheck_s\":\"would\":\"would_s\":\"recheck_checks\":[\"fallback\":{\"state\":\"announced_s\":\"links\":[{\"manager\":\"managed\":\"compliance\":\"contact_s\":"
    "\"facts_s\":\"read_s\":\"encrypted\":\"supervised\":\"credentials\":[[\"cookie\",\"c_\"webauthn\",\"unknown\",\"not_applicable\",\"in_progress\",\"Firefox\"Chrome\"Safari\"Edge\""
    "\"disputes\":[{\"id\":\"snoozes\":[{\"device\":\"d_\"absences\":[{\"from_s\":\"to_s\":\"source\":\"warned\":[{\"device\":\"d_\"at_s\":\"notice\":{\"id\":\"e_\"reserved_s\":\"settled_s\":\"local_day\":\"channel\":\"slack\""
    "\"conversation\":\"D\"message\":\"17\"state\":\"delivered\"items\":[{\"device\":\"d_\"deadline_s\":17\"told\":[{\"device\":\"d_\"check\":\"count\":1\"last_s\":17\"passed_s\":\"resumed_s\":\"nudge_day\":2026\"nudge_s\":17"
    "\"invited_s\":17\"greeted_s\":17\"linked_s\":\"aliases\":[\"locale\":\"en\"region\":\"Europe/Berlin\"Europe/London\"America/New_York\"America/Los_Angeles\"Asia/Tokyo\"},{"
    "{\"id\":\"p_\",\"name\":\"\",\"slack\":\"U0\",\"zone\":\"\",\"okta\":\"00u\",\"archive_salt\":\"\",\"created_s\":17,\"zone_from_slack\":true,\"emails\":[\"@\"],\"groups\":[\"everyone\",\"engineering\"]}"
    "\"rung\":\"notice\",\"warn\",\"sensitive\",\"all\",\"rung_s\":17,\"on\":[[17"
    "[{\\\"name\\\":\\\"version\\\":\\\"1\\\"},{\\\"\\\":\\\"0\\\",\\\"enabled\\\":\\\"1\\\"}]\",\"osquery\",\"[{\\\"browser\\\":\\\"Chrome\\\",\\\"version\\\":\\\"Edge\\\"Firefox\\\"[{\\\"filevault_status\\\":\\\"on\\\"},{\\\""
    "[{\\\"conversion_status\\\":\\\"1\\\",\\\"percentage_encrypted\\\":\\\"100\\\",\\\"protection_status\\\":\\\"1\\\"}]\"[{\\\"center\\\":\\\"Good\\\",\\\"profiles_on\\\":\\\"3\\\"}]\"\\\"products_on\\\":\\\"1\\\"\\\"forbidden\\\":\\\"0\\\""
    "[{\\\"global_state\\\":\\\"1\\\"}]\"[{\\\"assessments_enabled\\\":\\\"1\\\"}]\"[{\\\"major\\\":\\\"version\\\":\\\"[{\\\"build\\\":\\\"26\\\",\\\"long_term\\\":\\\"0\\\",\\\"name\\\":\\\"Microsoft Windows 11 Pro\\\",\\\"revision\\\":\\\""
    "[{\\\"open_ports\\\":\\\"0\\\",\\\"switch_on\\\":\\\"0\\\"}]\"[{\\\"pending\\\":\\\"0\\\"}]\"\\\"writers\\\":\\\"1\\\"[{\\\"limit_s\\\":\\\"600\\\",\\\"saver_s\\\":\\\"600\\\",\\\"savers\\\":\\\"1\\\",\\\"savers_lock\\\":\\\"1\\\"}]\""
    "[{\\\"idle_s\\\":\\\"600\\\",\\\"never_idle\\\":\\\"0\\\",\\\"profile_asks\\\":\\\"1\\\",\\\"profile_delay_s\\\":\\\"0\\\",\\\"session_asks\\\":\\\"1\\\"}]\"[{\\\"total\\\":\\\"1\\\",\\\"unencrypted\\\":\\\"0\\\"}]\""
    "[{\\\"active_state\\\":\\\"active\\\",\\\"id\\\":\\\"clamav-daemon.service\\\"}]\"[{\\\"apt_off\\\":\\\"0\\\",\\\"apt_on\\\":\\\"1\\\",\\\"apt_timer\\\":\\\"1\\\",\\\"install_timers\\\":\\\"0\\\"}]\""
    "[{\\\"encrypted\\\":\\\"1\\\",\\\"encryption_status\\\":\\\"encrypted\\\",\\\"path\\\":\\\"/\\\"}]\"[{\\\"accounts\\\":\\\"2\\\",\\\"open_accounts\\\":\\\"0\\\"}]\"[{\\\"automatic\\\":\\\"0\\\"}]\"\"[]\",\"osquery\",\""
    "\"],[\"fail\",17\",0,17\",0,0,2,\"[\"check:antivirus\",\"[\"check:automatic-login-off\",\"[\"check:automatic-updates\",\"[\"check:browser-updated\",\"[\"check:databases-not-exposed\",\"[\"check:disk-encryption\",\""
    "[\"check:firewall\",\"[\"check:gatekeeper\",\"[\"check:no-empty-passwords\",\"[\"check:os-updates\",\"[\"check:remote-login\",\"[\"check:restart-not-pending\",\"[\"check:screen-lock\",\"[\"check:ssh-keys-encrypted\",\""
    "[\"check:system-integrity-protection\",\"]],\"facts\":[[\"check:"
    "{\"platform\":\"linux\",\"id\":\"d_\",\"name\":\"\",\"model\":\"20\",\"vendor\":\"LENOVO\",\"os_name\":\"Ubuntu\",\"os_version\":\"24.04.4 LTS (Noble Numbat)\",\"agent_version\":\"5."
    "{\"platform\":\"windows\",\"id\":\"d_\",\"name\":\"\",\"model\":\"Latitude \",\"vendor\":\"Dell Inc.\",\"os_name\":\"Microsoft Windows 11 Pro\",\"os_version\":\"10.0.26200\",\"agent_version\":\"5."
    "{\"platform\":\"macos\",\"id\":\"d_\",\"name\":\"\",\"model\":\"MacBookPro18,3\"Mac14,2\",\"vendor\":\"Apple Inc.\",\"os_name\":\"macOS\",\"os_version\":\"15.\",\"agent_version\":\"5.23.1\",\"serial\":\"C02\","
    "\"owner\":\"p_\",\"owner_source\":\"claim\"import\"enroll_secret\",\"owner_since_s\":17,\"group\":\"\",\"enrolled_s\":17,\"first_seen_s\":17,\"node_key\":1,\"seen_s\":17"
    ",\"identifiers\":[[\"serial\",\"\",\"osquery\",17],[\"uuid\",\"\",\"osquery\",17],[\"instance\",\"\",\"osquery\",17],[\"certificate\",\"]],\"results\":[[\"antivirus\",\"pass\",17"
    "],[\"automatic-login-off\",\"pass\",17],[\"automatic-updates\",\"pass\",17],[\"browser-updated\",\"pass\",17],[\"databases-not-exposed\",\"pass\",17],[\"disk-encryption\",\"pass\",17],[\"firewall\",\"pass\",17"
    "],[\"gatekeeper\",\"pass\",17],[\"no-empty-passwords\",\"pass\",17],[\"os-updates\",\"pass\",17],[\"remote-login\",\"pass\",17],[\"restart-not-pending\",\"pass\",17],[\"screen-lock\",\"pass\",17"
    "],[\"ssh-keys-encrypted\",\"pass\",17],[\"system-integrity-protection\",\"pass\",17],[\"";
static const Bytef *dictionary_at(void) { return (const Bytef *)dictionary; }

void redis_body_done(struct redis_body *b)
{
    if (b->deflate != NULL)
        deflateEnd(b->deflate);
    if (b->inflate != NULL)
        inflateEnd(b->inflate);
    free(b->deflate);
    free(b->inflate);
    buf_done(&b->out);
    b->deflate = b->inflate = NULL;
}

static bool make_deflate(struct redis_body *b, int strategy)
{
    z_stream *z = b->deflate != NULL ? b->deflate : calloc(1, sizeof *z);
    if (z == NULL)
        return false;
    int made = b->deflate != NULL ? deflateReset(z) : deflateInit2(z, LEVEL, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, strategy);
    if (made == Z_OK)
        b->deflate = z;
    else if (b->deflate == NULL)
        free(z);
    return made == Z_OK && deflateParams(z, LEVEL, strategy) == Z_OK && deflateSetDictionary(z, dictionary_at(), sizeof dictionary - 1) == Z_OK;
}

static bool make_inflate(struct redis_body *b)
{
    z_stream *z = b->inflate != NULL ? b->inflate : calloc(1, sizeof *z);
    if (z == NULL)
        return false;
    int made = b->inflate != NULL ? inflateReset(z) : inflateInit2(z, WINDOW_BITS);
    if (made == Z_OK)
        b->inflate = z;
    else if (b->inflate == NULL)
        free(z);
    return made == Z_OK && inflateSetDictionary(z, dictionary_at(), sizeof dictionary - 1) == Z_OK;
}

/* Room for `bytes`, and what is there forgotten. */
static char *room_for(struct redis_body *b, size_t bytes)
{
    enum { HEADS_BYTES = 64 * 1024 };
    if (b->out.limit_bytes == 0)
        buf_init(&b->out, 2 * (size_t)DEVICE_BODY_BYTES + HEADS_BYTES);
    buf_clear(&b->out);
    return buf_reserve(&b->out, bytes) ? b->out.at : NULL;
}

/* ---- packing ---- */

/* Behind the list or object that begins at `at`; 0: it has no end. */
static size_t list_end(struct span s, size_t at)
{
    bool in_text = false;
    for (size_t depth = 0; at < s.bytes; at++) {
        char c = s.at[at];
        if (in_text) {
            at += c == '\\';
            in_text = c != '"';
            continue;
        }
        in_text = c == '"';
        depth += c == '[' || c == '{';
        if ((c == ']' || c == '}') && --depth == 0)
            return at + 1;
    }
    return 0;
}

/* The comma before the facts; 0: there are none, or something follows. Quotes within texts have a backslash before them, so what is found is a member. */
static size_t find_facts(struct span body)
{
    size_t at = span_search(body, SPAN_LITERAL(FACTS)), end = at < body.bytes ? list_end(body, at + sizeof FACTS - 2) : 0;
    bool last = end > 0 && end + 1 == body.bytes && body.at[end] == '}';
    return last && at > MARK_BYTES && body.bytes + MARK_BYTES <= DEVICE_BODY_BYTES ? at : 0;
}

static bool deflate_piece(z_stream *z, const void *at, size_t bytes, int flush)
{
    z->next_in = (Bytef *)(uintptr_t)at;
    z->avail_in = (uInt)bytes;
    int done = deflate(z, flush);
    return flush == Z_FINISH ? done == Z_STREAM_END : done == Z_OK && z->avail_in == 0;
}

enum err_code redis_body_pack(struct redis_body *b, enum record_kind kind, struct span body, struct span *out, struct err *err)
{
    *out = body;
    if (kind == RECORD_CONTROL || body.bytes < SHORT_BYTES || body.at[0] != '{')
        return OK;
    char head[HEAD_BYTES], start[MARK_BYTES + 1] = "{";
    size_t facts_at = kind == RECORD_DEVICE ? find_facts(body) : 0, start_bytes = 1;
    if (facts_at > 0)
        start_bytes = (size_t)snprintf(start, sizeof start, "{" MARK "%zu,", facts_at);
    int head_bytes = snprintf(head, sizeof head, "z1%zu\n", start_bytes + body.bytes - 1);
    if (!make_deflate(b, body.bytes < FIXED_BYTES ? Z_FIXED : Z_DEFAULT_STRATEGY))
        return err_set(err, ERR_MEMORY, "deflating a record");
    z_stream *z = b->deflate;
    size_t most = (size_t)head_bytes + deflateBound(z, start_bytes + body.bytes);
    char *at = room_for(b, most);
    if (at == NULL)
        return err_set(err, ERR_MEMORY, "deflating a record of %zu bytes", body.bytes);
    memcpy(at, head, (size_t)head_bytes);
    z->next_out = (Bytef *)at + head_bytes;
    z->avail_out = (uInt)(most - (size_t)head_bytes);
    if (!deflate_piece(z, start, start_bytes, Z_NO_FLUSH) || !deflate_piece(z, body.at + 1, body.bytes - 1, Z_FINISH))
        return err_set(err, ERR_INTERNAL, "deflating a record of %zu bytes", body.bytes);
    size_t bytes = most - z->avail_out;
    if (bytes < body.bytes)
        *out = span_make(at, bytes);
    return OK;
}

/* ---- unpacking ---- */

static enum err_code refuse(struct err *err) { return err_set(err, ERR_INTERNAL, "the store holds a record in a form that is not known here: a newer version of postern wrote it, or it is broken"); }

/* Of a packed body what is deflated, and how long its JSON is. */
static bool read_head(struct span stored, struct span *deflated, size_t *bytes)
{
    uint64_t number = 0;
    size_t line = span_find(span_slice(stored, 0, HEAD_BYTES), '\n');
    if (!span_starts(stored, SPAN_LITERAL("z1")) || line >= HEAD_BYTES || line >= stored.bytes || !span_to_u64(span_slice(stored, 2, line - 2), &number) || number > DEVICE_BODY_BYTES)
        return false;
    *deflated = span_slice(stored, line + 1, stored.bytes);
    *bytes = (size_t)number;
    return true;
}

/* The mark in front of a body: how long it is, and where the facts begin in the body without it. False: there is none. */
static bool read_mark(struct span start, size_t *mark_bytes, uint64_t *facts_at)
{
    size_t comma = span_find(start, ',');
    *mark_bytes = comma; /* the body's own brace takes the place of the comma */
    return span_starts(start, SPAN_LITERAL("{" MARK)) && comma < start.bytes && span_to_u64(span_slice(start, sizeof MARK, comma - sizeof MARK), facts_at);
}

/* What was inflated so far, the mark taken off. */
static struct span without_mark(char *at, size_t bytes)
{
    size_t mark_bytes;
    uint64_t facts_at;
    if (!read_mark(span_make(at, bytes < MARK_BYTES ? bytes : MARK_BYTES), &mark_bytes, &facts_at))
        return span_make(at, bytes);
    at[mark_bytes] = '{';
    return span_make(at + mark_bytes, bytes - mark_bytes);
}

/* Goes on until `upto` bytes are there. */
static bool inflate_upto(z_stream *z, size_t upto)
{
    z->avail_out = (uInt)(upto - z->total_out);
    int done = inflate(z, Z_SYNC_FLUSH);
    return (done == Z_OK || done == Z_STREAM_END) && z->avail_out == 0;
}

/* To the end, which must be at `bytes`: one more is asked for, so that a longer one is seen. */
static bool inflate_rest(z_stream *z, size_t bytes)
{
    z->avail_out = (uInt)(bytes + 1 - z->total_out);
    return inflate(z, Z_FINISH) == Z_STREAM_END && z->avail_out == 1 && z->avail_in == 0;
}

/* A body whose facts are last is inflated as far as those, and closed. */
static enum err_code unpack_standing(z_stream *z, char *at, size_t bytes, struct span *out, struct err *err)
{
    size_t mark_bytes;
    uint64_t facts_at;
    if (bytes <= MARK_BYTES || !inflate_upto(z, MARK_BYTES))
        return refuse(err);
    if (!read_mark(span_make(at, MARK_BYTES), &mark_bytes, &facts_at)) {
        *out = span_make(at, bytes);
        return inflate_rest(z, bytes) ? OK : refuse(err);
    }
    if (facts_at >= bytes || facts_at + mark_bytes <= MARK_BYTES || facts_at + mark_bytes >= bytes || !inflate_upto(z, (size_t)facts_at + mark_bytes))
        return refuse(err);
    at[facts_at + mark_bytes] = '}';
    *out = without_mark(at, (size_t)facts_at + mark_bytes + 1);
    return OK;
}

static enum err_code unpack(struct redis_body *b, struct span stored, bool whole, struct span *out, struct err *err)
{
    struct span deflated;
    size_t bytes;
    *out = stored;
    if (stored.bytes == 0 || stored.at[0] != 'z')
        return OK;
    if (!read_head(stored, &deflated, &bytes))
        return refuse(err);
    char *at = make_inflate(b) ? room_for(b, bytes + 1) : NULL;
    if (at == NULL)
        return err_set(err, ERR_MEMORY, "inflating a record of %zu bytes", bytes);
    z_stream *z = b->inflate;
    z->next_in = (Bytef *)(uintptr_t)deflated.at;
    z->avail_in = (uInt)deflated.bytes;
    z->next_out = (Bytef *)at;
    if (!whole && bytes >= FIXED_BYTES)
        return unpack_standing(z, at, bytes, out, err);
    if (!inflate_rest(z, bytes))
        return refuse(err);
    *out = without_mark(at, bytes);
    return OK;
}

enum err_code redis_body_unpack(struct redis_body *b, struct span stored, struct span *out, struct err *err) { return unpack(b, stored, true, out, err); }
enum err_code redis_body_unpack_standing(struct redis_body *b, struct span stored, struct span *out, struct err *err) { return unpack(b, stored, false, out, err); }
