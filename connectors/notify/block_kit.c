#include "connectors/notify/block_kit.h"

#include <string.h>

enum { DEPTH = 16, ID_MOST = 255, ELEMENTS_CONTEXT = 10, ELEMENTS_ACTIONS = 25, FIELDS = 10, OPTIONS = 100, OVERFLOW_OPTIONS = 5, CHOICE_OPTIONS = 10,
       TABLE_ROWS = 100, TABLE_CELLS = 20, MARKDOWN = 12000, URL_MOST = 3000, VALUE_MOST = 2000, ALT_MOST = 2000, CONFIRM_BUTTON = 30,
       OPTION_TEXT = 75, PLACEHOLDER = 150, LABEL = 2000, SECTION = 3000, FIELD = 2000, HEADER = 150, BUTTON = 75 };

/* What is counted over a whole message. */
struct tally { struct span ids[BLOCK_KIT_VIEW_BLOCKS]; size_t id_count, markdown, tables, inputs; };

/* One member and its bound: text with a length, or a composition object. */
enum form { FORM_TEXT, FORM_PLAIN /* plain_text object */, FORM_ANY /* plain_text or mrkdwn object */, FORM_CONFIRM, FORM_OPTIONS, FORM_GROUPS };
struct member { const char *name; enum form form; size_t least, most; bool required; };
struct shape { const char *type; const struct member *members; size_t count; };
#define SHAPE(type, members) { type, members, sizeof(members) / sizeof((members)[0]) }

size_t block_kit_length(struct span text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.bytes; i++)
        count += ((unsigned char)text.at[i] & 0xc0) != 0x80;
    return count;
}

static enum err_code check_length(const struct from_json_value *v, struct span text, size_t least, size_t most, struct err *err)
{
    size_t length = block_kit_length(text);
    if (length < least || length > most)
        return from_json_refuse(v, err, "has %zu characters, must have %zu to %zu", length, least, most);
    return OK;
}

static enum err_code check_text(const struct from_json_value *v, size_t least, size_t most, struct err *err)
{
    struct span text = SPAN_NONE;
    enum err_code code = from_json_text(v, BLOCK_KIT_BYTES, &text, err);
    return code == OK ? check_length(v, text, least, most, err) : code;
}

static struct span text_of(const struct from_json_value *object, const char *key)
{
    struct from_json_value v = from_json_member(object, key);
    struct span text = SPAN_NONE;
    struct err ignored;
    return from_json_text(&v, BLOCK_KIT_BYTES, &text, &ignored) == OK ? text : SPAN_NONE;
}

/* {"type": "plain_text" | "mrkdwn", "text": ...}; there is no type "text". */
static enum err_code check_object(const struct from_json_value *v, bool plain_only, size_t least, size_t most, struct err *err)
{
    static const char *const known[] = { "type", "text", "emoji", "verbatim", NULL };
    enum err_code code = from_json_object(v, err);
    if (code == OK)
        code = from_json_only(v, known, err);
    if (code != OK)
        return code;
    struct from_json_value type = from_json_member(v, "type"), text = from_json_member(v, "text");
    struct span kind = text_of(v, "type");
    bool plain = span_equal_text(kind, "plain_text");
    if (!plain && (plain_only || !span_equal_text(kind, "mrkdwn")))
        return from_json_refuse(&type, err, plain_only ? "must be plain_text" : "must be plain_text or mrkdwn");
    return check_text(&text, least, most, err);
}

static enum err_code check_members(const struct from_json_value *v, const struct shape *shape, struct err *err);

static enum err_code check_confirm(const struct from_json_value *v, struct err *err)
{
    static const struct member members[] = {
        { "title", FORM_PLAIN, 1, 100, true }, { "text", FORM_ANY, 1, 300, true },
        { "confirm", FORM_PLAIN, 1, CONFIRM_BUTTON, true }, { "deny", FORM_PLAIN, 1, CONFIRM_BUTTON, true },
    };
    static const struct shape shape = SHAPE("confirm", members);
    return check_members(v, &shape, err);
}

static enum err_code check_list(const struct from_json_value *v, size_t least, size_t most, enum err_code (*each)(const struct from_json_value *, struct err *), struct err *err)
{
    size_t count = from_json_count(v);
    if (from_json_kind(v) != FROM_JSON_ARRAY || count < least || count > most)
        return from_json_refuse(v, err, "must be a list of %zu to %zu", least, most);
    for (size_t i = 0; i < count; i++) {
        struct from_json_value item = from_json_item(v, i);
        enum err_code code = each(&item, err);
        if (code != OK)
            return code;
    }
    return OK;
}

static enum err_code check_option(const struct from_json_value *v, struct err *err)
{
    static const struct member members[] = {
        { "text", FORM_ANY, 1, OPTION_TEXT, true }, { "value", FORM_TEXT, 1, OPTION_TEXT, true },
        { "description", FORM_ANY, 1, OPTION_TEXT, false }, { "url", FORM_TEXT, 1, URL_MOST, false },
    };
    static const struct shape shape = SHAPE("option", members);
    return check_members(v, &shape, err);
}

static enum err_code check_group(const struct from_json_value *v, struct err *err)
{
    static const struct member members[] = { { "label", FORM_PLAIN, 1, OPTION_TEXT, true }, { "options", FORM_OPTIONS, 1, OPTIONS, true } };
    static const struct shape shape = SHAPE("group", members);
    return check_members(v, &shape, err);
}

static enum err_code check_form(const struct from_json_value *v, const struct member *m, struct err *err)
{
    switch (m->form) {
    case FORM_TEXT: return check_text(v, m->least, m->most, err);
    case FORM_PLAIN: return check_object(v, true, m->least, m->most, err);
    case FORM_ANY: return check_object(v, false, m->least, m->most, err);
    case FORM_CONFIRM: return check_confirm(v, err);
    case FORM_OPTIONS: return check_list(v, m->least, m->most, check_option, err);
    case FORM_GROUPS: return check_list(v, m->least, m->most, check_group, err);
    }
    return OK;
}

static enum err_code check_members(const struct from_json_value *v, const struct shape *shape, struct err *err)
{
    enum err_code code = from_json_object(v, err);
    for (size_t i = 0; code == OK && i < shape->count; i++) {
        const struct member *m = &shape->members[i];
        struct from_json_value value = from_json_member(v, m->name);
        if (from_json_present(&value))
            code = check_form(&value, m, err);
        else if (m->required)
            code = from_json_refuse(&value, err, "is missing");
    }
    return code;
}

/* ---- elements ---- */

static const struct member button[] = {
    { "text", FORM_PLAIN, 1, BUTTON, true }, { "action_id", FORM_TEXT, 1, ID_MOST, false }, { "value", FORM_TEXT, 1, VALUE_MOST, false },
    { "url", FORM_TEXT, 1, URL_MOST, false }, { "accessibility_label", FORM_TEXT, 1, BUTTON, false }, { "confirm", FORM_CONFIRM, 0, 0, false },
};
static const struct member select_menu[] = {
    { "action_id", FORM_TEXT, 1, ID_MOST, false }, { "placeholder", FORM_PLAIN, 1, PLACEHOLDER, false }, { "confirm", FORM_CONFIRM, 0, 0, false },
    { "options", FORM_OPTIONS, 1, OPTIONS, false }, { "option_groups", FORM_GROUPS, 1, OPTIONS, false },
};
static const struct member overflow[] = {
    { "action_id", FORM_TEXT, 1, ID_MOST, false }, { "options", FORM_OPTIONS, 1, OVERFLOW_OPTIONS, true }, { "confirm", FORM_CONFIRM, 0, 0, false },
};
static const struct member choice[] = {
    { "action_id", FORM_TEXT, 1, ID_MOST, false }, { "options", FORM_OPTIONS, 1, CHOICE_OPTIONS, true }, { "confirm", FORM_CONFIRM, 0, 0, false },
};
static const struct member plain_input[] = { { "action_id", FORM_TEXT, 1, ID_MOST, false }, { "placeholder", FORM_PLAIN, 1, PLACEHOLDER, false } };
static const struct member image[] = { { "alt_text", FORM_TEXT, 1, ALT_MOST, true }, { "image_url", FORM_TEXT, 1, URL_MOST, true }, { "title", FORM_PLAIN, 1, VALUE_MOST, false } };
static const struct member picker[] = { { "action_id", FORM_TEXT, 1, ID_MOST, false }, { "placeholder", FORM_PLAIN, 1, PLACEHOLDER, false }, { "confirm", FORM_CONFIRM, 0, 0, false } };
static const struct shape elements[] = {
    SHAPE("button", button), SHAPE("static_select", select_menu), SHAPE("multi_static_select", select_menu), SHAPE("overflow", overflow),
    SHAPE("checkboxes", choice), SHAPE("radio_buttons", choice), SHAPE("plain_text_input", plain_input), SHAPE("image", image), SHAPE("datepicker", picker),
};

static const struct shape *find_shape(const struct shape *all, size_t count, struct span type)
{
    for (size_t i = 0; i < count; i++)
        if (span_equal_text(type, all[i].type))
            return &all[i];
    return NULL;
}

static enum err_code check_input_length(const struct from_json_value *v, struct err *err)
{
    struct from_json_value most = from_json_member(v, "max_length");
    int64_t length = 0;
    return from_json_int_opt(&most, 1, SECTION, &length, err);
}

static enum err_code check_element(const struct from_json_value *v, struct err *err)
{
    struct from_json_value type = from_json_member(v, "type");
    const struct shape *shape = find_shape(elements, sizeof elements / sizeof elements[0], text_of(v, "type"));
    if (shape == NULL)
        return from_json_refuse(&type, err, "is not an element we use");
    enum err_code code = check_members(v, shape, err);
    return code == OK ? check_input_length(v, err) : code;
}

static enum err_code check_context_element(const struct from_json_value *v, struct err *err)
{
    return span_equal_text(text_of(v, "type"), "image") ? check_element(v, err) : check_object(v, false, 1, SECTION, err);
}

static enum err_code check_unique_actions(const struct from_json_value *list, struct err *err)
{
    for (size_t i = 0; i < from_json_count(list); i++) {
        struct from_json_value item = from_json_item(list, i);
        struct span id = text_of(&item, "action_id");
        for (size_t k = 0; k < i && id.bytes > 0; k++) {
            struct from_json_value other = from_json_item(list, k);
            if (span_equal(id, text_of(&other, "action_id")))
                return from_json_refuse(&item, err, "has the action_id of another element of this block");
        }
    }
    return OK;
}

/* ---- blocks ---- */

typedef enum err_code block_fn(const struct from_json_value *v, struct tally *t, struct err *err);

static enum err_code check_field(const struct from_json_value *v, struct err *err) { return check_object(v, false, 1, FIELD, err); }

static enum err_code check_section(const struct from_json_value *v, struct tally *t, struct err *err)
{
    struct from_json_value text = from_json_member(v, "text"), fields = from_json_member(v, "fields"), accessory = from_json_member(v, "accessory");
    enum err_code code = OK;
    (void)t;
    if (!from_json_present(&text) && !from_json_present(&fields))
        return from_json_refuse(v, err, "needs text or fields");
    if (from_json_present(&text))
        code = check_object(&text, false, 1, SECTION, err);
    if (code == OK && from_json_present(&fields))
        code = check_list(&fields, 1, FIELDS, check_field, err);
    if (code == OK && from_json_present(&accessory))
        code = check_element(&accessory, err);
    return code;
}

static enum err_code check_header(const struct from_json_value *v, struct tally *t, struct err *err)
{
    struct from_json_value text = from_json_member(v, "text");
    (void)t;
    return check_object(&text, true, 1, HEADER, err);
}

static enum err_code check_context(const struct from_json_value *v, struct tally *t, struct err *err)
{
    struct from_json_value list = from_json_member(v, "elements");
    (void)t;
    return check_list(&list, 1, ELEMENTS_CONTEXT, check_context_element, err);
}

static enum err_code check_actions(const struct from_json_value *v, struct tally *t, struct err *err)
{
    struct from_json_value list = from_json_member(v, "elements");
    enum err_code code = check_list(&list, 1, ELEMENTS_ACTIONS, check_element, err);
    (void)t;
    return code == OK ? check_unique_actions(&list, err) : code;
}

static enum err_code check_divider(const struct from_json_value *v, struct tally *t, struct err *err)
{
    (void)v, (void)t, (void)err;
    return OK;
}

static enum err_code check_image(const struct from_json_value *v, struct tally *t, struct err *err)
{
    (void)t;
    return check_element(v, err);
}

static enum err_code check_input(const struct from_json_value *v, struct tally *t, struct err *err)
{
    static const struct member members[] = { { "label", FORM_PLAIN, 1, LABEL, true }, { "hint", FORM_PLAIN, 1, LABEL, false } };
    static const struct shape shape = SHAPE("input", members);
    struct from_json_value element = from_json_member(v, "element");
    enum err_code code = check_members(v, &shape, err);
    t->inputs++;
    return code == OK ? check_element(&element, err) : code;
}

static enum err_code check_cell(const struct from_json_value *v, struct err *err) { return from_json_object(v, err); }
static enum err_code check_row(const struct from_json_value *v, struct err *err) { return check_list(v, 1, TABLE_CELLS, check_cell, err); }

static enum err_code check_table(const struct from_json_value *v, struct tally *t, struct err *err)
{
    struct from_json_value rows = from_json_member(v, "rows");
    if (++t->tables > 1)
        return from_json_refuse(v, err, "is a second table: a message has one");
    return check_list(&rows, 1, TABLE_ROWS, check_row, err);
}

static enum err_code check_markdown(const struct from_json_value *v, struct tally *t, struct err *err)
{
    struct from_json_value text = from_json_member(v, "text");
    enum err_code code = check_text(&text, 1, MARKDOWN, err);
    t->markdown += block_kit_length(text_of(v, "text"));
    if (code == OK && t->markdown > MARKDOWN)
        return from_json_refuse(&text, err, "makes all markdown blocks together longer than %d characters", MARKDOWN);
    return code;
}

static const struct { const char *type; block_fn *check; } blocks_known[] = {
    { "section", check_section }, { "header", check_header }, { "context", check_context }, { "actions", check_actions }, { "divider", check_divider },
    { "image", check_image },     { "input", check_input },   { "table", check_table },     { "markdown", check_markdown },
};

static enum err_code check_block_id(const struct from_json_value *block, struct tally *t, struct err *err)
{
    struct from_json_value v = from_json_member(block, "block_id");
    if (!from_json_present(&v))
        return OK;
    enum err_code code = check_text(&v, 1, ID_MOST, err);
    struct span id = text_of(block, "block_id");
    for (size_t i = 0; code == OK && i < t->id_count; i++)
        if (span_equal(id, t->ids[i]))
            code = from_json_refuse(&v, err, "is the block_id of another block too");
    t->ids[t->id_count++] = id;
    return code;
}

static enum err_code check_block(const struct from_json_value *block, struct tally *t, struct err *err)
{
    struct span type = text_of(block, "type");
    struct from_json_value where = from_json_member(block, "type");
    for (size_t i = 0; i < sizeof blocks_known / sizeof blocks_known[0]; i++) {
        if (!span_equal_text(type, blocks_known[i].type))
            continue;
        enum err_code code = check_block_id(block, t, err);
        return code == OK ? blocks_known[i].check(block, t, err) : code;
    }
    return from_json_refuse(&where, err, "is not a block we use");
}

/* `most` is at most BLOCK_KIT_VIEW_BLOCKS, the room of a tally. */
static enum err_code check_blocks(const struct from_json_value *list, size_t most, struct tally *t, struct err *err)
{
    size_t count = from_json_count(list);
    if (from_json_kind(list) != FROM_JSON_ARRAY || count < 1 || count > most)
        return from_json_refuse(list, err, "must be a list of 1 to %zu blocks", most);
    for (size_t i = 0; i < count; i++) {
        struct from_json_value block = from_json_item(list, i);
        enum err_code code = check_block(&block, t, err);
        if (code != OK)
            return code;
    }
    return OK;
}

enum err_code block_kit_check_message(struct span blocks, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct tally tally = { 0 };
    enum err_code code = from_json_parse(blocks, (struct from_json_limits){ BLOCK_KIT_BYTES, DEPTH }, "blocks", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc);
    code = check_blocks(&root, BLOCK_KIT_MESSAGE_BLOCKS, &tally, err);
    return code == OK || code == ERR_INPUT ? code : err_wrap(err, "blocks");
}

static enum err_code check_view_frame(const struct from_json_value *view, bool modal, size_t inputs, struct err *err)
{
    static const struct member common[] = { { "private_metadata", FORM_TEXT, 0, 3000, false }, { "callback_id", FORM_TEXT, 1, ID_MOST, false } };
    static const struct member titles[] = { { "title", FORM_PLAIN, 1, 24, true }, { "submit", FORM_PLAIN, 1, 24, false }, { "close", FORM_PLAIN, 1, 24, false } };
    static const struct shape any = SHAPE("view", common), frame = SHAPE("modal", titles);
    enum err_code code = check_members(view, &any, err);
    if (code != OK || !modal)
        return code;
    struct from_json_value submit = from_json_member(view, "submit");
    if (inputs > 0 && !from_json_present(&submit))
        return from_json_refuse(&submit, err, "is missing: this modal has an input");
    return check_members(view, &frame, err);
}

enum err_code block_kit_check_view(struct span text, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct tally tally = { 0 };
    enum err_code code = from_json_parse(text, (struct from_json_limits){ BLOCK_KIT_VIEW_BYTES, DEPTH }, "view", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value view = from_json_root(doc), type = from_json_member(&view, "type"), blocks = from_json_member(&view, "blocks");
    struct span kind = text_of(&view, "type");
    bool modal = span_equal_text(kind, "modal");
    if (!modal && !span_equal_text(kind, "home"))
        return from_json_refuse(&type, err, "must be modal or home");
    code = check_blocks(&blocks, BLOCK_KIT_VIEW_BLOCKS, &tally, err);
    return code == OK ? check_view_frame(&view, modal, tally.inputs, err) : code;
}

enum err_code block_kit_check_text(struct span text, struct err *err)
{
    size_t length = block_kit_length(text);
    if (length < 1 || length > BLOCK_KIT_TEXT || !span_is_utf8(text))
        return err_set(err, ERR_INPUT, "a message's text has %zu characters, must be valid UTF-8 of 1 to %d", length, BLOCK_KIT_TEXT);
    return OK;
}
