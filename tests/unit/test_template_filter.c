#include "tests/unit/test_template.h"

static void text_filters(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{{ s|upper }}", "HELLO, WÖRLD"},
        {"{{ s|lower }}", "hello, wörld"},
        {"{{ \"the quick-brown (fox) o'er\"|title }}", "The Quick-Brown (Fox) O'er"},
        {"{{ \"aBC dE\"|capitalize }}", "Abc de"},
        {"{{ pad|trim }}", "two"},
        {"{{ \"xxaxx\"|trim(\"x\") }}", "a"},
        {"{{ s|replace(\"l\", \"L\") }}", "HeLLo, WörLd"},
        {"{{ s|replace(\"l\", \"L\", 1) }}", "HeLlo, Wörld"},
        {"{{ \"ab\"|replace(\"\", \"-\") }}", "-a-b-"},
        {"{{ 5|replace(\"5\", 6) }}", "6"},
        {"{{ s|length }}", "12"},
        {"{{ s|wordcount }}", "2"},
        {"{{ \"a\\nb\\n\\nc\"|indent }}", "a\n    b\n\n    c"},
        {"{{ \"a\\nb\\n\\nc\"|indent(2, true) }}", "  a\n  b\n\n  c"},
        {"{{ \"a\\nb\\n\\nc\"|indent(\"> \", blank=true) }}", "a\n> b\n> \n> c"},
        {"{{ \"a\\n\"|indent(1) }}", "a\n"},
        {"{{ \"x\"|center(7) }}", "   x   "},
        {"{{ \"a long sentence here\"|truncate(12) }}", "a long..."},
        {"{{ \"a long sentence here\"|truncate(12, true) }}", "a long se..."},
        {"{{ \"a long sentence here\"|truncate(10, false, \"~\", 0) }}", "a long~"},
        {"{{ \"short\"|truncate(2, end=\"\", leeway=9) }}", "short"},
        {"{{ \"<a href='x'>&\\\"</a>\"|e }}", "&lt;a href=&#39;x&#39;&gt;&amp;&#34;&lt;/a&gt;"},
        {"{{ \"<\"|escape|escape }}", "&lt;"},
        {"{{ \"<\"|e|forceescape }}", "&amp;lt;"},
        {"{{ \"<\"|safe|e }}", "<"},
        {"{{ (\"<\"|safe) + \"<\" }}", "<&lt;"},
        {"{{ \"a b/ü&=?\"|urlencode }}", "a%20b/%C3%BC%26%3D%3F"},
        {"{{ {\"a b\": 1, \"c\": \"&\"}|urlencode }}", "a+b=1&c=%26"},
        {"{{ [[\"k\", \"v w\"]]|urlencode }}", "k=v+w"},
        {"{{ \"%s is %d\"|format(\"x\", 3) }}", "x is 3"},
        {"{{ \"%(a)s\"|format(a=1) }}", "1"},
        {"{{ 12|string + \"x\" }}", "12x"},
        {"{{ [1, \"a\"]|string }}", "[1, 'a']"},
        {"{{ none|upper }}", "NONE"},
        {"{{ s|reverse }}", "dlröW ,olleH"},
        {"{{ 1.5|string|length }}", "3"},
        {"{{ \"ǆ ß ﬁ\"|upper }}", "Ǆ SS FI"},
        {"{{ \"ΑΣ ΣΑΣ.\"|lower }}", "ας σας."},
        {"{{ \"ß\"|title }}", "SS"},
        {"{{ \"ÀÉ\"|lower }}", "àé"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void sequence_filters(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{{ l|length }}", "3"},
        {"{{ d|count }}", "2"},
        {"{{ undef|length }}", "0"},
        {"{{ l|first }}", "3"},
        {"{{ l|last }}", "2"},
        {"{{ []|first }}", ""},
        {"{{ [] |last }}", ""},
        {"{{ \"abc\"|first }}", "a"},
        {"{{ d|first }}", "b"},
        {"{{ \"abc\"|list }}", "['a', 'b', 'c']"},
        {"{{ d|list }}", "['b', 'a']"},
        {"{{ undef|list }}", "[]"},
        {"{{ l|join }}", "312"},
        {"{{ l|join(\", \") }}", "3, 1, 2"},
        {"{{ rows|join(\"-\", attribute=\"k\") }}", "x-Y-x"},
        {"{{ names|join(d=\"+\") }}", "b+A+c"},
        {"{{ [none, 1, undef]|join(\",\") }}", "None,1,"},
        {"{{ l|reverse|list }}", "[2, 1, 3]"},
        {"{{ d|items|list }}", "[('b', 1), ('a', {'x': 'y'})]"},
        {"{{ undef|items|list }}", "[]"},
        {"{{ l|sort }}", "[1, 2, 3]"},
        {"{{ l|sort(reverse=true) }}", "[3, 2, 1]"},
        {"{{ names|sort }}", "['A', 'b', 'c']"},
        {"{{ names|sort(case_sensitive=true) }}", "['A', 'b', 'c']"},
        {"{{ rows|sort(attribute=\"k\")|map(attribute=\"k\")|list }}", "['x', 'x', 'Y']"},
        {"{{ [{\"a\": 1, \"b\": 2}, {\"a\": 1, \"b\": 1}]|sort(attribute=\"a,b\") }}",
         "[{'a': 1, 'b': 1}, {'a': 1, 'b': 2}]"},
        {"{{ [[2, \"x\"], [1, \"y\"]]|sort(attribute=\"0\") }}", "[[1, 'y'], [2, 'x']]"},
        {"{{ [\"b\", \"B\", \"a\"]|unique|list }}", "['b', 'a']"},
        {"{{ [\"b\", \"B\"]|unique(true)|list }}", "['b', 'B']"},
        {"{{ rows|unique(attribute=\"k\")|list|length }}", "2"},
        {"{{ l|min }}", "1"},
        {"{{ l|max }}", "3"},
        {"{{ []|max }}", ""},
        {"{{ names|min }}", "A"},
        {"{{ names|max(case_sensitive=true) }}", "c"},
        {"{{ rows|max(attribute=\"k\") }}", "{'k': 'Y', 'v': 2}"},
        {"{{ l|sum }}", "6"},
        {"{{ l|sum(start=10) }}", "16"},
        {"{{ [{\"a\": 1}, {\"a\": 2}]|sum(attribute=\"a\") }}", "3"},
        {"{{ d|dictsort }}", "[('a', {'x': 'y'}), ('b', 1)]"},
        {"{{ {\"b\": 1, \"A\": 2}|dictsort }}", "[('A', 2), ('b', 1)]"},
        {"{{ {\"b\": 1, \"A\": 2}|dictsort(true) }}", "[('A', 2), ('b', 1)]"},
        {"{{ {\"b\": 1, \"A\": 2}|dictsort(by=\"value\", reverse=true) }}", "[('A', 2), ('b', 1)]"},
        {"{{ rows|groupby(\"k\") }}",
         "[('x', [{'k': 'x', 'v': 1}, {'k': 'x'}]), ('Y', [{'k': 'Y', 'v': 2}])]"},
        {"{{ rows|groupby(\"v\", default=9)|map(\"first\")|list }}", "[1, 2, 9]"},
        {"{{ rows|groupby(\"k\")|map(attribute=\"list\")|map(\"length\")|list }}", "[2, 1]"},
        {"{{ range(5)|batch(2)|list }}", "[[0, 1], [2, 3], [4]]"},
        {"{{ range(5)|batch(3, \"x\")|list }}", "[[0, 1, 2], [3, 4, 'x']]"},
        {"{{ range(7)|slice(3)|list }}", "[[0, 1, 2], [3, 4], [5, 6]]"},
        {"{{ range(7)|slice(3, \"-\")|list }}", "[[0, 1, 2], [3, 4, '-'], [5, 6, '-']]"},
        {"{{ range(3)|slice(5)|list }}", "[[0], [1], [2], [], []]"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void picking_filters(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{{ names|map(\"upper\")|list }}", "['B', 'A', 'C']"},
        {"{{ rows|map(attribute=\"v\")|list }}", "[1, 2, Undefined]"},
        {"{{ rows|map(attribute=\"v\", default=0)|list }}", "[1, 2, 0]"},
        {"{{ [{\"a\": {\"b\": 1}}]|map(attribute=\"a.b\")|list }}", "[1]"},
        {"{{ [[1, 2], [3, 4]]|map(attribute=1)|list }}", "[2, 4]"},
        {"{{ l|map(\"string\")|map(\"length\")|list }}", "[1, 1, 1]"},
        {"{{ [\" a \"]|map(\"replace\", \" \", \"_\")|list }}", "['_a_']"},
        {"{{ nil|map(\"upper\")|list }}", "[]"},
        {"{{ [0, 1, \"\", \"a\"]|select|list }}", "[1, 'a']"},
        {"{{ [0, 1, \"\", \"a\"]|reject|list }}", "[0, '']"},
        {"{{ l|select(\"odd\")|list }}", "[3, 1]"},
        {"{{ l|reject(\"equalto\", 3)|list }}", "[1, 2]"},
        {"{{ l|select(\">\", 1)|list }}", "[3, 2]"},
        {"{{ l|select(\"in\", [1, 9])|list }}", "[1]"},
        {"{{ rows|selectattr(\"v\")|map(attribute=\"v\")|list }}", "[1, 2]"},
        {"{{ rows|selectattr(\"v\", \"defined\")|list|length }}", "2"},
        {"{{ rows|rejectattr(\"v\", \"defined\")|list|length }}", "1"},
        {"{{ rows|selectattr(\"k\", \"equalto\", \"x\")|list|length }}", "2"},
        {"{{ messages|selectattr(\"role\", \"equalto\", \"user\")|map(attribute=\"content\")|first "
         "}}",
         "Hi <b>"},
        {"{{ (messages|rejectattr(\"role\", \"in\", [\"user\"])|list)[0].role }}", "system"},
        {"{{ l|map(\"default\")|list }}", "[3, 1, 2]"},
        {"{{ [[1], []]|map(\"first\")|list }}", "[1, Undefined]"},
        {"{{ rows|map(\"tojson\")|join(\";\") }}",
         "{\"k\": \"x\", \"v\": 1};{\"k\": \"Y\", \"v\": 2};{\"k\": \"x\"}"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void other_filters(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{{ undef|default(\"x\") }}", "x"},
        {"{{ undef|default }}", ""},
        {"{{ nil|default(\"x\") }}", "None"},
        {"{{ nil|default(\"x\", true) }}", "x"},
        {"{{ \"\"|d(\"x\", boolean=true) }}", "x"},
        {"{{ 0|default(1) }}", "0"},
        {"{{ \"42\"|int }}", "42"},
        {"{{ \"x\"|int }}", "0"},
        {"{{ \"x\"|int(-1) }}", "-1"},
        {"{{ \"0x1F\"|int(base=16) }}", "31"},
        {"{{ \"1f\"|int(0, 16) }}", "31"},
        {"{{ \"3.9\"|int }}", "3"},
        {"{{ 3.9|int }}", "3"},
        {"{{ -3.9|int }}", "-3"},
        {"{{ true|int }}", "1"},
        {"{{ none|int(5) }}", "5"},
        {"{{ \"1_000\"|int }}", "1000"},
        {"{{ \" 7 \"|int }}", "7"},
        {"{{ \"2.5\"|float }}", "2.5"},
        {"{{ \"x\"|float }}", "0.0"},
        {"{{ \"x\"|float(1.5) }}", "1.5"},
        {"{{ 3|float }}", "3.0"},
        {"{{ \"inf\"|float }}", "inf"},
        {"{{ \"1e400\"|float }}", "inf"},
        {"{{ -3|abs }}", "3"},
        {"{{ -2.5|abs }}", "2.5"},
        {"{{ 2.5|round }}", "2.0"},
        {"{{ 3.5|round }}", "4.0"},
        {"{{ -2.5|round }}", "-2.0"},
        {"{{ 42.55|round(1) }}", "42.5"},
        {"{{ 42.49|round(1, \"ceil\") }}", "42.5"},
        {"{{ 42.55|round(0, \"floor\") }}", "42.0"},
        {"{{ 42|round }}", "42"},
        {"{{ 1234|round(-2) }}", "1200"},
        {"{{ 1250.0|round(-2) }}", "1200.0"},
        {"{{ 2.675|round(2) }}", "2.67"},
        {"{{ s|attr(\"upper\") is callable }}", "True"},
        {"{{ d|attr(\"b\") }}", ""},
        {"{{ d|attr(\"items\") is callable }}", "True"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void tojson_is_json_dumps(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{{ s|tojson }}", "\"Hello, Wörld\""},
        {"{{ none|tojson }}", "null"},
        {"{{ true|tojson }}", "true"},
        {"{{ 1.0|tojson }}", "1.0"},
        {"{{ 1e20|tojson }}", "1e+20"},
        {"{{ []|tojson }}", "[]"},
        {"{{ {}|tojson }}", "{}"},
        {"{{ (1, \"a\")|tojson }}", "[1, \"a\"]"},
        {"{{ d|tojson }}", "{\"b\": 1, \"a\": {\"x\": \"y\"}}"},
        {"{{ d|tojson(indent=2) }}", "{\n  \"b\": 1,\n  \"a\": {\n    \"x\": \"y\"\n  }\n}"},
        {"{{ [[], {}, [1, {\"a\": []}]]|tojson(indent=1) }}",
         "[\n [],\n {},\n [\n  1,\n  {\n   \"a\": []\n  }\n ]\n]"},
        {"{{ l|tojson(indent=\"--\") }}", "[\n--3,\n--1,\n--2\n]"},
        {"{{ d|tojson(sort_keys=true) }}", "{\"a\": {\"x\": \"y\"}, \"b\": 1}"},
        {"{{ l|tojson(separators=(\",\", \":\")) }}", "[3,1,2]"},
        {"{{ d|tojson(separators=(\",\", \":\"), indent=0) }}",
         "{\n\"b\":1,\n\"a\":{\n\"x\":\"y\"\n}\n}"},
        {"{{ s|tojson(ensure_ascii=true) }}", "\"Hello, W\\u00f6rld\""},
        {"{{ \"😀\"|tojson(ensure_ascii=true) }}", "\"\\ud83d\\ude00\""},
        {"{{ \"\\\"\\\\/\\n\\r\\t\\b\\f\\x00\\x1f\\x7f\"|tojson }}",
         "\"\\\"\\\\/\\n\\r\\t\\b\\f\\u0000\\u001f\177\""},
        {"{{ \"<&>'\"|tojson }}", "\"<&>'\""},
        {"{{ {1: 2, none: 3, true: 4, 1.5: 5}|tojson }}", "{\"1\": 4, \"null\": 3, \"1.5\": 5}"},
        {"{{ \"\\u2028é日本\"|tojson }}", "\" é日本\""},
        {"{{ rows|tojson }}",
         "[{\"k\": \"x\", \"v\": 1}, {\"k\": \"Y\", \"v\": 2}, {\"k\": \"x\"}]"},
        {"{{ messages[1]|tojson }}", "{\"role\": \"user\", \"content\": \"Hi <b>\"}"},
        {"{{ {\"a\": none}|tojson|length }}", "11"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void questions_to_values(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{{ n is defined }}", "True"},
        {"{{ undef is defined }}", "False"},
        {"{{ undef is undefined }}", "True"},
        {"{{ nil is none }}", "True"},
        {"{{ n is none }}", "False"},
        {"{{ yes is boolean }}", "True"},
        {"{{ 1 is boolean }}", "False"},
        {"{{ true is true }}", "True"},
        {"{{ 1 is true }}", "False"},
        {"{{ false is false }}", "True"},
        {"{{ 1 is integer }}", "True"},
        {"{{ true is integer }}", "False"},
        {"{{ 1.0 is integer }}", "False"},
        {"{{ 1.0 is float }}", "True"},
        {"{{ true is number }}", "True"},
        {"{{ \"1\" is number }}", "False"},
        {"{{ s is string }}", "True"},
        {"{{ l is string }}", "False"},
        {"{{ d is mapping }}", "True"},
        {"{{ l is mapping }}", "False"},
        {"{{ l is sequence }}", "True"},
        {"{{ s is sequence }}", "True"},
        {"{{ d is sequence }}", "True"},
        {"{{ undef is sequence }}", "True"},
        {"{{ 1 is sequence }}", "False"},
        {"{{ (l|map(\"int\")) is sequence }}", "False"},
        {"{{ l is iterable }}", "True"},
        {"{{ s is iterable }}", "True"},
        {"{{ 1 is iterable }}", "False"},
        {"{{ range is callable }}", "True"},
        {"{{ s.upper is callable }}", "True"},
        {"{{ s is callable }}", "False"},
        {"{{ (\"<\"|safe) is escaped }}", "True"},
        {"{{ \"<\" is escaped }}", "False"},
        {"{{ \"upper\" is filter }}", "True"},
        {"{{ \"nope\" is filter }}", "False"},
        {"{{ \"odd\" is test }}", "True"},
        {"{{ 3 is odd }}", "True"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void questions_of_comparison(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{{ 3 is even }}", "False"},
        {"{{ 9 is divisibleby 3 }}", "True"},
        {"{{ 9 is divisibleby(2) }}", "False"},
        {"{{ 1 is eq 1 }}", "True"},
        {"{{ 1 is equalto(2) }}", "False"},
        {"{{ 1 is ne 2 }}", "True"},
        {"{{ 1 is lt 2 }}", "True"},
        {"{{ 2 is le 2 }}", "True"},
        {"{{ 3 is gt 4 }}", "False"},
        {"{{ 3 is greaterthan 2 }}", "True"},
        {"{{ 3 is ge 3 }}", "True"},
        {"{{ 1 is in [1] }}", "True"},
        {"{{ \"e\" is in s }}", "True"},
        {"{{ none is sameas none }}", "True"},
        {"{{ 1 is sameas true }}", "False"},
        {"{{ \"abc\" is lower }}", "True"},
        {"{{ \"aBc\" is lower }}", "False"},
        {"{{ \"ABC\" is upper }}", "True"},
        {"{{ 1 is not none }}", "True"},
        {"{{ not 1 is none }}", "True"},
        {"{{ n is not defined or true }}", "True"},
        {"{{ 1 is odd and 2 is even }}", "True"},
        {"{{ [1] is sequence and d.b is number }}", "True"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void filters_refuse_what_they_cannot_take(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{{ 5|length }}", "a int has no length"},
        {"{{ (l|map(\"int\"))|length }}", "a iterator has no length"},
        {"{{ (l|map(\"int\"))|last }}", "iterator has no last"},
        {"{{ 5|list }}", "a int cannot be iterated over"},
        {"{{ [1, \"a\"]|sort }}", "'<' does not compare"},
        {"{{ [\"a\"]|sum }}", "'+' does not take int and str"},
        {"{{ l|map }}", "map takes a filter or attribute"},
        {"{{ l|map(wrong=1) }}", "attribute and default only"},
        {"{{ l|map(\"nofilter\")|list }}", "no filter is named 'nofilter'"},
        {"{{ l|select(\"notest\")|list }}", "no test is named 'notest'"},
        {"{{ rows|selectattr|list }}", "the name of an attribute"},
        {"{{ \"a\"|abs }}", "a str has no absolute value"},
        {"{{ \"a\"|round }}", "a str cannot be rounded"},
        {"{{ 1|round(1, \"up\") }}", "\"common\", \"ceil\" or \"floor\""},
        {"{{ undef|int }}", "'undef' is undefined"},
        {"{{ undef|float }}", "'undef' is undefined"},
        {"{{ undef|tojson }}", "a Undefined cannot be written as JSON"},
        {"{{ range|tojson }}", "a function cannot be written as JSON"},
        {"{{ {(1,): 2}|tojson }}", "JSON takes no tuple as a key"},
        {"{{ {1: 2, \"a\": 3}|tojson(sort_keys=true) }}", "JSON sorts string keys"},
        {"{{ d|dictsort(by=\"size\") }}", "\"key\" or \"value\""},
        {"{{ 1|items }}", "not of a dictionary"},
        {"{{ 5|indent }}", "a int cannot be indented"},
        {"{{ \"abc\"|truncate(1) }}", "truncate wants"},
        {"{{ l|slice(0)|list }}", "one part or more"},
        {"{{ \"%s\"|format(1, a=2) }}", "not both"},
        {"{{ 1|default(a=1) }}", "does not take the argument 'a'"},
        {"{{ 1e300|int }}", "passes 64 bits"},
    };
    tt_all_fail(rows, sizeof rows / sizeof *rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_filters),
        cmocka_unit_test(sequence_filters),
        cmocka_unit_test(picking_filters),
        cmocka_unit_test(other_filters),
        cmocka_unit_test(tojson_is_json_dumps),
        cmocka_unit_test(questions_to_values),
        cmocka_unit_test(questions_of_comparison),
        cmocka_unit_test(filters_refuse_what_they_cannot_take),
    };
    return cmocka_run_group_tests_name("template filters", tests, NULL, NULL);
}
