/* samples: between the two halves of block_kit_samples. */
#ifndef TESTS_E2E_BLOCK_KIT_SCHEMA_SAMPLES_H
#define TESTS_E2E_BLOCK_KIT_SCHEMA_SAMPLES_H
#include "posture/base/to_json.h"
/* Appends objects to the open array. Exits with a message when something cannot be made. */
void print_slack_samples(const char *policy, struct to_json *w);
#endif
