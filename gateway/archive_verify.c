#include "gateway/archive_verify_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- heads ---- */

struct head { char chain[ARCHIVE_NAME_BYTES]; struct archive_chain at; };

static enum err_code read_heads(const struct archive_check *check, struct head *heads, size_t *count, struct err *err)
{
    struct span rest = check->heads, line;
    *count = 0;
    while (span_cut(&rest, '\n', &line)) {
        CLEANUP(jose_token_freep) struct jose_token *token = NULL;
        struct archive_statement s;
        line = span_trim(line);
        if (span_empty(line))
            continue;
        if (*count == ARCHIVE_CHAINS_MOST)
            return err_set(err, ERR_INPUT, "more than %d heads", ARCHIVE_CHAINS_MOST);
        if (archive_statement_verify(check, line, &token, &s, err) != OK)
            return err_set(err, ERR_INPUT, "a head is not signed with one of the keys: %.200s", err->text);
        heads[*count].at = s.at;
        snprintf(heads[(*count)++].chain, ARCHIVE_NAME_BYTES, "%.*s", SPAN_ARGS(s.chain));
    }
    return OK;
}

static const struct head *head_of(const struct head *heads, size_t count, const char *chain)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(heads[i].chain, chain) == 0)
            return &heads[i];
    return NULL;
}

/* The head's own line: found by a second walk, which is cheap beside the first and rarely asked for. */
static void check_head(const struct archive_run *r, const struct head *head, struct archive_checked *out)
{
    struct archive_segments segments = { .all = NULL };
    struct archive_broken *b = &out->broken;
    struct err err;
    bool same = false;
    snprintf(b->chain, sizeof b->chain, "%s", out->chain);
    if (head->at.seq > out->at.seq) {
        archive_broken_say(b, ARCHIVE_TRUNCATED, 0, out->at.seq + 1, SPAN_NONE, "the chain ends at %llu, and the head says that it reached %llu", (unsigned long long)out->at.seq, (unsigned long long)head->at.seq);
        return;
    }
    for (size_t i = 0; i < r->check->folder_count; i++)
        if (archive_folder_list(r->check->folders[i], out->chain, &segments, &err) != OK)
            break;
    for (size_t i = segments.count; i > 0 && !same; i--)
        same = archive_segment_holds(&segments.all[i - 1], out->chain, head->at.seq, head->at.hash);
    archive_segments_done(&segments);
    if (!same)
        archive_broken_say(b, ARCHIVE_REPLACED, 0, head->at.seq, SPAN_NONE, "number %llu is not the one that the head names", (unsigned long long)head->at.seq);
}

/* ---- all chains ---- */

struct names { char (*all)[ARCHIVE_NAME_BYTES]; size_t count; };

static bool has_name(const struct names *n, const char *name)
{
    for (size_t i = 0; i < n->count; i++)
        if (strcmp(n->all[i], name) == 0)
            return true;
    return false;
}

static enum err_code find_chains(const struct archive_check *check, struct names *names, struct err *err)
{
    char (*found)[ARCHIVE_NAME_BYTES] = calloc(ARCHIVE_CHAINS_MOST, sizeof *found);
    enum err_code code = found != NULL ? OK : err_set(err, ERR_MEMORY, "chains");
    for (size_t i = 0; i < check->folder_count && code == OK; i++) {
        size_t count = 0;
        code = archive_folder_chains(check->folders[i], found, ARCHIVE_CHAINS_MOST, &count, err);
        for (size_t k = 0; k < count && names->count < ARCHIVE_CHAINS_MOST; k++)
            if (!has_name(names, found[k]) && (check->only_chain == NULL || strcmp(check->only_chain, found[k]) == 0))
                memcpy(names->all[names->count++], found[k], ARCHIVE_NAME_BYTES);
    }
    free(found);
    return code == OK && names->count == 0 ? err_set(err, ERR_NOT_FOUND, "%s holds no archive", check->folders[0]) : code;
}

/* How much there is to read, and the newest day of all. */
static void survey(struct archive_run *r, const struct names *names)
{
    for (size_t n = 0; n < names->count; n++) {
        struct archive_segments s = { .all = NULL };
        struct err err;
        for (size_t i = 0; i < r->check->folder_count; i++)
            if (archive_folder_list(r->check->folders[i], names->all[n], &s, &err) != OK)
                break;
        for (size_t i = 0; i < s.count; i++)
            r->all_bytes += s.all[i].bytes;
        if (s.count > 0 && strcmp(s.all[s.count - 1].name.day, r->last_day) > 0)
            memcpy(r->last_day, s.all[s.count - 1].name.day, sizeof r->last_day);
        archive_segments_done(&s);
    }
}

/* Every chain has a segment from its first day on: one that is not there was taken away, or lies on another node's disk. */
static void look_for_missing(struct archive_run *r, const struct names *names, bool *whole)
{
    for (int64_t i = 0; i < r->chains && r->chains <= ARCHIVE_CHAINS_MOST && r->check->only_chain == NULL; i++) {
        struct archive_checked out = { .lines = 0 };
        char name[ARCHIVE_NAME_BYTES];
        archive_chain_name((unsigned)i, (unsigned)r->chains - 1, name);
        if (has_name(names, name))
            continue;
        snprintf(out.chain, sizeof out.chain, "%s", name);
        snprintf(out.broken.chain, sizeof out.broken.chain, "%s", name);
        archive_broken_say(&out.broken, ARCHIVE_NO_SEGMENT, 0, 1, SPAN_NONE, "chain %s is not there: there must be %lld of them", name, (long long)r->chains);
        *whole = false;
        r->check->chain(r->check->context, &out);
    }
}

/* How many there are stands in every segment: what somebody put beside them is no evidence. */
static void look_for_more(const struct archive_run *r, struct archive_checked *out)
{
    char name[ARCHIVE_NAME_BYTES];
    bool known = r->chains == 0 || r->chains > ARCHIVE_CHAINS_MOST || out->broken.fault != ARCHIVE_FINE;
    for (int64_t i = 0; i < r->chains && !known; i++) {
        archive_chain_name((unsigned)i, (unsigned)r->chains - 1, name);
        known = strcmp(name, out->chain) == 0;
    }
    if (!known)
        snprintf(out->broken.chain, sizeof out->broken.chain, "%s", out->chain);
    if (!known)
        archive_broken_say(&out->broken, ARCHIVE_UNREADABLE, 0, 1, SPAN_NONE, "chain %s is none of the %lld that there are", out->chain, (long long)r->chains);
}

static enum err_code verify_all(struct archive_run *r, const struct names *names, struct head *heads, bool *whole, struct err *err)
{
    size_t head_count = 0;
    enum err_code code = read_heads(r->check, heads, &head_count, err);
    if (code != OK)
        return code;
    *whole = true;
    survey(r, names);
    for (size_t i = 0; i < names->count; i++) {
        struct archive_checked out = { .lines = 0 };
        const struct head *head = head_of(heads, head_count, names->all[i]);
        archive_chain_check(r, names->all[i], &out);
        look_for_more(r, &out);
        if (head != NULL && out.broken.fault == ARCHIVE_FINE)
            check_head(r, head, &out);
        *whole = *whole && out.broken.fault == ARCHIVE_FINE;
        r->check->chain(r->check->context, &out);
    }
    look_for_missing(r, names, whole);
    return OK;
}

enum err_code archive_verify(const struct archive_check *check, bool *whole, struct err *err)
{
    struct archive_run run = { .check = check };
    struct names names = { .all = calloc(ARCHIVE_CHAINS_MOST, sizeof *names.all) };
    struct head *heads = calloc(ARCHIVE_CHAINS_MOST, sizeof *heads);
    enum err_code code = names.all != NULL && heads != NULL ? find_chains(check, &names, err) : err_set(err, ERR_MEMORY, "the check of an archive");
    if (code == OK)
        code = verify_all(&run, &names, heads, whole, err);
    free(heads);
    free(names.all);
    return code;
}
