#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "pw/rng.h"
#include "runtime/text/bpe.h"
#include "tests/support/limit_alloc.h"

enum { LIMIT = 256 << 20, MOST = 8000, TEXT = 24 };

/* A vocabulary that grows: texts, types and merges, then the encoder of it. */
typedef struct maker {
    limit_alloc counts;
    pewter_allocator alloc;
    pw_arena arena;
    pw_text tokens[MOST], merges[MOST];
    int32_t types[MOST];
    char texts[MOST][TEXT], pairs[MOST][TEXT];
    pw_vocab_data data;
    pw_vocab vocab;
    pw_bpe bpe;
    pw_merger merger;
    pewter_error err;
} maker;

static int32_t add(maker *m, const char *text, int32_t type)
{
    const size_t id = m->data.n++;
    assert_true(id < MOST);
    snprintf(m->texts[id], TEXT, "%s", text);
    m->tokens[id] = (pw_text){m->texts[id], strlen(m->texts[id])};
    m->types[id] = type;
    return (int32_t)id;
}

static void join(maker *m, const char *left, const char *right)
{
    const size_t index = m->data.n_merges++;
    assert_true(index < MOST);
    const int size = snprintf(m->pairs[index], TEXT, "%s %s", left, right);
    m->merges[index] = (pw_text){m->pairs[index], (size_t)size};
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
    m->data.merges = m->merges;
    m->bpe.unk = -1;
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

static pewter_status load(maker *m, pw_spelling spelling)
{
    assert_int_equal(pw_vocab_init(&m->vocab, &m->data, spelling, &m->arena, &m->err), PEWTER_OK);
    m->bpe.vocab = &m->vocab;
    m->bpe.chars = spelling != PW_SPELL_BYTES;
    return pw_bpe_init(&m->bpe, &m->data, &m->arena, &m->err);
}

static size_t encode(maker *m, const char *piece, size_t bytes, int32_t *ids, size_t cap)
{
    pw_ids out = {.ids = ids, .cap = cap};
    assert_int_equal(pw_bpe_piece(&m->bpe, &m->merger, piece, bytes, &out, &m->err), PEWTER_OK);
    return out.count;
}

static void expect(maker *m, const char *piece, const int32_t *wanted, size_t n)
{
    int32_t ids[16];
    assert_int_equal(encode(m, piece, strlen(piece), ids, 16), n);
    for (size_t i = 0; i < n; i++) assert_int_equal(ids[i], wanted[i]);
}

#define EXPECT(m, piece, ...)                                                                      \
    expect(m, piece, (const int32_t[]){__VA_ARGS__},                                               \
           sizeof(const int32_t[]){__VA_ARGS__} / sizeof(int32_t))

static void test_merges_by_rank(void **state)
{
    maker *m = *state;
    static const char *const texts[] = {"a", "b", "c", "bc", "ab", "abc", "\xc4\xa0", "\304\240a"};
    for (size_t i = 0; i < 8; i++) add(m, texts[i], 1);
    join(m, "b", "c");
    join(m, "a", "b");
    join(m, "ab", "c");
    join(m, "\xc4\xa0", "a");
    join(m, "a", "b"); /* the first of a pair counts */
    assert_int_equal(load(m, PW_SPELL_BYTES), PEWTER_OK);
    EXPECT(m, "abc", 0, 3); /* "b c" goes first, and then nothing makes "a bc" */
    EXPECT(m, "ab", 4);
    EXPECT(m, "aba", 4, 0);
    EXPECT(m, " a b", 7, 6, 1);
    m->bpe.whole = true;
    EXPECT(m, "abc", 5);
    EXPECT(m, "abca", 0, 3, 0);
    assert_int_equal(encode(m, "aba", 3, NULL, 0), 2); /* counts without room */
}

static void test_bytes_without_a_token(void **state)
{
    maker *m = *state;
    add(m, "a", 1);
    const int32_t unk = add(m, "<unk>", PW_TOKEN_UNKNOWN);
    assert_int_equal(load(m, PW_SPELL_BYTES), PEWTER_OK);
    EXPECT(m, "axa", 0, 0);
    m->bpe.unk = unk;
    EXPECT(m, "axa", 0, unk, 0);
    EXPECT(m, "\xff\x80", unk, unk);
}

static void test_characters_and_byte_tokens(void **state)
{
    maker *m = *state;
    const int32_t e = add(m, "\xc3\xa9", 1), z = add(m, "z", 1), ez = add(m, "\xc3\xa9z", 1);
    const int32_t line = add(m, "\n", 1), lines = add(m, "\n\n", 1);
    add(m, "<0xC3>", PW_TOKEN_BYTE);
    const int32_t low = add(m, "<0xA8>", PW_TOKEN_BYTE), high = low - 1;
    join(m, "\xc3\xa9", "z");
    assert_int_equal(load(m, PW_SPELL_SPACES), PEWTER_OK);
    EXPECT(m, "\xc3\xa9z\xc3\xa9", ez, e);
    EXPECT(m, "\xc3\xa8z", high, low, z);
    EXPECT(m, "z\xc3", z, high); /* cut short: a byte */
    EXPECT(m, "\n\n", line, line);
    m->bpe.lines = true;
    EXPECT(m, "\n\n", lines);
    EXPECT(m, "\n\n\n", line, line, line);
}

static void test_control_tokens_do_not_come_of_merges(void **state)
{
    maker *m = *state;
    const int32_t a = add(m, "a", 1), b = add(m, "b", 1);
    add(m, "ab", PW_TOKEN_CONTROL);
    join(m, "a", "b");
    assert_int_equal(load(m, PW_SPELL_BYTES), PEWTER_OK);
    m->bpe.whole = true;
    EXPECT(m, "ab", a, b);
    m->data.n_merges = 0;
    m->types[2] = PW_TOKEN_NORMAL;
    assert_int_equal(load(m, PW_SPELL_BYTES), PEWTER_OK);
    EXPECT(m, "ab", 2);
    m->vocab.types[2] = PW_TOKEN_CONTROL; /* made one after the table was filled */
    EXPECT(m, "ab", a, b);
}

/* A user-defined token is its own text, not the bytes that it would spell. */
static void test_merges_that_change_bytes_are_left_out(void **state)
{
    maker *m = *state;
    const int32_t d4 = add(m, "\xc3\x94", 1);
    add(m, "\xc3\x94\xc3\x94", PW_TOKEN_USER_DEFINED);
    join(m, "\xc3\x94", "\xc3\x94");
    assert_int_equal(load(m, PW_SPELL_BYTES), PEWTER_OK);
    EXPECT(m, "\xd4\xd4", d4, d4);
}

/* ---- Against the definition -------------------------------------------------------------------- */

static size_t encode_slowly(const maker *m, const char *piece, size_t bytes, pw_text *parts)
{
    size_t n = bytes;
    for (size_t i = 0; i < n; i++) parts[i] = (pw_text){piece + i, 1};
    for (;;) {
        size_t best = n, rank = m->data.n_merges;
        for (size_t i = 0; i + 1 < n; i++)
            for (size_t r = 0; r < rank; r++) {
                const pw_text *merge = &m->data.merges[r];
                if (merge->bytes != parts[i].bytes + parts[i + 1].bytes + 1 ||
                    merge->data[parts[i].bytes] != ' ' ||
                    memcmp(merge->data, parts[i].data, parts[i].bytes) != 0 ||
                    memcmp(merge->data + parts[i].bytes + 1, parts[i + 1].data,
                           parts[i + 1].bytes) != 0)
                    continue;
                rank = r;
                best = i;
            }
        if (best == n) return n;
        parts[best].bytes += parts[best + 1].bytes;
        memmove(&parts[best + 1], &parts[best + 2], (n - best - 2) * sizeof *parts);
        n--;
    }
}

static void add_random_merges(maker *m, pw_rng *rng)
{
    const int64_t wanted = pw_rng_range(rng, 1, 40);
    for (int64_t i = 0; i < wanted; i++) {
        const size_t last = m->data.n - 1;
        const pw_text *left = &m->tokens[pw_rng_range(rng, 0, (int64_t)last)];
        const pw_text *right = &m->tokens[pw_rng_range(rng, 0, (int64_t)last)];
        char text[TEXT];
        if (left->bytes + right->bytes + 2 > TEXT) continue;
        snprintf(text, TEXT, "%s%s", left->data, right->data);
        bool known = false;
        for (size_t id = 0; id <= last; id++) known = known || strcmp(m->texts[id], text) == 0;
        if (!known) add(m, text, 1);
        join(m, left->data, right->data);
    }
}

static void test_encodes_as_defined(void **state)
{
    maker *m = *state;
    enum { LONGEST = 120 };
    pw_rng rng = {.state = 21};
    for (int round = 0; round < 60; round++) {
        m->data.n = m->data.n_merges = 0;
        pw_arena_free(&m->arena);
        for (int c = 0; c < 3; c++) add(m, (const char[]){(char)('a' + c), 0}, 1);
        add_random_merges(m, &rng);
        assert_int_equal(load(m, PW_SPELL_BYTES), PEWTER_OK);
        for (int probe = 0; probe < 30; probe++) {
            char piece[LONGEST];
            int32_t ids[LONGEST];
            pw_text parts[LONGEST];
            const size_t bytes = (size_t)pw_rng_range(&rng, 1, probe % 3 == 0 ? LONGEST : 12);
            for (size_t i = 0; i < bytes; i++) piece[i] = (char)pw_rng_range(&rng, 'a', 'c');
            const size_t n = encode_slowly(m, piece, bytes, parts);
            assert_int_equal(encode(m, piece, bytes, ids, LONGEST), n);
            for (size_t i = 0; i < n; i++) {
                assert_int_equal(m->tokens[ids[i]].bytes, parts[i].bytes);
                assert_memory_equal(m->tokens[ids[i]].data, parts[i].data, parts[i].bytes);
            }
        }
    }
}

static void test_a_megabyte_of_one_letter_takes_no_time(void **state)
{
    maker *m = *state;
    enum { BYTES = 1 << 20 };
    static const char *const texts[] = {"a", "aa", "aaaa", "aaaaaaaa", "aaaaaaaaaaaaaaaa"};
    add(m, texts[0], 1);
    for (size_t i = 1; i < sizeof texts / sizeof *texts; i++) {
        add(m, texts[i], 1);
        join(m, texts[i - 1], texts[i - 1]);
    }
    assert_int_equal(load(m, PW_SPELL_BYTES), PEWTER_OK);
    char *piece = malloc(BYTES);
    assert_non_null(piece);
    memset(piece, 'a', BYTES);
    const clock_t began = clock();
    assert_int_equal(encode(m, piece, BYTES, NULL, 0), BYTES / 16);
    const double seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
    if (seconds > 3.0) fail_msg("%.1f s", seconds);
    free(piece);
}

/* ---- What is refused ----------------------------------------------------------------------------- */

static void test_refuses_merges_that_break_a_rule(void **state)
{
    maker *m = *state;
    static const struct {
        const char *merge, *says;
    } cases[] = {
        {"", "not two texts"},   {"a", "not two texts"},    {"a ", "not two texts"},
        {" a", "not two texts"}, {"x a", "its first part"}, {"a x", "its second part"},
        {"b a", "its result"},   {"a  b", "its second"},    {"\x1b[2J", "'?[2J'"},
    };
    add(m, "a", 1);
    add(m, "b", 1);
    add(m, "ab", 1);
    join(m, "a", "b");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        m->data.n_merges = 2;
        m->merges[1] = (pw_text){cases[i].merge, strlen(cases[i].merge)};
        assert_int_equal(load(m, PW_SPELL_BYTES), PEWTER_E_FORMAT);
        if (strstr(m->err.message, cases[i].says) == NULL ||
            strstr(m->err.message, "merge 1") == NULL)
            fail_msg("'%s' is not in '%s'", cases[i].says, m->err.message);
    }
    m->data.n_merges = UINT32_MAX;
    assert_int_equal(load(m, PW_SPELL_BYTES), PEWTER_E_FORMAT);
    char *longest = calloc(1, 70000);
    assert_non_null(longest);
    memset(longest, 'a', 70000);
    longest[40000] = ' ';
    m->data.n_merges = 2;
    m->merges[1] = (pw_text){longest, 70000};
    assert_int_equal(load(m, PW_SPELL_BYTES), PEWTER_E_FORMAT);
    assert_non_null(strstr(m->err.message, "69999 bytes"));
    free(longest);
}

/* The hash of a pair, as an attacker would compute it from the source. */
static uint64_t hash_pair(int32_t left, int32_t right)
{
    uint64_t pair = ((uint64_t)(uint32_t)left + 1) << 32 | (uint32_t)right;
    pair *= 0x9e3779b97f4a7c15u;
    pair ^= pair >> 32;
    return pair * 0xd6e8feb86659fd93u >> 20;
}

/* Merges made to share one place are refused before look-ups become slow. */
static void test_refuses_merges_made_to_collide(void **state)
{
    maker *m = *state;
    enum { SIDE = 2300, PAIRS = 1100, SLOTS = 4096 };
    char left[TEXT], right[TEXT], both[TEXT];
    for (int i = 0; i < SIDE; i++) {
        snprintf(left, TEXT, "l%d", i);
        add(m, left, 1);
    }
    for (int i = 0; i < SIDE; i++) {
        snprintf(right, TEXT, "r%d", i);
        add(m, right, 1);
    }
    for (int i = 0; i < SIDE * SIDE && m->data.n_merges < PAIRS; i++) {
        if (hash_pair(i / SIDE, SIDE + i % SIDE) % SLOTS != 9) continue;
        snprintf(left, TEXT, "l%d", i / SIDE);
        snprintf(right, TEXT, "r%d", i % SIDE);
        snprintf(both, TEXT, "l%dr%d", i / SIDE, i % SIDE);
        add(m, both, 1);
        join(m, left, right);
    }
    assert_int_equal(m->data.n_merges, PAIRS);
    assert_int_equal(load(m, PW_SPELL_BYTES), PEWTER_E_FORMAT);
    assert_non_null(strstr(m->err.message, "share the hash of merge"));
}

static void test_memory_may_be_refused(void **state)
{
    maker *m = *state;
    add(m, "a", 1);
    add(m, "aa", 1);
    join(m, "a", "a");
    assert_int_equal(load(m, PW_SPELL_BYTES), PEWTER_OK);
    pewter_status status = PEWTER_E_MEMORY;
    for (uint64_t fail = 0; status != PEWTER_OK; fail++) {
        limit_alloc counts;
        const pewter_allocator alloc = limit_allocator(&counts, LIMIT, fail);
        pw_arena arena = {.alloc = &alloc};
        pw_merger merger = {.alloc = &alloc};
        pw_bpe bpe = {.vocab = &m->vocab, .unk = -1};
        pw_ids out = {.ids = NULL};
        status = pw_bpe_init(&bpe, &m->data, &arena, &m->err);
        if (status == PEWTER_OK) status = pw_bpe_piece(&bpe, &merger, "aaa", 3, &out, &m->err);
        assert_true(status == PEWTER_OK || status == PEWTER_E_MEMORY);
        pw_merger_free(&merger);
        pw_arena_free(&arena);
        assert_int_equal(counts.live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_merges_by_rank),
        TEST(test_bytes_without_a_token),
        TEST(test_characters_and_byte_tokens),
        TEST(test_control_tokens_do_not_come_of_merges),
        TEST(test_merges_that_change_bytes_are_left_out),
        TEST(test_encodes_as_defined),
        TEST(test_a_megabyte_of_one_letter_takes_no_time),
        TEST(test_refuses_merges_that_break_a_rule),
        TEST(test_refuses_merges_made_to_collide),
        TEST(test_memory_may_be_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
