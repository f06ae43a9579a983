/* doctor: what the parts of `postern doctor` share. Private to gateway/cli/cli_doctor*.c. */
#ifndef GATEWAY_CLI_DOCTOR_H
#define GATEWAY_CLI_DOCTOR_H
#include "gateway/cli/client.h"
#include "posture/base/to_json.h"

enum { DOCTOR_TEXT_BYTES = 600, DOCTOR_BODY_BYTES = 256 * 1024 };
enum doctor_level { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL };
struct examination { const struct args *args; struct buf json; struct to_json w; bool failed; const char *ca; /* to trust; NULL: the system's */ };

/* One line; `fix` NULL or empty: nothing to do. */
void doctor_say(struct examination *e, enum doctor_level level, const char *what, const char *fix, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* One GET from here, with the trust of `e`. */
struct doctor_probe { long status; bool length_known; /* Content-Length was there */ char type[128]; struct buf body; char why[256]; bool untrusted; };
/* False when nothing came back; `why` says why. `header` may be NULL. The probe must be zeroed or done before. */
bool doctor_get(const struct examination *e, const char *url, const char *header, struct doctor_probe *out);
void doctor_probe_done(struct doctor_probe *p);

/* The doors: what the gateway says of each, and what is seen of them from here. */
void doctor_doors(struct examination *e, const struct from_json_value *status);

/* The device managers; asks the gateway anew. */
void doctor_managers(struct examination *e, struct client *c);

#endif
