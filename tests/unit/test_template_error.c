#include "tests/unit/test_template.h"

static void the_lexer_says_where(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{{ \"abc }}", "line 1: a string has no end"},
        {"\n{{ 'a", "line 2: a string has no end"},
        {"{# abc", "a comment has no end"},
        {"{% raw %}abc", "a raw block has no end"},
        {"{{ a ! b }}", "unexpected character '!'"},
        {"{{ a & b }}", "unexpected character '&'"},
        {"{{ a $ }}", "unexpected character '$'"},
        {"{{ (a }}", "unexpected '}'"},
        {"{{ a) }}", "unexpected ')'"},
        {"{{ [1, 2) }}", "unexpected ')'"},
        {"{{ {\"a\": 1 }}", "'}'"},
        {"{{ \"\\x4\" }}", "an escape that has no meaning"},
        {"{{ \"\\ud800\" }}", "an escape that has no meaning"},
        {"{{ \"\\N{DASH}\" }}", "an escape that has no meaning"},
        {"{{ 99999999999999999999 }}", "broken or passes 64 bits"},
        {"{{ 0xZZ }}", "broken or passes 64 bits"},
        {"a\nb\n{{ 5 5 }}", "line 3"},
    };
    tt_all_fail(rows, sizeof rows / sizeof *rows);
}

static void the_parser_says_what_it_wanted(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{{ }}", "expected an expression"},
        {"{{ 1 + }}", "expected an expression, found '}}'"},
        {"{{ a b }}", "expected '}}', found 'b'"},
        {"{{ a", "expected '}}', found the end of the template"},
        {"{{ a. }}", "expected a name or a number"},
        {"{{ a.[0] }}", "expected a name or a number"},
        {"{{ a[] }}", "expected an index"},
        {"{{ a[1 2] }}", "expected ']'"},
        {"{{ a| }}", "expected a name"},
        {"{{ a is }}", "expected a name"},
        {"{{ f(a=1, 2) }}", "arguments of a call out of order"},
        {"{{ f(**a, *b) }}", "out of order"},
        {"{{ f(a b) }}", "expected ,, found 'b'"},
        {"{{ {1} }}", "expected :"},
        {"{{ [1 2] }}", "expected ,"},
        {"{{ 1 if }}", "expected an expression"},
        {"{{ not }}", "expected an expression"},
        {"{{ a is b is }}", "expected an end of the test"},
        {"{{ * }}", "expected an expression"},
        {"{{ a = 1 }}", "found '='"},
    };
    tt_all_fail(rows, sizeof rows / sizeof *rows);
}

static void statements_that_break(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{% %}", "expected a statement"},
        {"{% frob %}", "expected a statement that is known here, found 'frob'"},
        {"{% endif %}", "known here, found 'endif'"},
        {"{% if %}", "expected an expression"},
        {"{% if a %}x", "the template ends where 'elif' is wanted"},
        {"{% if a %}{% endfor %}", "found 'endfor'"},
        {"{% if a %}{% else %}{% else %}{% endif %}", "found 'else'"},
        {"{% for x in l %}x", "ends where 'else' is wanted"},
        {"{% for in l %}", "expected"},
        {"{% for x l %}", "expected in, found 'l'"},
        {"{% for x in %}{% endfor %}", "expected an expression"},
        {"{% for 1 in l %}{% endfor %}", "cannot be assigned to"},
        {"{% for x in l %}{% endfor", "expected '%}'"},
        {"{% set %}", "expected an expression"},
        {"{% set x = %}", "expected an expression"},
        {"{% set 1 = 2 %}", "cannot be assigned to"},
        {"{% set x.y.z = 2 %}", "expected"},
        {"{% set x %}abc", "endset"},
        {"{% macro %}", "expected a name"},
        {"{% macro m %}", "expected ("},
        {"{% macro m(a=1, b) %}{% endmacro %}", "a parameter without default after one with"},
        {"{% macro m(1) %}{% endmacro %}", "expected a name"},
        {"{% macro m() %}", "endmacro"},
        {"{% call m %}{% endcall %}", "'call' wants a call"},
        {"{% break %}", "'break' outside of a loop"},
        {"{% continue %}", "'continue' outside of a loop"},
        {"{% for x in l %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}",
         "'break' outside of a loop"},
        {"{% with a %}{% endwith %}", "expected ="},
        {"{% filter %}{% endfilter %}", "expected a name"},
        {"{% if a %}\n{% if b %}\n{% endif %}\n", "line 3"},
    };
    tt_all_fail(rows, sizeof rows / sizeof *rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lexer_says_where),
        cmocka_unit_test(the_parser_says_what_it_wanted),
        cmocka_unit_test(statements_that_break),
    };
    return cmocka_run_group_tests_name("template errors", tests, NULL, NULL);
}
