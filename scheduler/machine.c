#include "scheduler/machine.h"

#include <errno.h>
#include <hwloc.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "kernels/features.h"
#include "pw/arena.h"
#include "pw/num.h"
#include "pw/status.h"
#include "scheduler/limits.h"

enum { MAX_THREADS = 1024, MAX_DEVICES = 64 };

/* ---- Seeing ---------------------------------------------------------------------------------- */

static pewter_status load_topology(const char *words, hwloc_topology_t *out, pewter_error *err)
{
    hwloc_topology_t topology;
    if (hwloc_topology_init(&topology) != 0)
        return pw_fail(err, PEWTER_E_MEMORY, "hwloc: no memory for a topology");
    int failure = 0;
    if (words != NULL)
        failure = access(words, R_OK) == 0 ? hwloc_topology_set_xml(topology, words)
                                           : hwloc_topology_set_synthetic(topology, words);
    if (failure == 0) failure = hwloc_topology_load(topology);
    if (failure != 0) {
        hwloc_topology_destroy(topology);
        if (words != NULL)
            return pw_fail(err, PEWTER_E_ARG,
                           "topology '%s' is neither a readable hwloc XML file nor a synthetic "
                           "description like 'pack:1 core:4 pu:2'",
                           words);
        return pw_fail(err, PEWTER_E_IO, "hwloc cannot read this machine's topology");
    }
    *out = topology;
    return PEWTER_OK;
}

/* The PUs that this process may run on. NULL: no memory. */
static hwloc_bitmap_t allowed_pus(hwloc_topology_t topology, bool real)
{
    hwloc_bitmap_t set = hwloc_bitmap_dup(hwloc_topology_get_allowed_cpuset(topology));
    if (set == NULL || !real) return set;
    hwloc_bitmap_t bound = hwloc_bitmap_alloc();
    if (bound != NULL && hwloc_get_cpubind(topology, bound, HWLOC_CPUBIND_PROCESS) == 0 &&
        hwloc_bitmap_intersects(set, bound))
        hwloc_bitmap_and(set, set, bound);
    hwloc_bitmap_free(bound);
    return set;
}

static void see_caches(pw_machine *machine, hwloc_topology_t topology)
{
    static const hwloc_obj_type_t types[] = {HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L2CACHE,
                                             HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L4CACHE};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const int count = hwloc_get_nbobjs_by_type(topology, types[i]);
        if (count <= 0) continue;
        const hwloc_obj_t first = hwloc_get_obj_by_type(topology, types[i], 0);
        if (first == NULL) continue;
        machine->caches[machine->n_caches++] =
            (pw_cache){.level = (int32_t)i + 1, .count = count, .bytes = first->attr->cache.size};
    }
}

/* One allowed PU a core, in the order of the topology; cpus [cores]. */
static int32_t *see_cores(pw_machine *machine, hwloc_topology_t topology, hwloc_bitmap_t allowed)
{
    const int total = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE);
    const hwloc_obj_type_t type = total > 0 ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU;
    machine->machine_cores = hwloc_get_nbobjs_by_type(topology, type);
    machine->pus = hwloc_bitmap_weight(allowed);
    if (machine->machine_cores <= 0) return NULL;
    int32_t *cpus = pw_arena_array(machine->arena, (size_t)machine->machine_cores, sizeof *cpus);
    hwloc_bitmap_t both = hwloc_bitmap_alloc();
    if (cpus != NULL && both != NULL) {
        for (int i = 0; i < machine->machine_cores; i++) {
            const hwloc_obj_t core = hwloc_get_obj_by_type(topology, type, (unsigned)i);
            if (core == NULL) continue;
            hwloc_bitmap_and(both, core->cpuset, allowed);
            const int pu = hwloc_bitmap_first(both);
            if (pu >= 0) cpus[machine->cores++] = pu;
        }
    }
    const bool done = both != NULL;
    hwloc_bitmap_free(both);
    return done ? cpus : NULL;
}

static pewter_status see_nodes(pw_machine *machine, hwloc_topology_t topology, pewter_error *err)
{
    const int count = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_NUMANODE);
    machine->nodes =
        pw_arena_array(machine->arena, (size_t)(count > 0 ? count : 1), sizeof *machine->nodes);
    if (machine->nodes == NULL)
        return pw_fail(err, PEWTER_E_MEMORY, "no memory for %d NUMA nodes", count);
    for (int i = 0; i < count; i++) {
        const hwloc_obj_t node = hwloc_get_obj_by_type(topology, HWLOC_OBJ_NUMANODE, (unsigned)i);
        if (node == NULL) continue;
        const int cores =
            hwloc_get_nbobjs_inside_cpuset_by_type(topology, node->cpuset, HWLOC_OBJ_CORE);
        machine->nodes[machine->n_nodes++] = (pw_node_memory){
            .bytes = node->attr->numanode.local_memory, .cores = cores > 0 ? cores : 0};
        machine->memory += node->attr->numanode.local_memory;
    }
    return PEWTER_OK;
}

static void see_limits(pw_machine *machine, const char *root)
{
    machine->available = machine->memory;
    if (!machine->real) return;
    const pw_limits limits = pw_limits_read(root != NULL ? root : "");
    machine->quota = limits.cpus;
    machine->memory_limit = limits.memory;
    /* A guest's table of nodes may know less than its kernel. */
    if (limits.total > machine->memory) machine->memory = limits.total;
    if (limits.available != 0) machine->available = limits.available;
    if (limits.memory != 0 && limits.memory < machine->available)
        machine->available = limits.memory;
}

/* ---- Sites ----------------------------------------------------------------------------------- */

/* Workers in all: what was asked for, or one a core and no more than the quota rounded up. */
static int32_t worker_count(const pw_machine *machine, const pw_machine_options *options)
{
    if (options->threads > 0) return options->threads;
    int32_t count = machine->cores;
    if (machine->quota > 0.0 && ceil(machine->quota) < (double)count)
        count = (int32_t)ceil(machine->quota);
    return count > 0 ? count : 1;
}

static pewter_status make_sites(pw_machine *machine, const int32_t *cores,
                                const pw_machine_options *options, pewter_error *err)
{
    const int32_t workers = worker_count(machine, options);
    const int32_t count = options->cpu_devices > 0 ? options->cpu_devices : 1;
    if (count > workers)
        return pw_fail(err, PEWTER_E_ARG, "%d CPU devices wanted of %d worker threads", count,
                       workers);

    machine->sites = pw_arena_array(machine->arena, (size_t)count, sizeof *machine->sites);
    int32_t *cpus = pw_arena_array(machine->arena, (size_t)workers, sizeof *cpus);
    if (machine->sites == NULL || cpus == NULL)
        return pw_fail(err, PEWTER_E_MEMORY, "no memory for %d sites", count);
    for (int32_t i = 0; i < workers; i++) cpus[i] = cores[i % machine->cores];

    /* A recorded machine may not say what memory it has: then none is refused. */
    const uint64_t memory = machine->available > 0 ? machine->available : INT64_MAX;
    for (int32_t i = 0; i < count; i++) {
        pw_site *site = &machine->sites[i];
        const int32_t begin = workers * i / count, end = workers * (i + 1) / count;
        *site = (pw_site){
            .cpus = cpus + begin,
            .n_cpus = (size_t)(end - begin),
            .memory = memory / (uint64_t)count,
            .cpu_features = machine->features,
            .driver = i == 0,
            .pin = machine->real,
        };
        snprintf(site->name, sizeof site->name, "cpu%d", i);
    }
    machine->n_sites = (size_t)count;
    return PEWTER_OK;
}

static pewter_status see(pw_machine *machine, hwloc_topology_t topology,
                         const pw_machine_options *options, pewter_error *err)
{
    hwloc_bitmap_t allowed = allowed_pus(topology, machine->real);
    const bool seen = allowed != NULL;
    const int32_t *cores = seen ? see_cores(machine, topology, allowed) : NULL;
    hwloc_bitmap_free(allowed);
    if (cores == NULL && (!seen || machine->machine_cores > 0))
        return pw_fail(err, PEWTER_E_MEMORY, "no memory for %d cores", machine->machine_cores);
    if (machine->cores == 0)
        return pw_fail(err, PEWTER_E_IO, "hwloc names no core that this process may use");
    see_caches(machine, topology);
    PW_TRY(see_nodes(machine, topology, err));
    see_limits(machine, options->root);
    return make_sites(machine, cores, options, err);
}

static pewter_status check_options(const pw_machine_options *options, uint64_t *features,
                                   pewter_error *err)
{
    if (options->threads < 0 || options->threads > MAX_THREADS)
        return pw_fail(err, PEWTER_E_ARG, "threads: 0 to %d wanted, %d found", MAX_THREADS,
                       options->threads);
    if (options->cpu_devices < 0 || options->cpu_devices > MAX_DEVICES)
        return pw_fail(err, PEWTER_E_ARG, "CPU devices: 0 to %d wanted, %d found", MAX_DEVICES,
                       options->cpu_devices);
    const uint64_t have = pw_cpu_detect();
    *features = have;
    const char *bad;
    if (options->features != NULL && !pw_cpu_mask(options->features, have, features, &bad))
        return pw_fail(err, PEWTER_E_ARG,
                       "CPU features '%s': '%s' is not known; wanted scalar, avx2, avx512, or "
                       "names joined by '+'",
                       options->features, bad);
    return PEWTER_OK;
}

pewter_status pw_machine_open(const pw_machine_options *options, const pewter_allocator *alloc,
                              pw_machine **out, pewter_error *err)
{
    uint64_t features;
    PW_TRY(check_options(options, &features, err));
    pw_arena *arena = pw_alloc(alloc, sizeof *arena);
    if (arena == NULL) return pw_fail(err, PEWTER_E_MEMORY, "no memory for the machine");
    *arena = (pw_arena){.alloc = alloc};
    pw_machine *machine = pw_arena_take(arena, sizeof *machine);
    hwloc_topology_t topology = NULL;
    pewter_status status = machine != NULL
                               ? load_topology(options->topology, &topology, err)
                               : pw_fail(err, PEWTER_E_MEMORY, "no memory for the machine");
    if (status == PEWTER_OK) {
        *machine = (pw_machine){.alloc = alloc,
                                .arena = arena,
                                .features = features,
                                .real = options->topology == NULL};
        pw_cpu_name(machine->cpu, sizeof machine->cpu);
        status = see(machine, topology, options, err);
        hwloc_topology_destroy(topology);
    }
    if (status != PEWTER_OK) {
        pw_arena_free(arena);
        pw_free(alloc, arena, sizeof *arena);
        return status;
    }
    *out = machine;
    return PEWTER_OK;
}

void pw_machine_close(pw_machine *machine)
{
    if (machine == NULL) return;
    const pewter_allocator *alloc = machine->alloc;
    pw_arena *arena = machine->arena;
    pw_arena_free(arena);
    pw_free(alloc, arena, sizeof *arena);
}

/* ---- Printing -------------------------------------------------------------------------------- */

static void print_text(const pw_machine *m, pw_out *out)
{
    char words[256];
    pw_cpu_words(m->features, words, sizeof words);
    pw_print(out, "cpu       %s\n", m->cpu[0] != 0 ? m->cpu : "unknown");
    pw_print(out, "features  %s\n",
             words[0] != 0 ? words : "none that kernels here use: plain rows serve this machine");
    pw_print(out, "cores     %d of %d usable, %d hardware threads", m->cores, m->machine_cores,
             m->pus);
    if (m->quota > 0.0) pw_print(out, "; the cgroup allows %.2f CPUs", m->quota);
    pw_print(out, "\ncaches   ");
    for (size_t i = 0; i < m->n_caches; i++) {
        const double kib = (double)m->caches[i].bytes / 1024.0;
        pw_print(out, "%s L%d %d x %.0f %s", i > 0 ? "," : "", m->caches[i].level,
                 m->caches[i].count, kib < 1024.0 ? kib : kib / 1024.0,
                 kib < 1024.0 ? "KiB" : "MiB");
    }
    pw_print(out, "\nmemory    ");
    pw_print_bytes(out, (double)m->memory);
    pw_print(out, ", ");
    pw_print_bytes(out, (double)m->available);
    pw_print(out, " available");
    if (m->memory_limit != 0) {
        pw_print(out, ", the cgroup allows ");
        pw_print_bytes(out, (double)m->memory_limit);
    }
    pw_print(out, "\nnodes     %zu", m->n_nodes);
    for (size_t i = 0; i < m->n_nodes; i++) {
        pw_print(out, "%s%d cores, ", i == 0 ? ": " : "; ", m->nodes[i].cores);
        pw_print_bytes(out, (double)m->nodes[i].bytes);
    }
    pw_print(out, "\n");
}

/* Many numbers at once: each pw_print costs a change of locale. */
static void print_cpus(const pw_site *site, pw_out *out)
{
    char text[1024];
    size_t at = 0;
    for (size_t c = 0; c < site->n_cpus; c++) {
        const int length =
            snprintf(text + at, sizeof text - at, "%s%d", c > 0 ? "," : "", site->cpus[c]);
        if (length > 0) at += (size_t)length;
        if (at + 16 < sizeof text && c + 1 < site->n_cpus) continue;
        pw_print(out, "%s", text);
        at = 0;
    }
}

static void print_json(const pw_machine *m, pw_out *out)
{
    char words[256];
    pw_cpu_words(m->features, words, sizeof words);
    pw_print(out, "{\"cpu\":");
    pw_print_json(out, m->cpu);
    pw_print(out, ",\"features\":");
    pw_print_json(out, words);
    pw_print(out, ",\"cores\":%d,\"machine_cores\":%d,\"pus\":%d,\"cpu_quota\":%.3f", m->cores,
             m->machine_cores, m->pus, m->quota);
    pw_print(out, ",\"memory\":%llu,\"memory_available\":%llu,\"memory_limit\":%llu",
             (unsigned long long)m->memory, (unsigned long long)m->available,
             (unsigned long long)m->memory_limit);
    pw_print(out, ",\"caches\":[");
    for (size_t i = 0; i < m->n_caches; i++)
        pw_print(out, "%s{\"level\":%d,\"count\":%d,\"bytes\":%llu}", i > 0 ? "," : "",
                 m->caches[i].level, m->caches[i].count, (unsigned long long)m->caches[i].bytes);
    pw_print(out, "],\"nodes\":[");
    for (size_t i = 0; i < m->n_nodes; i++)
        pw_print(out, "%s{\"cores\":%d,\"bytes\":%llu}", i > 0 ? "," : "", m->nodes[i].cores,
                 (unsigned long long)m->nodes[i].bytes);
    pw_print(out, "],\"sites\":[");
    for (size_t i = 0; i < m->n_sites; i++) {
        pw_print(out, "%s{\"name\":", i > 0 ? "," : "");
        pw_print_json(out, m->sites[i].name);
        pw_print(out, ",\"cpus\":[");
        print_cpus(&m->sites[i], out);
        pw_print(out, "]}");
    }
    pw_print(out, "]}");
}

void pw_machine_print(const pw_machine *machine, pewter_form form, pw_out *out)
{
    if (form == PEWTER_JSON)
        print_json(machine, out);
    else
        print_text(machine, out);
}
