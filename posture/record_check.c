#include "posture/record_check.h"

#include "posture/device.h"
#include "posture/directory_control.h"
#include "posture/person.h"

static enum err_code check_control(struct span id, struct span body, struct err *err)
{
    const struct control before = { .policy = NULL };
    struct control *read = NULL;
    struct policy *policy = NULL;
    int index = directory_control_index(id);
    if (index < 0)
        return OK;
    enum err_code code = directory_control_with(&before, index, body, 1, &read, &policy, err);
    if (code == OK && policy != NULL)
        policy_free((struct policy *)(uintptr_t)read->ring.before); /* ours, as the record is a policy's */
    policy_free(policy);
    directory_control_free(read);
    return code;
}

enum err_code record_check(enum record_kind kind, struct span id, struct span body, struct err *err)
{
    CLEANUP(device_freep) struct device *device = NULL;
    CLEANUP(person_freep) struct person *person = NULL;
    switch (kind) {
    case RECORD_DEVICE: return device_from_json(body, 1, true, &device, err);
    case RECORD_PERSON: return person_from_json(body, 1, &person, err);
    case RECORD_CONTROL: break;
    }
    return check_control(id, body, err);
}
