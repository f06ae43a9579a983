#include "live.h"

#include <stdlib.h>
#include <string.h>

/* The value after an option such as "-s" in a rule; "" when it is not there. */
static void set_option(struct rows *rows, const char *column, const char *rule, const char *option)
{
    const char *at = strstr(rule, option);
    if (at == NULL)
        return;
    at += strlen(option);
    rows_text_n(rows, column, at, strcspn(at, " "));
}

/* "-A INPUT -i lo -j ACCEPT" */
static void add_rule(struct rows *rows, const char *table, const char *policies, const char *rule)
{
    const char *chain = rule + 3;
    size_t size = strcspn(chain, " ");
    rows_next(rows);
    rows_text(rows, "filter_name", table);
    rows_text_n(rows, "chain", chain, size);
    char *wanted = must_format("\n%.*s ", (int)size, chain);
    const char *policy = strstr(policies, wanted);
    if (policy != NULL) {
        policy += strlen(wanted);
        rows_text_n(rows, "policy", policy, strcspn(policy, " \n"));
    }
    free(wanted);
    set_option(rows, "target", rule, " -j ");
    set_option(rows, "src_ip", rule, " -s ");
    set_option(rows, "dst_ip", rule, " -d ");
    set_option(rows, "iniface", rule, " -i ");
    set_option(rows, "outiface", rule, " -o ");
    set_option(rows, "src_port", rule, " --sport ");
    set_option(rows, "dst_port", rule, " --dport ");
    set_option(rows, "match", rule, " -m ");
}

/* iptables-save: "*filter", ":INPUT ACCEPT [0:0]", "-A INPUT ...". A chain without rules still gives its policy. */
static void read_save(struct rows *rows, char *rest)
{
    struct text policies;
    text_init(&policies, 65536);
    const char *table = "";
    for (char *line = next_line(&rest); line != NULL; line = next_line(&rest)) {
        if (line[0] == '*') {
            table = line + 1;
            text_clear(&policies);
            text_puts(&policies, "\n");
        } else if (line[0] == ':') {
            text_addf(&policies, "%s\n", line + 1);
            const char *policy = strchr(line, ' ');
            rows_next(rows);
            rows_text(rows, "filter_name", table);
            rows_text_n(rows, "chain", line + 1, strcspn(line + 1, " "));
            if (policy != NULL)
                rows_text_n(rows, "policy", policy + 1, strcspn(policy + 1, " "));
        } else if (strncmp(line, "-A ", 3) == 0) {
            add_rule(rows, table, text_str(&policies), line);
        }
    }
    text_done(&policies);
}

/* The table knows the kernel's legacy tables only: without them it is empty, whatever nftables does. */
void live_iptables(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    char *names = live_word(context, "/proc/net/ip_tables_names");
    bool any = names != NULL && names[0] != '\0';
    free(names);
    if (!any)
        return;
    static const char *const arguments[] = { "iptables-legacy-save", NULL };
    struct text output;
    if (!live_command(arguments, &output)) {
        rows_fail(rows, "the kernel has iptables tables, but iptables-legacy-save does not answer");
        return;
    }
    read_save(rows, output.data);
    text_done(&output);
}
