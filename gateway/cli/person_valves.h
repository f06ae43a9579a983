/* person_valves: the actions of `postern person` about time: absences of one or of many, and putting something off. */
#ifndef GATEWAY_CLI_PERSON_VALVES_H
#define GATEWAY_CLI_PERSON_VALVES_H
#include "gateway/cli/args.h"

int person_valve_absences(const struct args *args); /* FILE: person,from,to */
int person_valve_back(const struct args *args);     /* PERSON */
int person_valve_snooze(const struct args *args);   /* PERSON --device D --check C */
#endif
