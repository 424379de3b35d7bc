#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <hwloc.h>

#include "kernels/features.h"
#include "runtime/engine/memory.h"
#include "runtime/text/json.h"
#include "scheduler/machine.h"
#include "tests/support/fake_root.h"
#include "tests/support/limit_alloc.h"

static pw_machine *need(const pw_machine_options *options)
{
    pw_machine *machine = NULL;
    pewter_error err;
    if (pw_machine_open(options, &pw_default_allocator, &machine, &err) != PEWTER_OK)
        fail_msg("%s", err.message);
    return machine;
}

static void refuse(const pw_machine_options *options, const char *says)
{
    pw_machine *machine = NULL;
    pewter_error err = {{0}};
    assert_int_equal(pw_machine_open(options, &pw_default_allocator, &machine, &err), PEWTER_E_ARG);
    assert_null(machine);
    if (strstr(err.message, says) == NULL) fail_msg("'%s' is not in '%s'", says, err.message);
}

/* Sites share no CPU, have one at least, and the first only is driven by who waits. */
static void check_sites(const pw_machine *m)
{
    hwloc_bitmap_t seen = hwloc_bitmap_alloc();
    assert_non_null(seen);
    for (size_t i = 0; i < m->n_sites; i++) {
        const pw_site *site = &m->sites[i];
        assert_true(site->n_cpus > 0);
        assert_int_equal(site->driver, i == 0);
        assert_int_equal(site->pin, m->real);
        assert_int_equal(site->cpu_features, m->features);
        for (size_t c = 0; c < site->n_cpus; c++) {
            assert_false(hwloc_bitmap_isset(seen, (unsigned)site->cpus[c]));
            hwloc_bitmap_set(seen, (unsigned)site->cpus[c]);
        }
    }
    hwloc_bitmap_free(seen);
}

/* One worker a physical core, however many hardware threads it has. */
static void test_synthetic(void **state)
{
    (void)state;
    const pw_machine_options options = {.topology = "pack:2 numa:1 core:16 pu:2"};
    pw_machine *m = need(&options);
    assert_false(m->real);
    assert_int_equal(m->cores, 32);
    assert_int_equal(m->machine_cores, 32);
    assert_int_equal(m->pus, 64);
    assert_int_equal(m->n_nodes, 2);
    assert_int_equal(m->nodes[0].cores, 16);
    assert_true(m->nodes[1].bytes > 0);
    assert_int_equal(m->n_sites, 1);
    assert_int_equal(m->sites[0].n_cpus, 32);
    assert_string_equal(m->sites[0].name, "cpu0");
    for (int32_t i = 0; i < 32; i++) assert_int_equal(m->sites[0].cpus[i], 2 * i);
    assert_int_equal(m->sites[0].memory, m->available);
    check_sites(m);
    pw_machine_close(m);
    pw_machine_close(NULL);
}

static void test_caches(void **state)
{
    (void)state;
    const pw_machine_options options = {
        .topology = "pack:2 l3:2(size=32MB) l2:4(size=1MB) l1:1(size=48kB) core:1 pu:1"};
    pw_machine *m = need(&options);
    assert_int_equal(m->n_caches, 3);
    assert_int_equal(m->caches[0].level, 1);
    assert_int_equal(m->caches[0].count, 16);
    assert_int_equal(m->caches[2].level, 3);
    assert_int_equal(m->caches[2].count, 4);
    assert_true(m->caches[2].bytes > m->caches[1].bytes);
    assert_true(m->caches[1].bytes > m->caches[0].bytes);
    pw_machine_close(m);
}

static void test_split(void **state)
{
    (void)state;
    for (int32_t threads = 0; threads <= 12; threads += 3) {
        for (int32_t devices = 0; devices <= 3; devices++) {
            const pw_machine_options options = {
                .topology = "pack:1 core:12 pu:2", .threads = threads, .cpu_devices = devices};
            pw_machine *m = need(&options);
            const size_t workers = threads > 0 ? (size_t)threads : 12;
            assert_int_equal(m->n_sites, devices > 0 ? devices : 1);
            size_t all = 0;
            for (size_t i = 0; i < m->n_sites; i++) {
                all += m->sites[i].n_cpus;
                assert_in_range(m->sites[i].n_cpus, workers / m->n_sites, workers / m->n_sites + 1);
                assert_int_equal(m->sites[i].memory, m->available / m->n_sites);
            }
            assert_int_equal(all, workers);
            check_sites(m);
            pw_machine_close(m);
        }
    }
}

/* More threads than cores share the cores in turn. */
static void test_more_threads_than_cores(void **state)
{
    (void)state;
    const pw_machine_options options = {.topology = "core:2 pu:1", .threads = 5};
    pw_machine *m = need(&options);
    assert_int_equal(m->sites[0].n_cpus, 5);
    for (int32_t i = 0; i < 5; i++) assert_int_equal(m->sites[0].cpus[i], i % 2);
    pw_machine_close(m);
}

static void test_features(void **state)
{
    (void)state;
    const pw_machine_options scalar = {.topology = "core:1 pu:1", .features = "scalar"};
    pw_machine *m = need(&scalar);
    assert_int_equal(m->features, 0);
    pw_machine_close(m);
    const pw_machine_options all = {.topology = "core:1 pu:1"};
    m = need(&all);
    assert_int_equal(m->features, pw_cpu_detect());
    pw_machine_close(m);
    const pw_machine_options odd = {.topology = "core:1 pu:1", .features = "avx2+wings"};
    refuse(&odd, "wings");
}

static void test_refused(void **state)
{
    (void)state;
    const pw_machine_options words = {.topology = "a machine of dreams"};
    refuse(&words, "a machine of dreams");
    const pw_machine_options folder = {.topology = "/tmp"};
    refuse(&folder, "/tmp");
    const pw_machine_options threads = {.threads = -1}, many = {.threads = 1025};
    refuse(&threads, "-1");
    refuse(&many, "1025");
    const pw_machine_options devices = {.cpu_devices = -3}, crowd = {.cpu_devices = 65};
    refuse(&devices, "-3");
    refuse(&crowd, "65");
    const pw_machine_options split = {.topology = "core:2 pu:1", .cpu_devices = 3};
    refuse(&split, "3 CPU devices wanted of 2");
}

/* A recorded machine on which a cpuset leaves core 1 whole, half of core 2, and nothing else. */
static void test_xml(void **state)
{
    (void)state;
    fake_root root = fake_root_new();
    char path[128];
    snprintf(path, sizeof path, "%s/machine.xml", root.path);
    hwloc_topology_t topology;
    assert_int_equal(hwloc_topology_init(&topology), 0);
    assert_int_equal(hwloc_topology_set_synthetic(topology, "pack:1 numa:1 core:4 pu:2"), 0);
    assert_int_equal(hwloc_topology_load(topology), 0);
    hwloc_bitmap_t set = hwloc_bitmap_alloc();
    hwloc_bitmap_set(set, 2);
    hwloc_bitmap_set(set, 3);
    hwloc_bitmap_set(set, 5);
    assert_int_equal(hwloc_topology_restrict(topology, set, 0), 0);
    assert_int_equal(hwloc_topology_export_xml(topology, path, 0), 0);
    hwloc_bitmap_free(set);
    hwloc_topology_destroy(topology);

    const pw_machine_options options = {.topology = path};
    pw_machine *m = need(&options);
    assert_false(m->real);
    assert_int_equal(m->cores, 2);
    assert_int_equal(m->pus, 3);
    assert_int_equal(m->sites[0].cpus[0], 2);
    assert_int_equal(m->sites[0].cpus[1], 5);
    pw_machine_close(m);

    fake_root_write(&root, "broken.xml", "<?xml version=\"1.0\"?><topology version=\"2.0\"><obj");
    snprintf(path, sizeof path, "%s/broken.xml", root.path);
    refuse(&options, "broken.xml");
    fake_root_free(&root);
}

/* The affinity mask of this process bounds the cores. */
static void test_affinity(void **state)
{
    (void)state;
    cpu_set_t before, one;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    size_t cpu = 0;
    for (size_t i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &before)) cpu = i;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    const pw_machine_options options = {0};
    pw_machine *m = need(&options);
    assert_true(m->real);
    assert_int_equal(m->cores, 1);
    assert_int_equal(m->pus, 1);
    assert_int_equal(m->sites[0].cpus[0], cpu);
    pw_machine_close(m);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

/* Quota and memory limit of the cgroup bound workers and bytes of the real machine only. */
static void test_quota(void **state)
{
    (void)state;
    fake_root root = fake_root_new();
    fake_root_write(&root, "proc/self/cgroup", "0::/\n");
    fake_root_write(&root, "proc/meminfo", "MemTotal: 64000000 kB\nMemAvailable: 32000000 kB\n");
    fake_root_write(&root, "sys/fs/cgroup/cpu.max", "50000 100000\n");
    fake_root_write(&root, "sys/fs/cgroup/memory.max", "1000000000\n");
    const pw_machine_options options = {.root = root.path};
    pw_machine *m = need(&options);
    assert_true(m->quota == 0.5);
    assert_int_equal(m->sites[0].n_cpus, 1);
    assert_int_equal(m->memory_limit, 1000000000);
    assert_int_equal(m->available, 1000000000);
    assert_int_equal(m->sites[0].memory, 1000000000);
    assert_true(m->memory >= 64000000ull * 1024);
    pw_machine_close(m);

    const pw_machine_options asked = {.root = root.path, .threads = 3};
    m = need(&asked);
    assert_int_equal(m->sites[0].n_cpus, 3);
    pw_machine_close(m);
    const pw_machine_options recorded = {.root = root.path, .topology = "core:4 pu:1"};
    m = need(&recorded);
    assert_true(m->quota == 0.0);
    assert_int_equal(m->sites[0].n_cpus, 4);
    pw_machine_close(m);
    fake_root_free(&root);
}

static char *printed(const pw_machine *m, pewter_form form, char *buf, size_t cap)
{
    pw_out out = {.buf = buf, .cap = cap};
    size_t need_bytes;
    pw_machine_print(m, form, &out);
    pw_out_end(&out, &need_bytes);
    assert_true(need_bytes <= cap);
    return buf;
}

static void test_printed(void **state)
{
    (void)state;
    const pw_machine_options options = {.topology = "pack:2 numa:1(memory=4GB) core:4 pu:2"};
    pw_machine *m = need(&options);
    char text[2048], json[2048];
    printed(m, PEWTER_TEXT, text, sizeof text);
    assert_non_null(strstr(text, "8 of 8 usable, 16 hardware threads"));
    assert_non_null(strstr(text, "2: 4 cores, "));
    printed(m, PEWTER_JSON, json, sizeof json);
    json_t *value;
    pewter_error err;
    assert_int_equal(pw_json_parse("machine", json, strlen(json), PW_JSON_BYTES, &value, &err),
                     PEWTER_OK);
    assert_int_equal(json_integer_value(json_object_get(value, "cores")), 8);
    assert_int_equal(json_integer_value(json_object_get(value, "pus")), 16);
    assert_int_equal(json_array_size(json_object_get(value, "nodes")), 2);
    json_decref(value);
    pw_machine_close(m);
}

/* Every refused allocation is a status, and leaves nothing behind. */
static void test_memory(void **state)
{
    (void)state;
    const pw_machine_options options = {
        .topology = "pack:2 numa:1 core:500 pu:1", .threads = 1024, .cpu_devices = 64};
    pewter_status status = PEWTER_E_MEMORY;
    for (uint64_t from = 0; status != PEWTER_OK; from++) {
        assert_true(from < 100);
        limit_alloc counts;
        const pewter_allocator alloc = limit_allocator(&counts, SIZE_MAX, from);
        pw_machine *m = NULL;
        pewter_error err = {{0}};
        status = pw_machine_open(&options, &alloc, &m, &err);
        if (status != PEWTER_OK) {
            assert_int_equal(status, PEWTER_E_MEMORY);
            assert_true(err.message[0] != 0);
        }
        pw_machine_close(m);
        assert_int_equal(counts.live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_synthetic), cmocka_unit_test(test_caches),
        cmocka_unit_test(test_split),     cmocka_unit_test(test_more_threads_than_cores),
        cmocka_unit_test(test_features),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_xml),       cmocka_unit_test(test_affinity),
        cmocka_unit_test(test_quota),     cmocka_unit_test(test_printed),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
