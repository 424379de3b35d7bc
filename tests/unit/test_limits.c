#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "scheduler/limits.h"
#include "tests/support/fake_root.h"

typedef struct file {
    const char *path, *text;
} file;

static pw_limits read_of(const file *files)
{
    fake_root root = fake_root_new();
    for (; files->path != NULL; files++) fake_root_write(&root, files->path, files->text);
    const pw_limits limits = pw_limits_read(root.path);
    fake_root_free(&root);
    return limits;
}

#define CGROUP "sys/fs/cgroup"

static void test_nothing(void **state)
{
    (void)state;
    const file none[] = {{NULL, NULL}};
    const pw_limits limits = read_of(none);
    assert_true(limits.cpus == 0.0);
    assert_int_equal(limits.memory | limits.total | limits.available, 0);
    const pw_limits away = pw_limits_read("/nowhere/at/all");
    assert_true(away.cpus == 0.0 && away.memory == 0);
}

static void test_meminfo(void **state)
{
    (void)state;
    const file files[] = {{"proc/meminfo",
                           "MemTotal:       16384000 kB\nMemFree:          100000 kB\n"
                           "MemAvailable:    8192000 kB\nBuffers: 1 kB\n"},
                          {NULL, NULL}};
    const pw_limits limits = read_of(files);
    assert_int_equal(limits.total, 16384000ull * 1024);
    assert_int_equal(limits.available, 8192000ull * 1024);
}

/* The tightest of the group and of all above it. */
static void test_v2(void **state)
{
    (void)state;
    const file files[] = {{"proc/self/cgroup", "0::/a.slice/b/c\n"},
                          {CGROUP "/a.slice/b/c/cpu.max", "max 100000\n"},
                          {CGROUP "/a.slice/b/c/memory.max", "4294967296\n"},
                          {CGROUP "/a.slice/b/cpu.max", "250000 100000\n"},
                          {CGROUP "/a.slice/cpu.max", "150000 50000\n"},
                          {CGROUP "/a.slice/memory.max", "1073741824\n"},
                          {CGROUP "/a.slice/other/memory.max", "4096\n"},
                          {CGROUP "/memory.max", "max\n"},
                          {NULL, NULL}};
    const pw_limits limits = read_of(files);
    assert_true(limits.cpus == 2.5);
    assert_int_equal(limits.memory, 1073741824);
}

/* In a container the group is the root, as seen from inside. */
static void test_v2_root(void **state)
{
    (void)state;
    const file files[] = {{"proc/self/cgroup", "0::/\n"},
                          {CGROUP "/cpu.max", "50000 100000\n"},
                          {CGROUP "/memory.max", "536870912\n"},
                          {NULL, NULL}};
    const pw_limits limits = read_of(files);
    assert_true(limits.cpus == 0.5);
    assert_int_equal(limits.memory, 536870912);
}

static void test_v1(void **state)
{
    (void)state;
    const file files[] = {
        {"proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/y/z\n3:cpuset:/w\n1:name=systemd:/w\n"},
        {CGROUP "/cpu/x/cpu.cfs_quota_us", "-1\n"},
        {CGROUP "/cpu/x/cpu.cfs_period_us", "100000\n"},
        {CGROUP "/cpu/cpu.cfs_quota_us", "300000\n"},
        {CGROUP "/cpu/cpu.cfs_period_us", "100000\n"},
        {CGROUP "/memory/y/z/memory.limit_in_bytes", "9223372036854771712\n"},
        {CGROUP "/memory/y/memory.limit_in_bytes", "2147483648\n"},
        {NULL, NULL}};
    const pw_limits limits = read_of(files);
    assert_true(limits.cpus == 3.0);
    assert_int_equal(limits.memory, 2147483648u);
}

/* Groups of another controller are not those of this process. */
static void test_v1_strangers(void **state)
{
    (void)state;
    const file files[] = {
        {"proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/y\n3:cpuset:/w\n1:name=systemd:/w\n"},
        {CGROUP "/cpu/w/cpu.cfs_quota_us", "100000\n"},
        {CGROUP "/cpu/w/cpu.cfs_period_us", "100000\n"},
        {CGROUP "/cpu/y/cpu.cfs_quota_us", "100000\n"},
        {CGROUP "/cpu/y/cpu.cfs_period_us", "100000\n"},
        {CGROUP "/memory/x/memory.limit_in_bytes", "4096\n"},
        {CGROUP "/memory/w/memory.limit_in_bytes", "4096\n"},
        {NULL, NULL}};
    const pw_limits limits = read_of(files);
    assert_true(limits.cpus == 0.0);
    assert_int_equal(limits.memory, 0);
}

/* What is not a number, or no sensible one, is no limit. */
static void test_nonsense(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "\n", "max", "-1", "0", "many", "0 0", "-5 -5", "1e30"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const file files[] = {{"proc/self/cgroup", "nonsense\n0::/a\n::\n:\n7:cpu,memory\n"},
                              {"proc/meminfo", "MemTotal: lots\nMemAvailable\n"},
                              {CGROUP "/a/cpu.max", texts[i]},
                              {CGROUP "/a/memory.max", texts[i]},
                              {NULL, NULL}};
        const pw_limits limits = read_of(files);
        assert_true(limits.cpus == 0.0);
        assert_int_equal(limits.memory | limits.total | limits.available, 0);
    }
}

/* A group of any length is read or passed over. */
static void test_long_group(void **state)
{
    (void)state;
    char text[2000];
    memset(text, 'a', sizeof text - 1);
    memcpy(text, "0::/", 4);
    text[sizeof text - 1] = 0;
    const file files[] = {
        {"proc/self/cgroup", text}, {CGROUP "/memory.max", "536870912\n"}, {NULL, NULL}};
    const pw_limits limits = read_of(files);
    assert_int_equal(limits.memory, 536870912);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),  cmocka_unit_test(test_meminfo),
        cmocka_unit_test(test_v2),       cmocka_unit_test(test_v2_root),
        cmocka_unit_test(test_v1),       cmocka_unit_test(test_v1_strangers),
        cmocka_unit_test(test_nonsense), cmocka_unit_test(test_long_group),
    };
    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
