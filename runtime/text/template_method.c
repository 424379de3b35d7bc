/* Methods of strings that make strings, and of dictionaries and lists. */
#include <string.h>

#include "pw/status.h"
#include "runtime/text/template_char.h"
#include "runtime/text/template_eval.h"
#include "runtime/text/template_text.h"

/* ---- Case, strip, split ------------------------------------------------------------------- */

static pewter_status method_upper(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                  pw_tpl_value *out)
{
    (void)args;
    return pw_tpl_recase(vm, self->as.string, PW_TPL_UPPER, out);
}

static pewter_status method_lower(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                  pw_tpl_value *out)
{
    (void)args;
    return pw_tpl_recase(vm, self->as.string, PW_TPL_LOWER, out);
}

static pewter_status method_title(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                  pw_tpl_value *out)
{
    (void)args;
    return pw_tpl_recase(vm, self->as.string, PW_TPL_TITLE, out);
}

static pewter_status method_capitalize(pw_tpl_vm *vm, const pw_tpl_value *self,
                                       const pw_tpl_args *args, pw_tpl_value *out)
{
    (void)args;
    return pw_tpl_recase(vm, self->as.string, PW_TPL_CAPITAL, out);
}

static pewter_status method_swapcase(pw_tpl_vm *vm, const pw_tpl_value *self,
                                     const pw_tpl_args *args, pw_tpl_value *out)
{
    (void)args;
    return pw_tpl_recase(vm, self->as.string, PW_TPL_SWAP, out);
}

static pewter_status strip(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                           bool left, bool right, pw_tpl_value *out)
{
    const pw_tpl_string *chars;
    PW_TRY(pw_tpl_arg_string(vm, &args->at[0], &chars));
    return pw_tpl_strip(vm, self->as.string, chars, left, right, out);
}

static pewter_status method_strip(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                  pw_tpl_value *out)
{
    return strip(vm, self, args, true, true, out);
}

static pewter_status method_lstrip(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                   pw_tpl_value *out)
{
    return strip(vm, self, args, true, false, out);
}

static pewter_status method_rstrip(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                   pw_tpl_value *out)
{
    return strip(vm, self, args, false, true, out);
}

static pewter_status split(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                           bool right, pw_tpl_value *out)
{
    const pw_tpl_string *by;
    int64_t most;
    PW_TRY(pw_tpl_arg_string(vm, &args->at[0], &by));
    PW_TRY(pw_tpl_arg_int(vm, &args->at[1], -1, &most));
    return pw_tpl_split(vm, self->as.string, by, most, right, out);
}

static pewter_status method_split(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                  pw_tpl_value *out)
{
    return split(vm, self, args, false, out);
}

static pewter_status method_rsplit(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                   pw_tpl_value *out)
{
    return split(vm, self, args, true, out);
}

static pewter_status method_splitlines(pw_tpl_vm *vm, const pw_tpl_value *self,
                                       const pw_tpl_args *args, pw_tpl_value *out)
{
    return pw_tpl_split_lines(vm, self->as.string, pw_tpl_arg_bool(&args->at[0], false), out);
}

/* A string that must be given. */
static pewter_status wanted(pw_tpl_vm *vm, const pw_tpl_value *arg, const pw_tpl_string **out)
{
    PW_TRY(pw_tpl_arg_string(vm, arg, out));
    return *out != NULL ? PEWTER_OK : pw_tpl_fail(vm, "a string is wanted, not None");
}

/* The part before, the separator and the part behind, as a tuple. */
static pewter_status partition(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                               bool last, pw_tpl_value *out)
{
    const pw_tpl_string *string = self->as.string, *by;
    size_t at;
    PW_TRY(wanted(vm, &args->at[0], &by));
    if (by->bytes == 0) return pw_tpl_fail(vm, "split at an empty text");
    PW_TRY(pw_tpl_find_text(vm, string, 0, string->bytes, by, last, &at));
    size_t cuts[4] = {0, string->bytes, string->bytes, string->bytes};
    if (at != SIZE_MAX) {
        cuts[1] = at;
        cuts[2] = at + by->bytes;
    } else if (last) {
        cuts[1] = cuts[2] = 0;
    }
    PW_TRY(pw_tpl_seq_new(vm, PW_TPL_TUPLE, 3, out));
    for (size_t i = 0; i < 3; i++)
        PW_TRY(pw_tpl_string_part(vm, string, cuts[i], cuts[i + 1], &out->as.seq->items[i]));
    return PEWTER_OK;
}

static pewter_status method_partition(pw_tpl_vm *vm, const pw_tpl_value *self,
                                      const pw_tpl_args *args, pw_tpl_value *out)
{
    return partition(vm, self, args, false, out);
}

static pewter_status method_rpartition(pw_tpl_vm *vm, const pw_tpl_value *self,
                                       const pw_tpl_args *args, pw_tpl_value *out)
{
    return partition(vm, self, args, true, out);
}

/* ---- Replace, join, pad ------------------------------------------------------------------- */

static pewter_status method_replace(pw_tpl_vm *vm, const pw_tpl_value *self,
                                    const pw_tpl_args *args, pw_tpl_value *out)
{
    const pw_tpl_string *old, *new_text;
    int64_t most;
    PW_TRY(wanted(vm, &args->at[0], &old));
    PW_TRY(wanted(vm, &args->at[1], &new_text));
    PW_TRY(pw_tpl_arg_int(vm, &args->at[2], -1, &most));
    return pw_tpl_replace(vm, self->as.string, old, new_text, most, out);
}

static pewter_status remove_end(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                bool suffix, pw_tpl_value *out)
{
    const pw_tpl_string *string = self->as.string, *part;
    PW_TRY(wanted(vm, &args->at[0], &part));
    *out = *self;
    if (part->bytes == 0 || part->bytes > string->bytes) return PEWTER_OK;
    const size_t at = suffix ? string->bytes - part->bytes : 0;
    if (memcmp(string->text + at, part->text, part->bytes) != 0) return PEWTER_OK;
    return pw_tpl_string_part(vm, string, suffix ? 0 : part->bytes, suffix ? at : string->bytes,
                              out);
}

static pewter_status method_removeprefix(pw_tpl_vm *vm, const pw_tpl_value *self,
                                         const pw_tpl_args *args, pw_tpl_value *out)
{
    return remove_end(vm, self, args, false, out);
}

static pewter_status method_removesuffix(pw_tpl_vm *vm, const pw_tpl_value *self,
                                         const pw_tpl_args *args, pw_tpl_value *out)
{
    return remove_end(vm, self, args, true, out);
}

static pewter_status method_join(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                 pw_tpl_value *out)
{
    pw_tpl_value *items;
    size_t count;
    PW_TRY(pw_tpl_items(vm, &args->at[0], &items, &count));
    return pw_tpl_join(vm, self->as.string, items, count, false, out);
}

/* `side`: where the string goes, -1 left, 0 the middle, 1 right. */
static pewter_status pad(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args, int side,
                         pw_tpl_value *out)
{
    const pw_tpl_string *string = self->as.string, *fill;
    int64_t width;
    PW_TRY(pw_tpl_arg_int(vm, &args->at[0], 0, &width));
    PW_TRY(pw_tpl_arg_string(vm, &args->at[1], &fill));
    const size_t room = width > 0 ? (size_t)width : 0;
    if (room <= string->chars) {
        *out = *self;
        return PEWTER_OK;
    }
    const size_t more = room - string->chars;
    const size_t left = side < 0 ? 0 : side > 0 ? more : more / 2 + (more & room & 1);
    return pw_tpl_pad(vm, string, fill, left, more - left, out);
}

static pewter_status method_ljust(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                  pw_tpl_value *out)
{
    return pad(vm, self, args, -1, out);
}

static pewter_status method_center(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                   pw_tpl_value *out)
{
    return pad(vm, self, args, 0, out);
}

static pewter_status method_rjust(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                  pw_tpl_value *out)
{
    return pad(vm, self, args, 1, out);
}

static pewter_status method_zfill(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                  pw_tpl_value *out)
{
    static const pw_tpl_string zero = {.text = "0", .bytes = 1, .chars = 1};
    const pw_tpl_string *string = self->as.string;
    int64_t width;
    PW_TRY(pw_tpl_arg_int(vm, &args->at[0], 0, &width));
    *out = *self;
    if (width <= 0 || (size_t)width <= string->chars) return PEWTER_OK;
    const bool sign = string->bytes > 0 && (string->text[0] == '-' || string->text[0] == '+');
    pw_tpl_value digits, padded, head;
    PW_TRY(pw_tpl_string_part(vm, string, sign, string->bytes, &digits));
    PW_TRY(pw_tpl_pad(vm, digits.as.string, &zero, (size_t)width - string->chars, 0, &padded));
    PW_TRY(pw_tpl_string_part(vm, string, 0, sign, &head));
    return pw_tpl_string_join(vm, head.as.string, padded.as.string, out);
}

/* Tabs become spaces up to the next column that `tabsize` divides. */
static pewter_status method_expandtabs(pw_tpl_vm *vm, const pw_tpl_value *self,
                                       const pw_tpl_args *args, pw_tpl_value *out)
{
    const pw_tpl_string *string = self->as.string;
    pw_tpl_buffer buffer = {0};
    int64_t size, column = 0;
    PW_TRY(pw_tpl_arg_int(vm, &args->at[0], 8, &size));
    PW_TRY(pw_tpl_spend(vm, string->bytes / 4));
    for (size_t at = 0; at < string->bytes;) {
        uint32_t c;
        const size_t length = pw_tpl_decode(string->text + at, string->bytes - at, &c);
        const int64_t gap = c == '\t' && size > 0 ? size - column % size : 0;
        for (int64_t i = 0; i < gap; i++)
            PW_TRY(pw_tpl_put(vm, &buffer, " ", 1, pw_tpl_mark(string, at)));
        if (c != '\t') PW_TRY(pw_tpl_put_part(vm, &buffer, string, at, at + length));
        column = c == '\n' || c == '\r' ? 0 : column + (c == '\t' ? gap : 1);
        if (gap > 0) PW_TRY(pw_tpl_spend(vm, (uint64_t)gap / 8));
        at += length;
    }
    return pw_tpl_string_of(vm, &buffer, out);
}

const pw_tpl_builtin pw_tpl_string_methods[] = {
    {"strip", method_strip, "chars", 0},
    {"split", method_split, "sep maxsplit", 0},
    {"replace", method_replace, "old new count", 2},
    {"upper", method_upper, "", 0},
    {"lower", method_lower, "", 0},
    {"casefold", method_lower, "", 0},
    {"lstrip", method_lstrip, "chars", 0},
    {"rstrip", method_rstrip, "chars", 0},
    {"join", method_join, "iterable", 1},
    {"title", method_title, "", 0},
    {"capitalize", method_capitalize, "", 0},
    {"swapcase", method_swapcase, "", 0},
    {"rsplit", method_rsplit, "sep maxsplit", 0},
    {"splitlines", method_splitlines, "keepends", 0},
    {"partition", method_partition, "sep", 1},
    {"rpartition", method_rpartition, "sep", 1},
    {"removeprefix", method_removeprefix, "prefix", 1},
    {"removesuffix", method_removesuffix, "suffix", 1},
    {"ljust", method_ljust, "width fillchar", 1},
    {"center", method_center, "width fillchar", 1},
    {"rjust", method_rjust, "width fillchar", 1},
    {"zfill", method_zfill, "width", 1},
    {"expandtabs", method_expandtabs, "tabsize", 0},
    {NULL, NULL, NULL, 0},
};

/* ---- Dictionaries and sequences ----------------------------------------------------------- */

static pewter_status method_keys(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                 pw_tpl_value *out)
{
    (void)args;
    const pw_tpl_dict *dict = self->as.dict;
    PW_TRY(pw_tpl_seq_new(vm, PW_TPL_KEYS, dict->count, out));
    for (size_t i = 0; i < dict->count; i++) out->as.seq->items[i] = dict->keys[i];
    out->user = self->user;
    return PEWTER_OK;
}

static pewter_status method_values(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                   pw_tpl_value *out)
{
    (void)args;
    const pw_tpl_dict *dict = self->as.dict;
    PW_TRY(pw_tpl_seq_new(vm, PW_TPL_VALUES, dict->count, out));
    for (size_t i = 0; i < dict->count; i++) out->as.seq->items[i] = dict->values[i];
    out->user = self->user;
    return PEWTER_OK;
}

static pewter_status method_items(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                  pw_tpl_value *out)
{
    (void)args;
    const pw_tpl_dict *dict = self->as.dict;
    PW_TRY(pw_tpl_seq_new(vm, PW_TPL_ITEMS, dict->count, out));
    for (size_t i = 0; i < dict->count; i++) {
        PW_TRY(pw_tpl_pair(vm, dict->keys[i], dict->values[i], &out->as.seq->items[i]));
        out->as.seq->items[i].user = self->user;
    }
    out->user = self->user;
    return PEWTER_OK;
}

static pewter_status method_get(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                pw_tpl_value *out)
{
    const pw_tpl_value *found;
    PW_TRY(pw_tpl_dict_find(vm, self->as.dict, &args->at[0], &found));
    if (found != NULL)
        *out = *found;
    else
        *out = args->at[1].kind == PW_TPL_MISSING ? pw_tpl_none() : args->at[1];
    return PEWTER_OK;
}

/* What never changes is its own copy. */
static pewter_status method_copy(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                 pw_tpl_value *out)
{
    (void)vm;
    (void)args;
    *out = *self;
    return PEWTER_OK;
}

static pewter_status method_index(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                  pw_tpl_value *out)
{
    const pw_tpl_seq *seq = self->as.seq;
    for (size_t i = 0; i < seq->count; i++) {
        bool same;
        PW_TRY(pw_tpl_equal(vm, &seq->items[i], &args->at[0], &same));
        if (!same) continue;
        *out = pw_tpl_int((int64_t)i);
        return PEWTER_OK;
    }
    return pw_tpl_fail(vm, "the value is not in the list");
}

static pewter_status method_count(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                  pw_tpl_value *out)
{
    const pw_tpl_seq *seq = self->as.seq;
    int64_t count = 0;
    for (size_t i = 0; i < seq->count; i++) {
        bool same;
        PW_TRY(pw_tpl_equal(vm, &seq->items[i], &args->at[0], &same));
        count += same;
    }
    *out = pw_tpl_int(count);
    return PEWTER_OK;
}

const pw_tpl_builtin pw_tpl_dict_methods[] = {
    {"items", method_items, "", 0},        {"keys", method_keys, "", 0},
    {"get", method_get, "key default", 1}, {"values", method_values, "", 0},
    {"copy", method_copy, "", 0},          {NULL, NULL, NULL, 0},
};

const pw_tpl_builtin pw_tpl_seq_methods[] = {
    {"index", method_index, "value", 1},
    {"count", method_count, "value", 1},
    {"copy", method_copy, "", 0},
    {NULL, NULL, NULL, 0},
};
