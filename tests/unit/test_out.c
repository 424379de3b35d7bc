#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "pw/out.h"
#include "pw/status.h"

static void test_cut(void **state)
{
    (void)state;
    for (size_t cap = 0; cap <= 12; cap++) {
        char buf[16];
        memset(buf, 0x5a, sizeof buf);
        pw_out out = {.buf = cap > 0 ? buf : NULL, .cap = cap};
        size_t need = 0;
        pw_print(&out, "%s-%d", "abc", 12);
        pw_print(&out, "%s", "xyz");
        pw_out_end(&out, &need);
        assert_int_equal(need, 10);
        for (size_t i = cap; i < sizeof buf; i++) assert_int_equal(buf[i], 0x5a);
        if (cap == 0) continue;
        assert_int_equal(strlen(buf), cap < 10 ? cap - 1 : 9);
        assert_int_equal(strncmp(buf, "abc-12xyz", strlen(buf)), 0);
    }
}

static const char *in_json(const char *text, char buf[64])
{
    pw_out out = {.buf = buf, .cap = 64};
    size_t need;
    pw_print_json(&out, text);
    pw_out_end(&out, &need);
    return buf;
}

static void test_json(void **state)
{
    (void)state;
    char buf[64];
    assert_string_equal(in_json("", buf), "\"\"");
    assert_string_equal(in_json("a\"b\\c", buf), "\"a\\\"b\\\\c\"");
    assert_string_equal(in_json("a\n\x01z", buf), "\"a\\u000a\\u0001z\"");
    assert_string_equal(in_json("\xc3\xa9", buf), "\"\xc3\xa9\"");
}

static const char *in_words(double bytes, char buf[64])
{
    pw_out out = {.buf = buf, .cap = 64};
    size_t need;
    pw_print_bytes(&out, bytes);
    pw_out_end(&out, &need);
    return buf;
}

static void test_bytes(void **state)
{
    (void)state;
    char buf[64];
    assert_string_equal(in_words(0.0, buf), "0 B");
    assert_string_equal(in_words(999.0, buf), "999 B");
    assert_string_equal(in_words(1000.0, buf), "1.0 kB");
    assert_string_equal(in_words(98.44e6, buf), "98.4 MB");
    assert_string_equal(in_words(2.5e9, buf), "2.5 GB");
    assert_string_equal(in_words(7e15, buf), "7000.0 TB");
}

/* A reason that is too long ends in "...", so that the cut is seen. */
static void test_fail(void **state)
{
    (void)state;
    pewter_error err;
    char text[600];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    assert_int_equal(pw_fail(NULL, PEWTER_E_IO, "%s", text), PEWTER_E_IO);
    assert_int_equal(pw_fail(&err, PEWTER_E_ARG, "%d wanted", 3), PEWTER_E_ARG);
    assert_string_equal(err.message, "3 wanted");
    assert_int_equal(pw_fail(&err, PEWTER_E_FORMAT, "%s", text), PEWTER_E_FORMAT);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    assert_string_equal(err.message + sizeof err.message - 5, "x...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_fail),
    };
    return cmocka_run_group_tests_name("out", tests, NULL, NULL);
}
