#include "posture/policy_writer.h"

#include "posture/base/clock.h"

void policy_write_duration(struct to_json *w, const char *key, int64_t seconds)
{
    char text[CLOCK_TEXT_BYTES];
    to_json_member_text(w, key, span_of(duration_text(seconds, text)));
}

void policy_write_texts(struct to_json *w, const char *key, const struct span *texts, size_t count)
{
    to_json_key(w, key);
    to_json_array(w);
    for (size_t i = 0; i < count; i++)
        to_json_text(w, texts[i]);
    to_json_end(w);
}

void policy_write_texts_if(struct to_json *w, const char *key, const struct span *texts, size_t count)
{
    if (count > 0)
        policy_write_texts(w, key, texts, count);
}
