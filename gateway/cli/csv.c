#include "gateway/cli/csv.h"

static const struct span byte_order_mark = { "\xEF\xBB\xBF", 3 };

void csv_init(struct csv *c, struct span text)
{
    *c = (struct csv){ .text = text, .next_line = 1 };
    if (span_starts(text, byte_order_mark))
        c->at = byte_order_mark.bytes;
    buf_init(&c->content, (size_t)CSV_MAX_FIELDS * CSV_MAX_FIELD_BYTES);
}

void csv_done(struct csv *c)
{
    if (c != NULL)
        buf_done(&c->content);
}

static bool at_end(const struct csv *c) { return c->at >= c->text.bytes; }

static bool at_byte(const struct csv *c, char byte) { return !at_end(c) && c->text.at[c->at] == byte; }

static bool at_crlf(const struct csv *c) { return at_byte(c, '\r') && c->at + 1 < c->text.bytes && c->text.at[c->at + 1] == '\n'; }

/* Takes a line end if one stands here. */
static bool take_line_end(struct csv *c)
{
    if (!at_byte(c, '\n') && !at_crlf(c))
        return false;
    c->at += at_crlf(c) ? 2 : 1;
    c->next_line++;
    return true;
}

static enum err_code refuse(size_t line, struct err *err, const char *text)
{
    return err_set(err, ERR_INPUT, "line %zu: %s", line, text);
}

static enum err_code append(struct csv *c, size_t begin, size_t line, struct err *err)
{
    if (c->content.bytes - begin >= CSV_MAX_FIELD_BYTES)
        return err_set(err, ERR_LIMIT, "line %zu: a field is longer than %d bytes", line, CSV_MAX_FIELD_BYTES);
    char byte = c->text.at[c->at];
    if (byte == '\0')
        return refuse(c->next_line, err, "holds a NUL byte");
    c->at++;
    c->next_line += byte == '\n';
    return buf_append_byte(&c->content, byte) ? OK : err_set(err, ERR_MEMORY, "line %zu: a field", line);
}

static enum err_code read_quoted(struct csv *c, size_t begin, struct err *err)
{
    size_t line = c->next_line;
    c->at++;
    for (;;) {
        if (at_end(c))
            return refuse(line, err, "a quote (\") is opened and never closed");
        if (at_byte(c, '"') && (c->at++, !at_byte(c, '"')))
            break;
        enum err_code code = append(c, begin, line, err);
        if (code != OK)
            return code;
    }
    if (!at_end(c) && !at_byte(c, ',') && !at_byte(c, '\n') && !at_crlf(c))
        return refuse(c->next_line, err, "after a closing quote there must be a comma or the end of the line");
    return OK;
}

static enum err_code read_plain(struct csv *c, size_t begin, struct err *err)
{
    enum err_code code = OK;
    while (code == OK && !at_end(c) && !at_byte(c, ',') && !at_byte(c, '\n') && !at_crlf(c)) {
        if (at_byte(c, '"'))
            return refuse(c->next_line, err, "a quote (\") inside a field; put the whole field in quotes and double the ones inside");
        if (at_byte(c, '\r'))
            return refuse(c->next_line, err, "a carriage return without a line feed");
        code = append(c, begin, c->next_line, err);
    }
    return code;
}

static enum err_code read_field(struct csv *c, struct err *err)
{
    size_t begin = c->content.bytes;
    if (c->count == CSV_MAX_FIELDS)
        return err_set(err, ERR_LIMIT, "line %zu: more than %d fields", c->line, CSV_MAX_FIELDS);
    enum err_code code = at_byte(c, '"') ? read_quoted(c, begin, err) : read_plain(c, begin, err);
    if (code != OK)
        return code;
    if (!span_is_utf8(span_slice(buf_span(&c->content), begin, c->content.bytes)))
        return refuse(c->line, err, "is not UTF-8; save the file as UTF-8");
    c->ends[c->count++] = c->content.bytes;
    return OK;
}

/* Only now, because the content may have moved while it grew. */
static void cut_fields(struct csv *c)
{
    size_t begin = 0;
    for (size_t i = 0; i < c->count; i++) {
        c->fields[i] = span_slice(buf_span(&c->content), begin, c->ends[i] - begin);
        begin = c->ends[i];
    }
}

enum err_code csv_next(struct csv *c, bool *more, struct err *err)
{
    buf_clear(&c->content);
    c->count = 0;
    while (take_line_end(c))
        ;
    c->line = c->next_line;
    *more = !at_end(c);
    if (!*more)
        return OK;
    for (;;) {
        enum err_code code = read_field(c, err);
        if (code != OK)
            return code;
        if (at_end(c) || take_line_end(c))
            break;
        c->at++; /* the comma: another field follows, if only an empty one */
    }
    cut_fields(c);
    return OK;
}
