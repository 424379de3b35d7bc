/* Filters of text. */
#include <string.h>

#include "pw/status.h"
#include "runtime/text/template_char.h"
#include "runtime/text/template_eval.h"
#include "runtime/text/template_text.h"
#include "runtime/text/template_write.h"

/* ---- Case, trim, replace ------------------------------------------------------------------ */

static pewter_status recase(pw_tpl_vm *vm, const pw_tpl_value *self, pw_tpl_case how,
                            pw_tpl_value *out)
{
    const pw_tpl_string *text;
    PW_TRY(pw_tpl_to_string(vm, self, &text));
    return pw_tpl_recase(vm, text, how, out);
}

static pewter_status filter_upper(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                  pw_tpl_value *out)
{
    (void)args;
    return recase(vm, self, PW_TPL_UPPER, out);
}

static pewter_status filter_lower(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                  pw_tpl_value *out)
{
    (void)args;
    return recase(vm, self, PW_TPL_LOWER, out);
}

static pewter_status filter_title(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                  pw_tpl_value *out)
{
    (void)args;
    return recase(vm, self, PW_TPL_WORDS, out);
}

static pewter_status filter_capitalize(pw_tpl_vm *vm, const pw_tpl_value *self,
                                       const pw_tpl_args *args, pw_tpl_value *out)
{
    (void)args;
    return recase(vm, self, PW_TPL_CAPITAL, out);
}

static pewter_status filter_trim(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                 pw_tpl_value *out)
{
    const pw_tpl_string *text, *chars;
    PW_TRY(pw_tpl_to_string(vm, self, &text));
    PW_TRY(pw_tpl_arg_string(vm, &args->at[0], &chars));
    return pw_tpl_strip(vm, text, chars, true, true, out);
}

static pewter_status filter_replace(pw_tpl_vm *vm, const pw_tpl_value *self,
                                    const pw_tpl_args *args, pw_tpl_value *out)
{
    const pw_tpl_string *text, *old, *new_text;
    const pw_tpl_value missing = {.kind = PW_TPL_MISSING};
    const bool all = args->at[2].kind == PW_TPL_NONE;
    int64_t most;
    PW_TRY(pw_tpl_to_string(vm, self, &text));
    PW_TRY(pw_tpl_to_string(vm, &args->at[0], &old));
    PW_TRY(pw_tpl_to_string(vm, &args->at[1], &new_text));
    PW_TRY(pw_tpl_arg_int(vm, all ? &missing : &args->at[2], -1, &most));
    return pw_tpl_replace(vm, text, old, new_text, most, out);
}

/* ---- Escape ------------------------------------------------------------------------------- */

/* A copy of the string that counts as escaped. */
static pewter_status make_safe(pw_tpl_vm *vm, const pw_tpl_string *string, pw_tpl_value *out)
{
    pw_tpl_string *safe;
    PW_TRY(pw_tpl_take(vm, 1, sizeof *safe, &safe));
    *safe = *string;
    safe->safe = true;
    *out = pw_tpl_text(safe);
    return PEWTER_OK;
}

static pewter_status escape_always(pw_tpl_vm *vm, const pw_tpl_string *string, pw_tpl_value *out)
{
    static const char *const entities[128] = {
        ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['\''] = "&#39;", ['"'] = "&#34;"};

    pw_tpl_buffer buffer = {0};
    size_t plain = 0;
    PW_TRY(pw_tpl_spend(vm, string->bytes / 16));
    for (size_t at = 0; at < string->bytes; at++) {
        const unsigned char c = (unsigned char)string->text[at];
        if (c >= 128 || entities[c] == NULL) continue;
        PW_TRY(pw_tpl_put_part(vm, &buffer, string, plain, at));
        PW_TRY(pw_tpl_put(vm, &buffer, entities[c], strlen(entities[c]), pw_tpl_mark(string, at)));
        plain = at + 1;
    }
    PW_TRY(pw_tpl_put_part(vm, &buffer, string, plain, string->bytes));
    pw_tpl_value escaped;
    PW_TRY(pw_tpl_string_of(vm, &buffer, &escaped));
    return make_safe(vm, escaped.as.string, out);
}

pewter_status pw_tpl_escape(pw_tpl_vm *vm, const pw_tpl_string *string, pw_tpl_value *out)
{
    if (!string->safe) return escape_always(vm, string, out);
    *out = pw_tpl_text(string);
    return PEWTER_OK;
}

static pewter_status filter_escape(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                   pw_tpl_value *out)
{
    (void)args;
    const pw_tpl_string *text;
    PW_TRY(pw_tpl_to_string(vm, self, &text));
    return pw_tpl_escape(vm, text, out);
}

static pewter_status filter_forceescape(pw_tpl_vm *vm, const pw_tpl_value *self,
                                        const pw_tpl_args *args, pw_tpl_value *out)
{
    (void)args;
    const pw_tpl_string *text;
    PW_TRY(pw_tpl_to_string(vm, self, &text));
    return escape_always(vm, text, out);
}

static pewter_status filter_safe(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                 pw_tpl_value *out)
{
    (void)args;
    const pw_tpl_string *text;
    PW_TRY(pw_tpl_to_string(vm, self, &text));
    return make_safe(vm, text, out);
}

static pewter_status filter_string(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                   pw_tpl_value *out)
{
    (void)args;
    const pw_tpl_string *text;
    PW_TRY(pw_tpl_to_string(vm, self, &text));
    *out = pw_tpl_text(text);
    return PEWTER_OK;
}

/* ---- Layout ------------------------------------------------------------------------------- */

static pewter_status filter_center(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                   pw_tpl_value *out)
{
    static const pw_tpl_args none = {0};
    const pw_tpl_string *text;
    pw_tpl_value width = args->at[0];
    if (width.kind == PW_TPL_MISSING) width = pw_tpl_int(80);
    PW_TRY(pw_tpl_to_string(vm, self, &text));
    pw_tpl_args given = none;
    given.at = &width;
    given.count = 1;
    const pw_tpl_value string = pw_tpl_text(text);
    return pw_tpl_apply(vm, pw_tpl_find(pw_tpl_string_methods, "center", 6), &string, &given, out);
}

/* What `width` says to indent by: a text, or a number of spaces. */
static pewter_status indent_of(pw_tpl_vm *vm, const pw_tpl_value *width, const pw_tpl_string **out)
{
    static const pw_tpl_string empty = {.text = ""};
    int64_t spaces;
    pw_tpl_value indent;
    if (width->kind == PW_TPL_STRING) {
        *out = width->as.string;
        return PEWTER_OK;
    }
    PW_TRY(pw_tpl_arg_int(vm, width, 4, &spaces));
    PW_TRY(pw_tpl_pad(vm, &empty, NULL, spaces > 0 ? (size_t)spaces : 0, 0, &indent));
    *out = indent.as.string;
    return PEWTER_OK;
}

static pewter_status filter_indent(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                   pw_tpl_value *out)
{
    static const pw_tpl_string newline = {.text = "\n", .bytes = 1, .chars = 1};
    const bool first = pw_tpl_arg_bool(&args->at[1], false);
    const bool blank = pw_tpl_arg_bool(&args->at[2], false);
    const pw_tpl_string *indent;
    pw_tpl_value text, lines;
    pw_tpl_buffer buffer = {0};
    if (self->kind == PW_TPL_UNDEFINED) return pw_tpl_fail(vm, "%s", self->as.why);
    if (self->kind != PW_TPL_STRING)
        return pw_tpl_fail(vm, "a %s cannot be indented", pw_tpl_type(self));
    PW_TRY(indent_of(vm, &args->at[0], &indent));
    /* As in Jinja, a newline at the end keeps an empty last line. */
    PW_TRY(pw_tpl_string_join(vm, self->as.string, &newline, &text));
    PW_TRY(pw_tpl_split_lines(vm, text.as.string, false, &lines));
    for (size_t i = 0; i < lines.as.seq->count; i++) {
        const pw_tpl_string *line = lines.as.seq->items[i].as.string;
        if (i > 0) PW_TRY(pw_tpl_put_string(vm, &buffer, &newline));
        if (i == 0 ? first : blank || line->bytes > 0)
            PW_TRY(pw_tpl_put_string(vm, &buffer, indent));
        PW_TRY(pw_tpl_put_string(vm, &buffer, line));
    }
    return pw_tpl_string_of(vm, &buffer, out);
}

/* Where the last space before byte `end` stands; `end` if there is none. */
static size_t last_space(const pw_tpl_string *text, size_t end)
{
    for (size_t at = end; at-- > 0;)
        if (text->text[at] == ' ') return at;
    return end;
}

static pewter_status filter_truncate(pw_tpl_vm *vm, const pw_tpl_value *self,
                                     const pw_tpl_args *args, pw_tpl_value *out)
{
    static const pw_tpl_string dots = {.text = "...", .bytes = 3, .chars = 3};
    const pw_tpl_value missing = {.kind = PW_TPL_MISSING};
    const pw_tpl_value *slack = args->at[3].kind == PW_TPL_NONE ? &missing : &args->at[3];
    const pw_tpl_string *text, *end;
    int64_t length, leeway, most;
    if (self->kind != PW_TPL_STRING && self->kind != PW_TPL_UNDEFINED)
        return pw_tpl_fail(vm, "a %s cannot be truncated", pw_tpl_type(self));
    PW_TRY(pw_tpl_to_string(vm, self, &text));
    PW_TRY(pw_tpl_arg_int(vm, &args->at[0], 255, &length));
    PW_TRY(pw_tpl_arg_text(vm, &args->at[2], &dots, &end));
    PW_TRY(pw_tpl_arg_int(vm, slack, 5, &leeway));
    if (leeway < 0 || length < (int64_t)end->chars)
        return pw_tpl_fail(vm, "truncate wants a length of its end or more, and a leeway");
    *out = pw_tpl_text(text);
    if (__builtin_add_overflow(length, leeway, &most) || (int64_t)text->chars <= most)
        return PEWTER_OK;
    size_t at = pw_tpl_offset(text->text, text->bytes, text->chars, (size_t)length - end->chars);
    PW_TRY(pw_tpl_spend_bytes(vm, 4 * text->bytes));
    if (!pw_tpl_arg_bool(&args->at[1], false)) at = last_space(text, at);
    pw_tpl_buffer buffer = {0};
    PW_TRY(pw_tpl_put_part(vm, &buffer, text, 0, at));
    PW_TRY(pw_tpl_put_string(vm, &buffer, end));
    return pw_tpl_string_of(vm, &buffer, out);
}

static pewter_status filter_wordcount(pw_tpl_vm *vm, const pw_tpl_value *self,
                                      const pw_tpl_args *args, pw_tpl_value *out)
{
    (void)args;
    const pw_tpl_string *text;
    int64_t count = 0;
    bool inside = false;
    PW_TRY(pw_tpl_to_string(vm, self, &text));
    PW_TRY(pw_tpl_spend(vm, text->bytes / 8));
    for (size_t at = 0; at < text->bytes;) {
        uint32_t c;
        at += pw_tpl_decode(text->text + at, text->bytes - at, &c);
        const bool word = c == '_' || pw_tpl_is_alpha(c) || pw_tpl_is_numeric(c);
        count += word && !inside;
        inside = word;
    }
    *out = pw_tpl_int(count);
    return PEWTER_OK;
}

/* ---- format, urlencode -------------------------------------------------------------------- */

static pewter_status filter_format(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                   pw_tpl_value *out)
{
    const pw_tpl_string *format;
    pw_tpl_value values;
    if (args->count > 0 && args->n_named > 0)
        return pw_tpl_fail(vm, "format takes values with names or without, not both");
    PW_TRY(pw_tpl_to_string(vm, self, &format));
    if (args->n_named > 0) {
        PW_TRY(pw_tpl_dict_new(vm, args->names, args->named, args->n_named, &values));
    } else {
        PW_TRY(pw_tpl_seq_new(vm, PW_TPL_TUPLE, args->count, &values));
        for (size_t i = 0; i < args->count; i++) values.as.seq->items[i] = args->at[i];
    }
    return pw_tpl_percent(vm, format, &values, out);
}

/* Percent-encoding of a value's text; `query`: for a pair of a query, where a space is a plus. */
static pewter_status put_quoted(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_value *value,
                                bool query)
{
    static const char digits[] = "0123456789ABCDEF";
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~";
    const pw_tpl_string *text;
    PW_TRY(pw_tpl_to_string(vm, value, &text));
    PW_TRY(pw_tpl_spend(vm, text->bytes / 4));
    for (size_t at = 0; at < text->bytes; at++) {
        const unsigned char c = (unsigned char)text->text[at];
        const char code[3] = {'%', digits[c >> 4], digits[c & 15]};
        const bool kept = (c != 0 && strchr(plain, c) != NULL) || (c == '/' && !query);
        if (kept)
            PW_TRY(pw_tpl_put_part(vm, buffer, text, at, at + 1));
        else if (c == ' ' && query)
            PW_TRY(pw_tpl_put(vm, buffer, "+", 1, pw_tpl_mark(text, at)));
        else
            PW_TRY(pw_tpl_put(vm, buffer, code, sizeof code, pw_tpl_mark(text, at)));
    }
    return PEWTER_OK;
}

static pewter_status filter_urlencode(pw_tpl_vm *vm, const pw_tpl_value *self,
                                      const pw_tpl_args *args, pw_tpl_value *out)
{
    (void)args;
    pw_tpl_buffer buffer = {0};
    pw_tpl_value *items;
    size_t count;
    if (self->kind != PW_TPL_DICT && self->kind != PW_TPL_SEQ) {
        PW_TRY(put_quoted(vm, &buffer, self, false));
        return pw_tpl_string_of(vm, &buffer, out);
    }
    PW_TRY(pw_tpl_items(vm, self, &items, &count));
    for (size_t i = 0; i < count; i++) {
        pw_tpl_value pair[2] = {items[i]}, *parts = pair;
        size_t size = 2;
        if (self->kind == PW_TPL_DICT)
            pair[1] = self->as.dict->values[i];
        else
            PW_TRY(pw_tpl_items(vm, &items[i], &parts, &size));
        if (size != 2) return pw_tpl_fail(vm, "urlencode takes pairs");
        if (i > 0) PW_TRY(pw_tpl_put(vm, &buffer, "&", 1, self->user));
        PW_TRY(put_quoted(vm, &buffer, &parts[0], true));
        PW_TRY(pw_tpl_put(vm, &buffer, "=", 1, self->user));
        PW_TRY(put_quoted(vm, &buffer, &parts[1], true));
    }
    return pw_tpl_string_of(vm, &buffer, out);
}

const pw_tpl_builtin pw_tpl_text_filters[] = {
    {"trim", filter_trim, "chars", 0},
    {"replace", filter_replace, "old new count", 2},
    {"upper", filter_upper, "", 0},
    {"lower", filter_lower, "", 0},
    {"title", filter_title, "", 0},
    {"capitalize", filter_capitalize, "", 0},
    {"string", filter_string, "", 0},
    {"indent", filter_indent, "width first blank", 0},
    {"center", filter_center, "width", 0},
    {"truncate", filter_truncate, "length killwords end leeway", 0},
    {"wordcount", filter_wordcount, "", 0},
    {"format", filter_format, NULL, 0},
    {"escape", filter_escape, "", 0},
    {"e", filter_escape, "", 0},
    {"forceescape", filter_forceescape, "", 0},
    {"safe", filter_safe, "", 0},
    {"urlencode", filter_urlencode, "", 0},
    {NULL, NULL, NULL, 0},
};
