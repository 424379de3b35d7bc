#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench/base/peak.h"
#include "tests/support/fake_root.h"

static const int32_t cpus[] = {0, 0};

static bool count(void *context, const char *what, uint64_t done, uint64_t total)
{
    (void)what;
    (void)total;
    uint64_t *calls = context;
    (*calls)++;
    return done < *(calls + 1);
}

static void test_probes(void **state)
{
    (void)state;
    peak *p = NULL;
    pewter_error err;
    assert_int_equal(peak_open(cpus, 0, &p, &err), PEWTER_E_ARG);
    assert_int_equal(peak_open(cpus, 1, &p, &err), PEWTER_OK);
    assert_true(peak_rate(p, PEAK_F32, 1, 0.001) > 0.0);
    assert_true(peak_rate(p, PEAK_F32, 9, 0.001) > 0.0); /* no more than there are */
    assert_true(peak_read(p, 1, 0.001) > 0.0);
    peak_close(p);
    peak_close(NULL);
    /* Two threads, on one CPU where there is no other: what they share shows under TSan. */
    assert_int_equal(peak_open(cpus, 2, &p, &err), PEWTER_OK);
    assert_true(peak_rate(p, PEAK_F32, 2, 0.001) > 0.0);
    if (peak_rate(p, PEAK_INT8, 1, 0.001) > 0.0)
        assert_true(peak_rate(p, PEAK_INT8, 2, 0.001) > 0.0);
    const double int8 = peak_rate(p, PEAK_INT8, 1, 0.001);
    assert_true((peak_rate(p, PEAK_INT8_SHORT, 1, 0.001) > 0.0) == (int8 > 0.0));
    if (peak_rate(p, PEAK_BF16, 1, 0.001) > 0.0)
        assert_true(peak_rate(p, PEAK_BF16, 2, 0.001) > 0.0);
    assert_true(peak_read(p, 2, 0.001) > 0.0);
    peak_close(p);
}

static void test_table(void **state)
{
    (void)state;
    fake_root folder = fake_root_new();
    char path[128];
    fake_root_write(&folder, "limits.json", "");
    snprintf(path, sizeof path, "%s/limits.json", folder.path);
    peak *p = NULL;
    pewter_error err;
    static peak_table table, again;
    uint64_t calls[2] = {0, UINT64_MAX};
    assert_int_equal(peak_open(cpus, 1, &p, &err), PEWTER_OK);
    /* An empty file is a damaged one: measured, and kept. */
    assert_int_equal(peak_table_get(p, path, false, count, calls, &table, &err), PEWTER_OK);
    assert_true(calls[0] > 0 && table.n > 0);
    const peak_limit *limit = peak_find(&table, "f32", 1);
    assert_non_null(limit);
    assert_true(limit->least <= limit->median && limit->median <= limit->most);
    assert_null(peak_find(&table, "f32", 77));
    assert_non_null(peak_find(&table, "read_memory", 1));
    /* The kept one is read, and is the same. */
    calls[0] = 0;
    assert_int_equal(peak_table_get(p, path, false, count, calls, &again, &err), PEWTER_OK);
    assert_int_equal(calls[0], 0);
    assert_int_equal(again.n, table.n);
    assert_true(peak_find(&again, "f32", 1)->median == limit->median);
    /* That of another machine is not. */
    fake_root_write(&folder, "limits.json",
                    "{\"machine\":\"another\",\"date\":\"x\",\"limits\":[]}");
    calls[1] = 1; /* and the caller may stop it */
    assert_int_equal(peak_table_get(p, path, false, count, calls, &again, &err),
                     PEWTER_E_CANCELLED);
    assert_true(calls[0] > 0);
    /* Nor is one that holds no rate. */
    json_t *bad = peak_table_json(&table);
    json_object_set_new(json_array_get(json_object_get(bad, "limits"), 0), "median", json_real(0));
    assert_int_equal(json_dump_file(bad, path, 0), 0);
    json_decref(bad);
    calls[0] = 0;
    assert_int_equal(peak_table_get(p, path, false, count, calls, &again, &err),
                     PEWTER_E_CANCELLED);
    assert_true(calls[0] > 0);
    peak_close(p);
    fake_root_free(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probes),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
