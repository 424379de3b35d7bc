#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "pw/rng.h"
#include "runtime/text/spm.h"
#include "tests/support/limit_alloc.h"

enum { LIMIT = 256 << 20, MOST = 400, TEXT = 24 };

typedef struct maker {
    limit_alloc counts;
    pewter_allocator alloc;
    pw_arena arena;
    pw_text tokens[MOST];
    char texts[MOST][TEXT];
    float scores[MOST];
    int32_t types[MOST];
    pw_vocab_data data;
    pw_vocab vocab;
    pw_spm spm;
    pw_merger merger;
    pewter_error err;
} maker;

static int32_t add(maker *m, const char *text, float score, int32_t type)
{
    const size_t id = m->data.n++;
    assert_true(id < MOST);
    snprintf(m->texts[id], TEXT, "%s", text);
    m->tokens[id] = (pw_text){m->texts[id], strlen(m->texts[id])};
    m->scores[id] = score;
    m->types[id] = type;
    return (int32_t)id;
}

static void load(maker *m, int32_t unk)
{
    assert_int_equal(pw_vocab_init(&m->vocab, &m->data, PW_SPELL_SPACES, &m->arena, &m->err),
                     PEWTER_OK);
    pw_spm_init(&m->spm, &m->vocab, unk);
}

static int set_up(void **state)
{
    maker *m = calloc(1, sizeof *m);
    assert_non_null(m);
    m->alloc = limit_allocator(&m->counts, LIMIT, UINT64_MAX);
    m->arena.alloc = m->merger.alloc = &m->alloc;
    m->data = pw_vocab_data_defaults();
    m->data.tokens = m->tokens;
    m->data.types = m->types;
    m->data.scores = m->scores;
    *state = m;
    return 0;
}

static int tear_down(void **state)
{
    maker *m = *state;
    pw_merger_free(&m->merger);
    pw_arena_free(&m->arena);
    const bool leaked = m->counts.live != 0;
    free(m);
    return leaked ? 1 : 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static size_t encode(maker *m, const char *text, size_t bytes, int32_t *ids, size_t cap)
{
    pw_ids out = {.ids = ids, .cap = cap};
    assert_int_equal(pw_spm_text(&m->spm, &m->merger, text, bytes, &out, &m->err), PEWTER_OK);
    return out.count;
}

static void expect(maker *m, const char *text, const int32_t *wanted, size_t n)
{
    int32_t ids[32];
    assert_int_equal(encode(m, text, strlen(text), ids, 32), n);
    for (size_t i = 0; i < n; i++) assert_int_equal(ids[i], wanted[i]);
}

#define EXPECT(m, text, ...)                                                                       \
    expect(m, text, (const int32_t[]){__VA_ARGS__},                                                \
           sizeof(const int32_t[]){__VA_ARGS__} / sizeof(int32_t))

static void test_the_best_score_goes_first(void **state)
{
    maker *m = *state;
    const int32_t a = add(m, "a", 0.0f, 1), b = add(m, "b", 0.0f, 1), c = add(m, "c", 0.0f, 1);
    const int32_t ab = add(m, "ab", -2.0f, 1), bc = add(m, "bc", -1.0f, 1);
    const int32_t aa = add(m, "aa", -3.0f, 1);
    load(m, -1);
    EXPECT(m, "abc", a, bc);
    EXPECT(m, "abab", ab, ab);
    EXPECT(m, "aaa", aa, a); /* of equal scores the leftmost */
    EXPECT(m, "cba", c, b, a);
    m->scores[bc] = -2.0f;
    load(m, -1);
    EXPECT(m, "abc", ab, c);
    m->scores[ab] = -0.0f;
    m->scores[bc] = 0.0f; /* zeros of both signs are equal */
    load(m, -1);
    EXPECT(m, "abc", ab, c);
    m->scores[bc] = 1e-30f;
    load(m, -1);
    EXPECT(m, "abc", a, bc);
}

static void test_unknown_characters(void **state)
{
    maker *m = *state;
    const int32_t unk = add(m, "<unk>", 0.0f, PW_TOKEN_UNKNOWN), a = add(m, "a", 0.0f, 1);
    load(m, unk);
    EXPECT(m, "a\xc3\xa9z\xff", a, unk); /* a run of them is one */
    EXPECT(m,
           "\xc3\xa9"
           "aa\xe2\x82\xac",
           unk, a, a, unk);
    EXPECT(m, "x x", unk); /* over words too */
    load(m, -1);
    EXPECT(m, "xax", a);

    const int32_t high = add(m, "<0xC3>", 0.0f, PW_TOKEN_BYTE);
    const int32_t low = add(m, "<0xA9>", 0.0f, PW_TOKEN_BYTE);
    load(m, unk);
    EXPECT(m, "a\xc3\xa9\xc3\xa9", a, high, low, high, low);
    EXPECT(m, "\xc3\xaa", unk); /* only half of its bytes are there */
    EXPECT(m, "\xc3", high);    /* no character: a byte */
    EXPECT(m, "z\xc3\xa9z", unk, high, low, unk);
    EXPECT(m, "<0xC3>", unk); /* the text of a byte token is not the token */
}

static void test_control_tokens_do_not_come_of_merges(void **state)
{
    maker *m = *state;
    const int32_t a = add(m, "a", 0.0f, 1), b = add(m, "b", 0.0f, 1);
    add(m, "ab", 1.0f, PW_TOKEN_CONTROL);
    const int32_t ba = add(m, "ba", 1.0f, PW_TOKEN_USER_DEFINED);
    load(m, -1);
    EXPECT(m, "ab", a, b);
    EXPECT(m, "ba", ba);
    m->vocab.types[ba] = PW_TOKEN_CONTROL; /* made one after the table was filled */
    EXPECT(m, "ba", b, a);
}

/* Words are merged apart where no token spans two; the tokens are the same. */
static void test_words_and_whole_texts_agree(void **state)
{
    maker *m = *state;
    enum { LONGEST = 150 };
    pw_rng rng = {.state = 31};
    for (int round = 0; round < 80; round++) {
        m->data.n = 0;
        pw_arena_free(&m->arena);
        for (int64_t n = pw_rng_range(&rng, 5, 60); n > 0; n--) {
            char text[TEXT];
            size_t at = 0;
            for (int64_t s = pw_rng_range(&rng, -3, 2); s > 0; s--)
                at += (size_t)snprintf(text + at, TEXT - at, "\xe2\x96\x81");
            for (int64_t c = pw_rng_range(&rng, at > 0 ? 0 : 1, 4); c > 0; c--)
                text[at++] = (char)pw_rng_range(&rng, 'a', 'c');
            text[at] = 0;
            add(m, text, (float)pw_rng_range(&rng, -9, 0), 1);
        }
        add(m, "\xe2\x96\x81", -20.0f, 1);
        load(m, 0);
        assert_true(m->spm.words);
        for (int probe = 0; probe < 20; probe++) {
            char text[LONGEST];
            int32_t words[LONGEST], whole[LONGEST];
            const size_t bytes = (size_t)pw_rng_range(&rng, 1, LONGEST);
            for (size_t i = 0; i < bytes; i++) text[i] = "abc  "[pw_rng_range(&rng, 0, 4)];
            m->spm.words = true;
            const size_t n = encode(m, text, bytes, words, LONGEST);
            m->spm.words = false;
            assert_int_equal(encode(m, text, bytes, whole, LONGEST), n);
            assert_memory_equal(words, whole, n * sizeof *words);
        }
    }
    add(m, "a\xe2\x96\x81", 0.0f, PW_TOKEN_CONTROL); /* cannot come of text */
    load(m, 0);
    assert_true(m->spm.words);
    add(m,
        "a\xe2\x96\x81"
        "b",
        0.0f, 1);
    load(m, 0);
    assert_false(m->spm.words);
}

static void test_a_megabyte_takes_no_time(void **state)
{
    maker *m = *state;
    enum { BYTES = 1 << 20 };
    static const char *const texts[] = {"aa", "aaaa", "aaaaaaaa", "aaaaaaaaaaaaaaaa"};
    add(m, "a", 0.0f, 1);
    add(m, "\xe2\x96\x81", -9.0f, 1);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) add(m, texts[i], -(float)(1 << i), 1);
    load(m, -1);
    char *long_text = malloc(BYTES);
    assert_non_null(long_text);
    for (int kind = 0; kind < 2; kind++) {
        memset(long_text, kind == 0 ? 'a' : ' ', BYTES);
        const clock_t began = clock();
        assert_int_equal(encode(m, long_text, BYTES, NULL, 0), kind == 0 ? BYTES / 16 : BYTES);
        const double seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
        if (seconds > 3.0) fail_msg("%.1f s", seconds);
    }
    free(long_text);
}

static void test_memory_may_be_refused(void **state)
{
    maker *m = *state;
    add(m, "a", 0.0f, 1);
    load(m, -1);
    m->counts.fail_from = m->counts.calls;
    pw_ids out = {.ids = NULL};
    assert_int_equal(pw_spm_text(&m->spm, &m->merger, "aa", 2, &out, &m->err), PEWTER_E_MEMORY);
    assert_int_equal(pw_spm_text(&m->spm, &m->merger, "", 0, &out, &m->err), PEWTER_OK);
    m->counts.fail_from = UINT64_MAX;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_best_score_goes_first),
        TEST(test_unknown_characters),
        TEST(test_control_tokens_do_not_come_of_merges),
        TEST(test_words_and_whole_texts_agree),
        TEST(test_a_megabyte_takes_no_time),
        TEST(test_memory_may_be_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
