/* Filters of sequences and dictionaries. */
#include <string.h>

#include "pw/status.h"
#include "runtime/text/template_char.h"
#include "runtime/text/template_eval.h"
#include "runtime/text/template_pick.h"
#include "runtime/text/template_text.h"
#include "runtime/text/template_write.h"

static bool is_iterator(const pw_tpl_value *value)
{
    return value->kind == PW_TPL_SEQ && value->as.seq->flavour == PW_TPL_ITERATOR;
}

/* ---- Length, ends ------------------------------------------------------------------------- */

static pewter_status filter_length(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                   pw_tpl_value *out)
{
    (void)args;
    if (self->kind == PW_TPL_STRING) {
        *out = pw_tpl_int((int64_t)self->as.string->chars);
        return PEWTER_OK;
    }
    if (self->kind == PW_TPL_LOOP) {
        static const pw_tpl_string length = {.text = "length", .bytes = 6, .chars = 6};
        bool found;
        return pw_tpl_loop_attribute(vm, self->as.loop, &length, out, &found);
    }
    if (self->kind == PW_TPL_DICT)
        *out = pw_tpl_int((int64_t)self->as.dict->count);
    else if (self->kind == PW_TPL_UNDEFINED)
        *out = pw_tpl_int(0);
    else if (self->kind == PW_TPL_SEQ && !is_iterator(self))
        *out = pw_tpl_int((int64_t)self->as.seq->count);
    else
        return pw_tpl_fail(vm, "a %s has no length", pw_tpl_type(self));
    return PEWTER_OK;
}

static pewter_status filter_first(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                  pw_tpl_value *out)
{
    (void)args;
    if (is_iterator(self) && self->as.seq->read < self->as.seq->count) {
        *out = self->as.seq->items[self->as.seq->read++];
        return PEWTER_OK;
    }
    pw_tpl_value *items;
    size_t count;
    PW_TRY(pw_tpl_items(vm, self, &items, &count));
    *out = count > 0 ? items[0] : pw_tpl_undefined("No first item, sequence was empty.");
    return PEWTER_OK;
}

static pewter_status filter_last(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                 pw_tpl_value *out)
{
    (void)args;
    if (is_iterator(self)) return pw_tpl_fail(vm, "an iterator has no last item; make it a list");
    pw_tpl_value *items;
    size_t count;
    PW_TRY(pw_tpl_items(vm, self, &items, &count));
    *out = count > 0 ? items[count - 1] : pw_tpl_undefined("No last item, sequence was empty.");
    return PEWTER_OK;
}

/* ---- list, items, join, reverse ----------------------------------------------------------- */

/* A new sequence of the same items. */
static pewter_status copy_items(pw_tpl_vm *vm, const pw_tpl_value *self, pw_tpl_flavour flavour,
                                bool reversed, pw_tpl_value *out)
{
    pw_tpl_value *items;
    size_t count;
    PW_TRY(pw_tpl_items(vm, self, &items, &count));
    PW_TRY(pw_tpl_seq_new(vm, flavour, count, out));
    for (size_t i = 0; i < count; i++) out->as.seq->items[i] = items[reversed ? count - 1 - i : i];
    out->user = self->user;
    return PEWTER_OK;
}

static pewter_status filter_list(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                 pw_tpl_value *out)
{
    (void)args;
    return copy_items(vm, self, PW_TPL_LIST, false, out);
}

static pewter_status filter_items(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                  pw_tpl_value *out)
{
    (void)args;
    if (self->kind == PW_TPL_UNDEFINED) return pw_tpl_seq_new(vm, PW_TPL_ITERATOR, 0, out);
    if (self->kind != PW_TPL_DICT)
        return pw_tpl_fail(vm, "items are asked of a %s, not of a dictionary", pw_tpl_type(self));
    const pw_tpl_dict *dict = self->as.dict;
    PW_TRY(pw_tpl_seq_new(vm, PW_TPL_ITERATOR, dict->count, out));
    for (size_t i = 0; i < dict->count; i++) {
        PW_TRY(pw_tpl_pair(vm, dict->keys[i], dict->values[i], &out->as.seq->items[i]));
        out->as.seq->items[i].user = self->user;
    }
    out->user = self->user;
    return PEWTER_OK;
}

static pewter_status filter_reverse(pw_tpl_vm *vm, const pw_tpl_value *self,
                                    const pw_tpl_args *args, pw_tpl_value *out)
{
    (void)args;
    if (self->kind == PW_TPL_STRING) {
        const pw_tpl_value none = pw_tpl_none(), back = pw_tpl_int(-1);
        return pw_tpl_slice(vm, self, &none, &none, &back, out);
    }
    return copy_items(vm, self, is_iterator(self) ? PW_TPL_LIST : PW_TPL_ITERATOR, true, out);
}

static pewter_status filter_join(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                 pw_tpl_value *out)
{
    static const pw_tpl_string empty = {.text = ""};
    pw_tpl_value *items;
    const pw_tpl_string *by;
    pw_tpl_path path;
    size_t count;
    PW_TRY(pw_tpl_items(vm, self, &items, &count));
    PW_TRY(pw_tpl_arg_text(vm, &args->at[0], &empty, &by));
    PW_TRY(pw_tpl_path_open(vm, &args->at[1], false, &path));
    if (path.count > 0) PW_TRY(pw_tpl_path_all(vm, &path, items, count, &items));
    return pw_tpl_join(vm, by, items, count, true, out);
}

/* ---- Order -------------------------------------------------------------------------------- */

/* The items of `self` and a key of each. */
static pewter_status keyed(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_value *attribute,
                           bool several, bool cased, pw_tpl_value **items, pw_tpl_value **keys,
                           size_t *count)
{
    pw_tpl_path path;
    PW_TRY(pw_tpl_items(vm, self, items, count));
    PW_TRY(pw_tpl_path_open(vm, attribute, several, &path));
    path.lower = !cased;
    return pw_tpl_path_all(vm, &path, *items, *count, keys);
}

static pewter_status filter_sort(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                 pw_tpl_value *out)
{
    pw_tpl_value *items, *keys;
    uint32_t *order;
    size_t count;
    PW_TRY(keyed(vm, self, &args->at[2], true, pw_tpl_arg_bool(&args->at[1], false), &items, &keys,
                 &count));
    PW_TRY(pw_tpl_sort(vm, keys, count, pw_tpl_arg_bool(&args->at[0], false), &order));
    PW_TRY(pw_tpl_seq_new(vm, PW_TPL_LIST, count, out));
    for (size_t i = 0; i < count; i++) out->as.seq->items[i] = items[order[i]];
    out->user = self->user;
    return PEWTER_OK;
}

static pewter_status filter_unique(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                   pw_tpl_value *out)
{
    pw_tpl_value *items, *keys;
    size_t count, kept = 0;
    PW_TRY(keyed(vm, self, &args->at[1], false, pw_tpl_arg_bool(&args->at[0], false), &items, &keys,
                 &count));
    PW_TRY(pw_tpl_seq_new(vm, PW_TPL_ITERATOR, count, out));
    for (size_t i = 0; i < count; i++) {
        bool seen = false;
        for (size_t j = 0; j < kept && !seen; j++)
            PW_TRY(pw_tpl_equal(vm, &keys[j], &keys[i], &seen));
        if (seen) continue;
        keys[kept] = keys[i];
        out->as.seq->items[kept++] = items[i];
    }
    out->as.seq->count = kept;
    out->user = self->user;
    return PEWTER_OK;
}

/* The first of the least, or of the greatest, items. */
static pewter_status extreme(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                             pw_tpl_op better, pw_tpl_value *out)
{
    pw_tpl_value *items, *keys;
    size_t count, best = 0;
    PW_TRY(keyed(vm, self, &args->at[1], false, pw_tpl_arg_bool(&args->at[0], false), &items, &keys,
                 &count));
    for (size_t i = 1; i < count; i++) {
        bool wins;
        PW_TRY(pw_tpl_compare(vm, better, &keys[i], &keys[best], &wins));
        if (wins) best = i;
    }
    *out = count > 0 ? items[best] : pw_tpl_undefined("No aggregated item, sequence was empty.");
    return PEWTER_OK;
}

static pewter_status filter_min(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                pw_tpl_value *out)
{
    return extreme(vm, self, args, PW_TPL_LT, out);
}

static pewter_status filter_max(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                pw_tpl_value *out)
{
    return extreme(vm, self, args, PW_TPL_GT, out);
}

static pewter_status filter_sum(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                pw_tpl_value *out)
{
    pw_tpl_value *items, *values;
    size_t count;
    pw_tpl_value total = args->at[1].kind == PW_TPL_MISSING ? pw_tpl_int(0) : args->at[1];
    PW_TRY(keyed(vm, self, &args->at[0], false, true, &items, &values, &count));
    if (total.kind == PW_TPL_STRING) return pw_tpl_fail(vm, "strings are not summed; join them");
    for (size_t i = 0; i < count; i++) {
        pw_tpl_value next;
        PW_TRY(pw_tpl_binary(vm, PW_TPL_ADD, &total, &values[i], &next));
        total = next;
    }
    *out = total;
    return PEWTER_OK;
}

static pewter_status filter_dictsort(pw_tpl_vm *vm, const pw_tpl_value *self,
                                     const pw_tpl_args *args, pw_tpl_value *out)
{
    pw_tpl_value pairs = pw_tpl_none(), *keys, by = pw_tpl_int(0);
    uint32_t *order;
    if (self->kind == PW_TPL_UNDEFINED) return pw_tpl_fail(vm, "%s", self->as.why);
    PW_TRY(filter_items(vm, self, args, &pairs));
    if (args->at[1].kind != PW_TPL_MISSING) {
        const bool string = args->at[1].kind == PW_TPL_STRING;
        by.as.i = string && pw_tpl_is(args->at[1].as.string, "value");
        if (!string || (by.as.i == 0 && !pw_tpl_is(args->at[1].as.string, "key")))
            return pw_tpl_fail(vm, "dictsort goes by \"key\" or \"value\"");
    }
    const pw_tpl_seq *seq = pairs.as.seq;
    pw_tpl_path path;
    PW_TRY(pw_tpl_path_open(vm, &by, false, &path));
    path.lower = !pw_tpl_arg_bool(&args->at[0], false);
    PW_TRY(pw_tpl_path_all(vm, &path, seq->items, seq->count, &keys));
    PW_TRY(pw_tpl_sort(vm, keys, seq->count, pw_tpl_arg_bool(&args->at[2], false), &order));
    PW_TRY(pw_tpl_seq_new(vm, PW_TPL_LIST, seq->count, out));
    for (size_t i = 0; i < seq->count; i++) out->as.seq->items[i] = seq->items[order[i]];
    out->user = self->user;
    return PEWTER_OK;
}

/* ---- Groups ------------------------------------------------------------------------------- */

/* Items number order[begin..end) as a list. */
static pewter_status gather(pw_tpl_vm *vm, const pw_tpl_value *items, const uint32_t *order,
                            size_t count, pw_tpl_value *out)
{
    PW_TRY(pw_tpl_seq_new(vm, PW_TPL_LIST, count, out));
    for (size_t i = 0; i < count; i++) out->as.seq->items[i] = items[order[i]];
    return PEWTER_OK;
}

static pewter_status filter_groupby(pw_tpl_vm *vm, const pw_tpl_value *self,
                                    const pw_tpl_args *args, pw_tpl_value *out)
{
    pw_tpl_value *items, *keys, list, group;
    uint32_t *order;
    size_t count, groups = 0;
    pw_tpl_path path;
    PW_TRY(pw_tpl_items(vm, self, &items, &count));
    PW_TRY(pw_tpl_path_open(vm, &args->at[0], false, &path));
    if (args->at[1].kind != PW_TPL_NONE) path.fallback = args->at[1];
    path.lower = !pw_tpl_arg_bool(&args->at[2], false);
    PW_TRY(pw_tpl_path_all(vm, &path, items, count, &keys));
    PW_TRY(pw_tpl_sort(vm, keys, count, false, &order));
    path.lower = false;
    PW_TRY(pw_tpl_seq_new(vm, PW_TPL_LIST, count, out));
    for (size_t begin = 0, end; begin < count; begin = end) {
        bool same = true;
        for (end = begin + 1; end < count; end++) {
            PW_TRY(pw_tpl_equal(vm, &keys[order[begin]], &keys[order[end]], &same));
            if (!same) break;
        }
        PW_TRY(gather(vm, items, order + begin, end - begin, &list));
        list.user = self->user;
        PW_TRY(pw_tpl_seq_new(vm, PW_TPL_GROUP, 2, &group));
        PW_TRY(pw_tpl_path_get(vm, &path, &items[order[begin]], &group.as.seq->items[0]));
        group.as.seq->items[1] = list;
        group.user = self->user;
        out->as.seq->items[groups++] = group;
    }
    out->as.seq->count = groups;
    out->user = self->user;
    return PEWTER_OK;
}

/* `count` items as a list, with `fill` behind them (MISSING: nothing) up to `size` items. */
static pewter_status row_of(pw_tpl_vm *vm, const pw_tpl_value *items, size_t count,
                            const pw_tpl_value *fill, size_t size, pw_tpl_value *out)
{
    const bool filled = fill->kind != PW_TPL_MISSING && fill->kind != PW_TPL_NONE;
    const size_t total = filled && count < size ? size : count;
    PW_TRY(pw_tpl_seq_new(vm, PW_TPL_LIST, total, out));
    for (size_t i = 0; i < total; i++) out->as.seq->items[i] = i < count ? items[i] : *fill;
    return PEWTER_OK;
}

static pewter_status filter_batch(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                  pw_tpl_value *out)
{
    pw_tpl_value *items;
    size_t count, rows = 0;
    int64_t size;
    PW_TRY(pw_tpl_items(vm, self, &items, &count));
    PW_TRY(pw_tpl_arg_int(vm, &args->at[0], 1, &size));
    const size_t step = size > 0 && (uint64_t)size < count ? (size_t)size : count > 0 ? count : 1;
    PW_TRY(pw_tpl_seq_new(vm, PW_TPL_ITERATOR, count / step + 1, out));
    for (size_t at = 0; at < count; at += step) {
        const size_t here = count - at < step ? count - at : step;
        pw_tpl_value *row = &out->as.seq->items[rows++];
        PW_TRY(row_of(vm, items + at, here, &args->at[1], size > 0 ? (size_t)size : 0, row));
        row->user = self->user;
    }
    out->as.seq->count = rows;
    out->user = self->user;
    return PEWTER_OK;
}

static pewter_status filter_slice(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                  pw_tpl_value *out)
{
    pw_tpl_value *items;
    size_t count;
    int64_t slices;
    PW_TRY(pw_tpl_items(vm, self, &items, &count));
    PW_TRY(pw_tpl_arg_int(vm, &args->at[0], 1, &slices));
    if (slices <= 0) return pw_tpl_fail(vm, "slice makes one part or more");
    const size_t parts = (size_t)slices, least = count / parts, more = count % parts;
    PW_TRY(pw_tpl_seq_new(vm, PW_TPL_ITERATOR, parts, out));
    for (size_t i = 0, at = 0; i < parts; i++) {
        const size_t here = least + (i < more);
        pw_tpl_value *row = &out->as.seq->items[i];
        PW_TRY(row_of(vm, here > 0 ? items + at : NULL, here, &args->at[1],
                      i >= more ? here + 1 : here, row));
        row->user = self->user;
        at += here;
    }
    out->user = self->user;
    return PEWTER_OK;
}

const pw_tpl_builtin pw_tpl_seq_filters[] = {
    {"length", filter_length, "", 0},
    {"count", filter_length, "", 0},
    {"first", filter_first, "", 0},
    {"last", filter_last, "", 0},
    {"list", filter_list, "", 0},
    {"items", filter_items, "", 0},
    {"reverse", filter_reverse, "", 0},
    {"join", filter_join, "d attribute", 0},
    {"sort", filter_sort, "reverse case_sensitive attribute", 0},
    {"unique", filter_unique, "case_sensitive attribute", 0},
    {"min", filter_min, "case_sensitive attribute", 0},
    {"max", filter_max, "case_sensitive attribute", 0},
    {"sum", filter_sum, "attribute start", 0},
    {"dictsort", filter_dictsort, "case_sensitive by reverse", 0},
    {"groupby", filter_groupby, "attribute default case_sensitive", 1},
    {"batch", filter_batch, "linecount fill_with", 1},
    {"slice", filter_slice, "slices fill_with", 1},
    {NULL, NULL, NULL, 0},
};
