#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/features.h"
#include "kernels/kernel.h"

static size_t no_panel(int64_t k)
{
    return (size_t)k;
}

static void no_pack(const pw_pack *args)
{
    (void)args;
}

static bool wide_only(const pw_call *shape)
{
    return shape->src[0].n[1] >= 100;
}

static bool even(int64_t head_dim)
{
    return head_dim % 2 == 0;
}

static size_t any_page(int64_t head_dim, int64_t kv_heads)
{
    return (size_t)(head_dim * kv_heads * 512);
}

static const pw_packing brick = {"brick", no_panel, no_pack};
static const pw_kv_packing lanes = {"lanes", PW_BF16, any_page, even};

static const pw_kernel rows[] = {
    {.name = "best",
     .op = PW_OP_MATMUL,
     .weight = PW_Q4_0,
     .act = PW_Q8X,
     .rank = 9,
     .needs = PW_CPU_AVX512,
     .order = "int8",
     .quantises = true,
     .epilogues = PW_EPILOGUE_GLU,
     .packing = &brick},
    {.name = "narrow",
     .op = PW_OP_MATMUL,
     .weight = PW_Q4_0,
     .act = PW_Q8X,
     .rank = 10,
     .needs = PW_CPU_AVX512,
     .order = "int8",
     .quantises = true,
     .epilogues = PW_EPILOGUE_GLU,
     .packing = &brick,
     .max_n = 3},
    {.name = "unlike",
     .op = PW_OP_MATMUL,
     .weight = PW_Q4_0,
     .act = PW_Q8X,
     .rank = 11,
     .order = "other",
     .quantises = true,
     .packing = &brick,
     .max_n = 3},
    {.name = "shy",
     .op = PW_OP_MATMUL,
     .weight = PW_F16,
     .act = PW_F32,
     .rank = 5,
     .order = "f32",
     .fits = wide_only},
    {.name = "any",
     .op = PW_OP_MATMUL,
     .weight = PW_DTYPE_COUNT,
     .act = PW_F32,
     .order = "ref",
     .epilogues = PW_EPILOGUE_GLU | PW_EPILOGUE_ADD},
    {.name = "norm", .op = PW_OP_NORM, .results = 1u << PW_Q8X, .order = "n"},
    {.name = "cast", .op = PW_OP_CAST, .results = 1u << PW_Q8X, .order = "c"},
    {.name = "attend_lanes", .op = PW_OP_ATTENTION, .rank = 3, .kv = &lanes},
    {.name = "attend_plain", .op = PW_OP_ATTENTION, .kv = &pw_kv_plain_bf16},
    {.name = "store_plain", .op = PW_OP_KV_STORE, .rank = 7, .kv = &pw_kv_plain_bf16},
    {.name = "store_lanes", .op = PW_OP_KV_STORE, .kv = &lanes},
};

static const pw_catalogue catalogue = {rows, sizeof rows / sizeof *rows};

static pw_call matmul(pw_dtype weight, int64_t k, int64_t m, int64_t n)
{
    return (pw_call){
        .op = PW_OP_MATMUL,
        .dst = {.n = {m, n, 1}, .dtype = PW_F32},
        .src = {{.n = {k, m, 1}, .dtype = weight}, {.n = {k, n, 1}, .dtype = PW_F32}},
    };
}

static const char *picked(const pw_call *shape, const pw_pick_rules *rules)
{
    const pw_kernel *row = pw_pick(&catalogue, shape, rules);
    return row != NULL ? row->name : "none";
}

static void test_pick_matmul(void **state)
{
    (void)state;
    const pw_pick_rules all = {.features = PW_CPU_AVX512}, bare = {0};
    const pw_pick_rules exact = {.features = PW_CPU_AVX512, .exact = true};
    pw_call call = matmul(PW_Q4_0, 256, 64, 512);
    assert_string_equal(picked(&call, &all), "best");
    assert_string_equal(picked(&call, &bare), "any");
    assert_string_equal(picked(&call, &exact), "any");

    /* A row is taken only if it can do all that follows the product. */
    call.params.epilogues = PW_EPILOGUE_GLU;
    assert_string_equal(picked(&call, &all), "best");
    call.params.epilogues = PW_EPILOGUE_GLU | PW_EPILOGUE_ADD;
    assert_string_equal(picked(&call, &all), "any");
    call.params.epilogues = PW_EPILOGUE_BIAS;
    assert_string_equal(picked(&call, &all), "none");

    call = matmul(PW_F16, 256, 64, 512);
    assert_string_equal(picked(&call, &all), "any");
    call = matmul(PW_F16, 256, 128, 512);
    assert_string_equal(picked(&call, &all), "shy");

    /* Eight-bit activations want whole blocks of 32. */
    call = matmul(PW_Q4_0, 250, 64, 512);
    assert_string_equal(picked(&call, &all), "any");
    /* A narrow row may be the widest where the batch is no wider. */
    call = matmul(PW_Q4_0, 256, 64, 2);
    const pw_pick_rules none = {0};
    assert_string_equal(picked(&call, &none), "unlike");
}

static void test_pick_narrow(void **state)
{
    (void)state;
    const pw_pick_rules all = {.features = PW_CPU_AVX512}, bare = {0};
    const pw_call call = matmul(PW_Q4_0, 256, 64, 512);
    const pw_kernel *best = pw_kernel_named(&catalogue, "best");
    assert_non_null(best);
    const pw_kernel *narrow = pw_pick_narrow(&catalogue, best, &call, &all);
    assert_non_null(narrow);
    assert_string_equal(narrow->name, "narrow");
    assert_null(pw_pick_narrow(&catalogue, best, &call, &bare));
    assert_null(pw_pick_narrow(&catalogue, pw_kernel_named(&catalogue, "any"), &call, &all));
    assert_null(pw_kernel_named(&catalogue, "bes"));
}

static void test_pick_results(void **state)
{
    (void)state;
    const pw_pick_rules rules = {0};
    pw_call call = {.op = PW_OP_NORM, .dst = {.n = {64, 3, 1}, .dtype = PW_F32}};
    assert_string_equal(picked(&call, &rules), "norm");
    call.dst.dtype = PW_Q8X;
    assert_string_equal(picked(&call, &rules), "norm");
    call.dst.n[0] = 65;
    assert_string_equal(picked(&call, &rules), "none");
    call.dst.dtype = PW_B16X;
    assert_string_equal(picked(&call, &rules), "none");

    call = (pw_call){.op = PW_OP_CAST, .dst = {.n = {64, 3, 1}, .dtype = PW_Q8X}};
    assert_string_equal(picked(&call, &rules), "cast");
    call.dst.dtype = PW_F32;
    assert_string_equal(picked(&call, &rules), "none");
}

static void test_pick_pool(void **state)
{
    (void)state;
    pw_pick_rules rules = {.kv_dtype = PW_BF16};
    pw_call call = {.op = PW_OP_ATTENTION, .dst = {.n = {8, 4, 2}}, .params = {.head_dim = 8}};
    assert_string_equal(picked(&call, &rules), "attend_lanes");
    call.params.head_dim = 9;
    assert_string_equal(picked(&call, &rules), "attend_plain");
    rules.kv_dtype = PW_F32;
    assert_string_equal(picked(&call, &rules), "none");

    call.op = PW_OP_KV_STORE;
    call.dst.dtype = PW_KV_POOL;
    call.params.head_dim = 8;
    assert_string_equal(picked(&call, &rules), "store_plain");
    rules.kv = &lanes;
    assert_string_equal(picked(&call, &rules), "store_lanes");
}

static void test_extent(void **state)
{
    (void)state;
    pw_call call = matmul(PW_Q4_0, 256, 64, 5);
    assert_int_equal(pw_op_extent(&call), 64);
    call = (pw_call){
        .op = PW_OP_NORM, .src = {{.n = {64, 1, 1}}, {.n = {64, 3, 7}}}, .dst = {.n = {64, 3, 7}}};
    assert_int_equal(pw_op_extent(&call), 21);
    call = (pw_call){.op = PW_OP_EMBED,
                     .src = {{.n = {64, 1000, 1}}, {.n = {7, 1, 1}}},
                     .dst = {.n = {64, 7, 1}}};
    assert_int_equal(pw_op_extent(&call), 7);
    call = (pw_call){.op = PW_OP_KV_STORE, .src = {{.n = {64, 3, 9}}, {.n = {64, 3, 9}}}};
    assert_int_equal(pw_op_extent(&call), 9);
    call = (pw_call){.op = PW_OP_ROPE, .src = {{.n = {64, 3, 9}}, {.n = {64, 9, 1}}}};
    assert_int_equal(pw_op_extent(&call), 27);
    for (int op = 0; op < PW_OP_COUNT; op++) assert_true(strlen(pw_op_name((pw_op)op)) > 2);
}

static void test_cost(void **state)
{
    (void)state;
    pw_call call = matmul(PW_Q4_0, 256, 64, 5);
    assert_true(pw_op_flops(&call) == 2.0 * 256 * 64 * 5);
    assert_true(pw_op_bytes(&call) == 256.0 * 64 / 32 * 18 + 4.0 * 256 * 5 + 4.0 * 64 * 5);
    call.params.epilogues = PW_EPILOGUE_GLU;
    call.src[2] = call.src[0];
    assert_true(pw_op_flops(&call) == 4.0 * 256 * 64 * 5);

    call =
        (pw_call){.op = PW_OP_EMBED,
                  .src = {{.n = {64, 1000, 1}, .dtype = PW_F32}, {.n = {7, 1, 1}, .dtype = PW_I32}},
                  .dst = {.n = {64, 7, 1}, .dtype = PW_F32}};
    assert_true(pw_op_bytes(&call) == 2.0 * 4 * 64 * 7 + 4 * 7);

    /* Three rows from position 10, a window of 12: 11, 12 and 12 keys, 13 of them different. */
    const pw_sequence sequence = {.count = 3, .pos = 10};
    const pw_batch batch = {&sequence, 1};
    call = (pw_call){
        .op = PW_OP_ATTENTION,
        .src = {{.n = {8, 4, 3}, .dtype = PW_F32}},
        .dst = {.n = {8, 4, 3}, .dtype = PW_F32},
        .params = {.heads = 4, .kv_heads = 2, .head_dim = 8, .window = 12, .kv = &pw_kv_plain_bf16},
        .batch = &batch};
    assert_true(pw_op_flops(&call) == 4.0 * 35 * 32);
    assert_true(pw_op_bytes(&call) == 2.0 * 4 * 8 * 4 * 3 + 13.0 * 2 * 2 * 8 * 2);
    call.batch = NULL;
    call.params.window = 0;
    assert_true(pw_op_flops(&call) == 4.0 * 6 * 32);
}

static void test_plain_pages(void **state)
{
    (void)state;
    assert_int_equal(pw_kv_plain_f32.page_bytes(80, 3), 2 * 64 * 3 * 80 * 4);
    assert_int_equal(pw_kv_plain_bf16.page_bytes(80, 3), 2 * 64 * 3 * 80 * 2);
    assert_int_equal(pw_kv_plain_q8_0.page_bytes(64, 3), 2 * 64 * 3 * 2 * 34);
    assert_true(pw_kv_plain_f16.fits(81) && pw_kv_plain_q8_0.fits(64));
    assert_false(pw_kv_plain_q8_0.fits(80));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pick_matmul),  cmocka_unit_test(test_pick_narrow),
        cmocka_unit_test(test_pick_results), cmocka_unit_test(test_pick_pool),
        cmocka_unit_test(test_extent),       cmocka_unit_test(test_cost),
        cmocka_unit_test(test_plain_pages),
    };
    return cmocka_run_group_tests_name("op", tests, NULL, NULL);
}
