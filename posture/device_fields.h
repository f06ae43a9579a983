/* device_fields: what a device record is made of, field by field: the tables that its JSON and its packed form are written and read from. A field that is added here is in both.
 * Private to posture/device*.c. */
#ifndef POSTURE_DEVICE_FIELDS_H
#define POSTURE_DEVICE_FIELDS_H
#include "posture/device.h"
#include "posture/record_body.h"

#include <limits.h>
#include <stddef.h>

#define COUNT(list) (sizeof(list) / sizeof(list)[0])
#define DEVICE_FIELD(key, kind, member, most) { key, kind, offsetof(struct device, member), most }

/* A record that was written must be readable, so texts have room to spare here; whoever takes them from outside has narrower bounds. */
enum { TEXT_BYTES = 4096, VALUE_BYTES = 2 * FACT_VALUE_BYTES };

static const struct record_body_field device_fields[] = {
    DEVICE_FIELD("id", RECORD_TEXT, id, TEXT_BYTES),
    DEVICE_FIELD("name", RECORD_TEXT, name, TEXT_BYTES),
    DEVICE_FIELD("model", RECORD_WORD, model, TEXT_BYTES),
    DEVICE_FIELD("vendor", RECORD_WORD, vendor, TEXT_BYTES),
    DEVICE_FIELD("os_name", RECORD_WORD, os_name, TEXT_BYTES),
    DEVICE_FIELD("os_version", RECORD_WORD, os_version, TEXT_BYTES),
    DEVICE_FIELD("agent_version", RECORD_WORD, agent_version, TEXT_BYTES),
    DEVICE_FIELD("serial", RECORD_TEXT, serial, TEXT_BYTES),
    DEVICE_FIELD("virtual", RECORD_FLAG, virtual_hardware, 0),
    DEVICE_FIELD("owner", RECORD_TEXT, owner, TEXT_BYTES),
    DEVICE_FIELD("owner_source", RECORD_WORD, owner_source, TEXT_BYTES),
    DEVICE_FIELD("owner_since_s", RECORD_TIME, owner_since_s, 0),
    DEVICE_FIELD("group", RECORD_WORD, group, TEXT_BYTES),
    DEVICE_FIELD("enrolled_s", RECORD_TIME, enrolled_s, 0),
    DEVICE_FIELD("first_seen_s", RECORD_TIME, first_seen_s, 0),
    DEVICE_FIELD("node_key", RECORD_COUNT, node_key_generation, UINT_MAX),
    DEVICE_FIELD("duplicate_of", RECORD_TEXT, duplicate_of, TEXT_BYTES),
    DEVICE_FIELD("removed", RECORD_FLAG, removed, 0),
    DEVICE_FIELD("recheck_s", RECORD_TIME, recheck_s, 0),
    DEVICE_FIELD("seen_s", RECORD_TIME, seen_s, 0),
    DEVICE_FIELD("rung", RECORD_WORD, rung, TEXT_BYTES),
    DEVICE_FIELD("rung_s", RECORD_TIME, rung_s, 0),
    DEVICE_FIELD("would", RECORD_WORD, would, TEXT_BYTES),
    DEVICE_FIELD("would_s", RECORD_TIME, would_s, 0),
};
/* What a device has many of is stored as rows, not as objects: member names would be most of the record. */
static const struct record_body_field identifier_row[] = {
    { "kind", RECORD_WORD, offsetof(struct identifier, kind), TEXT_BYTES },
    { "value", RECORD_TEXT, offsetof(struct identifier, value), TEXT_BYTES },
    { "source", RECORD_WORD, offsetof(struct identifier, source), TEXT_BYTES },
    { "since_s", RECORD_TIME, offsetof(struct identifier, since_s), 0 },
};
struct stored_credential { struct credential credential; struct span kind; };
static const struct record_body_field credential_row[] = {
    { "kind", RECORD_BORROWED, offsetof(struct stored_credential, kind), TEXT_BYTES },
    { "id", RECORD_TEXT, offsetof(struct stored_credential, credential.id), TEXT_BYTES },
    { "person", RECORD_TEXT, offsetof(struct stored_credential, credential.person), TEXT_BYTES },
    { "created_s", RECORD_TIME, offsetof(struct stored_credential, credential.created_s), 0 },
    { "used_s", RECORD_TIME, offsetof(struct stored_credential, credential.used_s), 0 },
    { "source", RECORD_TEXT, offsetof(struct stored_credential, credential.source), TEXT_BYTES },
    { "label", RECORD_TEXT, offsetof(struct stored_credential, credential.label), TEXT_BYTES },
    { "key", RECORD_TEXT, offsetof(struct stored_credential, credential.key), TEXT_BYTES },
    { "counter", RECORD_COUNT, offsetof(struct stored_credential, credential.counter), UINT_MAX },
    { "backup_eligible", RECORD_FLAG, offsetof(struct stored_credential, credential.backup_eligible), 0 },
    { "backed_up", RECORD_FLAG, offsetof(struct stored_credential, credential.backed_up), 0 },
};
struct stored_result { struct result result; struct span verdict, own, other; };
enum { RESULT_CHECK = 0, RESULT_CHECK_VERSION = 4 }; /* places in result_row */
static const struct record_body_field result_row[] = {
    { "check", RECORD_WORD, offsetof(struct stored_result, result.check), TEXT_BYTES },
    { "verdict", RECORD_BORROWED, offsetof(struct stored_result, verdict), TEXT_BYTES },
    { "evaluated_s", RECORD_TIME, offsetof(struct stored_result, result.evaluated_s), 0 },
    { "changed_s", RECORD_TIME, offsetof(struct stored_result, result.changed_s), 0 },
    { "check_version", RECORD_WORD, offsetof(struct stored_result, result.check_version), TEXT_BYTES },
    { "policy", RECORD_WORD, offsetof(struct stored_result, result.policy), TEXT_BYTES },
    { "last_passed_s", RECORD_TIME, offsetof(struct stored_result, result.last_passed_s), 0 },
    { "first_failed_s", RECORD_TIME, offsetof(struct stored_result, result.first_failed_s), 0 },
    { "visible_s", RECORD_TIME, offsetof(struct stored_result, result.visible_s), 0 },
    { "valid_until_s", RECORD_TIME, offsetof(struct stored_result, result.valid_until_s), 0 },
    { "fail_reads", RECORD_COUNT, offsetof(struct stored_result, result.fail_reads), UINT_MAX },
    { "saw", RECORD_TEXT, offsetof(struct stored_result, result.saw), TEXT_BYTES },
    { "why", RECORD_TEXT, offsetof(struct stored_result, result.why), TEXT_BYTES },
    { "own", RECORD_BORROWED, offsetof(struct stored_result, own), TEXT_BYTES },
    { "own_s", RECORD_TIME, offsetof(struct stored_result, result.own_s), 0 },
    { "other", RECORD_BORROWED, offsetof(struct stored_result, other), TEXT_BYTES },
};
static const struct record_body_field fact_row[] = {
    { "name", RECORD_TEXT, offsetof(struct fact, name), TEXT_BYTES },
    { "value", RECORD_TEXT, offsetof(struct fact, value), VALUE_BYTES },
    { "source", RECORD_WORD, offsetof(struct fact, source), TEXT_BYTES },
    { "version", RECORD_WORD, offsetof(struct fact, version), TEXT_BYTES },
    { "observed_s", RECORD_TIME, offsetof(struct fact, observed_s), 0 },
    { "expires_s", RECORD_TIME, offsetof(struct fact, expires_s), 0 },
};
static const struct record_body_field link_fields[] = {
    { "manager", RECORD_WORD, offsetof(struct managed_link, manager), TEXT_BYTES },
    { "id", RECORD_TEXT, offsetof(struct managed_link, id), TEXT_BYTES },
    { "managed", RECORD_COUNT, offsetof(struct managed_link, managed), MDM_YES },
    { "encrypted", RECORD_COUNT, offsetof(struct managed_link, encrypted), MDM_YES },
    { "firewall", RECORD_COUNT, offsetof(struct managed_link, firewall), MDM_YES },
    { "supervised", RECORD_COUNT, offsetof(struct managed_link, supervised), MDM_YES },
    { "personal", RECORD_COUNT, offsetof(struct managed_link, personal), MDM_YES },
    { "owner", RECORD_TEXT, offsetof(struct managed_link, owner), TEXT_BYTES },
    { "os_version", RECORD_WORD, offsetof(struct managed_link, os_version), TEXT_BYTES },
    { "compliance", RECORD_WORD, offsetof(struct managed_link, compliance), TEXT_BYTES },
    { "group", RECORD_WORD, offsetof(struct managed_link, group), TEXT_BYTES },
    { "contact_s", RECORD_TIME, offsetof(struct managed_link, contact_s), 0 },
    { "facts_s", RECORD_TIME, offsetof(struct managed_link, facts_s), 0 },
    { "read_s", RECORD_TIME, offsetof(struct managed_link, read_s), 0 },
    { "gone_s", RECORD_TIME, offsetof(struct managed_link, gone_s), 0 },
};
static const struct record_body_field fallback_fields[] = {
    { "state", RECORD_COUNT, offsetof(struct fallback, state), FALLBACK_STATES - 1 },
    { "invited", RECORD_FLAG, offsetof(struct fallback, invited), 0 },
    { "manager", RECORD_WORD, offsetof(struct fallback, manager), TEXT_BYTES },
    { "id", RECORD_TEXT, offsetof(struct fallback, id), TEXT_BYTES },
    { "former", RECORD_TEXT, offsetof(struct fallback, former), TEXT_BYTES },
    { "key", RECORD_TEXT, offsetof(struct fallback, key), TEXT_BYTES },
    { "why", RECORD_TEXT, offsetof(struct fallback, why), TEXT_BYTES },
    { "announced_s", RECORD_TIME, offsetof(struct fallback, announced_s), 0 },
    { "told_s", RECORD_TIME, offsetof(struct fallback, told_s), 0 },
    { "asked_s", RECORD_TIME, offsetof(struct fallback, asked_s), 0 },
    { "acted_s", RECORD_TIME, offsetof(struct fallback, acted_s), 0 },
    { "confirmed_s", RECORD_TIME, offsetof(struct fallback, confirmed_s), 0 },
    { "clean_s", RECORD_TIME, offsetof(struct fallback, clean_s), 0 },
};
static const struct record_body_field on_row[] = {
    { "from_s", RECORD_TIME, offsetof(struct interval, from_s), 0 },
    { "to_s", RECORD_TIME, offsetof(struct interval, to_s), 0 },
};
static const struct record_body_field doubt_row[] = {
    { "check", RECORD_WORD, offsetof(struct doubt, check), TEXT_BYTES },
    { "from_s", RECORD_TIME, offsetof(struct doubt, time.from_s), 0 },
    { "to_s", RECORD_TIME, offsetof(struct doubt, time.to_s), 0 },
};
#endif
