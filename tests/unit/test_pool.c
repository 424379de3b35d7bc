#include <fenv.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/cpu/pool.h"
#include "pw/clock.h"
#include "pw/rng.h"
#include "runtime/engine/memory.h"
#include "tests/support/limit_alloc.h"

static const pw_site driven = {.name = "driven", .driver = true};
static const pw_site apart = {.name = "apart"};

static pw_pool *need(const pw_site *site, int32_t workers)
{
    pw_pool *pool = NULL;
    pewter_error err;
    if (pw_pool_new(site, workers, &pw_default_allocator, &pool, &err) != PEWTER_OK)
        fail_msg("%s", err.message);
    return pool;
}

/* ---- Every index once ------------------------------------------------------------------------- */

enum { MOST = 700 };

typedef struct tally {
    _Atomic uint32_t ran[MOST];
    const struct tally *before; /* must be done when this begins */
    uint32_t tasks;
    int32_t workers;
    _Atomic int early, strangers;
} tally;

static void count(const pw_job *job, uint32_t task, int32_t worker)
{
    tally *t = job->context;
    if (worker < 0 || worker >= t->workers) atomic_fetch_add(&t->strangers, 1);
    for (uint32_t i = 0; t->before != NULL && i < t->before->tasks; i++)
        if (atomic_load(&t->before->ran[i]) != 1) atomic_fetch_add(&t->early, 1);
    atomic_fetch_add(&t->ran[task], 1);
}

static void test_every_index_once(void **state)
{
    (void)state;
    enum { JOBS = 6 };
    static tally tallies[JOBS];
    static pw_job jobs[JOBS];
    uint32_t tasks[JOBS];
    pw_rng rng = {11};
    for (int32_t workers = 1; workers <= 6; workers++) {
        for (int side = 0; side < 2; side++) {
            pw_pool *pool = need(side == 0 ? &driven : &apart, workers);
            for (int round = 0; round < 60; round++) {
                const size_t n = (size_t)pw_rng_range(&rng, 0, JOBS);
                memset(tallies, 0, sizeof tallies);
                for (size_t i = 0; i < n; i++) {
                    tasks[i] = (uint32_t)pw_rng_range(&rng, 0, round % 10 == 0 ? MOST : 9);
                    tallies[i].tasks = tasks[i];
                    tallies[i].workers = workers;
                    tallies[i].before = i > 0 ? &tallies[i - 1] : NULL;
                    jobs[i].run = count;
                    jobs[i].context = &tallies[i];
                }
                assert_true(pw_pool_run(pool, jobs, tasks, n, NULL, 0));
                if (round % 7 == 0) pw_pool_settle(pool);
                for (size_t i = 0; i < n; i++) {
                    for (uint32_t k = 0; k < MOST; k++)
                        assert_int_equal(atomic_load(&tallies[i].ran[k]), k < tasks[i]);
                    assert_int_equal(atomic_load(&tallies[i].early), 0);
                    assert_int_equal(atomic_load(&tallies[i].strangers), 0);
                }
                pw_pool_settle(pool);
            }
            pw_pool_free(pool);
        }
    }
}

/* Jobs on a stack that is left behind, as host work has them. */
static void one_round(pw_pool *pool, uint32_t tasks)
{
    tally t = {.tasks = tasks, .workers = 3};
    pw_job job = {.run = count, .context = &t};
    assert_true(pw_pool_run(pool, &job, &tasks, 1, NULL, 0));
    pw_pool_settle(pool);
    for (uint32_t k = 0; k < tasks; k++) assert_int_equal(atomic_load(&t.ran[k]), 1);
}

static void test_short_lived_jobs(void **state)
{
    (void)state;
    pw_pool *pool = need(&driven, 3);
    pw_pool_settle(pool);
    for (uint32_t i = 0; i < 500; i++) one_round(pool, i % 5);
    pw_pool_free(pool);
}

/* ---- Stopping --------------------------------------------------------------------------------- */

typedef struct stopping {
    atomic_int stop;
    _Atomic uint32_t ran;
    uint32_t stop_at;
    int64_t sleep_us;
} stopping;

static void run_until(const pw_job *job, uint32_t task, int32_t worker)
{
    (void)worker;
    stopping *s = job->context;
    atomic_fetch_add(&s->ran, 1);
    if (s->sleep_us > 0) usleep((useconds_t)s->sleep_us);
    if (task == s->stop_at) atomic_store(&s->stop, 1);
}

static void test_stop(void **state)
{
    (void)state;
    pw_pool *pool = need(&driven, 2);
    stopping s = {.stop_at = 10};
    pw_job jobs[2] = {{.run = run_until, .context = &s}, {.run = run_until, .context = &s}};
    const uint32_t tasks[2] = {1000, 1000};
    assert_false(pw_pool_run(pool, jobs, tasks, 2, &s.stop, 0));
    assert_in_range(atomic_load(&s.ran), 11, 999);
    pw_pool_settle(pool);

    /* The pool is as good as new. */
    atomic_store(&s.stop, 0);
    atomic_store(&s.ran, 0);
    s.stop_at = UINT32_MAX;
    assert_true(pw_pool_run(pool, jobs, tasks, 2, &s.stop, 0));
    assert_int_equal(atomic_load(&s.ran), 2000);
    pw_pool_free(pool);
}

static void test_deadline(void **state)
{
    (void)state;
    pw_pool *pool = need(&driven, 2);
    stopping s = {.stop_at = UINT32_MAX, .sleep_us = 2000};
    pw_job job = {.run = run_until, .context = &s};
    const uint32_t tasks = 2000;
    const int64_t begin = pw_now_ns();
    assert_false(pw_pool_run(pool, &job, &tasks, 1, NULL, begin + 20 * 1000000));
    assert_true(pw_now_ns() - begin < 2000 * 1000000ll);
    assert_in_range(atomic_load(&s.ran), 1, 1999);
    pw_pool_settle(pool);
    s.sleep_us = 0;
    assert_false(pw_pool_run(pool, &job, &tasks, 1, NULL, 1));
    assert_true(pw_pool_run(pool, &job, &tasks, 1, NULL, pw_now_ns() + 60000 * 1000000ll));
    pw_pool_free(pool);
}

/* ---- What workers are ------------------------------------------------------------------------- */

typedef struct look {
    _Atomic int unblocked, rounding, workers_seen;
    pthread_t driver;
} look;

static void look_around(const pw_job *job, uint32_t task, int32_t worker)
{
    (void)task;
    look *l = job->context;
    usleep(500);
    if (fegetround() != FE_TONEAREST || fetestexcept(FE_ALL_EXCEPT) != 0)
        atomic_fetch_add(&l->rounding, 1);
    if (worker == 0 && pthread_equal(pthread_self(), l->driver)) return;
    atomic_fetch_or(&l->workers_seen, 1 << worker);
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    static const int faults[] = {SIGBUS, SIGSEGV, SIGFPE, SIGILL};
    for (int s = 1; s < 32; s++) {
        bool fault = false;
        for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) fault = fault || faults[i] == s;
        if (s == SIGKILL || s == SIGSTOP || s == SIGTRAP || s == SIGABRT) continue;
        if (sigismember(&blocked, s) == fault) atomic_fetch_add(&l->unblocked, 1);
    }
}

/* All signals but faults are blocked in workers; the one who calls keeps mask and rounding. */
static void test_signals_and_rounding(void **state)
{
    (void)state;
    sigset_t before, after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    pw_pool *pool = need(&driven, 3);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int s = 1; s < 32; s++) assert_int_equal(sigismember(&before, s), sigismember(&after, s));

    fesetround(FE_UPWARD);
    feraiseexcept(FE_INEXACT);
    look l = {.driver = pthread_self()};
    pw_job job = {.run = look_around, .context = &l};
    const uint32_t tasks = 200;
    assert_true(pw_pool_run(pool, &job, &tasks, 1, NULL, 0));
    assert_int_equal(fegetround(), FE_UPWARD);
    assert_int_not_equal(fetestexcept(FE_INEXACT), 0);
    fesetround(FE_TONEAREST);
    feclearexcept(FE_ALL_EXCEPT);
    assert_int_equal(atomic_load(&l.unblocked), 0);
    assert_int_equal(atomic_load(&l.rounding), 0);
    assert_int_not_equal(atomic_load(&l.workers_seen), 0);
    pw_pool_free(pool);
}

static int64_t cpu_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * (int64_t)1000000 +
           usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

/* Workers without work cost next to nothing. */
static void test_idle_workers_sleep(void **state)
{
    (void)state;
    pw_pool *pool = need(&driven, 4);
    one_round(pool, 4);
    usleep(20 * 1000);
    const int64_t before = cpu_us();
    usleep(300 * 1000);
    assert_true(cpu_us() - before < 100 * 1000);
    one_round(pool, 4);
    pw_pool_free(pool);
}

/* A refused allocation starts no thread. */
static void test_memory(void **state)
{
    (void)state;
    for (uint64_t from = 0; from < 3; from++) {
        limit_alloc counts;
        const pewter_allocator alloc = limit_allocator(&counts, SIZE_MAX, from);
        pw_pool *pool = NULL;
        pewter_error err;
        const pewter_status status = pw_pool_new(&driven, 3, &alloc, &pool, &err);
        assert_int_equal(status, from < 2 ? PEWTER_E_MEMORY : PEWTER_OK);
        pw_pool_free(pool);
        assert_int_equal(counts.live, 0);
    }
    pw_pool_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_index_once),
        cmocka_unit_test(test_short_lived_jobs),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_signals_and_rounding),
        cmocka_unit_test(test_idle_workers_sleep),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
