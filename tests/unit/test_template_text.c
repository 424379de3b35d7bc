#include "tests/unit/test_template.h"

static void methods_of_strings(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{{ s.upper() }}", "HELLO, WÖRLD"},
        {"{{ s.lower() }}", "hello, wörld"},
        {"{{ \"aB\".swapcase() }}", "Ab"},
        {"{{ \"hello wOrld x-y\"[\"title\"]() }}", "Hello World X-Y"},
        {"{{ \"hELLO\".capitalize() }}", "Hello"},
        {"{{ \"ABC\".casefold() }}", "abc"},
        {"{{ pad.strip() }}", "two"},
        {"{{ pad.lstrip() }}", "two \t"},
        {"{{ pad.rstrip() }}", " \n two"},
        {"{{ \"xyaxy\".strip(\"yx\") }}", "a"},
        {"{{ \"[[a]]\".lstrip(\"[\") }}", "a]]"},
        {"{{ \"éaé\".strip(\"é\") }}", "a"},
        {"{{ \"a b c\".split() }}", "['a', 'b', 'c']"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void methods_that_cut_and_find(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{{ \"a b  c\".split() }}", "['a', 'b', 'c']"},
        {"{{ \" a  b \".split() }}", "['a', 'b']"},
        {"{{ \"a,b,,c\".split(\",\") }}", "['a', 'b', '', 'c']"},
        {"{{ \"a,b,c\".split(\",\", 1) }}", "['a', 'b,c']"},
        {"{{ \"a b c d\".split(none, 2) }}", "['a', 'b', 'c d']"},
        {"{{ \"a b c d\".rsplit(none, 1) }}", "['a b c', 'd']"},
        {"{{ \"a,b,c\".rsplit(\",\", 1) }}", "['a,b', 'c']"},
        {"{{ \"\".split() }}", "[]"},
        {"{{ \"\".split(\",\") }}", "['']"},
        {"{{ \"a<x>b<x>c\".split(\"<x>\")[-1] }}", "c"},
        {"{{ \"a\\nb\\r\\nc\\n\".splitlines() }}", "['a', 'b', 'c']"},
        {"{{ \"a\\nb\\n\".splitlines(true) }}", "['a\\n', 'b\\n']"},
        {"{{ \"a=b=c\".partition(\"=\") }}", "('a', '=', 'b=c')"},
        {"{{ \"a=b=c\".rpartition(\"=\") }}", "('a=b', '=', 'c')"},
        {"{{ \"abc\".partition(\"x\") }}", "('abc', '', '')"},
        {"{{ \"abc\".rpartition(\"x\") }}", "('', '', 'abc')"},
        {"{{ \"aXbX\".replace(\"X\", \"--\") }}", "a--b--"},
        {"{{ \"aaa\".replace(\"a\", \"b\", 2) }}", "bba"},
        {"{{ \"ab\".replace(\"\", \".\") }}", ".a.b."},
        {"{{ \"abcabc\".find(\"c\") }}", "2"},
        {"{{ \"abcabc\".find(\"c\", 3) }}", "5"},
        {"{{ \"abc\".find(\"x\") }}", "-1"},
        {"{{ \"abcabc\".rfind(\"b\") }}", "4"},
        {"{{ \"wörld\".find(\"l\") }}", "3"},
        {"{{ \"abc\".index(\"b\") }}", "1"},
        {"{{ \"banana\".count(\"an\") }}", "2"},
        {"{{ \"aaa\".count(\"aa\") }}", "1"},
        {"{{ \"aaa\".count(\"\") }}", "4"},
        {"{{ s.startswith(\"Hell\") }}", "True"},
        {"{{ s.startswith((\"x\", \"He\")) }}", "True"},
        {"{{ s.endswith(\"ld\") }}", "True"},
        {"{{ s.startswith(\"ello\", 1) }}", "True"},
        {"{{ \"abc\".endswith(\"b\", 0, 2) }}", "True"},
        {"{{ \"--a\".removeprefix(\"--\") }}", "a"},
        {"{{ \"a.txt\".removesuffix(\".txt\") }}", "a"},
        {"{{ \"a\".removesuffix(\"\") }}", "a"},
        {"{{ \"7\".zfill(3) }}", "007"},
        {"{{ \"-7\".zfill(4) }}", "-007"},
        {"{{ \"a\".ljust(3) ~ \"|\" }}", "a  |"},
        {"{{ \"a\".rjust(3, \"*\") }}", "**a"},
        {"{{ \"ab\".center(5, \"-\") }}", "--ab-"},
        {"{{ \"abc\".center(6, \"-\") }}", "-abc--"},
        {"{{ \", \".join(names) }}", "b, A, c"},
        {"{{ \"-\".join(\"abc\") }}", "a-b-c"},
        {"{{ \"a\\tb\".expandtabs() }}", "a       b"},
        {"{{ \"ab\\tc\".expandtabs(4) }}", "ab  c"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void questions_to_strings(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{{ \"12\".isdigit() }}", "True"},        {"{{ \"1.2\".isdigit() }}", "False"},
        {"{{ \"²\".isdigit() }}", "True"},         {"{{ \"²\".isdecimal() }}", "False"},
        {"{{ \"½\".isnumeric() }}", "True"},       {"{{ \"abc\".isalpha() }}", "True"},
        {"{{ \"ab1\".isalpha() }}", "False"},      {"{{ \"é日\".isalpha() }}", "True"},
        {"{{ \"ab1\".isalnum() }}", "True"},       {"{{ \" \\n\".isspace() }}", "True"},
        {"{{ \"\".isspace() }}", "False"},         {"{{ \"AB1\".isupper() }}", "True"},
        {"{{ \"ab!\".islower() }}", "True"},       {"{{ \"1\".islower() }}", "False"},
        {"{{ \"Ab Cd\".istitle() }}", "True"},     {"{{ \"ab\".istitle() }}", "False"},
        {"{{ \"é\".isascii() }}", "False"},        {"{{ \"\".isascii() }}", "True"},
        {"{{ \"a_1\".isidentifier() }}", "True"},  {"{{ \"1a\".isidentifier() }}", "False"},
        {"{{ \"a\\n\".isprintable() }}", "False"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void methods_of_dictionaries_and_lists(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{{ d.keys()|list }}", "['b', 'a']"},
        {"{{ d.values()|list }}", "[1, {'x': 'y'}]"},
        {"{{ d.items()|list }}", "[('b', 1), ('a', {'x': 'y'})]"},
        {"{{ d.keys() }}", "dict_keys(['b', 'a'])"},
        {"{{ d.items() }}", "dict_items([('b', 1), ('a', {'x': 'y'})])"},
        {"{{ d.get(\"b\") }}", "1"},
        {"{{ d.get(\"x\") is none }}", "True"},
        {"{{ d.get(\"x\", 3) }}", "3"},
        {"{{ d.copy() == d }}", "True"},
        {"{{ l.index(1) }}", "1"},
        {"{{ l.count(1) }}", "1"},
        {"{{ [1, 1, 2].count(1) }}", "2"},
        {"{{ l.copy() }}", "[3, 1, 2]"},
        {"{{ \"k\" in {\"k\": 1}.keys() }}", "True"},
        {"{{ {\"a\": 1}.values()|sum }}", "1"},
        {"{{ {\"items\": 1}.items()|list }}", "[('items', 1)]"},
        {"{{ {\"items\": 1}[\"items\"] }}", "1"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void percent_formats(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{{ \"%s\" % \"a\" }}", "a"},
        {"{{ \"%s-%s\" % (1, none) }}", "1-None"},
        {"{{ \"%d%%\" % 5 }}", "5%"},
        {"{{ \"%5d|%-5d|%05d\" % (42, 42, 42) }}", "   42|42   |00042"},
        {"{{ \"%+d % d\" % (1, 2) }}", "+1  2"},
        {"{{ \"%x %X %#x %o\" % (255, 255, 255, 8) }}", "ff FF 0xff 10"},
        {"{{ \"%.2f\" % 3.14159 }}", "3.14"},
        {"{{ \"%8.3f|%-8.1f|%08.2f\" % (2.5, 2.5, -2.5) }}", "   2.500|2.5     |-0002.50"},
        {"{{ \"%e %E %g\" % (12345.678, 0.00012, 1e10) }}", "1.234568e+04 1.200000E-04 1e+10"},
        {"{{ \"%r %s\" % (\"a\", \"a\") }}", "'a' a"},
        {"{{ \"%c%c\" % (\"x\", 121) }}", "xy"},
        {"{{ \"%(a)s %(b)03d\" % {\"a\": 1, \"b\": 2} }}", "1 002"},
        {"{{ \"%.3s|%6.2s|\" % (\"abcdef\", \"xyz\") }}", "abc|    xy|"},
        {"{{ \"%*d\" % (5, 3) }}", "    3"},
        {"{{ \"%-*d|\" % (4, 3) }}", "3   |"},
        {"{{ \"%s\" % [1, 2] }}", "[1, 2]"},
        {"{{ \"%s\" % {\"a\": 1} }}", "{'a': 1}"},
        {"{{ \"%d\" % 3.99 }}", "3"},
        {"{{ \"%i\" % true }}", "1"},
        {"{{ \"%.3d\" % 5 }}", "005"},
        {"{{ \"x\" % {} }}", "x"},
        {"{{ \"%5s\" % \"é\" }}", "    é"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void brace_formats(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{{ \"{} {}\".format(1, \"a\") }}", "1 a"},
        {"{{ \"{1} {0}\".format(\"a\", \"b\") }}", "b a"},
        {"{{ \"{a}-{b}\".format(a=1, b=2) }}", "1-2"},
        {"{{ \"{{}} {}\".format(1) }}", "{} 1"},
        {"{{ \"{:>5}|{:<5}|{:^5}|\".format(\"a\", \"b\", \"c\") }}", "    a|b    |  c  |"},
        {"{{ \"{:*^7}\".format(\"x\") }}", "***x***"},
        {"{{ \"{:05d} {:+d} {: d}\".format(42, 1, 2) }}", "00042 +1  2"},
        {"{{ \"{:.2f} {:8.3f}\".format(1.005, 2.5) }}", "1.00    2.500"},
        {"{{ \"{:,} {:_}\".format(1234567, 1234567) }}", "1,234,567 1_234_567"},
        {"{{ \"{:,.2f}\".format(1234567.891) }}", "1,234,567.89"},
        {"{{ \"{:x} {:#x} {:b} {:o} {:X}\".format(255, 255, 5, 8, 255) }}", "ff 0xff 101 10 FF"},
        {"{{ \"{:e} {:g} {:%}\".format(12345.678, 0.1, 0.25) }}", "1.234568e+04 0.1 25.000000%"},
        {"{{ \"{!r} {!s}\".format(\"a\", \"a\") }}", "'a' a"},
        {"{{ \"{0.role} {0[content]}\".format(messages[0]) }}", "system Be brief."},
        {"{{ \"{:{}}|\".format(\"a\", 4) }}", "a   |"},
        {"{{ \"{:{w}.{p}f}\".format(3.14159, w=8, p=2) }}", "    3.14"},
        {"{{ \"{}\".format(none) }}", "None"},
        {"{{ \"{:5}|{:5}|\".format(1, true) }}", "    1|    1|"},
        {"{{ \"{:.3}\".format(\"abcdef\") }}", "abc"},
        {"{{ \"{:.3}\".format(1234.5) }}", "1.23e+03"},
        {"{{ \"{}\".format(1.0) }}", "1.0"},
        {"{{ \"{:é>3}\".format(\"a\") }}", "ééa"},
        {"{{ \"{:c}\".format(65) }}", "A"},
        {"{{ \"{:=+7d}\".format(42) }}", "+    42"},
        {"{{ \"{:010.2f}\".format(-3.14159) }}", "-000003.14"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void formats_refuse_what_does_not_fit(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{{ \"%s\" % () }}", "not enough values"},
        {"{{ \"%s\" % (1, 2) }}", "leaves values over"},
        {"{{ \"x\" % 1 }}", "leaves values over"},
        {"{{ \"%d\" % \"a\" }}", "wants a number, not a str"},
        {"{{ \"%q\" % 1 }}", "does not know '%q'"},
        {"{{ \"%\" % 1 }}", "incomplete"},
        {"{{ \"%(a)s\" % 1 }}", "wants a dictionary"},
        {"{{ \"%(a)s\" % {} }}", "a key that is not there"},
        {"{{ \"%(a\" % {} }}", "has no end"},
        {"{{ \"%99999999999999999999d\" % 1 }}", "too wide"},
        {"{{ \"%c\" % \"ab\" }}", "one character"},
        {"{{ \"{}\".format() }}", "not enough values"},
        {"{{ \"{a}\".format() }}", "a name that is not given"},
        {"{{ \"{\".format() }}", "stands alone"},
        {"{{ \"}\".format() }}", "stands alone"},
        {"{{ \"{} {0}\".format(1) }}", "with numbers and without"},
        {"{{ \"{:d}\".format(\"a\") }}", "'d' does not take a str"},
        {"{{ \"{:s}\".format(1) }}", "'s' does not take a int"},
        {"{{ \"{:5}\".format(none) }}", "a NoneType takes no format"},
        {"{{ \"{:>99999999999999999999}\".format(1) }}", "too wide"},
        {"{{ \"{:.2d}\".format(1) }}", "without a precision"},
        {"{{ \"{!x}\".format(1) }}", "does not know '!x'"},
        {"{{ \"{:{:{:{}}}}\".format(1, 2, 3, 4) }}", "nested too deep"},
        {"{{ \"a\".index(\"x\") }}", "not there"},
        {"{{ \"a\".split(\"\") }}", "split at an empty text"},
        {"{{ \"-\".join([1]) }}", "item 0 is a int"},
        {"{{ \"a\".center(3, \"xy\") }}", "must be one"},
        {"{{ l.index(9) }}", "not in the list"},
    };
    tt_all_fail(rows, sizeof rows / sizeof *rows);
}

static void what_python_prints(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{{ [1, \"a\", none, true, 1.5] }}", "[1, 'a', None, True, 1.5]"},
        {"{{ {\"a\": [1], 2: (3,)} }}", "{'a': [1], 2: (3,)}"},
        {"{{ \"it's\" }}", "it's"},
        {"{{ [\"it's\"] }}", "[\"it's\"]"},
        {"{{ ['\"\\''] }}", "['\"\\'']"},
        {"{{ [\"\\n\\x00\\x7f\\u00e9\\\\\"] }}", "['\\n\\x00\\x7fé\\\\']"},
        {"{{ 1e100 }}", "1e+100"},
        {"{{ 1.0 }}", "1.0"},
        {"{{ 0.1 }}", "0.1"},
        {"{{ 100000.0 }}", "100000.0"},
        {"{{ 1e-5 }}", "1e-05"},
        {"{{ 123456789012345680.0 }}", "1.2345678901234568e+17"},
        {"{{ -0.0 }}", "-0.0"},
        {"{{ [undef] }}", "[Undefined]"},
        {"{{ range(2, 8, 2) }}", "range(2, 8, 2)"},
        {"{{ d.values() }}", "dict_values([1, {'x': 'y'}])"},
        {"{{ (1, (2, [])) }}", "(1, (2, []))"},
        {"{{ true ~ none }}", "TrueNone"},
        {"{{ [1e16, 1e22] }}", "[1e+16, 1e+22]"},
        {"{{ namespace(a=1).a }}", "1"},
        {"{{ \"\\u200b\"|list }}", "['\\u200b']"},
        {"{{ 5e-324 }}", "5e-324"},
        {"{{ 1.7976931348623157e308 }}", "1.7976931348623157e+308"},
        {"{{ 0.1 + 0.7 }}", "0.7999999999999999"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_of_strings),
        cmocka_unit_test(methods_that_cut_and_find),
        cmocka_unit_test(questions_to_strings),
        cmocka_unit_test(methods_of_dictionaries_and_lists),
        cmocka_unit_test(percent_formats),
        cmocka_unit_test(brace_formats),
        cmocka_unit_test(formats_refuse_what_does_not_fit),
        cmocka_unit_test(what_python_prints),
    };
    return cmocka_run_group_tests_name("template text", tests, NULL, NULL);
}
