#include "connectors/agents/osquery.h"

#include <stdlib.h>

void osquery_body_done(struct osquery_body *body)
{
    if (body == NULL)
        return;
    for (size_t i = 0; i < body->built_count; i++)
        from_json_free(body->built[i]);
    free(body->built);
    from_json_free(body->no_rows);
    from_json_free(body->doc);
    *body = (struct osquery_body){ 0 };
}

/* A text of at most `most` bytes, cut between characters; anything else is empty. Old agents send numbers for texts and texts for numbers. */
static struct span text_of(const struct from_json_value *object, const char *key, size_t most)
{
    struct from_json_value v = from_json_member(object, key);
    struct span text = SPAN_NONE;
    if (from_json_text(&v, OSQUERY_LOG_BYTES, &text, NULL) != OK)
        return SPAN_NONE;
    text = span_trim(text);
    size_t bytes = text.bytes < most ? text.bytes : most;
    while (bytes < text.bytes && bytes > 0 && ((unsigned char)text.at[bytes] & 0xC0) == 0x80)
        bytes--;
    return span_slice(text, 0, bytes);
}

/* Cut keys and names would name something else, so the longer ones are empty. */
static struct span name_of(const struct from_json_value *object, const char *key, size_t most)
{
    struct from_json_value v = from_json_member(object, key);
    struct span text = SPAN_NONE;
    return from_json_text(&v, most, &text, NULL) == OK ? text : SPAN_NONE;
}

static int64_t number_of(const struct from_json_value *object, const char *key, int64_t otherwise)
{
    struct from_json_value v = from_json_member(object, key);
    int64_t number = otherwise;
    return from_json_int_lenient(&v, &number, NULL) == OK ? number : otherwise;
}

/* Values that outlive the reading function must not point at its locals. */
static struct from_json_value rooted(const struct from_json_value *v) { return (struct from_json_value){ .node = v->node }; }

static enum err_code parse(struct span text, size_t most, struct osquery_body *body, struct from_json_value *root, struct err *err)
{
    struct from_json_limits limits = { most, OSQUERY_DEPTH };
    enum err_code code = from_json_parse(text, limits, "body", &body->doc, err);
    if (code != OK)
        return code;
    *root = from_json_root(body->doc);
    return from_json_object(root, err);
}

enum err_code osquery_read_key(struct span text, struct osquery_body *body, struct span *node_key, struct err *err)
{
    struct from_json_value root;
    enum err_code code = parse(text, OSQUERY_SMALL_BYTES, body, &root, err);
    if (code == OK)
        *node_key = name_of(&root, "node_key", OSQUERY_KEY_BYTES);
    return code;
}

/* Behind the text that begins with the quote at `start`. */
static size_t behind_text(struct span text, size_t start)
{
    size_t at = start + 1;
    while (at < text.bytes && text.at[at] != '"')
        at += text.at[at] == '\\' ? 2 : 1;
    return at < text.bytes ? at + 1 : text.bytes;
}

/* The text behind a colon, when there is one. */
static struct span value_behind(struct span text, size_t at)
{
    struct span rest = span_trim(span_slice(text, at, text.bytes - at));
    if (span_empty(rest) || rest.at[0] != ':')
        return SPAN_NONE;
    rest = span_trim(span_slice(rest, 1, rest.bytes - 1));
    if (span_empty(rest) || rest.at[0] != '"')
        return SPAN_NONE;
    size_t end = behind_text(rest, 0);
    struct span value = span_slice(rest, 1, end > 2 ? end - 2 : 0);
    return value.bytes <= OSQUERY_KEY_BYTES && span_find(value, '\\') == value.bytes ? value : SPAN_NONE;
}

struct span osquery_peek_key(struct span text)
{
    const struct span key = SPAN_LITERAL("\"node_key\"");
    size_t depth = 0, at = 0;
    while (at < text.bytes) {
        char c = text.at[at];
        size_t end = c == '"' ? behind_text(text, at) : at + 1;
        if (depth == 1 && end - at == key.bytes && span_equal(span_slice(text, at, key.bytes), key))
            return value_behind(text, end);
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && depth > 0)
            depth--;
        at = end;
    }
    return SPAN_NONE;
}

/* ---- enrolment ---- */

/* platform_type is a mask of POSIX 1, Windows 2, BSD 4, Linux 8, macOS 16; the name in os_version is the second witness. */
static enum platform read_platform(const struct from_json_value *root, const struct from_json_value *os)
{
    int64_t mask = number_of(root, "platform_type", 0);
    if ((mask & 16) != 0)
        return PLATFORM_MACOS;
    if ((mask & 8) != 0)
        return PLATFORM_LINUX;
    if ((mask & 2) != 0)
        return PLATFORM_WINDOWS;
    struct span name = text_of(os, "platform", OSQUERY_TEXT_BYTES), like = text_of(os, "platform_like", OSQUERY_TEXT_BYTES);
    enum platform found = platform_from(name);
    if (found != PLATFORM_UNKNOWN)
        return found;
    static const char *const linuxes[] = { "debian", "ubuntu", "rhel", "centos", "fedora", "suse", "opensuse", "arch", "amzn", "alpine", "gentoo" };
    for (size_t i = 0; i < sizeof linuxes / sizeof linuxes[0]; i++)
        if (span_equal_text(name, linuxes[i]) || span_search(like, span_of(linuxes[i])) < like.bytes)
            return PLATFORM_LINUX;
    return PLATFORM_UNKNOWN;
}

static void read_details(const struct from_json_value *root, struct osquery_enrolment *out)
{
    struct from_json_value details = from_json_member(root, "host_details"), os = from_json_member(&details, "os_version");
    struct from_json_value agent = from_json_member(&details, "osquery_info"), system = from_json_member(&details, "system_info");
    out->platform = read_platform(root, &os);
    out->os_name = text_of(&os, "name", OSQUERY_TEXT_BYTES);
    out->os_version = text_of(&os, "version", OSQUERY_TEXT_BYTES);
    out->agent_version = text_of(&agent, "version", OSQUERY_TEXT_BYTES);
    out->instance = text_of(&agent, "instance_id", OSQUERY_TEXT_BYTES);
    out->uuid = text_of(&system, "uuid", OSQUERY_TEXT_BYTES);
    if (span_empty(out->uuid))
        out->uuid = text_of(&agent, "uuid", OSQUERY_TEXT_BYTES);
    out->serial = text_of(&system, "hardware_serial", OSQUERY_TEXT_BYTES);
    out->vendor = text_of(&system, "hardware_vendor", OSQUERY_TEXT_BYTES);
    out->model = text_of(&system, "hardware_model", OSQUERY_TEXT_BYTES);
    out->computer_name = text_of(&system, "computer_name", OSQUERY_TEXT_BYTES);
    out->hostname = text_of(&system, "hostname", OSQUERY_TEXT_BYTES);
}

enum err_code osquery_read_enrolment(struct span text, struct osquery_body *body, struct osquery_enrolment *out, struct err *err)
{
    struct from_json_value root;
    enum err_code code = parse(text, OSQUERY_SMALL_BYTES, body, &root, err);
    if (code != OK)
        return code;
    *out = (struct osquery_enrolment){
        .secret = span_trim(name_of(&root, "enroll_secret", 4 * OSQUERY_TEXT_BYTES)),
        .host_identifier = text_of(&root, "host_identifier", OSQUERY_TEXT_BYTES),
    };
    read_details(&root, out);
    return OK;
}

static bool holds_fold(struct span text, struct span word)
{
    for (size_t i = 0; i + word.bytes <= text.bytes; i++)
        if (span_equal_fold(span_slice(text, i, word.bytes), word))
            return true;
    return false;
}

bool osquery_is_virtual(struct span vendor, struct span model)
{
    static const char *const words[] = { "qemu", "kvm", "vmware", "virtualbox", "innotek", "xen", "virtual machine", "hyper-v", "amazon ec2", "google compute",
                                         "parallels", "bochs", "openstack", "digitalocean", "virtualmac", "bhyve", "firecracker" };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (holds_fold(vendor, span_of(words[i])) || holds_fold(model, span_of(words[i])))
            return true;
    return false;
}

/* ---- answers to distributed queries ---- */

/* Absent: agents older than the member answered only what succeeded. A status that cannot be read is no success. */
static bool succeeded(const struct from_json_value *statuses, const char *name)
{
    struct from_json_value status = from_json_member(statuses, name);
    return !from_json_present(&status) || number_of(statuses, name, 1) == 0;
}

static bool read_answer(const struct from_json_value *root, struct osquery_body *body, const char *name, const struct from_json_value *rows, struct osquery_answer *out)
{
    struct from_json_value statuses = from_json_member(root, "statuses"), messages = from_json_member(root, "messages");
    *out = (struct osquery_answer){ .name = span_of(name), .failed = !succeeded(&statuses, name) };
    if (out->name.bytes > OSQUERY_NAME_BYTES)
        return false;
    if (out->failed) {
        out->message = text_of(&messages, name, OSQUERY_TEXT_BYTES);
        return true;
    }
    struct span text;
    bool none = from_json_text(rows, 0, &text, NULL) == OK; /* an empty result of old agents */
    if (!none && from_json_kind(rows) != FROM_JSON_ARRAY)
        return false;
    struct from_json_value empty = from_json_root(body->no_rows);
    out->rows = rooted(none ? &empty : rows);
    return true;
}

static void take_answer(const struct from_json_value *root, struct osquery_body *body, const char *name, const struct from_json_value *rows, struct osquery_answers *out)
{
    struct osquery_answer answer;
    if (out->count < OSQUERY_MAX_ANSWERS && read_answer(root, body, name, rows, &answer))
        out->all[out->count++] = answer;
    else
        out->dropped++;
}

/* A failed query may stand in `statuses` alone. */
static void take_failures(const struct from_json_value *root, struct osquery_body *body, struct osquery_answers *out)
{
    struct from_json_value statuses = from_json_member(root, "statuses"), queries = from_json_member(root, "queries"), status;
    void *at = NULL;
    const char *name;
    while (from_json_each(&statuses, &at, &name, &status)) {
        struct from_json_value rows = from_json_member(&queries, name);
        if (from_json_kind(&rows) == FROM_JSON_ABSENT && !succeeded(&statuses, name))
            take_answer(root, body, name, &rows, out);
    }
}

/* Each name is looked up in all three, which costs their sizes multiplied: no agent has more names than it was asked for, a body without an end would hold a thread for minutes. */
static enum err_code check_sizes(const struct from_json_value *root, struct err *err)
{
    static const char *const keys[] = { "queries", "statuses", "messages" };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct from_json_value v = from_json_member(root, keys[i]);
        if (from_json_count(&v) > OSQUERY_MAX_ANSWERS)
            return err_set(err, ERR_LIMIT, "%s: more than %d members", keys[i], OSQUERY_MAX_ANSWERS);
    }
    return OK;
}

enum err_code osquery_read_answers(struct span text, struct arena *arena, struct osquery_body *body, struct osquery_answers *out, struct err *err)
{
    struct from_json_value root, rows;
    enum err_code code = parse(text, OSQUERY_LOG_BYTES, body, &root, err);
    if (code == OK)
        code = check_sizes(&root, err);
    if (code == OK)
        code = from_json_parse(SPAN_LITERAL("[]"), (struct from_json_limits){ 2, 1 }, "no rows", &body->no_rows, err);
    if (code != OK)
        return code;
    *out = (struct osquery_answers){ .node_key = name_of(&root, "node_key", OSQUERY_KEY_BYTES), .all = arena_array(arena, OSQUERY_MAX_ANSWERS, sizeof *out->all) };
    if (out->all == NULL)
        return err_set(err, ERR_MEMORY, "answers of an agent");
    struct from_json_value queries = from_json_member(&root, "queries");
    void *at = NULL;
    const char *name;
    while (from_json_each(&queries, &at, &name, &rows))
        take_answer(&root, body, name, &rows, out);
    take_failures(&root, body, out);
    return OK;
}

/* ---- the log ---- */

struct line { struct span name; int64_t unix_s; struct from_json_value rows /* an array */, row /* or one row of several */; };

/* What of a line is a full set, or a part of one; false: a difference to something we do not have. */
static bool read_line(const struct from_json_value *item, struct span prefix, struct line *out)
{
    struct from_json_value snapshot = from_json_member(item, "snapshot"), columns = from_json_member(item, "columns");
    struct from_json_value diff = from_json_member(item, "diffResults"), added = from_json_member(&diff, "added");
    struct span action = text_of(item, "action", 16);
    bool is_first = number_of(item, "counter", 1) == 0;
    *out = (struct line){ .name = name_of(item, "name", OSQUERY_NAME_BYTES), .unix_s = number_of(item, "unixTime", 0) };
    if (out->unix_s <= 0 || !span_starts(out->name, prefix))
        return false;
    if (from_json_kind(&snapshot) == FROM_JSON_ARRAY)
        out->rows = rooted(&snapshot);
    else if (is_first && from_json_kind(&added) == FROM_JSON_ARRAY)
        out->rows = rooted(&added);
    else if (from_json_kind(&columns) == FROM_JSON_OBJECT && (span_equal_text(action, "snapshot") || (is_first && span_equal_text(action, "added"))))
        out->row = rooted(&columns);
    return out->rows.node != NULL || out->row.node != NULL;
}

static bool same_set(const struct line *a, const struct line *b) { return a->row.node != NULL && b->row.node != NULL && a->unix_s == b->unix_s && span_equal(a->name, b->name); }

/* Rows that came one a line, as one array. */
static bool join_rows(const struct line *lines, size_t count, struct osquery_body *body, struct from_json_value *rows)
{
    CLEANUP(buf_done) struct buf text;
    buf_init(&text, OSQUERY_LOG_BYTES);
    for (size_t i = 0; i < count; i++) {
        buf_append_byte(&text, i == 0 ? '[' : ',');
        (void)from_json_write(&lines[i].row, &text);
    }
    buf_append_byte(&text, ']');
    struct from_json_limits limits = { OSQUERY_LOG_BYTES, OSQUERY_DEPTH };
    struct from_json **built = realloc(body->built, (body->built_count + 1) * sizeof(struct from_json *));
    if (built == NULL)
        return false;
    body->built = built;
    if (text.failed || from_json_parse(buf_span(&text), limits, "rows", &built[body->built_count], NULL) != OK)
        return false;
    *rows = from_json_root(built[body->built_count++]);
    return true;
}

static void take_sets(const struct line *lines, size_t count, struct osquery_body *body, struct osquery_log *out)
{
    for (size_t i = 0, next; i < count; i = next) {
        struct from_json_value rows = lines[i].rows;
        for (next = i + 1; next < count && same_set(&lines[i], &lines[next]);)
            next++;
        if (rows.node != NULL || join_rows(&lines[i], next - i, body, &rows))
            out->sets[out->count++] = (struct osquery_set){ lines[i].name, rows, lines[i].unix_s };
        else
            out->dropped += next - i;
    }
}

static void read_results(const struct from_json_value *data, struct span prefix, struct line *lines, struct osquery_body *body, struct osquery_log *out)
{
    size_t count = 0;
    for (size_t i = 0; i < out->lines; i++) {
        struct from_json_value item = from_json_item(data, i);
        if (count < OSQUERY_MAX_LINES && i < OSQUERY_LINES_READ && read_line(&item, prefix, &lines[count]))
            count++;
        else
            out->dropped++;
    }
    take_sets(lines, count, body, out);
}

static void read_statuses(const struct from_json_value *data, struct span prefix, struct osquery_log *out)
{
    out->status = true;
    for (size_t i = 0; i < out->lines && i < OSQUERY_LINES_READ; i++) {
        struct from_json_value item = from_json_item(data, i);
        struct span message = text_of(&item, "message", OSQUERY_TEXT_BYTES);
        if (number_of(&item, "severity", 0) < 2 || span_search(message, prefix) == message.bytes)
            continue;
        out->errors++;
        out->error = message;
    }
}

enum err_code osquery_read_log(struct span text, struct span prefix, struct arena *arena, struct osquery_body *body, struct osquery_log *out, struct err *err)
{
    struct from_json_value root;
    enum err_code code = parse(text, OSQUERY_LOG_BYTES, body, &root, err);
    if (code != OK)
        return code;
    struct from_json_value data = from_json_member(&root, "data");
    *out = (struct osquery_log){ .node_key = name_of(&root, "node_key", OSQUERY_KEY_BYTES), .lines = from_json_kind(&data) == FROM_JSON_ARRAY ? from_json_count(&data) : 0 };
    if (span_equal_text(text_of(&root, "log_type", 16), "status")) {
        read_statuses(&data, prefix, out);
        return OK;
    }
    size_t room = out->lines < OSQUERY_MAX_LINES ? out->lines : OSQUERY_MAX_LINES;
    struct line *lines = arena_array(arena, room, sizeof *lines);
    out->sets = arena_array(arena, room, sizeof *out->sets);
    if (room > 0 && (lines == NULL || out->sets == NULL))
        return err_set(err, ERR_MEMORY, "lines of an agent's log");
    read_results(&data, prefix, lines, body, out);
    return OK;
}
