/* How one value is laid out: what "%5.2f" % x and "{:>5.2f}".format(x) share. */
#include "runtime/text/template_format.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "pw/status.h"
#include "runtime/text/template_char.h"
#include "runtime/text/template_write.h"

/* The text of a number without its sign: prefix, then digits and what follows. */
typedef struct digits {
    char text[700];
    size_t bytes, prefix; /* prefix: bytes of "0x" and the like, within text */
    size_t whole;         /* bytes of the integer digits behind the prefix */
    bool negative;
} digits;

/* ---- Numbers ------------------------------------------------------------------------------ */

static bool is_whole_type(char type)
{
    return type != '\0' && strchr("bcdoxX", type) != NULL;
}

static bool is_real_type(char type)
{
    return type != '\0' && strchr("eEfFgG%", type) != NULL;
}

static void whole_digits(int64_t value, char type, bool alternate, digits *out)
{
    const unsigned base = type == 'b' ? 2 : type == 'o' ? 8 : type == 'x' || type == 'X' ? 16 : 10;
    const char *const alphabet = type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char back[64];
    size_t count = 0;
    do {
        back[count++] = alphabet[left % base];
        left /= base;
    } while (left > 0);
    out->negative = value < 0;
    if (alternate && base != 10) {
        out->text[out->bytes++] = '0';
        out->text[out->bytes++] = type;
        out->prefix = 2;
    }
    for (size_t i = 0; i < count; i++) out->text[out->bytes++] = back[count - 1 - i];
    out->whole = count;
}

/* Bytes of the digits that `text` begins with. */
static size_t leading_digits(const char *text, size_t bytes)
{
    size_t count = 0;
    while (count < bytes && text[count] >= '0' && text[count] <= '9') count++;
    return count;
}

static bool real_digits(double value, const pw_tpl_layout *layout, digits *out)
{
    const bool percent = layout->type == '%';
    const char style = percent ? 'f' : layout->type == '\0' ? 'g' : layout->type;
    out->negative = signbit(value) != 0 && !isnan(value);
    double size = fabs(value);
    if (percent) size *= 100.0;
    if (layout->type == '\0' && layout->precision < 0) {
        out->bytes = pw_tpl_float_text(size, out->text);
    } else {
        out->bytes = pw_tpl_float_style(size, style, layout->precision < 0 ? 6 : layout->precision,
                                        layout->alternate, out->text, sizeof out->text - 4);
    }
    if (out->bytes == 0) return false;
    if (layout->type == '\0' && isfinite(size) && strpbrk(out->text, ".e") == NULL) {
        memcpy(out->text + out->bytes, ".0", 3);
        out->bytes += 2;
    }
    if (percent) out->text[out->bytes++] = '%';
    out->whole = leading_digits(out->text, out->bytes);
    return true;
}

/* The digits of a value by a layout's type. */
static pewter_status number_digits(pw_tpl_vm *vm, const pw_tpl_value *value,
                                   const pw_tpl_layout *layout, digits *out)
{
    bool whole;
    int64_t i = 0;
    double f;
    *out = (digits){0};
    if (!pw_tpl_number(value, &whole, &i, &f))
        return pw_tpl_fail(vm, "the format '%c' wants a number, not a %s", layout->type,
                           pw_tpl_type(value));
    if (whole && !is_real_type(layout->type)) {
        if (layout->precision >= 0)
            return pw_tpl_fail(vm, "an integer is formatted without a precision");
        whole_digits(i, layout->type, layout->alternate, out);
        return PEWTER_OK;
    }
    if (is_whole_type(layout->type))
        return pw_tpl_fail(vm, "the format '%c' wants an integer", layout->type);
    if (!real_digits(f, layout, out))
        return pw_tpl_fail(vm, "a number is too long to be formatted");
    return PEWTER_OK;
}

/* ---- Padding ------------------------------------------------------------------------------ */

static pewter_status put_fill(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_layout *layout,
                              size_t count)
{
    const char *fill = layout->fill_bytes > 0 ? layout->fill : " ";
    const size_t bytes = layout->fill_bytes > 0 ? layout->fill_bytes : 1;
    PW_TRY(pw_tpl_spend(vm, count / 8));
    for (size_t i = 0; i < count; i++)
        PW_TRY(pw_tpl_put(vm, buffer, fill, bytes, layout->fill_user));
    return PEWTER_OK;
}

/* Digits with the group's mark after each three (or four of other bases). */
static pewter_status put_grouped(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const digits *number,
                                 const pw_tpl_layout *layout, bool user)
{
    const size_t step = layout->type != '\0' && strchr("boxX", layout->type) != NULL ? 4 : 3;
    const char *at = number->text + number->prefix;
    for (size_t i = 0; i < number->whole; i++) {
        if (i > 0 && (number->whole - i) % step == 0)
            PW_TRY(pw_tpl_put(vm, buffer, &layout->group, 1, user));
        PW_TRY(pw_tpl_put(vm, buffer, at + i, 1, user));
    }
    const size_t done = number->prefix + number->whole;
    return pw_tpl_put(vm, buffer, number->text + done, number->bytes - done, user);
}

static pewter_status put_number(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_value *value,
                                const pw_tpl_layout *layout)
{
    digits number;
    PW_TRY(number_digits(vm, value, layout, &number));
    const bool positive = !number.negative && (layout->sign == '+' || layout->sign == ' ');
    const char sign = (char)(number.negative ? '-' : positive ? layout->sign : '\0');
    const size_t step = layout->type != '\0' && strchr("boxX", layout->type) != NULL ? 4 : 3;
    size_t length = number.bytes + (sign != '\0');
    if (layout->group != '\0' && number.whole > 0) length += (number.whole - 1) / step;

    const size_t pad = layout->width > length ? layout->width - length : 0;
    const size_t before = layout->align == '<' || layout->align == '=' ? 0
                          : layout->align == '^'                       ? pad / 2
                                                                       : pad;
    const size_t within = layout->align == '=' ? pad : 0;
    PW_TRY(put_fill(vm, buffer, layout, before));
    if (sign != '\0') PW_TRY(pw_tpl_put(vm, buffer, &sign, 1, value->user));
    PW_TRY(pw_tpl_put(vm, buffer, number.text, number.prefix, value->user));
    PW_TRY(put_fill(vm, buffer, layout, within));
    if (layout->group != '\0')
        PW_TRY(put_grouped(vm, buffer, &number, layout, value->user));
    else
        PW_TRY(pw_tpl_put(vm, buffer, number.text + number.prefix, number.bytes - number.prefix,
                          value->user));
    return put_fill(vm, buffer, layout, pad - before - within);
}

static pewter_status put_text(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_string *string,
                              const pw_tpl_layout *layout)
{
    size_t chars = string->chars, bytes = string->bytes;
    if (layout->precision >= 0 && (size_t)layout->precision < chars) {
        chars = (size_t)layout->precision;
        bytes = pw_tpl_offset(string->text, string->bytes, string->chars, chars);
    }
    const size_t pad = layout->width > chars ? layout->width - chars : 0;
    const size_t before = layout->align == '>' || layout->align == '=' ? pad
                          : layout->align == '^'                       ? pad / 2
                                                                       : 0;
    PW_TRY(put_fill(vm, buffer, layout, before));
    PW_TRY(pw_tpl_put_part(vm, buffer, string, 0, bytes));
    return put_fill(vm, buffer, layout, pad - before);
}

/* A character by its code. */
static pewter_status put_code(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_value *value,
                              const pw_tpl_layout *layout)
{
    bool whole;
    int64_t i = 0;
    double f;
    char text[4];
    if (!pw_tpl_number(value, &whole, &i, &f) || !whole)
        return pw_tpl_fail(vm, "the format 'c' wants an integer");
    if (i < 0 || i > 0x10ffff) return pw_tpl_fail(vm, "there is no character of that number");
    const size_t bytes = pw_tpl_encode((uint32_t)i, text);
    const pw_tpl_string string = {.text = text, .bytes = bytes, .chars = 1, .user = value->user};
    return put_text(vm, buffer, &string, layout);
}

pewter_status pw_tpl_lay_out(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_value *value,
                             const pw_tpl_layout *layout)
{
    if (layout->type == 'c') return put_code(vm, buffer, value, layout);
    if (value->kind != PW_TPL_STRING && layout->type != 's')
        return put_number(vm, buffer, value, layout);
    if (value->kind != PW_TPL_STRING || (layout->type != '\0' && layout->type != 's'))
        return pw_tpl_fail(vm, "the format '%c' does not take a %s", layout->type,
                           pw_tpl_type(value));
    return put_text(vm, buffer, value->as.string, layout);
}
