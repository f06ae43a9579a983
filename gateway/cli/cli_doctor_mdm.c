/* doctor, the device managers: how each was read, what is open, where sources disagree. Trouble of a manager as a destination is told with the others. */
#include "gateway/cli/doctor.h"
#include "gateway/cli/print.h"

static void examine_manager(struct examination *e, const struct from_json_value *m)
{
    char what[DOCTOR_TEXT_BYTES];
    struct span read = json_text(m, "read_at"), held = json_text(m, "held_at");
    long long devices = json_int(m, "devices", 0), unmatched = json_int(m, "unmatched", 0);
    snprintf(what, sizeof what, "mdm %.*s", SPAN_ARGS(json_text(m, "id")));
    if (!span_empty(held))
        doctor_say(e, DOCTOR_WARN, what, "look whether it shows all its devices to this token; then postern mdm sync", "many devices were missing at once, at %.*s: none is believed to be gone", SPAN_ARGS(held));
    else if (span_empty(read) && unmatched == 0)
        doctor_say(e, DOCTOR_OK, what, NULL, "its list was not read to its end yet");
    else
        doctor_say(e, DOCTOR_OK, what, NULL, "%lld devices, %lld of them unknown here", devices, unmatched);
}

/* How many are listed there; -1: not known. */
static long long total_of(struct client *c, const char *path)
{
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    return client_call(c, "GET", path, NULL, &a) == CLI_DONE ? (long long)json_int(&a.root, "total", -1) : -1;
}

void doctor_managers(struct examination *e, struct client *c)
{
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    if (client_call(c, "GET", "/admin/v1/mdm", NULL, &a) != CLI_DONE)
        return;
    struct from_json_value all = from_json_member(&a.root, "managers");
    for (size_t i = 0; i < from_json_count(&all); i++) {
        struct from_json_value m = from_json_item(&all, i);
        examine_manager(e, &m);
    }
    if (from_json_count(&all) == 0)
        return;
    long long open = total_of(c, "/admin/v1/mdm-devices?show=open&limit=1"), disagreements = total_of(c, "/admin/v1/mdm-devices?show=disagreements&limit=1");
    if (open > 0)
        doctor_say(e, DOCTOR_WARN, "mdm fallback", "postern mdm list --open, then postern mdm retry DEVICE", "devices whose fallback is not confirmed or stuck: %lld", open);
    if (disagreements > 0)
        doctor_say(e, DOCTOR_WARN, "mdm", "postern mdm list --disagreements", "devices of which two sources say different things: %lld", disagreements);
}
