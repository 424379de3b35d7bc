/* Machines that are not here: what the scheduler sees of them, and what it plans.
 *
 * tests/topologies/NAME.plan holds a description in its first lines ("topology core:4 pu:2",
 * "rows fast", "threads 3", "devices 2", "type Q4_0", each but the first may be absent), an empty
 * line, and then what is expected. The rows are those of tests/support/fast_rows.h, so that a plan does
 * not change with every kernel. $PEWTER_SHARED/topologies holds recorded machines as hwloc XML. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/engine/memory.h"
#include "scheduler/machine.h"
#include "tests/support/fast_rows.h"
#include "tests/support/mock_backend.h"
#include "tests/support/tiny_graph.h"

enum { TEXT = 64 * 1024, MOST_SITES = 64 };

typedef struct description {
    char topology[256], rows[16], type[16];
    int32_t threads, devices;
} description;

/* ---- What is seen ----------------------------------------------------------------------------- */

static void print_sites(const pw_machine *m, pw_out *out)
{
    pw_print(out, "cores %d of %d, hardware threads %d, nodes %zu\n", m->cores, m->machine_cores,
             m->pus, m->n_nodes);
    for (size_t i = 0; i < m->n_sites; i++) {
        const pw_site *site = &m->sites[i];
        pw_print(out, "site %s: memory ", site->name);
        pw_print_bytes(out, (double)site->memory);
        pw_print(out, ", cpus");
        for (size_t c = 0; c < site->n_cpus; c++) pw_print(out, " %d", site->cpus[c]);
        pw_print(out, "\n");
    }
}

/* The plan of a small model on the sites, by the rows that the features allow. */
static pewter_status print_plan(const pw_machine *m, const tiny_shape *shape, uint64_t features,
                                pw_out *out, pewter_error *err)
{
    tiny_graph tiny;
    tiny_make(&tiny, shape, &pw_default_allocator);
    assert_int_equal(pw_graph_check(&tiny.graph, err), PEWTER_OK);
    static pw_target targets[MOST_SITES];
    for (size_t i = 0; i < m->n_sites; i++) {
        targets[i] = (pw_target){.backend = &mock_backend,
                                 .info = {.detail = "a machine that is not here",
                                          .features = features,
                                          .memory = m->sites[i].memory,
                                          .threads = (int32_t)m->sites[i].n_cpus}};
        memcpy(targets[i].info.name, m->sites[i].name, sizeof m->sites[i].name);
    }
    const pw_plan_rules rules = {.kv = PW_BF16, .spread = m->n_sites > 1};
    pw_plan *plan = NULL;
    const pewter_status status =
        pw_plan_make(&tiny.graph, targets, m->n_sites, &rules, &pw_default_allocator, &plan, err);
    if (status == PEWTER_OK) pw_plan_print(plan, PEWTER_TEXT, out);
    pw_plan_free(plan);
    tiny_free(&tiny);
    return status;
}

static tiny_shape shape_of(const char *type)
{
    tiny_shape shape = tiny_defaults();
    shape.layers = 6;
    shape.weight = pw_dtype_from_name(type);
    return shape;
}

/* ---- Expected plans --------------------------------------------------------------------------- */

static char *slurp(const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) fail_msg("%s cannot be read", path);
    char *text = calloc(1, TEXT);
    assert_non_null(text);
    assert_true(fread(text, 1, TEXT - 1, file) > 0);
    fclose(file);
    return text;
}

/* Reads the lines of the head; returns what is behind the empty line. */
static char *parse(char *text, description *d)
{
    *d = (description){.rows = "plain", .type = "Q8_0"};
    char *line = text;
    while (*line != '\n' && *line != 0) {
        char *end = strchr(line, '\n');
        assert_non_null(end);
        *end = 0;
        const bool known = sscanf(line, "topology %255[^\n]", d->topology) == 1 ||
                           sscanf(line, "rows %15s", d->rows) == 1 ||
                           sscanf(line, "type %15s", d->type) == 1 ||
                           sscanf(line, "threads %d", &d->threads) == 1 ||
                           sscanf(line, "devices %d", &d->devices) == 1;
        if (!known) fail_msg("'%s' is no part of a description", line);
        line = end + 1;
    }
    return *line == '\n' ? line + 1 : line;
}

/* Leaves what came instead beside the other products, for who means to take it. */
static void keep(const char *name, const char *text)
{
    const char *build = getenv("PEWTER_BUILD");
    char path[512];
    snprintf(path, sizeof path, "%s/%s.came", build != NULL ? build : "/tmp", name);
    FILE *file = fopen(path, "w");
    if (file == NULL) return;
    fputs(text, file);
    fclose(file);
    print_message("what came is in %s\n", path);
}

static void check_plan(const char *folder, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    char *text = slurp(path);
    description d;
    const char *wanted = parse(text, &d);
    const uint64_t features = strcmp(d.rows, "fast") == 0 ? FAST_FEATURE : 0;

    const pw_machine_options options = {
        .topology = d.topology, .threads = d.threads, .cpu_devices = d.devices};
    const tiny_shape shape = shape_of(d.type);
    char *came = calloc(1, TEXT);
    assert_non_null(came);
    pw_out out = {.buf = came, .cap = TEXT};
    pw_machine *m = NULL;
    pewter_error err;
    size_t bytes;
    pewter_status status = pw_machine_open(&options, &pw_default_allocator, &m, &err);
    if (status == PEWTER_OK) print_sites(m, &out);
    if (status == PEWTER_OK) status = print_plan(m, &shape, features, &out, &err);
    if (status != PEWTER_OK) pw_print(&out, "refused: %s\n", err.message);
    pw_out_end(&out, &bytes);
    assert_true(bytes <= TEXT);
    const bool same = strcmp(came, wanted) == 0;
    if (!same) keep(name, came);
    pw_machine_close(m);
    free(came);
    free(text);
    if (!same) fail_msg("%s: another plan came", name);
}

static bool ends_in(const char *name, const char *end)
{
    const size_t length = strlen(name), tail = strlen(end);
    return length > tail && strcmp(name + length - tail, end) == 0;
}

static void test_expected_plans(void **state)
{
    (void)state;
    const char *folder = "tests/topologies";
    DIR *all = opendir(folder);
    if (all == NULL) fail_msg("%s is not here: run from the root of the project", folder);
    int count = 0;
    for (const struct dirent *e = readdir(all); e != NULL; e = readdir(all)) {
        if (!ends_in(e->d_name, ".plan")) continue;
        check_plan(folder, e->d_name);
        count++;
    }
    closedir(all);
    assert_true(count > 0);
}

/* ---- Recorded machines ------------------------------------------------------------------------ */

static int by_number(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Each site has cores and memory, and no two share a CPU. */
static void check_sites(const char *name, const pw_machine *m)
{
    int32_t *cpus = calloc((size_t)m->cores, sizeof *cpus);
    assert_non_null(cpus);
    size_t n = 0;
    for (size_t i = 0; i < m->n_sites; i++) {
        const pw_site *site = &m->sites[i];
        if (site->n_cpus == 0) fail_msg("%s: %s has no core", name, site->name);
        if (site->memory == 0) fail_msg("%s: %s has no memory", name, site->name);
        assert_true(n + site->n_cpus <= (size_t)m->cores);
        memcpy(cpus + n, site->cpus, site->n_cpus * sizeof *cpus);
        n += site->n_cpus;
    }
    assert_int_equal(n, m->cores);
    qsort(cpus, n, sizeof *cpus, by_number);
    for (size_t i = 1; i < n; i++)
        if (cpus[i] == cpus[i - 1]) fail_msg("%s: CPU %d is of two sites", name, cpus[i]);
    free(cpus);
}

static void check_machine(const char *path, const char *name, int32_t devices)
{
    const pw_machine_options options = {.topology = path, .cpu_devices = devices};
    pw_machine *m = NULL;
    pewter_error err = {{0}};
    if (pw_machine_open(&options, &pw_default_allocator, &m, &err) != PEWTER_OK) {
        assert_true(err.message[0] != 0);
        print_message("%s, %d devices: refused: %s\n", name, devices, err.message);
        return;
    }
    if (m->cores <= 0 || m->pus < m->cores || m->machine_cores < m->cores)
        fail_msg("%s: %d cores of %d, %d threads", name, m->cores, m->machine_cores, m->pus);
    check_sites(name, m);
    static char text[TEXT];
    pw_out out = {.buf = text, .cap = sizeof text};
    const tiny_shape shape = shape_of("Q8_0");
    if (print_plan(m, &shape, 0, &out, &err) != PEWTER_OK) fail_msg("%s: %s", name, err.message);
    pw_machine_close(m);
}

static void test_recorded_machines(void **state)
{
    (void)state;
    const char *shared = getenv("PEWTER_SHARED");
    char folder[512], path[1024];
    snprintf(folder, sizeof folder, "%s/topologies", shared != NULL ? shared : "");
    DIR *all = shared != NULL ? opendir(folder) : NULL;
    if (all == NULL) {
        print_message("skipped: no recorded machines: PEWTER_SHARED names no folder with them\n");
        skip();
    }
    int count = 0;
    for (const struct dirent *e = readdir(all); e != NULL; e = readdir(all)) {
        if (!ends_in(e->d_name, ".xml")) continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        for (int32_t devices = 0; devices <= 4; devices += 2)
            check_machine(path, e->d_name, devices);
        count++;
    }
    closedir(all);
    print_message("%d recorded machines\n", count);
}

static int set_up(void **state)
{
    (void)state;
    static fast_rows rows;
    const uint32_t all = PW_EPILOGUE_GLU | PW_EPILOGUE_BIAS | PW_EPILOGUE_ADD;
    fast_make(&rows, &(fast_options){all, true, 2});
    mock_reset();
    mock.catalogue = rows.all;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expected_plans),
        cmocka_unit_test(test_recorded_machines),
    };
    return cmocka_run_group_tests_name("topologies", tests, set_up, NULL);
}
