#include "connectors/store/redis_body.h"

#include "posture/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { LEVEL = 6, WINDOW_BITS = -15 /* raw: a checksum is the store's business */, MEMORY_LEVEL = 9, SHORT_BYTES = 128, HEAD_BYTES = 16 };

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

static bool make_deflate(struct redis_body *b)
{
    z_stream *z = b->deflate != NULL ? b->deflate : calloc(1, sizeof *z);
    if (z == NULL)
        return false;
    int made = b->deflate != NULL ? deflateReset(z) : deflateInit2(z, LEVEL, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
    if (made == Z_OK)
        b->deflate = z;
    else if (b->deflate == NULL)
        free(z);
    return made == Z_OK && deflateSetDictionary(z, dictionary_at(), sizeof dictionary - 1) == Z_OK;
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

enum err_code redis_body_pack(struct redis_body *b, enum record_kind kind, struct span body, struct span *out, struct err *err)
{
    *out = body;
    if (kind == RECORD_CONTROL || body.bytes < SHORT_BYTES || body.at[0] != '{')
        return OK;
    char head[HEAD_BYTES];
    int head_bytes = snprintf(head, sizeof head, "z1%zu\n", body.bytes);
    if (!make_deflate(b))
        return err_set(err, ERR_MEMORY, "deflating a record");
    z_stream *z = b->deflate;
    size_t most = (size_t)head_bytes + deflateBound(z, body.bytes);
    char *at = room_for(b, most);
    if (at == NULL)
        return err_set(err, ERR_MEMORY, "deflating a record of %zu bytes", body.bytes);
    memcpy(at, head, (size_t)head_bytes);
    z->next_in = (Bytef *)(uintptr_t)body.at;
    z->avail_in = (uInt)body.bytes;
    z->next_out = (Bytef *)at + head_bytes;
    z->avail_out = (uInt)(most - (size_t)head_bytes);
    if (deflate(z, Z_FINISH) != Z_STREAM_END)
        return err_set(err, ERR_INTERNAL, "deflating a record of %zu bytes", body.bytes);
    size_t bytes = most - z->avail_out;
    if (bytes < body.bytes)
        *out = span_make(at, bytes);
    return OK;
}

static enum err_code refuse(struct err *err) { return err_set(err, ERR_INTERNAL, "the store holds a record in a form that is not known here: a newer version of postern wrote it, or it is broken"); }

enum err_code redis_body_unpack(struct redis_body *b, struct span stored, struct span *out, struct err *err)
{
    uint64_t bytes = 0;
    if (stored.bytes == 0 || stored.at[0] != 'z') {
        *out = stored;
        return OK;
    }
    size_t line = span_find(span_slice(stored, 0, HEAD_BYTES), '\n');
    if (!span_starts(stored, SPAN_LITERAL("z1")) || line >= HEAD_BYTES || line >= stored.bytes || !span_to_u64(span_slice(stored, 2, line - 2), &bytes) || bytes > DEVICE_BODY_BYTES)
        return refuse(err);
    char *at = make_inflate(b) ? room_for(b, (size_t)bytes + 1) : NULL;
    if (at == NULL)
        return err_set(err, ERR_MEMORY, "inflating a record of %llu bytes", (unsigned long long)bytes);
    z_stream *z = b->inflate;
    z->next_in = (Bytef *)(uintptr_t)(stored.at + line + 1);
    z->avail_in = (uInt)(stored.bytes - line - 1);
    z->next_out = (Bytef *)at;
    z->avail_out = (uInt)bytes + 1; /* one over: a longer one is seen */
    if (inflate(z, Z_FINISH) != Z_STREAM_END || z->avail_out != 1 || z->avail_in != 0)
        return refuse(err);
    *out = span_make(at, (size_t)bytes);
    return OK;
}
