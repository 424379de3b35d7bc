/* Options from a table: every kind of value, what is refused, what is left of argv, the help. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Tests are linked with the library, and this is no part of it. */
#include "tools/args.c"

typedef struct values {
    bool flag;
    int32_t whole;
    int64_t wide;
    uint64_t seed;
    float real;
    const char *text;
    arg_texts texts;
    const char *plain[ARG_MAX_PLAIN];
    int n_plain;
    char said[8192]; /* on stdout and stderr */
} values;

static const arg_command command = {
    .name = "try",
    .plain = "MODEL",
    .summary = "A command of the test.",
    .examples = "pewter try one\npewter try two",
    .plain_least = 1,
    .plain_most = 2,
};

/* Both outputs go to a file while `argv` is parsed, and come back as v->said. */
static arg_result parse(values *v, const char *const *words)
{
    const arg_option first[] = {
        {"--flag", "-f", ARG_FLAG, &v->flag, NULL, "a flag"},
        {"--whole", "-w", ARG_INT, &v->whole, "N", "a whole number"},
        {"--wide", NULL, ARG_LONG, &v->wide, "N", "a wide one"},
        {NULL, NULL, ARG_FLAG, NULL, NULL, NULL},
    };
    const arg_option second[] = {
        {"--seed", NULL, ARG_SEED, &v->seed, "N", "a seed"},
        {"--real", NULL, ARG_FLOAT, &v->real, "X", "a real number"},
        {"--text", "-t", ARG_TEXT, &v->text, "TEXT", "a text"},
        {"--texts", NULL, ARG_TEXTS, &v->texts, "TEXT", "texts"},
        {NULL, NULL, ARG_FLAG, NULL, NULL, NULL},
    };
    const arg_option *const tables[] = {first, second, NULL};
    char copies[40][64], *argv[41] = {copies[0]};
    int argc = 1;
    memcpy(copies[0], "try", 4);
    for (; *words != NULL; words++, argc++) {
        snprintf(copies[argc], sizeof copies[argc], "%s", *words);
        argv[argc] = copies[argc];
    }
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stdout);
    const int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    const arg_result result = args_parse(&command, tables, argc, argv, v->plain, &v->n_plain);
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close(out);
    close(err);
    rewind(file);
    v->said[fread(v->said, 1, sizeof v->said - 1, file)] = 0;
    fclose(file);
    return result;
}

#define PARSE(v, ...) parse((v), (const char *const[]){__VA_ARGS__, NULL})

static void wants(values *v, const char *const *words, const char *says)
{
    if (parse(v, words) != ARGS_WRONG || strstr(v->said, says) == NULL ||
        strchr(v->said, '\n') != v->said + strlen(v->said) - 1)
        fail_msg("'%s %s': '%s', wanted '%s'", words[0], words[1], v->said, says);
    assert_non_null(strstr(v->said, "pewter try: "));
    assert_non_null(strstr(v->said, "; see pewter try --help"));
}

#define WANTS(v, says, ...) wants((v), (const char *const[]){__VA_ARGS__, NULL, NULL}, (says))

static void test_every_kind(void **state)
{
    (void)state;
    values v = {0};
    assert_int_equal(PARSE(&v, "model", "--flag", "--whole", "-5", "--wide", "9000000000", "--seed",
                           "18446744073709551615", "--real", "-1.5", "--text", "a b"),
                     ARGS_OK);
    assert_string_equal(v.said, "");
    assert_true(v.flag);
    assert_int_equal(v.whole, -5);
    assert_true(v.wide == 9000000000);
    assert_true(v.seed == UINT64_MAX);
    assert_true(!(v.real < -1.5f) && !(v.real > -1.5f));
    assert_string_equal(v.text, "a b");
    assert_int_equal(v.n_plain, 1);
}

static void test_both_forms_and_brief_names(void **state)
{
    (void)state;
    values v = {0};
    assert_int_equal(PARSE(&v, "-f", "-w", "7", "model", "-t", "-w", "--wide=-2"), ARGS_OK);
    assert_true(v.flag);
    assert_int_equal(v.whole, 7);
    assert_string_equal(v.text, "-w");
    assert_true(v.wide == -2);
    assert_int_equal(PARSE(&v, "model", "--text=", "--whole=1", "--whole=2"), ARGS_OK);
    assert_string_equal(v.text, "");
    assert_int_equal(v.whole, 2);
    assert_int_equal(PARSE(&v, "model", "--text=a=b"), ARGS_OK);
    assert_string_equal(v.text, "a=b");
}

static void test_plain_arguments(void **state)
{
    (void)state;
    values v = {0};
    assert_int_equal(PARSE(&v, "model", "-"), ARGS_OK);
    assert_int_equal(v.n_plain, 2);
    assert_string_equal(v.plain[1], "-");
    assert_int_equal(PARSE(&v, "--", "--flag", "-x"), ARGS_OK);
    assert_string_equal(v.plain[0], "--flag");
    assert_string_equal(v.plain[1], "-x");
    assert_false(v.flag);
    assert_int_equal(PARSE(&v, ""), ARGS_OK);
    assert_string_equal(v.plain[0], "");
    WANTS(&v, "one argument too many: 'c'", "a", "b", "c");
    WANTS(&v, "MODEL is wanted", "--flag");
    WANTS(&v, "MODEL is wanted", "--");
}

static void test_numbers_that_are_none(void **state)
{
    (void)state;
    static const char *const none[] = {"", "x", "1x", " 1", "1 ", "--1", "+", "-", "0x"};
    values v = {.whole = 3, .wide = 3, .seed = 3, .real = 3.0f};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        WANTS(&v, "--whole wants a whole number of 32 bits, found '", "m", "--whole", none[i]);
        WANTS(&v, "--wide wants a whole number of 64 bits, found '", "m", "--wide", none[i]);
        WANTS(&v, "--seed wants a whole number from 0 to 18446744073709551615, found '", "m",
              "--seed", none[i]);
        WANTS(&v, "--real wants a number, found '", "m", "--real", none[i]);
    }
    WANTS(&v, "found '2147483648'", "m", "--whole", "2147483648");
    WANTS(&v, "found '-2147483649'", "m", "--whole", "-2147483649");
    WANTS(&v, "found '1.5'", "m", "--whole", "1.5");
    WANTS(&v, "found '9223372036854775808'", "m", "--wide", "9223372036854775808");
    WANTS(&v, "found '18446744073709551616'", "m", "--seed", "18446744073709551616");
    WANTS(&v, "found '-1'", "m", "--seed", "-1");
    WANTS(&v, "found 'nan'", "m", "--real", "nan");
    WANTS(&v, "found 'inf'", "m", "--real", "inf");
    WANTS(&v, "found '1e39'", "m", "--real", "1e39");
    WANTS(&v, "found '0,5'", "m", "--real", "0,5");
    assert_true(v.whole == 3 && v.wide == 3 && v.seed == 3);
    assert_true(!(v.real < 3.0f) && !(v.real > 3.0f));
}

static void test_numbers_at_the_edge(void **state)
{
    (void)state;
    values v = {0};
    assert_int_equal(PARSE(&v, "m", "--whole", "2147483647", "--wide", "-9223372036854775808",
                           "--seed", "0xff", "--real", "1e-300"),
                     ARGS_OK);
    assert_int_equal(v.whole, INT32_MAX);
    assert_true(v.wide == INT64_MIN);
    assert_true(v.seed == 255);
    assert_true(v.real >= 0.0f && v.real < 1e-37f);
    assert_int_equal(PARSE(&v, "m", "--whole=-2147483648", "--wide=9223372036854775807",
                           "--seed=010", "--real=3e38"),
                     ARGS_OK);
    assert_int_equal(v.whole, INT32_MIN);
    assert_true(v.wide == INT64_MAX);
    assert_true(v.seed == 10);
    assert_true(v.real > 2.9e38f);
}

static void test_what_is_unknown(void **state)
{
    (void)state;
    values v = {0};
    WANTS(&v, "unknown option '--frobnicate'", "--frobnicate");
    WANTS(&v, "unknown option '--fla'", "--fla");
    WANTS(&v, "unknown option '--flags'", "--flags");
    WANTS(&v, "unknown option '-ff'", "-ff");
    WANTS(&v, "unknown option '-w7'", "-w7");
    WANTS(&v, "unknown option '--=x'", "--=x");
    WANTS(&v, "--flag takes no value, found 'yes'", "--flag=yes");
    WANTS(&v, "--flag takes no value, found ''", "--flag=");
    WANTS(&v, "--text wants a value: --text TEXT", "m", "--text");
    WANTS(&v, "--whole wants a value: --whole N", "m", "-w");
}

static void test_texts(void **state)
{
    (void)state;
    values v = {0};
    assert_int_equal(PARSE(&v, "m", "--texts", "a", "--texts=", "--texts", "b"), ARGS_OK);
    assert_int_equal(v.texts.count, 3);
    assert_string_equal(v.texts.text[1], "");
    assert_string_equal(v.texts.text[2], "b");
    const char *words[ARG_MAX_TEXTS + 3] = {"m"};
    for (size_t i = 1; i <= ARG_MAX_TEXTS + 1; i++) words[i] = "--texts=x";
    v.texts.count = 0;
    assert_int_equal(parse(&v, words), ARGS_WRONG);
    assert_non_null(strstr(v.said, "--texts may be given 16 times at most"));
    assert_int_equal(v.texts.count, ARG_MAX_TEXTS);
}

static void test_help(void **state)
{
    (void)state;
    values v = {0};
    assert_int_equal(PARSE(&v, "--help"), ARGS_HELP);
    static const char *const lines[] = {
        "usage: pewter try MODEL [options]\n",
        "\nA command of the test.\n",
        "\n  -f, --flag                 a flag\n",
        "\n  -w, --whole N              a whole number\n",
        "\n  --seed N                   a seed\n",
        "\n  -h, --help                 this text\n",
        "\nexamples:\n  pewter try one\n  pewter try two\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (strstr(v.said, lines[i]) == NULL) fail_msg("'%s' is not in '%s'", lines[i], v.said);
    assert_int_equal(PARSE(&v, "m", "--flag", "-h", "--frobnicate"), ARGS_HELP);
    assert_int_equal(PARSE(&v, "m", "--", "-h"), ARGS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind),
        cmocka_unit_test(test_both_forms_and_brief_names),
        cmocka_unit_test(test_plain_arguments),
        cmocka_unit_test(test_numbers_that_are_none),
        cmocka_unit_test(test_numbers_at_the_edge),
        cmocka_unit_test(test_what_is_unknown),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
