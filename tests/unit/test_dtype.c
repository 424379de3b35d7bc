#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels/act.h"
#include "kernels/tensor.h"

static void names_and_numbers_lead_back(void **state)
{
    (void)state;
    int in_files = 0;
    for (int d = 0; d < PW_DTYPE_COUNT; d++) {
        const pw_dtype_info *info = pw_dtype_get((pw_dtype)d);
        assert_non_null(info->name);
        assert_true(info->block > 0);
        assert_int_equal(pw_dtype_from_name(info->name), d);
        if (info->ggml_type < 0) continue;
        in_files++;
        assert_true(info->block_bytes > 0);
        assert_int_equal(pw_dtype_from_ggml((uint32_t)info->ggml_type), d);
    }
    assert_int_equal(in_files, 25);
    assert_int_equal(pw_dtype_from_name("q4_k"), PW_Q4_K);
}

static void unknown_is_the_count(void **state)
{
    (void)state;
    assert_int_equal(pw_dtype_from_name("Q9_9"), PW_DTYPE_COUNT);
    assert_int_equal(pw_dtype_from_name(""), PW_DTYPE_COUNT);
    assert_int_equal(pw_dtype_from_ggml(4), PW_DTYPE_COUNT);
    assert_int_equal(pw_dtype_from_ggml(1000), PW_DTYPE_COUNT);
    /* -1 marks formats that no file has. */
    assert_int_equal(pw_dtype_from_ggml(UINT32_MAX), PW_DTYPE_COUNT);
}

static void rows_are_whole_blocks(void **state)
{
    (void)state;
    size_t bytes = 1;
    assert_true(pw_dtype_row_bytes(PW_Q4_0, 64, &bytes));
    assert_int_equal(bytes, 36);
    assert_true(pw_dtype_row_bytes(PW_Q6_K, 512, &bytes));
    assert_int_equal(bytes, 420);
    assert_true(pw_dtype_row_bytes(PW_F32, 0, &bytes));
    assert_int_equal(bytes, 0);
    bytes = 7;
    assert_false(pw_dtype_row_bytes(PW_Q4_0, 33, &bytes));
    assert_false(pw_dtype_row_bytes(PW_F32, -1, &bytes));
    assert_false(pw_dtype_row_bytes(PW_F32, INT64_MAX, &bytes));
    assert_int_equal(bytes, 7);
}

static void dense_tensors(void **state)
{
    (void)state;
    pw_tensor t = pw_tensor_of(PW_Q8_0, 64, 3, 2, NULL);
    assert_int_equal(t.stride[0], 34);
    assert_int_equal(t.stride[1], 68);
    assert_int_equal(t.stride[2], 204);
    assert_int_equal(pw_rows(&t), 6);
    assert_int_equal(pw_elements(&t), 384);
    char data[408];
    t.data = data;
    assert_ptr_equal(pw_row(&t, 4), data + 204 + 68);
    assert_int_equal(pw_tensor_of(PW_Q8X, 64, 3, 1, NULL).stride[1], 0);
}

static void bytes_of_tensors(void **state)
{
    (void)state;
    size_t bytes = 5;
    assert_true(pw_tensor_bytes(PW_F16, 7, 3, 2, &bytes));
    assert_int_equal(bytes, 84);
    assert_true(pw_tensor_bytes(PW_Q8X, 288, 3, 2, &bytes));
    assert_int_equal(bytes, pw_act_bytes(PW_Q8X, 288, 6));
    assert_true(pw_tensor_bytes(PW_B16X, 3, 5, 1, &bytes));
    assert_int_equal(bytes, 64);
    bytes = 5;
    assert_false(pw_tensor_bytes(PW_Q8X, 33, 1, 1, &bytes));
    assert_false(pw_tensor_bytes(PW_F32, INT64_MAX / 4, 8, 1, &bytes));
    assert_false(pw_tensor_bytes(PW_F32, 1, INT64_MAX, 4, &bytes));
    assert_false(pw_tensor_bytes(PW_Q8X, (int64_t)1 << 60, (int64_t)1 << 10, 1, &bytes));
    assert_false(pw_tensor_bytes(PW_F32, -1, 1, 1, &bytes));
    assert_int_equal(bytes, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_numbers_lead_back),
        cmocka_unit_test(unknown_is_the_count),
        cmocka_unit_test(rows_are_whole_blocks),
        cmocka_unit_test(dense_tensors),
        cmocka_unit_test(bytes_of_tensors),
    };
    return cmocka_run_group_tests_name("dtype", tests, NULL, NULL);
}
