/* Attributes, subscripts and slices. */
#include "pw/status.h"
#include "runtime/text/template_char.h"
#include "runtime/text/template_eval.h"

/* ---- Attributes --------------------------------------------------------------------------- */

/* Methods that would change their object: they are not there, not even as a key. */
static bool changes(const pw_tpl_value *object, const pw_tpl_string *name)
{
    static const char *const list[] = {"append", "clear",  "extend",  "insert",
                                       "pop",    "remove", "reverse", "sort"};
    static const char *const dict[] = {"clear", "pop", "popitem", "setdefault", "update"};

    const bool is_dict = object->kind == PW_TPL_DICT;
    if (!is_dict && (object->kind != PW_TPL_SEQ || object->as.seq->flavour != PW_TPL_LIST))
        return false;
    const char *const *names = is_dict ? dict : list;
    const size_t count = is_dict ? sizeof dict / sizeof dict[0] : sizeof list / sizeof list[0];
    for (size_t i = 0; i < count; i++)
        if (pw_tpl_is(name, names[i])) return true;
    return false;
}

/* What a macro says of itself. */
static pewter_status macro_attribute(pw_tpl_vm *vm, const pw_tpl_macro *macro,
                                     const pw_tpl_string *name, pw_tpl_value *out, bool *found)
{
    const pw_tpl_node *node = macro->node;
    static const struct {
        const char *name;
        uint8_t bit;
    } flags[] = {{"caller", PW_TPL_USES_CALLER},
                 {"catch_varargs", PW_TPL_USES_ARGS},
                 {"catch_kwargs", PW_TPL_USES_KWARGS}};

    *found = true;
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (!pw_tpl_is(name, flags[i].name)) continue;
        *out = pw_tpl_bool((node->flag & flags[i].bit) != 0);
        return PEWTER_OK;
    }
    if (pw_tpl_is(name, "name"))
        return pw_tpl_string_new(vm, node->name, node->name_bytes, false, out);
    *found = pw_tpl_is(name, "arguments");
    if (!*found) return PEWTER_OK;
    size_t count = 0;
    for (const pw_tpl_node *at = node->a; at != NULL; at = at->next) count++;
    PW_TRY(pw_tpl_seq_new(vm, PW_TPL_TUPLE, count, out));
    count = 0;
    for (const pw_tpl_node *at = node->a; at != NULL; at = at->next)
        PW_TRY(
            pw_tpl_string_new(vm, at->name, at->name_bytes, false, &out->as.seq->items[count++]));
    return PEWTER_OK;
}

/* A method of the object, if it has one of that name. */
static const pw_tpl_builtin *method(const pw_tpl_value *object, const pw_tpl_string *name)
{
    const pw_tpl_builtin *found = NULL;
    if (object->kind == PW_TPL_STRING) {
        found = pw_tpl_find(pw_tpl_string_methods, name->text, name->bytes);
        if (found == NULL) found = pw_tpl_find(pw_tpl_string_checks, name->text, name->bytes);
    } else if (object->kind == PW_TPL_DICT) {
        found = pw_tpl_find(pw_tpl_dict_methods, name->text, name->bytes);
    } else if (object->kind == PW_TPL_SEQ && object->as.seq->flavour <= PW_TPL_RANGE) {
        const bool list = object->as.seq->flavour == PW_TPL_LIST;
        if (list || !pw_tpl_is(name, "copy"))
            found = pw_tpl_find(pw_tpl_seq_methods, name->text, name->bytes);
    } else if (object->kind == PW_TPL_CYCLER) {
        found = pw_tpl_find(pw_tpl_cycler_methods, name->text, name->bytes);
    } else if (object->kind == PW_TPL_LOOP) {
        found = pw_tpl_find(pw_tpl_loop_methods, name->text, name->bytes);
    }
    return found;
}

/* What Python's getattr finds. */
static pewter_status own_attribute(pw_tpl_vm *vm, const pw_tpl_value *object,
                                   const pw_tpl_string *name, pw_tpl_value *out, bool *found)
{
    *found = true;
    const pw_tpl_builtin *builtin = method(object, name);
    if (builtin != NULL) return pw_tpl_bind(vm, builtin, object, out);
    if (changes(object, name)) {
        *out = pw_tpl_undefined("access to a method that would change its object is not safe");
        return PEWTER_OK;
    }
    if (object->kind == PW_TPL_SPACE) {
        const pw_tpl_value *value = pw_tpl_space_find(object->as.space, name->text, name->bytes);
        *found = value != NULL;
        if (value != NULL) *out = *value;
        return pw_tpl_spend(vm, object->as.space->count / 16);
    }
    if (object->kind == PW_TPL_LOOP)
        return pw_tpl_loop_attribute(vm, object->as.loop, name, out, found);
    if (object->kind == PW_TPL_MACRO)
        return macro_attribute(vm, object->as.macro, name, out, found);
    if (object->kind == PW_TPL_SEQ && object->as.seq->flavour == PW_TPL_GROUP) {
        const bool list = pw_tpl_is(name, "list");
        if (list || pw_tpl_is(name, "grouper")) {
            *out = object->as.seq->items[list];
            return PEWTER_OK;
        }
    }
    if (object->kind == PW_TPL_CYCLER && pw_tpl_is(name, "current")) {
        *out = object->as.cycler->items[object->as.cycler->at];
        return PEWTER_OK;
    }
    *found = false;
    return PEWTER_OK;
}

static pewter_status lacks(pw_tpl_vm *vm, const pw_tpl_value *object, const pw_tpl_string *name,
                           pw_tpl_value *out)
{
    return pw_tpl_undefine(vm, out, "'%s object' has no attribute '%.*s'", pw_tpl_type(object),
                           name->bytes < 80 ? (int)name->bytes : 80, name->text);
}

pewter_status pw_tpl_attribute(pw_tpl_vm *vm, const pw_tpl_value *object, const pw_tpl_string *name,
                               pw_tpl_value *out)
{
    if (object->kind == PW_TPL_UNDEFINED) return pw_tpl_fail(vm, "%s", object->as.why);
    bool found;
    PW_TRY(own_attribute(vm, object, name, out, &found));
    if (found) return PEWTER_OK;
    if (object->kind == PW_TPL_DICT) {
        const pw_tpl_value key = pw_tpl_text(name), *value;
        PW_TRY(pw_tpl_dict_find(vm, object->as.dict, &key, &value));
        if (value != NULL) {
            *out = *value;
            return PEWTER_OK;
        }
    }
    return lacks(vm, object, name, out);
}

/* ---- Subscripts --------------------------------------------------------------------------- */

/* Character `index` of a string. */
static pewter_status character(pw_tpl_vm *vm, const pw_tpl_string *string, size_t index,
                               pw_tpl_value *out)
{
    PW_TRY(pw_tpl_spend_bytes(vm, string->chars == string->bytes ? 0 : string->bytes));
    const size_t at = pw_tpl_offset(string->text, string->bytes, string->chars, index);
    uint32_t c;
    const size_t length = pw_tpl_decode(string->text + at, string->bytes - at, &c);
    return pw_tpl_string_part(vm, string, at, at + length, out);
}

static bool is_indexed(const pw_tpl_value *value)
{
    return value->kind == PW_TPL_STRING ||
           (value->kind == PW_TPL_SEQ && value->as.seq->flavour <= PW_TPL_RANGE);
}

static size_t length_of(const pw_tpl_value *value)
{
    return value->kind == PW_TPL_STRING ? value->as.string->chars : value->as.seq->count;
}

pewter_status pw_tpl_item(pw_tpl_vm *vm, const pw_tpl_value *object, const pw_tpl_value *key,
                          pw_tpl_value *out)
{
    if (object->kind == PW_TPL_UNDEFINED) return pw_tpl_fail(vm, "%s", object->as.why);
    const bool whole = key->kind == PW_TPL_INT || key->kind == PW_TPL_BOOL;
    if (is_indexed(object) && whole) {
        const int64_t given = key->kind == PW_TPL_INT ? key->as.i : key->as.b;
        const int64_t length = (int64_t)length_of(object);
        const int64_t index = given < 0 ? given + length : given;
        if (index < 0 || index >= length)
            return pw_tpl_undefine(vm, out, "'%s object' has no element %lld", pw_tpl_type(object),
                                   (long long)given);
        if (object->kind == PW_TPL_STRING)
            return character(vm, object->as.string, (size_t)index, out);
        *out = object->as.seq->items[index];
        return PEWTER_OK;
    }
    const bool listed = key->kind == PW_TPL_SEQ && key->as.seq->flavour != PW_TPL_TUPLE;
    if (object->kind == PW_TPL_DICT && !listed && key->kind <= PW_TPL_SEQ) {
        const pw_tpl_value *value;
        PW_TRY(pw_tpl_dict_find(vm, object->as.dict, key, &value));
        if (value != NULL) {
            *out = *value;
            return PEWTER_OK;
        }
    }
    if (key->kind == PW_TPL_STRING) {
        bool found;
        PW_TRY(own_attribute(vm, object, key->as.string, out, &found));
        return found ? PEWTER_OK : lacks(vm, object, key->as.string, out);
    }
    return pw_tpl_undefine(vm, out, "'%s object' has no element of that %s", pw_tpl_type(object),
                           pw_tpl_type(key));
}

/* ---- Slices ------------------------------------------------------------------------------- */

/* A bound of a slice, if it is given. */
static pewter_status bound(pw_tpl_vm *vm, const pw_tpl_value *value, int64_t *out, bool *given)
{
    *given = value != NULL && value->kind != PW_TPL_NONE;
    if (!*given) return PEWTER_OK;
    if (value->kind == PW_TPL_UNDEFINED) return pw_tpl_fail(vm, "%s", value->as.why);
    if (value->kind != PW_TPL_INT && value->kind != PW_TPL_BOOL)
        return pw_tpl_fail(vm, "a slice takes integers or none, not %s", pw_tpl_type(value));
    *out = value->kind == PW_TPL_INT ? value->as.i : value->as.b;
    return PEWTER_OK;
}

/* A bound within [low, high], counted from the end where it is negative. */
static int64_t clamp(int64_t value, int64_t length, int64_t low, int64_t high)
{
    if (value < 0) value = value < -length ? low : value + length;
    return value < low ? low : value > high ? high : value;
}

/* The first index of a slice and how many there are. Source: Python reference, 6.3.3 and PEP 197. */
static pewter_status indices(pw_tpl_vm *vm, const pw_tpl_value *from, const pw_tpl_value *to,
                             int64_t length, int64_t step, int64_t *first, size_t *count)
{
    int64_t start = 0, stop = 0;
    bool has_start, has_stop;
    PW_TRY(bound(vm, from, &start, &has_start));
    PW_TRY(bound(vm, to, &stop, &has_stop));
    if (step == 0) return pw_tpl_fail(vm, "the step of a slice is 0");
    if (step < -INT64_MAX) step = -INT64_MAX;
    const bool back = step < 0;
    const int64_t low = back ? -1 : 0, high = back ? length - 1 : length;
    start = has_start ? clamp(start, length, low, high) : back ? high : low;
    stop = has_stop ? clamp(stop, length, low, high) : back ? low : high;
    *first = start;
    *count = 0;
    if (!back && start < stop) *count = (size_t)((stop - start - 1) / step + 1);
    if (back && start > stop) *count = (size_t)((start - stop - 1) / -step + 1);
    return PEWTER_OK;
}

static pewter_status slice_string(pw_tpl_vm *vm, const pw_tpl_string *string, int64_t first,
                                  int64_t step, size_t count, pw_tpl_value *out)
{
    PW_TRY(pw_tpl_spend_bytes(vm, string->bytes));
    const size_t start = (size_t)first;
    if (step == 1 || count == 0) {
        const size_t begin =
            count == 0 ? 0 : pw_tpl_offset(string->text, string->bytes, string->chars, start);
        const size_t end =
            count == 0 ? 0
                       : pw_tpl_offset(string->text, string->bytes, string->chars, start + count);
        return pw_tpl_string_part(vm, string, begin, end, out);
    }
    pw_tpl_value *items;
    size_t all;
    const pw_tpl_value whole = pw_tpl_text(string);
    pw_tpl_buffer buffer = {0};
    PW_TRY(pw_tpl_items(vm, &whole, &items, &all));
    PW_TRY(pw_tpl_spend(vm, count / 8));
    for (size_t i = 0; i < count; i++)
        PW_TRY(pw_tpl_put_string(vm, &buffer, items[first + (int64_t)i * step].as.string));
    return pw_tpl_string_of(vm, &buffer, out);
}

pewter_status pw_tpl_slice(pw_tpl_vm *vm, const pw_tpl_value *object, const pw_tpl_value *from,
                           const pw_tpl_value *to, const pw_tpl_value *step, pw_tpl_value *out)
{
    if (object->kind == PW_TPL_UNDEFINED) return pw_tpl_fail(vm, "%s", object->as.why);
    if (!is_indexed(object)) return pw_tpl_fail(vm, "a %s has no slices", pw_tpl_type(object));
    int64_t stride = 1, first = 0;
    size_t count = 0;
    bool given;
    PW_TRY(bound(vm, step, &stride, &given));
    PW_TRY(indices(vm, from, to, (int64_t)length_of(object), stride, &first, &count));
    if (object->kind == PW_TPL_STRING)
        return slice_string(vm, object->as.string, first, stride, count, out);
    const pw_tpl_seq *seq = object->as.seq;
    PW_TRY(
        pw_tpl_seq_new(vm, seq->flavour == PW_TPL_GROUP ? PW_TPL_TUPLE : seq->flavour, count, out));
    for (size_t i = 0; i < count; i++)
        out->as.seq->items[i] = seq->items[first + (int64_t)i * stride];
    out->user = object->user;
    return PEWTER_OK;
}
