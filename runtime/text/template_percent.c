/* printf-style formatting: "%s" % x. Source: Python library reference, "printf-style String
 * Formatting". */
#include <string.h>

#include "pw/status.h"
#include "runtime/text/template_format.h"
#include "runtime/text/template_write.h"

/* Where the reading of a format stands. */
typedef struct reader {
    const pw_tpl_string *format;
    size_t at;
    const pw_tpl_value *args;
    pw_tpl_value *items; /* of a tuple, or the one value */
    size_t count, used;
} reader;

static bool more(const reader *r)
{
    return r->at < r->format->bytes;
}

static pewter_status next_value(pw_tpl_vm *vm, reader *r, pw_tpl_value *out)
{
    if (r->used == r->count) return pw_tpl_fail(vm, "not enough values for a format");
    *out = r->items[r->used++];
    return PEWTER_OK;
}

/* The key in "%(key)s", with "(" standing here: the value of the dictionary. */
static pewter_status keyed_value(pw_tpl_vm *vm, reader *r, pw_tpl_value *out)
{
    const size_t begin = ++r->at;
    size_t depth = 1;
    for (; more(r); r->at++) {
        if (r->format->text[r->at] == '(') depth++;
        if (r->format->text[r->at] == ')' && --depth == 0) break;
    }
    if (!more(r)) return pw_tpl_fail(vm, "a key in a format has no end");
    if (r->args->kind != PW_TPL_DICT)
        return pw_tpl_fail(vm, "a format with keys wants a dictionary");
    pw_tpl_value key;
    const pw_tpl_value *found;
    PW_TRY(pw_tpl_string_part(vm, r->format, begin, r->at++, &key));
    PW_TRY(pw_tpl_dict_find(vm, r->args->as.dict, &key, &found));
    if (found == NULL) return pw_tpl_fail(vm, "a format asks for a key that is not there");
    *out = *found;
    return PEWTER_OK;
}

/* A width or a precision: digits, or "*" for the next value. */
static pewter_status read_size(pw_tpl_vm *vm, reader *r, int64_t *out)
{
    enum { MOST = 1 << 20 };
    *out = 0;
    if (more(r) && r->format->text[r->at] == '*') {
        pw_tpl_value value;
        r->at++;
        PW_TRY(next_value(vm, r, &value));
        PW_TRY(pw_tpl_arg_int(vm, &value, 0, out));
    }
    for (; more(r) && r->format->text[r->at] >= '0' && r->format->text[r->at] <= '9'; r->at++) {
        *out = *out * 10 + (r->format->text[r->at] - '0');
        if (*out > MOST) break;
    }
    if (*out > MOST || *out < -MOST) return pw_tpl_fail(vm, "a format is too wide");
    return PEWTER_OK;
}

static void read_flags(reader *r, pw_tpl_layout *layout)
{
    for (; more(r); r->at++) {
        const char c = r->format->text[r->at];
        if (c == '-')
            layout->align = '<';
        else if (c == '+' || (c == ' ' && layout->sign != '+'))
            layout->sign = c;
        else if (c == '#')
            layout->alternate = true;
        else if (c == '0')
            layout->fill[0] = '0';
        else if (c != ' ')
            break;
    }
}

/* Writes %s, %r, %a. */
static pewter_status put_words(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_value *value,
                               pw_tpl_layout *layout)
{
    pw_tpl_buffer text = {0};
    pw_tpl_value string;
    if (layout->type == 's')
        PW_TRY(pw_tpl_write(vm, &text, value));
    else
        PW_TRY(pw_tpl_write_repr(vm, &text, value));
    PW_TRY(pw_tpl_string_of(vm, &text, &string));
    layout->type = 's';
    layout->fill_bytes = 0;
    return pw_tpl_lay_out(vm, buffer, &string, layout);
}

/* Integers of at least `precision` digits: zeros before them. */
static pewter_status put_padded(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_value *value,
                                const pw_tpl_layout *layout)
{
    pw_tpl_layout inner = *layout;
    pw_tpl_buffer text = {0};
    pw_tpl_value string;
    const bool sign = (value->kind == PW_TPL_INT && value->as.i < 0) || layout->sign != '\0';
    inner.fill[0] = '0';
    inner.fill_bytes = 1;
    inner.align = '=';
    inner.width = (size_t)layout->precision + sign + (layout->alternate ? 2 : 0);
    inner.precision = -1;
    PW_TRY(pw_tpl_lay_out(vm, &text, value, &inner));
    PW_TRY(pw_tpl_string_of(vm, &text, &string));
    inner = *layout;
    inner.type = 's';
    inner.precision = -1;
    inner.fill_bytes = 0;
    if (inner.align == '=') inner.align = '>';
    return pw_tpl_lay_out(vm, buffer, &string, &inner);
}

/* Writes %d and the like, and the forms of floats. */
static pewter_status put_number(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_value *value,
                                pw_tpl_layout *layout)
{
    pw_tpl_value number = *value;
    if (layout->fill[0] == '0' && layout->align != '<') {
        layout->fill_bytes = 1;
        layout->align = '=';
    }
    if (strchr("diu", layout->type) != NULL) {
        layout->type = 'd';
        if (number.kind == PW_TPL_FLOAT) {
            if (!(number.as.f > -9.2e18 && number.as.f < 9.2e18))
                return pw_tpl_fail(vm, "a number passes 64 bits");
            number = pw_tpl_int((int64_t)number.as.f);
            number.user = value->user;
        }
    }
    if (value->kind == PW_TPL_UNDEFINED) return pw_tpl_fail(vm, "%s", value->as.why);
    if (value->kind < PW_TPL_BOOL || value->kind > PW_TPL_FLOAT)
        return pw_tpl_fail(vm, "the format '%%%c' wants a number, not a %s", layout->type,
                           pw_tpl_type(value));
    if (strchr("doxX", layout->type) != NULL && layout->precision >= 0)
        return put_padded(vm, buffer, &number, layout);
    if (layout->precision > 300) return pw_tpl_fail(vm, "a format asks for too many decimals");
    return pw_tpl_lay_out(vm, buffer, &number, layout);
}

static pewter_status put_char(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_value *value,
                              pw_tpl_layout *layout)
{
    layout->precision = -1;
    if (value->kind == PW_TPL_STRING) {
        if (value->as.string->chars != 1)
            return pw_tpl_fail(vm, "the format '%%c' wants one character");
        layout->type = 's';
    }
    return pw_tpl_lay_out(vm, buffer, value, layout);
}

/* One "%..." whose percent sign is passed. */
static pewter_status put_one(pw_tpl_vm *vm, reader *r, pw_tpl_buffer *buffer)
{
    pw_tpl_layout layout = {.align = '>', .precision = -1};
    pw_tpl_value value = {.kind = PW_TPL_MISSING};
    int64_t size;
    if (more(r) && r->format->text[r->at] == '(') PW_TRY(keyed_value(vm, r, &value));
    read_flags(r, &layout);
    PW_TRY(read_size(vm, r, &size));
    if (size < 0) layout.align = '<';
    layout.width = (size_t)(size < 0 ? -size : size);
    if (more(r) && r->format->text[r->at] == '.') {
        r->at++;
        PW_TRY(read_size(vm, r, &size));
        layout.precision = size < 0 ? 0 : (int)size;
    }
    while (more(r) && strchr("hlL", r->format->text[r->at]) != NULL && r->format->text[r->at] != 0)
        r->at++;
    if (!more(r)) return pw_tpl_fail(vm, "a format is incomplete");
    layout.type = r->format->text[r->at++];
    if (layout.type == '%') return pw_tpl_put_part(vm, buffer, r->format, r->at - 1, r->at);
    if (layout.type == '\0' || strchr("diouxXeEfFgGcrsa", layout.type) == NULL)
        return pw_tpl_fail(vm, "a format does not know '%%%c'", layout.type);
    if (value.kind == PW_TPL_MISSING) PW_TRY(next_value(vm, r, &value));
    if (layout.type == 'c') return put_char(vm, buffer, &value, &layout);
    if (strchr("rsa", layout.type) != NULL) return put_words(vm, buffer, &value, &layout);
    return put_number(vm, buffer, &value, &layout);
}

pewter_status pw_tpl_percent(pw_tpl_vm *vm, const pw_tpl_string *format, const pw_tpl_value *args,
                             pw_tpl_value *out)
{
    pw_tpl_value one = *args;
    reader r = {.format = format, .args = args, .items = &one, .count = 1};
    pw_tpl_buffer buffer = {0};
    const bool tuple = args->kind == PW_TPL_SEQ && (args->as.seq->flavour == PW_TPL_TUPLE ||
                                                    args->as.seq->flavour == PW_TPL_GROUP);
    if (tuple) {
        r.items = args->as.seq->items;
        r.count = args->as.seq->count;
    }
    PW_TRY(pw_tpl_spend_bytes(vm, format->bytes));
    while (more(&r)) {
        const char *percent = memchr(format->text + r.at, '%', format->bytes - r.at);
        const size_t next = percent == NULL ? format->bytes : (size_t)(percent - format->text);
        PW_TRY(pw_tpl_put_part(vm, &buffer, format, r.at, next));
        r.at = next;
        if (percent == NULL) break;
        r.at++;
        PW_TRY(pw_tpl_spend(vm, 1));
        PW_TRY(put_one(vm, &r, &buffer));
    }
    /* What has keys or indices, and is no tuple, may be left unused. */
    const bool spare = args->kind == PW_TPL_DICT || args->kind == PW_TPL_UNDEFINED ||
                       (args->kind == PW_TPL_SEQ && !tuple);
    if (r.used < r.count && !spare) return pw_tpl_fail(vm, "a format leaves values over");
    return pw_tpl_string_of(vm, &buffer, out);
}
