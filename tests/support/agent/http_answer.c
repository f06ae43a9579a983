#include "http_answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { CHUNK_LINE_MAX = 256 };

void http_answer_init(struct http_answer *answer)
{
    *answer = (struct http_answer){ .stage = ANSWER_HEADER };
    text_init(&answer->line, ANSWER_HEADER_MAX);
    text_init(&answer->body, ANSWER_BODY_MAX);
}

void http_answer_done(struct http_answer *answer)
{
    text_done(&answer->line);
    text_done(&answer->body);
}

static void broken(struct http_answer *answer, const char *problem)
{
    answer->stage = ANSWER_BROKEN;
    answer->problem = problem;
}

static void read_field(struct http_answer *answer, char *line, bool *chunked)
{
    char *value = strchr(line, ':');
    if (value == NULL)
        return;
    *value++ = '\0';
    value = trimmed(value);
    long long number = 0;
    if (strcasecmp(line, "content-length") == 0) {
        if (!parse_number(value, 0, INT64_MAX, &number))
            broken(answer, "bad Content-Length");
        else if (number > ANSWER_BODY_MAX)
            broken(answer, "body too long");
        answer->sized = true;
        answer->left = (size_t)number;
    } else if (strcasecmp(line, "transfer-encoding") == 0) {
        *chunked = strcasecmp(value, "chunked") == 0;
    } else if (strcasecmp(line, "location") == 0 && strlen(value) < sizeof answer->location) {
        strcpy(answer->location, value);
    }
}

/* The header is whole in `line`, its empty last line included. */
static void read_header(struct http_answer *answer)
{
    char *rest = answer->line.data;
    char *first = next_line(&rest);
    if (first == NULL || strncmp(first, "HTTP/1.", 7) != 0 || strlen(first) < 12) {
        broken(answer, "not HTTP");
        return;
    }
    first[12] = '\0';
    long long status = 0;
    if (!parse_number(first + 9, 100, 999, &status)) {
        broken(answer, "bad status line");
        return;
    }
    answer->status = (int)status;
    bool chunked = false;
    for (char *line = next_line(&rest); line != NULL && answer->stage != ANSWER_BROKEN; line = next_line(&rest))
        read_field(answer, line, &chunked);
    text_clear(&answer->line);
    if (answer->stage == ANSWER_BROKEN)
        return;
    if (status < 200) {
        answer->sized = false;
    } else if (status == 204 || status == 304) {
        answer->stage = ANSWER_WHOLE;
    } else if (chunked) {
        answer->stage = ANSWER_CHUNK_SIZE;
    } else {
        answer->stage = answer->sized && answer->left == 0 ? ANSWER_WHOLE : ANSWER_BODY;
    }
}

static void add_body(struct http_answer *answer, const char *bytes, size_t size)
{
    if (!text_add(&answer->body, bytes, size))
        broken(answer, "body too long");
}

/* One byte of the header or of the small lines between chunks. */
static void feed_line(struct http_answer *answer, char byte)
{
    if (!text_add(&answer->line, &byte, 1) || (answer->stage != ANSWER_HEADER && answer->line.size > CHUNK_LINE_MAX)) {
        broken(answer, "line too long");
        return;
    }
    const char *line = answer->line.data;
    size_t size = answer->line.size;
    if (byte != '\n')
        return;
    if (answer->stage == ANSWER_HEADER) {
        if ((size >= 4 && memcmp(line + size - 4, "\r\n\r\n", 4) == 0) || (size >= 2 && line[size - 2] == '\n'))
            read_header(answer);
        return;
    }
    bool empty = size <= 2 && (line[0] == '\r' || line[0] == '\n');
    if (answer->stage == ANSWER_CHUNK_END) {
        answer->stage = ANSWER_CHUNK_SIZE;
    } else if (answer->stage == ANSWER_TRAILER) {
        if (empty)
            answer->stage = ANSWER_WHOLE;
    } else {
        char *end = NULL;
        unsigned long long chunk = strtoull(line, &end, 16);
        if (end == line || chunk > ANSWER_BODY_MAX)
            broken(answer, "bad chunk");
        else
            answer->stage = chunk == 0 ? ANSWER_TRAILER : ANSWER_CHUNK;
        answer->left = (size_t)chunk;
    }
    text_clear(&answer->line);
}

void http_answer_feed(struct http_answer *answer, const char *bytes, size_t size)
{
    while (size > 0 && answer->stage < ANSWER_WHOLE) {
        if (answer->stage != ANSWER_BODY && answer->stage != ANSWER_CHUNK) {
            feed_line(answer, *bytes);
            bytes++;
            size--;
            continue;
        }
        bool bounded = answer->stage == ANSWER_CHUNK || answer->sized;
        size_t take = bounded && size > answer->left ? answer->left : size;
        add_body(answer, bytes, take);
        bytes += take;
        size -= take;
        if (answer->stage == ANSWER_BROKEN || !bounded)
            continue;
        answer->left -= take;
        if (answer->left == 0)
            answer->stage = answer->stage == ANSWER_CHUNK ? ANSWER_CHUNK_END : ANSWER_WHOLE;
    }
}

void http_answer_closed(struct http_answer *answer, bool clean)
{
    if (answer->stage >= ANSWER_WHOLE)
        return;
    if (answer->stage == ANSWER_BODY && !answer->sized && clean)
        answer->stage = ANSWER_WHOLE;
    else
        broken(answer, answer->stage == ANSWER_HEADER && answer->line.size == 0 ? "closed without an answer"
                                                                                : "stream truncated");
}
