#include "gateway/agents.h"

#include "gateway/pressure.h"
#include "gateway/refresher.h"

#include <string.h>

enum { MAC_BYTES = 24, NAME_MAC_BYTES = 12, MAC_TEXT = 32 /* base64url characters of MAC_BYTES */, MAC_ROOM = 192 };

/* The first `bytes` of a MAC as base64url; false when `data` does not fit. */
static bool mac_text(const struct node *node, enum secret_purpose purpose, struct span data, size_t bytes, struct buf *out)
{
    uint8_t mac[SECRET_HASH_BYTES];
    secret_mac(node->secret, purpose, data, mac);
    return secret_base64url(span_make(mac, bytes), out);
}

/* ---- node keys ---- */

bool agents_key_write(const struct node *node, const struct agents_key *key, struct buf *out)
{
    CLEANUP(buf_done) struct buf what;
    buf_init(&what, MAC_ROOM);
    buf_append(&what, key->device);
    buf_append_byte(&what, '.');
    buf_append_u64(&what, key->generation);
    buf_append_text(out, "pnk1.");
    buf_append(out, buf_span(&what));
    buf_append_byte(out, '.');
    return !what.failed && mac_text(node, SECRET_NODE_KEY, buf_span(&what), MAC_BYTES, out) && !out->failed;
}

/* A key is read by writing the one it claims to be: whatever differs, if only by a leading zero, is not ours. */
bool agents_key_read(const struct node *node, struct span text, struct agents_key *out)
{
    struct span rest = text, part, generation;
    uint64_t number = 0;
    struct agents_key key;
    if (text.bytes > OSQUERY_KEY_BYTES || !span_cut(&rest, '.', &part) || !span_cut(&rest, '.', &key.device) || !span_cut(&rest, '.', &generation))
        return false;
    if (!secret_is_id(key.device, 'd') || !span_to_u64(generation, &number) || number == 0 || number > UINT32_MAX)
        return false;
    key.generation = (unsigned)number;
    CLEANUP(buf_done) struct buf ours;
    buf_init(&ours, OSQUERY_KEY_BYTES);
    if (!agents_key_write(node, &key, &ours) || !span_equal_ct(buf_span(&ours), text))
        return false;
    *out = key;
    return true;
}

enum agents_standing agents_standing(const struct device *device, const struct agents_key *key, bool from_store)
{
    if (device == NULL || key->generation > device->node_key_generation)
        return from_store ? AGENTS_INVALID : AGENTS_ASK_STORE;
    return device->removed || key->generation < device->node_key_generation ? AGENTS_INVALID : AGENTS_GOOD;
}

enum err_code agents_load(const struct node *node, struct store *store, struct span id, struct device **out, struct err *err)
{
    int64_t version = 0;
    CLEANUP(buf_done) struct buf body;
    buf_init(&body, DEVICE_BODY_BYTES);
    enum err_code code = store->ops->get(store, RECORD_DEVICE, id, &body, &version, err);
    if (code != OK && code != ERR_NOT_FOUND)
        counter_add(node->counters, COUNT_STORE_ERRORS, 1);
    return code == OK ? device_from_json(buf_span(&body), version, false, out, err) : code;
}

int64_t agents_seen_s(const struct node *node, struct span device)
{
    const struct device *known = directory_device(node->directory, device);
    const struct device_live *live = directory_live(node->directory, device);
    int64_t seen_s = known != NULL ? known->seen_s : 0, heard_s = live != NULL ? live->seen_s : 0;
    return seen_s > heard_s ? seen_s : heard_s;
}

bool agents_duplicate_settled(const struct node *node, const struct device *device, int64_t now_s)
{
    if (span_empty(device->duplicate_of))
        return false;
    const struct device *first = directory_device(node->directory, device->duplicate_of);
    if (first == NULL)
        return false; /* the directory may still be loading: leave things as they are */
    return first->removed || now_s - agents_seen_s(node, device->duplicate_of) > AGENTS_COLLISION_S;
}

/* The same verdict, evaluated again since. */
static void freshen_results(struct device *device, const struct device *known)
{
    struct result *all = arena_array(&device->arena, device->result_count, sizeof *all);
    if (all == NULL)
        return; /* older times: asked again sooner */
    for (size_t i = 0; i < device->result_count; i++) {
        all[i] = device->results[i];
        const struct result *heard = device_result(known, all[i].check);
        if (heard != NULL && heard->verdict == all[i].verdict && heard->changed_s == all[i].changed_s && heard->evaluated_s > all[i].evaluated_s)
            all[i].evaluated_s = heard->evaluated_s;
    }
    device->results = all;
}

void agents_freshen(const struct node *node, struct device *device)
{
    directory_enter(node->directory);
    const struct device *known = directory_device(node->directory, device->id);
    int64_t seen_s = agents_seen_s(node, device->id);
    if (seen_s > device->seen_s)
        device->seen_s = seen_s;
    if (known != NULL && device->result_count > 0)
        freshen_results(device, known);
    directory_leave(node->directory);
}

/* ---- query names ---- */

static bool base36(int64_t number, struct buf *out)
{
    char digits[16];
    size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdefghijklmnopqrstuvwxyz"[number % 36];
        number /= 36;
    } while (number > 0 && at > 0);
    return buf_append(out, span_make(digits + at, sizeof digits - at));
}

static bool from_base36(struct span text, int64_t *out)
{
    int64_t number = 0;
    if (text.bytes == 0 || text.bytes > 8) /* 36^8 s is in the year 91,000 */
        return false;
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.at[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')))
            return false;
        number = number * 36 + (c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *out = number;
    return true;
}

/* `named` is the name up to the MAC. The device's id is in the MAC, not in the name: an answer is good from that device alone. */
static bool name_mac(const struct node *node, struct span device, struct span named, struct buf *out)
{
    CLEANUP(buf_done) struct buf what;
    buf_init(&what, MAC_ROOM + OSQUERY_NAME_BYTES);
    buf_append(&what, device);
    buf_append_byte(&what, '/');
    return buf_append(&what, named) && mac_text(node, SECRET_QUERY, buf_span(&what), NAME_MAC_BYTES, out);
}

struct span agents_name_write(const struct node *node, struct span device, const struct check *check, int64_t now_s, struct arena *arena)
{
    CLEANUP(buf_done) struct buf name;
    CLEANUP(buf_done) struct buf mac;
    buf_init(&name, OSQUERY_NAME_BYTES);
    buf_init(&mac, MAC_TEXT);
    buf_append(&name, AGENTS_PREFIX);
    buf_append(&name, check->id);
    buf_append_byte(&name, '/');
    buf_append(&name, check->version);
    buf_append_byte(&name, '/');
    if (!base36(now_s, &name) || !name_mac(node, device, buf_span(&name), &mac))
        return SPAN_NONE;
    buf_append_byte(&name, '/');
    return buf_append(&name, buf_span(&mac)) ? arena_copy(arena, buf_span(&name)) : SPAN_NONE;
}

bool agents_name_read(const struct node *node, struct span device, struct span text, struct agents_name *out)
{
    struct span rest = span_slice(text, AGENTS_PREFIX.bytes, text.bytes), time, given;
    struct agents_name name = { 0 };
    if (text.bytes > OSQUERY_NAME_BYTES || !span_starts(text, AGENTS_PREFIX) || !span_cut(&rest, '/', &name.check) || !span_cut(&rest, '/', &name.version))
        return false;
    if (rest.at == NULL) { /* a scheduled query: the node key alone says whose it is */
        *out = name;
        return true;
    }
    if (!span_cut(&rest, '/', &time) || !span_cut(&rest, '/', &given) || rest.at != NULL || !from_base36(time, &name.asked_s) || name.asked_s == 0)
        return false;
    CLEANUP(buf_done) struct buf mac;
    buf_init(&mac, MAC_TEXT);
    struct span named = span_slice(text, 0, (size_t)(time.at + time.bytes - text.at));
    if (!name_mac(node, device, named, &mac) || !span_equal_ct(buf_span(&mac), given))
        return false;
    *out = name;
    return true;
}

/* ---- questions ---- */

bool agents_was_off(const struct device *device, const struct device_live *live, int64_t now_s)
{
    int64_t heard_s = live != NULL ? live->seen_s : 0, seen_s = device->seen_s > heard_s ? device->seen_s : heard_s;
    if (now_s - seen_s <= ON_SLOT_S)
        return false;
    for (size_t i = 0; i < device->result_count; i++)
        if (device->results[i].first_failed_s > 0)
            return true;
    return false;
}

/* Somebody waits in front of a page, or will soon. */
static bool is_awaited(const struct device *device, const struct device_live *live, int64_t now_s)
{
    if (live != NULL && live->accelerate_until_s > now_s)
        return true;
    if (device->recheck_s == 0 || now_s - device->recheck_s > AGENTS_ACCELERATE_S)
        return false;
    for (size_t i = 0; i < device->recheck_count; i++) {
        const struct result *result = device_result(device, device->recheck_checks[i]);
        if (result == NULL || result->evaluated_s < device->recheck_s)
            return true;
    }
    for (size_t i = 0; device->recheck_count == 0 && i < device->result_count; i++)
        if (device->results[i].evaluated_s < device->recheck_s)
            return true;
    return false;
}

static size_t write_due(const struct node *node, const struct policy *policy, const struct device *device, const unsigned *due, size_t count, int64_t now_s, struct arena *arena,
                        struct osquery_query *queries)
{
    size_t used = 0, bytes = 0;
    for (size_t i = 0; i < count; i++) {
        const struct check *check = &policy->checks[due[i]];
        struct span sql = check->on[device->platform].osquery;
        bytes += 2 * sql.bytes + 2 * OSQUERY_NAME_BYTES; /* a statement may grow by its escapes */
        if (bytes > OSQUERY_READ_BYTES)
            break;
        queries[used].name = agents_name_write(node, device->id, check, now_s, arena);
        queries[used].sql = sql;
        used += queries[used].name.bytes > 0;
    }
    return used;
}

/* A policy that changed its checks asks all devices anew: so many a second, the others at a later poll. Nobody who is new, or awaited, has to wait. */
static size_t pace(const struct node *node, const struct policy *policy, const struct device *device, int64_t now_s, unsigned *due, size_t count)
{
    unsigned rest[OSQUERY_READ_MOST];
    if (count == 0 || device->result_count == 0)
        return count;
    memcpy(rest, due, count * sizeof *due);
    size_t left = evaluate_without_changed(policy, device, now_s, rest, count);
    if (left == count || pressure_take_wave(node->pressure, now_s))
        return count;
    memcpy(due, rest, left * sizeof *due);
    return left;
}

void agents_read(const struct node *node, const struct device *device, struct device_live *live, int64_t now_s, struct arena *arena, struct buf *out)
{
    unsigned due[OSQUERY_READ_MOST];
    struct osquery_query queries[OSQUERY_READ_MOST];
    const struct policy *policy = directory_control(node->directory)->policy;
    int64_t asked_s = live != NULL ? live->asked_s : 0;
    bool awaited = is_awaited(device, live, now_s);
    if (live != NULL)
        live->seen_s = now_s;
    if (node->refresher != NULL)
        refresher_seen(node->refresher, device->id, now_s, NULL, 0);
    size_t count = policy == NULL ? 0 : evaluate_due(policy, device, now_s, asked_s, AGENTS_AGAIN_S, due, OSQUERY_READ_MOST);
    count = awaited ? count : pace(node, policy, device, now_s, due, count);
    count = count == 0 ? 0 : write_due(node, policy, device, due, count, now_s, arena, queries);
    if (count == 0) {
        buf_append_text(out, awaited ? "{\"queries\":{},\"accelerate\":60}" : "{\"queries\":{}}");
        return;
    }
    if (live != NULL)
        live->asked_s = now_s;
    osquery_write_queries(queries, count, awaited ? AGENTS_ACCELERATE_STEP_S : 0, out);
}

/* ---- flags ---- */

bool agents_flags_text(const struct node *node, struct buf *out)
{
    struct span host = node->options.public_url, scheme = SPAN_LITERAL("://");
    size_t at = span_search(host, scheme);
    if (at < host.bytes)
        host = span_slice(host, at + scheme.bytes, host.bytes);
    osquery_write_flags(span_slice(host, 0, span_find(host, '/')), out); /* agents take a host and a port, no path */
    return !out->failed;
}
