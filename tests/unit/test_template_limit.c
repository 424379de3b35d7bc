/* Bounds of chat templates: steps, nesting, output, memory; and each allocation made to fail. */
#include "tests/unit/test_template.h"

/* `count` times `part`, between two other texts; freed by the caller. */
static char *repeated(const char *before, const char *part, size_t count, const char *behind)
{
    const size_t bytes = strlen(part);
    char *text = malloc(strlen(before) + count * bytes + strlen(behind) + 1);
    assert_non_null(text);
    char *at = stpcpy(text, before);
    for (size_t i = 0; i < count; i++) at = stpcpy(at, part);
    stpcpy(at, behind);
    return text;
}

/* ---- Work and size -------------------------------------------------------------------------------- */

static void work_is_bounded(void **state)
{
    (void)state;
    static const char *const templates[] = {
        "{% for a in range(1000) %}{% for b in range(1000) %}{% for c in range(1000) %}"
        "{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{{ a * b }}{% endfor %}{% endfor %}",
        "{% set ns = namespace(s='x') %}{% for a in range(99999) %}"
        "{% set ns.s = ns.s|replace('x', 'xy') %}{% endfor %}",
        "{% set ns = namespace(l=[]) %}{% for a in range(99999) %}{% set ns.l = ns.l + [a] %}"
        "{% endfor %}",
        "{% set l = range(99999)|list %}{% for a in l %}{{ l|sort|length }}{% endfor %}",
        "{{ range(99999)|unique|list|length }}",
        "{% set s = 'ab' * 500000 %}{% for a in range(99999) %}{{ s.find('bb') }}{% endfor %}",
        "{% set s = 'a' * 500000 %}{% for a in range(99999) %}{{ s.rfind('ba') }}{% endfor %}",
        "{% set s = 'é' * 500000 %}{% for a in range(99999) %}{{ s[400000] }}{% endfor %}",
        "{% set l = range(99999)|list %}{% for a in l %}{{ 'x' in l }}{% endfor %}",
        "{% set l = range(99999)|list %}{% for a in l %}{% if l == l + [] %}{% endif %}{% endfor "
        "%}",
        "{{ ('é' * 1000000).strip('a' * 100000 ~ 'é') }}",
        "{{ ('é' * 1000000)|trim('a' * 100000 ~ 'é') }}",
        "{% set s = 'a' * 4000000 %}{% for a in range(99999) %}{{ s.startswith(s) }}{% endfor %}",
        "{{ 'a'.ljust(99999999999) }}",
        "{{ 'a' * 9223372036854775807 }}",
        "{{ [1] * 9223372036854775807 }}",
    };
    const pw_template_input input = tt_input();
    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++) {
        limit_alloc counts;
        const pewter_allocator alloc = limit_allocator(&counts, TT_MEMORY, UINT64_MAX);
        pewter_error err = {{0}};
        pw_template_output out;
        const pewter_status status =
            tt_run(templates[i], strlen(templates[i]), &input, &counts, &alloc, &out, &err);
        if (status != PEWTER_E_LIMIT && status != PEWTER_E_MEMORY && status != PEWTER_E_FORMAT)
            fail_msg("%s ends with %d", templates[i], (int)status);
    }
    tt_fails(templates[0], &input, PEWTER_E_LIMIT, "it takes too many steps");
    tt_fails("{{ range(100001) }}", &input, PEWTER_E_LIMIT, "a range of more than 100000 numbers");
}

static void steps_can_be_set(void **state)
{
    (void)state;
    pw_template_input input = tt_input();
    input.max_steps = 200;
    tt_renders("{{ n }}", &input, "5");
    tt_fails("{% for a in range(100) %}{{ a }}{% endfor %}", &input, PEWTER_E_LIMIT,
             "line 1: it takes too many steps");
}

static void output_is_bounded(void **state)
{
    (void)state;
    pw_template_input input = tt_input();
    input.max_output = 10;
    tt_renders("0123456789", &input, "0123456789");
    tt_renders("{{ '0123456789' }}", &input, "0123456789");
    tt_fails("01234567890", &input, PEWTER_E_LIMIT, "its output passes 10 bytes");
    tt_fails("01234{{ s }}", &input, PEWTER_E_LIMIT, "its output passes 10 bytes");
    tt_renders("{% set x %}0123456789abc{% endset %}{{ x|length }}", &input, "13");
    input.max_output = 0;
    tt_fails("{% set s = 'x' * 1000000 %}{% for a in range(17) %}{{ s }}{% endfor %}", &input,
             PEWTER_E_LIMIT, "its output passes 16777216 bytes");
}

static void memory_is_bounded(void **state)
{
    (void)state;
    pw_template_input input = tt_input();
    input.max_memory = 1 << 20;
    tt_renders("{{ ('x' * 100000)|length }}", &input, "100000");
    tt_fails("{{ ('x' * 3000000)|length }}", &input, PEWTER_E_MEMORY,
             "its values need more than 1048576 bytes");
    tt_fails("{{ range(99999)|list|length }}", &input, PEWTER_E_MEMORY, "more than");
    input.max_memory = 0;
    input.max_steps = 100000000;
    tt_fails("{% set ns = namespace(s='x' * 1000) %}{% for a in range(40) %}"
             "{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
             &input, PEWTER_E_MEMORY, "more than");
}

/* ---- Nesting -------------------------------------------------------------------------------------- */

static void nesting_is_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *before, *part, *behind;
        pewter_status status;
        const char *says;
    } rows[] = {
        {"{{ ", "(", "", PEWTER_E_FORMAT, "brackets nested more than 64 deep"},
        {"{{ ", "[", "", PEWTER_E_FORMAT, "brackets nested more than 64 deep"},
        {"{{ ", "{1:", "", PEWTER_E_LIMIT, "nested more than 64 deep"},
        {"{{ ", "f(", "", PEWTER_E_FORMAT, "brackets nested more than 64 deep"},
        {"{{ ", "not ", "1 }}", PEWTER_E_LIMIT, "nested more than 64 deep"},
        {"{{ ", "- ", "1 }}", PEWTER_E_LIMIT, "nested more than 64 deep"},
        {"{{ 1", " if 1 else 1", " }}", PEWTER_E_LIMIT, "nested more than 64 deep"},
        {"{{ 1", " + 1", " }}", PEWTER_E_LIMIT, "more than 160 levels"},
        {"{{ 1", ".x", " }}", PEWTER_E_LIMIT, "more than 160 levels"},
        {"{{ 1", "|d", " }}", PEWTER_E_LIMIT, "more than 160 levels"},
        {"{{ 1", "[0]", " }}", PEWTER_E_LIMIT, "more than 160 levels"},
        {"{{ 1", "()", " }}", PEWTER_E_LIMIT, "more than 160 levels"},
        {"", "{% if 1 %}", "", PEWTER_E_LIMIT, "nested more than 64 deep"},
        {"", "{% for a in b %}", "", PEWTER_E_LIMIT, "nested more than 64 deep"},
        {"", "{% macro m() %}", "", PEWTER_E_LIMIT, "nested more than 64 deep"},
        {"{% set ", "(", "a %}", PEWTER_E_FORMAT, "brackets nested more than 64 deep"},
    };
    const pw_template_input input = tt_input();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = repeated(rows[i].before, rows[i].part, 5000, rows[i].behind);
        tt_fails(text, &input, rows[i].status, rows[i].says);
        free(text);
    }
}

static void what_is_long_is_not_deep(void **state)
{
    (void)state;
    const pw_template_input input = tt_input();
    char *text = repeated("{{ ('x'", " ~ 'x'", 5000, ")|length }}");
    tt_renders(text, &input, "5001");
    free(text);
    text = repeated("{% if n == 0 %}a", "{% elif n == 0 %}b", 5000, "{% else %}c{% endif %}");
    tt_renders(text, &input, "c");
    free(text);
    text = repeated("{{ (0", " or 0", 5000, ")|int }}");
    tt_renders(text, &input, "0");
    free(text);
    text = repeated("{{ ['a'", ", 'a'", 5000, "]|length }}");
    tt_renders(text, &input, "5001");
    free(text);
}

static void recursion_is_bounded(void **state)
{
    (void)state;
    const pw_template_input input = tt_input();
    tt_fails("{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}", &input, PEWTER_E_LIMIT,
             "call each other more than 64 deep");
    tt_fails(
        "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
        &input, PEWTER_E_LIMIT, "call each other more than 64 deep");
    tt_fails("{% for x in [[1]] recursive %}{{ loop([x]) }}{% endfor %}", &input, PEWTER_E_LIMIT,
             "call each other more than 64 deep");
    tt_fails("{% macro m() %}{{ caller }}{% call m() %}{% endcall %}{% endmacro %}{{ m() }}",
             &input, PEWTER_E_LIMIT, "call each other more than 64 deep");
    char *deep = repeated("{% macro m() %}{{ 1", "|d(1", 60, "");
    char *text = repeated(deep, ")", 60,
                          "|d(m()) }}{{ ((((((((((m()|d)|d)|d)|d)|d)|d)|d)|d)|d)|d) }}"
                          "{% endmacro %}{{ m() }}");
    tt_fails(text, &input, PEWTER_E_LIMIT, "more than");
    free(text);
    free(deep);
    tt_fails("{% set ns = namespace(l=[]) %}{% for i in range(200) %}{% set ns.l = [ns.l] %}"
             "{% endfor %}{{ ns.l }}",
             &input, PEWTER_E_LIMIT, "nested more than 100 deep is written");
    tt_fails("{% set ns = namespace(l=[]) %}{% for i in range(200) %}{% set ns.l = [ns.l] %}"
             "{% endfor %}{{ ns.l|tojson }}",
             &input, PEWTER_E_LIMIT, "nested more than 100 deep is written");
    tt_fails("{% set ns = namespace(l=[], m=[]) %}{% for i in range(200) %}{% set ns.l = [ns.l] %}"
             "{% set ns.m = [ns.m] %}{% endfor %}{{ ns.l == ns.m }}",
             &input, PEWTER_E_LIMIT, "nested more than 100 deep are compared");
    tt_fails("{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}", &input, PEWTER_E_LIMIT,
             "nested more than 100 deep is written");
}

static void a_long_template_is_refused(void **state)
{
    (void)state;
    const pw_template_input input = tt_input();
    char *text = repeated("", "x", 512 * 1024, "");
    limit_alloc counts;
    const pewter_allocator alloc = limit_allocator(&counts, TT_MEMORY, UINT64_MAX);
    pewter_error err = {{0}};
    pw_template_output out;
    assert_int_equal(tt_run(text, strlen(text), &input, &counts, &alloc, &out, &err), PEWTER_OK);
    assert_int_equal(out.bytes, 512 * 1024);
    pw_template_output_free(&out);
    free(text);
    text = repeated("", "x", 512 * 1024, "x");
    tt_fails(text, &input, PEWTER_E_LIMIT, "524289 bytes, at most 524288 are taken");
    free(text);
}

/* ---- Allocations that fail ------------------------------------------------------------------------ */

static const char everything[] =
    "{% macro m(a, b=2) %}{{ a }}{{ b }}{{ caller() if caller }}{% endmacro %}"
    "{% set ns = namespace(x=0) %}{% for x in l if x %}{% set ns.x = ns.x + loop.length %}{{ x }}"
    "{% endfor %}{{ m(1) }}{% call m(2) %}c{% endcall %}{% set q %}{{ s|upper }}{% endset %}"
    "{{ q ~ s ~ n }}{{ rows|map(attribute='k')|join(',') }}{{ d|tojson(indent=2) }}{{ d }}"
    "{{ s.split('o')|length }}{{ s[1:3] }}{{ s.replace('l', 'LL') }}{{ '%5s' % s }}"
    "{{ '{:>9}'.format(s) }}{{ rows|sort(attribute='k')|length }}{{ rows|groupby('k')|length }}"
    "{{ strftime_now('%Y') }}{% filter trim %} x {% endfilter %}{{ names|map('upper')|list }}"
    "{{ messages[1].content }}{% raw %}{{ x }}{% endraw %}{% with a = 1 %}{{ a }}{% endwith %}"
    "{{ ('y' * 5000)|e|length }}";

static void each_allocation_may_fail(void **state)
{
    (void)state;
    const pw_template_input input = tt_input();
    uint64_t fail_from = 0;
    for (bool failed = true; failed; fail_from++) {
        limit_alloc counts;
        const pewter_allocator alloc = limit_allocator(&counts, TT_MEMORY, fail_from);
        pewter_error err = {{0}};
        pw_template_output out;
        const pewter_status status =
            tt_run(everything, sizeof everything - 1, &input, &counts, &alloc, &out, &err);
        failed = status != PEWTER_OK;
        if (failed && (status != PEWTER_E_MEMORY || strlen(err.message) == 0))
            fail_msg("allocation %d fails: %d, '%s'", (int)fail_from, (int)status, err.message);
        pw_template_output_free(&out);
        assert_int_equal(counts.live, 0);
        assert_true(fail_from < 1000);
    }
    assert_true(fail_from > 4);
}

/* Every value that is made meets the bound of memory somewhere. */
static void each_size_of_memory_is_taken(void **state)
{
    (void)state;
    pw_template_input input = tt_input();
    bool done = false;
    for (size_t memory = 1; !done; memory += memory < 4096 ? 511 : 4099) {
        limit_alloc counts;
        const pewter_allocator alloc = limit_allocator(&counts, TT_MEMORY, UINT64_MAX);
        pewter_error err = {{0}};
        pw_template_output out;
        input.max_memory = memory;
        const pewter_status status =
            tt_run(everything, sizeof everything - 1, &input, &counts, &alloc, &out, &err);
        done = status == PEWTER_OK;
        if (!done) assert_int_equal(status, PEWTER_E_MEMORY);
        pw_template_output_free(&out);
        assert_int_equal(counts.live, 0);
    }
}

/* The same of steps: wherever the rendering stops, nothing is left. */
static void each_number_of_steps_is_taken(void **state)
{
    (void)state;
    pw_template_input input = tt_input();
    bool done = false;
    for (uint64_t steps = 1; !done; steps += 3) {
        limit_alloc counts;
        const pewter_allocator alloc = limit_allocator(&counts, TT_MEMORY, UINT64_MAX);
        pewter_error err = {{0}};
        pw_template_output out;
        input.max_steps = steps;
        const pewter_status status =
            tt_run(everything, sizeof everything - 1, &input, &counts, &alloc, &out, &err);
        done = status == PEWTER_OK;
        if (!done) assert_int_equal(status, PEWTER_E_LIMIT);
        pw_template_output_free(&out);
        assert_int_equal(counts.live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_is_bounded),
        cmocka_unit_test(steps_can_be_set),
        cmocka_unit_test(output_is_bounded),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(what_is_long_is_not_deep),
        cmocka_unit_test(recursion_is_bounded),
        cmocka_unit_test(a_long_template_is_refused),
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(each_size_of_memory_is_taken),
        cmocka_unit_test(each_number_of_steps_is_taken),
    };
    return cmocka_run_group_tests_name("template limits", tests, NULL, NULL);
}
