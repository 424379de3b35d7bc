/* Calls with their arguments one by one, to JSON: whole, and after every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/text/tool_format.h"
#include "tools/server/pairs.h"

static const char tools_text[] = "[{\"type\":\"function\",\"function\":{\"name\":\"weather\","
                                 "\"parameters\":{\"type\":\"object\",\"properties\":"
                                 "{\"city\":{\"type\":\"string\"},\"days\":{\"type\":\"integer\"},"
                                 "\"where\":{\"type\":\"object\"}}}}},"
                                 "{\"type\":\"function\",\"function\":{\"name\":\"now\"}}]";

static const struct {
    const char *text, *json;
} cases[] = {
    {"", ""},
    {"No call, <b>none</b>.", "No call, <b>none</b>."},
    {"Well.<tool_call>now\n</tool_call>",
     "Well.<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>"},
    {"<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>St \"Ives\"\nby <sea></arg_value>\n"
     "<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n</"
     "tool_call>\n<tool_call>weather\n<arg_key>city</arg_key>\n"
     "<arg_value>12</arg_value>\n<arg_key>where</arg_key>\n<arg_value>{\"x\": "
     "[1]}</arg_value>\n</tool_call>",
     "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"St \\\"Ives\\\"\\nby "
     "<sea>\", \"days\": 3}}\n"
     "</tool_call>\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"12\", "
     "\"where\": {\"x\": [1]}}}\n"
     "</tool_call>"},
    {"<tool_call>wea", "<tool_call>"},
};

static void test_to_json(void **state)
{
    (void)state;
    static const char glm[] = "<tool_call> and <arg_key>";
    const pewter_tool_format *f = pw_tool_format(glm, sizeof glm - 1);
    assert_non_null(f->key);
    json_t *tools = NULL;
    pewter_error err;
    assert_int_equal(
        pw_json_parse("tools", tools_text, strlen(tools_text), PW_JSON_BYTES, &tools, &err),
        PEWTER_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const size_t bytes = strlen(cases[i].text);
        textbuf whole = {0}, part = {0};
        pairs_to_json(f, tools, cases[i].text, bytes, &whole);
        assert_string_equal(whole.bytes > 0 ? whole.data : "", cases[i].json);
        size_t before = 0;
        for (size_t n = 0; n <= bytes; n++) {
            pairs_to_json(f, tools, cases[i].text, n, &part);
            /* What a beginning of a call was told as is a beginning of what the call is told as. */
            assert_true(part.bytes <= whole.bytes || n < bytes);
            const size_t same = part.bytes < whole.bytes ? part.bytes : whole.bytes;
            if (strstr(cases[i].text, "<tool_call>") == NULL || n > strlen("Well.<tool_call>"))
                assert_memory_equal(part.bytes > 0 ? part.data : "", cases[i].json, same);
            assert_true(part.bytes >= before || n < strlen("Well.<tool_call>"));
            before = part.bytes;
        }
        text_free(&part);
        text_free(&whole);
    }
    json_decref(tools);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_to_json)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
