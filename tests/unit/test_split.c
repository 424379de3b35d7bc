#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "pw/rng.h"
#include "runtime/text/split.h"
#include "runtime/text/utf8.h"
#include "tests/support/limit_alloc.h"

enum { LIMIT = 64 << 20, ROOM = 4096 };

/* The pieces of a text, each followed by '|', and what they hold without the marks. */
typedef struct pieces {
    char marked[ROOM], joined[ROOM];
    size_t marked_bytes, joined_bytes, n;
    size_t stop_after; /* pieces; 0: never */
} pieces;

static pewter_status take(void *context, const char *piece, size_t bytes, pewter_error *err)
{
    (void)err;
    pieces *p = context;
    assert_true(bytes > 0);
    assert_int_equal(pw_utf8_valid(piece, bytes), bytes);
    if (p->marked_bytes + bytes + 1 < ROOM) {
        memcpy(p->marked + p->marked_bytes, piece, bytes);
        p->marked[p->marked_bytes + bytes] = '|';
        p->marked_bytes += bytes + 1;
        memcpy(p->joined + p->joined_bytes, piece, bytes);
        p->joined_bytes += bytes;
    }
    return ++p->n == p->stop_after ? PEWTER_E_CANCELLED : PEWTER_OK;
}

static pewter_status count(void *context, const char *piece, size_t bytes, pewter_error *err)
{
    (void)piece;
    (void)err;
    *(size_t *)context += bytes;
    return PEWTER_OK;
}

typedef struct splitter {
    limit_alloc counts;
    pewter_allocator alloc;
    pw_split *split;
    pw_split_state *state;
} splitter;

static void open_splitter(splitter *s, const pw_pre *pre)
{
    pewter_error err = {{0}};
    s->alloc = limit_allocator(&s->counts, LIMIT, UINT64_MAX);
    if (pw_split_new(pre, &s->alloc, &s->split, &err) != PEWTER_OK) fail_msg("%s", err.message);
    s->state = pw_split_state_new(s->split);
    assert_non_null(s->state);
}

static void close_splitter(splitter *s)
{
    pw_split_state_free(s->state);
    pw_split_free(s->split);
    assert_int_equal(s->counts.live, 0);
}

/* ---- Every row ------------------------------------------------------------------------------- */

static void test_names_are_found_and_apart(void **state)
{
    (void)state;
    size_t n = 0;
    for (const pw_pre *pre; (pre = pw_pre_at(n)) != NULL; n++) {
        assert_ptr_equal(pw_pre_find(pre->name), pre); /* the first of the name */
        assert_non_null(pre->source);
        assert_true((pre->stages == NULL) == ((pre->flags & PW_PRE_OTHER) != 0));
    }
    assert_true(n > 90);
    assert_null(pw_pre_find("guess-me"));
    assert_null(pw_pre_find(""));
    assert_null(pw_pre_find("GPT-2"));
}

static bool drops(const pw_pre *pre)
{
    return pre->stages[0].kind == PW_STAGE_KEEP;
}

static uint32_t any_code(pw_rng *rng)
{
    static const uint32_t often[] = {
        ' ',     ' ',    '\n',   '\r', '\t',   'a',   'T',    '\'',   's',    '1',    '9',
        '.',     '/',    0xa0,   0x85, 0x301,  0x660, 0x200d, 0x4e00, 0xac00, 0x3042, 0x2581,
        0x1f600, 0x180e, 0x3000, 0xb2, 0x2163, 0x1c5, 0x2b0,  0xfe0f, 0x0e33, 0x31};
    if (pw_rng_range(rng, 0, 2) > 0) return often[pw_rng_range(rng, 0, 31)];
    const uint32_t code = (uint32_t)pw_rng_range(rng, 0, 0x10ffff - 0x800);
    return code < 0xd800 ? code : code + 0x800;
}

static size_t any_text(pw_rng *rng, char *text)
{
    size_t bytes = 0;
    for (int64_t n = pw_rng_range(rng, 1, 120); n > 0; n--)
        bytes += pw_utf8_put(any_code(rng), text + bytes);
    return bytes;
}

static void test_every_row_cuts_without_loss(void **state)
{
    (void)state;
    pw_rng rng = {.state = 5};
    const pw_pre *pre;
    for (size_t row = 0; (pre = pw_pre_at(row)) != NULL; row++) {
        if (pre->stages == NULL) continue;
        splitter s;
        open_splitter(&s, pre);
        for (int round = 0; round < 60; round++) {
            char text[512];
            const size_t bytes = any_text(&rng, text);
            pieces p = {.n = 0};
            assert_int_equal(pw_split_run(s.split, s.state, text, bytes, take, &p, NULL), 0);
            if (drops(pre)) continue;
            if (p.joined_bytes != bytes || memcmp(p.joined, text, bytes) != 0)
                fail_msg("'%s' does not keep a text of %zu bytes", pre->name, bytes);
        }
        close_splitter(&s);
    }
}

/* Long runs of one kind: a second a megabyte is far more than any row needs. */
static void test_no_row_is_slow(void **state)
{
    (void)state;
    static const char *const units[] = {"a",        " ",  "\n",      "7",        "a ",
                                        "aA",       "'",  "\t\r\n ", "\xcc\x81", "\xe6\xbc\xa2",
                                        "\xc2\xa0", "1a", "!"};
    enum { BYTES = 1 << 18 };
    char *text = malloc(BYTES + 8);
    assert_non_null(text);
    const pw_pre *pre;
    for (size_t row = 0; (pre = pw_pre_at(row)) != NULL; row++) {
        if (pre->stages == NULL || (row > 0 && pre->stages == pw_pre_at(row - 1)->stages)) continue;
        splitter s;
        open_splitter(&s, pre);
        for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
            const size_t unit = strlen(units[i]);
            size_t bytes = 0, seen = 0;
            for (; bytes + unit <= BYTES; bytes += unit) memcpy(text + bytes, units[i], unit);
            text[bytes++] = 'x'; /* so that runs of blanks do not end the text */
            const clock_t began = clock();
            assert_int_equal(pw_split_run(s.split, s.state, text, bytes, count, &seen, NULL), 0);
            const double seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
            if (seconds > 2.0) fail_msg("'%s', unit %zu: %.1f s", pre->name, i, seconds);
            if (!drops(pre)) assert_int_equal(seen, bytes);
        }
        close_splitter(&s);
    }
    free(text);
}

/* ---- Known cuts ------------------------------------------------------------------------------ */

static void test_known_cuts(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *wanted;
    } cases[] = {
        {"gpt-2", "Hello world  x", "Hello| world| | x|"},
        {"gpt-2", "I'm 12345\n\n a", "I|'m| 12345|\n\n| a|"},
        {"gpt-2", "DON'T", "DON|'|T|"},
        {"gpt-2", "a\xe1\xa0\x8e z", "a|\xe1\xa0\x8e| z|"}, /* U+180E is no white space */
        {"starcoder", " 123", " |1|2|3|"},
        {"default", "a,b 1234", "a|,|b| |123|4|"},
        {"llama-bpe", "I'LL 12345!\n x", "I|'LL| |123|45|!\n| x|"},
        {"llama-bpe", "a  \n  b", "a|  \n| | b|"},
        {"qwen2", "x=123", "x|=|1|2|3|"},
        {"qwen2", "e\xcc\x81", "e|\xcc\x81|"},
        {"qwen35", "e\xcc\x81", "e\xcc\x81|"},
        {"tekken", "camelCase HTTPServer", "camel|Case| HTTPServer|"},
        {"gpt-4o", "helloWorld's a/b//\n", "hello|World's| a|/b|//\n|"},
        {"deepseek-v3", "ab\xe6\xbc\xa2\xe5\xad\x97 1234", "ab|\xe6\xbc\xa2\xe5\xad\x97| |123|4|"},
        {"deepseek-coder", "a \n b", "a| |\n| b|"},
        {"kimi-k2",
         "ab\xe6\xbc\xa2\xe5\xad\x97"
         "cd",
         "ab|\xe6\xbc\xa2\xe5\xad\x97|cd|"},
        {"jais-2", "a       b", "a|    |  | b|"},
        {"jais-2", "!\n \n  x", "!\n| \n| | x|"},
        {"bloom", "Hi, you", "Hi|,| you|"},
        {"falcon", "12345`a", "123|45|`|a|"},
        {"afmoe", "1234567", "1|234|567|"},
        {"superbpe", "in 1234567 days", "in |1|234|567| days|"},
        {"superbpe",
         "1\xc2\xbd"
         "234567",
         "1\xc2\xbd|234|567|"},
        {"tiny_aya", "1234567", "1|234|567|"},
        {"tiny_aya", "1234567a", "123|456|7|a|"}, /* no end of a word behind the digits */
        {"tiny_aya",
         "1\xc2\xbd"
         "2",
         "1\xc2\xbd|2|"}, /* a word character for Oniguruma */
        {"gemma4", "a b\n\nc", "a b|\n\n|c|"},
        {"whitespace", " a  bc\n", "a|bc|"},
        {"chameleon", "IMGIMGABZ<sentinel:12>\t  x", "IMGIMGABZ|<|sentinel|:|1|2|>|\t|  |x|"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        splitter s;
        open_splitter(&s, pw_pre_find(cases[i].name));
        pieces p = {.n = 0};
        assert_int_equal(
            pw_split_run(s.split, s.state, cases[i].text, strlen(cases[i].text), take, &p, NULL),
            PEWTER_OK);
        p.marked[p.marked_bytes] = 0;
        if (strcmp(p.marked, cases[i].wanted) != 0)
            fail_msg("%s: '%s' gives '%s', not '%s'", cases[i].name, cases[i].text, p.marked,
                     cases[i].wanted);
        close_splitter(&s);
    }
}

/* ---- Failures -------------------------------------------------------------------------------- */

static void test_a_failure_stops_the_split(void **state)
{
    (void)state;
    splitter s;
    open_splitter(&s, pw_pre_find("default"));
    pieces p = {.stop_after = 2};
    assert_int_equal(pw_split_run(s.split, s.state, "a b c d", 7, take, &p, NULL),
                     PEWTER_E_CANCELLED);
    assert_int_equal(p.n, 2);
    assert_int_equal(pw_split_run(s.split, s.state, "", 0, take, &p, NULL), PEWTER_OK);
    close_splitter(&s);
}

static void test_memory_may_be_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"llama-bpe", "deepseek-llm", "default"};
    for (size_t i = 0; i < 3; i++) {
        pewter_status status = PEWTER_E_MEMORY;
        for (uint64_t fail = 0; status != PEWTER_OK; fail++) {
            limit_alloc counts;
            const pewter_allocator alloc = limit_allocator(&counts, LIMIT, fail);
            pewter_error err = {{0}};
            pw_split *split = NULL;
            status = pw_split_new(pw_pre_find(names[i]), &alloc, &split, &err);
            if (status != PEWTER_OK) {
                assert_int_equal(status, PEWTER_E_MEMORY);
                assert_null(split);
            }
            assert_true(status == PEWTER_OK || counts.live == 0);
            pw_split_free(split);
            assert_int_equal(counts.live, 0);
        }
    }
    splitter s;
    open_splitter(&s, pw_pre_find("gpt-2"));
    for (int calls = 0; calls < 2; calls++) {
        s.counts.fail_from = s.counts.calls + (uint64_t)calls;
        assert_null(pw_split_state_new(s.split));
    }
    s.counts.fail_from = UINT64_MAX;
    close_splitter(&s);
    pw_split_free(NULL);
    pw_split_state_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_found_and_apart),
        cmocka_unit_test(test_every_row_cuts_without_loss),
        cmocka_unit_test(test_no_row_is_slow),
        cmocka_unit_test(test_known_cuts),
        cmocka_unit_test(test_a_failure_stops_the_split),
        cmocka_unit_test(test_memory_may_be_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
