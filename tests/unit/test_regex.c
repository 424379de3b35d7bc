/* Patterns: what they take, and what they refuse. */
#include "tests/support/fits.h"

static void takes(void **state, const char *pattern, const char *const *good,
                  const char *const *bad)
{
    fits_all(*state, PEWTER_GRAMMAR_REGEX, pattern, good, bad);
}

static void test_literals_and_choices(void **state)
{
    takes(state, "abc", FITS("abc"), FITS("", "ab", "abcd", "xabc"));
    takes(state, "a|bc|", FITS("a", "bc", ""), FITS("b", "abc"));
    takes(state, "(a|b)c(?:d|e)", FITS("acd", "bce"), FITS("ac", "abcd"));
    takes(state, "(?<name>x)y", FITS("xy"), FITS("x"));
    takes(state, "\\.\\*\\/\\$\\-", FITS(".*/$-"), FITS("a*/$-"));
    takes(state, "\\x41\\u00e9\\u{1F600}\\ud83d\\ude00\\cJ",
          FITS("A\xc3\xa9\xf0\x9f\x98\x80\xf0\x9f\x98\x80\n"), FITS("A"));
}

static void test_repeats(void **state)
{
    takes(state, "ab*", FITS("a", "ab", "abbbb"), FITS("", "b"));
    takes(state, "(ab)+", FITS("ab", "abab"), FITS("", "aba"));
    takes(state, "a?b??", FITS("", "a", "b", "ab"), FITS("ba", "aa"));
    takes(state, "a{3}", FITS("aaa"), FITS("aa", "aaaa"));
    takes(state, "a{2,}", FITS("aa", "aaaaaa"), FITS("a", ""));
    takes(state, "(a|bb){1,3}", FITS("a", "bb", "abba", "bbbbbb"), FITS("", "b", "aaaa"));
    takes(state, "(a{0,2}){0,2}x{0}", FITS("", "aaaa"), FITS("aaaaa", "x"));
    takes(state, "(a*)*", FITS("", "aaa"), FITS("b"));
}

static void test_classes(void **state)
{
    takes(state, "[a-cx]", FITS("a", "b", "c", "x"), FITS("d", "", "ab", "-"));
    takes(state, "[^a-c]", FITS("d", "\xc3\xa9", "\xf0\x9f\x98\x80", "\n"), FITS("a", "", "\xc3"));
    takes(state, "[-a]", FITS("-", "a"), FITS("b"));
    takes(state, "[a-]", FITS("-", "a"), FITS("b"));
    takes(state, "[\\d_]\\D\\w\\W\\s\\S", FITS("1xy- z", "_.A.\xc2\xa0z"), FITS("x1y- z"));
    takes(state, ".", FITS("a", "\xe2\x82\xac"), FITS("\n", "\r", "\xe2\x80\xa8", ""));
    takes(state, "[\\u0600-\\u06ff]+", FITS("\xd8\xb3\xd9\x84"), FITS("abc"));
    takes(state, "[\\u0100-\\u{10fffe}]", FITS("\xc4\x80", "\xf4\x8f\xbf\xbe", "\xef\xbf\xbf"),
          FITS("\xc3\xbf", "\xed\xa0\x80"));
    takes(state, "[\\b]", FITS("\b"), FITS("b"));
}

static void test_anchors(void **state)
{
    takes(state, "^abc$", FITS("abc"), FITS("xabc", "abcx"));
    takes(state, "^a|b$", FITS("a", "b"), FITS("ab"));
    takes(state, "a$|^b", FITS("a", "b"), FITS("ba"));
    fits_refused(*state, PEWTER_GRAMMAR_REGEX, "a^b", PEWTER_E_FORMAT, "nothing fits it");
}

static void test_refused(void **state)
{
    static const struct {
        const char *pattern, *says;
        pewter_status status;
    } cases[] = {
        {"(", "a ')' wanted", PEWTER_E_FORMAT},
        {")", "a '(' is missing", PEWTER_E_FORMAT},
        {"[a", "a ']' wanted", PEWTER_E_FORMAT},
        {"[b-a]", "from low to high", PEWTER_E_FORMAT},
        {"a**", "something to repeat", PEWTER_E_FORMAT},
        {"*", "something to repeat", PEWTER_E_FORMAT},
        {"a{2,1}", "from few to many", PEWTER_E_FORMAT},
        {"a{1001}", "more than 1000", PEWTER_E_UNSUPPORTED},
        {"\\", "behind the backslash", PEWTER_E_FORMAT},
        {"\\q", "an escape that is not known", PEWTER_E_FORMAT},
        {"\\ud800", "no surrogate", PEWTER_E_FORMAT},
        {"(?=a)", "look-around", PEWTER_E_UNSUPPORTED},
        {"(?<!a)", "look-around", PEWTER_E_UNSUPPORTED},
        {"(a)\\1", "references", PEWTER_E_UNSUPPORTED},
        {"\\bword", "an edge of a word", PEWTER_E_UNSUPPORTED},
        {"\\p{L}", "a property", PEWTER_E_UNSUPPORTED},
        {"\xff", "UTF-8 wanted", PEWTER_E_FORMAT},
        {"((a{1000}){1000}){1000}", "too long", PEWTER_E_LIMIT},
        {"(a|b)*a(a|b){100}", "too complex", PEWTER_E_LIMIT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        fits_refused(*state, PEWTER_GRAMMAR_REGEX, cases[i].pattern, cases[i].status,
                     cases[i].says);
    char deep[20001];
    memset(deep, '(', 10000);
    memset(deep + 10000, ')', 10000);
    deep[20000] = 0;
    fits_refused(*state, PEWTER_GRAMMAR_REGEX, deep, PEWTER_E_UNSUPPORTED, "64 deep");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_literals_and_choices),
        FIXTURE_TEST(test_repeats),
        FIXTURE_TEST(test_classes),
        FIXTURE_TEST(test_anchors),
        FIXTURE_TEST(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
