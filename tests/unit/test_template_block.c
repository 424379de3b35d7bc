#include "tests/unit/test_template.h"

static void if_takes_the_first_that_holds(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{% if n > 3 %}a{% elif n > 1 %}b{% else %}c{% endif %}", "a"},
        {"{% if nil %}a{% elif yes %}b{% else %}c{% endif %}", "b"},
        {"{% if nil %}a{% elif [] %}b{% else %}c{% endif %}", "c"},
        {"{% if undef %}a{% endif %}", ""},
        {"{% if d.a.x == \"y\" and \"b\" in d %}both{% endif %}", "both"},
        {"{% if yes %}{% set q = 1 %}{% endif %}{{ q }}", "1"},
        {"{% if not yes: %}a{% else: %}b{% endif %}", "b"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void loops_know_where_they_are(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 "
         "}}{{ loop.length }}{{ x }}{{ \",\" if not loop.last }}{% endfor %}",
         "103233,212131,321032"},
        {"{% for x in l %}{{ loop.first }}{{ loop.last }};{% endfor %}",
         "TrueFalse;FalseFalse;FalseTrue;"},
        {"{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {% endfor %}",
         "<3>1 3<1>2 1<2> "},
        {"{% for x in l %}{{ loop.previtem is defined }} {% endfor %}", "False True True "},
        {"{% for x in names %}{{ loop.cycle(\"odd\", \"even\") }} {% endfor %}", "odd even odd "},
        {"{% for x in [1, 1, 2] %}{{ loop.changed(x) }} {% endfor %}", "True False True "},
        {"{% for x in [] %}a{% else %}none{% endfor %}", "none"},
        {"{% for x in l if x > 1 %}{{ loop.index }}/{{ loop.length }}:{{ x }} {% endfor %}",
         "1/2:3 2/2:2 "},
        {"{% for x in l if x > 9 %}a{% else %}none{% endfor %}", "none"},
        {"{% for x in l if x > 1 %}{{ loop.last }}{{ loop.nextitem }} {% endfor %}",
         "False2 True "},
        {"{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "b=1;a={'x': 'y'};"},
        {"{% for k in d %}{{ k }}{% endfor %}", "ba"},
        {"{% for c in \"héy\" %}{{ c }}.{% endfor %}", "h.é.y."},
        {"{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "123"},
        {"{% for x in undef %}a{% else %}b{% endfor %}", "b"},
        {"{% for x in l %}{% for y in names %}{{ loop.index }}{{ loop.depth }}{% endfor %}{{ "
         "loop.index }} {% endfor %}",
         "1121311 1121312 1121313 "},
        {"{% for x in l %}{% set o = loop %}{% for y in \"ab\" %}{{ o.index }}{{ loop.index }} {% "
         "endfor %}{% endfor %}",
         "11 12 21 22 31 32 "},
        {"{% for m in messages %}{{ m.role }}{% if loop.nextitem is defined %}>{{ "
         "loop.nextitem.role }}{% endif %} {% endfor %}",
         "system>user user "},
        {"{% for x in range(3) %}{{ x }}{% endfor %}{{ x }}", "012"},
        {"{% for x in l|reverse %}{{ x }}{% endfor %}", "213"},
        {"{% for x in l recursive %}{{ loop.depth0 }}{% endfor %}", "000"},
        {"{% for t in tree recursive %}{{ loop.depth }}{{ t.n }}[{{ loop(t.c) }}]{% endfor %}",
         "1p[2q[]2r[]]"},
        {"{% for x in 1, 2 %}{{ x }}{% endfor %}", "12"},
        {"{% for x in (l if yes else names) %}{{ x }}{% endfor %}", "312"},
        {"{% for x in l %}{{ loop|length }}{% endfor %}", "333"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void break_and_continue(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}", "3"},
        {"{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}", "32"},
        {"{% for x in l %}{% for y in l %}{% if y == 1 %}{% break %}{% endif %}{{ y }}{% endfor "
         "%}{{ x }}{% endfor %}",
         "333132"},
        {"{% for x in l %}{% break %}{% else %}none{% endfor %}", "none"},
        {"{% for x in l %}{% continue %}{% else %}none{% endfor %}", "none"},
        {"{% for x in l %}{% if loop.last %}{% break %}{% endif %}{% else %}none{% endfor %}", ""},
        {"{% for x in l %}{{ loop.index }}{% if loop.index == 2 %}{% break %}{% endif %}{% endfor "
         "%}|{{ l|length }}",
         "12|3"},
        {"{% for x in l %}{% if x == 3 %}{% continue %}{% endif %}{{ loop.previtem }}{{ x }}{% "
         "endfor %}",
         "3112"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void set_and_namespace(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{% set x = 1 %}{% for y in l %}{% set x = y %}{% endfor %}{{ x }}", "1"},
        {"{% set ns = namespace(x=0) %}{% for y in l %}{% set ns.x = ns.x + y %}{% endfor %}{{ "
         "ns.x }}",
         "6"},
        {"{% set ns = namespace({\"a\": 1}, b=2) %}{{ ns.a }}{{ ns.b }}{{ ns.c }}|", "12|"},
        {"{% set a, b = 1, 2 %}{{ b }}{{ a }}", "21"},
        {"{% set a = 1, 2 %}{{ a }}", "(1, 2)"},
        {"{% set x %}a{{ n }}b{% endset %}{{ x|upper }}", "A5B"},
        {"{% set x | upper | trim %} a{{ n }} {% endset %}[{{ x }}]", "[A5]"},
        {"{% set messages = messages[1:] %}{{ messages|length }}", "1"},
        {"{% set ns = namespace(l=[]) %}{% set ns.l = ns.l + [1] %}{% set ns.l = ns.l + [2] %}{{ "
         "ns.l }}",
         "[1, 2]"},
        {"{% set n = n + 1 %}{{ n }}", "6"},
        {"{% for x in l %}{% set n = x %}{{ n }}{% endfor %}{{ n }}", "3125"},
        {"{% with a = 1, b = n %}{{ a }}{{ b }}{% set a = 7 %}{{ a }}{% endwith %}{{ a }}", "157"},
        {"{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q }}", "1"},
        {"{% set s %}{% for x in l %}{{ x }}{% endfor %}{% endset %}{{ s }}{{ s|length }}", "3123"},
        {"{% set ns = namespace() %}{% set ns.a = \"x\" %}{% set ns.a = ns.a ~ \"y\" %}{{ ns.a }}",
         "xy"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void macros_and_calls(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(\"a\") }}{{ m(\"b\")|upper }}", "<a><B>"},
        {"{% macro m(x) %}{{ x }}{% if x > 0 %}{{ m(x - 1) }}{% endif %}{% endmacro %}{{ m(3) }}",
         "3210"},
        {"{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, a=3) }}",
         "(1, 2){'a': 3}"},
        {"{% macro m(x) %}{{ x }}:{{ caller() }}{% endmacro %}{% call m(\"t\") %}body{{ n }}{% "
         "endcall %}",
         "t:body5"},
        {"{% macro m() %}{{ caller(\"a\", \"b\") }}{% endmacro %}{% call(x, y) m() %}{{ y }}{{ x "
         "}}{% endcall %}",
         "ba"},
        {"{% macro m(a, b=n) %}{{ a }}{{ b }}{% endmacro %}{% set n = 9 %}{{ m(1) }}", "19"},
        {"{% macro m() %}{% set q = 1 %}{{ q }}{% endmacro %}{{ m() }}{{ q }}", "1"},
        {"{% set q = 1 %}{% macro m() %}{{ q }}{% endmacro %}{% set q = 2 %}{{ m() }}", "2"},
        {"{% for x in l %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}", "312"},
        {"{% macro m(a) %}{% endmacro %}{{ m.name }}{{ m.arguments }}", "m('a',)"},
        {"{% macro m(a=\"d\") %}{{ a }}{% endmacro %}{{ m(none) }}{{ m(undef) }}", "None"},
        {"{% filter upper|replace(\"A\", \"-\") %}a{{ s }}{% endfilter %}", "-HELLO, WÖRLD"},
        {"{% macro outer() %}{% macro inner() %}i{% endmacro %}[{{ inner() }}]{% endmacro %}{{ "
         "outer() }}",
         "[i]"},
        {"{% block b %}in{{ n }}{% endblock %}|{% block c scoped %}x{% endblock c %}", "in5|x"},
        {"{% set c = cycler(\"a\", \"b\") %}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.next() "
         "}}{{ c.reset() }}{{ c.next() }}",
         "abaaNonea"},
        {"{% set j = joiner(\"; \") %}{{ j() }}a{{ j() }}b{{ j() }}", "a; b; "},
        {"{% macro m(x) %}{{ x.role }}{% endmacro %}{{ "
         "messages|map(attribute=\"role\")|map(\"upper\")|join(m(messages[0])) }}",
         "SYSTEMsystemUSER"},
        {"{{ n }}", "5"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void the_world_is_what_it_is_given(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{{ strftime_now(\"%Y-%m-%d %H:%M:%S\") }}", "2026-01-15 09:30:00"},
        {"{{ strftime_now(\"%d %b %Y|%B %A %a|%j %y %p %I %%\") }}",
         "15 Jan 2026|January Thursday Thu|015 26 AM 09 %"},
        {"{{ strftime_now(\"%-d %-m\") }}", "15 1"},
        {"{{ strftime_now(\"\") }}", ""},
        {"{{ bos_token }}{{ eos_token }}", "<s></s>"},
        {"{{ add_generation_prompt }}", "True"},
        {"{{ tools }}", "None"},
        {"{{ tools is defined }}", "True"},
        {"{{ strftime_now is defined }}", "True"},
        {"{% if strftime_now is defined %}{% set date = strftime_now(\"%d %B %Y\") %}{% else %}{% "
         "set date = \"x\" %}{% endif %}{{ date }}",
         "15 January 2026"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void statements_refuse_what_they_cannot_do(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{{ raise_exception(\"no\") }}", "no"},
        {"{% for x in 5 %}{% endfor %}", "a int cannot be iterated over"},
        {"{% for a, b in [[1]] %}{% endfor %}", "1 values for 2 names"},
        {"{% set a, b = 1 %}", "a int cannot be iterated over"},
        {"{% set n.x = 1 %}", "only a namespace takes attributes"},
        {"{% set q.x = 1 %}", "only a namespace takes attributes"},
        {"{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "macro 'm' takes 1 arguments, 2 are given"},
        {"{% macro m(a) %}{% endmacro %}{{ m(b=1) }}", "macro 'm' takes no argument 'b'"},
        {"{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}", "No caller defined"},
        {"{% for x in l %}{{ loop(l) }}{% endfor %}", "only a recursive loop can be called"},
        {"{% include \"x\" %}", "'include' would read another template"},
        {"{% extends \"x\" %}", "'extends' would read another template"},
        {"{% for t in tree recursive %}{{ loop() }}{% endfor %}",
         "a loop is called with one argument"},
        {"{{ cycler() }}", "a cycler takes values"},
        {"\n\n{{ undef.x }}", "line 3:"},
        {"{% if nil.x.y %}{% endif %}", "'NoneType object' has no attribute 'x'"},
    };
    tt_all_fail(rows, sizeof rows / sizeof *rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(if_takes_the_first_that_holds),
        cmocka_unit_test(loops_know_where_they_are),
        cmocka_unit_test(break_and_continue),
        cmocka_unit_test(set_and_namespace),
        cmocka_unit_test(macros_and_calls),
        cmocka_unit_test(the_world_is_what_it_is_given),
        cmocka_unit_test(statements_refuse_what_they_cannot_do),
    };
    return cmocka_run_group_tests_name("template statements", tests, NULL, NULL);
}
