#include "gateway/cli/audit_place.h"

#include "gateway/cli/client.h"
#include "gateway/cli/print.h"
#include "gateway/options.h"
#include "posture/base/clock.h"

#include <string.h>
#include <unistd.h>

enum { BAR_BYTES = 40, TIME_BYTES = 64 };

static int from_config(const char *path, struct audit_place *out)
{
    struct postern_options options;
    struct mistakes mistakes;
    mistakes_init(&mistakes);
    bool good = options_read(&options, path, false, &mistakes);
    if (good)
        snprintf(out->own, sizeof out->own, "%.*s", SPAN_ARGS(options.archive_folder));
    else
        print_line(stderr, "postern: %s cannot be read; `postern check %s` says why", path, path);
    mistakes_done(&mistakes);
    options_done(&options);
    return good ? CLI_DONE : CLI_NO;
}

static int from_state(const struct args *args, struct audit_place *out)
{
    CLEANUP(client_closep) struct client *c = NULL;
    int code = client_open(args, &c);
    if (code != CLI_DONE)
        return code;
    const char *state = client_state(c);
    if (state == NULL || state[0] == '\0')
        return cli_usage(args->command, "with POSTERN_URL name the folder of the archive: it is on the gateway's disk");
    snprintf(out->own, sizeof out->own, "%s/archive", state);
    return CLI_DONE;
}

int audit_place_find(const struct args *args, size_t first, struct audit_place *out)
{
    *out = (struct audit_place){ .count = 0 };
    for (size_t i = first; i < args->word_count && out->count < ARCHIVE_FOLDERS_MOST; i++)
        out->folders[out->count++] = args->words[i];
    if (out->count > 0)
        return CLI_DONE;
    out->folders[out->count++] = out->own;
    return args_text(args, "--config") != NULL ? from_config(args_text(args, "--config"), out) : from_state(args, out);
}

int audit_place_time(const struct args *args, const char *option, bool end_of_day, int64_t *at_s)
{
    const char *text = args_text(args, option);
    char full[TIME_BYTES], problem[TIME_BYTES * 3];
    int64_t read_s = 0;
    if (text == NULL)
        return CLI_DONE;
    bool day = strlen(text) == ARCHIVE_DAY_BYTES;
    snprintf(full, sizeof full, "%.40s%s", text, day ? "T00:00:00Z" : "");
    if (!clock_from_rfc3339(span_of(full), &read_s)) {
        snprintf(problem, sizeof problem, "%s must be a day (2026-11-30) or a time (2026-11-30T12:00:00Z)", option);
        return cli_usage(args->command, problem);
    }
    *at_s = read_s + (day && end_of_day ? 86400 : 0);
    return CLI_DONE;
}

void audit_place_progress(uint64_t done_bytes, uint64_t all_bytes)
{
    if (all_bytes == 0 || !isatty(STDERR_FILENO))
        return;
    uint64_t part = done_bytes >= all_bytes ? BAR_BYTES : done_bytes * BAR_BYTES / all_bytes;
    fprintf(stderr, "\r[");
    for (uint64_t i = 0; i < BAR_BYTES; i++)
        fputc(i < part ? '#' : '.', stderr);
    fprintf(stderr, "] %3llu %%", (unsigned long long)(part * 100 / BAR_BYTES));
}

void audit_place_progress_end(void)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K");
}
