/* The machine's own limits: how fast its cores multiply and add in each number format, and how fast
 * they read and copy memory of each level. Measured, never looked up.
 *
 * A peak owns pinned threads that sleep between measurements. One thread drives it. */
#ifndef PW_BENCH_BASE_PEAK_H
#define PW_BENCH_BASE_PEAK_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "pewter.h"
#include "pw/attr.h"

typedef struct peak peak;

/* Multiply-add in registers. A multiply and an add count as two operations. */
typedef enum peak_math {
    PEAK_F32,
    PEAK_BF16,       /* pairs into f32: vdpbf16ps, bfmmla */
    PEAK_INT8,       /* fours into i32: vpdpbusd (or vpmaddubsw and vpmaddwd), sdot, smmla */
    PEAK_INT8_SHORT, /* likewise, of weights of few bits and summed in 16: vpmaddubsw and vpaddw; where
                        the CPU does int8 at once, that rate */
    PEAK_AMX_BF16, /* tiles */
    PEAK_AMX_INT8,
    PEAK_MATHS
} peak_math;

const char *peak_math_name(peak_math math); /* "int8" */

/* Threads on these logical CPUs (`n` of them; thread i is pinned to cpus[i]). The calling thread
 * works as thread 0 while it measures, and gets its own affinity back. */
PW_MUST pewter_status peak_open(const int32_t *cpus, int32_t n, peak **out, pewter_error *err);
void peak_close(peak *p); /* NULL is allowed */

/* ---- Probes: quick, for use beside a kernel ---------------------------------------------------- */

/* Operations/s of `threads` threads together over about `seconds` (0.001 is enough); 0 where this
 * CPU has no such instruction. */
double peak_rate(peak *p, peak_math math, int32_t threads, double seconds);

/* Bytes/s that `threads` threads together read from memory (a buffer of more than four times the
 * last cache, on huge pages, made at the first use) over about `seconds` (0.002 is enough: the probe
 * goes on where the last one ended, so that nothing of it is in a cache). 0: no memory. */
double peak_read(peak *p, int32_t threads, double seconds);

/* Bytes of the last cache that the threads share or have; 0 unknown. From sysfs. */
size_t peak_cache_bytes(const peak *p);

/* ---- The table: all limits with their spread --------------------------------------------------- */

typedef struct peak_limit {
    char name[32]; /* "int8", "read_l2", "copy_memory", "read_memory_small_pages" */
    char unit[8];  /* "OP/s", "B/s" */
    int32_t threads;
    size_t bytes;               /* of the buffer of each thread; 0 for arithmetic */
    double median, least, most; /* over the repeats */
    int32_t repeats;
} peak_limit;

enum { PEAK_MOST_LIMITS = 256 };

typedef struct peak_table {
    char machine[256]; /* what the measured values belong to: CPU, cores, microcode, kernel */
    char date[32];     /* ISO 8601, UTC */
    int32_t n;
    peak_limit limits[PEAK_MOST_LIMITS];
} peak_table;

/* What identifies this machine, into buf. */
void peak_machine(const peak *p, char *buf, size_t cap);

/* The cached table of this machine, or measures it (some 20 s, with progress) and keeps it in `path`
 * (NULL: the user's cache folder). `again`: measures in any case. A cache that is damaged, of
 * another machine, or cannot be written is measured, and used. */
PW_MUST pewter_status peak_table_get(peak *p, const char *path, bool again,
                                     pewter_progress_fn *progress, void *context, peak_table *out,
                                     pewter_error *err);

/* The limit of that name on that many threads; NULL where there is none. */
const peak_limit *peak_find(const peak_table *table, const char *name, int32_t threads);

void peak_table_print(const peak_table *table, FILE *to);
json_t *peak_table_json(const peak_table *table); /* NULL: no memory */

#endif
