#include "state.h"

#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool state_open(const char *directory)
{
    if (mkdir(directory, 0700) == 0 || errno == EEXIST)
        return access(directory, W_OK | X_OK) == 0;
    return false;
}

char *state_get(const char *directory, const char *name)
{
    char *path = must_format("%s/%s", directory, name);
    struct text content;
    char *out = NULL;
    if (file_read(path, 4 * 1024 * 1024, &content)) {
        out = must_copy(trimmed(content.data));
        text_done(&content);
    }
    free(path);
    return out;
}

void state_put(const char *directory, const char *name, const char *value)
{
    char *path = must_format("%s/%s", directory, name);
    if (value == NULL)
        unlink(path);
    else if (!file_write_private(path, value, strlen(value)))
        complain("cannot write %s: %s", path, strerror(errno));
    free(path);
}

void state_uuid(const char *directory, const char *name, char out[37])
{
    char *kept = state_get(directory, name);
    if (kept != NULL && strlen(kept) == 36) {
        memcpy(out, kept, 37);
    } else {
        random_uuid(out);
        state_put(directory, name, out);
    }
    free(kept);
}
