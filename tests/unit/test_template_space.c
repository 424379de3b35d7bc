#include "tests/unit/test_template.h"

static void trim_blocks_and_lstrip_blocks(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"a\n{% if yes %}\nb\n{% endif %}\nc\n", "a\nb\nc"},
        {"a\n  {% if yes %}\n  b\n  {% endif %}\nc", "a\n  b\nc"},
        {"a {% if yes %} b {% endif %} c", "a  b  c"},
        {"  {% if yes %}x{% endif %}", "x"},
        {"x  {% if yes %}y{% endif %}\n\nz", "x  y\nz"},
        {"\t{# c #}\nx", "x"},
        {"a\n  {{ n }}\n  b", "a\n  5\n  b"},
        {"a\n{{ n }}\n\nb", "a\n5\n\nb"},
        {"{% for x in l %}\n  {{ x }}\n{% endfor %}\n", "  3\n  1\n  2\n"},
        {"{% for x in l %}\n\n  {{ x }},\n{% endfor %}", "\n  3,\n\n  1,\n\n  2,\n"},
        {"{% if yes %}\r\na\r\n{% endif %}\r\nb", "a\nb"},
        {"a{# x #}\nb{# y #}  \nc", "ab  \nc"},
        {"  {# a #} {% set q = 1 %} b", "  b"},
        {" {% set q = 1 %}{% set r = 2 %}\n x", " x"},
        {"{% set q = 1 %}  \nx", "  \nx"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void signs_take_all_white_space(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"a \n {%- if yes %} b {%- endif %} c", "a b c"},
        {"a {% if yes -%} \n b \n {% endif -%} \n c", "a b \nc"},
        {"a \n {{- n -}} \n b", "a5b"},
        {"a \n {#- c -#} \n b", "ab"},
        {"a {{ n -}} {{- n }} b", "a 55 b"},
        {"{%- if yes -%} x {%- endif -%}", "x"},
        {"a\n{{- \"\\n\" -}}\nb", "a\nb"},
        {"a  {{-1}}  b", "a1  b"},
        {"a {{- -1 }} b", "a-1 b"},
        {"  {%- set q = 1 -%}  x", "x"},
        {"{{ \"  a  \" -}}   b", "  a  b"},
        {" {%- if yes %}　{% endif -%} x", "　x"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void plus_keeps_white_space(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"a\n  {%+ if yes %}b{% endif %}", "a\n  b"},
        {"{% if yes +%}\nb{% endif +%}\nc", "\nb\nc"},
        {"a\n  {#+ c +#}\nb", "a\n  \nb"},
        {"  {%+ set q = 1 +%}  \nx", "    \nx"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void one_newline_at_the_end_goes(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"a\n", "a"},
        {"a\n\n", "a\n"},
        {"a\r\n", "a"},
        {"a\r", "a"},
        {"\n", ""},
        {"", ""},
        {"{{ n }}\n", "5"},
        {"{{ \"a\n\" }}", "a\n"},
        {"{% if yes %}x{% endif %}\n\n", "x"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void raw_is_raw(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{% raw %}{{ n }}{% x %}{% endraw %}", "{{ n }}{% x %}"},
        {"a {% raw %} b {% endraw %} c", "a  b  c"},
        {"a {%- raw -%} b {%- endraw -%} c", "abc"},
        {"{% raw %}\n{# c #}\n{% endraw %}\nx", "\n{# c #}\nx"},
        {"  {% raw %}x{% endraw %}", "x"},
        {"{% raw %}{% endraw %}y", "y"},
        {"{% raw %}{{ \"{% endraw %}{{ n }}", "{{ \"5"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

static void what_looks_like_a_tag_is_none(void **state)
{
    (void)state;
    static const tt_row rows[] = {
        {"{ { n } }", "{ { n } }"},
        {"{", "{"},
        {"a{", "a{"},
        {"}}", "}}"},
        {"%}", "%}"},
        {"#}", "#}"},
        {"a } b }} c %} d", "a } b }} c %} d"},
        {"{{ \"}}\" }}", "}}"},
        {"{{ \"%}\" }}", "%}"},
        {"{{ {\"a\": {\"b\": 1}} }}", "{'a': {'b': 1}}"},
        {"{{ {\"a\": {}}}}", "{'a': {}}"},
        {"{{\"{{\"}}", "{{"},
        {"{# {{ n }} {% if %} #}", ""},
        {"{% if \"%}\" == \"x\" %}a{% else %}b{% endif %}", "b"},
        {"{}", "{}"},
        {"{ %}", "{ %}"},
        {"${n}", "${n}"},
    };
    tt_all_render(rows, sizeof rows / sizeof *rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trim_blocks_and_lstrip_blocks),
        cmocka_unit_test(signs_take_all_white_space),
        cmocka_unit_test(plus_keeps_white_space),
        cmocka_unit_test(one_newline_at_the_end_goes),
        cmocka_unit_test(raw_is_raw),
        cmocka_unit_test(what_looks_like_a_tag_is_none),
    };
    return cmocka_run_group_tests_name("template white space", tests, NULL, NULL);
}
