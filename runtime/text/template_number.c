/* Numbers to text and back, as Python has them, whatever the locale. */
#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/text/template_char.h"
#include "runtime/text/template_write.h"

/* strtod in the C locale; false where the text does not end with the number. */
static bool parse(const char *text, double *out)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (c == (locale_t)0) return false;
    char *end;
    *out = strtod_l(text, &end, c);
    freelocale(c);
    return end != text && *end == '\0';
}

size_t pw_tpl_float_style(double number, char style, int digits, bool alternate, char *out,
                          size_t cap)
{
    const char format[] = {'%', alternate ? '#' : '-', '.', '*', style, '\0'};
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (c == (locale_t)0) return 0;
    const locale_t before = uselocale(c);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    const int length = snprintf(out, cap, format, digits, number);
#pragma GCC diagnostic pop
    uselocale(before);
    freelocale(c);
    return length > 0 && (size_t)length < cap ? (size_t)length : 0;
}

/* The least digits in the form d.ddde+xx that give `number` again: the digits without the point into
 * `digits`, the exponent into *exponent; returns how many. */
static size_t shortest(double number, char digits[20], int *exponent)
{
    char text[40] = "";
    for (int precision = 0; precision < 17; precision++) {
        double again = 0.0;
        if (pw_tpl_float_style(number, 'e', precision, false, text, sizeof text) == 0) break;
        if (precision == 16 || (parse(text, &again) && again == number)) break;
    }
    size_t count = 0;
    const char *at = text;
    for (; *at != '\0' && *at != 'e'; at++)
        if (isdigit((unsigned char)*at)) digits[count++] = *at;
    *exponent = *at == 'e' ? atoi(at + 1) : 0;
    return count;
}

size_t pw_tpl_float_text(double number, char out[PW_TPL_FLOAT_TEXT])
{
    if (isnan(number) || isinf(number)) {
        const char *name = isnan(number) ? "nan" : number < 0 ? "-inf" : "inf";
        return (size_t)snprintf(out, PW_TPL_FLOAT_TEXT, "%s", name);
    }
    char digits[20] = "";
    int exponent;
    const size_t count = shortest(fabs(number), digits, &exponent);
    size_t at = 0;
    if (signbit(number)) out[at++] = '-';

    if (exponent < -4 || exponent >= 16) {
        out[at++] = digits[0];
        if (count > 1) out[at++] = '.';
        for (size_t i = 1; i < count; i++) out[at++] = digits[i];
        at += (size_t)snprintf(out + at, PW_TPL_FLOAT_TEXT - at, "e%c%02d",
                               exponent < 0 ? '-' : '+', abs(exponent));
        return at;
    }
    const int last = (int)count > exponent + 2 ? (int)count : exponent + 2;
    for (int i = exponent < 0 ? exponent : 0; i < last; i++) {
        out[at++] = i >= 0 && i < (int)count ? digits[i] : '0';
        if (i == exponent) out[at++] = '.';
    }
    out[at] = '\0';
    return at;
}

/* Copies a number's text without spaces around it and underscores between digits; false where it
 * cannot be one or does not fit. */
static bool trimmed(const pw_tpl_string *text, char *out, size_t cap)
{
    size_t begin = 0, end = text->bytes, length = 0;
    uint32_t c;
    while (begin < end) {
        const size_t step = pw_tpl_decode(text->text + begin, end - begin, &c);
        if (!pw_tpl_is_space(c)) break;
        begin += step;
    }
    while (end > begin) {
        const size_t step = pw_tpl_decode_last(text->text, end, &c);
        if (!pw_tpl_is_space(c)) break;
        end -= step;
    }
    for (size_t i = begin; i < end; i++) {
        const unsigned char now = (unsigned char)text->text[i];
        if (now == '_') {
            if (i == begin || i + 1 == end || !isxdigit((unsigned char)text->text[i - 1]) ||
                !isxdigit((unsigned char)text->text[i + 1]))
                return false;
            continue;
        }
        if (now <= ' ' || now >= 0x7f || length + 1 >= cap) return false;
        out[length++] = (char)now;
    }
    out[length] = '\0';
    return length > 0;
}

bool pw_tpl_float_of(const pw_tpl_string *text, double *out)
{
    char number[1100];
    if (!trimmed(text, number, sizeof number)) return false;
    const char *digits = number + (number[0] == '-' || number[0] == '+');
    const bool named = *digits != '.' && !isdigit((unsigned char)*digits);
    for (const char *at = digits; *at != '\0'; at++)
        if (*at == 'x' || *at == 'X' || *at == '(') return false;
    double value;
    if (!parse(number, &value) || (named && !isinf(value) && !isnan(value))) return false;
    *out = value;
    return true;
}

/* Skips the prefix 0b, 0o or 0x where the base allows it, and finds base 0's meaning. */
static const char *prefix(const char *at, int *base)
{
    const int marked = at[0] != '0'                   ? 0
                       : at[1] == 'x' || at[1] == 'X' ? 16
                       : at[1] == 'o' || at[1] == 'O' ? 8
                       : at[1] == 'b' || at[1] == 'B' ? 2
                                                      : 0;
    if (marked != 0 && (*base == 0 || *base == marked)) {
        *base = marked;
        return at + 2;
    }
    if (*base == 0) *base = 10;
    return at;
}

bool pw_tpl_int_of(const pw_tpl_string *text, int base, int64_t *out)
{
    char number[80];
    if ((base != 0 && base < 2) || base > 36 || !trimmed(text, number, sizeof number)) return false;
    const bool negative = number[0] == '-';
    const char *at = prefix(number + (negative || number[0] == '+'), &base);
    if (*at == '\0') return false;

    int64_t value = 0;
    for (; *at != '\0'; at++) {
        const int c = tolower((unsigned char)*at);
        const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'z' ? c - 'a' + 10 : 36;
        if (digit >= base) return false;
        if (__builtin_mul_overflow(value, (int64_t)base, &value)) return false;
        if (__builtin_add_overflow(value, (int64_t)(negative ? -digit : digit), &value))
            return false;
    }
    *out = value;
    return true;
}
