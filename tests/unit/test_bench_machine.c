/* Load, energy and the card from trees that stand in for proc and sys. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/base/card.h"
#include "bench/base/load.h"
#include "bench/base/rapl.h"
#include "tests/support/fake_root.h"

static fake_root tree;
static const char *const root = tree.path;

static void put(const char *name, const char *text)
{
    fake_root_write(&tree, name, text);
}

static int make(void **state)
{
    (void)state;
    tree = fake_root_new();
    return 0;
}

static int drop(void **state)
{
    (void)state;
    fake_root_free(&tree);
    return 0;
}

static void test_load(void **state)
{
    (void)state;
    assert_false(load_now("/nonexistent", NULL, 0).known);
    put("proc/stat", "cpu  1000 0 0 1000 0 0 0 0 0 0\ncpu0 1 2 3\n");
    load_mark from = load_now(root, NULL, 0);
    assert_true(from.known);
    put("proc/stat", "cpu  1400 0 0 1500 0 0 0 100 0 0\ncpu0 1 2 3\n");
    load_mark to = load_now(root, NULL, 0);
    to.own = from.own + 2.0; /* of 10 s in all, 4 busy, 1 stolen */
    load_share share = load_between(&from, &to);
    assert_true(fabs(share.others - 0.2) < 1e-9 && fabs(share.stolen - 0.1) < 1e-9);
    share = load_between(&to, &from); /* back in time */
    assert_true(share.others < 0.0);
    put("proc/7/stat", "7 (a ) b) S 1 1 1 0 -1 0 0 0 0 0 30 20 6 4 20 0 1 0 1 1 1\n");
    const int32_t pid = 7;
    const load_mark with = load_now(root, &pid, 1), without = load_now(root, NULL, 0);
    const double tick = 1.0 / (double)sysconf(_SC_CLK_TCK);
    assert_true(fabs(with.own - without.own - 60.0 * tick) < 0.02);
}

static void test_energy(void **state)
{
    (void)state;
    rapl_mark from, to;
    pewter_error err;
    assert_int_equal(rapl_now(root, &from, &err), PEWTER_E_UNSUPPORTED);
    put("sys/class/powercap/intel-rapl:0/energy_uj", "9000000\n");
    put("sys/class/powercap/intel-rapl:0/max_energy_range_uj", "10000000\n");
    put("sys/class/powercap/intel-rapl:1/energy_uj", "5000000\n");
    assert_int_equal(rapl_now(root, &from, &err), PEWTER_OK);
    put("sys/class/powercap/intel-rapl:0/energy_uj", "1000000\n"); /* went round */
    put("sys/class/powercap/intel-rapl:1/energy_uj", "5500000\n");
    assert_int_equal(rapl_now(root, &to, &err), PEWTER_OK);
    assert_true(fabs(rapl_joules(&from, &to) - 2.5) < 1e-9);
    put("sys/class/powercap/intel-rapl:1/energy_uj", "none\n");
    assert_int_equal(rapl_now(root, &to, &err), PEWTER_E_IO);
    assert_non_null(strstr(err.message, "intel-rapl:1"));
}

static void test_card(void **state)
{
    (void)state;
    put("proc/cpuinfo", "vendor_id\t: Own\nmicrocode\t: 0x42\nflags\t\t: fpu hypervisor avx\n");
    put("proc/meminfo", "MemTotal:       2048 kB\n");
    put("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n");
    json_t *card = card_json(root);
    assert_non_null(card);
    assert_string_equal(json_string_value(json_object_get(card, "microcode")), "0x42");
    assert_int_equal(json_integer_value(json_object_get(card, "memory_bytes")), 2097152);
    assert_true(json_is_true(json_object_get(card, "hypervisor")));
    assert_string_equal(json_string_value(json_object_get(card, "governor")), "performance");
    assert_null(json_object_get(card, "boost")); /* what cannot be read is not there */
    assert_non_null(json_object_get(card, "commit"));
    json_decref(card);
    char class[64];
    card_class(class, sizeof class);
    assert_true(strlen(class) > 4 && strchr(class, '/') == NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_energy),
        cmocka_unit_test(test_card),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
