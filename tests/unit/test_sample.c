#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/ref/rows.h"
#include "kernels/sample.h"

/* Counts what is held and refuses the call that `left` counts down to. */
typedef struct counter {
    size_t held, calls, left;
} counter;

static void *counted_alloc(void *context, size_t bytes, size_t align, pewter_memory kind)
{
    (void)kind;
    counter *c = context;
    if (c->left != 0 && --c->left == 0) return NULL;
    void *data = NULL;
    if (posix_memalign(&data, align, bytes) != 0) return NULL;
    c->held += bytes;
    c->calls++;
    return data;
}

static void counted_free(void *context, void *ptr, size_t bytes, pewter_memory kind)
{
    (void)kind;
    ((counter *)context)->held -= bytes;
    free(ptr);
}

static void each_row_gets_arguments(void **state)
{
    (void)state;
    enum { ROUNDS = 20 };
    counter c = {0};
    const pewter_allocator alloc = {&c, counted_alloc, counted_free};
    const pw_catalogue all = pw_ref_catalogue();
    for (size_t i = 0; i < all.count; i++) {
        const pw_kernel *row = &all.rows[i];
        for (uint64_t seed = 0; seed < ROUNDS; seed++) {
            pw_rng rng = {seed};
            pw_sample_shape shape;
            pw_sample s;
            assert_true(pw_sample_random(row, &all, 0, &rng, &shape));
            assert_int_equal(pw_sample_make(&shape, &alloc, &rng, &s, NULL), PEWTER_OK);
            assert_ptr_equal(shape.row, row);
            assert_int_equal(s.call.op, row->op);
            assert_non_null(s.dst);
            assert_true(s.dst_bytes > 0);
            if (row->op == PW_OP_MATMUL) assert_int_equal(shape.k, s.call.src[0].n[0]);
            if (row->op == PW_OP_ATTENTION) assert_int_equal(shape.heads % shape.kv_heads, 0);
            pw_sample_free(&s);
            assert_int_equal(c.held, 0);
        }
    }
}

static void same_seed_same_bytes(void **state)
{
    (void)state;
    counter c = {0};
    const pewter_allocator alloc = {&c, counted_alloc, counted_free};
    const pw_catalogue all = pw_ref_catalogue();
    const pw_kernel *row = pw_kernel_named(&all, "matmul_any_ref");
    pw_sample s[2];
    for (int i = 0; i < 2; i++) {
        pw_rng rng = {7};
        pw_sample_shape shape;
        assert_true(pw_sample_random(row, &all, 0, &rng, &shape));
        assert_int_equal(pw_sample_make(&shape, &alloc, &rng, &s[i], NULL), PEWTER_OK);
    }
    assert_int_equal(s[0].n_blocks, s[1].n_blocks);
    for (size_t i = 0; i < s[0].n_blocks; i++) {
        if (s[0].blocks[i].data == s[0].plain.src[0].data ||
            s[0].blocks[i].data == s[0].plain.src[1].data)
            assert_memory_equal(s[0].blocks[i].data, s[1].blocks[i].data, s[0].blocks[i].bytes);
    }
    pw_sample_free(&s[0]);
    pw_sample_free(&s[1]);
}

static void every_refused_allocation_is_a_status(void **state)
{
    (void)state;
    const pw_catalogue all = pw_ref_catalogue();
    for (size_t i = 0; i < all.count; i++) {
        pw_rng rng = {11};
        pw_sample_shape shape;
        assert_true(pw_sample_random(&all.rows[i], &all, 0, &rng, &shape));
        for (size_t fail = 1;; fail++) {
            counter c = {.left = fail};
            const pewter_allocator alloc = {&c, counted_alloc, counted_free};
            pw_sample s;
            pewter_error error = {0};
            const pewter_status status = pw_sample_make(&shape, &alloc, &rng, &s, &error);
            if (status == PEWTER_OK) {
                assert_true(fail > 2);
                pw_sample_free(&s);
                assert_int_equal(c.held, 0);
                break;
            }
            assert_int_equal(status, PEWTER_E_MEMORY);
            assert_non_null(strstr(error.message, all.rows[i].name));
            assert_int_equal(c.held, 0);
        }
    }
}

static void mark_covers_what_is_written(void **state)
{
    (void)state;
    counter c = {0};
    const pewter_allocator alloc = {&c, counted_alloc, counted_free};
    const pw_catalogue all = pw_ref_catalogue();
    const pw_kernel *row = pw_kernel_named(&all, "glu_f32_ref");
    const pw_sample_shape shape = {.row = row,
                                   .weight = PW_DTYPE_COUNT,
                                   .result = PW_F32,
                                   .k = 10,
                                   .m = 1,
                                   .n = 3,
                                   .heads = 1,
                                   .strided = true};
    pw_rng rng = {3};
    pw_sample s;
    assert_int_equal(pw_sample_make(&shape, &alloc, &rng, &s, NULL), PEWTER_OK);
    uint8_t *map = malloc(s.dst_bytes);
    assert_non_null(map);
    pw_sample_mark(&s, map);
    size_t marked = 0;
    for (size_t i = 0; i < s.dst_bytes; i++) marked += map[i];
    assert_int_equal(marked, 3 * 10 * sizeof(float));
    assert_true(s.call.dst.stride[1] > 40);
    assert_int_equal(map[39], 1);
    assert_int_equal(map[40], 0);
    assert_int_equal(map[s.call.dst.stride[1]], 1);
    free(map);
    pw_sample_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_gets_arguments),
        cmocka_unit_test(same_seed_same_bytes),
        cmocka_unit_test(every_refused_allocation_is_a_status),
        cmocka_unit_test(mark_covers_what_is_written),
    };
    return cmocka_run_group_tests_name("sample", tests, NULL, NULL);
}
