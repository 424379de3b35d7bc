/* GBNF: what its rules take, recursion among them, and what is refused. */
#include "tests/support/fits.h"

static void takes(void **state, const char *grammar, const char *const *good,
                  const char *const *bad)
{
    fits_all(*state, PEWTER_GRAMMAR_GBNF, grammar, good, bad);
}

static void test_rules(void **state)
{
    takes(state, "root ::= \"yes\" | \"no\" # a comment\n", FITS("yes", "no"),
          FITS("", "maybe", "yesno"));
    takes(state,
          "root ::= greeting \" \" name\ngreeting ::= \"Hello\"\n  | \"Good day\"\nname ::= [A-Z] "
          "[a-z]*",
          FITS("Hello Ada", "Good day B"), FITS("Hello", "Hello ada"));
    takes(state, "root ::= (\n  \"a\"\n  | \"b\" )+ \"\\x41\\u00e9\\n\"", FITS("abA\xc3\xa9\n"),
          FITS("A\xc3\xa9\n"));
    takes(state, "root ::= [^\"\\\\]{2,3} .? \"\\\"\"",
          FITS("ab\"", "abc\"", "abcd\"", "ab\xc3\xa9\""), FITS("a\"", "abcde\""));
    takes(state, "root ::= a{2} b{,2} c{1,}\na ::= \"a\"\nb ::= \"b\"\nc ::= \"c\"",
          FITS("aac", "aabbcc"), FITS("ac", "aabbbc", "aab"));
    takes(state, "root ::= \"\" | \"x\"", FITS("", "x"), FITS("xx"));
}

static void test_recursion(void **state)
{
    takes(state, "root ::= \"(\" root \")\" | \"\"", FITS("", "()", "((((()))))"),
          FITS("(", "())", ")("));
    takes(state, "root ::= term (\"+\" term)*\nterm ::= [0-9]+ | \"(\" root \")\"",
          FITS("1", "1+2", "(1+(2+3))+4"), FITS("+", "(1", "1+"));
    /* Palindromes: two readings at every step. */
    takes(state, "root ::= \"a\" root \"a\" | \"b\" root \"b\" | [ab] | \"\"",
          FITS("", "a", "abba", "abbabba"), FITS("ab", "abb"));
    /* The end of a list calls the list: no frame is kept for it. */
    takes(state, "root ::= \"x\" root | \"x\"",
          FITS("x", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), FITS("", "y"));
    takes(state, "root ::= e e e \"!\"\ne ::= \"a\"? ", FITS("!", "a!", "aaa!"), FITS("aaaa!"));
}

static void test_refused(void **state)
{
    static const struct {
        const char *grammar, *says;
        pewter_status status;
    } cases[] = {
        {"", "no rule has the name 'root'", PEWTER_E_FORMAT},
        {"a ::= \"b\"", "no rule has the name 'root'", PEWTER_E_FORMAT},
        {"root ::= a", "'a' is not defined", PEWTER_E_FORMAT},
        {"root ::= \"a", "a '\"' wanted", PEWTER_E_FORMAT},
        {"root ::= [a", "a ']' wanted", PEWTER_E_FORMAT},
        {"root ::= (\"a\"", "a ')' wanted", PEWTER_E_FORMAT},
        {"root ::= \"a\"\n\nroot ::= \"b\"", "line 3, column 9 of the grammar: a rule of this name",
         PEWTER_E_FORMAT},
        {"root = \"a\"", "'::=' wanted", PEWTER_E_FORMAT},
        {"root ::= \"a\"{3,1}", "from few to many", PEWTER_E_FORMAT},
        {"root ::= \"\\q\"", "an escape that is not known", PEWTER_E_FORMAT},
        {"root ::= root \"a\" | \"a\"", "left recursion", PEWTER_E_UNSUPPORTED},
        {"root ::= a\na ::= b? a \"x\" | \"y\"\nb ::= \"b\"", "left recursion",
         PEWTER_E_UNSUPPORTED},
        {"root ::= \"a\" root", "nothing fits it", PEWTER_E_FORMAT},
        {"root ::= (\"a\"?){100}", "may be empty", PEWTER_E_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        fits_refused(*state, PEWTER_GRAMMAR_GBNF, cases[i].grammar, cases[i].status, cases[i].says);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_rules),
        FIXTURE_TEST(test_recursion),
        FIXTURE_TEST(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
