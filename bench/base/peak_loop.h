/* The loops of peak.c: one a format and instruction set, in files named by it. */
#ifndef PW_BENCH_BASE_PEAK_LOOP_H
#define PW_BENCH_BASE_PEAK_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Multiplies and adds in registers; returns the operations done, two for each multiply-add. */
typedef double peak_math_fn(int64_t turns);

/* Reads `bytes` (a multiple of 4096) and gives a sum that depends on all of them. */
typedef uint64_t peak_read_fn(const void *data, size_t bytes);

/* Copies likewise, through registers. */
typedef void peak_copy_fn(void *to, const void *from, size_t bytes);

/* Chains of additions that a loop keeps going at once: more than any core has latency times ports. */
enum { PEAK_CHAINS = 12 };

peak_math_fn peak_f32_plain;
peak_read_fn peak_read_plain;
peak_copy_fn peak_copy_plain;

#if defined(__x86_64__)
peak_math_fn peak_f32_avx2, peak_int8_avx2, peak_int8_short_avx2, peak_int8_avxvnni;
peak_math_fn peak_f32_avx512, peak_int8_avx512vnni, peak_bf16_avx512bf16;
peak_math_fn peak_int8_amx, peak_bf16_amx;
peak_read_fn peak_read_avx2, peak_read_avx512;
peak_copy_fn peak_copy_avx2, peak_copy_avx512;

/* Whether the CPU has the tiles and the system lets this process use them. */
bool peak_amx_int8(void), peak_amx_bf16(void);

/* Sets up the tiles of the calling thread for the loops. */
void peak_amx_begin(void);
void peak_amx_end(void);
#elif defined(__aarch64__)
peak_math_fn peak_f32_neon, peak_int8_dotprod, peak_int8_i8mm, peak_bf16_i8mm;
peak_read_fn peak_read_neon;
peak_copy_fn peak_copy_neon;
#endif

/* What loops end with, so that no compiler leaves them out. */
extern _Thread_local volatile double peak_sink;

#endif
