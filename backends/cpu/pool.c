#include "backends/cpu/pool.h"

#include <fenv.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "pw/arena.h"
#include "pw/clock.h"
#include "pw/status.h"

enum { SPIN_NS = 50 * 1000, SPINS_A_LOOK = 64 };

/* Workers see a run through these fields; `round` is published last and read first. */
typedef struct run {
    pw_job *jobs;
    size_t n_jobs;
    const atomic_int *stop;
    int64_t deadline_ns;
} run;

typedef struct worker {
    pw_pool *pool;
    pthread_t thread;
    int32_t index;
    _Atomic uint32_t left; /* the last round that it has left for good */
    char pad[64];
} worker;

struct pw_pool {
    const pewter_allocator *alloc;
    const pw_site *site;
    run now;
    _Atomic uint32_t round;
    _Atomic int quit, skipped, sleepers;
    _Atomic uint32_t events;  /* what sleepers wait on: grows when there is something to look at */
    pthread_mutex_t lock;     /* of `now` together with `round` */
    int32_t workers, started; /* `started` threads of the pool's own, from index `first` on */
    int32_t first;
    worker *own;
};

static void relax(void)
{
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* ---- Waiting ------------------------------------------------------------------------------- */

typedef bool ready_fn(pw_pool *pool, const void *what, uint32_t round);

/* Returns when ready(pool, what, round) holds: spins first, then sleeps. The futex itself and not a
 * condition variable: those of glibc before 2.41 may lose a wake-up (its bug 25847). */
static void await(pw_pool *pool, ready_fn *ready, const void *what, uint32_t round)
{
    const int64_t until = pw_now_ns() + SPIN_NS;
    do {
        for (int i = 0; i < SPINS_A_LOOK; i++) {
            if (ready(pool, what, round)) return;
            relax();
        }
    } while (pw_now_ns() < until);

    atomic_fetch_add(&pool->sleepers, 1);
    for (;;) {
        const uint32_t seen = atomic_load(&pool->events);
        if (ready(pool, what, round)) break;
        (void)syscall(SYS_futex, &pool->events, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
    }
    atomic_fetch_sub(&pool->sleepers, 1);
}

/* After a change that somebody may sleep for. The change and the look at `sleepers` are both
 * sequentially consistent, as are their counterparts in await: one of the two sees the other. */
static void notify(pw_pool *pool)
{
    if (atomic_load(&pool->sleepers) == 0) return;
    atomic_fetch_add(&pool->events, 1);
    (void)syscall(SYS_futex, &pool->events, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static bool job_over(pw_pool *pool, const void *what, uint32_t round)
{
    (void)pool;
    const pw_job *job = what;
    const uint64_t done = atomic_load(&job->done);
    return (uint32_t)(done >> 32) != round || (uint32_t)done >= atomic_load(&job->tasks);
}

static bool round_over(pw_pool *pool, const void *what, uint32_t round)
{
    (void)what;
    return atomic_load(&pool->round) != round || atomic_load(&pool->quit) != 0;
}

static bool has_left(pw_pool *pool, const void *what, uint32_t round)
{
    (void)pool;
    const worker *w = what;
    return atomic_load(&w->left) == round;
}

/* ---- Working ------------------------------------------------------------------------------- */

static bool stopped(const run *now)
{
    if (now->stop != NULL && atomic_load_explicit(now->stop, memory_order_relaxed) != 0)
        return true;
    return now->deadline_ns != 0 && pw_now_ns() > now->deadline_ns;
}

/* Takes tasks of one job until none is left. False where the round is over: the worker was late. */
static bool work(pw_pool *pool, const run *now, pw_job *job, uint32_t round, int32_t index)
{
    uint32_t finished = 0;
    uint64_t next = atomic_load(&job->next);
    for (;;) {
        if ((uint32_t)(next >> 32) != round) return false;
        if ((uint32_t)next >= atomic_load(&job->tasks)) break;
        if (!atomic_compare_exchange_weak(&job->next, &next, next + 1)) continue;

        if (!stopped(now))
            job->run(job, (uint32_t)next, index);
        else
            atomic_store(&pool->skipped, 1);
        finished++;
        next = atomic_load(&job->next);
    }
    if (finished > 0) {
        atomic_fetch_add(&job->done, finished);
        notify(pool);
    }
    return true;
}

static void work_all(pw_pool *pool, const run *now, uint32_t round, int32_t index)
{
    for (size_t i = 0; i < now->n_jobs; i++) {
        if (!work(pool, now, &now->jobs[i], round, index)) return;
        if (!job_over(pool, &now->jobs[i], round)) await(pool, job_over, &now->jobs[i], round);
    }
}

static void bind_to(const pw_site *site, int32_t index)
{
    if (!site->pin || site->n_cpus == 0) return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)site->cpus[(size_t)index % site->n_cpus], &set);
    /* A refusal costs speed, never a result. */
    (void)pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

static void *worker_main(void *argument)
{
    worker *self = argument;
    pw_pool *pool = self->pool;
    bind_to(pool->site, self->index);
    fesetenv(FE_DFL_ENV);

    uint32_t round = 0;
    while (atomic_load(&pool->quit) == 0) {
        await(pool, round_over, NULL, round);
        if (atomic_load(&pool->quit) != 0) break;

        /* A copy under the lock: the driver may be about to publish the next round. */
        pthread_mutex_lock(&pool->lock);
        round = atomic_load(&pool->round);
        const run now = pool->now;
        pthread_mutex_unlock(&pool->lock);

        work_all(pool, &now, round, self->index);
        atomic_store(&self->left, round);
        notify(pool);
    }
    return NULL;
}

/* Opens the jobs for a new round. A worker that still looks at the round before must not take a new
 * task count for an old one, so each job is closed first. */
static void open_jobs(pw_job *jobs, const uint32_t *tasks, size_t n_jobs, uint32_t round)
{
    const uint64_t base = (uint64_t)round << 32;
    for (size_t i = 0; i < n_jobs; i++) {
        atomic_store(&jobs[i].next, base | UINT32_MAX);
        atomic_store(&jobs[i].tasks, tasks[i]);
        atomic_store(&jobs[i].done, base);
        atomic_store(&jobs[i].next, base);
    }
}

static void drive(pw_pool *pool, const run *now, uint32_t round)
{
    cpu_set_t before;
    const bool bound =
        pool->site->pin && pthread_getaffinity_np(pthread_self(), sizeof before, &before) == 0;
    if (bound) bind_to(pool->site, 0);
    fenv_t floats;
    fegetenv(&floats);
    fesetenv(FE_DFL_ENV);

    work_all(pool, now, round, 0);

    fesetenv(&floats);
    if (bound) (void)pthread_setaffinity_np(pthread_self(), sizeof before, &before);
}

bool pw_pool_run(pw_pool *pool, pw_job *jobs, const uint32_t *tasks, size_t n_jobs,
                 const atomic_int *stop, int64_t deadline_ns)
{
    pthread_mutex_lock(&pool->lock);
    const uint32_t round = atomic_load(&pool->round) + 1;
    open_jobs(jobs, tasks, n_jobs, round);
    pool->now = (run){.jobs = jobs, .n_jobs = n_jobs, .stop = stop, .deadline_ns = deadline_ns};
    const run now = pool->now;
    atomic_store(&pool->skipped, 0);
    atomic_store(&pool->round, round);
    pthread_mutex_unlock(&pool->lock);
    notify(pool);

    if (pool->site->driver) {
        drive(pool, &now, round);
    } else {
        for (size_t i = 0; i < n_jobs; i++)
            if (!job_over(pool, &jobs[i], round)) await(pool, job_over, &jobs[i], round);
    }
    return atomic_load(&pool->skipped) == 0;
}

void pw_pool_settle(pw_pool *pool)
{
    const uint32_t round = atomic_load(&pool->round);
    if (round == 0) return;
    for (int32_t i = 0; i < pool->started; i++) await(pool, has_left, &pool->own[i], round);
}

/* ---- Life ---------------------------------------------------------------------------------- */

static pewter_status start(pw_pool *pool, pewter_error *err)
{
    /* Faults are answered by the thread that makes them: see the guard of mapped files. */
    static const int faults[] = {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
    sigset_t all, before;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) sigdelset(&all, faults[i]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = 0;
    for (int32_t i = pool->first; i < pool->workers && failure == 0; i++) {
        worker *w = &pool->own[i - pool->first];
        *w = (worker){.pool = pool, .index = i};
        failure = pthread_create(&w->thread, NULL, worker_main, w);
        if (failure == 0) pool->started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure != 0)
        return pw_fail(err, PEWTER_E_MEMORY, "cannot start worker %d of %d: %s", pool->started + 1,
                       pool->workers, strerror(failure));
    return PEWTER_OK;
}

pewter_status pw_pool_new(const pw_site *site, int32_t workers, const pewter_allocator *alloc,
                          pw_pool **out, pewter_error *err)
{
    pw_pool *pool = pw_alloc(alloc, sizeof *pool);
    if (pool == NULL) return pw_fail(err, PEWTER_E_MEMORY, "no memory for the worker pool");
    *pool = (pw_pool){.alloc = alloc, .site = site, .workers = workers};
    pool->first = site->driver ? 1 : 0;
    pool->own = pw_alloc(alloc, (size_t)workers * sizeof *pool->own);
    if (pool->own == NULL) {
        pw_free(alloc, pool, sizeof *pool);
        return pw_fail(err, PEWTER_E_MEMORY, "no memory for %d workers", workers);
    }
    pthread_mutex_init(&pool->lock, NULL);

    const pewter_status status = start(pool, err);
    if (status != PEWTER_OK) {
        pw_pool_free(pool);
        return status;
    }
    *out = pool;
    return PEWTER_OK;
}

void pw_pool_free(pw_pool *pool)
{
    if (pool == NULL) return;
    atomic_store(&pool->quit, 1);
    notify(pool);
    for (int32_t i = 0; i < pool->started; i++) pthread_join(pool->own[i].thread, NULL);

    pthread_mutex_destroy(&pool->lock);
    pw_free(pool->alloc, pool->own, (size_t)pool->workers * sizeof *pool->own);
    pw_free(pool->alloc, pool, sizeof *pool);
}
