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

static void write_element(struct to_json *w, const struct block_input *input)
{
    to_json_key(w, "element");
    begin(w, "plain_text_input");
    to_json_member_text(w, "action_id", SPAN_LITERAL(SLACK_NOTE_ACTION));
    to_json_member_bool(w, "multiline", true);
    to_json_member_int(w, "max_length", (int64_t)input->most);
    to_json_end(w);
}

void block_input(struct to_json *w, const struct block_input *input)
{
    begin(w, "input");
    to_json_member_text(w, "block_id", SPAN_LITERAL(SLACK_NOTE_BLOCK));
    to_json_member_bool(w, "optional", input->optional);
    block_plain(w, "label", span_of(input->label));
    if (input->hint != NULL)
        block_plain(w, "hint", span_of(input->hint));
    write_element(w, input);
    to_json_end(w);
}
