#include "tests/unit/test_template.h"

static void literals_are_python_s(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{{ 1 }}", "1"},
        {"{{ 1_000 }}", "1000"},
        {"{{ 0x1F }}", "31"},
        {"{{ 0b101 }}", "5"},
        {"{{ 0o17 }}", "15"},
        {"{{ 1.5 }}", "1.5"},
        {"{{ 1e3 }}", "1000.0"},
        {"{{ 2.5e-3 }}", "0.0025"},
        {"{{ 1e16 }}", "1e+16"},
        {"{{ 1e15 }}", "1000000000000000.0"},
        {"{{ -0.0 }}", "-0.0"},
        {"{{ \"a\\nb\\x41\\u00e9\\101\\q\" }}", "a\nbAéA\\q"},
        {"{{ 'it''s' }}", "its"},
        {"{{ \"a\" \"b\" 'c' }}", "abc"},
        {"{{ true }}", "True"},
        {"{{ True }}", "True"},
        {"{{ none }}", "None"},
        {"{{ None }}", "None"},
        {"{{ [1, 2, 3,] }}", "[1, 2, 3]"},
        {"{{ [] }}", "[]"},
        {"{{ (1,) }}", "(1,)"},
        {"{{ () }}", "()"},
        {"{{ 1, 2 }}", "(1, 2)"},
        {"{{ {\"a\": 1, \"b\": [2]} }}", "{'a': 1, 'b': [2]}"},
        {"{{ {} }}", "{}"},
        {"{{ {1: 2, none: 3} }}", "{1: 2, None: 3}"},
        {"{{ [1.0, \"x\", none, true] }}", "[1.0, 'x', None, True]"},
        {"{{ [\"it's\", 'q\"'] }}", "[\"it's\", 'q\"']"},
        {"{{ \"\\\\\" }}", "\\"},
        {"{{ [\"\\n\\t\\\\\"] }}", "['\\n\\t\\\\']"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void arithmetic_is_python_s(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{{ 1 + 2 * 3 }}", "7"},
        {"{{ (1 + 2) * 3 }}", "9"},
        {"{{ 7 / 2 }}", "3.5"},
        {"{{ 6 / 2 }}", "3.0"},
        {"{{ 7 // 2 }}", "3"},
        {"{{ -7 // 2 }}", "-4"},
        {"{{ 7 // -2 }}", "-4"},
        {"{{ -7 % 3 }}", "2"},
        {"{{ 7 % -3 }}", "-2"},
        {"{{ 7.5 // 2 }}", "3.0"},
        {"{{ -7.5 % 2 }}", "0.5"},
        {"{{ 2 ** 10 }}", "1024"},
        {"{{ 2 ** -1 }}", "0.5"},
        {"{{ 2 ** 0.5 }}", "1.4142135623730951"},
        {"{{ -2 ** 2 }}", "4"},
        {"{{ 2 ** 3 ** 2 }}", "64"},
        {"{{ 1 - 1 - 1 }}", "-1"},
        {"{{ 1 + true }}", "2"},
        {"{{ 0.1 + 0.2 }}", "0.30000000000000004"},
        {"{{ 1 / 3 }}", "0.3333333333333333"},
        {"{{ 1e300 * 1e10 }}", "inf"},
        {"{{ \"ab\" * 3 }}", "ababab"},
        {"{{ 3 * \"ab\" }}", "ababab"},
        {"{{ \"ab\" * -1 }}", ""},
        {"{{ [1] + [2] }}", "[1, 2]"},
        {"{{ [0] * 3 }}", "[0, 0, 0]"},
        {"{{ (1,) + (2,) }}", "(1, 2)"},
        {"{{ \"a\" + \"b\" }}", "ab"},
        {"{{ +5 }}", "5"},
        {"{{ - - 5 }}", "5"},
        {"{{ -n }}", "-5"},
        {"{{ 1 ~ 2 ~ none }}", "12None"},
        {"{{ n ~ f ~ yes ~ nil ~ l ~ d }}", "52.5TrueNone[3, 1, 2]{'b': 1, 'a': {'x': 'y'}}"},
        {"{{ 9223372036854775807 }}", "9223372036854775807"},
        {"{{ -9223372036854775807 - 1 }}", "-9223372036854775808"},
        {"{{ 5 % 3 * 2 }}", "4"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void comparison_is_python_s(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{{ 1 == 1.0 }}", "True"},
        {"{{ 1 == true }}", "True"},
        {"{{ \"a\" < \"b\" }}", "True"},
        {"{{ \"Z\" < \"a\" }}", "True"},
        {"{{ [1, 2] < [1, 3] }}", "True"},
        {"{{ (1,) < (1, 0) }}", "True"},
        {"{{ 1 < 2 < 3 }}", "True"},
        {"{{ 1 < 2 > 3 }}", "False"},
        {"{{ 1 != 2 }}", "True"},
        {"{{ none == none }}", "True"},
        {"{{ none == false }}", "False"},
        {"{{ undef == undef }}", "True"},
        {"{{ undef == none }}", "False"},
        {"{{ [1] == [1.0] }}", "True"},
        {"{{ {\"a\": 1} == {\"a\": 1.0} }}", "True"},
        {"{{ \"b\" in names }}", "True"},
        {"{{ \"b\" not in names }}", "False"},
        {"{{ \"ell\" in s }}", "True"},
        {"{{ \"\" in s }}", "True"},
        {"{{ \"a\" in d }}", "True"},
        {"{{ 1 in [true] }}", "True"},
        {"{{ not 1 in [2] }}", "True"},
        {"{{ 1 == 1 and 2 == 2 }}", "True"},
        {"{{ \"1\" == 1 }}", "False"},
        {"{{ messages[0] == messages[0] }}", "True"},
        {"{{ messages[0] != messages[1] }}", "True"},
        {"{{ (1,2) == [1,2] }}", "False"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void logic_gives_the_value_that_decides(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{{ 1 and 2 }}", "2"},
        {"{{ 0 and 2 }}", "0"},
        {"{{ 0 or \"x\" }}", "x"},
        {"{{ none or false }}", "False"},
        {"{{ not none }}", "True"},
        {"{{ not not 3 }}", "True"},
        {"{{ 1 or raise_exception(\"no\") }}", "1"},
        {"{{ 0 and raise_exception(\"no\") }}", "0"},
        {"{{ yes and not nil }}", "True"},
        {"{{ true or false and false }}", "True"},
        {"{{ \"a\" if yes else \"b\" }}", "a"},
        {"{{ \"a\" if nil else \"b\" }}", "b"},
        {"{{ \"a\" if nil }}", ""},
        {"{{ (\"a\" if nil) is undefined }}", "True"},
        {"{{ 1 if 0 else 2 if 0 else 3 }}", "3"},
        {"{{ (1 if yes else 2) + 1 }}", "2"},
        {"{{ not (1 and 0) }}", "True"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void attributes_and_indices(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{{ d.b }}", "1"},
        {"{{ d[\"b\"] }}", "1"},
        {"{{ d.a.x }}", "y"},
        {"{{ d[\"a\"].x }}", "y"},
        {"{{ d.zz }}", ""},
        {"{{ d.zz is defined }}", "False"},
        {"{{ d.items is callable }}", "True"},
        {"{{ d[\"items\"] is defined }}", "True"},
        {"{{ l[0] }}", "3"},
        {"{{ l[-1] }}", "2"},
        {"{{ l[7] }}", ""},
        {"{{ l.0 }}", "3"},
        {"{{ s[1] }}", "e"},
        {"{{ s[-1] }}", "d"},
        {"{{ s[7] }}", "W"},
        {"{{ s[99] }}", ""},
        {"{{ names[1][0] }}", "A"},
        {"{{ messages[0].role }}", "system"},
        {"{{ messages[0][\"content\"] }}", "Be brief."},
        {"{{ (1, 2)[1] }}", "2"},
        {"{{ range(5)[2] }}", "2"},
        {"{{ {\"k\": \"v\"}.k }}", "v"},
        {"{{ \"abc\".upper()[1:] }}", "BC"},
        {"{{ n.x }}", ""},
        {"{{ nil.x }}", ""},
        {"{{ l.x }}", ""},
        {"{{ l[\"a\"] }}", ""},
        {"{{ rows[0].k ~ rows[-1].k }}", "xx"},
        {"{{ dict(a=1).a }}", "1"},
        {"{{ d.get(\"a\").x }}", "y"},
        {"{{ d.get(\"q\") }}", "None"},
        {"{{ d.get(\"q\", 7) }}", "7"},
        {"{{ undef }}", ""},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void slices_are_python_s(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{{ l[1:] }}", "[1, 2]"},
        {"{{ l[:1] }}", "[3]"},
        {"{{ l[:-1] }}", "[3, 1]"},
        {"{{ l[::-1] }}", "[2, 1, 3]"},
        {"{{ l[::2] }}", "[3, 2]"},
        {"{{ l[-2:] }}", "[1, 2]"},
        {"{{ l[5:] }}", "[]"},
        {"{{ l[-9:2] }}", "[3, 1]"},
        {"{{ l[2:0] }}", "[]"},
        {"{{ l[2:0:-1] }}", "[2, 1]"},
        {"{{ l[:] }}", "[3, 1, 2]"},
        {"{{ s[1:4] }}", "ell"},
        {"{{ s[-4:] }}", "örld"},
        {"{{ s[::-1] }}", "dlröW ,olleH"},
        {"{{ s[::3] }}", "Hl r"},
        {"{{ s[7:9] }}", "Wö"},
        {"{{ s[99:] }}", ""},
        {"{{ (1,2,3)[1:] }}", "(2, 3)"},
        {"{{ range(9)[2:8:3]|list }}", "[2, 5]"},
        {"{{ l[none:2] }}", "[3, 1]"},
        {"{{ l[0:9223372036854775807] }}", "[3, 1, 2]"},
        {"{{ l[-9223372036854775807:9223372036854775807:9223372036854775807] }}", "[3]"},
        {"{{ s[4:1:-1] }}", "oll"},
        {"{{ s[:n] }}", "Hello"},
        {"{{ s[n:][:2] }}", ", "},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void calls_take_arguments_as_python_does(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{% macro m(a, b=2, c=a) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }}|{{ m(1, 3) }}|{{ "
         "m(b=4, a=5) }}|{{ m(*[6, 7]) }}|{{ m(**{\"a\": 8, \"c\": 9}) }}|{{ m(1, *[2], **{\"c\": "
         "3}) }}|{{ m() }}",
         "121|131|545|676|829|123|2"},
        {"{{ range(3)|list }}", "[0, 1, 2]"},
        {"{{ range(1, 4)|list }}", "[1, 2, 3]"},
        {"{{ range(5, 0, -2)|list }}", "[5, 3, 1]"},
        {"{{ range(0)|list }}", "[]"},
        {"{{ range(3) }}", "range(0, 3)"},
        {"{{ dict(a=1, b=2) }}", "{'a': 1, 'b': 2}"},
        {"{{ dict([[\"x\", 1], [\"y\", 2]]) }}", "{'x': 1, 'y': 2}"},
        {"{{ dict({\"a\": 1}, b=2) }}", "{'a': 1, 'b': 2}"},
        {"{{ \"{} {}\".format(*l[:2]) }}", "3 1"},
        {"{{ \"a-b\".split(\"-\", maxsplit=1) }}", "['a', 'b']"},
        {"{{ \"abc\".replace(\"b\", \"x\") }}", "axc"},
        {"{{ d.get(\"b\") }}", "1"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void what_cannot_be_computed_is_refused(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{{ 9223372036854775807 + 1 }}", "passes 64 bits"},
        {"{{ -9223372036854775807 - 2 }}", "passes 64 bits"},
        {"{{ 4611686018427387904 * 2 }}", "passes 64 bits"},
        {"{{ 10 ** 19 }}", "passes 64 bits"},
        {"{{ -(-9223372036854775807 - 1) }}", "passes 64 bits"},
        {"{{ 9223372036854775808 }}", "passes 64 bits"},
        {"{{ 1 / 0 }}", "division by zero"},
        {"{{ 1 // 0 }}", "division by zero"},
        {"{{ 1 % 0 }}", "division by zero"},
        {"{{ 1.0 / 0 }}", "division by zero"},
        {"{{ 0.0 ** -1 }}", "division by zero"},
        {"{{ 10.0 ** 400 }}", "too large"},
        {"{{ 1 + \"a\" }}", "'+' does not take int and str"},
        {"{{ \"a\" + 1 }}", "'+' does not take str and int"},
        {"{{ \"a\" + none }}", "'+' does not take str and NoneType"},
        {"{{ [] + () }}", "'+' does not take list and tuple"},
        {"{{ 1 < \"a\" }}", "'<' does not compare int and str"},
        {"{{ none < 1 }}", "NoneType and int"},
        {"{{ d < d }}", "dict and dict"},
        {"{{ 1 in 2 }}", "a int cannot be iterated over"},
        {"{{ 1 in \"a\" }}", "a int cannot be in a string"},
        {"{{ -\"a\" }}", "a str has no sign"},
        {"{{ undef.x }}", "'undef' is undefined"},
        {"{{ d.zz.x }}", "'dict object' has no attribute 'zz'"},
        {"{{ undef + 1 }}", "'undef' is undefined"},
        {"{{ undef[0] }}", "'undef' is undefined"},
        {"{{ undef() }}", "'undef' is undefined"},
        {"{{ l[9].x }}", "has no element 9"},
        {"{{ n() }}", "a int cannot be called"},
        {"{{ l[::0] }}", "the step of a slice is 0"},
        {"{{ l[\"a\":] }}", "a slice takes integers or none, not str"},
        {"{{ n[1:] }}", "a int has no slices"},
        {"{{ {[]: 1} }}", "cannot be a key"},
        {"{{ l.append(1) }}", "not safe"},
        {"{{ d.update({}) }}", "not safe"},
        {"{{ d.pop(\"b\") }}", "not safe"},
        {"{{ s.nothing() }}", "no attribute 'nothing'"},
        {"{{ range(1, 2, 0) }}", "the step of a range is 0"},
        {"{{ s.split(1, 2, 3) }}", "at most 2 arguments"},
        {"{{ s.replace(\"a\") }}", "needs 2 arguments"},
        {"{{ s.split(by=\"x\") }}", "does not take the argument 'by'"},
        {"{{ dict(1) }}", "cannot be iterated"},
        {"{{ s|nofilter }}", "no filter is named 'nofilter'"},
        {"{{ s is notest }}", "no test is named 'notest'"},
    };
    tt_all_fail(rows, sizeof rows / sizeof *rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_are_python_s),
        cmocka_unit_test(arithmetic_is_python_s),
        cmocka_unit_test(comparison_is_python_s),
        cmocka_unit_test(logic_gives_the_value_that_decides),
        cmocka_unit_test(attributes_and_indices),
        cmocka_unit_test(slices_are_python_s),
        cmocka_unit_test(calls_take_arguments_as_python_does),
        cmocka_unit_test(what_cannot_be_computed_is_refused),
    };
    return cmocka_run_group_tests_name("template expressions", tests, NULL, NULL);
}
