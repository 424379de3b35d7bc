/* CPU feature bits and their detection (cpuid, hwcap). */
#ifndef PW_KERNELS_FEATURES_H
#define PW_KERNELS_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PW_CPU_AVX2 = 1u << 0,
    PW_CPU_FMA = 1u << 1,
    PW_CPU_F16C = 1u << 2,
    PW_CPU_AVXVNNI = 1u << 3,
    PW_CPU_AVX512 = 1u << 4, /* F, BW, VL, DQ together */
    PW_CPU_AVX512VNNI = 1u << 5,
    PW_CPU_AVX512BF16 = 1u << 6,
    PW_CPU_AVX512VBMI = 1u << 7,
    PW_CPU_NEON = 1u << 16,
    PW_CPU_DOTPROD = 1u << 17,
    PW_CPU_I8MM = 1u << 18
};

/* What the running CPU has and the system lets programs use. */
uint64_t pw_cpu_detect(void);

/* Limits `have` to a mask in words: a level ("scalar", "avx2", "avx512") with all below it, or names
 * joined by '+' ("avx2+fma+f16c"). False where a name is not known; *bad then points at it. */
bool pw_cpu_mask(const char *words, uint64_t have, uint64_t *out, const char **bad);

/* The names of the features, joined by ' ', into buf; cut where it does not fit. */
void pw_cpu_words(uint64_t features, char *buf, size_t cap);

/* The CPU's name as it says itself; "" where unknown. */
void pw_cpu_name(char *buf, size_t cap);

#endif
