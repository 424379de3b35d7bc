/* Random graphs on random devices: no two values that are needed at the same time share bytes, and
 * the plan computes what the graph says. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pw/num.h"
#include "runtime/engine/memory.h"
#include "tests/support/fast_rows.h"
#include "tests/support/mock_backend.h"
#include "tests/support/tiny_graph.h"

/* ---- Random graphs ---------------------------------------------------------------------------- */

enum { LIVE = 12, MOST_OPS = 40, UNUSED = -2 };

/* Values that further ops may read, all [32, 1, n]: heads are 2 of 16. */
typedef struct garden {
    tiny_graph tiny;
    int32_t live[LIVE];
    int n;
} garden;

static int32_t op2(garden *g, pw_op op, int32_t a, int32_t b)
{
    const int32_t src[PW_MAX_SRC] = {a, b, -1, -1, -1};
    const pw_params params = {.eps = 1e-5f};
    const bool heads = op == PW_OP_ROPE;
    return pw_graph_op(&g->tiny.graph, op, "op", heads ? 16 : 32, heads ? 2 : 1, src, &params);
}

static int32_t pick(garden *g)
{
    return g->live[pw_rng_range(&g->tiny.rng, 0, g->n - 1)];
}

static void keep(garden *g, int32_t value)
{
    if (g->n < LIVE)
        g->live[g->n++] = value;
    else
        g->live[pw_rng_range(&g->tiny.rng, 0, LIVE - 1)] = value;
}

static int32_t matmul(garden *g, int32_t x)
{
    return op2(g, PW_OP_MATMUL, tiny_weight(&g->tiny, PW_Q8_0, 32, 32), x);
}

static int32_t heads_of(garden *g, int32_t x)
{
    const int32_t src[PW_MAX_SRC] = {tiny_weight(&g->tiny, PW_Q8_0, 32, 32), x, -1, -1, -1};
    return pw_graph_op(&g->tiny.graph, PW_OP_MATMUL, "heads", 16, 2, src, &(pw_params){0});
}

static int32_t attend(garden *g)
{
    const int32_t k = heads_of(g, pick(g)), v = heads_of(g, pick(g)), q = heads_of(g, pick(g));
    const pw_params params = {.scale = 0.25f, .heads = 2, .kv_heads = 2, .head_dim = 16};
    const int32_t pool = pw_graph_state(&g->tiny.graph);
    const int32_t store[PW_MAX_SRC] = {k, v, pool, -1, -1},
                  read[PW_MAX_SRC] = {q, pool, -1, -1, -1};
    pw_graph_op(&g->tiny.graph, PW_OP_KV_STORE, "store", 16, 2, store, &params);
    return pw_graph_op(&g->tiny.graph, PW_OP_ATTENTION, "attend", 16, 2, read, &params);
}

static int32_t random_op(garden *g, int32_t rope)
{
    switch (pw_rng_range(&g->tiny.rng, 0, 6)) {
    case 0: return op2(g, PW_OP_NORM, tiny_weight(&g->tiny, PW_F32, 32, 1), pick(g));
    case 1: return op2(g, PW_OP_ADD, op2(g, PW_OP_ROPE, heads_of(g, pick(g)), rope), pick(g));
    case 2: return op2(g, PW_OP_GLU, matmul(g, pick(g)), matmul(g, pick(g)));
    case 3: {
        const int32_t x = pick(g), gate = matmul(g, x);
        return op2(g, PW_OP_GLU, gate, matmul(g, x));
    }
    case 4: return op2(g, PW_OP_ADD, matmul(g, pick(g)), tiny_weight(&g->tiny, PW_F32, 32, 1));
    case 5: return op2(g, PW_OP_ADD, matmul(g, pick(g)), pick(g));
    default: return op2(g, PW_OP_ADD, pick(g), pick(g));
    }
}

static void grow(garden *g, uint64_t seed)
{
    pw_rng rng = {seed};
    tiny_shape shape = tiny_defaults();
    shape.seed = seed;
    shape.layers = (int32_t)pw_rng_range(&rng, 1, 4);
    shape.head_dim = 16;
    shape.vocab = 50;
    shape.width = pw_rng_range(&rng, 2, 9);
    shape.outputs = pw_rng_range(&rng, 1, shape.width);
    *g = (garden){0};
    tiny_begin(&g->tiny, &shape, &pw_default_allocator);
    pw_graph *graph = &g->tiny.graph;
    const int32_t tokens = pw_graph_input(graph, PW_INPUT_TOKENS, 1);
    const int32_t rows = pw_graph_input(graph, PW_INPUT_ROWS, 1);
    const int32_t rope = pw_graph_input(graph, PW_INPUT_ROPE, 16);
    keep(g, op2(g, PW_OP_EMBED, tiny_weight(&g->tiny, PW_Q8_0, 32, 50), tokens));
    for (graph->layer = 0; graph->layer < graph->layers; graph->layer++) {
        const int64_t ops = pw_rng_range(&rng, 1, MOST_OPS / graph->layers);
        for (int64_t i = 0; i < ops; i++) keep(g, random_op(g, rope));
        if (pw_rng_range(&rng, 0, 1)) keep(g, matmul(g, attend(g)));
    }
    graph->logits = matmul(g, op2(g, PW_OP_EMBED, pick(g), rows));
    pewter_error err;
    if (pw_graph_check(graph, &err) != PEWTER_OK) fail_msg("%s", err.message);
}

/* ---- Who owns which bytes --------------------------------------------------------------------- */

enum { GRAIN = 64 }; /* offsets are multiples of it */

/* For every 64 bytes of each device: the call that wrote them last. */
typedef struct owners {
    int32_t *of[MOCK_DEVICES];
} owners;

static size_t bytes_of(const pw_tensor *t)
{
    size_t bytes = 0;
    if (!pw_tensor_bytes(t->dtype, t->n[0], t->n[1], t->n[2], &bytes)) fail_msg("no size");
    return pw_align_up(bytes, GRAIN);
}

static void own(owners *o, const pw_plan *plan, int32_t device, size_t offset, size_t bytes,
                int32_t call)
{
    assert_int_equal(offset % GRAIN, 0);
    assert_true(offset + bytes <= plan->devices[device].activation_bytes);
    for (size_t i = offset / GRAIN; i < (offset + bytes) / GRAIN; i++) o->of[device][i] = call;
}

/* One call wrote all of it, and it was there before this step. */
static void expect_one_owner(const owners *o, int32_t device, size_t offset, size_t bytes)
{
    const int32_t first = o->of[device][offset / GRAIN];
    assert_int_not_equal(first, UNUSED);
    for (size_t i = offset / GRAIN; i < (offset + bytes) / GRAIN; i++)
        assert_int_equal(o->of[device][i], first);
}

static bool overlap(const pw_place *a, size_t a_bytes, const pw_place *b, size_t b_bytes)
{
    return a->where == PW_IN_ACTIVATIONS && b->where == PW_IN_ACTIVATIONS &&
           a->offset < b->offset + b_bytes && b->offset < a->offset + a_bytes;
}

/* Whether a result may lie on that operand: all of it, and the op allows it. */
static bool in_place(const pw_plan_call *c, int s)
{
    const bool takes =
        (c->call.op == PW_OP_ROPE && s == 0) || (c->call.op == PW_OP_MATMUL && s == 4);
    return takes && c->dst.offset == c->src[s].offset;
}

static void check_step(const pw_plan *plan, owners *o, int32_t step)
{
    const int32_t begin = plan->step_calls[step], end = plan->step_calls[step + 1];
    for (int32_t i = begin; i < end; i++) {
        const pw_plan_call *c = &plan->calls[i];
        for (int s = 0; s < PW_MAX_SRC; s++) {
            if (c->src[s].where != PW_IN_ACTIVATIONS) continue;
            const size_t bytes = bytes_of(&c->call.src[s]);
            expect_one_owner(o, c->device, c->src[s].offset, bytes);
            for (int32_t k = begin; k < end; k++) {
                const pw_plan_call *w = &plan->calls[k];
                if (w->dst.where != PW_IN_ACTIVATIONS || (k == i && in_place(c, s))) continue;
                assert_false(overlap(&c->src[s], bytes, &w->dst, bytes_of(&w->call.dst)));
            }
        }
    }
    for (int32_t i = begin; i < end; i++) {
        const pw_plan_call *c = &plan->calls[i];
        if (c->dst.where != PW_IN_ACTIVATIONS) continue;
        for (int32_t k = begin; k < i; k++)
            assert_false(overlap(&c->dst, bytes_of(&c->call.dst), &plan->calls[k].dst,
                                 bytes_of(&plan->calls[k].call.dst)));
        own(o, plan, c->device, c->dst.offset, bytes_of(&c->call.dst), i);
    }
}

static void check_owners(const pw_plan *plan)
{
    owners o;
    for (int32_t d = 0; d < plan->n_devices; d++) {
        const size_t grains = plan->devices[d].activation_bytes / GRAIN;
        o.of[d] = malloc((grains + 1) * sizeof *o.of[d]);
        assert_non_null(o.of[d]);
        for (size_t i = 0; i < grains; i++) o.of[d][i] = UNUSED;
        const size_t bytes[PW_INPUT_COUNT] = {[PW_INPUT_TOKENS] = (size_t)plan->width * 4,
                                              [PW_INPUT_ROPE] =
                                                  (size_t)plan->width * plan->rope_row_bytes,
                                              [PW_INPUT_ROWS] = (size_t)plan->outputs * 4};
        for (int i = 0; i < PW_INPUT_COUNT; i++)
            if (plan->devices[d].input_offset[i] != SIZE_MAX)
                own(&o, plan, d, plan->devices[d].input_offset[i], pw_align_up(bytes[i], GRAIN),
                    -10 - i);
    }
    for (int32_t s = 0; s < plan->n_segments; s++) {
        const pw_segment *segment = &plan->segments[s];
        for (int32_t c = segment->first_copy; c < segment->first_copy + segment->n_copies; c++) {
            const pw_plan_copy *copy = &plan->copies[c];
            const int64_t rows = copy->rows == PW_ROWS_OUTPUTS ? plan->outputs : plan->width;
            const size_t bytes = pw_align_up(copy->row_bytes * (size_t)rows, GRAIN);
            assert_int_equal(copy->to, segment->device);
            expect_one_owner(&o, copy->from, copy->from_offset, bytes);
            own(&o, plan, copy->to, copy->to_offset, bytes, -100 - c);
        }
        for (int32_t i = 0; i < segment->n_steps; i++)
            check_step(plan, &o, segment->first_step + i);
    }
    expect_one_owner(&o, plan->logits_device, plan->logits_offset,
                     pw_align_up((size_t)(plan->vocab * plan->outputs) * 4, GRAIN));
    for (int32_t d = 0; d < plan->n_devices; d++) free(o.of[d]);
}

/* ---- Running --------------------------------------------------------------------------------- */

static double run_against_truth(const garden *g, const pw_plan *plan, pw_device *const *devices,
                                int64_t tokens)
{
    pewter_error err;
    pw_resident *resident = NULL;
    pw_run *run = NULL;
    tiny_step step;
    const float *logits = NULL;
    tiny_fill(&step, &g->tiny.shape, tokens, 0, g->tiny.shape.seed);
    if (pw_resident_new(plan, devices, NULL, NULL, &pw_default_allocator, &resident, &err) !=
            PEWTER_OK ||
        pw_run_new(plan, resident, &pw_default_allocator, &run, &err) != PEWTER_OK ||
        pw_run_step(run, &step.input, &logits, &err) != PEWTER_OK)
        fail_msg("%s", err.message);
    float *truth = tiny_truth(&g->tiny.graph, &step);
    double worst = 0.0, most = 1e-6;
    for (int64_t i = 0; i < step.input.n_rows * plan->vocab; i++) {
        worst = fmax(worst, fabs((double)logits[i] - (double)truth[i]));
        most = fmax(most, fabs((double)truth[i]));
    }
    free(truth);
    pw_run_free(run);
    pw_resident_free(resident);
    return worst / most;
}

static void check_seed(uint64_t seed, bool fast)
{
    garden g;
    grow(&g, seed);
    pw_rng rng = {seed * 31 + 7};
    mock_reset();
    mock.n_devices = (size_t)pw_rng_range(&rng, 1, 4);
    for (size_t i = 0; i < mock.n_devices; i++) mock.memory[i] = 1 << 30;
    mock.features = fast ? FAST_FEATURE : 0;
    static fast_rows rows;
    const uint32_t epilogues = (uint32_t)pw_rng_range(&rng, 0, 7);
    fast_make(&rows, &(fast_options){epilogues, pw_rng_range(&rng, 0, 1) == 1, 2});
    if (fast) mock.catalogue = rows.all;

    const pw_site site = {.name = "site"};
    pw_device_info info[MOCK_DEVICES];
    pw_device *devices[MOCK_DEVICES];
    pw_target targets[MOCK_DEVICES];
    size_t n;
    pewter_error err;
    assert_int_equal(mock_backend.probe(&site, 1, info, MOCK_DEVICES, &n, &err), PEWTER_OK);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(
            mock_backend.open(&info[i], &site, &pw_default_allocator, &devices[i], &err),
            PEWTER_OK);
        targets[i] = (pw_target){.backend = &mock_backend, .info = info[i]};
    }
    const pw_plan_rules rules = {.kv = PW_F32, .spread = true};
    pw_plan *plan = NULL;
    if (pw_plan_make(&g.tiny.graph, targets, n, &rules, &pw_default_allocator, &plan, &err) !=
        PEWTER_OK)
        fail_msg("seed %llu: %s", (unsigned long long)seed, err.message);
    check_owners(plan);
    if (!fast) {
        const int64_t tokens = pw_rng_range(&rng, 1, plan->width);
        const double error = run_against_truth(&g, plan, devices, tokens);
        if (!(error < 1e-4)) fail_msg("seed %llu: off by %g", (unsigned long long)seed, error);
    }
    pw_plan_free(plan);
    for (size_t i = 0; i < n; i++) mock_backend.close(devices[i]);
    assert_int_equal(mock.misuses, 0);
    assert_int_equal(mock.buffers + mock.programs + mock.devices, 0);
    tiny_free(&g.tiny);
}

static void test_random_graphs(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 150; seed++) check_seed(seed, false);
}

/* The same where rows want their input in another format, so that casts have a place too. */
static void test_random_graphs_with_casts(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) check_seed(seed, true);
}

/* A residual sum is made where its summand lay, a rotation where its source did. */
static void test_in_place(void **state)
{
    (void)state;
    mock_reset();
    tiny_graph tiny;
    const tiny_shape shape = tiny_defaults();
    tiny_make(&tiny, &shape, &pw_default_allocator);
    const pw_target target = {.backend = &mock_backend, .info = {.memory = 1 << 30, .threads = 1}};
    const pw_plan_rules rules = {.kv = PW_F32};
    pw_plan *plan = NULL;
    pewter_error err;
    assert_int_equal(
        pw_plan_make(&tiny.graph, &target, 1, &rules, &pw_default_allocator, &plan, &err),
        PEWTER_OK);
    int sums = 0, turns = 0;
    for (int32_t i = 0; i < plan->n_calls; i++) {
        const pw_plan_call *c = &plan->calls[i];
        if ((c->call.params.epilogues & PW_EPILOGUE_ADD) != 0) {
            assert_int_equal(c->dst.offset, c->src[4].offset);
            sums++;
        }
        if (c->call.op == PW_OP_ROPE) {
            assert_int_equal(c->dst.offset, c->src[0].offset);
            turns++;
        }
    }
    assert_int_equal(sums, 4);
    assert_int_equal(turns, 4);
    pw_plan_free(plan);
    tiny_free(&tiny);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_graphs),
        cmocka_unit_test(test_random_graphs_with_casts),
        cmocka_unit_test(test_in_place),
    };
    return cmocka_run_group_tests_name("reuse", tests, NULL, NULL);
}
