/* "{}".format(x). Source: Python library reference, "Format String Syntax". */
#include <string.h>

#include "pw/status.h"
#include "runtime/text/template_char.h"
#include "runtime/text/template_format.h"
#include "runtime/text/template_write.h"

/* What the fields of a format are filled from. */
typedef struct source {
    const pw_tpl_args *args;
    size_t next; /* of the fields without a number */
    bool counted, numbered;
} source;

/* ---- Fields ------------------------------------------------------------------------------- */

/* An index of digits only; false if it is not one, or too large. */
static bool index_of(const char *text, size_t bytes, size_t *out)
{
    *out = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] < '0' || text[i] > '9' || i >= 9) return false;
        *out = *out * 10 + (size_t)(text[i] - '0');
    }
    return bytes > 0;
}

/* The value that a field begins with: by place or by name. */
static pewter_status first_value(pw_tpl_vm *vm, source *from, const char *name, size_t bytes,
                                 pw_tpl_value *out)
{
    size_t index;
    const bool number = index_of(name, bytes, &index);
    if (bytes == 0) index = from->next++;
    if (bytes == 0 || number) {
        from->counted = from->counted || bytes == 0;
        from->numbered = from->numbered || number;
        if (from->counted && from->numbered)
            return pw_tpl_fail(vm, "a format has fields with numbers and without");
        if (index >= from->args->count) return pw_tpl_fail(vm, "not enough values for a format");
        *out = from->args->at[index];
        return PEWTER_OK;
    }
    const pw_tpl_string wanted = {.text = name, .bytes = bytes};
    for (size_t i = 0; i < from->args->n_named; i++) {
        if (!pw_tpl_same(from->args->names[i].as.string, &wanted)) continue;
        *out = from->args->named[i];
        return PEWTER_OK;
    }
    return pw_tpl_fail(vm, "a format asks for a name that is not given");
}

/* A field's name with ".attribute" and "[index]" behind it. */
static pewter_status field_value(pw_tpl_vm *vm, source *from, const char *text, size_t bytes,
                                 pw_tpl_value *out)
{
    size_t at = 0;
    while (at < bytes && text[at] != '.' && text[at] != '[') at++;
    pw_tpl_value value;
    PW_TRY(first_value(vm, from, text, at, &value));
    while (at < bytes) {
        const bool item = text[at] == '[';
        const size_t begin = ++at;
        while (at < bytes && (item ? text[at] != ']' : text[at] != '.' && text[at] != '[')) at++;
        if (at == begin || (item && at == bytes))
            return pw_tpl_fail(vm, "a field of a format is broken");
        pw_tpl_value key, next;
        size_t index;
        PW_TRY(pw_tpl_string_copy(vm, text + begin, at - begin, false, &key));
        if (item && index_of(text + begin, at - begin, &index)) key = pw_tpl_int((int64_t)index);
        if (item)
            PW_TRY(pw_tpl_item(vm, &value, &key, &next));
        else
            PW_TRY(pw_tpl_attribute(vm, &value, key.as.string, &next));
        at += item;
        if (item && at < bytes && text[at] != '.' && text[at] != '[')
            return pw_tpl_fail(vm, "a field of a format is broken");
        value = next;
    }
    *out = value;
    return PEWTER_OK;
}

/* ---- Layout ------------------------------------------------------------------------------- */

static pewter_status read_number(pw_tpl_vm *vm, const pw_tpl_string *spec, size_t *at, size_t most,
                                 size_t *out)
{
    *out = 0;
    for (; *at < spec->bytes && spec->text[*at] >= '0' && spec->text[*at] <= '9'; (*at)++) {
        *out = *out * 10 + (size_t)(spec->text[*at] - '0');
        if (*out > most) return pw_tpl_fail(vm, "a format is too wide");
    }
    return PEWTER_OK;
}

static bool is_align(char c)
{
    return c == '<' || c == '>' || c == '^' || c == '=';
}

/* [[fill]align][sign][#][0] */
static size_t read_flags(const pw_tpl_string *spec, pw_tpl_layout *layout)
{
    size_t at = 0;
    uint32_t c;
    const size_t first = spec->bytes > 0 ? pw_tpl_decode(spec->text, spec->bytes, &c) : 0;
    if (first > 0 && first < spec->bytes && is_align(spec->text[first])) {
        memcpy(layout->fill, spec->text, first);
        layout->fill_bytes = first;
        layout->fill_user = pw_tpl_mark(spec, 0);
        layout->align = spec->text[first];
        at = first + 1;
    } else if (first == 1 && is_align(spec->text[0])) {
        layout->align = spec->text[0];
        at = 1;
    }
    if (at < spec->bytes && strchr("+- ", spec->text[at]) != NULL && spec->text[at] != '\0')
        layout->sign = spec->text[at++];
    if (at < spec->bytes && spec->text[at] == '#') {
        layout->alternate = true;
        at++;
    }
    if (at < spec->bytes && spec->text[at] == '0') {
        if (layout->fill_bytes == 0) {
            layout->fill[0] = '0';
            layout->fill_bytes = 1;
        }
        if (layout->align == '\0') layout->align = '=';
        at++;
    }
    return at;
}

/* [[fill]align][sign][#][0][width][group][.precision][type] */
static pewter_status read_layout(pw_tpl_vm *vm, const pw_tpl_string *spec, pw_tpl_layout *out)
{
    enum { WIDEST = 1 << 20, DECIMALS = 300 };
    size_t size;
    pw_tpl_layout layout = {.precision = -1};
    size_t at = read_flags(spec, &layout);
    PW_TRY(read_number(vm, spec, &at, WIDEST, &layout.width));
    if (at < spec->bytes && (spec->text[at] == ',' || spec->text[at] == '_'))
        layout.group = spec->text[at++];
    if (at < spec->bytes && spec->text[at] == '.') {
        const size_t begin = ++at;
        PW_TRY(read_number(vm, spec, &at, DECIMALS, &size));
        if (at == begin) return pw_tpl_fail(vm, "a format lacks its precision");
        layout.precision = (int)size;
    }
    if (at < spec->bytes) layout.type = spec->text[at++];
    if (at < spec->bytes || (layout.type != '\0' && strchr("bcdeEfFgGnosxX%", layout.type) == NULL))
        return pw_tpl_fail(vm, "a format does not know '%.*s'",
                           spec->bytes < 40 ? (int)spec->bytes : 40, spec->text);
    *out = layout;
    return PEWTER_OK;
}

/* format(value, spec) */
static pewter_status put_value(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_value *value,
                               const pw_tpl_string *spec)
{
    if (spec->bytes == 0) return pw_tpl_write(vm, buffer, value);
    pw_tpl_layout layout = {0};
    PW_TRY(read_layout(vm, spec, &layout));
    if (value->kind == PW_TPL_UNDEFINED) return pw_tpl_fail(vm, "%s", value->as.why);
    if (value->kind < PW_TPL_BOOL || value->kind > PW_TPL_STRING)
        return pw_tpl_fail(vm, "a %s takes no format", pw_tpl_type(value));
    const bool whole = value->kind == PW_TPL_BOOL || value->kind == PW_TPL_INT;
    if (layout.type == 'n') layout.type = (char)(whole ? 'd' : 'g');
    return pw_tpl_lay_out(vm, buffer, value, &layout);
}

/* ---- All ---------------------------------------------------------------------------------- */

static pewter_status put_all(pw_tpl_vm *vm, source *from, const pw_tpl_string *format, int depth,
                             pw_tpl_buffer *buffer);

/* "!r" and the like: what the value becomes before it is laid out. */
static pewter_status convert(pw_tpl_vm *vm, char how, pw_tpl_value *value)
{
    pw_tpl_buffer text = {0};
    if (how == 's')
        PW_TRY(pw_tpl_write(vm, &text, value));
    else if (how == 'r' || how == 'a')
        PW_TRY(pw_tpl_write_repr(vm, &text, value));
    else
        return pw_tpl_fail(vm, "a format does not know '!%c'", how);
    return pw_tpl_string_of(vm, &text, value);
}

/* Bytes [begin, end) of the format between "{" and "}". */
static pewter_status put_field(pw_tpl_vm *vm, source *from, const pw_tpl_string *format,
                               size_t begin, size_t end, int depth, pw_tpl_buffer *buffer)
{
    const char *text = format->text + begin;
    size_t name = 0, bytes = end - begin;
    bool index = false;
    for (; name < bytes && (index || (text[name] != '!' && text[name] != ':')); name++) {
        if (text[name] == '[') index = true;
        if (text[name] == ']') index = false;
    }
    pw_tpl_value value = pw_tpl_none(), inner, spec;
    PW_TRY(field_value(vm, from, text, name, &value));
    if (name < bytes && text[name] == '!') {
        const bool ends = name + 2 == bytes || (name + 2 < bytes && text[name + 2] == ':');
        if (!ends) return pw_tpl_fail(vm, "a conversion of a format is broken");
        PW_TRY(convert(vm, text[name + 1], &value));
        name += 2;
    }
    const size_t rest = begin + name + (name < bytes);
    pw_tpl_buffer laid = {0};
    PW_TRY(pw_tpl_string_part(vm, format, rest, end, &inner));
    PW_TRY(put_all(vm, from, inner.as.string, depth - 1, &laid));
    PW_TRY(pw_tpl_string_of(vm, &laid, &spec));
    return put_value(vm, buffer, &value, spec.as.string);
}

/* Where the "}" of a field that begins at `at` stands; the end of the format if it does not. */
static size_t field_end(const pw_tpl_string *format, size_t at)
{
    size_t depth = 1;
    for (; at < format->bytes; at++) {
        if (format->text[at] == '{') depth++;
        if (format->text[at] == '}' && --depth == 0) break;
    }
    return at;
}

static pewter_status put_all(pw_tpl_vm *vm, source *from, const pw_tpl_string *format, int depth,
                             pw_tpl_buffer *buffer)
{
    if (depth < 0) return pw_tpl_fail(vm, "fields of a format are nested too deep");
    PW_TRY(pw_tpl_spend(vm, format->bytes / 16));
    for (size_t at = 0; at < format->bytes;) {
        size_t next = at;
        while (next < format->bytes && format->text[next] != '{' && format->text[next] != '}')
            next++;
        PW_TRY(pw_tpl_put_part(vm, buffer, format, at, next));
        at = next;
        if (at == format->bytes) break;
        const char brace = format->text[at];
        if (at + 1 < format->bytes && format->text[at + 1] == brace) {
            PW_TRY(pw_tpl_put_part(vm, buffer, format, at, at + 1));
            at += 2;
            continue;
        }
        const size_t end = field_end(format, at + 1);
        if (brace == '}' || end == format->bytes)
            return pw_tpl_fail(vm, "a brace of a format stands alone");
        PW_TRY(pw_tpl_spend(vm, 1));
        PW_TRY(put_field(vm, from, format, at + 1, end, depth, buffer));
        at = end + 1;
    }
    return PEWTER_OK;
}

pewter_status pw_tpl_format(pw_tpl_vm *vm, const pw_tpl_string *format, const pw_tpl_args *args,
                            pw_tpl_value *out)
{
    enum { DEEPEST = 2 };
    source from = {.args = args};
    pw_tpl_buffer buffer = {0};
    PW_TRY(put_all(vm, &from, format, DEEPEST, &buffer));
    return pw_tpl_string_of(vm, &buffer, out);
}
