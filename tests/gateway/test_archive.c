/* The archive end to end on one machine: a log, the reader that writes it to disk, crashes in between, the check that finds every change. */
#include "gateway/archive_keys.h"
#include "gateway/archive_verify.h"
#include "gateway/effects_archive.h"
#include "gateway/erasure.h"
#include "gateway/signing_ring.h"
#include "gateway/valves.h"

#include "posture/base/file.h"
#include "tests/support/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANA "p_aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DOVER "d_aaaaaaaaaaaaaaaaaaaaaaaaaa"
enum { DAY_S = 86400, FILE_MOST = 8 * 1024 * 1024 };

static const char policy[] =
    "policy: acme\n"
    "sensitivities: [everyday, sensitive]\n"
    "apps: [{ id: payroll, title: Payroll, sensitivity: sensitive }]\n"
    "checks: [{ use: library/firewall, severity: high }, { use: library/screen-lock, severity: high }]\n"
    "ladders:\n"
    "  - id: default\n"
    "    applies_to: { severity: [minor, normal, high, urgent], groups: [everyone] }\n"
    "    rungs: [{ id: notice, after: 0s, nudge: true }, { id: closed, after: 7d, close: [sensitive] }]\n"
    "    notices_before_close: 1\n"
    "    rise: { notice_before: 0s, working_hours: false, per_day: 0 }\n"
    "visible_after: { reads: 1, apart: 0s }\n"
    "grace: { new_device: 0s, after_absence: 0s }\n"
    "breaker: off\n";

struct world { struct story story; char folder[128]; struct archive_options archive; struct effects_options options; struct jose_keys *keys; };

static void start_archive(struct world *w, int64_t retention_s, bool pack)
{
    struct err err;
    CLEANUP(buf_done) struct buf jwks;
    memset(w, 0, sizeof *w);
    buf_init(&jwks, 64 * 1024);
    snprintf(w->folder, sizeof w->folder, "/tmp/postern-archive-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    story_start(&w->story, policy);
    story_signing_keys(&w->story);
    w->archive = (struct archive_options){ .folder = span_of(w->folder), .retention_s = retention_s, .pack = pack };
    w->options = (struct effects_options){ .archive = &w->archive };
    story_effects(&w->story, &w->options);
    assert_int_equal(signing_archive_jwks(&w->story.node, &jwks, &err), OK);
    assert_int_equal(jose_keys_read(buf_span(&jwks), &w->keys, &err), OK);
}

static void start_people(struct world *w)
{
    story_person(&w->story, ANA, NULL, "ana@acme.example");
    story_device(&w->story, DOVER, ANA);
    story_result(&w->story, DOVER, "firewall", VERDICT_PASS);
    story_settle(&w->story);
}

static void end(struct world *w)
{
    char command[256];
    story_end(&w->story);
    jose_keys_free(w->keys);
    snprintf(command, sizeof command, "rm -rf %s", w->folder);
    assert_int_equal(system(command), 0);
}

/* A day passes: the clock jumps, everybody works. */
static void next_day(struct world *w)
{
    w->story.now_ms += DAY_S * INT64_C(1000);
    story_settle(&w->story);
    w->story.now_ms += 2000;
    story_settle(&w->story);
}

/* ---- looking ---- */

struct seen { struct archive_broken broken; uint64_t records, lines, segments, left_over, unsigned_records, signatures; size_t chains; bool anchored; struct buf text; };

static void note_chain(void *context, const struct archive_checked *c)
{
    struct seen *s = context;
    s->chains++;
    s->records += c->records;
    s->lines += c->lines;
    s->segments += c->segments;
    s->left_over += c->left_over;
    s->unsigned_records += c->unsigned_records;
    s->signatures += c->signatures;
    s->anchored = s->anchored || c->anchored;
    if (c->broken.fault != ARCHIVE_FINE && s->broken.fault == ARCHIVE_FINE)
        s->broken = c->broken;
}

static bool note_line(void *context, const char *chain, const struct archive_line *line, struct span text)
{
    struct seen *s = context;
    (void)chain;
    (void)line;
    return buf_append(&s->text, text) && buf_append_byte(&s->text, '\n');
}

static bool verify_folders(struct world *w, struct seen *s, const char *const *folders, size_t count, struct span heads)
{
    bool whole = false;
    struct err err;
    *s = (struct seen){ .chains = 0 };
    buf_init(&s->text, FILE_MOST);
    struct archive_check check = { .folders = folders, .folder_count = count, .keys = w->keys, .heads = heads, .line = note_line, .chain = note_chain, .context = s };
    assert_int_equal(archive_verify(&check, &whole, &err), OK);
    return whole;
}

static bool verify_with(struct world *w, struct seen *s, struct span heads)
{
    const char *const folders[] = { w->folder };
    return verify_folders(w, s, folders, 1, heads);
}
static bool verify(struct world *w, struct seen *s) { return verify_with(w, s, SPAN_NONE); }

static size_t count_in(struct span text, const char *what)
{
    size_t count = 0;
    for (struct span rest = text; !span_empty(rest);) {
        size_t at = span_search(rest, span_of(what));
        if (at == rest.bytes)
            break;
        count++;
        rest = span_slice(rest, at + 1, rest.bytes);
    }
    return count;
}

static void assert_whole(struct world *w, struct seen *s)
{
    bool whole = verify(w, s);
    if (!whole)
        print_message("%s %s:%llu %s: %s\n", archive_fault_name(s->broken.fault), s->broken.path, (unsigned long long)s->broken.line, s->broken.id, s->broken.why);
    assert_true(whole);
}

/* The chain of the device's partition. */
static void chain_of(struct world *w, enum record_kind kind, const char *id, char name[ARCHIVE_NAME_BYTES])
{
    archive_chain_name(w->story.store->ops->partition_of(w->story.store, kind, span_of(id)), STORY_PARTITIONS, name);
}

static void segment_path(struct world *w, const char *chain, size_t index, char path[ARCHIVE_PATH_BYTES])
{
    struct archive_segments s = { .all = NULL };
    struct err err;
    assert_int_equal(archive_folder_list(w->folder, chain, &s, &err), OK);
    assert_true(index < s.count);
    assert_true(archive_segment_path(&s.all[index], chain, path));
    archive_segments_done(&s);
}

/* ---- writing ---- */

static void what_happened_is_in_the_archive(void **state)
{
    struct world w;
    struct seen s;
    (void)state;
    start_archive(&w, 0, false);
    start_people(&w);
    assert_whole(&w, &s);
    assert_int_equal(s.chains, STORY_PARTITIONS + 1);
    assert_int_equal(count_in(buf_span(&s.text), "\"type\":\"result.changed\""), 1);
    assert_int_equal(count_in(buf_span(&s.text), "\"type\":\"policy.applied\""), 1);
    assert_int_equal(count_in(buf_span(&s.text), "\"policy_text\":"), 1);
    assert_true(s.unsigned_records > 0);
    buf_done(&s.text);
    next_day(&w);
    assert_whole(&w, &s);
    assert_int_equal(s.unsigned_records, 0);
    assert_int_equal(s.signatures, STORY_PARTITIONS + 1);
    assert_int_equal(s.segments, 2 * (STORY_PARTITIONS + 1));
    buf_done(&s.text);
    end(&w);
}

static void nothing_in_it_tells_who_somebody_is(void **state)
{
    static const char *const never[] = { ANA, DOVER, "ana@acme.example", "Ana", "dover" };
    struct world w;
    struct seen s;
    (void)state;
    start_archive(&w, 0, false);
    start_people(&w);
    assert_whole(&w, &s);
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        print_message("%s\n", never[i]);
        assert_int_equal(count_in(buf_span(&s.text), never[i]), 0);
    }
    assert_true(count_in(buf_span(&s.text), "\"person\":\"P-") >= 2);
    buf_done(&s.text);
    end(&w);
}

struct enroll_secrets_made { const struct node *node; const struct enroll_secret *all; size_t count; };

static enum change_say make_secrets(void *context, struct span before, struct buf *after, struct change_events *events, struct err *err)
{
    const struct enroll_secrets_made *m = context;
    struct to_json w;
    (void)before;
    (void)err;
    to_json_init(&w, after);
    control_enroll_secrets_to_json(m->all, m->count, &w);
    assert_true(change_event(events, m->node, "key.enroll_secret_created", SPAN_NONE, SPAN_NONE, SPAN_LITERAL("test"), SPAN_NONE));
    return CHANGE_COMMIT;
}

static void an_erased_person_cannot_be_found_in_it_and_it_stays_whole(void **state)
{
    struct world w;
    struct seen s;
    struct erasure done;
    struct archive_key key, none;
    struct err err;
    char name[ARCHIVE_KEY_NAME_BYTES + 1] = { 0 }, gone[ARCHIVE_KEY_NAME_BYTES + 32];
    CLEANUP(buf_done) struct buf plain, sealed;
    (void)state;
    buf_init(&plain, FILE_MOST);
    buf_init(&sealed, FILE_MOST);
    start_archive(&w, 0, false);
    start_people(&w);
    const struct exemption_request ask = { .scope = EXEMPT_DEVICE, .subject = SPAN_LITERAL(DOVER), .check = SPAN_LITERAL("firewall"), .reason = SPAN_LITERAL("I am in the lab"), .by = SPAN_LITERAL("person:" ANA) };
    struct valve_result asked;
    assert_int_equal(valve_exemption_ask(&w.story.node, w.story.store, &ask, &asked, &err), OK);
    const struct enroll_secret secrets[] = { { .id = SPAN_LITERAL("s1"), .label = SPAN_LITERAL("Ana's laptop"), .sealed = SPAN_LITERAL("x"), .secret_sha256 = SPAN_LITERAL("1"), .person = SPAN_LITERAL(ANA) },
                                             { .id = SPAN_LITERAL("s2"), .label = SPAN_LITERAL("all"), .sealed = SPAN_LITERAL("x"), .secret_sha256 = SPAN_LITERAL("2") } };
    struct enroll_secrets_made made = { &w.story.node, secrets, 2 };
    assert_int_equal(change_control(&w.story.node, w.story.store, SPAN_LITERAL("enroll_secrets"), make_secrets, &made, &err), OK);
    assert_int_equal(archive_keys_of(&w.story.node, w.story.store, SPAN_LITERAL(ANA), &key, &err), OK);
    assert_int_equal(erasure_of_person(&w.story.node, w.story.store, SPAN_LITERAL(ANA), SPAN_LITERAL("admin:root"), &done, &err), OK);
    assert_int_equal(done.devices, 1);
    story_settle(&w.story);
    directory_enter(w.story.node.directory);
    const struct exemption *kept = exemption_by_id(directory_control(w.story.node.directory)->exemptions, span_of(asked.id));
    assert_true(kept != NULL && span_empty(kept->reason));
    const struct control *control = directory_control(w.story.node.directory);
    assert_int_equal(control->enroll_secret_count, 2);
    assert_true(control->enroll_secrets[0].revoked && span_empty(control->enroll_secrets[0].person) && span_empty(control->enroll_secrets[0].label)); /* a device would be the tombstone's */
    assert_true(!control->enroll_secrets[1].revoked && span_equal_text(control->enroll_secrets[1].label, "all"));
    directory_leave(w.story.node.directory);
    assert_int_equal(archive_keys_of(&w.story.node, w.story.store, SPAN_LITERAL(ANA), &none, &err), ERR_NOT_FOUND);
    struct person *ana = story_stored_person(&w.story, ANA);
    assert_true(ana->removed && ana->email_count == 0 && span_empty(ana->name) && span_empty(ana->archive_salt));
    person_free(ana);
    struct device *dover = story_stored_device(&w.story, DOVER);
    assert_true(span_empty(dover->owner) && span_empty(dover->name));
    device_free(dover);
    assert_whole(&w, &s);
    assert_int_equal(count_in(buf_span(&s.text), "\"type\":\"person.erased\""), 1);
    archive_key_device(&key, SPAN_LITERAL(DOVER), name);
    snprintf(gone, sizeof gone, "\"gone\":[\"%s\"]", name);
    assert_int_equal(count_in(buf_span(&s.text), gone), 1); /* reports know that the name ended, and not whose it was */
    assert_int_equal(count_in(buf_span(&s.text), DOVER), 0);
    assert_int_equal(count_in(buf_span(&s.text), ANA), 0);
    buf_done(&s.text);
    assert_int_equal(erasure_of_person(&w.story.node, w.story.store, SPAN_LITERAL(ANA), SPAN_LITERAL("admin:root"), &done, &err), OK);
    assert_true(done.already);
    story_result(&w.story, DOVER, "firewall", VERDICT_FAIL); /* it goes on as nobody's */
    next_day(&w);
    assert_whole(&w, &s);
    buf_done(&s.text);
    end(&w);
}

/* ---- crashes ---- */

static void a_crash_loses_and_doubles_nothing(void **state)
{
    struct world w;
    struct seen s;
    (void)state;
    start_archive(&w, 0, false);
    start_people(&w);
    for (int calls = 0; calls < 60; calls++) { /* the store dies after that many calls, then the process too */
        w.story.now_ms += 3000;
        story_result(&w.story, DOVER, calls % 2 == 0 ? "screen-lock" : "firewall", calls / 2 % 2 == 0 ? VERDICT_PASS : VERDICT_UNKNOWN);
        fake_store_fail_after(w.story.server, ERR_TIMEOUT, calls);
        effects_round(w.story.effects);
        fake_store_fail(w.story.server, OK, 0);
        story_restart_effects(&w.story, &w.options);
        story_settle(&w.story);
    }
    assert_whole(&w, &s);
    assert_int_equal(count_in(buf_span(&s.text), "\"type\":\"result.changed\""), story_events(&w.story, "result.changed"));
    assert_int_equal(s.left_over, 0);
    assert_int_equal(s.segments, STORY_PARTITIONS + 1);
    buf_done(&s.text);
    end(&w);
}

static void a_torn_line_is_cut_off_at_the_start(void **state)
{
    struct world w;
    struct seen s;
    char chain[ARCHIVE_NAME_BYTES], path[ARCHIVE_PATH_BYTES];
    (void)state;
    start_archive(&w, 0, false);
    start_people(&w);
    chain_of(&w, RECORD_DEVICE, DOVER, chain);
    segment_path(&w, chain, 0, path);
    effects_free(w.story.effects);
    w.story.effects = NULL;
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    fputs("{\"seq\":4,\"prev\":\"00", f);
    fclose(f);
    assert_false(verify(&w, &s));
    assert_int_equal(s.broken.fault, ARCHIVE_TRUNCATED);
    buf_done(&s.text);
    w.story.now_ms += EFFECTS_LEASE_MS + 1;
    story_effects(&w.story, &w.options);
    story_settle(&w.story);
    assert_whole(&w, &s);
    buf_done(&s.text);
    end(&w);
}

/* Another node without this disk goes on: its first line says, signed, where the segment before ended. */
static void another_disk_goes_on_in_a_new_segment(void **state)
{
    struct world w;
    struct seen s;
    char other[160], first[128];
    (void)state;
    start_archive(&w, 0, false);
    start_people(&w);
    snprintf(first, sizeof first, "%s", w.folder);
    snprintf(other, sizeof other, "%s/b", w.folder);
    w.archive.folder = span_of(other);
    story_restart_effects(&w.story, &w.options);
    story_result(&w.story, DOVER, "screen-lock", VERDICT_PASS);
    story_settle(&w.story);
    const char *folders[] = { first, other };
    assert_true(verify_folders(&w, &s, folders, 2, SPAN_NONE));
    assert_int_equal(count_in(buf_span(&s.text), "\"type\":\"result.changed\""), 2);
    assert_int_equal(s.segments, 2 * (STORY_PARTITIONS + 1));
    buf_done(&s.text);
    assert_false(verify_folders(&w, &s, folders + 1, 1, SPAN_NONE)); /* one disk of two is not the whole */
    buf_done(&s.text);
    end(&w);
}

/* Another node takes over, begins a segment, and dies at any moment before or after that is confirmed; then the first one goes on. */
static void what_a_dead_node_left_on_its_disk_hides_nothing(void **state)
{
    struct world w;
    struct seen s;
    char other[160], first[128];
    (void)state;
    start_archive(&w, 0, false);
    start_people(&w);
    snprintf(first, sizeof first, "%s", w.folder);
    snprintf(other, sizeof other, "%s/b", w.folder);
    assert_int_equal(mkdir(other, 0700), 0);
    const char *folders[] = { first, other };
    uint64_t left_over = 0;
    for (int calls = 0; calls < 40; calls++) {
        w.archive.folder = span_of(other);
        story_restart_effects(&w.story, &w.options);
        story_result(&w.story, DOVER, "screen-lock", calls % 2 == 0 ? VERDICT_PASS : VERDICT_UNKNOWN);
        fake_store_fail_after(w.story.server, ERR_TIMEOUT, calls);
        effects_round(w.story.effects);
        fake_store_fail(w.story.server, OK, 0);
        w.archive.folder = span_of(first);
        story_restart_effects(&w.story, &w.options);
        story_settle(&w.story);
        for (int more = 0; more < 2; more++) {
            w.story.now_ms += 3000;
            story_result(&w.story, DOVER, "firewall", more == 0 ? VERDICT_UNKNOWN : VERDICT_PASS);
            story_settle(&w.story);
            assert_true(verify_folders(&w, &s, folders, 2, SPAN_NONE));
            assert_int_equal(count_in(buf_span(&s.text), "\"type\":\"result.changed\""), story_events(&w.story, "result.changed"));
            left_over += s.left_over;
            buf_done(&s.text);
        }
    }
    assert_true(left_over > 0);
    end(&w);
}

/* ---- tampering ---- */

static void read_all(const char *path, struct buf *text)
{
    struct err err;
    buf_init(text, FILE_MOST);
    assert_int_equal(file_read(path, FILE_MOST, text, &err), OK);
}
static void write_all(const char *path, struct span text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text.at, 1, text.bytes, f), text.bytes);
    fclose(f);
}

enum { LINES_MOST = 64 };
struct lines { struct buf text; struct span all[LINES_MOST]; size_t count; };
static void split(const char *path, struct lines *l)
{
    read_all(path, &l->text);
    l->count = 0;
    struct span rest = buf_span(&l->text), line;
    while (span_cut(&rest, '\n', &line) && !span_empty(line))
        l->all[l->count++] = line;
}
static void join(const char *path, const struct lines *l)
{
    struct buf out;
    buf_init(&out, FILE_MOST);
    for (size_t i = 0; i < l->count; i++) {
        buf_append(&out, l->all[i]);
        buf_append_byte(&out, '\n');
    }
    write_all(path, buf_span(&out));
    buf_done(&out);
}

/* The line with a word changed; with `rehash` its own hash is made anew. */
static struct span edited(struct span line, bool rehash, struct buf *keep)
{
    size_t at = span_search(line, SPAN_LITERAL("\"type\":\"result.changed\""));
    assert_true(at < line.bytes);
    buf_init(keep, FILE_MOST);
    buf_append(keep, line);
    keep->at[at + 8] = 'R';
    size_t tail = line.bytes - (ARCHIVE_HASH_BYTES + 2);
    char hash[SECRET_HEX_BYTES + 1];
    secret_sha256_hex(span_slice(buf_span(keep), 0, tail - strlen(",\"hash\":\"")), hash);
    if (rehash)
        memcpy(keep->at + tail, hash, ARCHIVE_HASH_BYTES);
    return buf_span(keep);
}

enum tampering { CHANGE_WORD, CHANGE_AND_REHASH, DELETE_LINE, SWAP_LINES, REPEAT_LINE, CUT_FILE, DROP_CLOSE, FORGE_SIGNATURE, SPOIL_LINE, DROP_SEGMENT, DROP_FIRST_SEGMENT, DROP_LAST_SEGMENTS, DROP_CHAIN, RENAME_SEGMENT };

static void tamper(struct world *w, const char *chain, enum tampering how)
{
    char path[ARCHIVE_PATH_BYTES], other[ARCHIVE_PATH_BYTES];
    struct lines l;
    struct buf keep = { 0 };
    segment_path(w, chain, how == DROP_FIRST_SEGMENT ? 0 : 1, path);
    split(path, &l);
    assert_int_equal(l.count, 5); /* open, three results, close */
    switch (how) {
    case CHANGE_WORD: l.all[2] = edited(l.all[2], false, &keep); break;
    case CHANGE_AND_REHASH: l.all[2] = edited(l.all[2], true, &keep); break;
    case DELETE_LINE: memmove(&l.all[2], &l.all[3], 2 * sizeof l.all[0]); l.count--; break;
    case SWAP_LINES: l.all[4 + 1] = l.all[2]; l.all[2] = l.all[3]; l.all[3] = l.all[5]; break;
    case REPEAT_LINE: memmove(&l.all[3], &l.all[2], 3 * sizeof l.all[0]); l.count++; break;
    case CUT_FILE: l.count = 3; l.all[2] = span_slice(l.all[2], 0, 40); break;
    case DROP_CLOSE: l.count--; break;
    case FORGE_SIGNATURE: {
        char *dot = memchr(l.all[4].at + span_search(l.all[4], SPAN_LITERAL("\"signature\":")), '.', 400);
        dot[5] = dot[5] == 'A' ? 'B' : 'A';
        struct span line = l.all[4];
        size_t tail = line.bytes - (ARCHIVE_HASH_BYTES + 2);
        char hash[SECRET_HEX_BYTES + 1];
        secret_sha256_hex(span_slice(line, 0, tail - strlen(",\"hash\":\"")), hash);
        memcpy((char *)(uintptr_t)line.at + tail, hash, ARCHIVE_HASH_BYTES);
        break;
    }
    case SPOIL_LINE: l.all[2] = SPAN_LITERAL("hello"); break;
    case DROP_SEGMENT: case DROP_FIRST_SEGMENT: assert_int_equal(unlink(path), 0); buf_done(&l.text); return;
    case DROP_LAST_SEGMENTS:
        for (size_t i = 4; i > 1; i--) {
            segment_path(w, chain, i, path);
            assert_int_equal(unlink(path), 0);
        }
        buf_done(&l.text);
        return;
    case DROP_CHAIN: {
        char command[ARCHIVE_PATH_BYTES];
        snprintf(command, sizeof command, "rm -rf %s/%s", w->folder, chain);
        assert_int_equal(system(command), 0);
        buf_done(&l.text);
        return;
    }
    case RENAME_SEGMENT: {
        struct archive_segments s = { .all = NULL };
        struct err err;
        assert_int_equal(archive_folder_list(w->folder, chain, &s, &err), OK);
        s.all[1].name.number = 9;
        assert_true(archive_segment_path(&s.all[1], chain, other));
        assert_int_equal(rename(path, other), 0);
        archive_segments_done(&s);
        buf_done(&l.text);
        return;
    }
    }
    join(path, &l);
    buf_done(&l.text);
    buf_done(&keep);
}

static void every_change_is_found_and_named(void **state)
{
    static const struct { const char *name; enum tampering how; enum archive_fault fault; uint64_t line; bool id; } rows[] = {
        { "a word changed", CHANGE_WORD, ARCHIVE_CHANGED, 3, true },
        { "a word changed and its hash made anew", CHANGE_AND_REHASH, ARCHIVE_REPLACED, 3, true },
        { "a line taken out", DELETE_LINE, ARCHIVE_MISSING, 3, false },
        { "two lines swapped", SWAP_LINES, ARCHIVE_SWAPPED, 3, true },
        { "a line twice", REPEAT_LINE, ARCHIVE_REPEATED, 4, true },
        { "the file cut in a line", CUT_FILE, ARCHIVE_UNREADABLE, 3, false },
        { "the close line taken off", DROP_CLOSE, ARCHIVE_TRUNCATED, 5, false },
        { "a signature changed", FORGE_SIGNATURE, ARCHIVE_FORGED, 5, false },
        { "a line that is none", SPOIL_LINE, ARCHIVE_UNREADABLE, 3, false },
        { "a segment taken out", DROP_SEGMENT, ARCHIVE_NO_SEGMENT, 0, false },
        { "the first segment taken out", DROP_FIRST_SEGMENT, ARCHIVE_NO_SEGMENT, 0, false },
        { "the last segments taken out", DROP_LAST_SEGMENTS, ARCHIVE_NO_SEGMENT, 0, false },
        { "a chain taken out", DROP_CHAIN, ARCHIVE_NO_SEGMENT, 0, false },
        { "a segment under another number", RENAME_SEGMENT, ARCHIVE_NO_SEGMENT, 0, false },
    };
    (void)state;
    struct world w;
    struct seen s;
    char chain[ARCHIVE_NAME_BYTES], command[512];
    start_archive(&w, 0, false);
    start_people(&w);
    chain_of(&w, RECORD_DEVICE, DOVER, chain);
    next_day(&w);
    for (int i = 0; i < 3; i++)
        story_result(&w.story, DOVER, "screen-lock", i == 1 ? VERDICT_UNKNOWN : VERDICT_PASS);
    story_settle(&w.story);
    for (int i = 0; i < 3; i++)
        next_day(&w);
    assert_whole(&w, &s);
    buf_done(&s.text);
    char whole[100];
    snprintf(whole, sizeof whole, "%.99s", w.folder);
    snprintf(w.folder, sizeof w.folder, "%s-copy", whole);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("%s\n", rows[i].name);
        snprintf(command, sizeof command, "rm -rf %s-copy && cp -r %s %s-copy", whole, whole, whole);
        assert_int_equal(system(command), 0);
        tamper(&w, chain, rows[i].how);
        assert_false(verify(&w, &s));
        print_message("  %s %s:%llu %s: %s\n", archive_fault_name(s.broken.fault), s.broken.path, (unsigned long long)s.broken.line, s.broken.id, s.broken.why);
        assert_string_equal(archive_fault_name(s.broken.fault), archive_fault_name(rows[i].fault));
        assert_string_equal(s.broken.chain, chain);
        assert_int_equal(s.broken.line, rows[i].line);
        assert_int_equal(s.broken.id[0] != '\0', rows[i].id);
        buf_done(&s.text);
    }
    snprintf(command, sizeof command, "rm -rf %s", whole);
    assert_int_equal(system(command), 0);
    end(&w);
}

/* The open line as one of another chain, its hash made anew. */
static void write_open_of(const char *path, const char *chain, const char *other)
{
    char was[40], is[40], hash[SECRET_HEX_BYTES + 1];
    struct lines l;
    struct buf keep;
    split(path, &l);
    snprintf(was, sizeof was, "\"chain\":\"%s\"", chain);
    snprintf(is, sizeof is, "\"chain\":\"%s\"", other);
    size_t at = span_search(l.all[0], span_of(was));
    assert_true(at < l.all[0].bytes && strlen(was) == strlen(is));
    buf_init(&keep, FILE_MOST);
    buf_append(&keep, l.all[0]);
    memcpy(keep.at + at, is, strlen(is));
    size_t tail = keep.bytes - (ARCHIVE_HASH_BYTES + 2);
    secret_sha256_hex(span_slice(buf_span(&keep), 0, tail - strlen(",\"hash\":\"")), hash);
    memcpy(keep.at + tail, hash, ARCHIVE_HASH_BYTES);
    l.all[0] = buf_span(&keep);
    l.count = 1;
    join(path, &l);
    buf_done(&keep);
    buf_done(&l.text);
}

static void a_chain_counts_only_as_itself_and_in_its_place(void **state)
{
    static const struct { const char *name, *to; bool own; enum archive_fault fault; const char *why; } rows[] = {
        { "another's segments beside all", "p09", false, ARCHIVE_SWAPPED, "in the folder of chain p09 and holds chain p0" },
        { "one too many, made by hand", "p09", true, ARCHIVE_UNREADABLE, "chain p09 is none of the 5 that there are" },
    };
    struct world w;
    struct seen s;
    char chain[ARCHIVE_NAME_BYTES], command[512], path[ARCHIVE_PATH_BYTES];
    (void)state;
    start_archive(&w, 0, false);
    start_people(&w);
    chain_of(&w, RECORD_DEVICE, DOVER, chain);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(command, sizeof command, "rm -rf %s/%s && cp -r %s/%s %s/%s", w.folder, rows[i].to, w.folder, chain, w.folder, rows[i].to);
        assert_int_equal(system(command), 0);
        segment_path(&w, rows[i].to, 0, path);
        if (rows[i].own)
            write_open_of(path, chain, rows[i].to);
        assert_false(verify(&w, &s));
        if (s.broken.fault != rows[i].fault || strcmp(s.broken.chain, rows[i].to) != 0 || strstr(s.broken.why, rows[i].why) == NULL)
            fail_msg("%s: %s of %s: %s", rows[i].name, archive_fault_name(s.broken.fault), s.broken.chain, s.broken.why);
        buf_done(&s.text);
    }
    end(&w);
}

/* ---- retention, keys ---- */

static void old_segments_go_and_the_chain_stays_whole(void **state)
{
    struct world w;
    struct seen s;
    char chain[ARCHIVE_NAME_BYTES], path[ARCHIVE_PATH_BYTES];
    (void)state;
    start_archive(&w, 7 * DAY_S, true);
    start_people(&w);
    for (int day = 0; day < 12; day++) {
        story_result(&w.story, DOVER, "screen-lock", day % 2 == 0 ? VERDICT_UNKNOWN : VERDICT_PASS);
        next_day(&w);
    }
    assert_whole(&w, &s);
    assert_true(s.anchored);
    assert_int_equal(s.segments, 9 * (STORY_PARTITIONS + 1));
    buf_done(&s.text);
    chain_of(&w, RECORD_DEVICE, DOVER, chain);
    segment_path(&w, chain, 0, path);
    assert_true(span_ends(span_of(path), SPAN_LITERAL(".jsonl.gz")));
    assert_int_equal(unlink(path), 0);
    assert_false(verify(&w, &s)); /* the anchor says where the chain begins */
    assert_int_equal(s.broken.fault, ARCHIVE_FORGED);
    buf_done(&s.text);
    end(&w);
}

static void a_head_shows_that_the_end_was_cut_off(void **state)
{
    struct world w;
    struct seen s;
    struct archive_head head;
    struct err err;
    struct lines l;
    char chain[ARCHIVE_NAME_BYTES], path[ARCHIVE_PATH_BYTES];
    CLEANUP(buf_done) struct buf jws;
    (void)state;
    buf_init(&jws, 64 * 1024);
    start_archive(&w, 0, false);
    start_people(&w);
    chain_of(&w, RECORD_DEVICE, DOVER, chain);
    unsigned partition = w.story.store->ops->partition_of(w.story.store, RECORD_DEVICE, SPAN_LITERAL(DOVER));
    assert_int_equal(archive_head_load(w.story.store, partition, &head, &err), OK);
    const struct archive_statement statement = { .chain = span_of(chain), .at = head.at, .segment = head.segment };
    assert_int_equal(archive_head_sign(&w.story.node, &statement, &jws, &err), OK);
    assert_true(verify_with(&w, &s, buf_span(&jws)));
    buf_done(&s.text);
    segment_path(&w, chain, 0, path);
    split(path, &l);
    l.count--;
    join(path, &l);
    buf_done(&l.text);
    assert_whole(&w, &s); /* nothing in the folder tells */
    buf_done(&s.text);
    assert_false(verify_with(&w, &s, buf_span(&jws)));
    assert_int_equal(s.broken.fault, ARCHIVE_TRUNCATED);
    buf_done(&s.text);
    end(&w);
}

static void a_key_that_nobody_gave_signs_nothing(void **state)
{
    struct world w;
    struct seen s;
    struct err err;
    (void)state;
    start_archive(&w, 0, false);
    start_people(&w);
    next_day(&w);
    jose_keys_free(w.keys);
    assert_int_equal(jose_keys_read(SPAN_LITERAL("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"), &w.keys, &err), OK);
    assert_false(verify(&w, &s));
    assert_int_equal(s.broken.fault, ARCHIVE_FORGED);
    buf_done(&s.text);
    end(&w);
}

static void the_log_is_trimmed_only_behind_the_archive(void **state)
{
    struct world w;
    struct seen s;
    struct err err;
    (void)state;
    start_archive(&w, 0, false);
    start_people(&w);
    story_restart_effects(&w.story, &w.options);
    chmod(w.folder, 0500);
    bool may_write = geteuid() == 0; /* root writes everywhere: then the folder is taken away instead */
    char away[160];
    snprintf(away, sizeof away, "%s-away", w.folder);
    if (may_write) {
        assert_int_equal(rename(w.folder, away), 0);
        write_all(w.folder, SPAN_LITERAL("no folder"));
    }
    story_result(&w.story, DOVER, "screen-lock", VERDICT_PASS);
    story_settle(&w.story);
    w.story.now_ms += 30 * DAY_S * INT64_C(1000);
    assert_int_equal(w.story.store->ops->trim(w.story.store, w.story.now_ms, DAY_S * INT64_C(1000), &err), OK);
    if (may_write) {
        assert_int_equal(unlink(w.folder), 0);
        assert_int_equal(rename(away, w.folder), 0);
    }
    chmod(w.folder, 0700);
    for (int i = 0; i < 3; i++) {
        w.story.now_ms += 6000;
        story_settle(&w.story);
    }
    assert_whole(&w, &s);
    assert_int_equal(count_in(buf_span(&s.text), "\"type\":\"result.changed\""), 2);
    buf_done(&s.text);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_happened_is_in_the_archive),
        cmocka_unit_test(nothing_in_it_tells_who_somebody_is),
        cmocka_unit_test(an_erased_person_cannot_be_found_in_it_and_it_stays_whole),
        cmocka_unit_test(a_crash_loses_and_doubles_nothing),
        cmocka_unit_test(a_torn_line_is_cut_off_at_the_start),
        cmocka_unit_test(another_disk_goes_on_in_a_new_segment), cmocka_unit_test(what_a_dead_node_left_on_its_disk_hides_nothing),
        cmocka_unit_test(every_change_is_found_and_named),
        cmocka_unit_test(a_chain_counts_only_as_itself_and_in_its_place),
        cmocka_unit_test(old_segments_go_and_the_chain_stays_whole),
        cmocka_unit_test(a_head_shows_that_the_end_was_cut_off),
        cmocka_unit_test(a_key_that_nobody_gave_signs_nothing),
        cmocka_unit_test(the_log_is_trimmed_only_behind_the_archive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
