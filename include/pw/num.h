/* Checked size arithmetic: every size that comes from outside goes through here. */
#ifndef PW_NUM_H
#define PW_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pw/attr.h"

/* *out = a b; false, with *out untouched, if that does not fit. */
PW_MUST static inline bool pw_mul(size_t a, size_t b, size_t *out)
{
    size_t product;
    if (__builtin_mul_overflow(a, b, &product)) return false;
    *out = product;
    return true;
}

/* *out = a + b; false, with *out untouched, if that does not fit. */
PW_MUST static inline bool pw_add(size_t a, size_t b, size_t *out)
{
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum)) return false;
    *out = sum;
    return true;
}

/* *out = the least multiple of `align` (a power of two) that is not below `value`. */
PW_MUST static inline bool pw_align(size_t value, size_t align, size_t *out)
{
    size_t sum;
    if (__builtin_add_overflow(value, align - 1, &sum)) return false;
    *out = sum & ~(align - 1);
    return true;
}

/* The same for sizes that are known to be small. */
static inline size_t pw_align_up(size_t value, size_t align)
{
    return (value + align - 1) & ~(align - 1);
}

static inline int64_t pw_ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static inline int64_t pw_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t pw_max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

#endif
