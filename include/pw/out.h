/* Text into a buffer of the caller: counts what would be needed, never writes past the end. */
#ifndef PW_OUT_H
#define PW_OUT_H

#include <locale.h>
#include <stdarg.h>
#include <stdio.h>

#include "pewter.h"
#include "pw/attr.h"

typedef struct pw_out {
    char *buf;
    size_t cap, at; /* `at` may pass `cap`: the length that the whole text has */
} pw_out;

/* Numbers are written with a point, whatever the locale of the program. */
PW_PRINTF(2, 3)
static inline void pw_print(pw_out *out, const char *format, ...)
{
    const size_t left = out->at < out->cap ? out->cap - out->at : 0;
    const locale_t plain =
        newlocale(LC_ALL_MASK, "C", (locale_t)0); /* 0 would leave all as it is */
    const locale_t before = uselocale(plain);
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(left > 0 ? out->buf + out->at : NULL, left, format, args);
    va_end(args);
    uselocale(before);
    if (plain != (locale_t)0) freelocale(plain);
    if (length > 0) out->at += (size_t)length;
}

/* A JSON string with its quotes. Bytes that are not UTF-8 are the caller's to avoid. */
static inline void pw_print_json(pw_out *out, const char *text)
{
    pw_print(out, "\"");
    for (const char *c = text; *c != 0; c++) {
        if (*c == '"' || *c == '\\')
            pw_print(out, "\\%c", *c);
        else if ((unsigned char)*c < 0x20)
            pw_print(out, "\\u%04x", (unsigned)*c);
        else
            pw_print(out, "%c", *c);
    }
    pw_print(out, "\"");
}

/* Bytes in words: "98.4 MB". */
static inline void pw_print_bytes(pw_out *out, double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t unit = 0;
    while (bytes >= 1000.0 && unit + 1 < sizeof units / sizeof *units) {
        bytes /= 1000.0;
        unit++;
    }
    pw_print(out, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
}

/* Ends the text: *need is its bytes with the final NUL. */
static inline void pw_out_end(pw_out *out, size_t *need)
{
    if (out->cap > 0) out->buf[out->at < out->cap ? out->at : out->cap - 1] = 0;
    *need = out->at + 1;
}

#endif
