/* What was judged, read at a time: whether it still counts, since when nobody knows, and what a device is to be asked. */
#include "posture/evaluate.h"
#include "posture/evaluate_parts.h"

int64_t evaluate_end(const struct check *check, const struct result *result) { return evaluate_result_end(check->fresh_for_s, result); }

int64_t evaluate_doubt(const struct check *check, const struct result *result, int64_t now_s)
{
    int64_t end_s = evaluate_end(check, result);
    if (result->verdict != VERDICT_FAIL)
        return result->changed_s;
    return now_s >= end_s ? end_s : 0;
}

enum verdict evaluate_now(const struct check *check, const struct device *device, const struct result *result, int64_t now_s)
{
    if (!evaluate_platform(check, device)->applies)
        return VERDICT_NOT_APPLICABLE;
    return evaluate_result(check->fresh_for_s, result, now_s);
}

struct asking { int64_t now_s, asked_s; bool waiting; /* the last question may still be answered */ };

static bool is_due(const struct check *check, const struct device *device, const struct result *result, const struct asking *asking)
{
    const struct check_platform *on = evaluate_platform(check, device);
    if (!on->applies || span_empty(on->osquery))
        return false;
    int64_t evaluated_s = result == NULL ? 0 : result->evaluated_s;
    bool rechecked = device->recheck_s > evaluated_s && evaluate_recheck_names(device, check->id);
    if (rechecked && !(asking->waiting && asking->asked_s >= device->recheck_s))
        return true;
    if (asking->waiting)
        return false;
    return result == NULL || !span_equal(result->check_version, check->version) || asking->now_s - evaluated_s >= check->interval_s;
}

/* Both lists ascend by check id, so one walk over both is enough. */
size_t evaluate_due(const struct policy *policy, const struct device *device, int64_t now_s, int64_t asked_s, int64_t again_after_s, unsigned *indexes, size_t most)
{
    struct asking asking = { now_s, asked_s, asked_s != 0 && now_s - asked_s < again_after_s };
    size_t found = 0, at = 0;
    for (unsigned i = 0; i < policy->check_count && found < most; i++) {
        const struct check *check = &policy->checks[i];
        while (at < device->result_count && span_compare(device->results[at].check, check->id) < 0)
            at++;
        bool has = at < device->result_count && span_equal(device->results[at].check, check->id);
        if (is_due(check, device, has ? &device->results[at] : NULL, &asking))
            indexes[found++] = i;
    }
    return found;
}

static bool is_only_changed(const struct check *check, const struct device *device, int64_t now_s)
{
    const struct result *result = device_result(device, check->id);
    int64_t evaluated_s = result == NULL ? 0 : result->evaluated_s;
    if (device->recheck_s > evaluated_s && evaluate_recheck_names(device, check->id))
        return false;
    return result == NULL || (!span_equal(result->check_version, check->version) && now_s - evaluated_s < check->interval_s);
}

size_t evaluate_without_changed(const struct policy *policy, const struct device *device, int64_t now_s, unsigned *indexes, size_t count)
{
    size_t left = 0;
    for (size_t i = 0; i < count; i++)
        if (!is_only_changed(&policy->checks[indexes[i]], device, now_s))
            indexes[left++] = indexes[i];
    return left;
}
