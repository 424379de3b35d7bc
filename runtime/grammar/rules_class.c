/* Classes of characters as bytes: UTF-8, plain or within a JSON string. */
#include <stdio.h>

#include "runtime/grammar/rules.h"
#include "runtime/text/utf8.h"

/* One path of `size` bytes, each of its own range. */
static void add_path(pw_rules *g, int32_t from, int32_t to, const char *lo, const char *hi,
                     size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const int32_t next = i + 1 == size ? to : pw_rules_node(g);
        pw_rules_bytes(g, from, next, (uint8_t)lo[i], (uint8_t)hi[i]);
        from = next;
    }
}

/* Characters of [lo, hi], which have the same number of bytes: cut into pieces within which the bytes behind
 * the first difference run over all their values. Source: Cox 2010, "Regular expression matching in the
 * wild". */
static void add_range(pw_rules *g, int32_t from, int32_t to, uint32_t lo, uint32_t hi)
{
    while (g->failed == PEWTER_OK) {
        uint32_t part = hi; /* the end of the first piece */
        for (uint32_t bits = 6; bits <= 18 && lo >> bits != part >> bits; bits += 6) {
            const uint32_t tail = (1u << bits) - 1;
            if ((lo & tail) != 0) {
                part = lo | tail;
                break;
            }
            if ((part & tail) != tail) part = (part & ~tail) - 1;
        }
        char first[4] = {0}, last[4] = {0};
        const size_t size = pw_utf8_put(lo, first);
        (void)pw_utf8_put(part, last);
        add_path(g, from, to, first, last, size);
        if (part == hi) return;
        lo = part + 1;
    }
}

/* Characters of [lo, hi] by their UTF-8; surrogates are none. */
static void add_utf8(pw_rules *g, int32_t from, int32_t to, uint32_t lo, uint32_t hi)
{
    static const pw_range forms[] = {
        {0, 0x7f}, {0x80, 0x7ff}, {0x800, 0xd7ff}, {0xe000, 0xffff}, {0x10000, 0x10ffff}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const uint32_t a = lo > forms[i].lo ? lo : forms[i].lo;
        const uint32_t b = hi < forms[i].hi ? hi : forms[i].hi;
        if (a <= b) add_range(g, from, to, a, b);
    }
}

/* How a character stands in a JSON string (RFC 8259, section 7): each in one way, the shortest. */
static void add_escape(pw_rules *g, int32_t from, int32_t to, uint32_t code)
{
    static const char shortly[][2] = {{'"', '"'},  {'\\', '\\'}, {'\b', 'b'}, {'\f', 'f'},
                                      {'\n', 'n'}, {'\r', 'r'},  {'\t', 't'}};
    char text[8];
    snprintf(text, sizeof text, "\\u%04x", code);
    for (size_t i = 0; i < sizeof shortly / sizeof *shortly; i++)
        if (code == (uint32_t)shortly[i][0]) snprintf(text, sizeof text, "\\%c", shortly[i][1]);
    size_t bytes = 0;
    while (text[bytes] != 0) bytes++;
    const int32_t at = pw_rules_text(g, from, text, bytes - 1);
    pw_rules_bytes(g, at, to, (uint8_t)text[bytes - 1], (uint8_t)text[bytes - 1]);
}

/* A class that many take, as one rule for all of them. */
typedef void add_fn(pw_rules *g, int32_t from, int32_t to);

static void call_shared(pw_rules *g, int32_t from, int32_t to, int32_t *shared, add_fn *add)
{
    if (*shared == 0) {
        const int32_t rule = pw_rules_rule(g), begin = pw_rules_begin(g, rule);
        const int32_t end = pw_rules_node(g);
        add(g, begin, end);
        pw_rules_end(g, rule, end);
        *shared = rule + 1;
    }
    pw_rules_call(g, from, to, *shared - 1, 1, 1);
}

/* All characters that are not ASCII. */
static void add_beyond(pw_rules *g, int32_t from, int32_t to)
{
    add_utf8(g, from, to, 0x80, 0x10fffe);
}

/* All that are always escaped in a JSON string. */
static void add_controls(pw_rules *g, int32_t from, int32_t to)
{
    for (uint32_t code = 0; code < 0x20; code++) add_escape(g, from, to, code);
}

static bool is_escaped(uint32_t code)
{
    return code < 0x20 || code == '"' || code == '\\';
}

void pw_rules_class(pw_rules *g, int32_t from, int32_t to, const pw_range *ranges, size_t count,
                    bool json)
{
    for (size_t i = 0; i < count && g->failed == PEWTER_OK; i++) {
        uint32_t lo = ranges[i].lo;
        uint32_t hi = ranges[i].hi;
        if (lo <= 0x80 && hi == 0x10fffe) {
            call_shared(g, from, to, &g->beyond, add_beyond);
            hi = 0x7f;
        }
        if (json && lo == 0 && hi >= 0x1f) {
            call_shared(g, from, to, &g->controls, add_controls);
            lo = 0x20;
        }
        /* Up to the backslash single characters are written in another way. */
        for (uint32_t code = lo; json && code <= hi && code <= '\\'; code++) {
            if (!is_escaped(code)) continue;
            if (code > lo) add_utf8(g, from, to, lo, code - 1);
            add_escape(g, from, to, code);
            lo = code + 1;
        }
        if (lo <= hi) add_utf8(g, from, to, lo, hi);
    }
}
