/* The public address as it is used: it is the issuer of tokens, compared byte for byte. */
#include "gateway/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static void the_public_url_has_one_form(void **state)
{
    static const struct { const char *given, *used; } rows[] = {
        { "https://posture.acme.example", "https://posture.acme.example" },
        { "https://posture.acme.example/", "https://posture.acme.example" },
        { "https://posture.acme.example:443", "https://posture.acme.example" },
        { "https://posture.acme.example:443/", "https://posture.acme.example" },
        { "https://posture.acme.example:8443", "https://posture.acme.example:8443" },
        { "https://posture.acme.example:443/x", "https://posture.acme.example:443/x" },
        { "https://[2001:db8::443]", "https://[2001:db8::443]" },
        { "https://[2001:db8::1]:443", "https://[2001:db8::1]" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct postern_options options;
        struct mistakes mistakes;
        char text[200];
        print_message("  %s\n", rows[i].given);
        snprintf(text, sizeof text, "public_url: \"%s\"\n", rows[i].given);
        mistakes_init(&mistakes);
        assert_true(options_read_text(&options, span_of(text), span_of("postern.yaml"), false, &mistakes));
        assert_true(span_equal_text(options.public_url, rows[i].used));
        options_done(&options);
        mistakes_done(&mistakes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_public_url_has_one_form) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
