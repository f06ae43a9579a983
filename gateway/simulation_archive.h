/* simulation_archive: the days before the log begins, as the archive tells them (docs/audit.md): what each device was, and every login that was asked about. A
 * record there has less than the log's: which check stood how and whether it was visible, since when follows from the records themselves; all else of a device is
 * taken to be as it is now. Names that mean nobody here (people who were erased, devices that have changed hands since) are passed over and counted.
 * The archive is read as it lies there; `postern audit verify` says whether it is to be believed. Blocks; belongs to one thread, which is registered. */
#ifndef GATEWAY_SIMULATION_ARCHIVE_H
#define GATEWAY_SIMULATION_ARCHIVE_H
#include "gateway/simulation_run.h"

struct simulation_archive;
/* Reads the archive in `folder` (borrowed) once, for the stretches in which devices were off. ERR_NOT_FOUND: none there. Owned. */
MUST_CHECK enum err_code simulation_archive_open(const struct simulation_run *run, const char *folder, unsigned partitions, struct simulation_archive **out, struct err *err);
void simulation_archive_close(struct simulation_archive *a); /* NULL is fine */
/* From the first record of the run's time again. */
MUST_CHECK enum err_code simulation_archive_rewind(struct simulation_archive *a, struct err *err);

/* A login (`data`: its app and outcome) or a device's new state (`body`: its record). Borrowed until the next call. */
struct simulation_archived { unsigned partition; int64_t at_s; bool is_decision; struct span id, person, device, data, body; };
/* ERR_NOT_FOUND at the end. `until_ms`: of each partition, when its log begins: records after that second are left out. */
MUST_CHECK enum err_code simulation_archive_next(struct simulation_archive *a, const int64_t *until_ms, struct simulation_archived *out, struct err *err);
uint64_t simulation_archive_unknown(const struct simulation_archive *a);
#endif
