/* Residents and the walk of a plan, on mock devices and on cores, and what comes of devices that
 * fail. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backends/cpu/cpu.h"
#include "kernels/features.h"
#include "pw/clock.h"
#include "pw/status.h"
#include "runtime/engine/memory.h"
#include "tests/support/limit_alloc.h"
#include "tests/support/mock_backend.h"
#include "tests/support/tiny_graph.h"

/* A model on its devices, ready to run. */
typedef struct rig {
    tiny_graph tiny;
    const pw_backend *backend;
    const pewter_allocator *alloc;
    pw_site sites[MOCK_DEVICES];
    pw_device *devices[MOCK_DEVICES];
    size_t n;
    pw_plan *plan;
    pw_resident *resident;
    pw_run *run;
    pewter_error err;
} rig;

static const int32_t cpus[] = {0, 0};

static pewter_status rig_open(rig *r, const tiny_shape *shape, const pw_backend *backend,
                              size_t n_sites, uint64_t features, const pw_plan_rules *rules,
                              const pewter_allocator *alloc)
{
    *r = (rig){.backend = backend, .alloc = alloc};
    pw_device_info info[MOCK_DEVICES];
    pw_target targets[MOCK_DEVICES];
    tiny_make(&r->tiny, shape, alloc);
    PW_TRY(pw_graph_check(&r->tiny.graph, &r->err));
    for (size_t i = 0; i < n_sites; i++)
        r->sites[i] = (pw_site){.name = "site",
                                .cpus = cpus,
                                .n_cpus = 2,
                                .memory = 1 << 30,
                                .cpu_features = features,
                                .driver = i == 0};
    size_t found = 0;
    PW_TRY(backend->probe(r->sites, n_sites, info, MOCK_DEVICES, &found, &r->err));
    for (; r->n < found; r->n++) {
        targets[r->n] = (pw_target){.backend = backend, .info = info[r->n]};
        PW_TRY(backend->open(&info[r->n], &r->sites[info[r->n].site], alloc, &r->devices[r->n],
                             &r->err));
    }
    PW_TRY(pw_plan_make(&r->tiny.graph, targets, r->n, rules, alloc, &r->plan, &r->err));
    PW_TRY(pw_resident_new(r->plan, r->devices, NULL, NULL, alloc, &r->resident, &r->err));
    return pw_run_new(r->plan, r->resident, alloc, &r->run, &r->err);
}

static void rig_close(rig *r)
{
    pw_run_free(r->run);
    pw_resident_free(r->resident);
    pw_plan_free(r->plan);
    for (size_t i = 0; i < r->n; i++) r->backend->close(r->devices[i]);
    tiny_free(&r->tiny);
}

static void rig_need(rig *r, const tiny_shape *shape, const pw_backend *backend, size_t n_sites,
                     uint64_t features, pw_dtype kv)
{
    const pw_plan_rules rules = {.kv = kv, .spread = true};
    if (rig_open(r, shape, backend, n_sites, features, &rules, &pw_default_allocator) != PEWTER_OK)
        fail_msg("%s", r->err.message);
}

static void mock_with(size_t devices)
{
    mock_reset();
    mock.n_devices = devices;
    for (size_t i = 0; i < devices; i++) mock.memory[i] = 1 << 30;
}

static const float *need_step(rig *r, tiny_step *step)
{
    const float *logits = NULL;
    if (pw_run_step(r->run, &step->input, &logits, &r->err) != PEWTER_OK)
        fail_msg("%s", r->err.message);
    return logits;
}

static double distance(const float *a, const float *b, int64_t n)
{
    double worst = 0.0, most = 1e-6;
    for (int64_t i = 0; i < n; i++) {
        const double apart = fabs((double)a[i] - (double)b[i]), size = fabs((double)b[i]);
        if (apart > worst) worst = apart;
        if (size > most) most = size;
    }
    return worst / most;
}

/* ---- Numbers --------------------------------------------------------------------------------- */

/* Any number of devices gives the same bits, and those are what the graph says. */
static void test_devices_agree(void **state)
{
    (void)state;
    tiny_shape shape = tiny_defaults();
    shape.layers = 5;
    shape.bias = shape.head_norms = true;
    static tiny_step step;
    tiny_fill(&step, &shape, 11, 0, 3);
    float first[4 * 80];
    for (size_t devices = 1; devices <= 5; devices++) {
        mock_with(devices);
        rig r;
        rig_need(&r, &shape, &mock_backend, 1, 0, PW_F32);
        const float *logits = need_step(&r, &step);
        if (devices == 1) {
            float *truth = tiny_truth(&r.tiny.graph, &step);
            assert_true(distance(logits, truth, 4 * 80) < 1e-5);
            free(truth);
            memcpy(first, logits, sizeof first);
        }
        assert_memory_equal(logits, first, sizeof first);
        assert_int_equal(mock.misuses, 0);
        rig_close(&r);
        assert_int_equal(mock.buffers + mock.programs + mock.devices, 0);
    }
    /* The cores too, by the same rows, alone and split. */
    for (size_t sites = 1; sites <= 3; sites++) {
        rig r;
        rig_need(&r, &shape, &pw_cpu_backend, sites, 0, PW_F32);
        assert_memory_equal(need_step(&r, &step), first, sizeof first);
        rig_close(&r);
    }
    rig r;
    rig_need(&r, &shape, &pw_cpu_backend, 2, pw_cpu_detect(), PW_BF16);
    assert_true(distance(need_step(&r, &step), first, 4 * 80) < 0.1);
    rig_close(&r);
}

/* A prompt cut anywhere gives the same last logits as one in a single step. */
static void test_steps_in_parts(void **state)
{
    (void)state;
    const tiny_shape shape = tiny_defaults();
    static tiny_step whole, part;
    tiny_fill(&whole, &shape, 16, 0, 8);
    for (size_t devices = 1; devices <= 2; devices++) {
        mock_with(devices);
        rig r;
        rig_need(&r, &shape, &mock_backend, 1, 0, PW_F32);
        float last[80];
        memcpy(last, need_step(&r, &whole) + 3 * 80, sizeof last);
        for (int64_t cut = 1; cut < 16; cut++) {
            const float *logits = NULL;
            for (int64_t at = 0; at < 16; at = at == 0 ? cut : 16) {
                const int64_t n = at == 0 ? cut : 16 - cut;
                tiny_fill(&part, &shape, n, at, 8);
                memcpy(part.tokens, whole.tokens + at, (size_t)n * sizeof *part.tokens);
                logits = need_step(&r, &part);
            }
            assert_memory_equal(logits + (part.input.n_rows - 1) * 80, last, sizeof last);
        }
        rig_close(&r);
    }
}

/* Pages are cleared and copied in every layer, on every device. */
static void test_pages(void **state)
{
    (void)state;
    tiny_shape shape = tiny_defaults();
    shape.layers = 4;
    mock_with(2);
    rig r;
    rig_need(&r, &shape, &mock_backend, 1, 0, PW_F32);
    static tiny_step step, next;
    tiny_fill(&step, &shape, 6, 0, 5);
    tiny_fill(&next, &shape, 1, 6, 6);
    need_step(&r, &step);
    float kept[80];
    memcpy(kept, need_step(&r, &next), sizeof kept);

    /* The sequence goes on in a copy of its first page, whatever comes of the first. */
    const int32_t from = next.pages[0], to = next.pages[1];
    assert_int_equal(pw_run_copy_page(r.run, from, to, &r.err), PEWTER_OK);
    assert_int_equal(pw_run_clear_page(r.run, from, &r.err), PEWTER_OK);
    next.pages[0] = to;
    assert_memory_equal(need_step(&r, &next), kept, sizeof kept);
    next.pages[0] = from;
    assert_true(distance(need_step(&r, &next), kept, 80) > 1e-4);
    assert_int_equal(mock.misuses, 0);
    rig_close(&r);
}

/* Between the first step and the last nothing is allocated. */
static void test_steady(void **state)
{
    (void)state;
    const tiny_shape shape = tiny_defaults();
    for (int cores = 0; cores < 2; cores++) {
        mock_with(2);
        limit_alloc counts;
        const pewter_allocator alloc = limit_allocator(&counts, SIZE_MAX, UINT64_MAX);
        const pw_plan_rules rules = {.kv = PW_F32, .spread = true};
        rig r;
        assert_int_equal(
            rig_open(&r, &shape, cores ? &pw_cpu_backend : &mock_backend, 2, 0, &rules, &alloc),
            PEWTER_OK);
        const uint64_t before = counts.calls;
        static tiny_step step;
        for (int64_t i = 0; i < 20; i++) {
            tiny_fill(&step, &shape, i % 16 + 1, i, 1);
            need_step(&r, &step);
        }
        assert_int_equal(counts.calls, before);
        assert_true(pw_run_weight_bytes(r.run) > 0);
        rig_close(&r);
        assert_int_equal(counts.live, 0);
    }
}

static void test_arguments(void **state)
{
    (void)state;
    const tiny_shape shape = tiny_defaults();
    mock_with(1);
    rig r;
    rig_need(&r, &shape, &mock_backend, 1, 0, PW_F32);
    static tiny_step step;
    const float *logits = NULL;
    tiny_fill(&step, &shape, 4, 0, 1);
    step.input.n_tokens = 0;
    assert_int_equal(pw_run_step(r.run, &step.input, &logits, &r.err), PEWTER_E_ARG);
    step.input.n_tokens = 17;
    assert_int_equal(pw_run_step(r.run, &step.input, &logits, &r.err), PEWTER_E_ARG);
    assert_non_null(strstr(r.err.message, "1 to 16 tokens"));
    step.input.n_tokens = 4;
    step.input.n_rows = 5;
    assert_int_equal(pw_run_step(r.run, &step.input, &logits, &r.err), PEWTER_E_ARG);
    step.input.n_rows = -1;
    assert_int_equal(pw_run_step(r.run, &step.input, &logits, &r.err), PEWTER_E_ARG);
    step.input.n_rows = 0;
    assert_int_equal(pw_run_step(r.run, &step.input, &logits, &r.err), PEWTER_OK);
    rig_close(&r);
}

/* ---- Devices that fail ------------------------------------------------------------------------ */

/* Every call of every function fails in turn while a model is loaded and run: always a status with
 * a reason, and nothing is left behind. */
static void test_every_call_fails(void **state)
{
    (void)state;
    const tiny_shape shape = tiny_defaults();
    const pw_plan_rules rules = {.kv = PW_F32, .spread = true};
    static tiny_step step;
    tiny_fill(&step, &shape, 5, 0, 2);
    static const pewter_status wanted[] = {[MOCK_FAILS] = PEWTER_E_DEVICE,
                                           [MOCK_TIMES_OUT] = PEWTER_E_TIMEOUT,
                                           [MOCK_IS_LOST] = PEWTER_E_DEVICE};
    for (int fault = MOCK_FAILS; fault <= MOCK_IS_LOST; fault++) {
        bool through = false;
        for (uint64_t at = 0; !through; at++) {
            assert_true(at < 1000);
            mock_with(2);
            mock_break(MOCK_CALLS, at, (mock_fault)fault);
            rig r;
            const float *logits;
            pewter_status status =
                rig_open(&r, &shape, &mock_backend, 1, 0, &rules, &pw_default_allocator);
            if (status == PEWTER_OK) status = pw_run_step(r.run, &step.input, &logits, &r.err);
            if (status == PEWTER_OK) status = pw_run_copy_page(r.run, 0, 1, &r.err);
            if (status == PEWTER_OK) status = pw_run_clear_page(r.run, 0, &r.err);
            through = status == PEWTER_OK;
            if (!through) {
                assert_true(status == wanted[fault] ||
                            (fault == MOCK_FAILS && status == PEWTER_E_MEMORY));
                assert_true(r.err.message[0] != 0);
            }
            rig_close(&r);
            assert_int_equal(mock.misuses, 0);
            assert_int_equal(mock.buffers + mock.programs + mock.devices, 0);
        }
    }
}

/* After a step that failed or timed out the next one is computed as if nothing had been. */
static void test_goes_on(void **state)
{
    (void)state;
    const tiny_shape shape = tiny_defaults();
    mock_with(2);
    rig r;
    rig_need(&r, &shape, &mock_backend, 1, 0, PW_F32);
    static tiny_step step;
    tiny_fill(&step, &shape, 7, 0, 4);
    float first[4 * 80];
    memcpy(first, need_step(&r, &step), sizeof first);
    for (int fault = MOCK_FAILS; fault <= MOCK_TIMES_OUT; fault++) {
        for (uint64_t at = 0; at < 30; at++) {
            mock_break(MOCK_CALLS, at, (mock_fault)fault);
            const float *logits = NULL;
            const pewter_status status = pw_run_step(r.run, &step.input, &logits, &r.err);
            mock_break(MOCK_CALLS, UINT64_MAX, MOCK_FAILS);
            if (status != PEWTER_OK) assert_null(logits);
            assert_memory_equal(need_step(&r, &step), first, sizeof first);
        }
    }
    /* A lost device stays lost, and says so. */
    mock_break(MOCK_SUBMIT, 1, MOCK_IS_LOST);
    const float *logits;
    assert_int_equal(pw_run_step(r.run, &step.input, &logits, &r.err), PEWTER_E_DEVICE);
    assert_non_null(strstr(r.err.message, "mock1 is lost"));
    mock_break(MOCK_CALLS, UINT64_MAX, MOCK_FAILS);
    assert_int_equal(pw_run_step(r.run, &step.input, &logits, &r.err), PEWTER_E_DEVICE);
    pw_device_state now;
    mock_backend.query(r.devices[1], &now);
    assert_true(now.lost);
    mock_backend.query(r.devices[0], &now);
    assert_false(now.lost);
    rig_close(&r);
    assert_int_equal(mock.misuses, 0);
}

static void test_cancel_and_deadline(void **state)
{
    (void)state;
    const tiny_shape shape = tiny_defaults();
    for (int cores = 0; cores < 2; cores++) {
        mock_with(2);
        rig r;
        rig_need(&r, &shape, cores ? &pw_cpu_backend : &mock_backend, 2, 0, PW_F32);
        static tiny_step step;
        tiny_fill(&step, &shape, 7, 0, 4);
        float first[4 * 80];
        memcpy(first, need_step(&r, &step), sizeof first);
        atomic_int stop = 1;
        step.input.stop = &stop;
        const float *logits;
        assert_int_equal(pw_run_step(r.run, &step.input, &logits, &r.err), PEWTER_E_CANCELLED);
        atomic_store(&stop, 0);
        step.input.deadline_ns = 1;
        assert_int_equal(pw_run_step(r.run, &step.input, &logits, &r.err), PEWTER_E_TIMEOUT);
        step.input.deadline_ns = pw_now_ns() + 60 * 1000000000ll;
        assert_memory_equal(need_step(&r, &step), first, sizeof first);
        rig_close(&r);
    }
}

/* Every allocation of the host's refused in turn. */
static void test_no_memory(void **state)
{
    (void)state;
    const tiny_shape shape = tiny_defaults();
    const pw_plan_rules rules = {.kv = PW_F32, .spread = true};
    for (int cores = 0; cores < 2; cores++) {
        pewter_status status = PEWTER_E_MEMORY;
        for (uint64_t from = 0; status != PEWTER_OK; from++) {
            assert_true(from < 500);
            mock_with(2);
            limit_alloc counts;
            const pewter_allocator alloc = limit_allocator(&counts, SIZE_MAX, from);
            rig r;
            status =
                rig_open(&r, &shape, cores ? &pw_cpu_backend : &mock_backend, 2, 0, &rules, &alloc);
            assert_true(status == PEWTER_OK ||
                        (status == PEWTER_E_MEMORY && r.err.message[0] != 0));
            rig_close(&r);
            assert_int_equal(counts.live, 0);
            assert_int_equal(mock.buffers + mock.programs + mock.devices, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_devices_agree), cmocka_unit_test(test_steps_in_parts),
        cmocka_unit_test(test_pages),         cmocka_unit_test(test_steady),
        cmocka_unit_test(test_arguments),     cmocka_unit_test(test_every_call_fails),
        cmocka_unit_test(test_goes_on),       cmocka_unit_test(test_cancel_and_deadline),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}
