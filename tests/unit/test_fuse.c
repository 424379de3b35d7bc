#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/engine/memory.h"
#include "tests/support/fast_rows.h"
#include "tests/support/mock_backend.h"
#include "tests/support/tiny_graph.h"

enum { ALL_EPILOGUES = PW_EPILOGUE_GLU | PW_EPILOGUE_BIAS | PW_EPILOGUE_ADD };

static fast_rows rows;

/* The plan of a graph on mock devices; `features` 0: by reference rows. */
static pw_plan *plan_on(const pw_graph *graph, size_t devices, uint64_t features)
{
    pw_target targets[MOCK_DEVICES];
    for (size_t i = 0; i < devices; i++) {
        targets[i] = (pw_target){.backend = &mock_backend,
                                 .info = {.features = features, .memory = 1 << 30, .threads = 2}};
        snprintf(targets[i].info.name, sizeof targets[i].info.name, "mock%zu", i);
    }
    const pw_plan_rules rules = {.kv = PW_F32, .spread = devices > 1};
    pw_plan *plan = NULL;
    pewter_error err;
    if (pw_plan_make(graph, targets, devices, &rules, &pw_default_allocator, &plan, &err) !=
        PEWTER_OK)
        fail_msg("%s", err.message);
    return plan;
}

/* The first call of that name in a layer; of no op and no kernel where there is none. */
static pw_plan_call named(const pw_plan *plan, const char *name, int32_t layer)
{
    for (int32_t i = 0; i < plan->n_calls; i++)
        if (strcmp(plan->calls[i].name, name) == 0 && plan->calls[i].layer == layer)
            return plan->calls[i];
    return (pw_plan_call){.call.op = PW_OP_COUNT, .name = "none"};
}

static int count_op(const pw_plan *plan, pw_op op)
{
    int count = 0;
    for (int32_t i = 0; i < plan->n_calls; i++) count += plan->calls[i].call.op == op;
    return count;
}

static int set_up(void **state)
{
    (void)state;
    mock_reset();
    fast_make(&rows, &(fast_options){ALL_EPILOGUES, true, 2});
    return 0;
}

/* Gate and up become one call, biases and residual sums go into the matmul before them. */
static void test_epilogues(void **state)
{
    (void)state;
    tiny_shape shape = tiny_defaults();
    shape.bias = true;
    tiny_graph tiny;
    tiny_make(&tiny, &shape, &pw_default_allocator);
    pw_plan *plan = plan_on(&tiny.graph, 1, 0);
    assert_int_equal(count_op(plan, PW_OP_ADD), 0);
    assert_int_equal(count_op(plan, PW_OP_GLU), 0);
    assert_int_equal(count_op(plan, PW_OP_CAST), 0);
    assert_int_equal(count_op(plan, PW_OP_MATMUL), 2 * 6 + 1);
    for (int32_t layer = 0; layer < 2; layer++) {
        const pw_plan_call q = named(plan, "attn_q", layer);
        assert_int_equal(q.call.params.epilogues, PW_EPILOGUE_BIAS);
        assert_int_equal(q.src[3].where, PW_IN_WEIGHTS);
        const pw_plan_call o = named(plan, "attn_output", layer);
        assert_int_equal(o.call.params.epilogues, PW_EPILOGUE_ADD);
        assert_int_equal(o.src[4].where, PW_IN_ACTIVATIONS);
        const pw_plan_call g = named(plan, "ffn_gate_up", layer);
        assert_int_equal(g.call.params.epilogues, PW_EPILOGUE_GLU);
        assert_int_equal(g.call.src[2].n[1], shape.ffn);
        assert_int_equal(named(plan, "ffn_up", layer).call.op, PW_OP_COUNT);
    }
    pw_plan_free(plan);
    tiny_free(&tiny);
}

/* What the picked row cannot do on the way out stays an op of its own. */
static void test_epilogues_that_the_row_lacks(void **state)
{
    (void)state;
    static const uint32_t sets[] = {0, PW_EPILOGUE_ADD, PW_EPILOGUE_GLU, PW_EPILOGUE_BIAS};
    tiny_shape shape = tiny_defaults();
    shape.bias = true;
    tiny_graph tiny;
    tiny_make(&tiny, &shape, &pw_default_allocator);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        fast_make(&rows, &(fast_options){sets[i], true, 2});
        mock.catalogue = rows.all;
        pw_plan *plan = plan_on(&tiny.graph, 1, FAST_FEATURE);
        assert_int_equal(count_op(plan, PW_OP_GLU), sets[i] == PW_EPILOGUE_GLU ? 0 : 2);
        const int adds = (sets[i] & PW_EPILOGUE_BIAS ? 0 : 6) + (sets[i] & PW_EPILOGUE_ADD ? 0 : 4);
        assert_int_equal(count_op(plan, PW_OP_ADD), adds);
        for (int32_t c = 0; c < plan->n_calls; c++)
            if (plan->calls[c].call.op == PW_OP_MATMUL)
                assert_string_equal(plan->calls[c].kernel->name, "matmul_q8_0_fast");
        pw_plan_free(plan);
    }
    tiny_free(&tiny);
}

static int32_t op2(tiny_graph *t, pw_op op, const char *name, int32_t a, int32_t b)
{
    const int32_t src[PW_MAX_SRC] = {a, b, -1, -1, -1};
    return pw_graph_op(&t->graph, op, name, 64, 1, src, &(pw_params){.eps = 1e-5f});
}

/* An embedding, and a [64, 64] matrix of it: a product to do something with. */
static int32_t product(tiny_graph *t, int32_t *x)
{
    const tiny_shape shape = tiny_defaults();
    tiny_begin(t, &shape, &pw_default_allocator);
    const int32_t tokens = pw_graph_input(&t->graph, PW_INPUT_TOKENS, 1);
    *x = op2(t, PW_OP_EMBED, "embed", tiny_weight(t, PW_Q8_0, 64, 80), tokens);
    return op2(t, PW_OP_MATMUL, "first", tiny_weight(t, PW_Q8_0, 64, 64), *x);
}

static pw_plan *finish(tiny_graph *t, int32_t logits)
{
    t->graph.logits = logits;
    pewter_error err;
    assert_int_equal(pw_graph_check(&t->graph, &err), PEWTER_OK);
    return plan_on(&t->graph, 1, 0);
}

/* A value that something else reads, or the host, must be made: nothing is fused over it. */
static void test_values_that_are_wanted(void **state)
{
    (void)state;
    tiny_graph t;
    int32_t x;
    int32_t y = product(&t, &x);
    const int32_t sum = op2(&t, PW_OP_ADD, "sum", y, x);
    pw_plan *plan = finish(&t, op2(&t, PW_OP_ADD, "again", sum, y));
    assert_int_equal(count_op(plan, PW_OP_ADD), 2);
    pw_plan_free(plan);
    tiny_free(&t);

    y = product(&t, &x);
    op2(&t, PW_OP_ADD, "sum", y, x);
    plan = finish(&t, y);
    assert_int_equal(count_op(plan, PW_OP_ADD), 1);
    assert_int_equal(named(plan, "first", -1).dst.offset, plan->logits_offset);
    pw_plan_free(plan);
    tiny_free(&t);

    /* Twice the same is no sum of another value. */
    y = product(&t, &x);
    plan = finish(&t, op2(&t, PW_OP_ADD, "twice", y, y));
    assert_int_equal(count_op(plan, PW_OP_ADD), 1);
    pw_plan_free(plan);
    tiny_free(&t);
}

/* Products of different inputs are no gate and up; a sum with either operand first is one. */
static void test_odd_pairs(void **state)
{
    (void)state;
    tiny_graph t;
    int32_t x;
    int32_t y = product(&t, &x);
    const int32_t other = op2(&t, PW_OP_NORM, "norm", tiny_weight(&t, PW_F32, 64, 1), x);
    const int32_t z = op2(&t, PW_OP_MATMUL, "second", tiny_weight(&t, PW_Q8_0, 64, 64), other);
    pw_plan *plan = finish(&t, op2(&t, PW_OP_GLU, "glu", y, z));
    assert_int_equal(count_op(plan, PW_OP_GLU), 1);
    pw_plan_free(plan);
    tiny_free(&t);

    y = product(&t, &x);
    plan = finish(&t, op2(&t, PW_OP_ADD, "sum", x, y));
    assert_int_equal(count_op(plan, PW_OP_ADD), 0);
    assert_int_equal(named(plan, "first", -1).call.params.epilogues, PW_EPILOGUE_ADD);
    pw_plan_free(plan);
    tiny_free(&t);

    /* Of two weight formats no panels can be made together. */
    y = product(&t, &x);
    const int32_t f = op2(&t, PW_OP_MATMUL, "second", tiny_weight(&t, PW_F16, 64, 64), x);
    plan = finish(&t, op2(&t, PW_OP_GLU, "glu", y, f));
    assert_int_equal(count_op(plan, PW_OP_GLU), 1);
    pw_plan_free(plan);
    tiny_free(&t);
}

/* ---- Activation formats ----------------------------------------------------------------------- */

/* A norm that can writes what its readers want; one cast serves all of them where it cannot, or
 * where a worse row would have to. */
static void test_casts(void **state)
{
    (void)state;
    const tiny_shape shape = tiny_defaults();
    tiny_graph tiny;
    tiny_make(&tiny, &shape, &pw_default_allocator);
    for (int which = 0; which < 2; which++) {
        fast_make(&rows, &(fast_options){ALL_EPILOGUES, which == 0, 2});
        mock.catalogue = rows.all;
        pw_plan *plan = plan_on(&tiny.graph, 1, FAST_FEATURE);
        const pw_plan_call norm = named(plan, "attn_norm", 0), q = named(plan, "attn_q", 0);
        assert_string_equal(norm.kernel->name, "norm_f32_fast");
        assert_int_equal(norm.call.dst.dtype, which == 0 ? PW_Q8X : PW_F32);
        assert_int_equal(q.call.src[1].dtype, PW_Q8X);
        assert_int_equal(q.src[1].offset, named(plan, "attn_k", 0).src[1].offset);
        assert_int_equal(q.src[1].offset, named(plan, "attn_v", 0).src[1].offset);
        /* Attention and the products of gate and up are left to cast, a layer; and norms if need be:
         * two a layer and one behind. */
        assert_int_equal(count_op(plan, PW_OP_CAST), which == 0 ? 4 : 4 + 5);
        pw_plan_free(plan);
    }
    tiny_free(&tiny);
}

/* A value that two kinds of readers want stays f32, with a cast for those who need one. */
static void test_shared_value(void **state)
{
    (void)state;
    mock.catalogue = rows.all;
    const tiny_shape shape = tiny_defaults();
    tiny_graph t;
    tiny_begin(&t, &shape, &pw_default_allocator);
    const int32_t tokens = pw_graph_input(&t.graph, PW_INPUT_TOKENS, 1);
    const int32_t x = op2(&t, PW_OP_EMBED, "embed", tiny_weight(&t, PW_Q8_0, 64, 80), tokens);
    const int32_t y = op2(&t, PW_OP_NORM, "norm", tiny_weight(&t, PW_F32, 64, 1), x);
    const int32_t q = op2(&t, PW_OP_MATMUL, "fast", tiny_weight(&t, PW_Q8_0, 64, 64), y);
    const int32_t f = op2(&t, PW_OP_MATMUL, "plain", tiny_weight(&t, PW_F16, 64, 64), y);
    t.graph.logits = op2(&t, PW_OP_GLU, "glu", q, f);
    pw_plan *plan = plan_on(&t.graph, 1, FAST_FEATURE);
    assert_int_equal(count_op(plan, PW_OP_CAST), 1);
    assert_int_equal(named(plan, "norm", -1).call.dst.dtype, PW_F32);
    assert_int_equal(named(plan, "fast", -1).call.src[1].dtype, PW_Q8X);
    assert_int_equal(named(plan, "plain", -1).call.src[1].dtype, PW_F32);
    const pw_plan_call cast = named(plan, "cast", -1);
    assert_true(cast.step > named(plan, "norm", -1).step);
    assert_true(cast.step < named(plan, "fast", -1).step);
    pw_plan_free(plan);
    tiny_free(&t);
}

/* What travels between devices is f32: each casts for itself. */
static void test_casts_stay_at_home(void **state)
{
    (void)state;
    mock.catalogue = rows.all;
    tiny_shape shape = tiny_defaults();
    shape.layers = 4;
    tiny_graph tiny;
    tiny_make(&tiny, &shape, &pw_default_allocator);
    pw_plan *plan = plan_on(&tiny.graph, 4, FAST_FEATURE);
    assert_int_equal(plan->n_segments, 4);
    assert_int_equal(plan->n_copies, 3);
    for (int32_t i = 0; i < plan->n_copies; i++)
        assert_int_equal(plan->copies[i].row_bytes, shape.embedding * 4);
    pw_plan_free(plan);
    tiny_free(&tiny);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_epilogues, set_up),
        cmocka_unit_test_setup(test_epilogues_that_the_row_lacks, set_up),
        cmocka_unit_test_setup(test_values_that_are_wanted, set_up),
        cmocka_unit_test_setup(test_odd_pairs, set_up),
        cmocka_unit_test_setup(test_casts, set_up),
        cmocka_unit_test_setup(test_shared_value, set_up),
        cmocka_unit_test_setup(test_casts_stay_at_home, set_up),
    };
    return cmocka_run_group_tests_name("fuse", tests, NULL, NULL);
}
