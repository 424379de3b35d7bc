#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/text/utf8.h"

static void test_every_code_point_there_and_back(void **state)
{
    (void)state;
    for (uint32_t code = 0; code < 0x110000; code++) {
        if (code >= 0xd800 && code < 0xe000) continue;
        char text[4];
        const size_t size = pw_utf8_put(code, text);
        const size_t wanted = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        assert_int_equal(size, wanted);
        assert_int_equal(pw_utf8_lead((unsigned char)text[0]), size);
        assert_int_equal(pw_utf8_char(text, size), size);
        assert_int_equal(pw_utf8_char(text, size - 1), 0);
        assert_int_equal(pw_utf8_code(text, size), code);
        for (size_t cut = 1; cut < size; cut++) assert_int_equal(pw_utf8_partial(text, cut), cut);
        assert_int_equal(pw_utf8_partial(text, size), 0);
    }
}

/* Overlong forms, surrogates, what is too high or cut short; and all pairs of bytes against table 3-7
 * of the Unicode Standard. */
static void test_refuses_what_is_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t bytes;
    } cases[] = {
        {"\x80", 1},
        {"\xbf", 1},
        {"\xc0\x80", 2},
        {"\xc1\xbf", 2},
        {"\xc2", 1},
        {"\xc2\x41", 2},
        {"\xe0\x9f\xbf", 3},
        {"\xe0\xa0", 2},
        {"\xed\xa0\x80", 3},
        {"\xed\xbf\xbf", 3},
        {"\xef\xbf\x7f", 3},
        {"\xf0\x8f\xbf\xbf", 4},
        {"\xf0\x90\x80", 3},
        {"\xf5\x80", 2},
        {"\xf4\x90\x80\x80", 4},
        {"\xff", 1},
        {"\xfe", 1},
        {"\xf8\x88\x80", 3},
        {"", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(pw_utf8_char(cases[i].text, cases[i].bytes), 0);

    for (unsigned lead = 0; lead < 256; lead++)
        for (unsigned second = 0; second < 256; second++) {
            const char text[] = {(char)lead, (char)second};
            const bool two = lead >= 0xc2 && lead <= 0xdf && (second & 0xc0) == 0x80;
            assert_int_equal(pw_utf8_char(text, 2), lead < 0x80 ? 1 : two ? 2 : 0);
        }
}

static void test_finds_where_a_text_breaks(void **state)
{
    (void)state;
    assert_int_equal(pw_utf8_valid("", 0), 0);
    assert_int_equal(pw_utf8_valid("a\xc3\xa9z", 4), 4);
    assert_int_equal(pw_utf8_valid("a\xc3\xa9\xff", 4), 3);
    assert_int_equal(pw_utf8_valid("a\xf0\x9f\x98", 4), 1);
}

/* What a stream holds back: only what may yet become a character. */
static void test_holds_back_beginnings_only(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t bytes, held;
    } cases[] = {
        {"", 0, 0},
        {"a", 1, 0},
        {"a\xf0", 2, 1},
        {"a\xf0\x9f", 3, 2},
        {"a\xf0\x9f\x98", 4, 3},
        {"a\xf0\x9f\x98\x80", 5, 0},
        {"\x80", 1, 0},         /* never a beginning */
        {"\x80\x80\x80", 3, 0}, /* likewise */
        {"\xff", 1, 0},
        {"\xc0", 1, 0},
        {"\xed\xa0", 2, 0}, /* a surrogate cannot come of it */
        {"\xe0\x80", 2, 0}, /* nor can an overlong form */
        {"\xf4\x90", 2, 0},
        {"\xe2\x82", 2, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(pw_utf8_partial(cases[i].text, cases[i].bytes), cases[i].held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_point_there_and_back),
        cmocka_unit_test(test_refuses_what_is_malformed),
        cmocka_unit_test(test_finds_where_a_text_breaks),
        cmocka_unit_test(test_holds_back_beginnings_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
