/* The machine: hwloc's topology, what this process may use of it, and the sites made of that. */
#ifndef PW_SCHEDULER_MACHINE_H
#define PW_SCHEDULER_MACHINE_H

#include "backends/backend.h"
#include "pw/arena.h"
#include "pw/out.h"

typedef struct pw_cache {
    int32_t level;  /* 1: data cache */
    int32_t count;  /* of this size in the machine */
    uint64_t bytes; /* each */
} pw_cache;

typedef struct pw_node_memory {
    uint64_t bytes;
    int32_t cores;
} pw_node_memory;

typedef struct pw_machine {
    const pewter_allocator *alloc;
    pw_arena *arena;
    char cpu[64];
    uint64_t features;          /* of the CPU, limited by the mask asked for */
    int32_t cores, pus;         /* that this process may use */
    int32_t machine_cores;      /* that the machine has */
    double quota;               /* CPUs that the cgroup allows; 0: no limit */
    uint64_t memory, available; /* bytes of the machine; bytes that may be used now */
    uint64_t memory_limit;      /* of the cgroup; 0: none */
    pw_cache caches[4];
    size_t n_caches;
    pw_node_memory *nodes; /* [n_nodes] */
    size_t n_nodes;
    bool real; /* this machine, not a recorded one */
    pw_site *sites;
    size_t n_sites;
} pw_machine;

typedef struct pw_machine_options {
    int32_t threads;      /* 0: one a core, within the quota */
    int32_t cpu_devices;  /* 0: one site for all cores */
    const char *features; /* see pewter_config.cpu_features */
    const char *topology; /* see pewter_config.topology */
    const char *root;     /* where /proc and /sys lie; NULL: "/" */
} pw_machine_options;

PW_MUST pewter_status pw_machine_open(const pw_machine_options *options,
                                      const pewter_allocator *alloc, pw_machine **out,
                                      pewter_error *err);
void pw_machine_close(pw_machine *machine); /* NULL is allowed */

/* Sites, caches, memory and limits, in words or as one JSON object. */
void pw_machine_print(const pw_machine *machine, pewter_form form, pw_out *out);

#endif
