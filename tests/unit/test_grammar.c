/* States and masks: the tokens that may come next, what is forced, and that states can be forgotten. */
#include <stdio.h>
#include <stdlib.h>

#include "pw/rng.h"
#include "tests/support/fits.h"

/* A vocabulary of single bytes and some longer pieces; 300 ends an answer. */
enum { TOKENS = 301, EOG = 300 };
static const char *const pieces[] = {"ab",   "abc",  "\"}", "{\"",      "true",
                                     "\": ", ", \"", "a",   "\xc3\xa9", "\xd8"};
enum { PIECES = sizeof pieces / sizeof *pieces };

static pw_tokenizer *make_tokenizer(fixture *f)
{
    static char texts[TOKENS][8];
    pw_text tokens[TOKENS];
    int32_t types[TOKENS];
    float scores[TOKENS] = {0};
    for (int i = 0; i < TOKENS; i++) {
        types[i] = PW_TOKEN_NORMAL;
        if (i < 256) {
            types[i] = PW_TOKEN_BYTE;
            snprintf(texts[i], sizeof texts[i], "<0x%02X>", i);
        } else if (i < 256 + PIECES) {
            snprintf(texts[i], sizeof texts[i], "%s", pieces[i - 256]);
        } else {
            types[i] = PW_TOKEN_CONTROL;
            snprintf(texts[i], sizeof texts[i], "<%d>", i);
        }
        tokens[i] = (pw_text){texts[i], strlen(texts[i])};
    }
    tokens[265] = (pw_text){"x", 1}; /* a lone lead byte is no text of SentencePiece */
    pw_vocab_data data = pw_vocab_data_defaults();
    data.model = "llama";
    data.n = TOKENS;
    data.tokens = tokens;
    data.types = types;
    data.scores = scores;
    data.eos = EOG;
    pw_tokenizer *out = NULL;
    if (pw_tokenizer_new(&data, &f->alloc, &out, &f->err) != PEWTER_OK)
        fail_msg("%s", f->err.message);
    return out;
}

typedef struct words {
    fixture *f;
    pw_tokenizer *tokenizer;
    pw_arena arena;
    pw_trie trie;
} words;

static words words_new(fixture *f)
{
    words w = {.f = f, .tokenizer = make_tokenizer(f), .arena.alloc = &f->alloc};
    if (pw_trie_init(&w.trie, w.tokenizer, &w.arena, &f->err) != PEWTER_OK)
        fail_msg("%s", f->err.message);
    return w;
}

static void words_free(words *w)
{
    pw_arena_free(&w->arena);
    pw_tokenizer_free(w->tokenizer);
}

static bool in(const uint32_t *mask, int32_t token)
{
    return (mask[token >> 5] >> (token & 31) & 1u) != 0;
}

static void begin(words *w, pewter_grammar *g, pw_match *match)
{
    *match = (pw_match){0};
    if (pw_match_begin(match, pw_grammar_automaton(g), &w->f->err) != PEWTER_OK)
        fail_msg("%s", w->f->err.message);
}

static bool add(words *w, pw_match *match, const char *text, size_t bytes)
{
    bool fit = false;
    if (pw_match_add(match, text, bytes, &fit, &w->f->err) != PEWTER_OK)
        fail_msg("%s", w->f->err.message);
    return fit;
}

static const uint32_t *mask_of(words *w, pw_match *match)
{
    const uint32_t *mask = NULL;
    if (pw_match_mask(match, &w->trie, &mask, &w->f->err) != PEWTER_OK)
        fail_msg("%s", w->f->err.message);
    return mask;
}

/* Every bit is what trying the token says. */
static void check_mask(words *w, pw_match *match)
{
    const uint32_t *mask = mask_of(w, match);
    const bool may_end = pw_match_may_end(match);
    for (int32_t token = 0; token < TOKENS; token++) {
        const char *piece;
        const size_t bytes = pw_token_piece(w->tokenizer, token, false, &piece);
        pw_match copy = {0};
        pw_match_copy(&copy, match);
        const bool fit = token == EOG ? may_end : bytes > 0 && add(w, &copy, piece, bytes);
        pw_match_end(&copy);
        if (in(mask, token) != fit)
            fail_msg("token %d: %d in the mask, %d when tried", token, in(mask, token), fit);
    }
}

static const struct {
    pewter_grammar_kind kind;
    const char *text;
} grammars[] = {
    {PEWTER_GRAMMAR_SCHEMA, "true"},
    {PEWTER_GRAMMAR_SCHEMA, "{\"type\":\"object\",\"properties\":{\"ab\":{\"type\":\"boolean\"},"
                            "\"abc\":{\"type\":\"string\",\"maxLength\":4}}}"},
    {PEWTER_GRAMMAR_GBNF, "root ::= \"(\" root \")\" root | \"ab\" | \"\""},
    {PEWTER_GRAMMAR_GBNF, "root ::= \"a\" root \"a\" | \"b\" root \"b\" | [abc] | \"\""},
    {PEWTER_GRAMMAR_REGEX, "(ab|abc)*\xc3\xa9?.{2,5}"},
};

/* Random walks by the masks: every answer that ends fits, and every state has a way on. */
static void test_walks(void **state)
{
    words w = words_new(*state);
    for (size_t i = 0; i < sizeof grammars / sizeof *grammars; i++) {
        pewter_grammar *g = fits_grammar(w.f, grammars[i].kind, grammars[i].text);
        for (uint64_t seed = 0; seed < 20; seed++) {
            pw_rng rng = {.state = seed};
            pw_match match;
            char text[4096];
            size_t bytes = 0;
            begin(&w, g, &match);
            for (int step = 0; step < 60; step++) {
                if (seed < 4) check_mask(&w, &match);
                const uint32_t *mask = mask_of(&w, &match);
                int32_t from = (int32_t)pw_rng_range(&rng, 0, TOKENS - 1), token = from;
                while (!in(mask, token)) {
                    token = (token + 1) % TOKENS;
                    if (token == from)
                        fail_msg("%s: nothing can follow '%.*s'", grammars[i].text, (int)bytes,
                                 text);
                }
                if (token == EOG) break;
                const char *piece;
                const size_t n = pw_token_piece(w.tokenizer, token, false, &piece);
                memcpy(text + bytes, piece, n);
                bytes += n;
                assert_true(add(&w, &match, piece, n));
                if (pw_match_must_end(&match)) break;
            }
            assert_int_equal(fits(w.f, g, text, bytes), pw_match_may_end(&match));
            pw_match_end(&match);
        }
        pewter_grammar_free(g);
    }
    words_free(&w);
}

static void test_forced(void **state)
{
    words w = words_new(*state);
    pewter_grammar *g =
        fits_grammar(w.f, PEWTER_GRAMMAR_SCHEMA,
                     "{\"type\":\"object\",\"properties\":{\"name\":{\"enum\":[\"x\"]},\"n\":{"
                     "\"type\":\"integer\"}},\"required\":[\"name\",\"n\"]}");
    pw_match match;
    char out[64];
    size_t bytes;
    begin(&w, g, &match);
    assert_int_equal(pw_match_forced(&match, out, sizeof out, &bytes, &w.f->err), PEWTER_OK);
    const char *wanted = "{\"name\": \"x\", \"n\": ";
    assert_int_equal(bytes, strlen(wanted));
    assert_memory_equal(out, wanted, bytes);
    assert_int_equal(pw_match_forced(&match, out, 3, &bytes, &w.f->err), PEWTER_OK);
    assert_int_equal(bytes, 3);
    assert_true(add(&w, &match, wanted, strlen(wanted)));
    assert_int_equal(pw_match_forced(&match, out, sizeof out, &bytes, &w.f->err), PEWTER_OK);
    assert_int_equal(bytes, 0);
    assert_true(add(&w, &match, "1}", 2));
    assert_true(pw_match_must_end(&match));
    assert_false(add(&w, &match, " ", 1));
    assert_true(pw_match_must_end(&match));
    pw_match_end(&match);
    pewter_grammar_free(g);
    words_free(&w);
}

/* Strings of counted letters make a state a letter: they are forgotten in time, and no answer under way is lost. */
static void test_states_are_forgotten(void **state)
{
    words w = words_new(*state);
    pewter_grammar *g =
        fits_grammar(w.f, PEWTER_GRAMMAR_SCHEMA,
                     "{\"type\":\"string\",\"minLength\":30000,\"maxLength\":40000}");
    pw_match early, late;
    begin(&w, g, &early);
    begin(&w, g, &late);
    assert_true(add(&w, &early, "\"ab", 3));
    assert_true(add(&w, &late, "\"", 1));
    size_t most = 0;
    for (int i = 0; i < 30000; i++) {
        assert_true(add(&w, &late, "x", 1));
        if (i % 100 == 0) (void)mask_of(&w, &late);
        const size_t bytes = pw_automaton_bytes(pw_grammar_automaton(g));
        most = bytes > most ? bytes : most;
    }
    assert_in_range(most, 4 << 20, 20 << 20);
    assert_true(add(&w, &late, "\"", 1));
    assert_true(pw_match_must_end(&late));
    assert_true(add(&w, &early, "c", 1));
    check_mask(&w, &early);
    pw_match_end(&early);
    pw_match_end(&late);
    pewter_grammar_free(g);
    words_free(&w);
}

/* Allocations that fail at every place: a status, and nothing is lost. */
static void test_no_memory(void **state)
{
    fixture *f = *state;
    const char *schema = "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\","
                         "\"pattern\":\"^a+$\"},\"b\":{\"enum\":[\"x\",\"y\"],\"minLength\":1}}}";
    const uint64_t before = f->counts.calls;
    pewter_grammar_free(fits_grammar(f, PEWTER_GRAMMAR_SCHEMA, schema));
    const uint64_t needed = f->counts.calls - before;
    assert_true(needed > 10);
    for (uint64_t i = 0; i < needed; i++) {
        limit_alloc counts;
        pewter_allocator alloc = limit_allocator(&counts, FIXTURE_LIMIT, i);
        pewter_grammar *g = NULL;
        assert_int_equal(pw_grammar_new(&(pw_grammar_source){.alloc = &alloc},
                                        PEWTER_GRAMMAR_SCHEMA, schema, strlen(schema), &g, &f->err),
                         PEWTER_E_MEMORY);
        assert_int_equal(counts.live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_walks),
        FIXTURE_TEST(test_forced),
        FIXTURE_TEST(test_states_are_forgotten),
        FIXTURE_TEST(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
