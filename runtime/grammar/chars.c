#include "runtime/grammar/chars.h"

#include <string.h>

bool pw_chars_add(pw_chars *set, uint32_t lo, uint32_t hi)
{
    int32_t from = 0;
    while (from < set->n && set->ranges[from].hi + 1 < lo) from++;
    int32_t to = from; /* ranges [from, to) touch the new one and become part of it */
    for (; to < set->n && set->ranges[to].lo <= hi + 1; to++) {
        if (set->ranges[to].lo < lo) lo = set->ranges[to].lo;
        if (set->ranges[to].hi > hi) hi = set->ranges[to].hi;
    }
    /* One slot stays free, for a set that is inverted has a range more. */
    if (from == to && set->n == PW_CHARS_RANGES - 1) return false;
    memmove(&set->ranges[from + 1], &set->ranges[to], (size_t)(set->n - to) * sizeof *set->ranges);
    set->n += 1 - (to - from);
    set->ranges[from] = (pw_range){lo, hi};
    return true;
}

bool pw_chars_join(pw_chars *set, const pw_chars *other)
{
    for (int32_t i = 0; i < other->n; i++)
        if (!pw_chars_add(set, other->ranges[i].lo, other->ranges[i].hi)) return false;
    return true;
}

void pw_chars_invert(pw_chars *set)
{
    pw_chars out = {0};
    uint32_t next = 0;
    for (int32_t i = 0; i < set->n; i++) {
        if (set->ranges[i].lo > next) out.ranges[out.n++] = (pw_range){next, set->ranges[i].lo - 1};
        next = set->ranges[i].hi + 1;
    }
    if (next <= 0x10fffe) out.ranges[out.n++] = (pw_range){next, 0x10fffe};
    *set = out;
}

bool pw_chars_named(pw_chars *set, char letter)
{
    static const pw_range digits[] = {{'0', '9'}};
    static const pw_range word[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
    static const pw_range space[] = {
        {'\t', '\r'},     {' ', ' '},       {0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200a},
        {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}, {0xfeff, 0xfeff}};
    const struct {
        char letter;
        const pw_range *ranges;
        size_t n;
    } sets[] = {{'d', digits, sizeof digits / sizeof *digits},
                {'w', word, sizeof word / sizeof *word},
                {'s', space, sizeof space / sizeof *space}};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        if ((letter | 0x20) != sets[i].letter) continue;
        memcpy(set->ranges, sets[i].ranges, sets[i].n * sizeof *set->ranges);
        set->n = (int32_t)sets[i].n;
        if (letter != sets[i].letter) pw_chars_invert(set);
        return true;
    }
    return false;
}

void pw_chars_dot(pw_chars *set)
{
    static const pw_range ends[] = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};
    memcpy(set->ranges, ends, sizeof ends);
    set->n = sizeof ends / sizeof *ends;
    pw_chars_invert(set);
}
