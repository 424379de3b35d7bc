#include "tools/textbuf.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/text/json.h"

/* Room for `bytes` more and a NUL. */
static bool grow(textbuf *t, size_t bytes)
{
    if (t->failed) return false;
    if (bytes < t->cap - t->bytes) return true;
    const size_t cap = 2 * t->cap + bytes + 256;
    char *data = realloc(t->data, cap);
    if (data == NULL) {
        t->failed = true;
        return false;
    }
    t->data = data;
    t->cap = cap;
    return true;
}

void text_add(textbuf *t, const char *data, size_t bytes)
{
    if (!grow(t, bytes)) return;
    if (bytes > 0) memcpy(t->data + t->bytes, data, bytes);
    t->bytes += bytes;
    t->data[t->bytes] = 0;
}

void text_print(textbuf *t, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0) t->failed = true;
    if (length >= 0 && grow(t, (size_t)length)) {
        vsnprintf(t->data + t->bytes, t->cap - t->bytes, format, again);
        t->bytes += (size_t)length;
    }
    va_end(again);
}

void text_json(textbuf *t, const char *data, size_t bytes)
{
    const size_t need = pw_json_quote(data, bytes, NULL, 0);
    if (!grow(t, need)) return;
    pw_json_quote(data, bytes, t->data + t->bytes, t->cap - t->bytes);
    t->bytes += need;
}

void text_number(textbuf *t, double number)
{
    if (isfinite(number))
        text_print(t, "%.9g", number);
    else
        text_add(t, "null", 4);
}

void text_free(textbuf *t)
{
    free(t->data);
    *t = (textbuf){0};
}

void text_wipe(textbuf *t)
{
    if (t->data != NULL) explicit_bzero(t->data, t->cap);
    text_free(t);
}
