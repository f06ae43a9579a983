#include "gateway/onboarding/onboard.h"

#include "gateway/allowance.h"
#include "gateway/change.h"
#include "gateway/people.h"
#include "posture/base/from_json.h"
#include "posture/base/secret.h"

#include <string.h>

#include <stdio.h>

enum { PLAIN_BYTES = 512, SECRET_MOST = 1024, ID_BYTES = 64, NOT_MINE_S = 365 * 86400 };
static const struct allowance_limit claims = { 5, 3600 };
#define NOT_MINE_KIND SPAN_LITERAL("not mine")
static const char prefix[] = "pone1.", context_name[] = "enrol";

/* ---- the record ---- */

struct invitation { const struct node *node; struct span by; bool now, invited; };

static enum change_say edit_invite(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    struct invitation *i = context;
    i->invited = !copy->removed && (copy->onboarding.invited_s == 0 || (i->now && !person_awaits_greeting(copy)));
    if (copy->removed)
        return (void)err_set(err, ERR_NOT_FOUND, "no such person"), CHANGE_REFUSE;
    if (!i->invited)
        return CHANGE_NOTHING;
    copy->onboarding.invited_s = clock_wall_s(i->node->clock);
    if (copy->onboarding.invited_s <= copy->onboarding.greeted_s)
        copy->onboarding.invited_s = copy->onboarding.greeted_s + 1;
    copy->onboarding.by = arena_copy(&copy->arena, i->by);
    copy->onboarding.now = i->now;
    if (!change_event(events, i->node, "person.invited", copy->id, SPAN_NONE, i->by, SPAN_NONE))
        return (void)err_set(err, ERR_MEMORY, "an invitation"), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

enum err_code onboard_invite(const struct node *node, struct store *store, struct span person, struct span by, bool now, bool *invited, struct err *err)
{
    struct invitation i = { .node = node, .by = by, .now = now };
    enum err_code code = change_person(node, store, person, false, edit_invite, &i, err);
    *invited = code == OK && i.invited;
    return code;
}

static enum change_say edit_linked(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    const struct node *node = context;
    copy->onboarding.linked_s = clock_wall_s(node->clock);
    struct span cause = arena_format(events->arena, "person:%.*s", SPAN_ARGS(copy->id));
    if (!change_event(events, node, "person.install_link", copy->id, SPAN_NONE, cause, SPAN_NONE))
        return (void)err_set(err, ERR_MEMORY, "a link"), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

enum err_code onboard_linked(const struct node *node, struct store *store, struct span person, struct err *err)
{
    return change_person(node, store, person, false, edit_linked, (void *)(uintptr_t)node, err);
}

static bool has_device(const struct node *node, const struct person *person)
{
    const struct device *devices[1];
    return directory_devices_of(node->directory, person->id, devices, 1) > 0;
}

enum onboard_stage onboard_stage(const struct node *node, const struct person *person)
{
    if (has_device(node, person))
        return ONBOARD_INSTALLED;
    if (person->onboarding.linked_s > 0)
        return ONBOARD_LINKED;
    if (person->onboarding.greeted_s > 0 && !person_awaits_greeting(person))
        return ONBOARD_CONTACTED;
    return person->onboarding.invited_s > 0 ? ONBOARD_INVITED : ONBOARD_NOT_INVITED;
}

const char *onboard_stage_name(enum onboard_stage stage)
{
    static const char *const names[] = { "not_invited", "invited", "contacted", "opened_link", "installed" };
    return names[stage];
}

/* ---- the enrol secret ---- */

enum err_code onboard_secret_write(const struct node *node, struct span person, int64_t expires_s, struct buf *out, struct err *err)
{
    CLEANUP(buf_done) struct buf plain;
    struct to_json w;
    buf_init(&plain, PLAIN_BYTES);
    to_json_init(&w, &plain);
    to_json_object(&w);
    to_json_member_text(&w, "p", person);
    to_json_member_int(&w, "e", expires_s);
    to_json_end(&w);
    enum err_code code = buf_check(&plain, "an enrol secret", err);
    buf_append_text(out, prefix);
    return code == OK ? secret_seal(node->secret, SECRET_LINK, span_of(context_name), buf_span(&plain), out, err) : code;
}

bool onboard_secret_is(struct span text) { return span_starts(text, span_of(prefix)); }

enum err_code onboard_secret_read(const struct node *node, struct span text, int64_t now_s, struct arena *arena, struct span *person, struct err *err)
{
    CLEANUP(buf_done) struct buf plain;
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct err ignored;
    struct span id = SPAN_NONE, sealed = span_slice(text, sizeof prefix - 1, SECRET_MOST);
    int64_t expires_s = 0;
    buf_init(&plain, PLAIN_BYTES);
    if (!onboard_secret_is(text) || text.bytes > SECRET_MOST || secret_open(node->secret, SECRET_LINK, span_of(context_name), sealed, &plain, &ignored) != OK
        || from_json_parse(buf_span(&plain), (struct from_json_limits){ PLAIN_BYTES, 4 }, "an enrol secret", &doc, &ignored) != OK)
        return err_set(err, ERR_DENIED, "the enrol secret is not known");
    struct from_json_value root = from_json_root(doc), p = from_json_member(&root, "p"), e = from_json_member(&root, "e");
    if (from_json_text(&p, ID_BYTES, &id, &ignored) != OK || from_json_int(&e, 0, INT64_MAX, &expires_s, &ignored) != OK)
        return err_set(err, ERR_DENIED, "the enrol secret is not known");
    if (now_s >= expires_s)
        return err_set(err, ERR_EXPIRED, "the enrol secret has expired; its person can ask for a new one on their page");
    *person = arena_copy(arena, id);
    return person->bytes == id.bytes ? OK : err_set(err, ERR_MEMORY, "an enrol secret");
}

/* ---- devices that look like theirs ---- */

static char folded(char c) { return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c); }
static bool is_letter(char c) { return (folded(c) >= 'a' && folded(c) <= 'z') || (unsigned char)c >= 0x80; }

/* `word` stands in `name` on its own, or as the genitive that makers of laptops put there: "ana" in "Anas-MacBook". */
static bool has_word(struct span name, struct span word)
{
    for (size_t i = 0; word.bytes >= ONBOARD_NAME_LEAST && i + word.bytes <= name.bytes; i++) {
        size_t end = i + word.bytes;
        if (!span_equal_fold(span_slice(name, i, word.bytes), word) || (i > 0 && is_letter(name.at[i - 1])))
            continue;
        if (end < name.bytes && folded(name.at[end]) == 's')
            end++;
        if (end == name.bytes || !is_letter(name.at[end]))
            return true;
    }
    return false;
}

bool onboard_looks_like(const struct person *person, const struct device *device)
{
    struct span rest = person->name, first = SPAN_NONE;
    if (device->removed || !span_empty(device->owner) || !span_empty(device->duplicate_of) || span_empty(device->name))
        return false;
    if (span_cut(&rest, ' ', &first) && has_word(device->name, first))
        return true;
    for (size_t i = 0; i < person->email_count; i++)
        if (has_word(device->name, span_slice(person->emails[i], 0, span_find(person->emails[i], '@'))))
            return true;
    return false;
}

struct search { const struct person *person; char found[ONBOARD_DEVICES_MOST][SECRET_ID_BYTES + 1]; /* of a walk only ids last */ size_t count; };

static bool note(void *context, const struct device *device)
{
    struct search *s = context;
    if (device->id.bytes <= SECRET_ID_BYTES && onboard_looks_like(s->person, device)) {
        memcpy(s->found[s->count], device->id.at, device->id.bytes);
        s->found[s->count++][device->id.bytes] = '\0';
    }
    return s->count < ONBOARD_DEVICES_MOST;
}

size_t onboard_candidates(const struct node *node, const struct person *person, const struct device *found[ONBOARD_DEVICES_MOST])
{
    struct search s = { .person = person };
    size_t count = 0;
    directory_each_device(node->directory, note, &s);
    for (size_t i = 0; i < s.count; i++) {
        const struct device *device = directory_device(node->directory, span_of(s.found[i]));
        if (device != NULL)
            found[count++] = device;
    }
    return count;
}

/* ---- what is said to an offer ---- */

struct pair { char text[2 * ID_BYTES + 1]; };
static struct span pair_of(struct span person, struct span device, struct pair *pair)
{
    snprintf(pair->text, sizeof pair->text, "%.*s|%.*s", SPAN_ARGS(span_slice(person, 0, ID_BYTES - 1)), SPAN_ARGS(span_slice(device, 0, ID_BYTES - 1)));
    return span_of(pair->text);
}

static bool was_refused(struct store *store, struct span person, struct span device)
{
    struct pair pair;
    struct err ignored;
    bool used = false;
    return store->ops->used(store, NOT_MINE_KIND, pair_of(person, device, &pair), &used, &ignored) == OK && used;
}

size_t onboard_offers(const struct node *node, struct store *store, const struct person *person, const struct device *found[ONBOARD_DEVICES_MOST])
{
    size_t count = 0, looks = onboard_candidates(node, person, found);
    for (size_t i = 0; i < looks; i++)
        if (!was_refused(store, person->id, found[i]->id))
            found[count++] = found[i];
    return count;
}

/* Only what is offered can be taken: a free device with their name on it. */
static bool is_offered(const struct node *node, struct span person, struct span device)
{
    directory_enter(node->directory);
    const struct person *p = directory_person(node->directory, person);
    const struct device *d = directory_device(node->directory, device);
    bool offered = p != NULL && !p->removed && d != NULL && onboard_looks_like(p, d);
    directory_leave(node->directory);
    return offered;
}

enum err_code onboard_claim(const struct node *node, struct store *store, struct span person, struct span device, struct span by, enum onboard_said *said, struct err *err)
{
    *said = ONBOARD_GONE;
    if (!allowance_take(node->allowances, 'm', person, claims, clock_wall_s(node->clock))) {
        *said = ONBOARD_SLOW_DOWN;
        return OK;
    }
    if (!is_offered(node, person, device))
        return OK;
    enum err_code code = people_assign(node, store, &(struct ownership){ device, person, SPAN_LITERAL("claim"), by, false }, err);
    if (code == OK)
        *said = ONBOARD_DONE;
    return code == ERR_CONFLICT || code == ERR_NOT_FOUND ? OK : code;
}

enum err_code onboard_decline(const struct node *node, struct store *store, struct span person, struct span device, enum onboard_said *said, struct err *err)
{
    struct pair pair;
    *said = is_offered(node, person, device) ? ONBOARD_DONE : ONBOARD_GONE;
    enum err_code code = *said == ONBOARD_DONE ? store->ops->once(store, NOT_MINE_KIND, pair_of(person, device, &pair), NOT_MINE_S, err) : OK;
    return code == ERR_CONFLICT ? OK : code;
}
