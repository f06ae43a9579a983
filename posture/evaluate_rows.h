/* evaluate_rows: what is shown and kept of a statement's rows. Private to posture/evaluate*.c. */
#ifndef POSTURE_EVALUATE_ROWS_H
#define POSTURE_EVALUATE_ROWS_H
#include "posture/policy.h"

enum { EVALUATE_KEPT_ROWS = 20 };

/* The evidence in words: the check's template with the values of one row, at most EVIDENCE_BYTES, nothing in it that could
 * steer a terminal or a page. Empty when the template needs a row and there is none. */
struct span evaluate_saw(const struct check_platform *on, const struct from_json_value *rows, size_t row, char room[EVIDENCE_BYTES]);
/* JSON of the rows cut to the columns that the check names: at most EVALUATE_KEPT_ROWS and FACT_VALUE_BYTES. When rows had to be
 * left out, their number follows the last row. False when memory is short. */
bool evaluate_kept_rows(const struct check_platform *on, const struct from_json_value *rows, struct buf *out);
/* Were all rows kept, so that they may be judged again? */
bool evaluate_rows_complete(const struct from_json_value *kept);

#endif
