/* What chat templates are given: messages as a list or as JSON, tools, variables, tokens, clock. */
#include "tests/unit/test_template.h"

static void set_json(const char **text, size_t *bytes, const char *json)
{
    *text = json;
    *bytes = strlen(json);
}

static void messages_come_as_a_list(void **state)
{
    (void)state;
    const pewter_message list[] = {{"system", "S"}, {"user", "U\xc3\xa9"}};
    const pw_template_input input = {.list = list, .n_list = 2};
    tt_renders("{% for m in messages %}{{ m.role }}:{{ m['content'] }};{% endfor %}", &input,
               "system:S;user:U\xc3\xa9;");
    tt_renders("{{ messages|tojson }}{{ messages[0].items()|list }}", &input,
               "[{\"role\": \"system\", \"content\": \"S\"}, {\"role\": \"user\", \"content\": "
               "\"U\xc3\xa9\"}][('role', 'system'), ('content', 'S')]");
    const pw_template_input none = {0};
    tt_renders("{{ messages }}{{ tools }}{{ bos_token }}{{ add_generation_prompt }}", &none,
               "[]NoneFalse");
    tt_fails("{{ strftime_now('%Y') }}", &none, PEWTER_E_FORMAT, "no clock is given");
}

static void a_message_without_text_is_refused(void **state)
{
    (void)state;
    const pewter_message no_role[] = {{"user", "a"}, {NULL, "b"}}, no_content[] = {{"user", NULL}};
    pw_template_input input = {.list = no_role, .n_list = 2};
    tt_fails("x", &input, PEWTER_E_ARG, "message 1 lacks its role or its content");
    input.list = no_content;
    input.n_list = 1;
    tt_fails("x", &input, PEWTER_E_ARG, "message 0 lacks its role or its content");
}

static void json_values_are_python_s(void **state)
{
    (void)state;
    pw_template_input input = {0};
    set_json(&input.variables, &input.variables_bytes,
             "{\"a\":[1,-2,1.0,1e3,true,false,null,\"x\\u0000y\\ud83d\\ude00\"],\"o\":{\"z\":1,"
             "\"a\":{},\"z2\":[]},\"big\":9223372036854775807}");
    tt_renders("{{ a[:7] }}{{ a[7]|length }}{{ o }}{{ big }}", &input,
               "[1, -2, 1.0, 1000.0, True, False, None]4{'z': 1, 'a': {}, 'z2': []}"
               "9223372036854775807");
    tt_renders("{{ a[7]|tojson }}", &input, "\"x\\u0000y\xf0\x9f\x98\x80\"");
}

static void later_variables_win(void **state)
{
    (void)state;
    pw_template_input input = {.bos_token = "<b>", .add_generation_prompt = true};
    set_json(&input.kwargs, &input.kwargs_bytes,
             "{\"bos_token\":\"k\",\"x\":1,\"y\":2,\"messages\":3,\"tools\":4,"
             "\"add_generation_prompt\":false}");
    set_json(&input.variables, &input.variables_bytes, "{\"y\":5}");
    tt_renders("{{ bos_token }}{{ x }}{{ y }}{{ messages }}{{ tools }}{{ add_generation_prompt }}",
               &input, "<b>15[]4True");
    set_json(&input.tools, &input.tools_bytes, "[6]");
    tt_renders("{{ tools }}", &input, "[6]");
}

static void broken_json_is_refused(void **state)
{
    (void)state;
    pw_template_input input = {0};
    set_json(&input.messages, &input.messages_bytes, "[{\"role\":}]");
    tt_fails("x", &input, PEWTER_E_FORMAT, "messages: JSON breaks at line 1");
    set_json(&input.messages, &input.messages_bytes, "{}");
    tt_fails("x", &input, PEWTER_E_FORMAT, "messages: a JSON array is wanted");
    set_json(&input.messages, &input.messages_bytes, "[{},3]");
    tt_fails("x", &input, PEWTER_E_FORMAT, "messages: item 1 is not an object");
    set_json(&input.messages, &input.messages_bytes, "[]");
    set_json(&input.kwargs, &input.kwargs_bytes, "[]");
    tt_fails("x", &input, PEWTER_E_FORMAT, "kwargs: a JSON object is wanted");
    set_json(&input.kwargs, &input.kwargs_bytes, "{}");
    set_json(&input.variables, &input.variables_bytes, "3");
    tt_fails("x", &input, PEWTER_E_FORMAT, "variables: a JSON object is wanted");
    input.variables = NULL;
    set_json(&input.tools, &input.tools_bytes, "[");
    tt_fails("x", &input, PEWTER_E_FORMAT, "tools: JSON breaks");
}

static void messages_may_be_of_any_shape(void **state)
{
    (void)state;
    pw_template_input input = {0};
    set_json(&input.messages, &input.messages_bytes,
             "[{\"role\":3},{},{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]");
    tt_renders("{{ messages }}", &input,
               "[{'role': 3}, {}, {'role': 'user', 'content': [{'type': 'text'}]}]");
    tt_fails("{{ messages[1].content.x }}", &input, PEWTER_E_FORMAT, "no attribute 'content'");
}

static void a_raise_is_its_message_alone(void **state)
{
    (void)state;
    const pw_template_input input = tt_input();
    limit_alloc counts;
    const pewter_allocator alloc = limit_allocator(&counts, TT_MEMORY, UINT64_MAX);
    pewter_error err;
    pw_template_output out;
    static const char text[] = "\n{{ raise_exception('No ' ~ messages[1].role ~ '!') }}";
    assert_int_equal(tt_run(text, sizeof text - 1, &input, &counts, &alloc, &out, &err),
                     PEWTER_E_FORMAT);
    assert_string_equal(err.message, "No user!");
    assert_int_equal(tt_run(text, sizeof text - 1, &input, &counts, &alloc, &out, NULL),
                     PEWTER_E_FORMAT);
}

static void bytes_that_are_no_text(void **state)
{
    (void)state;
    const pw_template_input input = tt_input();
    tt_fails("a\nb\xff", &input, PEWTER_E_FORMAT, "line 2: a byte is not UTF-8");
    tt_fails("\xed\xa0\x80", &input, PEWTER_E_FORMAT, "line 1: a byte is not UTF-8");
    limit_alloc counts;
    const pewter_allocator alloc = limit_allocator(&counts, TT_MEMORY, UINT64_MAX);
    pw_template_output out;
    assert_int_equal(tt_run("a\0b", 3, &input, &counts, &alloc, &out, NULL), PEWTER_OK);
    assert_int_equal(out.bytes, 3);
    assert_memory_equal(out.text, "a\0b", 4);
    pw_template_output_free(&out);
    /* What a message holds need not be text either. */
    const pewter_message list[] = {{"user", "\xff\xc3z\xe2\x82"}};
    const pw_template_input broken = {.list = list, .n_list = 1};
    tt_renders("{{ messages[0].content|upper|trim|length }}{{ messages[0].content[::-1] }}",
               &broken, "5\x82\xe2z\xc3\xff");
}

static void one_template_renders_many_times(void **state)
{
    (void)state;
    limit_alloc counts;
    const pewter_allocator alloc = limit_allocator(&counts, TT_MEMORY, UINT64_MAX);
    const pw_template_input input = tt_input();
    pw_template *template = NULL;
    static const char text[] = "{% set n = n + 1 %}{{ n }}";
    assert_int_equal(pw_template_parse(text, sizeof text - 1, &alloc, &template, NULL), PEWTER_OK);
    for (int i = 0; i < 3; i++) {
        pw_template_output out = {0};
        assert_int_equal(pw_template_render(template, &input, &out, NULL), PEWTER_OK);
        assert_string_equal(out.text, "6");
        pw_template_output_free(&out);
        pw_template_output_free(&out);
    }
    pw_template_free(template);
    pw_template_free(NULL);
    pw_template_output_free(NULL);
    assert_int_equal(counts.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_as_a_list),
        cmocka_unit_test(a_message_without_text_is_refused),
        cmocka_unit_test(json_values_are_python_s),
        cmocka_unit_test(later_variables_win),
        cmocka_unit_test(broken_json_is_refused),
        cmocka_unit_test(messages_may_be_of_any_shape),
        cmocka_unit_test(a_raise_is_its_message_alone),
        cmocka_unit_test(bytes_that_are_no_text),
        cmocka_unit_test(one_template_renders_many_times),
    };
    return cmocka_run_group_tests_name("template input", tests, NULL, NULL);
}
