/* state: the small files of --database_path, mode 0600 in a directory of mode 0700: node_key, instance_id, uuid and
 * config_backup.json. Copying the directory clones the agent, as with osqueryd. */
#ifndef AGENT_STATE_H
#define AGENT_STATE_H

#include <stdbool.h>
#include <stddef.h>

/* Makes the directory when it is missing. */
bool state_open(const char *directory);
/* Owned by the caller; NULL when there is none. At most 4 MiB. */
char *state_get(const char *directory, const char *name);
/* NULL erases. */
void state_put(const char *directory, const char *name, const char *value);
/* The UUID kept under `name`, made at first use. */
void state_uuid(const char *directory, const char *name, char out[37]);

#endif
