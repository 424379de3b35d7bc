#include "bench/measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernels/features.h"
#include "pw/clock.h"
#include "pw/num.h"
#include "pw/status.h"
#include "runtime/engine/memory.h"
#include "tests/check/check.h"

static const double slice_seconds = 0.02;
static const double rate_seconds = 0.001, read_seconds = 0.002; /* of a probe */
enum { CACHES = 4 }; /* a set of so many last caches is in memory */

typedef struct measure_ready {
    work work;
    const bench_case *what;
    const bench_device *on;
    bool cached;
    double level_bytes; /* bytes/s of the cache that holds the set; 0 where it is in memory */
    double reference;   /* operations (or bytes) a second of the reference row, on one thread */
    rival_job **jobs[MEASURE_MOST_RIVALS]; /* [copies]; NULL: it does not compute this */
    size_t copies;
} measure_ready;

/* ---- Checks ---------------------------------------------------------------------------------- */

/* Runs `fn` with stdout turned to stderr: what the checks print must not stand between results. */
static bool aside(bool (*fn)(void *context), void *context)
{
    fflush(stdout);
    const int before = dup(STDOUT_FILENO);
    if (before >= 0) (void)dup2(STDERR_FILENO, STDOUT_FILENO);
    const bool result = fn(context);
    fflush(stdout);
    if (before >= 0) {
        (void)dup2(before, STDOUT_FILENO);
        close(before);
    }
    return result;
}

static bool row_right(void *context)
{
    enum { ROUNDS = 2 };
    const measure_ready *r = context;
    check c = {.rows = r->on->backend->kernels(), .features = r->on->info.features, .seed = 7};
    c.alloc = heap_allocator(&c.heap);
    bool right = true;
    for (int round = 0; round < ROUNDS && right; round++)
        right = check_row(&c, r->what->shape.row, round);
    return right;
}

static bool call_right(void *context)
{
    const measure_ready *r = context;
    pw_rng rng = {.state = 11};
    return work_right(&r->work, &rng);
}

static pewter_status check_results(measure_room *room, measure_ready *r, pewter_error *err)
{
    const char *name = r->what->shape.row->name;
    if (strcmp(room->checked, name) != 0) {
        snprintf(room->checked, sizeof room->checked, "%s", name);
        room->right = aside(row_right, r);
    }
    if (!room->right)
        return pw_fail(err, PEWTER_E_FORMAT, "wrong result: %s on a random shape", name);
    double seconds;
    PW_TRY(work_run(&r->work, &seconds, err));
    if (!aside(call_right, r))
        return pw_fail(err, PEWTER_E_FORMAT, "wrong result: %s", r->what->name);
    return PEWTER_OK;
}

/* ---- Making ready ---------------------------------------------------------------------------- */

/* Work of a call in one number: operations, or bytes where it has none. */
static double amount(const pw_call *call)
{
    const double operations = pw_op_flops(call);
    return operations > 0.0 ? operations : pw_op_bytes(call);
}

/* The reference row's amount of work a second on one thread; 0 where there is none. */
static double reference_rate(const measure_ready *r)
{
    pw_sample_shape shape;
    if (!cases_reference(r->on, &r->what->shape, &shape)) return 0.0;
    pw_rng rng = {.state = 4};
    pw_sample *s = malloc(sizeof *s);
    double rate = 0.0;
    if (s == NULL || pw_sample_make(&shape, &pw_default_allocator, &rng, s, NULL) != PEWTER_OK) {
        free(s);
        return 0.0;
    }
    const pw_kernel *row = shape.row;
    const size_t bytes = row->scratch != NULL ? row->scratch(&s->call) : 0;
    void *scratch = aligned_alloc(64, (bytes / 64 + 1) * 64);
    const int64_t extent = row->extent != NULL ? row->extent(&s->call) : pw_op_extent(&s->call);
    for (int turn = 0; turn < 2 && scratch != NULL; turn++) {
        const int64_t begin = pw_now_ns();
        row->cpu.run(&s->call, 0, extent, scratch);
        rate = amount(&s->call) / ((double)(pw_now_ns() - begin + 1) * 1e-9);
    }
    free(scratch);
    pw_sample_free(s);
    free(s);
    return rate;
}

static void drop_jobs(measure_ready *r, size_t which)
{
    for (size_t i = 0; r->jobs[which] != NULL && i < r->copies; i++) rival_free(r->jobs[which][i]);
    free(r->jobs[which]);
    r->jobs[which] = NULL;
}

/* As many jobs as there are copies of ours. A rival whose result is wrong is told, and left out. */
static void prepare_rival(measure_room *room, measure_ready *r, size_t which)
{
    const rival *from = room->rivals[which];
    r->jobs[which] = calloc(r->copies, sizeof(rival_job *));
    if (r->jobs[which] == NULL) return;
    pewter_error err;
    pewter_status status = PEWTER_OK;
    for (size_t i = 0; i < r->copies && status == PEWTER_OK; i++)
        status = from->prepare(&r->work.sample, r->on->threads, &r->jobs[which][i], &err);
    if (status == PEWTER_OK) {
        rival_run(r->jobs[which][0]);
        status = rival_check(r->jobs[which][0], &err);
    }
    if (status == PEWTER_OK) return;
    if (status != PEWTER_E_UNSUPPORTED)
        fprintf(stderr, "pewter-bench: %s is left out of %s: %s\n", from->name, r->what->name,
                err.message);
    drop_jobs(r, which);
}

/* The bandwidth of the cache that holds the set, shared by the threads. */
static double level_bandwidth(const measure_room *room, const measure_ready *r)
{
    static const char *const names[] = {"read_l1", "read_l2", "read_l3"};
    const double each = (double)r->work.set_bytes / r->on->threads;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const peak_limit *limit = peak_find(room->table, names[i], r->on->threads);
        const bool last = i + 1 == sizeof names / sizeof *names;
        if (limit != NULL && ((double)limit->bytes >= each || last)) return limit->median;
    }
    return 0.0;
}

static pewter_status make_ready(measure_room *room, measure_ready *r, pewter_error *err)
{
    PW_TRY(work_open(r->on, &r->what->shape, CACHES * room->cache_bytes, &r->work, err));
    PW_TRY(check_results(room, r, err));
    r->cached = r->work.set_bytes < CACHES * room->cache_bytes;
    r->level_bytes = r->cached ? level_bandwidth(room, r) : 0.0;
    r->reference = reference_rate(r);
    r->copies = r->work.copies;
    for (size_t i = 0; i < room->n_rivals; i++) prepare_rival(room, r, i);
    return PEWTER_OK;
}

pewter_status measure_prepare(const measure_subject *subject, pewter_error *err)
{
    measure_room *room = subject->room;
    if (room->subject == subject) return PEWTER_OK;
    measure_drop(room);
    measure_ready *r = calloc(1, sizeof *r);
    if (r == NULL) return pw_fail(err, PEWTER_E_MEMORY, "no memory for %s", subject->what->name);
    r->what = subject->what;
    r->on = subject->on;
    room->ready = r;
    const pewter_status status = make_ready(room, r, err);
    if (status != PEWTER_OK) {
        measure_drop(room);
        return status;
    }
    room->subject = subject;
    return PEWTER_OK;
}

void measure_drop(measure_room *room)
{
    measure_ready *r = room->ready;
    if (r == NULL) return;
    for (size_t i = 0; i < room->n_rivals; i++) drop_jobs(r, i);
    work_close(&r->work);
    free(r);
    room->ready = NULL;
    room->subject = NULL;
}

/* ---- Measuring ------------------------------------------------------------------------------- */

/* Operations/s and bytes/s that the machine gives now. A probe of memory would drive a set that is
 * in a cache out of it. */
static void probe(const measure_run *run, double limits[2])
{
    const measure_ready *r = run->ready;
    const measure_room *room = run->room;
    const peak_math math = cases_math(r->what->shape.row);
    limits[0] = peak_rate(room->peak, math, r->on->threads, rate_seconds);
    limits[1] = r->cached ? r->level_bytes : peak_read(room->peak, r->on->threads, read_seconds);
}

void measure_begin(const measure_subject *subject, measure_run *run)
{
    memset(run, 0, sizeof *run);
    run->room = subject->room;
    run->ready = subject->room->ready;
    probe(run, run->before);
}

/* A rival's turns for about as long as ours took. */
static void run_rival(measure_run *run, size_t which, double ours)
{
    measure_ready *r = run->ready;
    const int64_t begin = pw_now_ns();
    int64_t turns = 0;
    double seconds = 0.0;
    do {
        rival_run(r->jobs[which][(size_t)turns % r->copies]);
        turns++;
        seconds = (double)(pw_now_ns() - begin) * 1e-9;
    } while (seconds < slice_seconds);
    run->ratios[which][run->n_ratios[which]++] = seconds / (double)turns / ours;
}

static void end_slice(measure_run *run)
{
    const measure_ready *r = run->ready;
    if (run->slice_turns == 0 || run->slices == MEASURE_MOST_SLICES) return;
    double after[2];
    probe(run, after);
    const double rate = (run->before[0] + after[0]) / 2.0;
    const double bytes = (run->before[1] + after[1]) / 2.0;
    const double math_floor = rate > 0.0 ? r->work.operations / rate : 0.0;
    const double byte_floor = bytes > 0.0 ? r->work.bytes / bytes : 0.0;
    const double least = math_floor > byte_floor ? math_floor : byte_floor;
    const double ours = run->slice_seconds / (double)run->slice_turns;
    run->shares[run->slices++] = least / ours;
    run->rate_sum += rate;
    run->bytes_sum += bytes;

    memcpy(run->before, after, sizeof after);
    bool rivals = false;
    for (size_t i = 0; i < run->room->n_rivals; i++) {
        if (r->jobs[i] == NULL) continue;
        run_rival(run, i, ours);
        rivals = true;
    }
    if (rivals) {
        /* Ours comes back to caches that the rival had. */
        double seconds;
        if (r->cached && work_run(&run->ready->work, &seconds, NULL) != PEWTER_OK) return;
        probe(run, run->before);
    }
    run->slice_seconds = 0.0;
    run->slice_turns = 0;
}

pewter_status measure_turn(measure_run *run, double *seconds, pewter_error *err)
{
    if (run->slice_seconds >= slice_seconds) end_slice(run);
    PW_TRY(work_run(&run->ready->work, seconds, err));
    run->slice_seconds += *seconds;
    run->slice_turns++;
    run->total_seconds += *seconds;
    run->total_turns++;
    return PEWTER_OK;
}

void measure_end(measure_run *run, measure_result *out)
{
    measure_ready *r = run->ready;
    end_slice(run);
    const double slices = (double)(run->slices > 0 ? run->slices : 1);
    *out = (measure_result){
        .turns = run->total_turns,
        .seconds = run->total_seconds / (double)(run->total_turns > 0 ? run->total_turns : 1),
        .operations = r->work.operations,
        .bytes = r->work.bytes,
        .share = stats_of(run->shares, run->slices),
        .limit_rate = run->rate_sum / slices,
        .limit_bytes = run->bytes_sum / slices,
        .cached = r->cached,
    };
    /* What is far from both limits is held by neither: its share moves when memory changes its speed,
     * and nothing of its own did. */
    static const double near = 0.6, apart = 2.0;
    const double math = out->limit_rate > 0.0 ? out->operations / out->limit_rate : 0.0;
    const double memory = out->limit_bytes > 0.0 ? out->bytes / out->limit_bytes : 0.0;
    out->memory_bound = !r->cached && memory > math && out->share.median >= near;
    out->math_bound = math > apart * memory;
    if (r->reference > 0.0)
        out->reference =
            amount(&r->work.sample.call) / out->seconds / (r->reference * (double)r->on->threads);
    for (size_t i = 0; i < run->room->n_rivals; i++)
        out->ratio[i] = stats_of(run->ratios[i], run->n_ratios[i]);
}
