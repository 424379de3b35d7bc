#include "runtime/text/template_value.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "pw/status.h"
#include "runtime/text/template_char.h"

/* ---- Memory ------------------------------------------------------------------------------- */

static void *limited_alloc(void *context, size_t bytes, size_t align, pewter_memory kind)
{
    pw_tpl_pool *pool = context;
    if (bytes > pool->cap - pool->used) return NULL;
    void *ptr = pool->base->alloc(pool->base->context, bytes, align, kind);
    if (ptr != NULL) pool->used += bytes;
    return ptr;
}

static void limited_free(void *context, void *ptr, size_t bytes, pewter_memory kind)
{
    pw_tpl_pool *pool = context;
    pool->used -= bytes;
    pool->base->free(pool->base->context, ptr, bytes, kind);
}

void pw_tpl_pool_open(pw_tpl_pool *pool, const pewter_allocator *base, size_t cap)
{
    *pool = (pw_tpl_pool){.base = base, .cap = cap};
    pool->limited =
        (pewter_allocator){.context = pool, .alloc = limited_alloc, .free = limited_free};
    pool->arena.alloc = &pool->limited;
}

void pw_tpl_pool_close(pw_tpl_pool *pool)
{
    pw_arena_free(&pool->arena);
}

void *pw_tpl_pool_take(pw_tpl_pool *pool, size_t count, size_t size)
{
    enum { CHUNK = 16 * 1024, SMALL = 2048, ALIGN = 16 };
    size_t need;
    if (!pw_mul(count, size, &need) || !pw_align(need == 0 ? 1 : need, ALIGN, &need)) return NULL;
    if (need > SMALL) return pw_arena_take(&pool->arena, need);
    if (pool->at == NULL || (size_t)(pool->end - pool->at) < need) {
        char *chunk = pw_arena_take(&pool->arena, CHUNK);
        if (chunk == NULL) return NULL;
        pool->at = chunk;
        pool->end = chunk + CHUNK;
    }
    void *taken = pool->at;
    pool->at += need;
    return taken;
}

/* ---- The machine -------------------------------------------------------------------------- */

pewter_status pw_tpl_stop(pw_tpl_vm *vm, pewter_status status, const char *format, ...)
{
    char reason[400];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    return pw_fail(vm->err, status, "chat template, line %u: %s", vm->line, reason);
}

pewter_status pw_tpl_fail(pw_tpl_vm *vm, const char *format, ...)
{
    char reason[400];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    return pw_tpl_stop(vm, PEWTER_E_FORMAT, "%s", reason);
}

pewter_status pw_tpl_spend(pw_tpl_vm *vm, uint64_t steps)
{
    if (steps > vm->steps) {
        vm->steps = 0;
        return pw_tpl_stop(vm, PEWTER_E_LIMIT, "it takes too many steps");
    }
    vm->steps -= steps;
    return PEWTER_OK;
}

pewter_status pw_tpl_descend(pw_tpl_vm *vm)
{
    enum { DEEPEST = 1500 };
    if (vm->depth == DEEPEST)
        return pw_tpl_stop(vm, PEWTER_E_LIMIT, "it is nested more than %d deep", DEEPEST);
    vm->depth++;
    return PEWTER_OK;
}

pewter_status pw_tpl_spend_bytes(pw_tpl_vm *vm, size_t bytes)
{
    return pw_tpl_spend(vm, bytes / 128);
}

pewter_status pw_tpl_take(pw_tpl_vm *vm, size_t count, size_t size, void *out)
{
    void *taken = pw_tpl_pool_take(&vm->pool, count, size);
    if (taken == NULL) {
        pw_fail(vm->err, PEWTER_E_MEMORY,
                "chat template, line %u: its values need more than %zu bytes", vm->line,
                vm->pool.cap);
        return PEWTER_E_MEMORY;
    }
    memcpy(out, &taken, sizeof taken);
    return PEWTER_OK;
}

pewter_status pw_tpl_undefine(pw_tpl_vm *vm, pw_tpl_value *out, const char *format, ...)
{
    char reason[160];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);

    char *why;
    const size_t bytes = strlen(reason) + 1;
    PW_TRY(pw_tpl_take(vm, bytes, 1, &why));
    memcpy(why, reason, bytes);
    *out = pw_tpl_undefined(why);
    return PEWTER_OK;
}

/* ---- Sequences and dictionaries ----------------------------------------------------------- */

pewter_status pw_tpl_seq_new(pw_tpl_vm *vm, pw_tpl_flavour flavour, size_t count, pw_tpl_value *out)
{
    pw_tpl_seq *seq;
    PW_TRY(pw_tpl_spend(vm, count / 8));
    PW_TRY(pw_tpl_take(vm, 1, sizeof *seq, &seq));
    PW_TRY(pw_tpl_take(vm, count, sizeof *seq->items, &seq->items));
    seq->flavour = flavour;
    seq->count = count;
    *out = (pw_tpl_value){.kind = PW_TPL_SEQ, .as.seq = seq};
    return PEWTER_OK;
}

pewter_status pw_tpl_pair(pw_tpl_vm *vm, pw_tpl_value a, pw_tpl_value b, pw_tpl_value *out)
{
    PW_TRY(pw_tpl_seq_new(vm, PW_TPL_TUPLE, 2, out));
    out->as.seq->items[0] = a;
    out->as.seq->items[1] = b;
    return PEWTER_OK;
}

/* A number that compares as Python's bool, int and float do among each other. */
static bool number_of(const pw_tpl_value *value, long double *out)
{
    if (value->kind == PW_TPL_BOOL)
        *out = value->as.b ? 1.0L : 0.0L;
    else if (value->kind == PW_TPL_INT)
        *out = (long double)value->as.i;
    else if (value->kind == PW_TPL_FLOAT)
        *out = (long double)value->as.f;
    else
        return false;
    return true;
}

/* Equality of keys: strings by bytes, numbers by value, tuples item by item. */
static bool same_key(const pw_tpl_value *a, const pw_tpl_value *b, int depth)
{
    long double x, y;
    if (number_of(a, &x)) return number_of(b, &y) && x == y;
    if (a->kind != b->kind) return false;
    if (a->kind == PW_TPL_STRING) return pw_tpl_same(a->as.string, b->as.string);
    if (a->kind != PW_TPL_SEQ) return true;
    const pw_tpl_seq *s = a->as.seq, *t = b->as.seq;
    if (s->count != t->count || depth == 0) return false;
    for (size_t i = 0; i < s->count; i++)
        if (!same_key(&s->items[i], &t->items[i], depth - 1)) return false;
    return true;
}

/* May it be a key? Tuples nest at most four deep and stay short, which bounds comparisons. */
static bool hashable(const pw_tpl_value *value, int depth)
{
    if (value->kind == PW_TPL_SEQ) {
        const pw_tpl_seq *seq = value->as.seq;
        if (seq->flavour != PW_TPL_TUPLE || seq->count > 8 || depth == 0) return false;
        for (size_t i = 0; i < seq->count; i++)
            if (!hashable(&seq->items[i], depth - 1)) return false;
        return true;
    }
    return value->kind >= PW_TPL_UNDEFINED && value->kind <= PW_TPL_STRING;
}

/* Orders the numbers of keys by their bytes, then by age; `context` is the array of keys. */
static int by_key(const void *a, const void *b, void *context)
{
    const pw_tpl_value *keys = context;
    const uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    const int order = pw_tpl_order(keys[i].as.string, keys[j].as.string);
    if (order != 0) return order;
    return i < j ? -1 : i > j;
}

/* Removes string keys that come again, keeping the last value: in order of keys, equal ones meet. */
static pewter_status drop_doubles(pw_tpl_vm *vm, pw_tpl_dict *dict)
{
    uint32_t *order, *drop;
    size_t strings = 0;
    PW_TRY(pw_tpl_spend(vm, dict->count));
    PW_TRY(pw_tpl_take(vm, dict->count, sizeof *order, &order));
    PW_TRY(pw_tpl_take(vm, dict->count, sizeof *drop, &drop));
    for (size_t i = 0; i < dict->count; i++)
        if (dict->keys[i].kind == PW_TPL_STRING) order[strings++] = (uint32_t)i;
    qsort_r(order, strings, sizeof *order, by_key, dict->keys);
    for (size_t i = 1, first = 0; i < strings; i++) {
        if (!pw_tpl_same(dict->keys[order[first]].as.string, dict->keys[order[i]].as.string)) {
            first = i;
            continue;
        }
        dict->values[order[first]] = dict->values[order[i]];
        drop[order[i]] = 1;
    }

    size_t kept = 0;
    for (size_t i = 0; i < dict->count; i++) {
        bool doubled = drop[i] != 0;
        if (dict->keys[i].kind != PW_TPL_STRING) {
            PW_TRY(pw_tpl_spend(vm, kept / 8));
            for (size_t j = 0; j < kept && !doubled; j++) {
                doubled = same_key(&dict->keys[i], &dict->keys[j], 4);
                if (doubled) dict->values[j] = dict->values[i];
            }
        }
        if (doubled) continue;
        dict->keys[kept] = dict->keys[i];
        dict->values[kept++] = dict->values[i];
    }
    dict->count = kept;
    return PEWTER_OK;
}

/* The index of a large dictionary. */
static pewter_status sort_keys(pw_tpl_vm *vm, pw_tpl_dict *dict)
{
    enum { FEW = 8 };
    if (dict->count <= FEW) return PEWTER_OK;
    PW_TRY(pw_tpl_take(vm, dict->count, sizeof *dict->sorted, &dict->sorted));
    for (size_t i = 0; i < dict->count; i++)
        if (dict->keys[i].kind == PW_TPL_STRING) dict->sorted[dict->n_sorted++] = (uint32_t)i;
    qsort_r(dict->sorted, dict->n_sorted, sizeof *dict->sorted, by_key, dict->keys);
    return PEWTER_OK;
}

pewter_status pw_tpl_dict_new(pw_tpl_vm *vm, pw_tpl_value *keys, pw_tpl_value *values, size_t count,
                              pw_tpl_value *out)
{
    for (size_t i = 0; i < count; i++)
        if (!hashable(&keys[i], 4))
            return pw_tpl_fail(vm, "a %s cannot be a key of a dictionary", pw_tpl_type(&keys[i]));
    pw_tpl_dict *dict;
    PW_TRY(pw_tpl_take(vm, 1, sizeof *dict, &dict));
    *dict = (pw_tpl_dict){.keys = keys, .values = values, .count = count};
    PW_TRY(drop_doubles(vm, dict));
    PW_TRY(sort_keys(vm, dict));
    *out = (pw_tpl_value){.kind = PW_TPL_DICT, .as.dict = dict};
    return PEWTER_OK;
}

static const pw_tpl_value *find_sorted(const pw_tpl_dict *dict, const pw_tpl_string *key)
{
    size_t low = 0, high = dict->n_sorted;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const uint32_t at = dict->sorted[middle];
        const int order = pw_tpl_order(dict->keys[at].as.string, key);
        if (order == 0) return &dict->values[at];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

pewter_status pw_tpl_dict_find(pw_tpl_vm *vm, const pw_tpl_dict *dict, const pw_tpl_value *key,
                               const pw_tpl_value **out)
{
    *out = NULL;
    if (!hashable(key, 4))
        return pw_tpl_fail(vm, "a %s cannot be a key of a dictionary", pw_tpl_type(key));
    if (key->kind == PW_TPL_STRING) PW_TRY(pw_tpl_spend_bytes(vm, key->as.string->bytes));
    if (key->kind == PW_TPL_STRING && dict->sorted != NULL) {
        *out = find_sorted(dict, key->as.string);
        return PEWTER_OK;
    }
    PW_TRY(pw_tpl_spend(vm, dict->count / 8));
    for (size_t i = 0; i < dict->count; i++) {
        if (!same_key(&dict->keys[i], key, 4)) continue;
        *out = &dict->values[i];
        break;
    }
    return PEWTER_OK;
}

const pw_tpl_value *pw_tpl_dict_name(const pw_tpl_dict *dict, const char *name, size_t bytes)
{
    const pw_tpl_string key = {.text = name, .bytes = bytes};
    if (dict->sorted != NULL) return find_sorted(dict, &key);
    for (size_t i = 0; i < dict->count; i++)
        if (dict->keys[i].kind == PW_TPL_STRING && pw_tpl_same(dict->keys[i].as.string, &key))
            return &dict->values[i];
    return NULL;
}

pw_tpl_value *pw_tpl_space_find(const pw_tpl_space *space, const char *name, size_t bytes)
{
    const pw_tpl_string key = {.text = name, .bytes = bytes};
    for (size_t i = 0; i < space->count; i++)
        if (pw_tpl_same(space->names[i].as.string, &key)) return &space->values[i];
    return NULL;
}

pewter_status pw_tpl_space_set(pw_tpl_vm *vm, pw_tpl_space *space, const char *name, size_t bytes,
                               const pw_tpl_value *value)
{
    PW_TRY(pw_tpl_spend(vm, space->count / 16));
    pw_tpl_value *old = pw_tpl_space_find(space, name, bytes);
    if (old != NULL) {
        *old = *value;
        return PEWTER_OK;
    }
    if (space->count == space->cap) {
        const size_t cap = space->cap * 2 + 4;
        pw_tpl_value *names, *values;
        PW_TRY(pw_tpl_take(vm, cap, sizeof *names, &names));
        PW_TRY(pw_tpl_take(vm, cap, sizeof *values, &values));
        if (space->names != NULL && space->values != NULL) {
            memcpy(names, space->names, space->count * sizeof *names);
            memcpy(values, space->values, space->count * sizeof *values);
        }
        space->names = names;
        space->values = values;
        space->cap = cap;
    }
    assert(space->names != NULL && space->values != NULL);
    PW_TRY(pw_tpl_string_copy(vm, name, bytes, false, &space->names[space->count]));
    space->values[space->count++] = *value;
    return PEWTER_OK;
}

/* ---- Looking ------------------------------------------------------------------------------ */

const char *pw_tpl_type(const pw_tpl_value *value)
{
    static const char *const kinds[] = {
        [PW_TPL_MISSING] = "missing",   [PW_TPL_UNDEFINED] = "Undefined",
        [PW_TPL_NONE] = "NoneType",     [PW_TPL_BOOL] = "bool",
        [PW_TPL_INT] = "int",           [PW_TPL_FLOAT] = "float",
        [PW_TPL_STRING] = "str",        [PW_TPL_SEQ] = "list",
        [PW_TPL_DICT] = "dict",         [PW_TPL_SPACE] = "Namespace",
        [PW_TPL_MACRO] = "Macro",       [PW_TPL_LOOP] = "LoopContext",
        [PW_TPL_FUNCTION] = "function", [PW_TPL_CYCLER] = "Cycler",
        [PW_TPL_JOINER] = "Joiner"};
    static const char *const flavours[] = {
        [PW_TPL_LIST] = "list",          [PW_TPL_TUPLE] = "tuple",
        [PW_TPL_GROUP] = "tuple",        [PW_TPL_RANGE] = "range",
        [PW_TPL_ITERATOR] = "iterator",  [PW_TPL_KEYS] = "dict_keys",
        [PW_TPL_VALUES] = "dict_values", [PW_TPL_ITEMS] = "dict_items"};
    return value->kind == PW_TPL_SEQ ? flavours[value->as.seq->flavour] : kinds[value->kind];
}

bool pw_tpl_truth(const pw_tpl_value *value)
{
    switch (value->kind) {
    case PW_TPL_MISSING:
    case PW_TPL_UNDEFINED:
    case PW_TPL_NONE: return false;
    case PW_TPL_BOOL: return value->as.b;
    case PW_TPL_INT: return value->as.i != 0;
    case PW_TPL_FLOAT: return value->as.f != 0.0;
    case PW_TPL_STRING: return value->as.string->bytes > 0;
    case PW_TPL_SEQ: return value->as.seq->flavour == PW_TPL_ITERATOR || value->as.seq->count > 0;
    case PW_TPL_DICT: return value->as.dict->count > 0;
    case PW_TPL_SPACE:
    case PW_TPL_MACRO:
    case PW_TPL_LOOP:
    case PW_TPL_FUNCTION:
    case PW_TPL_CYCLER:
    case PW_TPL_JOINER: break;
    }
    return true;
}

/* The characters of a string as strings; those of ASCII are shared. */
static pewter_status characters(pw_tpl_vm *vm, const pw_tpl_string *string, pw_tpl_value **items)
{
    PW_TRY(pw_tpl_spend(vm, string->chars / 8));
    PW_TRY(pw_tpl_take(vm, string->chars, sizeof **items, items));
    size_t at = 0;
    for (size_t i = 0; i < string->chars; i++) {
        uint32_t c;
        const size_t length = pw_tpl_decode(string->text + at, string->bytes - at, &c);
        const bool user = pw_tpl_mark(string, at);
        if (c < 128 && !string->safe && vm->ascii[user][c] != NULL) {
            (*items)[i] = pw_tpl_text(vm->ascii[user][c]);
        } else {
            PW_TRY(pw_tpl_string_part(vm, string, at, at + length, &(*items)[i]));
            if (c < 128 && !string->safe) vm->ascii[user][c] = (*items)[i].as.string;
        }
        at += length;
    }
    return PEWTER_OK;
}

pewter_status pw_tpl_items(pw_tpl_vm *vm, const pw_tpl_value *value, pw_tpl_value **items,
                           size_t *count)
{
    if (value->kind == PW_TPL_SEQ) {
        pw_tpl_seq *seq = value->as.seq;
        *items = seq->items + seq->read;
        *count = seq->count - seq->read;
        if (seq->flavour == PW_TPL_ITERATOR) seq->read = seq->count;
        return pw_tpl_spend(vm, *count / 8);
    }
    if (value->kind == PW_TPL_DICT) {
        *items = value->as.dict->keys;
        *count = value->as.dict->count;
        return pw_tpl_spend(vm, *count / 8);
    }
    if (value->kind == PW_TPL_STRING) {
        *count = value->as.string->chars;
        return characters(vm, value->as.string, items);
    }
    if (value->kind == PW_TPL_UNDEFINED) {
        *items = NULL;
        *count = 0;
        return PEWTER_OK;
    }
    return pw_tpl_fail(vm, "a %s cannot be iterated over", pw_tpl_type(value));
}
