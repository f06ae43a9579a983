#include "gateway/node.h"

extern const unsigned char sample_policy_yaml[];
extern const size_t sample_policy_yaml_bytes;

struct span sample_policy(void) { return span_make(sample_policy_yaml, sample_policy_yaml_bytes); }
