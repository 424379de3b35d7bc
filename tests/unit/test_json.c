#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/text/json.h"

static json_t *parsed(const char *text, size_t bytes)
{
    json_t *value = NULL;
    pewter_error err = {{0}};
    if (pw_json_parse("text", text, bytes, PW_JSON_BYTES, &value, &err) != PEWTER_OK)
        fail_msg("%s: %s", text, err.message);
    assert_non_null(value);
    return value;
}

/* ---- Parsing -------------------------------------------------------------------------------------- */

static void values_of_all_types_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        json_type type;
    } rows[] = {
        {"{}", JSON_OBJECT},   {"[]", JSON_ARRAY},      {"\"a\"", JSON_STRING},
        {"1", JSON_INTEGER},   {"-1.5e3", JSON_REAL},   {"true", JSON_TRUE},
        {"false", JSON_FALSE}, {" null \n", JSON_NULL}, {"[1, [2, {\"a\": 3}]]", JSON_ARRAY},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *value = parsed(rows[i].text, strlen(rows[i].text));
        assert_int_equal(json_typeof(value), rows[i].type);
        json_decref(value);
    }
    static const char text[] = "[9223372036854775807, 1e-2, \"\\u00e9\\ud83d\\ude00\"]";
    json_t *value = parsed(text, sizeof text - 1);
    assert_true(json_integer_value(json_array_get(value, 0)) == INT64_MAX);
    assert_true(json_real_value(json_array_get(value, 1)) == 0.01);
    assert_string_equal(json_string_value(json_array_get(value, 2)), "é😀");
    json_decref(value);
}

static void a_zero_byte_is_a_character(void **state)
{
    (void)state;
    json_t *value = parsed("\"a\\u0000b\"", 10);
    assert_int_equal(json_string_length(value), 3);
    assert_memory_equal(json_string_value(value), "a\0b", 3);
    char *text;
    size_t bytes;
    assert_int_equal(pw_json_dump(value, 0, &text, &bytes, NULL), PEWTER_OK);
    assert_string_equal(text, "\"a\\u0000b\"");
    pw_json_text_free(text);
    json_decref(value);
}

static void the_last_of_equal_keys_counts(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":1,\"b\":2,\"a\":3}";
    json_t *value = parsed(text, sizeof text - 1);
    assert_int_equal(json_object_size(value), 2);
    assert_true(json_integer_value(json_object_get(value, "a")) == 3);
    json_decref(value);
}

static void broken_texts_are_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\"}",
        "{\"a\":1,}",
        "{a:1}",
        "'a'",
        "\"a",
        "[1 2]",
        "01",
        "1.",
        "+1",
        "nul",
        "NaN",
        "[1]x",
        "[1] []",
        "// c\n1",
        "\"\\x\"",
        "\"\\ud800\"",
        "\"a\nb\"",
        "\"\xff\"",
        "\"\xc0\x80\"",
        "\"\xed\xa0\x80\"",
        "]",
        "1e999",
        "99999999999999999999",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *value = NULL;
        pewter_error err = {{0}};
        const pewter_status status =
            pw_json_parse("body", rows[i], strlen(rows[i]), PW_JSON_BYTES, &value, &err);
        if (status != PEWTER_E_FORMAT) fail_msg("%s: %d", rows[i], (int)status);
        assert_null(value);
        assert_non_null(strstr(err.message, "body: JSON breaks at line 1, column"));
    }
    json_t *value = NULL;
    pewter_error err = {{0}};
    assert_int_equal(pw_json_parse("body", "[\n1,\n\n}", 7, 100, &value, &err), PEWTER_E_FORMAT);
    assert_non_null(strstr(err.message, "line 4"));
    assert_int_equal(pw_json_parse("body", "[", 1, 100, &value, NULL), PEWTER_E_FORMAT);
}

static void size_is_bounded(void **state)
{
    (void)state;
    json_t *value = NULL;
    pewter_error err = {{0}};
    assert_int_equal(pw_json_parse("body", "[1,2]", 5, 5, &value, &err), PEWTER_OK);
    json_decref(value);
    value = NULL;
    assert_int_equal(pw_json_parse("body", "[1,2]", 5, 4, &value, &err), PEWTER_E_LIMIT);
    assert_string_equal(err.message, "body: JSON of 5 bytes, at most 4 are taken");
    assert_null(value);
}

/* Brackets `depth` deep around a 1; freed by the caller. */
static char *nested(size_t depth, const char *open, char close)
{
    const size_t bytes = strlen(open);
    char *text = malloc(depth * (bytes + 1) + 2), *at = text;
    assert_non_null(text);
    for (size_t i = 0; i < depth; i++) at = stpcpy(at, open);
    *at++ = '1';
    for (size_t i = 0; i < depth; i++) *at++ = close;
    *at = '\0';
    return text;
}

static void depth_is_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *open;
        char close;
    } rows[] = {{"[", ']'}, {"{\"k\":", '}'}, {" [\n", ']'}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = nested(PW_JSON_DEPTH, rows[i].open, rows[i].close);
        json_decref(parsed(text, strlen(text)));
        free(text);
        for (size_t depth = PW_JSON_DEPTH + 1; depth < 1000000; depth *= 9) {
            json_t *value = NULL;
            pewter_error err = {{0}};
            text = nested(depth, rows[i].open, rows[i].close);
            assert_int_equal(pw_json_parse("body", text, strlen(text), PW_JSON_BYTES, &value, &err),
                             PEWTER_E_FORMAT);
            assert_non_null(strstr(err.message, "at most 64 is taken"));
            free(text);
        }
    }
}

static void brackets_in_strings_do_not_nest(void **state)
{
    (void)state;
    char text[500] = "[\"\\\"";
    for (int i = 0; i < 100; i++) strcat(text, "[{");
    strcat(text, "\\\\\", \"]]\"]");
    json_t *value = parsed(text, strlen(text));
    assert_int_equal(json_array_size(value), 2);
    json_decref(value);
    static const char wide[] = "[[],[],{\"a\":[]},{}]";
    json_decref(parsed(wide, sizeof wide - 1));
}

/* ---- Writing -------------------------------------------------------------------------------------- */

static void values_are_written(void **state)
{
    (void)state;
    static const char text[] = "{\"b\": [1, 2.5, null], \"a\": \"\\u00e9\\n\\\"\", \"c\": {}}";
    json_t *value = parsed(text, sizeof text - 1);
    char *dump;
    size_t bytes;
    assert_int_equal(pw_json_dump(value, 0, &dump, &bytes, NULL), PEWTER_OK);
    assert_string_equal(dump, "{\"b\": [1, 2.5, null], \"a\": \"é\\n\\\"\", \"c\": {}}");
    assert_int_equal(bytes, strlen(dump));
    pw_json_text_free(dump);
    assert_int_equal(pw_json_dump(value, 2, &dump, &bytes, NULL), PEWTER_OK);
    assert_string_equal(dump, "{\n  \"b\": [\n    1,\n    2.5,\n    null\n  ],\n"
                              "  \"a\": \"é\\n\\\"\",\n  \"c\": {}\n}");
    pw_json_text_free(dump);
    pw_json_text_free(NULL);
    json_decref(value);
}

static void texts_are_quoted(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t bytes;
        const char *want;
    } rows[] = {
        {"", 0, "\"\""},
        {"abc", 3, "\"abc\""},
        {"a\"\\/", 4, "\"a\\\"\\\\/\""},
        {"\n\r\t\b\f", 5, "\"\\n\\r\\t\\b\\f\""},
        {"\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\\u007f\""},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\"é€😀\""},
        {"a\xff"
         "b",
         3,
         "\"a\xef\xbf\xbd"
         "b\""},
        {"\xc3", 1, "\"\xef\xbf\xbd\""},
        {"\xe2\x82", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xc0\x80", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xf4\x90\x80\x80", 4, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[100];
        const size_t need = pw_json_quote(rows[i].text, rows[i].bytes, out, sizeof out);
        assert_string_equal(out, rows[i].want);
        assert_int_equal(need, strlen(rows[i].want));
        assert_int_equal(pw_json_quote(rows[i].text, rows[i].bytes, NULL, 0), need);
    }
}

/* A text that does not fit is cut between characters, and ends. */
static void a_small_room_is_kept(void **state)
{
    (void)state;
    static const char text[] = "a\xc3\xa9\n\x01z";
    static const char whole[] = "\"aé\\n\\u0001z\"";
    const size_t need = pw_json_quote(text, sizeof text - 1, NULL, 0);
    assert_int_equal(need, sizeof whole - 1);
    for (size_t cap = 1; cap <= need + 1; cap++) {
        char *out = malloc(cap); /* of just that size, so that a byte too far is seen */
        assert_non_null(out);
        assert_int_equal(pw_json_quote(text, sizeof text - 1, out, cap), need);
        const size_t length = strlen(out);
        assert_true(length < cap);
        assert_memory_equal(out, whole, length);
        assert_true(length != 3); /* within the two bytes of a character */
        if (cap == need + 1) assert_int_equal(length, need);
        free(out);
    }
}

static void what_is_quoted_reads_back(void **state)
{
    (void)state;
    char text[256], quoted[2000];
    for (int i = 0; i < 128; i++) text[i] = (char)i;
    const size_t bytes = pw_json_quote(text, 128, quoted, sizeof quoted);
    json_t *value = parsed(quoted, bytes);
    assert_int_equal(json_string_length(value), 128);
    assert_memory_equal(json_string_value(value), text, 128);
    json_decref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_all_types_are_read),
        cmocka_unit_test(a_zero_byte_is_a_character),
        cmocka_unit_test(the_last_of_equal_keys_counts),
        cmocka_unit_test(broken_texts_are_refused),
        cmocka_unit_test(size_is_bounded),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(brackets_in_strings_do_not_nest),
        cmocka_unit_test(values_are_written),
        cmocka_unit_test(texts_are_quoted),
        cmocka_unit_test(a_small_room_is_kept),
        cmocka_unit_test(what_is_quoted_reads_back),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
