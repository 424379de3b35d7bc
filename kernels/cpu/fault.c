#include "kernels/cpu/fault.h"

#ifdef PW_FAULT

#include <stdlib.h>
#include <string.h>

#include "pw/clock.h"

enum { MOST = 512 };

static pw_kernel faulty[MOST];
static pw_cpu_fn *real_run;
static pw_packing bad_packing;
static void (*real_pack)(const pw_pack *args);
static size_t (*real_bytes)(int64_t k);
static double slower; /* share of a task's time */

static void slow_run(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    const int64_t from = pw_now_ns();
    real_run(call, begin, end, scratch);
    const int64_t until = pw_now_ns() + (int64_t)((double)(pw_now_ns() - from) * slower);
    while (pw_now_ns() < until) {
    }
}

static void bad_pack(const pw_pack *args)
{
    real_pack(args);
    unsigned char *bytes = args->dst;
    bytes[real_bytes(args->k) / 2] ^= 4;
}

pw_catalogue pw_cpu_fault(const pw_catalogue *all)
{
    static const char fault[] = PW_FAULT;
    const pw_packing *victim = NULL;
    const char *row = strchr(fault, ':');
    if (row == NULL || all->count > MOST) return *all;
    const size_t length = strcspn(++row, ":");
    memcpy(faulty, all->rows, all->count * sizeof *faulty);
    for (size_t i = 0; i < all->count; i++) {
        pw_kernel *k = &faulty[i];
        if (strncmp(all->rows[i].name, row, length) != 0 || all->rows[i].name[length] != 0)
            continue;
        if (strncmp(fault, "slow:", 5) == 0) {
            slower = row[length] == ':' ? strtod(row + length + 1, NULL) / 100.0 : 0.0;
            real_run = all->rows[i].cpu.run;
            k->cpu.run = slow_run;
        } else {
            victim = all->rows[i].packing;
        }
    }
    if (victim == NULL) return (pw_catalogue){faulty, all->count};
    real_pack = victim->pack;
    real_bytes = victim->panel_bytes;
    bad_packing = *victim;
    bad_packing.pack = bad_pack;
    for (size_t i = 0; i < all->count; i++)
        if (faulty[i].packing == victim) faulty[i].packing = &bad_packing;
    return (pw_catalogue){faulty, all->count};
}

#else

/* A translation unit has something in it. */
typedef int pw_fault_none;

#endif
