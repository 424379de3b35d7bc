#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pw/rng.h"
#include "runtime/text/special.h"
#include "tests/support/limit_alloc.h"

#define T(text)                                                                                    \
    {                                                                                              \
        text, sizeof text - 1                                                                      \
    }

enum { LIMIT = 16 << 20, MOST = 40 };
enum { N = PW_TOKEN_NORMAL, U = PW_TOKEN_UNKNOWN, C = PW_TOKEN_CONTROL, D = PW_TOKEN_USER_DEFINED };

typedef struct row {
    pw_text text;
    int32_t type;
} row;

typedef struct fixture {
    limit_alloc counts;
    pewter_allocator alloc;
    pw_arena arena;
    pw_text tokens[MOST];
    int32_t types[MOST];
    pw_vocab_data data;
    pw_vocab vocab;
    pw_special special;
} fixture;

static void load(fixture *f, const row *rows, size_t n)
{
    pewter_error err = {{0}};
    for (size_t i = 0; i < n; i++) {
        f->tokens[i] = rows[i].text;
        f->types[i] = rows[i].type;
    }
    f->data.n = n;
    f->data.tokens = f->tokens;
    f->data.types = f->types;
    assert_int_equal(pw_vocab_init(&f->vocab, &f->data, PW_SPELL_PLAIN, &f->arena, &err), 0);
    assert_int_equal(pw_special_init(&f->special, &f->data, &f->vocab, &f->arena, &err), 0);
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->alloc = limit_allocator(&f->counts, LIMIT, UINT64_MAX);
    f->arena.alloc = &f->alloc;
    f->data = pw_vocab_data_defaults();
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    pw_arena_free(&f->arena);
    const bool leaked = f->counts.live != 0;
    free(f);
    return leaked ? 1 : 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* What is matched at the head of a text whose first `open` bytes are special. */
static void expect(const fixture *f, const char *text, size_t open, int32_t id, size_t bytes)
{
    size_t size = 0;
    const int32_t found = pw_special_match(&f->special, &f->vocab, text, strlen(text), open, &size);
    if (found != id || size != bytes)
        fail_msg("'%s', open %zu: %d of %zu bytes", text, open, (int)found, size);
}

static void test_the_longest_match_wins(void **state)
{
    fixture *f = *state;
    static const row rows[] = {{T("<a"), C},    {T("<ab>"), C}, {T("<abc"), C}, {T("<"), N},
                               {T("  "), D},    {T("    "), D}, {T("<a"), C},   {T(""), C},
                               {T("<unk>"), U}, {T("x<a"), N}};
    load(f, rows, 10);
    assert_int_equal(f->special.n, 6);
    expect(f, "<ab>c", 9, 1, 4);
    expect(f, "<abd", 9, 0, 2); /* the first of equal texts */
    expect(f, "<abcd", 9, 2, 4);
    expect(f, "<", 9, -1, 0);
    expect(f, "", 9, -1, 0);
    expect(f, "b<a", 9, -1, 0);
    expect(f, "   ", 0, 4, 2);
    expect(f, "    ", 0, 5, 4);
    expect(f, "<unk>", 9, 8, 5);
}

static void test_control_tokens_end_within_what_is_open(void **state)
{
    fixture *f = *state;
    static const row rows[] = {{T("<a"), C}, {T("<ab>"), C}, {T("<a!"), D}, {T("<unk>"), U}};
    load(f, rows, 4);
    expect(f, "<ab>", 4, 1, 4);
    expect(f, "<ab>", 3, 0, 2); /* the shorter one fits */
    expect(f, "<ab>", 1, -1, 0);
    expect(f, "<ab>", 0, -1, 0);
    expect(f, "<a!", 0, 2, 3); /* user-defined tokens are ordinary text */
    expect(f, "<a!", 2, 2, 3);
    expect(f, "<unk>", 0, -1, 0);
}

/* Against the definition: every text, the longest that fits. */
static void test_matches_as_defined(void **state)
{
    fixture *f = *state;
    pw_rng rng = {.state = 9};
    for (int round = 0; round < 300; round++) {
        char texts[MOST][8];
        row rows[MOST];
        for (size_t i = 0; i < MOST; i++) {
            const size_t bytes = (size_t)pw_rng_range(&rng, 1, 5);
            for (size_t k = 0; k < bytes; k++) texts[i][k] = (char)pw_rng_range(&rng, 'a', 'c');
            rows[i] = (row){{texts[i], bytes}, pw_rng_range(&rng, 0, 1) == 0 ? C : D};
        }
        pw_arena_free(&f->arena);
        load(f, rows, MOST);
        for (int probe = 0; probe < 50; probe++) {
            char text[8];
            for (size_t k = 0; k < 7; k++) text[k] = (char)pw_rng_range(&rng, 'a', 'c');
            text[7] = 0;
            const size_t open = (size_t)pw_rng_range(&rng, 0, 6);
            int32_t best = -1;
            for (size_t i = 0; i < MOST; i++) {
                const size_t bytes = rows[i].text.bytes;
                bool first = memcmp(text, texts[i], bytes) == 0;
                for (size_t k = 0; k < i && first; k++)
                    first = rows[k].text.bytes != bytes || memcmp(texts[k], texts[i], bytes) != 0;
                if (!first || (rows[i].type == C && bytes > open)) continue;
                if (best < 0 || bytes > rows[best].text.bytes) best = (int32_t)i;
            }
            expect(f, text, open, best, best < 0 ? 0 : rows[best].text.bytes);
        }
    }
}

static void test_tokens_that_look_like_control_become_it(void **state)
{
    fixture *f = *state;
    static const struct {
        row row;
        int type, ends;
    } cases[] = {
        {{T("<|im_end|>"), N}, C, 1},
        {{T("<|im_end|>"), D}, C, 1},
        {{T("<|im_start|>"), D}, C, 0},
        {{T("<|im_start|>"), N},
         N,
         0}, /* ordinary text does not merge to it unless it is trained */
        {{T("<\xef\xbd\x9cUser\xef\xbd\x9c>"), D}, C, 0},
        {{T("<||>"), D}, D, 0},
        {{T("<|>"), D}, D, 0},
        {{T("</s>"), D}, C, 1},
        {{T("</s>"), N}, N, 0},
        {{T("</s>"), C}, C, 1},
        {{T("<end_of_turn>"), D}, C, 1},
        {{T("<|end|>"), C}, C, 1},
        {{T("hello"), D}, D, 0},
        {{T("<|eot_id|>"), C}, C, 1},
        {{T("<s>"), C}, C, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        load(f, &cases[i].row, 1);
        if (f->vocab.types[0] != cases[i].type || f->special.ends[0] != cases[i].ends)
            fail_msg("'%s' has type %d, ends %d", cases[i].row.text.data, f->vocab.types[0],
                     f->special.ends[0]);
        assert_int_equal(pw_vocab_find(&f->vocab, cases[i].row.text.data, cases[i].row.text.bytes),
                         cases[i].type == C ? -1 : 0);
    }
}

static void test_ids_make_control_tokens_and_ends(void **state)
{
    fixture *f = *state;
    static const row rows[] = {{T("<s>"), N}, {T("[EOT!]"), N}, {T("stop"), D}, {T("\n"), D},
                               {T("end"), N}, {T("pad"), D},    {T("<e>"), N}};
    f->data.bos = 0;
    f->data.eos = 1;
    f->data.eot = 2;
    f->data.eom = 3;
    f->data.pad = 5;
    load(f, rows, 7);
    static const int types[] = {C, C, C, D, N, C, N}, ends[] = {0, 1, 1, 1, 0, 0, 0};
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(f->vocab.types[i], types[i]);
        assert_int_equal(f->special.ends[i], ends[i]);
    }
    f->data.eos = 4; /* an ordinary word may end an answer and stays a word */
    load(f, rows, 7);
    assert_int_equal(f->vocab.types[4], N);
    assert_int_equal(f->special.ends[4], 1);
}

/* Where "<|return|>" ends an answer, "<|end|>" ends a message of several. */
static void test_end_is_no_end_beside_return(void **state)
{
    fixture *f = *state;
    static const row rows[] = {{T("<|end|>"), C}, {T("<|return|>"), C}, {T("<|call|>"), C}};
    load(f, rows, 3);
    assert_int_equal(f->special.ends[0], 0);
    assert_int_equal(f->special.ends[1], 1);
    assert_int_equal(f->special.ends[2], 1);
}

static void test_memory_may_be_refused(void **state)
{
    fixture *f = *state;
    static const row rows[] = {{T("<s>"), C}, {T("</s>"), C}, {T("a"), N}};
    load(f, rows, 3);
    pewter_status status = PEWTER_E_MEMORY;
    for (uint64_t fail = 0; status != PEWTER_OK; fail++) {
        assert_true(fail < 10);
        limit_alloc counts;
        const pewter_allocator alloc = limit_allocator(&counts, LIMIT, fail);
        pw_arena arena = {.alloc = &alloc};
        pewter_error err = {{0}};
        status = pw_special_init(&f->special, &f->data, &f->vocab, &arena, &err);
        assert_true(status == PEWTER_OK || status == PEWTER_E_MEMORY);
        pw_arena_free(&arena);
        assert_int_equal(counts.live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_longest_match_wins),
        TEST(test_control_tokens_end_within_what_is_open),
        TEST(test_matches_as_defined),
        TEST(test_tokens_that_look_like_control_become_it),
        TEST(test_ids_make_control_tokens_and_ends),
        TEST(test_end_is_no_end_beside_return),
        TEST(test_memory_may_be_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
