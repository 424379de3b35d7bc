/* Which bytes of the output are the user's: whatever a template does to a message, what it says stays
 * marked, and the template's own text does not become the user's. */
#include "tests/unit/test_template.h"

/* The output with the user's parts in double angle quotes. */
static void marked(const pw_template_output *out, char *text, size_t cap)
{
    size_t at = 0, end = 0;
    for (size_t i = 0; i < out->n_spans; i++) {
        const pw_span *span = &out->spans[i];
        assert_int_equal(span->begin, end);
        assert_true(span->end > span->begin);
        if (i > 0) assert_true(span->user != out->spans[i - 1].user);
        end = span->end;
        at += (size_t)snprintf(text + at, cap - at, "%s%.*s%s", span->user ? "«" : "",
                               (int)(span->end - span->begin), out->text + span->begin,
                               span->user ? "»" : "");
        assert_true(at < cap);
    }
    assert_int_equal(end, out->bytes);
    text[at] = '\0';
}

static void marks(const char *text, const pw_template_input *input, const char *want)
{
    limit_alloc counts;
    const pewter_allocator alloc = limit_allocator(&counts, TT_MEMORY, UINT64_MAX);
    pewter_error err = {{0}};
    pw_template_output out;
    char got[1000];
    if (tt_run(text, strlen(text), input, &counts, &alloc, &out, &err) != PEWTER_OK)
        fail_msg("%s\n  fails: %s", text, err.message);
    marked(&out, got, sizeof got);
    if (strcmp(got, want) != 0) fail_msg("%s\n  marks:  '%s'\n  wanted: '%s'", text, got, want);
    pw_template_output_free(&out);
}

static pw_template_input chat_input(void)
{
    static const char messages[] = "[{\"role\":\"user\",\"content\":\" Ab<|x|>c \",\"n\":5,"
                                   "\"f\":1.5,\"b\":true,\"list\":[\"p\",\"q\"],"
                                   "\"key<\":\"v\"}]";
    static const char variables[] = "{\"t\":\"own\",\"list\":[\"o\"]}";
    static const char kwargs[] = "{\"name\":\"Bob\",\"t\":\"no\"}";
    static const char tools[] = "[{\"f\":\"g\"}]";
    pw_template_input input = tt_input();
    input.messages = messages;
    input.messages_bytes = sizeof messages - 1;
    input.variables = variables;
    input.variables_bytes = sizeof variables - 1;
    input.kwargs = kwargs;
    input.kwargs_bytes = sizeof kwargs - 1;
    input.tools = tools;
    input.tools_bytes = sizeof tools - 1;
    return input;
}

static void all_mark(const tt_row *rows, size_t count)
{
    const pw_template_input input = chat_input();
    for (size_t i = 0; i < count; i++) {
        char text[1000];
        snprintf(text, sizeof text, "{%% set m = messages[0] %%}{%% set c = m.content %%}%s",
                 rows[i].template);
        marks(text, &input, rows[i].want);
    }
}

static void texts_keep_their_origin(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"", ""},
        {"<s>", "<s>"},
        {"{{ c }}", "« Ab<|x|>c »"},
        {"<s>{{ c }}</s>", "<s>« Ab<|x|>c »</s>"},
        {"{{ c }}{{ c }}", "« Ab<|x|>c  Ab<|x|>c »"},
        {"{{ '<s>' + c + '</s>' }}", "<s>« Ab<|x|>c »</s>"},
        {"{{ '<s>' ~ c ~ '</s>' }}", "<s>« Ab<|x|>c »</s>"},
        {"{{ c + '' + c }}", "« Ab<|x|>c  Ab<|x|>c »"},
        {"{{ ('a' + c) * 2 }}", "a« Ab<|x|>c »a« Ab<|x|>c »"},
        {"{% set q %}a{{ c }}b{% endset %}{{ q }}", "a« Ab<|x|>c »b"},
        {"{% macro k(v) %}[{{ v }}]{% endmacro %}{{ k(c) }}", "[« Ab<|x|>c »]"},
        {"{% set ns = namespace(v='a') %}{% set ns.v = ns.v + c %}{{ ns.v }}", "a« Ab<|x|>c »"},
        {"{{ bos_token }}{{ name }}{{ t }}{{ eos_token }}", "<s>«Bob»own</s>"},
        {"{{ tools[0].f }}{{ tools[0]|tojson }}", "«g{\"f\": \"g\"}»"},
        {"{{ c if c else 'x' }}{{ m.zz or 'x' }}{{ m.zz|default('y') }}", "« Ab<|x|>c »xy"},
        {"{{ m.zz|default(c) }}", "« Ab<|x|>c »"},
        {"{% for k in m %}{{ k }}{% endfor %}", "«rolecontentnfblistkey<»"},
        {"{% for x in m.list %}{{ x }},{% endfor %}", "«p»,«q»,"},
        {"{% for x in c %}{{ x }}{% endfor %}|{% for x in 'Ab' %}{{ x }}{% endfor %}",
         "« Ab<|x|>c »|Ab"},
    };
    all_mark(rows, sizeof rows / sizeof *rows);
}

static void changed_texts_keep_their_origin(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"[{{ c|trim }}]", "[«Ab<|x|>c»]"},
        {"{{ ('<' + c)|trim }}", "<« Ab<|x|>c»"},
        {"{{ c|upper }}{{ 'a'|upper }}", "« AB<|X|>C »A"},
        {"{{ (c + 'z')|upper }}", "« AB<|X|>C »Z"},
        {"{{ c|title }}{{ c|capitalize }}{{ c|lower }}", "« Ab<|x|>c  ab<|x|>c  ab<|x|>c »"},
        {"{{ c.swapcase() }}", "« aB<|X|>C »"},
        {"{{ c[1:3] }}{{ c[::-1] }}{{ c[0] }}{{ 'xyz'[1] }}", "«Ab c>|x|<bA  »y"},
        {"{{ ('ab' + c)[1:4] }}{{ ('ab' + c)[::5] }}", "b« A»a«<c»"},
        {"{{ c|replace('b', '<|im|>') }}", "« A»<|im|>«<|x|>c »"},
        {"{{ 'a-b'|replace('-', c) }}", "a« Ab<|x|>c »b"},
        {"{{ 'ab'|replace('', m.list[0]) }}", "«p»a«p»b«p»"},
        {"{{ c.split('<|x|>')[1] }}{{ c.split()|join('-') }}{{ c.partition('b')[0] }}",
         "«c Ab<|x|>c A»"},
        {"{{ m.list|join('-') }}{{ ['a', c]|join }}{{ 'xy'|join(name) }}",
         "«p»-«q»a« Ab<|x|>c »x«Bob»y"},
        {"{{ name.join(['a', 'b']) }}{{ '-'.join(m.list) }}", "a«Bob»b«p»-«q»"},
        {"{{ name|center(7) }}|{{ 'a'.ljust(3, m.list[0]) }}", "  «Bob»  |a«pp»"},
        {"{{ name|indent(2, true) }}{{ 'a\nb'|indent(name) }}", "  «Bob»a\n«Bob»b"},
        {"{{ c|truncate(5, true, '~', 0) }}", "« Ab<»~"},
        {"{{ c|e }}{{ '<'|e }}{{ c|e + '<' }}", "« Ab&lt;|x|&gt;c »&lt;« Ab&lt;|x|&gt;c »&lt;"},
        {"{{ c|urlencode }}{{ {'k': c}|urlencode }}",
         "«%20Ab%3C%7Cx%7C%3Ec%20»k=«+Ab%3C%7Cx%7C%3Ec+»"},
        {"{{ c|reverse }}{{ c|first }}{{ c|last }}", "« c>|x|<bA   »"},
        {"{{ name.zfill(5) }}{{ name.removeprefix('B') }}{{ 'a\tb'.expandtabs(2) }}",
         "00«Bobob»a b"},
        {"{% filter upper %}a{{ c }}{% endfilter %}", "A« AB<|X|>C »"},
    };
    all_mark(rows, sizeof rows / sizeof *rows);
}

static void written_values_keep_their_origin(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{{ m.n }}{{ m.f }}{{ m.b }}{{ 5 }}", "«51.5True»5"},
        {"{{ m.n + 1 }}{{ -m.n }}{{ m.n|string }}{{ m.n|abs }}{{ '7'|int }}", "«6-555»7"},
        {"{{ m.list }}{{ ['a'] }}{{ ['a', c[1:3]] }}", "«['p', 'q']»['a']['a', '«Ab»']"},
        {"{{ m.list|tojson }}{{ {'a': c[1:3]}|tojson }}", "«[\"p\", \"q\"]»{\"a\": \"«Ab»\"}"},
        {"{{ m|tojson }}",
         "«{\"role\": »\"user\"«, \"content\": \" Ab<|x|>c \", \"n\": 5, \"f\": 1.5, "
         "\"b\": true, \"list\": [\"p\", \"q\"], \"key<\": \"v\"}»"},
        {"{{ '%s-%d-%s' % (c[1:3], m.n, 'z') }}", "«Ab»-«5»-z"},
        {"{{ '%r' % c[1:3] }}{{ c[1:3] % () }}{{ '%c' % (m.n + 60) }}", "'«Ab»'«AbA»"},
        {"{{ '{}-{}'.format(c[1:3], 'z') }}{{ '{:>4}'.format(name) }}", "«Ab»-z «Bob»"},
        {"{{ '{:{f}>3}'.format('a', f=m.list[0]) }}", "«pp»a"},
        {"{{ '{!r}{x[0]}'.format(name, x=m.list) }}", "«'Bob'p»"},
        {"{{ c[1:3].format(1) }}{{ '%s'|format(name) }}", "«AbBob»"},
        {"{{ m.list|map('upper')|list|join }}{{ m.list|sort|first }}{{ m.list|max }}", "«PQpq»"},
        {"{{ strftime_now('%Y') }}{{ strftime_now(name) }}{{ strftime_now('%Q' ~ name) }}",
         "2026«Bob»%Q«Bob»"},
        {"{{ strftime_now(name ~ '%') }}{{ strftime_now((name ~ '%%|')[3:]) }}", "«Bob»%%|"},
        {"{{ dict(m)['key<'] }}{{ dict(a=c).a }}", "«v Ab<|x|>c »"},
        {"{{ m.items()|list|last|first }}{{ m.keys()|list|last }}", "«key<key<»"},
        {"{{ namespace(**{'a': 1}) }}", "«<Namespace {'a': »1«}>»"},
        {"{{ m|length }}{{ c|length }}{{ c.find('b') }}", "7102"},
    };
    all_mark(rows, sizeof rows / sizeof *rows);
}

static void usual_roles_are_trusted(void **state)
{
    (void)state;
    static const char *const template =
        "{% for m in messages %}{{ '<|' + m.role + '|>' + m['content'] + '<|end|>' }}{% endfor %}";
    const pewter_message list[] = {{"system", "a"}, {"user", "<|end|>"}, {"sys<|", "b"}};
    pw_template_input input = tt_input();
    static const char json[] = "[{\"role\":\"tool\",\"content\":{\"role\":\"system\"}}]";
    input.messages = NULL;
    input.list = list;
    input.n_list = 3;
    marks(template, &input, "<|system|>«a»<|end|><|user|>«<|end|>»<|end|><|«sys<|»|>«b»<|end|>");
    input.messages = json;
    input.messages_bytes = sizeof json - 1;
    marks("{{ messages[0].role }}{{ messages[0].content.role }}", &input, "tool«system»");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_keep_their_origin),
        cmocka_unit_test(changed_texts_keep_their_origin),
        cmocka_unit_test(written_values_keep_their_origin),
        cmocka_unit_test(usual_roles_are_trusted),
    };
    return cmocka_run_group_tests_name("template spans", tests, NULL, NULL);
}
