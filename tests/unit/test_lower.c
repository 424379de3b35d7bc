#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "backends/cpu/cpu.h"
#include "kernels/features.h"
#include "runtime/engine/memory.h"
#include "tests/support/fast_rows.h"
#include "tests/support/mock_backend.h"
#include "tests/support/tiny_graph.h"

static fast_rows rows;

static int set_up(void **state)
{
    (void)state;
    mock_reset();
    const uint32_t all = PW_EPILOGUE_GLU | PW_EPILOGUE_BIAS | PW_EPILOGUE_ADD;
    fast_make(&rows, &(fast_options){all, true, 2});
    mock.catalogue = rows.all;
    return 0;
}

static pewter_status make(const tiny_shape *shape, const pw_backend *backend, uint64_t features,
                          const pw_plan_rules *rules, pw_plan **out, pewter_error *err)
{
    tiny_graph tiny;
    tiny_make(&tiny, shape, &pw_default_allocator);
    const pw_target target = {
        .backend = backend,
        .info = {.name = "it", .features = features, .memory = 1 << 30, .threads = 2}};
    const pewter_status status =
        pw_plan_make(&tiny.graph, &target, 1, rules, &pw_default_allocator, out, err);
    tiny_free(&tiny); /* what is looked at below does not point into the graph */
    return status;
}

static pw_plan *need(const tiny_shape *shape, const pw_backend *backend, uint64_t features,
                     const pw_plan_rules *rules)
{
    pw_plan *plan = NULL;
    pewter_error err;
    if (make(shape, backend, features, rules, &plan, &err) != PEWTER_OK)
        fail_msg("%s", err.message);
    return plan;
}

/* Every matmul has the row of that name, with that one for few rows and that one as second. */
static void check_matmuls(const pw_plan *plan, const char *name, const char *narrow,
                          const char *second)
{
    for (int32_t i = 0; i < plan->n_calls; i++) {
        const pw_plan_call *c = &plan->calls[i];
        if (c->call.op != PW_OP_MATMUL) continue;
        assert_string_equal(c->kernel->name, name);
        assert_string_equal(c->narrow != NULL ? c->narrow->name : "none", narrow);
        assert_string_equal(c->second != NULL ? c->second->name : "none", second);
    }
}

static void test_features(void **state)
{
    (void)state;
    const tiny_shape shape = tiny_defaults();
    const pw_plan_rules rules = {.kv = PW_BF16};
    pw_plan *plan = need(&shape, &mock_backend, FAST_FEATURE, &rules);
    check_matmuls(plan, "matmul_q8_0_fast", "matmul_q8_0_few_fast", "matmul_any_ref");
    pw_plan_free(plan);
    plan = need(&shape, &mock_backend, FAST_FEATURE - 1, &rules);
    check_matmuls(plan, "matmul_any_ref", "none", "none");
    pw_plan_free(plan);
    tiny_shape other = shape;
    other.weight = PW_F16;
    plan = need(&other, &mock_backend, FAST_FEATURE, &rules);
    check_matmuls(plan, "matmul_any_ref", "none", "none");
    pw_plan_free(plan);
}

static void test_exact(void **state)
{
    (void)state;
    const tiny_shape shape = tiny_defaults();
    const pw_plan_rules rules = {.kv = PW_F32, .exact = true};
    pw_plan *plan = need(&shape, &mock_backend, FAST_FEATURE, &rules);
    check_matmuls(plan, "matmul_any_ref", "none", "none");
    assert_true(plan->exact);
    for (int32_t i = 0; i < plan->n_calls; i++) {
        assert_false(plan->calls[i].kernel->quantises);
        assert_int_not_equal(plan->calls[i].call.op, PW_OP_CAST);
    }
    pw_plan_free(plan);
}

/* Keys and values are stored in the packing of the attention that reads them, in every layer. */
static void test_pools(void **state)
{
    (void)state;
    static const pw_dtype formats[] = {PW_F32, PW_F16, PW_BF16, PW_Q8_0};
    tiny_shape shape = tiny_defaults();
    shape.head_dim = 32;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        const pw_plan_rules rules = {.kv = formats[i]};
        pw_plan *plan = need(&shape, &mock_backend, 0, &rules);
        const pw_kv_packing *packing = plan->states[0].packing;
        assert_int_equal(packing->dtype, formats[i]);
        assert_int_equal(plan->n_states, shape.layers);
        for (int32_t c = 0; c < plan->n_calls; c++) {
            const pw_plan_call *call = &plan->calls[c];
            if (call->call.op != PW_OP_KV_STORE && call->call.op != PW_OP_ATTENTION) continue;
            assert_ptr_equal(call->kernel->kv, packing);
            assert_ptr_equal(call->call.params.kv, packing);
            const pw_place *pool = call->call.op == PW_OP_KV_STORE ? &call->dst : &call->src[1];
            assert_int_equal(pool->where, PW_IN_STATE);
            assert_int_equal(plan->states[pool->index].layer, call->layer);
        }
        pw_plan_free(plan);
    }
    /* Heads of 16 are no whole blocks. */
    shape.head_dim = 16;
    const pw_plan_rules rules = {.kv = PW_Q8_0};
    pw_plan *plan = NULL;
    pewter_error err;
    assert_int_equal(make(&shape, &mock_backend, 0, &rules, &plan, &err), PEWTER_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "layer 0, attention"));
    assert_non_null(strstr(err.message, "it"));
}

/* An op without a row is refused by its name. */
static void test_no_row(void **state)
{
    (void)state;
    static const struct {
        pw_op op;
        const char *says;
    } cases[] = {{PW_OP_EMBED, "token_embd"},
                 {PW_OP_NORM, "layer 0, attn_norm"},
                 {PW_OP_MATMUL, "Q8_0 [64, 64]"},
                 {PW_OP_ROPE, "rope_q"},
                 {PW_OP_KV_STORE, "kv_store"},
                 {PW_OP_GLU, "ffn_glu"},
                 {PW_OP_CAST, "cast"}};
    const tiny_shape shape = tiny_defaults();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fast_rows some = {.all = {some.rows, 0}};
        for (size_t r = 0; r < rows.all.count; r++)
            if (rows.rows[r].op != cases[i].op) some.rows[some.all.count++] = rows.rows[r];
        mock.catalogue = some.all;
        const pw_plan_rules rules = {.kv = PW_F32};
        pw_plan *plan = NULL;
        pewter_error err;
        assert_int_equal(make(&shape, &mock_backend, FAST_FEATURE, &rules, &plan, &err),
                         PEWTER_E_UNSUPPORTED);
        if (strstr(err.message, cases[i].says) == NULL)
            fail_msg("'%s' is not in '%s'", cases[i].says, err.message);
    }
}

/* Calls of a step depend on none of it; steps keep the order of the layers. */
static void test_steps(void **state)
{
    (void)state;
    const tiny_shape shape = tiny_defaults();
    const pw_plan_rules rules = {.kv = PW_F32};
    pw_plan *plan = need(&shape, &mock_backend, 0, &rules);
    int32_t together = 0;
    for (int32_t s = 0; s < plan->n_steps; s++) {
        assert_true(plan->step_calls[s] < plan->step_calls[s + 1]);
        for (int32_t i = plan->step_calls[s]; i < plan->step_calls[s + 1]; i++) {
            assert_int_equal(plan->calls[i].step, s);
            together += strcmp(plan->calls[i].name, "attn_k") == 0 &&
                        strcmp(plan->calls[i - 1].name, "attn_q") == 0 &&
                        plan->calls[i - 1].step == s;
        }
    }
    assert_int_equal(plan->step_calls[plan->n_steps], plan->n_calls);
    assert_int_equal(together, 2); /* query and key, in both layers */
    pw_plan_free(plan);
}

/* The rows of this processor's catalogue, by the features that it is said to have. */
static void test_cpu_rows(void **state)
{
    (void)state;
#if defined(__x86_64__)
    static const struct {
        const char *features, *matmul, *few, *norm; /* few: where no more rows than those come */
    } cases[] = {
        {"scalar", "matmul_any_ref", NULL, "norm_f32_ref"},
        {"avx2", "matmul_q8_0_avx2", "matmul_q8_0_few_avx2", "norm_f32_avx2"},
        {"avx2+fma+f16c+avxvnni", "matmul_q8_0_avxvnni", "matmul_q8_0_few_avxvnni",
         "norm_f32_avx2"},
        {"avx512", "matmul_q8_0_avx512vnni", "matmul_q8_0_few_avx512vnni", "norm_f32_avx512"},
    };
    const tiny_shape shape = tiny_defaults();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t features = 0;
        const char *bad;
        assert_true(pw_cpu_mask(cases[i].features, UINT64_MAX, &features, &bad));
        const pw_plan_rules rules = {.kv = PW_BF16};
        pw_plan *plan = need(&shape, &pw_cpu_backend, features, &rules);
        for (int32_t c = 0; c < plan->n_calls; c++) {
            const pw_plan_call *call = &plan->calls[c];
            assert_int_equal(call->kernel->needs & ~features, 0);
            if (call->call.op == PW_OP_NORM) assert_string_equal(call->kernel->name, cases[i].norm);
            if (call->call.op != PW_OP_MATMUL) continue;
            const bool few = call->kernel->max_n != 0;
            if (few) assert_true(call->call.src[1].n[1] <= call->kernel->max_n);
            assert_string_equal(call->kernel->name, few ? cases[i].few : cases[i].matmul);
        }
        pw_plan_free(plan);
    }
#else
    print_message("skipped: the names are those of x86-64\n");
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_features, set_up),
        cmocka_unit_test_setup(test_exact, set_up),
        cmocka_unit_test_setup(test_pools, set_up),
        cmocka_unit_test_setup(test_no_row, set_up),
        cmocka_unit_test_setup(test_steps, set_up),
        cmocka_unit_test_setup(test_cpu_rows, set_up),
    };
    return cmocka_run_group_tests_name("lower", tests, NULL, NULL);
}
