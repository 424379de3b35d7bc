#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/text/utf8.h"
#include "runtime/text/vocab.h"
#include "tests/support/limit_alloc.h"

#define T(text)                                                                                    \
    {                                                                                              \
        text, sizeof text - 1                                                                      \
    }

enum { LIMIT = 64 << 20 };

typedef struct room {
    limit_alloc counts;
    pewter_allocator alloc;
    pw_arena arena;
    pewter_error err;
} room;

static int set_up(void **state)
{
    room *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->alloc = limit_allocator(&r->counts, LIMIT, UINT64_MAX);
    r->arena.alloc = &r->alloc;
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    room *r = *state;
    pw_arena_free(&r->arena);
    const bool leaked = r->counts.live != 0;
    free(r);
    return leaked ? 1 : 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* ---- The hash table -------------------------------------------------------------------------- */

static void test_table_finds_what_is_in_it(void **state)
{
    room *r = *state;
    enum { N = 5000 };
    char(*keys)[16] = pw_arena_array(&r->arena, N, 16);
    pw_text *texts = pw_arena_array(&r->arena, N, sizeof *texts);
    assert_non_null(keys);
    assert_non_null(texts);
    for (int i = 0; i < N; i++) {
        const int size = snprintf(keys[i], 16, "%d%.*s", i * 7, i % 9, "abcdefghi");
        texts[i] = (pw_text){keys[i], (size_t)size};
    }
    pw_table table;
    assert_true(pw_table_init(&table, &r->arena, texts, N));
    for (int32_t i = 0; i < N; i += 2) assert_true(pw_table_add(&table, i));
    for (int32_t i = 0; i < N; i++)
        assert_int_equal(pw_table_find(&table, texts[i].data, texts[i].bytes), i % 2 == 0 ? i : -1);
    assert_int_equal(pw_table_find(&table, "", 0), -1);
}

static void test_table_keeps_the_first_of_equal_texts(void **state)
{
    room *r = *state;
    static const pw_text texts[] = {T("same"), T("other"), T("same"), T("")};
    pw_table table;
    assert_true(pw_table_init(&table, &r->arena, texts, 4));
    for (int32_t i = 0; i < 4; i++) assert_true(pw_table_add(&table, i));
    assert_int_equal(pw_table_find(&table, "same", 4), 0);
    assert_int_equal(pw_table_find(&table, "other", 5), 1);
    assert_int_equal(pw_table_find(&table, "", 0), 3);
    assert_int_equal(pw_table_find(&table, "some", 4), -1);
}

/* The hash of seven bytes, as an attacker would compute it from the source. */
static uint64_t hash_seven(const char text[7])
{
    const uint64_t odd = 0x9e3779b97f4a7c15u;
    uint64_t hash = 7 * odd, rest = 0;
    for (size_t i = 0; i < 7; i++) rest = rest << 8 | (unsigned char)text[i];
    hash = (hash ^ rest) * odd;
    hash ^= hash >> 29;
    hash *= 0xbf58476d1ce4e5b9u;
    return hash ^ hash >> 32;
}

/* Keys made to share one place are refused before look-ups become slow. */
static void test_table_refuses_keys_made_to_collide(void **state)
{
    room *r = *state;
    enum { N = 1500, SLOTS = 4096 };
    char(*keys)[8] = pw_arena_array(&r->arena, N, 8);
    pw_text *texts = pw_arena_array(&r->arena, N, sizeof *texts);
    assert_non_null(keys);
    assert_non_null(texts);
    pw_table table;
    assert_true(pw_table_init(&table, &r->arena, texts, N));
    assert_int_equal(table.mask, SLOTS - 1);
    int32_t n = 0;
    bool taken = true;
    for (unsigned i = 0; n < N && taken; i++) {
        assert_true(i < 10000000);
        snprintf(keys[n], 8, "%07u", i);
        if (hash_seven(keys[n]) % SLOTS != 5) continue;
        texts[n] = (pw_text){keys[n], 7};
        taken = pw_table_add(&table, n++);
    }
    assert_false(taken);
    assert_true(n > 1000 && n < 1100);
    assert_int_equal(pw_table_find(&table, keys[n - 2], 7), n - 2);

    pw_vocab_data data = pw_vocab_data_defaults();
    data.n = (size_t)n;
    data.tokens = texts;
    pw_vocab vocab;
    assert_int_equal(pw_vocab_init(&vocab, &data, PW_SPELL_PLAIN, &r->arena, &r->err),
                     PEWTER_E_FORMAT);
    assert_non_null(strstr(r->err.message, "share the hash"));
}

/* ---- Spellings ------------------------------------------------------------------------------- */

static void test_byte_characters_both_ways(void **state)
{
    (void)state;
    int seen[256] = {0}, found = 0;
    for (uint32_t code = 0; code < 0x2000; code++) {
        const int byte = pw_vocab_byte_of(code);
        if (byte < 0) continue;
        assert_true(byte < 256);
        seen[byte]++;
        found++;
        const bool self = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad);
        assert_true(self == (code == (uint32_t)byte));
    }
    assert_int_equal(found, 256);
    for (int byte = 0; byte < 256; byte++) assert_int_equal(seen[byte], 1);
    assert_int_equal(pw_vocab_byte_of(0x120), ' ');
    assert_int_equal(pw_vocab_byte_of(0x10a), '\n');
    assert_int_equal(pw_vocab_byte_of(0x121), 0x7f);
    assert_int_equal(pw_vocab_byte_of(0x142), 0xa0);
    assert_int_equal(pw_vocab_byte_of(0x143), 0xad);
}

static void check_piece(const pw_vocab *vocab, int32_t id, const char *wanted)
{
    assert_int_equal(vocab->pieces[id].bytes, strlen(wanted));
    assert_memory_equal(vocab->pieces[id].data, wanted, strlen(wanted));
}

static void test_spells_bytes(void **state)
{
    room *r = *state;
    static const pw_text tokens[] = {
        T("a"),     T("\xc4\xa0hi"), T("\xe2\x82\xac"), T("\xc3\x83\xc2\xa9"),
        T("<|x|>"), T("\xc4\xa0"),   T("\xc4\xa0")};
    static const int32_t types[] = {1, 0, 1, 5, 3, 4, 1};
    pw_vocab_data data = pw_vocab_data_defaults();
    data.n = 7;
    data.tokens = tokens;
    data.types = types;
    pw_vocab vocab;
    assert_int_equal(pw_vocab_init(&vocab, &data, PW_SPELL_BYTES, &r->arena, &r->err), 0);
    check_piece(&vocab, 0, "a");
    check_piece(&vocab, 1, " hi");
    check_piece(&vocab, 2, "\xe2\x82\xac"); /* no spelling of bytes: the text itself */
    check_piece(&vocab, 3, "\xc3\xa9");
    check_piece(&vocab, 4, "<|x|>");
    check_piece(&vocab, 5, "\xc4\xa0"); /* user-defined ones are plain text */
    check_piece(&vocab, 6, " ");
    assert_int_equal(vocab.types[1], PW_TOKEN_NORMAL);
    assert_int_equal(vocab.byte['a'], 0);
    assert_int_equal(vocab.byte[' '], 6);
    assert_int_equal(vocab.byte['b'], -1);
    assert_int_equal(pw_vocab_find(&vocab, " hi", 3), 1);
    assert_int_equal(pw_vocab_find(&vocab, "<|x|>", 5), -1);
    assert_int_equal(vocab.longest, 3);
}

static void test_spells_spaces_and_byte_tokens(void **state)
{
    room *r = *state;
    static const pw_text tokens[] = {
        T("\xe2\x96\x81hi\xe2\x96\x81"), T("<0x0A>"), T("<0xff>"), T("a b"), T("<0x0A>"), T("<s>")};
    static const float scores[] = {-1.0f, 0.0f, -0.0f, 2.0f, -INFINITY, INFINITY};
    pw_vocab_data data = pw_vocab_data_defaults();
    data.n = 6;
    data.tokens = tokens;
    data.scores = scores;
    pw_vocab vocab;
    assert_int_equal(pw_vocab_init(&vocab, &data, PW_SPELL_SPACES, &r->arena, &r->err), 0);
    check_piece(&vocab, 0, " hi ");
    check_piece(&vocab, 1, "\n");
    check_piece(&vocab, 2, "\xff");
    assert_int_equal(vocab.types[1],
                     PW_TOKEN_BYTE); /* known by its text where no types are given */
    assert_int_equal(vocab.byte['\n'], 1);
    assert_int_equal(vocab.byte[0xff], 2);
    assert_int_equal(pw_vocab_find(&vocab, " hi ", 4), 0);
    assert_int_equal(pw_vocab_find(&vocab, "a b", 3), -1); /* text has no spaces in this spelling */
    assert_int_equal(pw_vocab_find(&vocab, "\n", 1), -1);
    static const int32_t order[] = {5, 3, 1, 0, 4};
    for (size_t i = 1; i < 5; i++) assert_true(vocab.ranks[order[i - 1]] < vocab.ranks[order[i]]);
    assert_int_equal(vocab.ranks[1], vocab.ranks[2]);

    assert_int_equal(pw_vocab_init(&vocab, &data, PW_SPELL_PLAIN, &r->arena, &r->err), 0);
    assert_int_equal(pw_vocab_find(&vocab, "a b", 3), 3);
    check_piece(&vocab, 0, "\xe2\x96\x81hi\xe2\x96\x81");
}

/* ---- What is refused ------------------------------------------------------------------------- */

static void test_refuses_tokens_that_break_a_rule(void **state)
{
    room *r = *state;
    static char many[65537];
    memset(many, 'a', sizeof many);
    const struct {
        pw_text text;
        int32_t type;
        float score;
        const char *says; /* NULL: taken */
    } cases[] = {
        {T("a"), 7, 0.0f, "type 7"},
        {T("a"), -1, 0.0f, "type -1"},
        {T("a"), INT32_MIN, 0.0f, "type"},
        {T("a"), 1, NAN, "not a number"},
        {T("<0x>"), 6, 0.0f, "<0xNN>"},
        {T("<0x-1>"), 6, 0.0f, "<0xNN>"},
        {T("<0X41>"), 6, 0.0f, "<0xNN>"},
        {T("<0x411>"), 6, 0.0f, "<0xNN>"},
        {T("A"), 6, 0.0f, "<0xNN>"},
        {T("<0x4g>"), 6, 0.0f, "<0xNN>"},
        {{many, 65536}, 1, 0.0f, "65536 bytes"},
        {{many, 1025}, 3, 0.0f, "1025 bytes"},
        {{many, 1025}, 4, 0.0f, "1025 bytes"},
        {{many, 65535}, 1, 0.0f, NULL},
        {{many, 1024}, 3, 0.0f, NULL},
        {T("<0xfA>"), 6, 0.0f, NULL},
        {T(""), 1, 0.0f, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const pw_text tokens[] = {T("x"), cases[i].text};
        const int32_t types[] = {1, cases[i].type};
        const float scores[] = {0.0f, cases[i].score};
        pw_vocab_data data = pw_vocab_data_defaults();
        data.n = 2;
        data.tokens = tokens;
        data.types = types;
        data.scores = scores;
        pw_vocab vocab;
        const pewter_status wanted = cases[i].says != NULL ? PEWTER_E_FORMAT : PEWTER_OK;
        assert_int_equal(pw_vocab_init(&vocab, &data, PW_SPELL_SPACES, &r->arena, &r->err), wanted);
        if (cases[i].says == NULL) continue;
        if (strstr(r->err.message, cases[i].says) == NULL)
            fail_msg("'%s' is not in '%s'", cases[i].says, r->err.message);
        assert_non_null(strstr(r->err.message, "token 1"));
    }
    pw_vocab_data none = pw_vocab_data_defaults();
    pw_vocab vocab;
    assert_int_equal(pw_vocab_init(&vocab, &none, PW_SPELL_BYTES, &r->arena, &r->err),
                     PEWTER_E_FORMAT);
    none.n = (size_t)INT32_MAX + 1;
    assert_int_equal(pw_vocab_init(&vocab, &none, PW_SPELL_BYTES, &r->arena, &r->err),
                     PEWTER_E_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_table_finds_what_is_in_it),
        TEST(test_table_keeps_the_first_of_equal_texts),
        TEST(test_table_refuses_keys_made_to_collide),
        TEST(test_byte_characters_both_ways),
        TEST(test_spells_bytes),
        TEST(test_spells_spaces_and_byte_tokens),
        TEST(test_refuses_tokens_that_break_a_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
