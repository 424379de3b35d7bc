/* More than one thread: who comes second is told so, cancelling is heard at once, engines do not know
 * of each other. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#include "pw/clock.h"
#include "tests/support/engine_fixture.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLOW 10
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOW 10
#endif
#ifndef SLOW
#define SLOW 1
#endif

enum { VOCAB = 512, CANCEL_MS = 200 * SLOW };

static void rest(int64_t ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* ---- Second ones ---------------------------------------------------------------------------------- */

typedef struct visit {
    pewter_engine *engine;
    pewter_model *model;
    pewter_session *session; /* NULL: none yet */
    const char *path;
    int busy, calls;
} visit;

static void note(visit *v, pewter_status status)
{
    v->calls++;
    v->busy += status == PEWTER_E_BUSY;
}

static void ignore_row(void *context, int64_t pos, const float *logits, int64_t vocab)
{
    (void)context;
    (void)pos;
    (void)logits;
    (void)vocab;
}

/* Everything that an engine at work does not do for another thread. */
static void *call_all(void *context)
{
    visit *v = context;
    pewter_model *model;
    pewter_session *other;
    pewter_piece piece = {.size = sizeof piece};
    pewter_stats stats = {.size = sizeof stats};
    size_t n;
    double number;
    const int32_t ids[1] = {5};
    note(v, pewter_load(v->engine, v->path, NULL, &model, NULL));
    note(v, pewter_step(v->engine, &n, NULL));
    note(v, pewter_measure(v->engine, 0.1, &number, NULL));
    note(v, pewter_inspect(v->engine, v->path, NULL, 0, &n, NULL));
    if (v->session == NULL) return NULL;
    note(v, pewter_session_new(v->model, NULL, &other, NULL));
    note(v, pewter_session_reset(v->session, NULL));
    note(v, pewter_session_fork(v->session, &other, NULL));
    note(v, pewter_session_rewind(v->session, 0, NULL));
    note(v, pewter_prompt(v->session, ids, 1, NULL));
    note(v, pewter_next(v->session, &piece, NULL));
    note(v, pewter_stats_get(v->session, &stats, NULL));
    note(v, pewter_logits(v->session, ids, 1, ignore_row, NULL, NULL));
    note(v, pewter_score(v->session, ids, 1, &number, NULL, NULL, NULL));
    return NULL;
}

static bool visit_once(void *context, const char *what, uint64_t done, uint64_t total)
{
    (void)what;
    (void)done;
    (void)total;
    visit *v = context;
    if (v->calls > 0) return true;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, call_all, v), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    return true;
}

static void test_the_second_thread_is_told(void **state)
{
    fixture *f = *state;
    fixture_synth(f, "tiny,layers=2", "Q4_0", 61);
    pewter_engine *engine = fixture_engine(f, NULL, 2, 0);
    visit v = {.engine = engine, .path = f->path};
    pewter_load_options options = pewter_load_defaults();
    options.progress = visit_once;
    options.progress_context = &v;
    pewter_model *model = fixture_model(f, engine, &options);
    assert_int_equal(v.calls, 4);
    assert_int_equal(v.busy, v.calls);

    pewter_session *session = fixture_session(f, model, NULL);
    v = (visit){.engine = engine, .model = model, .session = session, .path = f->path};
    int32_t ids[20];
    double scores[20];
    fixture_ids(6, ids, 20, VOCAB);
    fixture_must(f, pewter_score(session, ids, 20, scores, visit_once, &v, &f->err));
    assert_int_equal(v.calls, 13);
    assert_int_equal(v.busy, v.calls);
    for (int i = 1; i < 20; i++) assert_true(scores[i] < 0.0 && scores[i] > -100.0);
    pewter_session_free(session);
    pewter_unload(model);
    pewter_close(engine);
}

/* ---- Cancelling ------------------------------------------------------------------------------------- */

/* A long prompt: a second or more by reference rows. */
enum { LONG = 1500 };

typedef struct slow {
    pewter_engine *engine;
    pewter_model *model;
    int32_t ids[LONG];
} slow;

static void set_up(slow *s, fixture *f)
{
    fixture_synth(f, "tiny,layers=6,ffn=1024,context=2048", "F32", 62);
    s->engine = fixture_engine(f, "scalar", 2, 0);
    pewter_load_options options = pewter_load_defaults();
    options.batch = 2048; /* all of the prompt in one step */
    s->model = fixture_model(f, s->engine, &options);
    fixture_ids(7, s->ids, LONG, VOCAB);
}

static void tear_down(slow *s)
{
    pewter_unload(s->model);
    pewter_close(s->engine);
}

typedef struct canceller {
    pewter_session *session;
    _Atomic int64_t at_ns;
} canceller;

static void *cancel_soon(void *context)
{
    canceller *c = context;
    rest(60);
    c->at_ns = pw_now_ns();
    pewter_cancel(c->session);
    return NULL;
}

static pthread_t start(canceller *c)
{
    pthread_t thread;
    c->at_ns = 0;
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, c), 0);
    return thread;
}

/* Milliseconds from the cancelling to now, when the call has ended. */
static int64_t since(canceller *c, pthread_t thread)
{
    const int64_t now = pw_now_ns();
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(c->at_ns != 0 && now >= c->at_ns);
    return (now - c->at_ns) / 1000000;
}

/* A step of a long prompt that is cancelled: how long that took. */
static int64_t cancel_step(fixture *f, const slow *s, pewter_session *session)
{
    canceller c = {.session = session};
    size_t ready;
    fixture_must(f, pewter_session_reset(session, &f->err));
    fixture_must(f, pewter_prompt(session, s->ids, LONG, &f->err));
    const pthread_t thread = start(&c);
    fixture_must(f, pewter_step(s->engine, &ready, &f->err));
    const int64_t ms = since(&c, thread);
    pewter_piece piece = {.size = sizeof piece};
    fixture_must(f, pewter_next(session, &piece, &f->err));
    assert_int_equal(piece.finish, PEWTER_FINISH_CANCELLED);
    assert_int_equal(piece.bytes, 0);
    assert_int_equal(fixture_stats(session).prompt_tokens, 0);
    fixture_must(f, pewter_step(s->engine, &ready, &f->err));
    assert_int_equal(ready, 0);
    return ms;
}

static int64_t cancel_logits(fixture *f, const slow *s, pewter_session *session)
{
    canceller c = {.session = session};
    fixture_rows rows = {.data = NULL};
    fixture_must(f, pewter_session_reset(session, &f->err));
    const pthread_t thread = start(&c);
    assert_int_equal(pewter_logits(session, s->ids, LONG, fixture_take_row, &rows, &f->err),
                     PEWTER_E_CANCELLED);
    assert_int_equal(rows.count, 0);
    return since(&c, thread);
}

/* The best of a few tries is in time: a busy machine may be late to run us. */
static void in_time(fixture *f, const slow *s, pewter_session *session,
                    int64_t (*cancel)(fixture *f, const slow *s, pewter_session *session))
{
    int64_t best = INT64_MAX;
    for (int i = 0; i < 5 && best > CANCEL_MS; i++) {
        const int64_t ms = cancel(f, s, session);
        best = ms < best ? ms : best;
    }
    printf("cancelled after %lld ms\n", (long long)best);
    assert_true(best <= CANCEL_MS);
}

static void test_cancel_in_a_long_prompt(void **state)
{
    fixture *f = *state;
    slow s;
    set_up(&s, f);
    pewter_session_options options = pewter_session_defaults();
    options.temperature = 0.0f;
    options.max_tokens = 3;
    pewter_session *session = fixture_session(f, s.model, &options);
    in_time(f, &s, session, cancel_step);

    /* What was left is void: the session answers as a fresh one. */
    fixture_answer *answers = calloc(2, sizeof *answers);
    assert_non_null(answers);
    pewter_session *fresh = fixture_session(f, s.model, &options);
    fixture_must(f, pewter_session_rewind(session, 50, &f->err));
    fixture_must(f, pewter_prompt(session, s.ids + 50, 10, &f->err));
    fixture_generate(f, s.engine, session, &answers[0]);
    fixture_must(f, pewter_prompt(fresh, s.ids, 60, &f->err));
    fixture_generate(f, s.engine, fresh, &answers[1]);
    assert_int_equal(answers[0].finish, PEWTER_FINISH_LENGTH);
    assert_memory_equal(answers[0].tokens, answers[1].tokens, sizeof answers[0].tokens);
    free(answers);

    in_time(f, &s, session, cancel_logits);
    pewter_session_free(session);
    pewter_session_free(fresh);
    tear_down(&s);
}

/* Others in the batch lose nothing by it. */
static void test_cancel_of_one_spares_the_others(void **state)
{
    fixture *f = *state;
    slow s;
    set_up(&s, f);
    pewter_session_options options = pewter_session_defaults();
    options.temperature = 0.0f;
    options.max_tokens = 2;
    pewter_session *session = fixture_session(f, s.model, &options);
    pewter_session *victim = fixture_session(f, s.model, &options);
    canceller c = {.session = victim};
    fixture_answer *answer = calloc(1, sizeof *answer);
    assert_non_null(answer);
    fixture_must(f, pewter_prompt(session, s.ids, 40, &f->err));
    fixture_must(f, pewter_prompt(victim, s.ids, 800, &f->err));
    pthread_t thread = start(&c);
    fixture_generate(f, s.engine, session, answer);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(answer->finish, PEWTER_FINISH_LENGTH);
    assert_int_equal(answer->count, 2);
    pewter_piece piece = {.size = sizeof piece};
    fixture_must(f, pewter_next(victim, &piece, &f->err));
    assert_int_equal(piece.finish, PEWTER_FINISH_CANCELLED);

    fixture_must(f, pewter_session_reset(session, &f->err));
    thread = start(&c);
    fixture_logits(f, session, s.ids, 60, NULL);
    assert_int_equal(pthread_join(thread, NULL), 0);
    free(answer);
    pewter_session_free(session);
    pewter_session_free(victim);
    tear_down(&s);
}

static pewter_session *interrupted;

static void on_alarm(int number)
{
    (void)number;
    pewter_cancel(interrupted);
}

static void test_cancel_in_a_signal_handler(void **state)
{
    fixture *f = *state;
    slow s;
    set_up(&s, f);
    interrupted = fixture_session(f, s.model, NULL);
    fixture_must(f, pewter_prompt(interrupted, s.ids, LONG, &f->err));
    struct sigaction action = {.sa_handler = on_alarm}, before;
    assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    const struct itimerspec once = {.it_value = {.tv_nsec = 60 * 1000 * 1000}};
    size_t ready;
    const int64_t began = pw_now_ns();
    assert_int_equal(timer_settime(timer, 0, &once, NULL), 0);
    fixture_must(f, pewter_step(s.engine, &ready, &f->err));
    assert_true(pw_now_ns() - began < (60 + CANCEL_MS) * INT64_C(1000000));
    timer_delete(timer);
    sigaction(SIGALRM, &before, NULL);
    pewter_piece piece = {.size = sizeof piece};
    fixture_must(f, pewter_next(interrupted, &piece, &f->err));
    assert_int_equal(piece.finish, PEWTER_FINISH_CANCELLED);
    pewter_session_free(interrupted);
    tear_down(&s);
}

/* A progress callback that has enough at call `left`. */
static bool count_down(void *context, const char *what, uint64_t done, uint64_t total)
{
    assert_non_null(what);
    assert_true(done <= total);
    return --*(int *)context >= 0;
}

static void test_cancel_by_progress(void **state)
{
    fixture *f = *state;
    fixture_synth(f, "tiny", "Q4_0", 63);
    pewter_engine *engine = fixture_engine(f, NULL, 2, 0);
    pewter_load_options load = pewter_load_defaults();
    pewter_model *model = NULL;
    pewter_status status = PEWTER_E_CANCELLED;
    int calls = 0;
    for (; status == PEWTER_E_CANCELLED; calls++) {
        int left = calls;
        load.progress = count_down;
        load.progress_context = &left;
        status = pewter_load(engine, f->path, &load, &model, &f->err);
        if (status == PEWTER_E_CANCELLED) assert_null(model);
    }
    fixture_must(f, status);
    assert_true(calls > 1);
    pewter_session *session = fixture_session(f, model, NULL);
    int32_t ids[10];
    double scores[10];
    fixture_ids(1, ids, 10, VOCAB);
    int left = 4;
    status = pewter_score(session, ids, 10, scores, count_down, &left, &f->err);
    assert_int_equal(status, PEWTER_E_CANCELLED);
    pewter_session_free(session);
    pewter_unload(model);
    pewter_close(engine);

    pewter_synth_options synth = pewter_synth_defaults();
    left = 0;
    synth.progress = count_down;
    synth.progress_context = &left;
    assert_int_equal(remove(f->path), 0);
    assert_int_equal(pewter_synth(&synth, f->path, &f->err), PEWTER_E_CANCELLED);
    assert_int_equal(remove(f->path), -1);
}

/* ---- Two engines -------------------------------------------------------------------------------------- */

typedef struct tenant {
    const char *path;
    const fixture_answer *wanted;
    pewter_status status;
    bool same;
} tenant;

static pewter_status answer_by(const char *path, fixture_answer *out)
{
    pewter_engine *engine = NULL;
    pewter_model *model = NULL;
    pewter_session *session = NULL;
    pewter_config config = pewter_config_defaults();
    config.threads = 2;
    pewter_session_options options = pewter_session_defaults();
    options.max_tokens = 50;
    options.ignore_eos = true;
    int32_t ids[70];
    fixture_ids(9, ids, 70, VOCAB);
    pewter_status status = pewter_open(&config, &engine, NULL);
    if (status == PEWTER_OK) status = pewter_load(engine, path, NULL, &model, NULL);
    if (status == PEWTER_OK) status = pewter_session_new(model, &options, &session, NULL);
    if (status == PEWTER_OK) status = pewter_prompt(session, ids, 70, NULL);
    *out = (fixture_answer){0};
    while (status == PEWTER_OK && out->finish == PEWTER_FINISH_NONE) {
        size_t ready;
        pewter_piece piece = {.size = sizeof piece};
        status = pewter_step(engine, &ready, NULL);
        if (status == PEWTER_OK) status = pewter_next(session, &piece, NULL);
        out->finish = piece.finish;
        if (piece.token >= 0) out->tokens[out->count++] = piece.token;
    }
    pewter_session_free(session);
    pewter_unload(model);
    pewter_close(engine);
    return status;
}

static void *live(void *context)
{
    tenant *t = context;
    fixture_answer *found = calloc(1, sizeof *found);
    t->same = found != NULL;
    for (int round = 0; round < 3 && t->same && t->status == PEWTER_OK; round++) {
        t->status = answer_by(t->path, found);
        t->same = found->count == 50 &&
                  memcmp(found->tokens, t->wanted->tokens, sizeof found->tokens) == 0;
    }
    free(found);
    return NULL;
}

static void test_engines_side_by_side(void **state)
{
    fixture *f = *state;
    fixture_synth(f, "tiny,layers=2", "Q4_0", 64);
    fixture_answer *wanted = calloc(1, sizeof *wanted);
    assert_non_null(wanted);
    assert_int_equal(answer_by(f->path, wanted), PEWTER_OK);
    tenant tenants[3];
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++) {
        tenants[i] = (tenant){.path = f->path, .wanted = wanted};
        assert_int_equal(pthread_create(&threads[i], NULL, live, &tenants[i]), 0);
    }
    for (size_t i = 0; i < 3; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(tenants[i].status, PEWTER_OK);
        assert_true(tenants[i].same);
    }
    free(wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_the_second_thread_is_told),
        FIXTURE_TEST(test_cancel_in_a_long_prompt),
        FIXTURE_TEST(test_cancel_of_one_spares_the_others),
        FIXTURE_TEST(test_cancel_in_a_signal_handler),
        FIXTURE_TEST(test_cancel_by_progress),
        FIXTURE_TEST(test_engines_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
