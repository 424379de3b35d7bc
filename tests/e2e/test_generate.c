/* Text in, text out: answers and why they end, limits, what a step reads. Models are of random
 * weights. */
#include "tests/support/engine_fixture.h"

enum { VOCAB = 512 };

typedef struct bench {
    fixture *f;
    pewter_engine *engine;
    pewter_model *model;
} bench;

static bench set_up(fixture *f, const pewter_load_options *options)
{
    fixture_synth(f, "tiny,layers=2", "Q4_0", 21);
    bench b = {.f = f, .engine = fixture_engine(f, NULL, 2, 0)};
    b.model = fixture_model(f, b.engine, options);
    return b;
}

static void tear_down(bench *b)
{
    pewter_unload(b->model);
    pewter_close(b->engine);
}

static pewter_session_options greedy_options(int64_t max_tokens)
{
    pewter_session_options options = pewter_session_defaults();
    options.temperature = 0.0f;
    options.max_tokens = max_tokens;
    options.ignore_eos = true;
    return options;
}

/* An answer to a prompt of `count` tokens of the seed. The text of the answer is the caller's. */
static fixture_answer *answer_to(bench *b, const pewter_session_options *options, uint64_t seed,
                                 size_t count)
{
    int32_t ids[VOCAB];
    fixture_answer *answer = calloc(1, sizeof *answer);
    assert_non_null(answer);
    pewter_session *session = fixture_session(b->f, b->model, options);
    fixture_ids(seed, ids, count, VOCAB);
    fixture_must(b->f, pewter_prompt(session, ids, count, &b->f->err));
    fixture_generate(b->f, b->engine, session, answer);
    pewter_session_free(session);
    return answer;
}

/* ---- What a step reads --------------------------------------------------------------------------- */

static void test_weights_are_read_once_for_all(void **state)
{
    fixture *f = *state;
    pewter_load_options load = pewter_load_defaults();
    load.context = 4096;
    bench b = set_up(f, &load);
    const pewter_model_info info = fixture_info(b.model);
    const pewter_session_options options = greedy_options(0);
    pewter_session *crowd[12] = {NULL};
    size_t ready, count = 0;
    static const size_t sizes[] = {1, 2, 3, 4, 5, 12};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (; count < sizes[i]; count++) {
            int32_t ids[4];
            crowd[count] = fixture_session(f, b.model, &options);
            fixture_ids(count, ids, 4, VOCAB);
            fixture_must(f, pewter_prompt(crowd[count], ids, 4, &f->err));
        }
        /* Prompts get a part of each step beside answers under way. */
        for (ready = 0; ready < count;) fixture_must(f, pewter_step(b.engine, &ready, &f->err));
        const pewter_stats before = fixture_stats(crowd[0]);
        fixture_must(f, pewter_step(b.engine, &ready, &f->err));
        const pewter_stats after = fixture_stats(crowd[0]);
        assert_int_equal(ready, count);
        assert_int_equal(after.steps, before.steps + 1);
        assert_int_equal(after.weight_bytes - before.weight_bytes, info.step_bytes);
    }
    for (int i = 0; i < 100; i++) fixture_must(f, pewter_step(b.engine, &ready, &f->err));
    for (size_t i = 0; i < count; i++) {
        assert_true(fixture_stats(crowd[i]).generated_tokens >= 2);
        pewter_session_free(crowd[i]);
    }
    tear_down(&b);
}

static void test_steps_count_for_the_engine(void **state)
{
    fixture *f = *state;
    bench b = set_up(f, NULL);
    pewter_model *second = fixture_model(f, b.engine, NULL);
    pewter_session *one = fixture_session(f, b.model, NULL);
    pewter_session *other = fixture_session(f, second, NULL);
    const int32_t ids[3] = {5, 6, 7};
    size_t ready = 0;
    fixture_must(f, pewter_prompt(one, ids, 3, &f->err));
    fixture_must(f, pewter_prompt(other, ids, 3, &f->err));
    fixture_must(f, pewter_step(b.engine, &ready, &f->err));
    assert_int_equal(ready, 2);
    assert_int_equal(fixture_stats(one).steps, 2);
    assert_int_equal(fixture_stats(other).steps, 2);
    const pewter_stats stats = fixture_stats(one);
    assert_int_equal(stats.prompt_tokens, 3);
    assert_int_equal(stats.generated_tokens, 1);
    assert_int_equal(stats.tokens, 4);
    assert_true(stats.prompt_seconds > 0.0 && stats.first_token_seconds >= stats.prompt_seconds);
    pewter_session_free(one);
    pewter_session_free(other);
    pewter_unload(second);
    fixture_must(f, pewter_step(b.engine, &ready, &f->err));
    assert_int_equal(ready, 0);
    tear_down(&b);
}

/* Tokens that wait, of a prompt that nobody stepped, are no part of what is asked for afterwards. */
static void test_scores_behind_tokens_that_wait(void **state)
{
    fixture *f = *state;
    bench b = set_up(f, NULL);
    int32_t ids[20];
    double wanted[20], found[22];
    fixture_ids(8, ids, 20, VOCAB);
    for (size_t waiting = 0; waiting < 15; waiting++) {
        pewter_session *one = fixture_session(f, b.model, NULL);
        fixture_must(f, pewter_score(one, ids, 20, wanted, NULL, NULL, &f->err));
        assert_true(wanted[0] == 0.0);
        pewter_session *other = fixture_session(f, b.model, NULL);
        if (waiting > 0) fixture_must(f, pewter_prompt(other, ids, waiting, &f->err));
        for (size_t i = 0; i < 22; i++) found[i] = 7.0;
        fixture_must(
            f, pewter_score(other, ids + waiting, 20 - waiting, found + 1, NULL, NULL, &f->err));
        assert_memory_equal(found + 1, wanted + waiting, (20 - waiting) * sizeof *found);
        assert_true(found[0] == 7.0 && found[21 - waiting] == 7.0);
        pewter_session_free(one);
        pewter_session_free(other);
    }
    tear_down(&b);
}

/* ---- Seeds -------------------------------------------------------------------------------------- */

static void test_same_seed_same_text(void **state)
{
    fixture *f = *state;
    bench b = set_up(f, NULL);
    pewter_session_options options = pewter_session_defaults();
    options.max_tokens = 60;
    options.repetition_penalty = 1.1f;
    options.frequency_penalty = 0.2f;
    options.temperature = 1.5f;
    options.seed = 77;
    fixture_answer *one = answer_to(&b, &options, 1, 9), *again = answer_to(&b, &options, 1, 9);
    options.seed = 78;
    fixture_answer *other = answer_to(&b, &options, 1, 9);
    assert_true(one->count > 5);
    assert_string_equal(one->text, again->text);
    assert_memory_equal(one->tokens, again->tokens, sizeof one->tokens);
    assert_true(memcmp(one->tokens, other->tokens, sizeof one->tokens) != 0);

    /* A reset begins the random numbers anew. */
    int32_t ids[9];
    options.seed = 77;
    pewter_session *session = fixture_session(f, b.model, &options);
    fixture_ids(1, ids, 9, VOCAB);
    for (int round = 0; round < 3; round++) {
        fixture_must(f, pewter_session_reset(session, &f->err));
        fixture_must(f, pewter_prompt(session, ids, 9, &f->err));
        fixture_generate(f, b.engine, session, again);
        assert_memory_equal(one->tokens, again->tokens, sizeof one->tokens);
    }
    pewter_session_free(session);
    free(one);
    free(again);
    free(other);
    tear_down(&b);
}

/* ---- Limits ------------------------------------------------------------------------------------- */

static void test_context_is_refused_with_both_numbers(void **state)
{
    fixture *f = *state;
    pewter_load_options load = pewter_load_defaults();
    load.context = 200;
    bench b = set_up(f, &load);
    int32_t ids[400];
    fixture_ids(2, ids, 400, VOCAB);
    assert_int_equal(fixture_info(b.model).context, 200);
    pewter_session_options options = greedy_options(0);
    pewter_session *session = fixture_session(f, b.model, &options);
    fixture_refused(f, pewter_prompt(session, ids, 201, &f->err), PEWTER_E_LIMIT, "201");
    assert_non_null(strstr(f->err.message, "200"));
    fixture_must(f, pewter_prompt(session, ids, 190, &f->err));
    fixture_answer *answer = calloc(1, sizeof *answer);
    assert_non_null(answer);
    fixture_generate(f, b.engine, session, answer);
    assert_int_equal(answer->finish, PEWTER_FINISH_LENGTH);
    assert_int_equal(answer->count, 10);
    fixture_refused(f, pewter_prompt(session, ids, 1, &f->err), PEWTER_E_LIMIT, "1 tokens");
    assert_int_equal(pewter_logits(session, ids, 1, fixture_take_row, NULL, &f->err),
                     PEWTER_E_LIMIT);
    assert_int_equal(fixture_stats(session).tokens, 200);
    pewter_session_free(session);

    options.context = 201;
    assert_int_equal(pewter_session_new(b.model, &options, &session, &f->err), PEWTER_E_ARG);
    assert_non_null(strstr(f->err.message, "201"));
    options.context = 30;
    session = fixture_session(f, b.model, &options);
    fixture_refused(f, pewter_prompt(session, ids, 31, &f->err), PEWTER_E_LIMIT, "30");
    fixture_must(f, pewter_prompt(session, ids, 30, &f->err));
    fixture_generate(f, b.engine, session, answer);
    assert_int_equal(answer->count, 0);
    assert_int_equal(answer->finish, PEWTER_FINISH_LENGTH);
    pewter_session_free(session);
    free(answer);
    tear_down(&b);
}

/* 256 positions in 4 pages: a prompt that comes too late is refused, and taken when a page is free. */
static void test_pages_of_all_sessions(void **state)
{
    fixture *f = *state;
    pewter_load_options load = pewter_load_defaults();
    load.context = 256;
    bench b = set_up(f, &load);
    int32_t ids[256];
    fixture_ids(3, ids, 256, VOCAB);
    const pewter_session_options options = greedy_options(0);
    pewter_session *one = fixture_session(f, b.model, &options);
    pewter_session *other = fixture_session(f, b.model, &options), *fork = NULL;
    fixture_logits(f, one, ids, 129, NULL);
    fixture_refused(f, pewter_prompt(other, ids, 65, &f->err), PEWTER_E_LIMIT, "4 pages");
    assert_int_equal(fixture_stats(other).tokens, 0);
    fixture_must(f, pewter_prompt(other, ids, 60, &f->err));
    fixture_answer *answer = calloc(1, sizeof *answer);
    assert_non_null(answer);
    fixture_generate(f, b.engine, other, answer);
    assert_int_equal(answer->finish, PEWTER_FINISH_LENGTH);
    /* Nothing is asked of `one`: its pages go to the answer, until that alone has all four. */
    assert_int_equal(answer->count, 196);

    fixture_must(f, pewter_session_fork(one, &fork, &f->err));
    fixture_refused(f, pewter_prompt(fork, ids, 1, &f->err), PEWTER_E_LIMIT, "pages");
    pewter_session_free(other);
    fixture_must(f, pewter_prompt(fork, ids, 1, &f->err));
    pewter_session_free(fork);
    fixture_logits(f, one, ids, 127, NULL);
    /* A session that is cut gives its pages back. */
    other = fixture_session(f, b.model, &options);
    fixture_refused(f, pewter_prompt(other, ids, 1, &f->err), PEWTER_E_LIMIT, "pages");
    fixture_must(f, pewter_session_rewind(one, 65, &f->err));
    fixture_must(f, pewter_prompt(other, ids, 128, &f->err));
    fixture_must(f, pewter_session_reset(other, &f->err));
    fixture_must(f, pewter_session_reset(one, &f->err));
    fixture_must(f, pewter_prompt(other, ids, 256, &f->err));
    pewter_session_free(other);
    pewter_session_free(one);
    free(answer);
    tear_down(&b);
}

static void test_batch_limits(void **state)
{
    fixture *f = *state;
    static const int32_t wrong[] = {-1, 65537, INT32_MAX, INT32_MIN};
    bench b = set_up(f, NULL);
    pewter_load_options load = pewter_load_defaults();
    pewter_model *model = NULL;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        load.batch = wrong[i];
        fixture_refused(f, pewter_load(b.engine, f->path, &load, &model, &f->err), PEWTER_E_ARG,
                        "batch");
        assert_null(model);
    }
    /* More sessions than a batch has room for: all are served, one after the other. */
    load.batch = 2;
    load.context = 1024;
    model = fixture_model(f, b.engine, &load);
    const pewter_session_options options = greedy_options(7);
    pewter_session *crowd[5] = {NULL};
    int32_t ids[11];
    fixture_ids(4, ids, 11, VOCAB);
    for (size_t i = 0; i < 5; i++) {
        crowd[i] = fixture_session(f, model, &options);
        fixture_must(f, pewter_prompt(crowd[i], ids, 11, &f->err));
    }
    fixture_answer *answers = calloc(6, sizeof *answers);
    assert_non_null(answers);
    for (size_t ready = 1; ready > 0;) {
        fixture_must(f, pewter_step(b.engine, &ready, &f->err));
        assert_true(ready <= 3);
        for (size_t i = 0; i < 5; i++) fixture_take_piece(f, crowd[i], &answers[i]);
    }
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(answers[i].finish, PEWTER_FINISH_LENGTH);
        assert_int_equal(answers[i].count, 7);
        assert_memory_equal(answers[i].tokens, answers[0].tokens, sizeof answers[0].tokens);
        pewter_session_free(crowd[i]);
    }
    free(answers);
    pewter_unload(model);
    tear_down(&b);
}

/* ---- Ends of answers ------------------------------------------------------------------------------ */

static void test_max_tokens(void **state)
{
    fixture *f = *state;
    bench b = set_up(f, NULL);
    for (int64_t most = 1; most < 6; most++) {
        const pewter_session_options options = greedy_options(most);
        fixture_answer *answer = answer_to(&b, &options, 5, 20);
        assert_int_equal(answer->count, most);
        assert_int_equal(answer->finish, PEWTER_FINISH_LENGTH);
        free(answer);
    }
    tear_down(&b);
}

/* Stretches of an answer as stop texts: each ends the next one where that text first begins. Returns
 * how many there were. */
static int stop_texts_of(bench *b, pewter_session_options options)
{
    fixture_answer *whole = answer_to(b, &options, 6, 12);
    int tried = 0;
    for (size_t at = 3; at + 12 < whole->bytes && at < 50; at += 5) {
        for (size_t length = 1; length < 12; length += 4) {
            char stop[16];
            memcpy(stop, whole->text + at, length);
            stop[length] = 0;
            /* U+FFFD stands for bytes that are none, and a stop text ends at a NUL. */
            if (strstr(stop, "\xef") != NULL || (unsigned char)stop[0] >= 0x80 ||
                strlen(stop) < length)
                continue;
            const char *stops[] = {"never to be found", stop};
            options.stop = stops;
            options.n_stop = 2;
            const char *found = memmem(whole->text, whole->bytes, stop, length);
            const size_t first = (size_t)(found - whole->text);
            fixture_answer *cut = answer_to(b, &options, 6, 12);
            if (cut->finish != PEWTER_FINISH_STOP || cut->bytes != first ||
                memcmp(cut->text, whole->text, first) != 0)
                fail_msg("stop '%s' at %zu of '%s': '%s'", stop, first, whole->text, cut->text);
            free(cut);
            tried++;
        }
    }
    free(whole);
    return tried;
}

static void test_stop_texts(void **state)
{
    fixture *f = *state;
    bench b = set_up(f, NULL);
    pewter_session_options options = pewter_session_defaults();
    options.max_tokens = 50;
    options.ignore_eos = true;
    options.temperature = 1.0f;
    /* What a model of random weights says differs from CPU to CPU: some of it is no text. */
    int tried = 0;
    for (options.seed = 12; options.seed < 32 && tried <= 10; options.seed++)
        tried += stop_texts_of(&b, options);
    assert_true(tried > 10);
    tear_down(&b);
}

static void test_end_of_answer_token(void **state)
{
    fixture *f = *state;
    bench b = set_up(f, NULL);
    const pewter_model_info info = fixture_info(b.model);
    pewter_session_options options = pewter_session_defaults();
    options.temperature = 3.0f; /* every token comes soon */
    options.top_k = 0;
    options.top_p = 1.0f;
    options.min_p = 0.0f;
    options.max_tokens = 300;
    int ended = 0;
    for (uint64_t seed = 1; seed <= 40 && ended < 3; seed++) {
        options.seed = seed;
        options.ignore_eos = false;
        fixture_answer *cut = answer_to(&b, &options, 7, 5);
        options.ignore_eos = true;
        fixture_answer *whole = answer_to(&b, &options, 7, 5);
        assert_int_equal(whole->count, 300);
        assert_int_equal(whole->finish, PEWTER_FINISH_LENGTH);
        assert_memory_equal(whole->tokens, cut->tokens, (size_t)cut->count * sizeof(int32_t));
        if (cut->finish == PEWTER_FINISH_EOS) {
            assert_int_equal(whole->tokens[cut->count], info.eos);
            ended++;
        } else {
            for (int64_t i = 0; i < 300; i++) assert_int_not_equal(whole->tokens[i], info.eos);
        }
        free(cut);
        free(whole);
    }
    assert_int_equal(ended, 3);
    tear_down(&b);
}

/* The caller who does not fetch the text loses none of it: the session waits. */
static void test_text_that_nobody_takes(void **state)
{
    fixture *f = *state;
    pewter_load_options load = pewter_load_defaults();
    load.context = 16384;
    load.batch = 16;
    bench b = set_up(f, &load);
    const pewter_session_options options = greedy_options(9000);
    pewter_session *session = fixture_session(f, b.model, &options);
    const int32_t ids[2] = {300, 301};
    fixture_must(f, pewter_prompt(session, ids, 2, &f->err));
    size_t ready = 1, steps = 0, bytes = 0;
    for (; ready > 0; steps++) fixture_must(f, pewter_step(b.engine, &ready, &f->err));
    assert_true(steps < 9000);
    const int64_t held = fixture_stats(session).generated_tokens;
    pewter_piece piece = {.size = sizeof piece};
    fixture_must(f, pewter_next(session, &piece, &f->err));
    bytes = piece.bytes;
    assert_int_equal(piece.finish, PEWTER_FINISH_NONE);
    assert_true(bytes > 4000);
    fixture_must(f, pewter_step(b.engine, &ready, &f->err));
    assert_int_equal(ready, 1);
    assert_int_equal(fixture_stats(session).generated_tokens, held + 1);
    pewter_cancel(session);
    fixture_must(f, pewter_next(session, &piece, &f->err));
    assert_int_equal(piece.finish, PEWTER_FINISH_CANCELLED);
    fixture_must(f, pewter_step(b.engine, &ready, &f->err));
    assert_int_equal(ready, 0);
    pewter_session_free(session);
    tear_down(&b);
}

/* Weights that are no numbers end the answer in an error. */
static void test_not_numbers(void **state)
{
    fixture *f = *state;
    bench b = set_up(f, NULL);
    gb_file *made = gb_tiny("llama");
    gb_tensor *down = gb_tensor_named(made, "blk.1.ffn_down.weight");
    const float nan = __builtin_nanf("");
    memcpy(down->data.data, &nan, sizeof nan);
    gb_save(made, f->path);
    gb_free(made);
    pewter_model *model = fixture_model(f, b.engine, NULL);
    const int32_t ids[3] = {1, 270, 271};
    for (int warm = 0; warm < 2; warm++) {
        pewter_session_options options = pewter_session_defaults();
        options.temperature = (float)warm;
        options.logprobs = true;
        pewter_session *session = fixture_session(f, model, &options);
        fixture_answer *answer = calloc(1, sizeof *answer);
        assert_non_null(answer);
        fixture_must(f, pewter_prompt(session, ids, 3, &f->err));
        fixture_generate(f, b.engine, session, answer);
        assert_int_equal(answer->finish, PEWTER_FINISH_ERROR);
        assert_int_equal(answer->count, 0);
        free(answer);
        pewter_session_free(session);
    }
    pewter_unload(model);
    tear_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_weights_are_read_once_for_all),
        FIXTURE_TEST(test_steps_count_for_the_engine),
        FIXTURE_TEST(test_scores_behind_tokens_that_wait),
        FIXTURE_TEST(test_same_seed_same_text),
        FIXTURE_TEST(test_context_is_refused_with_both_numbers),
        FIXTURE_TEST(test_pages_of_all_sessions),
        FIXTURE_TEST(test_batch_limits),
        FIXTURE_TEST(test_max_tokens),
        FIXTURE_TEST(test_stop_texts),
        FIXTURE_TEST(test_end_of_answer_token),
        FIXTURE_TEST(test_text_that_nobody_takes),
        FIXTURE_TEST(test_not_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
