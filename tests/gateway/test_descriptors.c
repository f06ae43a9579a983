#include "gateway/descriptors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* In a child: a hard limit that was lowered stays low. 0: refused, with words that help. */
static int64_t connections_under(rlim_t soft, rlim_t hard, int64_t wanted, rlim_t *soft_after)
{
    struct { int64_t connections; rlim_t soft; } told = { -1, 0 };
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = { soft, hard };
        struct err err = { 0 };
        enum err_code code = setrlimit(RLIMIT_NOFILE, &limit) == 0 ? descriptors_for(NULL, wanted, &told.connections, &err) : ERR_INTERNAL;
        if (code == ERR_LIMIT && strstr(err.text, "LimitNOFILE") != NULL)
            told.connections = 0;
        if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
            told.soft = limit.rlim_cur;
        _exit(write(ends[1], &told, sizeof told) == sizeof told ? 0 : 1);
    }
    assert_int_equal(read(ends[0], &told, sizeof told), sizeof told);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ends[0]);
    close(ends[1]);
    *soft_after = told.soft;
    return told.connections;
}

static void the_limit_is_raised_as_far_as_it_may_be(void **state)
{
    static const struct { const char *name; rlim_t soft, hard; int64_t wanted, connections; rlim_t soft_after; } rows[] = {
        { "enough", 4096, 4096, 1000, 1000, 4096 },
        { "raised", 300, 4096, 1000, 1000, 1000 + DESCRIPTORS_OWN },
        { "not far enough", 300, 1024, 1000, 1024 - DESCRIPTORS_OWN, 1024 },
        { "just enough to start", 300, DESCRIPTORS_OWN + DESCRIPTORS_LEAST, 1000, DESCRIPTORS_LEAST, DESCRIPTORS_OWN + DESCRIPTORS_LEAST },
        { "too few", 64, DESCRIPTORS_OWN + DESCRIPTORS_LEAST - 1, 1000, 0, DESCRIPTORS_OWN + DESCRIPTORS_LEAST - 1 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rlim_t soft_after = 0;
        int64_t connections = connections_under(rows[i].soft, rows[i].hard, rows[i].wanted, &soft_after);
        if (connections != rows[i].connections || soft_after != rows[i].soft_after)
            fail_msg("%s: %lld connections, limit %lld", rows[i].name, (long long)connections, (long long)soft_after);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_limit_is_raised_as_far_as_it_may_be) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
