/* policy_reader: what the parts of policy reading share. Private to posture/policy_*.c.
 * Every reader reports its mistakes and goes on, so that one run shows all; values are then whatever was readable. */
#ifndef POSTURE_POLICY_READER_H
#define POSTURE_POLICY_READER_H
#include "posture/policy.h"

enum { POLICY_ID_BYTES = 64, POLICY_TITLE_BYTES = 200 };
#define POLICY_LONGEST_S (INT64_C(3650) * 86400) /* ten years: sums of times stay far from overflow */

/* Something that must be unique, and where it was written. */
struct policy_named { struct span id; const struct yaml_node *at; };

struct policy_reader {
    struct policy *policy;
    struct arena scratch; /* only while reading */
    struct mistakes *mistakes;
    struct span text;     /* the file as written, to find a place inside a scalar */
    const struct policy_named *check_places; /* beside policy->checks, in the same order */
    bool published;       /* the text is one that was published before */
    bool full;            /* some memory bound was met; reported once, at the end */
};

/* Zeroed room in the policy, or while reading; NULL (and `full`) past the bound. */
void *policy_reader_array(struct policy_reader *r, size_t count, size_t each_bytes);
void *policy_reader_scratch(struct policy_reader *r, size_t count, size_t each_bytes);
/* False, reported, unless `n` is a mapping; reports keys that are not in `known`. An absent node is false without a word. */
bool policy_reader_mapping(struct policy_reader *r, const struct yaml_node *n, const char *const *known);
bool policy_reader_sequence(struct policy_reader *r, const struct yaml_node *n, size_t most);
/* Text that people or JSON may see: no control characters but tab and line end. Copied into the policy. */
bool policy_reader_text(struct policy_reader *r, const struct yaml_node *n, size_t max_bytes, struct span *out);
/* a-z 0-9 _ - (apps: any case, and dots), at most POLICY_ID_BYTES. */
bool policy_reader_id(struct policy_reader *r, const struct yaml_node *n, struct span *out);
bool policy_reader_app_id(struct policy_reader *r, const struct yaml_node *n, struct span *out);
/* A copy in small letters (ASCII); empty when memory is short. */
struct span policy_reader_lower(struct policy_reader *r, struct span text);
/* A list of texts, or one text. One entry a node; what could not be read is left empty. */
bool policy_reader_texts(struct policy_reader *r, const struct yaml_node *n, size_t most, size_t max_bytes, const struct span **out, size_t *count);
bool policy_reader_duration(struct policy_reader *r, const struct yaml_node *n, int64_t least_s, int64_t most_s, int64_t *out);
bool policy_reader_number(struct policy_reader *r, const struct yaml_node *n, unsigned least, unsigned most, unsigned *out);
/* Bits of the words in a list; `words` is NULL-terminated, at most 32. */
bool policy_reader_words(struct policy_reader *r, const struct yaml_node *n, const char *const *words, unsigned *bits);
/* Like policy_reader_words for names of sensitivities, and one of them. */
bool policy_reader_sensitivities(struct policy_reader *r, const struct yaml_node *n, unsigned *bits);
bool policy_reader_sensitivity(struct policy_reader *r, const struct yaml_node *n, unsigned *index);
/* The policy's sensitivities as words, NULL-terminated. */
const char *const *policy_reader_sensitivity_words(struct policy_reader *r);
/* Sorts by id and reports each that stands twice, naming both places. */
void policy_reader_unique(struct policy_reader *r, struct policy_named *all, size_t count, const char *what);
/* What an incident opens when nothing is said: all but the most sensitive class. */
unsigned policy_incident_default(const struct policy *p);
/* A mistake at character `column` of scalar `n`, as near as the way it is written allows. `text` is the file. */
void policy_reader_inside(struct policy_reader *r, const struct yaml_node *n, struct span text, unsigned column, const char *words);

/* The parts. Each takes the value of its key, NULL when absent, and fills the policy, defaults included. */
void policy_apps_read(struct policy_reader *r, const struct yaml_node *n);
void policy_checks_read(struct policy_reader *r, const struct yaml_node *n);
void policy_ladders_read(struct policy_reader *r, const struct yaml_node *n);
void policy_doors_read(struct policy_reader *r, const struct yaml_node *n); /* after the apps, which doors name */
void policy_words_write(struct policy_reader *r); /* last: what answers say of each check */
void policy_mdm_read(struct policy_reader *r, const struct yaml_node *n);
/* Everything else at the top level: visible_after, grace, nudges, outage, ... */
void policy_rules_read(struct policy_reader *r, const struct yaml_node *root);
/* After all of them: what single values do not show. */
void policy_contradictions_report(struct policy_reader *r, const struct yaml_node *ladders);

/* One check; `on` fills what depends on the platform. */
struct policy_check_source {
    const struct yaml_node *over; struct span over_text;  /* the entry in the policy */
    const struct yaml_node *base; struct span base_text;  /* the library's check it uses; may be NULL */
};
const struct yaml_node *policy_check_value(const struct policy_check_source *source, const char *key);
void policy_check_platforms_read(struct policy_reader *r, const struct policy_check_source *source, struct check *check);

/* RFC 8785 JSON of the policy; whether it fitted is asked of the buf. */
void policy_canonical_write(const struct policy *p, struct buf *out);
/* Its member "doors". */
struct to_json;
void policy_doors_write(const struct policy *p, struct to_json *w);
/* Its member "mdm". */
void policy_mdm_write(const struct policy *p, struct to_json *w);

#endif
