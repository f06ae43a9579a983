/* people: persons come into postern and change. Blocks on the store. */
#ifndef GATEWAY_PEOPLE_H
#define GATEWAY_PEOPLE_H
#include "gateway/node.h"
#include "posture/base/from_json.h"
#include "posture/ports.h"

/* The stored record, as the newest commit left it. Owned; ERR_NOT_FOUND, or the store's trouble. */
MUST_CHECK enum err_code people_load(struct store *store, struct span id, struct person **out, struct err *err);

/* One person as an import gives them. Members that were absent (`has_` false) leave what is known as it is. */
struct person_input {
    struct span name, slack, zone, region, locale;
    unsigned days, from_minute, to_minute, write_at;              /* as in struct person.work */
    bool has_name, has_slack, has_zone, has_region, has_locale, has_aliases, has_groups, has_days, has_hours, has_write_at;
    struct span emails[PERSON_MAX_EMAILS]; size_t email_count;   /* at least one; lower case after reading */
    struct span aliases[PERSON_MAX_ALIASES]; size_t alias_count;
    struct span groups[PERSON_MAX_GROUPS]; size_t group_count;
};
/* {"emails": [..] or "email": "..", "name", "slack", "aliases" or "id", "groups", "zone", "region", "locale", "days": ["mon", ..], "hours": "09:00-17:00",
 * "write_at": "13:30"}; strict. Days, hours and write_at may be empty: the organisation's. Texts in `arena`. */
MUST_CHECK enum err_code person_input_read(const struct from_json_value *v, struct arena *arena, struct person_input *out, struct err *err);
/* New, or the person who has one of the e-mails. Two e-mails of different persons: ERR_CONFLICT; a zone that is not known here: ERR_INPUT. `id` gets p_...; *created and *changed tell. Idempotent. */
struct person_outcome { char id[32]; bool created, changed; };
MUST_CHECK enum err_code people_import(const struct node *node, struct store *store, const struct person_input *in, struct span cause, struct person_outcome *out, struct err *err);
/* They are away; `cause` says who said so, and is kept as its source. The same stretch again changes nothing. */
MUST_CHECK enum err_code people_absence(const struct node *node, struct store *store, struct span person, struct interval time, struct span cause, struct err *err);
MUST_CHECK enum err_code people_absence_once(const struct node *node, struct store *store, struct span person, struct interval time, struct span cause, bool *changed, struct err *err);
/* They are back: what runs ends now, what was announced is taken back. Event person.back. *changed false: they were not away. */
MUST_CHECK enum err_code people_back(const struct node *node, struct store *store, struct span person, struct span cause, bool *changed, struct err *err);
/* The owner of a device; empty `person` takes it away. ERR_CONFLICT when it has another owner and `force` is false. Closes what runs for the old owner. */
struct ownership { struct span device, person, source, cause; bool force; };
MUST_CHECK enum err_code people_assign(const struct node *node, struct store *store, const struct ownership *what, struct err *err);
#endif
