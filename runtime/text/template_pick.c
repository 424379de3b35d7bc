#include "runtime/text/template_pick.h"

#include <string.h>

#include "pw/status.h"
#include "runtime/text/template_text.h"

/* ---- Paths -------------------------------------------------------------------------------- */

/* One part: digits are an index. MISSING stands for a comma. */
static pewter_status part_of(pw_tpl_vm *vm, const pw_tpl_string *text, size_t begin, size_t end,
                             pw_tpl_value *out)
{
    const bool digits = end > begin && end - begin < 18;
    int64_t index = 0;
    for (size_t i = begin; digits && i < end; i++) {
        const char c = text->text[i];
        if (c < '0' || c > '9') return pw_tpl_string_part(vm, text, begin, end, out);
        index = index * 10 + (c - '0');
    }
    if (!digits) return pw_tpl_string_part(vm, text, begin, end, out);
    *out = pw_tpl_int(index);
    return PEWTER_OK;
}

static pewter_status parts_of(pw_tpl_vm *vm, const pw_tpl_string *text, bool several,
                              pw_tpl_path *out)
{
    size_t marks = 1;
    for (size_t i = 0; i < text->bytes; i++) marks += text->text[i] == '.' || text->text[i] == ',';
    PW_TRY(pw_tpl_spend(vm, text->bytes / 16 + marks));
    PW_TRY(pw_tpl_take(vm, 2 * marks, sizeof *out->parts, &out->parts));
    for (size_t begin = 0, end = 0; end <= text->bytes; end++) {
        const bool comma = several && end < text->bytes && text->text[end] == ',';
        if (end < text->bytes && text->text[end] != '.' && !comma) continue;
        PW_TRY(part_of(vm, text, begin, end, &out->parts[out->count++]));
        if (comma) {
            out->parts[out->count++] = (pw_tpl_value){.kind = PW_TPL_MISSING};
            out->paths++;
        }
        begin = end + 1;
    }
    return PEWTER_OK;
}

pewter_status pw_tpl_path_open(pw_tpl_vm *vm, const pw_tpl_value *attribute, bool several,
                               pw_tpl_path *out)
{
    *out = (pw_tpl_path){.paths = 1, .listed = several, .fallback = {.kind = PW_TPL_MISSING}};
    if (attribute->kind == PW_TPL_MISSING || attribute->kind == PW_TPL_NONE) return PEWTER_OK;
    if (attribute->kind == PW_TPL_STRING) return parts_of(vm, attribute->as.string, several, out);
    PW_TRY(pw_tpl_take(vm, 1, sizeof *out->parts, &out->parts));
    out->parts[out->count++] = *attribute;
    return PEWTER_OK;
}

/* A value as it is compared: strings in lower case where that is asked for. */
static pewter_status cased(pw_tpl_vm *vm, const pw_tpl_path *path, const pw_tpl_value *value,
                           pw_tpl_value *out)
{
    if (path->lower && value->kind == PW_TPL_STRING)
        return pw_tpl_recase(vm, value->as.string, PW_TPL_LOWER, out);
    *out = *value;
    return PEWTER_OK;
}

/* Follows the parts from number *at to the next comma, and passes it. */
static pewter_status follow(pw_tpl_vm *vm, const pw_tpl_path *path, const pw_tpl_value *item,
                            size_t *at, pw_tpl_value *out)
{
    pw_tpl_value value = *item;
    for (; *at < path->count && path->parts[*at].kind != PW_TPL_MISSING; (*at)++) {
        pw_tpl_value next;
        PW_TRY(pw_tpl_item(vm, &value, &path->parts[*at], &next));
        const bool lacks = next.kind == PW_TPL_UNDEFINED && path->fallback.kind != PW_TPL_MISSING;
        value = lacks ? path->fallback : next;
    }
    (*at)++;
    return cased(vm, path, &value, out);
}

pewter_status pw_tpl_path_get(pw_tpl_vm *vm, const pw_tpl_path *path, const pw_tpl_value *item,
                              pw_tpl_value *out)
{
    size_t at = 0;
    PW_TRY(pw_tpl_spend(vm, 1 + path->count));
    if (!path->listed) return follow(vm, path, item, &at, out);
    pw_tpl_value list;
    PW_TRY(pw_tpl_seq_new(vm, PW_TPL_LIST, path->paths, &list));
    for (size_t i = 0; i < path->paths; i++)
        PW_TRY(follow(vm, path, item, &at, &list.as.seq->items[i]));
    *out = list;
    return PEWTER_OK;
}

pewter_status pw_tpl_path_all(pw_tpl_vm *vm, const pw_tpl_path *path, const pw_tpl_value *items,
                              size_t count, pw_tpl_value **out)
{
    PW_TRY(pw_tpl_take(vm, count, sizeof **out, out));
    for (size_t i = 0; i < count; i++) PW_TRY(pw_tpl_path_get(vm, path, &items[i], &(*out)[i]));
    return PEWTER_OK;
}

/* ---- Order -------------------------------------------------------------------------------- */

/* Merges the runs [begin, middle) and [middle, end) of `from` into `to`. */
static pewter_status merge(pw_tpl_vm *vm, const pw_tpl_value *keys, const size_t bounds[3],
                           bool backwards, const uint32_t *from, uint32_t *to)
{
    size_t left = bounds[0], right = bounds[1];
    for (size_t at = bounds[0]; at < bounds[2]; at++) {
        bool second = left == bounds[1];
        if (!second && right < bounds[2]) {
            const pw_tpl_value *a = &keys[from[left]], *b = &keys[from[right]];
            PW_TRY(pw_tpl_compare(vm, PW_TPL_LT, backwards ? a : b, backwards ? b : a, &second));
        }
        to[at] = second ? from[right++] : from[left++];
    }
    return PEWTER_OK;
}

pewter_status pw_tpl_sort(pw_tpl_vm *vm, const pw_tpl_value *keys, size_t count, bool backwards,
                          uint32_t **out)
{
    uint32_t *from, *to;
    PW_TRY(pw_tpl_take(vm, count, sizeof *from, &from));
    PW_TRY(pw_tpl_take(vm, count, sizeof *to, &to));
    for (size_t i = 0; i < count; i++) from[i] = (uint32_t)i;
    for (size_t run = 1; run < count; run *= 2) {
        for (size_t begin = 0; begin < count; begin += 2 * run) {
            const size_t middle = begin + run < count ? begin + run : count;
            const size_t end = begin + 2 * run < count ? begin + 2 * run : count;
            PW_TRY(merge(vm, keys, (const size_t[3]){begin, middle, end}, backwards, from, to));
        }
        uint32_t *const merged = to;
        to = from;
        from = merged;
    }
    *out = from;
    return PEWTER_OK;
}

/* ---- map ---------------------------------------------------------------------------------- */

/* The arguments behind the first `skip` by position. */
static pw_tpl_args rest_of(const pw_tpl_args *args, size_t skip)
{
    pw_tpl_args rest = *args;
    if (skip > 0 && rest.count >= skip) {
        rest.count -= skip;
        rest.at += skip;
    }
    return rest;
}

/* The items; none where the value counts as false, whatever it is, as in Jinja. */
static pewter_status items_of(pw_tpl_vm *vm, const pw_tpl_value *self, pw_tpl_value **items,
                              size_t *count)
{
    *items = NULL;
    *count = 0;
    return pw_tpl_truth(self) ? pw_tpl_items(vm, self, items, count) : PEWTER_OK;
}

static pewter_status map_path(pw_tpl_vm *vm, const pw_tpl_value *items, size_t count,
                              const pw_tpl_args *args, pw_tpl_value *out)
{
    pw_tpl_value attribute = {.kind = PW_TPL_MISSING}, fallback = attribute;
    for (size_t i = 0; i < args->n_named; i++) {
        const pw_tpl_string *name = args->names[i].as.string;
        if (pw_tpl_is(name, "attribute"))
            attribute = args->named[i];
        else if (pw_tpl_is(name, "default"))
            fallback = args->named[i];
        else
            return pw_tpl_fail(vm, "map takes the names attribute and default only");
    }
    if (attribute.kind == PW_TPL_MISSING)
        return pw_tpl_fail(vm, "map takes a filter or attribute=...");
    pw_tpl_path path;
    PW_TRY(pw_tpl_path_open(vm, &attribute, false, &path));
    if (fallback.kind != PW_TPL_NONE) path.fallback = fallback;
    for (size_t i = 0; i < count; i++) PW_TRY(pw_tpl_path_get(vm, &path, &items[i], &out[i]));
    return PEWTER_OK;
}

static pewter_status filter_map(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                pw_tpl_value *out)
{
    pw_tpl_value *items;
    size_t count;
    PW_TRY(items_of(vm, self, &items, &count));
    PW_TRY(pw_tpl_seq_new(vm, PW_TPL_ITERATOR, count, out));
    out->user = self->user;
    if (args->count == 0) return map_path(vm, items, count, args, out->as.seq->items);
    if (args->at[0].kind != PW_TPL_STRING)
        return pw_tpl_fail(vm, "the name of a filter is a string");
    const pw_tpl_string *name = args->at[0].as.string;
    const pw_tpl_args rest = rest_of(args, 1);
    for (size_t i = 0; i < count; i++)
        PW_TRY(
            pw_tpl_filter(vm, name->text, name->bytes, &items[i], &rest, &out->as.seq->items[i]));
    return PEWTER_OK;
}

/* ---- select, reject ----------------------------------------------------------------------- */

/* Does the test args[0] with the arguments behind it hold? Without one: does the value count as true? */
static pewter_status passes(pw_tpl_vm *vm, const pw_tpl_value *value, const pw_tpl_args *args,
                            bool *out)
{
    if (args->count == 0) {
        *out = pw_tpl_truth(value);
        return PEWTER_OK;
    }
    if (args->at[0].kind != PW_TPL_STRING) return pw_tpl_fail(vm, "the name of a test is a string");
    const pw_tpl_string *name = args->at[0].as.string;
    const pw_tpl_args rest = rest_of(args, 1);
    return pw_tpl_test(vm, name->text, name->bytes, value, &rest, out);
}

/* The items of which the test holds, or does not. `by_attribute`: it is put to args[0] of each. */
static pewter_status pick(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                          bool by_attribute, bool wanted, pw_tpl_value *out)
{
    pw_tpl_value *items;
    size_t count, kept = 0;
    pw_tpl_path path = {.fallback = {.kind = PW_TPL_MISSING}};
    if (by_attribute && args->count == 0)
        return pw_tpl_fail(vm, "the name of an attribute is wanted");
    if (by_attribute) PW_TRY(pw_tpl_path_open(vm, &args->at[0], false, &path));
    const pw_tpl_args test = rest_of(args, by_attribute ? 1 : 0);
    PW_TRY(items_of(vm, self, &items, &count));
    PW_TRY(pw_tpl_seq_new(vm, PW_TPL_ITERATOR, count, out));
    for (size_t i = 0; i < count; i++) {
        pw_tpl_value value;
        bool holds = false;
        PW_TRY(pw_tpl_path_get(vm, &path, &items[i], &value));
        PW_TRY(passes(vm, &value, &test, &holds));
        if (holds == wanted) out->as.seq->items[kept++] = items[i];
    }
    out->as.seq->count = kept;
    out->user = self->user;
    return PEWTER_OK;
}

static pewter_status filter_select(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                   pw_tpl_value *out)
{
    return pick(vm, self, args, false, true, out);
}

static pewter_status filter_reject(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                   pw_tpl_value *out)
{
    return pick(vm, self, args, false, false, out);
}

static pewter_status filter_selectattr(pw_tpl_vm *vm, const pw_tpl_value *self,
                                       const pw_tpl_args *args, pw_tpl_value *out)
{
    return pick(vm, self, args, true, true, out);
}

static pewter_status filter_rejectattr(pw_tpl_vm *vm, const pw_tpl_value *self,
                                       const pw_tpl_args *args, pw_tpl_value *out)
{
    return pick(vm, self, args, true, false, out);
}

const pw_tpl_builtin pw_tpl_pick_filters[] = {
    {"map", filter_map, NULL, 0},
    {"select", filter_select, NULL, 0},
    {"reject", filter_reject, NULL, 0},
    {"selectattr", filter_selectattr, NULL, 0},
    {"rejectattr", filter_rejectattr, NULL, 0},
    {NULL, NULL, NULL, 0},
};
