#include "kernels/features.h"

#include <stdio.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

typedef struct name_bits {
    const char *name;
    uint64_t bits;
} name_bits;

static const name_bits feature_names[] = {
    {"avx2", PW_CPU_AVX2},
    {"fma", PW_CPU_FMA},
    {"f16c", PW_CPU_F16C},
    {"avxvnni", PW_CPU_AVXVNNI},
    {"avx512", PW_CPU_AVX512},
    {"avx512vnni", PW_CPU_AVX512VNNI},
    {"avx512bf16", PW_CPU_AVX512BF16},
    {"avx512vbmi", PW_CPU_AVX512VBMI},
    {"neon", PW_CPU_NEON},
    {"dotprod", PW_CPU_DOTPROD},
    {"i8mm", PW_CPU_I8MM},
};

enum { FEATURES = sizeof feature_names / sizeof *feature_names };

/* A word that stands alone may be a level: all features up to it. */
static const name_bits levels[] = {
    {"scalar", 0},
    {"avx2", PW_CPU_AVX2 | PW_CPU_FMA | PW_CPU_F16C},
    {"avx512", PW_CPU_AVX2 | PW_CPU_FMA | PW_CPU_F16C | PW_CPU_AVXVNNI | PW_CPU_AVX512 |
                   PW_CPU_AVX512VNNI | PW_CPU_AVX512BF16 | PW_CPU_AVX512VBMI},
    {"neon", PW_CPU_NEON | PW_CPU_DOTPROD | PW_CPU_I8MM},
};

#if defined(__x86_64__)

/* Which register states the system saves (XCR0). Only where CPUID says OSXSAVE. */
static uint32_t saved_states(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static uint64_t bit(uint32_t word, int at, uint64_t feature)
{
    return (word >> at & 1) != 0 ? feature : 0;
}

uint64_t pw_cpu_detect(void)
{
    enum { OSXSAVE = 27, YMM_STATES = 0x06, ZMM_STATES = 0xe6 };
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c >> OSXSAVE & 1) == 0) return 0;

    const uint32_t saved = saved_states();
    if ((saved & YMM_STATES) != YMM_STATES) return 0;
    const uint32_t basic = c;

    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || bit(b, 5, PW_CPU_AVX2) == 0) return 0;
    const uint32_t sub_leaves = a, wide = b, wide_more = c;

    uint32_t later = 0;
    if (sub_leaves >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d)) later = a;

    uint64_t found = PW_CPU_AVX2 | bit(basic, 12, PW_CPU_FMA) | bit(basic, 29, PW_CPU_F16C) |
                     bit(later, 4, PW_CPU_AVXVNNI);
    const uint32_t avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31; /* F, DQ, BW, VL */
    if ((saved & ZMM_STATES) == ZMM_STATES && (wide & avx512) == avx512) {
        found |= PW_CPU_AVX512 | bit(wide_more, 11, PW_CPU_AVX512VNNI) |
                 bit(later, 5, PW_CPU_AVX512BF16) | bit(wide_more, 1, PW_CPU_AVX512VBMI);
    }
    return found;
}

void pw_cpu_name(char *buf, size_t cap)
{
    if (cap == 0) return;
    char text[49] = "";
    for (uint32_t leaf = 0; leaf < 3; leaf++) {
        uint32_t word[4] = {0};
        if (!__get_cpuid(0x80000002u + leaf, &word[0], &word[1], &word[2], &word[3])) break;
        memcpy(text + 16 * leaf, word, sizeof word);
    }
    const char *from = text + strspn(text, " ");
    snprintf(buf, cap, "%s", from);
    for (size_t end = strlen(buf); end > 0 && buf[end - 1] == ' '; end--) buf[end - 1] = '\0';
}

#else

#if defined(__aarch64__)

uint64_t pw_cpu_detect(void)
{
    /* Bits of the kernel's hwcap words: Documentation/arch/arm64/elf_hwcaps.rst. */
    enum { ASIMD = 1, ASIMDDP = 20, I8MM = 13 };
    const unsigned long one = getauxval(AT_HWCAP), two = getauxval(AT_HWCAP2);
    uint64_t found = 0;
    if ((one >> ASIMD & 1) != 0) found |= PW_CPU_NEON;
    if ((one >> ASIMDDP & 1) != 0) found |= PW_CPU_DOTPROD;
    if ((two >> I8MM & 1) != 0) found |= PW_CPU_I8MM;
    return found;
}

#else

uint64_t pw_cpu_detect(void)
{
    return 0;
}

#endif

void pw_cpu_name(char *buf, size_t cap)
{
    if (cap > 0) buf[0] = '\0';
}

#endif

/* The bits of the name in text[0..length); false where no such name is known. */
static bool find(const name_bits *table, size_t count, const char *text, size_t length,
                 uint64_t *bits)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(table[i].name) == length && memcmp(table[i].name, text, length) == 0) {
            *bits = table[i].bits;
            return true;
        }
    }
    return false;
}

bool pw_cpu_mask(const char *words, uint64_t have, uint64_t *out, const char **bad)
{
    uint64_t bits;
    if (find(levels, sizeof levels / sizeof *levels, words, strlen(words), &bits)) {
        *out = have & bits;
        return true;
    }
    uint64_t wanted = 0;
    for (const char *at = words;; at++) {
        const size_t length = strcspn(at, "+");
        if (!find(feature_names, FEATURES, at, length, &bits)) {
            *bad = at;
            return false;
        }
        wanted |= bits;
        at += length;
        if (*at == '\0') break;
    }
    *out = have & wanted;
    return true;
}

void pw_cpu_words(uint64_t features, char *buf, size_t cap)
{
    if (cap == 0) return;
    buf[0] = '\0';
    size_t used = 0;
    for (size_t i = 0; i < FEATURES; i++) {
        if ((features & feature_names[i].bits) == 0) continue;
        const int wrote =
            snprintf(buf + used, cap - used, "%s%s", used == 0 ? "" : " ", feature_names[i].name);
        if (wrote < 0 || (size_t)wrote >= cap - used) return;
        used += (size_t)wrote;
    }
}
