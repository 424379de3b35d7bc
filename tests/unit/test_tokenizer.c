#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pw/rng.h"
#include "runtime/text/split.h"
#include "runtime/text/tokenizer.h"
#include "runtime/text/utf8.h"
#include "tests/support/limit_alloc.h"

enum { LIMIT = 256 << 20, MOST = 320, TEXT = 24, IDS = 1024 };

/* Two vocabularies of the 256 bytes, some words and control tokens; a test may bend `data`. */
typedef struct fixture {
    limit_alloc counts;
    pewter_allocator alloc;
    pw_text tokens[MOST];
    char texts[MOST][TEXT];
    float scores[MOST];
    int32_t types[MOST];
    pw_text merges[8];
    pw_vocab_data data;
    pw_tokenizer *t;
    int32_t ids[IDS];
    size_t n;
    pewter_error err;
} fixture;

enum { BOS = 256, EOS, TURN, HE, LL, HELL, SPACES, UNK, SPACE, TOKENS }; /* ids from 256 on */

static void set(fixture *f, int32_t id, const char *text, float score, int32_t type)
{
    snprintf(f->texts[id], TEXT, "%s", text);
    f->tokens[id] = (pw_text){f->texts[id], strlen(f->texts[id])};
    f->scores[id] = score;
    f->types[id] = type;
}

static void spell_byte(int byte, char text[TEXT])
{
    for (uint32_t code = 0; code < 0x200; code++)
        if (pw_vocab_byte_of(code) == byte) {
            char put[4];
            const size_t size = pw_utf8_put(code, put);
            snprintf(text, TEXT, "%.*s", (int)size, put);
        }
}

static void make_data(fixture *f, bool spm)
{
    static const pw_text merges[] = {{"h e", 3}, {"l l", 3}, {"he ll", 5}};
    f->data = pw_vocab_data_defaults();
    for (int byte = 0; byte < 256; byte++) {
        char text[TEXT];
        if (spm)
            snprintf(text, TEXT, "<0x%02X>", (unsigned)byte);
        else
            spell_byte(byte, text);
        set(f, byte, text, 0.0f, spm ? PW_TOKEN_BYTE : PW_TOKEN_NORMAL);
    }
    set(f, BOS, "<s>", 0.0f, PW_TOKEN_CONTROL);
    set(f, EOS, "</s>", 0.0f, PW_TOKEN_CONTROL);
    set(f, TURN, "<|eot_id|>", 0.0f, PW_TOKEN_CONTROL);
    set(f, HE, "he", -1.0f, PW_TOKEN_NORMAL);
    set(f, LL, "ll", -2.0f, PW_TOKEN_NORMAL);
    set(f, HELL, "hell", -3.0f, PW_TOKEN_NORMAL);
    set(f, SPACES, "    ", 0.0f, PW_TOKEN_USER_DEFINED);
    set(f, UNK, "<unk>", 0.0f, PW_TOKEN_UNKNOWN);
    set(f, SPACE, spm ? "\xe2\x96\x81" : "unused", -9.0f, PW_TOKEN_NORMAL);
    memcpy(f->merges, merges, sizeof merges);
    f->data.model = spm ? "llama" : "gpt2";
    f->data.pre = spm ? NULL : "gpt-2";
    f->data.n = TOKENS;
    f->data.tokens = f->tokens;
    f->data.types = f->types;
    f->data.scores = spm ? f->scores : NULL;
    f->data.merges = spm ? NULL : f->merges;
    f->data.n_merges = spm ? 0 : 3;
    f->data.bos = BOS;
    f->data.eos = EOS;
    f->data.unk = UNK;
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->alloc = limit_allocator(&f->counts, LIMIT, UINT64_MAX);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    pw_tokenizer_free(f->t);
    const bool leaked = f->counts.live != 0;
    free(f);
    return leaked ? 1 : 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void load(fixture *f)
{
    pw_tokenizer_free(f->t);
    f->t = NULL;
    if (pw_tokenizer_new(&f->data, &f->alloc, &f->t, &f->err) != PEWTER_OK)
        fail_msg("%s", f->err.message);
}

static void refuse(fixture *f, pewter_status wanted, const char *says)
{
    pw_tokenizer *none = NULL;
    assert_int_equal(pw_tokenizer_new(&f->data, &f->alloc, &none, &f->err), wanted);
    assert_null(none);
    if (strstr(f->err.message, says) == NULL) fail_msg("'%s' not in '%s'", says, f->err.message);
}

static void cut(fixture *f, const char *text, bool special, bool bos)
{
    if (pw_tokenize(f->t, text, strlen(text), special, bos, f->ids, IDS, &f->n, &f->err) != 0)
        fail_msg("%s", f->err.message);
}

static void expect(const fixture *f, const int32_t *wanted, size_t n)
{
    for (size_t i = 0; i < n && i < f->n; i++)
        if (f->ids[i] != wanted[i]) fail_msg("id %zu is %d, not %d", i, f->ids[i], wanted[i]);
    assert_int_equal(f->n, n);
}

#define EXPECT(f, ...)                                                                             \
    expect(f, (const int32_t[]){__VA_ARGS__}, sizeof(const int32_t[]){__VA_ARGS__} / 4)

/* The bytes of the tokens, into `out`. */
static size_t joined(const fixture *f, char *out)
{
    size_t bytes = 0;
    for (size_t i = 0; i < f->n; i++) {
        const char *piece;
        const size_t size = pw_token_piece(f->t, f->ids[i], true, &piece);
        memcpy(out + bytes, piece, size);
        bytes += size;
    }
    return bytes;
}

static void test_refuses_what_it_does_not_know(void **state)
{
    fixture *f = *state;
    make_data(f, false);
    f->data.model = "bert";
    refuse(f, PEWTER_E_UNSUPPORTED, "'bert' found");
    f->data.model = "gpt2";
    f->data.pre = "guess-me";
    refuse(f, PEWTER_E_UNSUPPORTED, "'guess-me' is not known");
    f->data.pre = "bert-bge";
    refuse(f, PEWTER_E_UNSUPPORTED, "not one of byte-pair encoding");
    make_data(f, false);
    f->data.merges = NULL;
    refuse(f, PEWTER_E_FORMAT, "tokenizer.ggml.merges");
    make_data(f, true);
    f->data.scores = NULL;
    refuse(f, PEWTER_E_FORMAT, "tokenizer.ggml.scores");
    make_data(f, true);
    f->data.n = 0;
    refuse(f, PEWTER_E_FORMAT, "0 tokens");

    static const int32_t bad[] = {TOKENS, INT32_MAX, -2, INT32_MIN};
    make_data(f, true);
    int32_t *const ids[] = {&f->data.bos, &f->data.eos, &f->data.eot,
                            &f->data.eom, &f->data.unk, &f->data.pad};
    for (size_t i = 0; i < 6; i++)
        for (size_t k = 0; k < 4; k++) {
            const int32_t before = *ids[i];
            *ids[i] = bad[k];
            refuse(f, PEWTER_E_FORMAT, "_token_id: 0 to 264 wanted");
            *ids[i] = before;
        }
}

static void test_tells_about_tokens(void **state)
{
    fixture *f = *state;
    make_data(f, false);
    f->data.eot = HE;
    load(f);
    assert_int_equal(pw_tokenizer_size(f->t), TOKENS);
    assert_int_equal(pw_tokenizer_bos(f->t), BOS);
    assert_int_equal(pw_tokenizer_eos(f->t), EOS);
    assert_int_equal(pw_tokenizer_longest_piece(f->t), 10);
    for (int32_t id = 0; id < TOKENS; id++)
        assert_int_equal(pw_token_is_eog(f->t, id), id == EOS || id == TURN || id == HE);
    const char *piece;
    assert_int_equal(pw_token_piece(f->t, TURN, true, &piece), 10);
    assert_memory_equal(piece, "<|eot_id|>", 10);
    assert_int_equal(pw_token_piece(f->t, TURN, false, &piece), 0);
    assert_int_equal(pw_token_piece(f->t, UNK, false, &piece), 0);
    assert_int_equal(pw_token_piece(f->t, SPACES, false, &piece), 4);
    assert_int_equal(pw_token_piece(f->t, '\n', false, &piece), 1);
    assert_int_equal(*piece, '\n');
}

static void test_bos_rules(void **state)
{
    fixture *f = *state;
    // clang-format off
    static const struct {
        const char *pre; /* NULL: SentencePiece */
        pw_choice choice;
        bool added;
    } cases[] = {
        {NULL, PW_UNSET, true},        {NULL, PW_YES, true},        {NULL, PW_NO, false},
        {"gpt-2", PW_UNSET, false},    {"gpt-2", PW_YES, true},     {"gpt-2", PW_NO, false},
        {"llama-bpe", PW_UNSET, true}, {"llama-bpe", PW_YES, true}, {"llama-bpe", PW_NO, false},
    };
    // clang-format on
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make_data(f, cases[i].pre == NULL);
        f->data.pre = cases[i].pre;
        f->data.add_bos = cases[i].choice;
        f->data.add_space_prefix = PW_NO;
        load(f);
        const size_t more = cases[i].added ? 1 : 0;
        cut(f, "he", false, true);
        assert_int_equal(f->n, 1 + more);
        assert_int_equal(f->ids[0], cases[i].added ? BOS : HE);
        cut(f, "he", false, false); /* the caller does not want it */
        EXPECT(f, HE);
        cut(f, "", true, true);
        assert_int_equal(f->n, more);
        cut(f, "<s>he", true, true); /* not doubled */
        EXPECT(f, BOS, HE);
        cut(f, "<s>he", false, true); /* a user's text is no BOS */
        assert_int_equal(f->ids[0], cases[i].added ? BOS : '<');
        assert_int_equal(f->n, 4 + more);
    }
    make_data(f, true);
    f->data.bos = -1;
    load(f);
    cut(f, "he", false, true);
    EXPECT(f, SPACE, HE);
}

static void test_bos_is_seen_behind_empty_parts(void **state)
{
    fixture *f = *state;
    make_data(f, true);
    load(f);
    const pw_tokenizer_part parts[] = {{"", 0, true}, {NULL, 0, false}, {"<s>", 3, true}};
    assert_int_equal(pw_tokenize_parts(f->t, parts, 3, true, f->ids, IDS, &f->n, &f->err), 0);
    EXPECT(f, BOS);
    assert_int_equal(pw_tokenize_parts(f->t, NULL, 0, true, f->ids, IDS, &f->n, &f->err), 0);
    EXPECT(f, BOS);
    assert_int_equal(pw_tokenize_parts(f->t, parts, 2, false, f->ids, IDS, &f->n, &f->err), 0);
    assert_int_equal(f->n, 0);
}

static void test_space_prefix_and_marks(void **state)
{
    fixture *f = *state;
    make_data(f, true);
    load(f);
    cut(f, "he", false, false);
    EXPECT(f, SPACE, HE);
    cut(f, " he", false, false);
    EXPECT(f, SPACE, SPACE, HE);
    cut(f, "he\xe2\x96\x81he", false, false); /* U+2581 is a space here */
    EXPECT(f, SPACE, HE, SPACE, HE);
    cut(f, "<s>he<s>", true, false); /* before each text behind a control token */
    EXPECT(f, BOS, SPACE, HE, BOS);
    cut(f, "he    he", false, false);
    EXPECT(f, SPACE, HE, SPACES, SPACE, HE);
    f->data.add_space_prefix = PW_NO;
    load(f);
    cut(f, "he", false, false);
    EXPECT(f, HE);
    cut(f, "", false, false);
    assert_int_equal(f->n, 0);
}

static void test_extra_spaces_go_where_the_model_says_so(void **state)
{
    fixture *f = *state;
    make_data(f, true);
    f->data.remove_extra_whitespaces = true;
    set(f, SPACES, "no", 0.0f, PW_TOKEN_NORMAL);
    load(f);
    cut(f, "   he   he  ", false, false);
    EXPECT(f, SPACE, HE, SPACE, HE);
    cut(f, "   ", false, false); /* nothing is left that a space could stand before */
    assert_int_equal(f->n, 0);
    cut(f, " <s> ", true, false);
    EXPECT(f, BOS);
}

static void test_pieces_span_parts_and_control_tokens_only_special_ones(void **state)
{
    fixture *f = *state;
    make_data(f, false);
    load(f);
    const pw_tokenizer_part split[] = {{"he", 2, false}, {"l", 1, true}, {"l", 1, false}};
    assert_int_equal(pw_tokenize_parts(f->t, split, 3, false, f->ids, IDS, &f->n, &f->err), 0);
    EXPECT(f, HELL);

    pw_tokenizer_part parts[] = {{"<|eot", 5, true}, {"", 0, false}, {"_id|>", 5, true}};
    assert_int_equal(pw_tokenize_parts(f->t, parts, 3, false, f->ids, IDS, &f->n, &f->err), 0);
    EXPECT(f, TURN); /* an empty part is not between */
    for (int user = 0; user < 2; user++) {
        parts[0].special = user != 0;
        parts[2].special = user == 0;
        assert_int_equal(pw_tokenize_parts(f->t, parts, 3, false, f->ids, IDS, &f->n, &f->err), 0);
        assert_int_equal(f->n, 10);
    }
    const pw_tokenizer_part user[] = {{"<s>", 3, true}, {"<s>", 3, false}, {"</s>", 4, true}};
    assert_int_equal(pw_tokenize_parts(f->t, user, 3, false, f->ids, IDS, &f->n, &f->err), 0);
    EXPECT(f, BOS, '<', 's', '>', EOS);
}

/* A token that is made a control token by what it is must not come of merges either. */
static void test_user_text_never_becomes_control(void **state)
{
    fixture *f = *state;
    for (int spm = 0; spm < 2; spm++) {
        make_data(f, spm != 0);
        set(f, HELL, "<EOT>", 5.0f, PW_TOKEN_NORMAL); /* an end by its name */
        set(f, HE, "<E", 5.0f, PW_TOKEN_NORMAL);
        set(f, LL, "<EO", 5.0f, PW_TOKEN_NORMAL);
        set(f, UNK, "<EOT", 5.0f, PW_TOKEN_NORMAL);
        static const pw_text merges[] = {{"< E", 3}, {"<E O", 4}, {"<EO T", 5}, {"<EOT >", 6}};
        memcpy(f->merges, merges, sizeof merges);
        f->data.n_merges = spm != 0 ? 0 : 4;
        f->data.pre = spm != 0 ? NULL : "superbpe"; /* one piece */
        f->data.unk = -1;
        load(f);
        cut(f, "<EOT>", false, false);
        for (size_t i = 0; i < f->n; i++) assert_int_not_equal(f->ids[i], HELL);
        cut(f, "<EOT>", true, false);
        EXPECT(f, HELL);
    }
}

static size_t any_bytes(pw_rng *rng, char *text)
{
    static const char *const often[] = {
        "hell", " ",   "\n",    "\xe6\xbc\xa2", "\xf0\x9f\x98\x80", "7", "\xcc\x81", "\xe2\x80\x8d",
        "'s",   "<s>", "<unk>", "    "};
    size_t bytes = 0;
    for (int64_t n = pw_rng_range(rng, 0, 30); n > 0; n--) {
        const int64_t kind = pw_rng_range(rng, 0, 9);
        if (kind < 6) {
            const char *one = often[pw_rng_range(rng, 0, 11)];
            memcpy(text + bytes, one, strlen(one));
            bytes += strlen(one);
        } else if (kind < 8) {
            text[bytes++] = (char)pw_rng_range(rng, 0, 255);
        } else {
            bytes += pw_utf8_put((uint32_t)pw_rng_range(rng, 0, 0xd7ff), text + bytes);
        }
    }
    return bytes;
}

/* The text comes back, with `prefix` before it; and however little room there is, the count and the
 * ids that fit are the same. */
static void check_back(fixture *f, const char *text, size_t bytes, const char *prefix)
{
    char back[IDS * 16];
    int32_t few[8];
    size_t count = 0;
    assert_int_equal(pw_tokenize(f->t, text, bytes, false, false, f->ids, IDS, &f->n, &f->err), 0);
    assert_true(f->n <= IDS);
    const size_t first = bytes > 0 ? strlen(prefix) : 0;
    assert_int_equal(joined(f, back), bytes + first);
    assert_memory_equal(back, prefix, first);
    assert_memory_equal(back + first, text, bytes);
    for (size_t i = 0; i < f->n; i++) assert_true(f->ids[i] < BOS || f->ids[i] > TURN);
    assert_int_equal(pw_tokenize(f->t, text, bytes, false, false, few, 8, &count, &f->err), 0);
    assert_int_equal(count, f->n);
    assert_memory_equal(few, f->ids, (count < 8 ? count : 8) * sizeof *few);
}

static void test_bytes_come_back(void **state)
{
    fixture *f = *state;
    pw_rng rng = {.state = 41};
    char text[512];
    make_data(f, false);
    const pw_pre *pre;
    for (size_t row = 0; (pre = pw_pre_at(row)) != NULL; row++) {
        if (pre->flags & (PW_PRE_NFC | PW_PRE_SPACES | PW_PRE_PLAIN | PW_PRE_OTHER)) continue;
        f->data.pre = pre->name;
        load(f);
        for (int round = 0; round < 40; round++) check_back(f, text, any_bytes(&rng, text), "");
    }
    make_data(f, true);
    set(f, SPACES, "no", 0.0f, PW_TOKEN_NORMAL); /* or the prefix would stand behind it */
    load(f);
    for (int round = 0; round < 2000; round++) check_back(f, text, any_bytes(&rng, text), " ");
    f->data.add_space_prefix = PW_NO;
    load(f);
    for (int round = 0; round < 2000; round++) check_back(f, text, any_bytes(&rng, text), "");
}

static void test_form_c_and_lower_case_where_the_model_wants_it(void **state)
{
    fixture *f = *state;
    make_data(f, false);
    load(f);
    cut(f, "e\xcc\x81\xff", false, false);
    EXPECT(f, 'e', 0xcc, 0x81, 0xff);
    f->data.pre = "qwen2";
    load(f);
    cut(f, "e\xcc\x81\xff", false, false);
    EXPECT(f, 0xc3, 0xa9, 0xff);

    make_data(f, true);
    f->data.model = "gpt2";
    f->data.pre = "whitespace";
    f->data.merges = f->merges;
    for (int lower = 0; lower < 2; lower++) {
        f->data.lowercase = lower != 0;
        load(f);
        cut(f, "A \xc3\x89", false, false);
        EXPECT(f, lower != 0 ? 'a' : 'A', 0xc3, lower != 0 ? 0xa9 : 0x89);
    }
    cut(f, "\xc8\xba\xe2\x84\xaa", false, false); /* U+023A would grow and stays; U+212A shrinks */
    EXPECT(f, 0xc8, 0xba, 'k');
}

static void test_texts_of_two_gibibytes_are_refused(void **state)
{
    fixture *f = *state;
    const pw_tokenizer_part parts[] = {{"x", SIZE_MAX, false}, {"x", 2, false}};
    make_data(f, true);
    load(f);
    f->n = 99;
    assert_int_equal(pw_tokenize(f->t, "x", INT32_MAX, false, false, NULL, 0, &f->n, &f->err),
                     PEWTER_E_LIMIT);
    assert_int_equal(pw_tokenize_parts(f->t, parts, 1, false, NULL, 0, &f->n, &f->err),
                     PEWTER_E_LIMIT);
    assert_int_equal(pw_tokenize_parts(f->t, parts, 2, false, NULL, 0, &f->n, &f->err),
                     PEWTER_E_LIMIT);
    assert_int_equal(f->n, 99);
}

static void test_each_allocation_may_be_refused(void **state)
{
    fixture *f = *state;
    static const char text[] = "<s>hell e\xcc\x81 \xff";
    for (int kind = 0; kind < 3; kind++) {
        make_data(f, kind == 0);
        if (kind == 2) f->data.pre = "qwen2";
        pewter_status status = PEWTER_E_MEMORY;
        for (uint64_t fail = 0; status != PEWTER_OK; fail++) {
            limit_alloc counts;
            const pewter_allocator alloc = limit_allocator(&counts, LIMIT, fail);
            pw_tokenizer *t = NULL;
            status = pw_tokenizer_new(&f->data, &alloc, &t, &f->err);
            assert_true((status == PEWTER_OK) == (t != NULL));
            if (status == PEWTER_OK)
                status =
                    pw_tokenize(t, text, sizeof text - 1, true, true, f->ids, IDS, &f->n, &f->err);
            assert_true(status == PEWTER_OK || status == PEWTER_E_MEMORY);
            pw_tokenizer_free(t);
            assert_int_equal(counts.live, 0);
        }
    }
    pw_tokenizer_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_refuses_what_it_does_not_know),
        TEST(test_tells_about_tokens),
        TEST(test_bos_rules),
        TEST(test_bos_is_seen_behind_empty_parts),
        TEST(test_space_prefix_and_marks),
        TEST(test_extra_spaces_go_where_the_model_says_so),
        TEST(test_pieces_span_parts_and_control_tokens_only_special_ones),
        TEST(test_user_text_never_becomes_control),
        TEST(test_bytes_come_back),
        TEST(test_form_c_and_lower_case_where_the_model_wants_it),
        TEST(test_texts_of_two_gibibytes_are_refused),
        TEST(test_each_allocation_may_be_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
