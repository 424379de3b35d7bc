/* Beginnings that sessions share: computed once, found again, the same bits. */
#include "tests/support/engine_fixture.h"

enum { VOCAB = 512 };

/* The answer to a prompt by a session of that share; how many tokens of the prompt were computed into *computed. */
static void answer_shared(fixture *f, pewter_engine *engine, pewter_model *model, uint64_t share,
                          const int32_t *ids, size_t count, fixture_answer *out, int64_t *computed)
{
    pewter_session_options options = pewter_session_defaults();
    options.max_tokens = 80;
    options.ignore_eos = true;
    options.share = share;
    *out = (fixture_answer){0};
    pewter_session *session = fixture_session(f, model, &options);
    fixture_must(f, pewter_prompt(session, ids, count, &f->err));
    fixture_generate(f, engine, session, out);
    *computed = fixture_stats(session).prompt_tokens;
    pewter_session_free(session);
}

/* At the same time: one computes what all have. */
static void check_together(fixture *f, pewter_engine *engine, pewter_model *model,
                           const int32_t *ids, size_t count, const fixture_answer *alone)
{
    enum { TOGETHER = 3 };
    fixture_answer *answer = calloc(1, sizeof *answer);
    assert_non_null(answer);
    pewter_session_options options = pewter_session_defaults();
    options.max_tokens = 80;
    options.ignore_eos = true;
    options.share = 9;
    pewter_session *sessions[TOGETHER];
    int64_t sum = 0;
    size_t ready = 1;
    for (int i = 0; i < TOGETHER; i++) {
        sessions[i] = fixture_session(f, model, &options);
        fixture_must(f, pewter_prompt(sessions[i], ids, count, &f->err));
    }
    while (ready > 0) fixture_must(f, pewter_step(engine, &ready, &f->err));
    for (int i = 0; i < TOGETHER; i++) {
        *answer = (fixture_answer){0};
        fixture_take_piece(f, sessions[i], answer);
        assert_string_equal(answer->text, alone->text);
        sum += fixture_stats(sessions[i]).prompt_tokens;
        pewter_session_free(sessions[i]);
    }
    assert_int_equal(sum, (int64_t)count + (TOGETHER - 1) * ((int64_t)count - 192));
    free(answer);
}

/* Equal beginnings are found again by sessions of the same share, to the same bits, and by no others. */
static void test_shared_beginnings(void **state)
{
    enum { PROMPT = 200 };
    fixture *f = *state;
    fixture_synth(f, "tiny,layers=2,context=1024", "Q8_0", 12);
    pewter_engine *engine = fixture_engine(f, NULL, 2, 0);
    pewter_load_options load = pewter_load_defaults();
    load.context = 1024;
    pewter_model *model = fixture_model(f, engine, &load);
    fixture_answer *alone = calloc(3, sizeof *alone), *other = alone + 1, *longer = alone + 2;
    assert_non_null(alone);
    int32_t ids[PROMPT + 80];
    int64_t computed;
    fixture_ids(5, ids, PROMPT, VOCAB);
    answer_shared(f, engine, model, 0, ids, PROMPT, alone, &computed);
    assert_int_equal(computed, PROMPT);
    for (uint64_t share = 7; share < 9; share++) {
        for (int again = 0; again < 2; again++) {
            answer_shared(f, engine, model, share, ids, PROMPT, other, &computed);
            assert_int_equal(computed, again ? PROMPT - 192 : PROMPT);
            assert_string_equal(other->text, alone->text);
        }
    }
    /* A conversation goes on: the answer's pages are found, too. */
    memcpy(ids + PROMPT, alone->tokens, 80 * sizeof *ids);
    answer_shared(f, engine, model, 7, ids, PROMPT + 80, longer, &computed);
    assert_int_equal(computed, PROMPT + 80 - 256);
    answer_shared(f, engine, model, 0, ids, PROMPT + 80, other, &computed);
    assert_string_equal(other->text, longer->text);
    /* Others of that share, with another token in the first page and in the last. */
    ids[3] ^= 1;
    answer_shared(f, engine, model, 7, ids, PROMPT, other, &computed);
    assert_int_equal(computed, PROMPT);
    ids[3] ^= 1;
    ids[130] ^= 1;
    answer_shared(f, engine, model, 7, ids, PROMPT, other, &computed);
    assert_int_equal(computed, PROMPT - 128);
    ids[130] ^= 1;
    /* Of a page that differs in its midst the tokens in front of that are found. */
    ids[100] ^= 1;
    answer_shared(f, engine, model, 7, ids, PROMPT, other, &computed);
    assert_int_equal(computed, PROMPT - 100);
    answer_shared(f, engine, model, 0, ids, PROMPT, longer, &computed);
    assert_string_equal(other->text, longer->text);
    ids[100] ^= 1;
    pewter_kv_use use = {.size = sizeof use};
    fixture_must(f, pewter_kv_use_get(model, &use, &f->err));
    assert_int_equal(use.held, 0);
    assert_true(use.kept > 0 && use.kept <= use.tokens && use.found < use.asked);

    check_together(f, engine, model, ids, PROMPT, alone);
    free(alone);
    pewter_unload(model);
    pewter_close(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_shared_beginnings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
