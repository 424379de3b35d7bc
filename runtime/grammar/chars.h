/* Sets of characters. */
#ifndef PW_RUNTIME_GRAMMAR_CHARS_H
#define PW_RUNTIME_GRAMMAR_CHARS_H

#include "runtime/grammar/rules.h"

enum { PW_CHARS_RANGES = 256 };

/* Sorted ranges that do not touch. Zero-initialised: none. */
typedef struct pw_chars {
    pw_range ranges[PW_CHARS_RANGES];
    int32_t n;
} pw_chars;

/* False: too many ranges. */
bool pw_chars_add(pw_chars *set, uint32_t lo, uint32_t hi);
bool pw_chars_join(pw_chars *set, const pw_chars *other);

/* All characters but these. */
void pw_chars_invert(pw_chars *set);

/* \d, \w, \s, \D, \W or \S as ECMA-262 has them, added to an empty set; false for other letters. */
bool pw_chars_named(pw_chars *set, char letter);

/* What `.` takes in ECMA-262: all but the ends of lines. */
void pw_chars_dot(pw_chars *set);

/* 0 to 15, -1: no hexadecimal digit. */
static inline int pw_hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

#endif
