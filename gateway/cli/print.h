/* print: what commands say to people. Texts of devices and people pass through here, so that none of them can steer the terminal: control
 * characters and bytes that are not UTF-8 become '?'. */
#ifndef GATEWAY_CLI_PRINT_H
#define GATEWAY_CLI_PRINT_H
#include "posture/base/from_json.h"

#include <stdio.h>

void print_text(FILE *to, struct span text);
/* One line (the line end is added); cut at 4,000 bytes. */
void print_line(FILE *to, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Escape sequences only on a terminal, and not when NO_COLOR is set. `colour` is an SGR number: 31 red, 32 green, 33 yellow. */
void print_coloured(FILE *to, int colour, const char *word);
/* "now", "40 s ago", "3 min ago", "5 h ago", "12 days ago". Returns `text`. */
enum { PRINT_AGO_BYTES = 32 };
const char *print_ago(int64_t age_s, char text[PRINT_AGO_BYTES]);

/* A table whose columns are as wide as their widest cell; cells are given row by row. Cells past the memory limit are left out and said so. */
enum { TABLE_COLUMNS = 8, TABLE_CELL_BYTES = 120 };
struct table {
    const char *const *headings; /* borrowed */
    size_t columns, cells, room;
    char **all;                  /* owned texts */
    bool short_of_memory;
};
void table_init(struct table *t, const char *const *headings, size_t columns);
void table_cell(struct table *t, struct span text);
void table_int(struct table *t, int64_t number);
/* `nothing` is said instead of an empty table. */
void table_print(const struct table *t, const char *nothing);
void table_done(struct table *t); /* NULL, zeroed and repeated are fine */

/* Members of answers; absent or of another type: empty, the fallback. */
struct span json_text(const struct from_json_value *object, const char *key);
int64_t json_int(const struct from_json_value *object, const char *key, int64_t fallback);
bool json_true(const struct from_json_value *object, const char *key);
/* The texts of an array member, ", " between them, into `out` (cut to its size). Returns `out` as a span. */
struct span json_texts(const struct from_json_value *object, const char *key, char *out, size_t bytes);
/* What the gateway said of one thing of a list, without its place there ("persons[7].zone: ..." -> "zone: ..."): the reader knows the line. */
struct span print_without_place(struct span error, struct span list);
#endif
