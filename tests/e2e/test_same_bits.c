/* The bits of a sequence depend neither on threads and devices, nor on how its prompt was cut, nor on
 * its company, nor on whose pages it has. Models are of random weights. */
#include "tests/support/engine_fixture.h"

enum { VOCAB = 512, TOKENS = 150, LONG = 330 };

static const char *const types[] = {"F32", "Q8_0", "Q4_0", "Q4_K", "Q6_K", "BF16"};
enum { TYPES = sizeof types / sizeof *types };

/* A loaded model with the logits of one sequence, computed at once by a fresh session. */
typedef struct truth {
    fixture *f;
    pewter_engine *engine;
    pewter_model *model;
    int32_t ids[LONG];
    size_t count;
    float *logits; /* [count][VOCAB] */
} truth;

static void set_up(truth *t, fixture *f, const char *type, const char *features, size_t count)
{
    *t = (truth){.f = f, .count = count, .logits = calloc(count * VOCAB, sizeof(float))};
    assert_non_null(t->logits);
    fixture_synth(f, "tiny,layers=2,context=1024", type, 11);
    t->engine = fixture_engine(f, features, 1, 0);
    t->model = fixture_model(f, t->engine, NULL);
    fixture_ids(5, t->ids, count, VOCAB);
    pewter_session *session = fixture_session(f, t->model, NULL);
    fixture_logits(f, session, t->ids, count, t->logits);
    pewter_session_free(session);
}

static void tear_down(truth *t)
{
    pewter_unload(t->model);
    pewter_close(t->engine);
    free(t->logits);
}

/* Rows [from, end) equal those of the truth, bit for bit. */
static void same_rows(const truth *t, const float *rows, size_t from, size_t end, const char *what)
{
    for (size_t i = from; i < end; i++)
        if (memcmp(rows + (i - from) * VOCAB, t->logits + i * VOCAB, VOCAB * sizeof *rows) != 0)
            fail_msg("%s: the logits at position %zu differ", what, i);
}

/* A session goes on from position `from` to `end` as the truth did. */
static void goes_on(const truth *t, pewter_session *session, size_t from, size_t end,
                    const char *what)
{
    float *rows = calloc((end - from) * VOCAB, sizeof *rows);
    assert_non_null(rows);
    fixture_logits(t->f, session, t->ids + from, end - from, rows);
    same_rows(t, rows, from, end, what);
    free(rows);
}

/* ---- Machine ------------------------------------------------------------------------------------ */

static void test_threads_and_devices(void **state)
{
    fixture *f = *state;
    static const struct {
        int32_t threads, devices;
    } machines[] = {{1, 1}, {2, 1}, {3, 1}, {2, 2}, {3, 2}, {3, 3}};
    const size_t levels = fixture_quick() ? 2 : FIXTURE_FEATURES;
    for (size_t level = 0; level < levels; level++) {
        for (size_t type = 0; type < TYPES; type++) {
            const char *features = fixture_features[FIXTURE_FEATURES - 1 - level];
            truth t;
            set_up(&t, f, types[type], features, 70);
            for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
                char what[64];
                snprintf(what, sizeof what, "%s, %s, %d threads, %d devices", types[type],
                         features != NULL ? features : "all", machines[i].threads,
                         machines[i].devices);
                pewter_engine *engine =
                    fixture_engine(f, features, machines[i].threads, machines[i].devices);
                assert_int_equal(pewter_device_count(engine), machines[i].devices);
                pewter_model *model = fixture_model(f, engine, NULL);
                pewter_session *session = fixture_session(f, model, NULL);
                goes_on(&t, session, 0, 60, what);
                for (size_t k = 60; k < 70; k++) goes_on(&t, session, k, k + 1, what);
                pewter_session_free(session);
                pewter_unload(model);
                pewter_close(engine);
            }
            tear_down(&t);
        }
    }
}

/* ---- Cuts --------------------------------------------------------------------------------------- */

static void test_prompt_cut_at_every_place(void **state)
{
    fixture *f = *state;
    for (size_t type = 0; type < TYPES; type++) {
        const bool all = strcmp(types[type], "Q4_0") == 0 && !fixture_quick();
        truth t;
        set_up(&t, f, types[type], NULL, TOKENS);
        for (size_t cut = 1; cut < TOKENS; cut += all ? 1 : 7) {
            pewter_session *session = fixture_session(f, t.model, NULL);
            goes_on(&t, session, 0, cut, types[type]);
            goes_on(&t, session, cut, TOKENS, types[type]);
            pewter_session_free(session);
        }
        tear_down(&t);
    }
}

/* Behind position 256 attention merges chunks. */
static void test_token_by_token(void **state)
{
    fixture *f = *state;
    for (size_t type = 0; type < TYPES; type++) {
        truth t;
        set_up(&t, f, types[type], NULL, LONG);
        pewter_session *session = fixture_session(f, t.model, NULL);
        for (size_t k = 0; k < LONG; k++) goes_on(&t, session, k, k + 1, types[type]);
        pewter_session_free(session);
        tear_down(&t);
    }
}

static void test_any_batch(void **state)
{
    fixture *f = *state;
    static const int32_t batches[] = {1, 3, 4, 7, 64, 65};
    for (size_t level = 0; level < FIXTURE_FEATURES; level++) {
        truth t;
        set_up(&t, f, "Q4_0", fixture_features[level], LONG);
        for (size_t i = level == 0 ? 3 : 0; i < sizeof batches / sizeof *batches; i++) {
            pewter_load_options options = pewter_load_defaults();
            options.batch = batches[i];
            pewter_model *model = fixture_model(f, t.engine, &options);
            pewter_session *session = fixture_session(f, model, NULL);
            goes_on(&t, session, 0, LONG, "a batch of another size");
            pewter_session_free(session);
            pewter_unload(model);
        }
        tear_down(&t);
    }
}

static void test_formats_of_keys(void **state)
{
    fixture *f = *state;
    static const pewter_kv formats[] = {PEWTER_KV_F32, PEWTER_KV_F16, PEWTER_KV_BF16,
                                        PEWTER_KV_Q8_0};
    truth t;
    set_up(&t, f, "Q4_0", NULL, TOKENS);
    float *whole = calloc(TOKENS * VOCAB, sizeof *whole), *exact = NULL;
    assert_non_null(whole);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        pewter_load_options options = pewter_load_defaults();
        options.kv = formats[i];
        pewter_model *model = fixture_model(f, t.engine, &options);
        pewter_session *session = fixture_session(f, model, NULL);
        fixture_logits(f, session, t.ids, TOKENS, whole);
        fixture_must(f, pewter_session_rewind(session, 0, &f->err));
        float row[VOCAB], most = 0.0f;
        for (size_t k = 0; k < TOKENS; k++) {
            fixture_logits(f, session, t.ids + k, 1, row);
            assert_memory_equal(row, whole + k * VOCAB, sizeof row);
        }
        if (exact == NULL) {
            exact = calloc(TOKENS * VOCAB, sizeof *exact);
            assert_non_null(exact);
            memcpy(exact, whole, TOKENS * VOCAB * sizeof *exact);
        }
        for (size_t k = 0; k < TOKENS * VOCAB; k++) {
            const float error = whole[k] > exact[k] ? whole[k] - exact[k] : exact[k] - whole[k];
            most = error > most ? error : most;
        }
        const bool is_auto = memcmp(whole, t.logits, TOKENS * VOCAB * sizeof *whole) == 0;
        assert_int_equal(is_auto, formats[i] == PEWTER_KV_BF16);
        assert_true((most > 0.0f) == (formats[i] != PEWTER_KV_F32));
        assert_true(most < 0.5f);
        pewter_session_free(session);
        pewter_unload(model);
    }
    free(whole);
    free(exact);
    tear_down(&t);
}

/* ---- Sessions ----------------------------------------------------------------------------------- */

static void test_fork_copies_on_write(void **state)
{
    fixture *f = *state;
    truth t;
    set_up(&t, f, "Q4_0", NULL, TOKENS);
    int32_t others[TOKENS];
    fixture_ids(99, others, TOKENS, VOCAB);
    static const size_t places[] = {1, 40, 63, 64, 65, 100, 128};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const size_t at = places[i];
        pewter_session *parent = fixture_session(f, t.model, NULL), *child = NULL, *late = NULL;
        goes_on(&t, parent, 0, at, "before the fork");
        fixture_must(f, pewter_session_fork(parent, &child, &f->err));
        fixture_must(f, pewter_session_fork(child, &late, &f->err));
        fixture_logits(f, parent, others, 20, NULL); /* the parent writes first */
        goes_on(&t, child, at, at + 20, "the child");
        fixture_logits(f, late, others + 20, 20, NULL);
        goes_on(&t, child, at + 20, TOKENS, "the child, further");
        fixture_must(f, pewter_session_rewind(parent, (int64_t)at, &f->err));
        goes_on(&t, parent, at, TOKENS, "the parent, cut back");
        pewter_session_free(parent);
        fixture_must(f, pewter_session_rewind(late, (int64_t)at, &f->err));
        goes_on(&t, late, at, TOKENS, "a fork that outlived the others");
        pewter_session_free(child);
        pewter_session_free(late);
    }
    tear_down(&t);
}

static void test_rewind_to_every_place(void **state)
{
    fixture *f = *state;
    truth t;
    set_up(&t, f, "Q8_0", NULL, TOKENS);
    int32_t others[TOKENS];
    fixture_ids(98, others, TOKENS, VOCAB);
    pewter_session *session = fixture_session(f, t.model, NULL);
    goes_on(&t, session, 0, TOKENS, "first");
    for (size_t at = 0; at < TOKENS; at += fixture_quick() ? 17 : 3) {
        fixture_must(f, pewter_session_rewind(session, (int64_t)at, &f->err));
        fixture_logits(f, session, others, TOKENS - at, NULL);
        fixture_must(f, pewter_session_rewind(session, (int64_t)at, &f->err));
        goes_on(&t, session, at, TOKENS, "after a rewind");
    }
    assert_int_equal(pewter_session_rewind(session, TOKENS + 1, &f->err), PEWTER_E_ARG);
    assert_int_equal(pewter_session_rewind(session, -1, &f->err), PEWTER_E_ARG);
    fixture_must(f, pewter_session_reset(session, &f->err));
    assert_int_equal(fixture_stats(session).tokens, 0);
    goes_on(&t, session, 0, TOKENS, "after a reset");
    pewter_session_free(session);
    tear_down(&t);
}

/* Sessions come and go in an odd order, so that free pages lie in disorder and hold what others left. */
static void test_pages_in_disorder(void **state)
{
    fixture *f = *state;
    truth t;
    set_up(&t, f, "Q4_K", NULL, LONG);
    pw_rng rng = {.state = 3};
    for (int round = 0; round < (fixture_quick() ? 3 : 12); round++) {
        pewter_session *crowd[8] = {NULL};
        int32_t others[60];
        for (size_t i = 0; i < 8; i++) {
            crowd[i] = fixture_session(f, t.model, NULL);
            fixture_ids(pw_rng_u64(&rng), others, 60, VOCAB);
            fixture_logits(f, crowd[i], others, (size_t)pw_rng_range(&rng, 1, 60), NULL);
        }
        for (size_t i = 8; i > 1; i--) {
            const size_t k = (size_t)pw_rng_range(&rng, 0, (int64_t)i - 1);
            pewter_session *swap = crowd[i - 1];
            crowd[i - 1] = crowd[k];
            crowd[k] = swap;
        }
        for (size_t i = 0; i < 6; i++) pewter_session_free(crowd[i]);
        pewter_session *session = fixture_session(f, t.model, NULL);
        goes_on(&t, session, 0, 300, "pages in disorder");
        pewter_session_free(crowd[6]);
        goes_on(&t, session, 300, LONG, "pages in disorder, further");
        pewter_session_free(session);
        pewter_session_free(crowd[7]);
    }
    tear_down(&t);
}

/* ---- Company ------------------------------------------------------------------------------------ */

enum { CROWD = 7, ANSWER = 40 };

static pewter_session *begin(const truth *t, size_t index)
{
    pewter_session_options options = pewter_session_defaults();
    options.seed = index;
    options.max_tokens = ANSWER + (int64_t)index;
    options.logprobs = options.ignore_eos = true;
    options.temperature = index % 2 == 0 ? 0.0f : 1.2f;
    pewter_session *session = fixture_session(t->f, t->model, &options);
    fixture_must(t->f, pewter_prompt(session, t->ids + index, 3 + 8 * index, &t->f->err));
    return session;
}

static void same_answer(const fixture_answer *a, const fixture_answer *b, size_t index)
{
    if (a->count != ANSWER + (int64_t)index)
        fail_msg("session %zu: %lld tokens, finish %d", index, (long long)a->count, (int)a->finish);
    assert_int_equal(b->count, a->count);
    assert_int_equal(a->finish, PEWTER_FINISH_LENGTH);
    assert_int_equal(b->finish, PEWTER_FINISH_LENGTH);
    assert_string_equal(b->text, a->text);
    assert_memory_equal(b->tokens, a->tokens, (size_t)a->count * sizeof *a->tokens);
    assert_memory_equal(b->logprobs, a->logprobs, (size_t)a->count * sizeof *a->logprobs);
}

/* Sessions are stepped together, and join while others are half way. */
static void test_alone_and_in_company(void **state)
{
    fixture *f = *state;
    for (size_t type = 0; type < TYPES; type++) {
        truth t;
        set_up(&t, f, types[type], NULL, TOKENS);
        static fixture_answer alone[CROWD], together[CROWD];
        memset(together, 0, sizeof together);
        pewter_session *crowd[CROWD] = {NULL};
        for (size_t i = 0; i < CROWD; i++) {
            pewter_session *session = begin(&t, i);
            fixture_generate(f, t.engine, session, &alone[i]);
            pewter_session_free(session);
        }
        size_t ready = 1, joined = 0;
        for (int step = 0; ready > 0 || joined < CROWD; step++) {
            if (step % 5 == 0 && joined < CROWD) {
                crowd[joined] = begin(&t, joined);
                joined++;
            }
            fixture_must(f, pewter_step(t.engine, &ready, &f->err));
            for (size_t i = 0; i < joined; i++) fixture_take_piece(f, crowd[i], &together[i]);
        }
        for (size_t i = 0; i < CROWD; i++) {
            same_answer(&alone[i], &together[i], i);
            pewter_session_free(crowd[i]);
        }
        tear_down(&t);
    }
}

/* Keys made while generating serve what follows as those of a prompt do. */
static void test_goes_on_after_an_answer(void **state)
{
    fixture *f = *state;
    truth t;
    set_up(&t, f, "Q4_0", NULL, TOKENS);
    pewter_session *session = begin(&t, 4), *fresh = fixture_session(f, t.model, NULL);
    fixture_answer *answer = calloc(1, sizeof *answer);
    assert_non_null(answer);
    fixture_generate(f, t.engine, session, answer);

    int32_t all[TOKENS];
    const size_t prompt = 3 + 8 * 4, made = (size_t)answer->count, end = prompt + made;
    memcpy(all, t.ids + 4, prompt * sizeof *all);
    memcpy(all + prompt, answer->tokens, made * sizeof *all);
    memcpy(all + end, t.ids, 10 * sizeof *all);
    float *from_fresh = calloc((end + 10) * VOCAB, sizeof *from_fresh), after[10 * VOCAB];
    assert_non_null(from_fresh);
    fixture_logits(f, fresh, all, end + 10, from_fresh);
    assert_int_equal(fixture_stats(session).tokens, end);
    fixture_logits(f, session, all + end, 10, after);
    assert_memory_equal(after, from_fresh + end * VOCAB, sizeof after);
    free(from_fresh);
    free(answer);
    pewter_session_free(fresh);
    pewter_session_free(session);
    tear_down(&t);
}

/* Answers that want more pages together than there are: the youngest wait, and each says what it says when it
 * is alone. */
static void test_waiting_for_pages(void **state)
{
    enum { SESSIONS = 4, PROMPT = 20 };
    fixture *f = *state;
    fixture_synth(f, "tiny,layers=2,context=1024", "Q8_0", 11);
    pewter_engine *engine = fixture_engine(f, NULL, 2, 0);
    pewter_load_options load = pewter_load_defaults();
    load.context = 256; /* four pages, of which an answer wants three */
    pewter_model *model = fixture_model(f, engine, &load);
    pewter_session_options options = pewter_session_defaults();
    options.max_tokens = 150;
    options.ignore_eos = true;
    fixture_answer *alone = calloc(2 * SESSIONS, sizeof *alone), *together = alone + SESSIONS;
    assert_non_null(alone);
    pewter_session *sessions[SESSIONS];
    int32_t ids[PROMPT];
    for (int i = 0; i < SESSIONS; i++) {
        options.seed = (uint64_t)i;
        fixture_ids((uint64_t)i, ids, PROMPT, VOCAB);
        pewter_session *session = fixture_session(f, model, &options);
        fixture_must(f, pewter_prompt(session, ids, PROMPT, &f->err));
        fixture_generate(f, engine, session, &alone[i]);
        assert_int_equal(alone[i].finish, PEWTER_FINISH_LENGTH);
        pewter_session_free(session);
    }
    for (int i = 0; i < SESSIONS; i++) {
        options.seed = (uint64_t)i;
        fixture_ids((uint64_t)i, ids, PROMPT, VOCAB);
        sessions[i] = fixture_session(f, model, &options);
        fixture_must(f, pewter_prompt(sessions[i], ids, PROMPT, &f->err));
    }
    for (bool goes_on = true; goes_on;) {
        size_t ready;
        fixture_must(f, pewter_step(engine, &ready, &f->err));
        goes_on = false;
        for (int i = 0; i < SESSIONS; i++) {
            if (together[i].finish == PEWTER_FINISH_NONE)
                fixture_take_piece(f, sessions[i], &together[i]);
            goes_on |= together[i].finish == PEWTER_FINISH_NONE;
        }
    }
    for (int i = 0; i < SESSIONS; i++) {
        assert_int_equal(together[i].bytes, alone[i].bytes);
        assert_memory_equal(together[i].text, alone[i].text, alone[i].bytes);
        pewter_session_free(sessions[i]);
    }
    free(alone);
    pewter_unload(model);
    pewter_close(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_threads_and_devices),   FIXTURE_TEST(test_prompt_cut_at_every_place),
        FIXTURE_TEST(test_token_by_token),        FIXTURE_TEST(test_any_batch),
        FIXTURE_TEST(test_formats_of_keys),       FIXTURE_TEST(test_fork_copies_on_write),
        FIXTURE_TEST(test_rewind_to_every_place), FIXTURE_TEST(test_pages_in_disorder),
        FIXTURE_TEST(test_alone_and_in_company),  FIXTURE_TEST(test_goes_on_after_an_answer),
        FIXTURE_TEST(test_waiting_for_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
