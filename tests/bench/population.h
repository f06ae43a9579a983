/* population: a made-up company for the benches, the same each time: device n and person n of it, at any size. Each device has 20 results of real checks with the rows that they rest on, an owner,
 * three or four identifiers; one in ten fails something. Person n owns device n, and every fourth person also device n of the second kind (persons: 4/5 of the devices). */
#ifndef TESTS_BENCH_POPULATION_H
#define TESTS_BENCH_POPULATION_H
#include "posture/device.h"

enum { POPULATION_RESULTS = 20, POPULATION_ID_BYTES = 29 };
struct population { size_t devices, persons; int64_t now_s; };
struct population population_of(size_t devices, int64_t now_s);

void population_device_id(size_t n, char id[POPULATION_ID_BYTES]); /* d_ and 26 characters */
void population_person_id(size_t n, char id[POPULATION_ID_BYTES]);
void population_serial(size_t n, char out[16]);
void population_certificate(size_t n, char out[65]);
void population_email(size_t n, char out[64]);
size_t population_owner(const struct population *p, size_t device); /* the person's number */

/* Owned, facts included; ends the program when memory is short. */
struct device *population_device(const struct population *p, size_t n);
struct person *population_person(const struct population *p, size_t n);
/* When each check was last asked, as a refresh says it: a JSON object. */
void population_times(const struct population *p, size_t n, struct buf *out);
#endif
