/* judge: what osqueryd makes of the body of an answer. The HTTP status plays no part.
 *   empty -> success, read as {}      not JSON -> failure      "node_invalid": true (the boolean) -> failure, key erased
 *   a top-level "error", whatever its value -> failure         anything else, even an array -> success */
#ifndef AGENT_JUDGE_H
#define AGENT_JUDGE_H

#include <jansson.h>
#include <stddef.h>

enum verdict { VERDICT_SUCCESS, VERDICT_FAILURE, VERDICT_NODE_INVALID };

struct judgement {
    enum verdict verdict;
    json_t *body;    /* owned by the caller; NULL unless success, and then never NULL */
    char reason[160]; /* why it failed; empty on success */
};

struct judgement judge_body(const char *bytes, size_t size);

#endif
