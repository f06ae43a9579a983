#include "connectors/notify/block_write.h"

#include "connectors/notify/slack_inbound.h"

static void write_text(struct to_json *w, const char *type, struct span text)
{
    to_json_object(w);
    to_json_member_text(w, "type", span_of(type));
    to_json_member_text(w, "text", text);
    to_json_end(w);
}

static void begin(struct to_json *w, const char *type)
{
    to_json_object(w);
    to_json_member_text(w, "type", span_of(type));
}

void block_plain(struct to_json *w, const char *key, struct span text)
{
    to_json_key(w, key);
    write_text(w, "plain_text", text);
}

void block_header(struct to_json *w, struct span plain)
{
    begin(w, "header");
    block_plain(w, "text", plain);
    to_json_end(w);
}

void block_section(struct to_json *w, struct span mrkdwn)
{
    begin(w, "section");
    to_json_key(w, "text");
    write_text(w, "mrkdwn", mrkdwn);
    to_json_end(w);
}

void block_context(struct to_json *w, struct span mrkdwn)
{
    begin(w, "context");
    to_json_key(w, "elements");
    to_json_array(w);
    write_text(w, "mrkdwn", mrkdwn);
    to_json_end(w);
    to_json_end(w);
}

void block_divider(struct to_json *w)
{
    begin(w, "divider");
    to_json_end(w);
}

static void write_button(struct to_json *w, const struct block_button *b)
{
    begin(w, "button");
    block_plain(w, "text", span_of(b->words));
    to_json_member_text(w, "action_id", span_of(b->action));
    to_json_member_text_if(w, "value", b->value);
    to_json_member_text_if(w, "url", b->url);
    to_json_member_text_if(w, "accessibility_label", b->label);
    if (b->primary)
        to_json_member_text(w, "style", SPAN_LITERAL("primary"));
    to_json_end(w);
}

void block_actions(struct to_json *w, const struct block_button *buttons, size_t count)
{
    begin(w, "actions");
    to_json_key(w, "elements");
    to_json_array(w);
    for (size_t i = 0; i < count; i++)
        write_button(w, &buttons[i]);
    to_json_end(w);
    to_json_end(w);
}

/* ---- what a modal asks for ---- */

static void begin_input(struct to_json *w, const char *block, const char *label, const char *hint, bool optional)
{
    begin(w, "input");
    to_json_member_text(w, "block_id", span_of(block));
    to_json_member_bool(w, "optional", optional);
    block_plain(w, "label", span_of(label));
    if (hint != NULL)
        block_plain(w, "hint", span_of(hint));
    to_json_key(w, "element");
}

void block_input(struct to_json *w, const struct block_input *input)
{
    bool note = input->field.block == NULL;
    begin_input(w, note ? SLACK_NOTE_BLOCK : input->field.block, input->label, input->hint, input->optional);
    begin(w, "plain_text_input");
    to_json_member_text(w, "action_id", note ? SPAN_LITERAL(SLACK_NOTE_ACTION) : span_of(input->field.action));
    to_json_member_bool(w, "multiline", true);
    to_json_member_int(w, "max_length", (int64_t)input->most);
    to_json_end(w);
    to_json_end(w);
}

void block_date(struct to_json *w, const struct block_date *date)
{
    begin_input(w, SLACK_UNTIL_BLOCK, date->label, date->hint, date->optional);
    begin(w, "datepicker");
    to_json_member_text(w, "action_id", SPAN_LITERAL(SLACK_UNTIL_ACTION));
    to_json_member_text_if(w, "initial_date", date->initial);
    to_json_end(w);
    to_json_end(w);
}

static void write_option(struct to_json *w, const struct block_option *option)
{
    to_json_object(w);
    block_plain(w, "text", option->words);
    to_json_member_text(w, "value", option->value);
    to_json_end(w);
}

void block_choice(struct to_json *w, const char *label, const struct block_option *options, size_t count)
{
    begin_input(w, SLACK_CHOICE_BLOCK, label, NULL, false);
    begin(w, "static_select");
    to_json_member_text(w, "action_id", SPAN_LITERAL(SLACK_CHOICE_ACTION));
    to_json_key(w, "options");
    to_json_array(w);
    for (size_t i = 0; i < count; i++)
        write_option(w, &options[i]);
    to_json_end(w);
    to_json_end(w);
    to_json_end(w);
}
