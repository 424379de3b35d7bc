/* Expressions: one function a kind of node, by a table. */
#include "runtime/text/template_eval.h"

#include <string.h>

#include "pw/status.h"
#include "runtime/text/template_write.h"

/* ---- Scopes ------------------------------------------------------------------------------- */

pewter_status pw_tpl_scope_new(pw_tpl_vm *vm, pw_tpl_scope *parent, pw_tpl_scope **out)
{
    PW_TRY(pw_tpl_take(vm, 1, sizeof **out, out));
    (*out)->parent = parent;
    return PEWTER_OK;
}

static pw_tpl_value *find_here(const pw_tpl_scope *scope, const char *text, size_t bytes)
{
    for (size_t i = 0; i < scope->count; i++)
        if (scope->names[i].bytes == bytes && memcmp(scope->names[i].text, text, bytes) == 0)
            return &scope->names[i].value;
    return NULL;
}

pewter_status pw_tpl_scope_set(pw_tpl_vm *vm, pw_tpl_scope *scope, const char *text, size_t bytes,
                               const pw_tpl_value *value)
{
    PW_TRY(pw_tpl_spend(vm, scope->count / 16));
    pw_tpl_value *old = find_here(scope, text, bytes);
    if (old != NULL) {
        *old = *value;
        return PEWTER_OK;
    }
    if (scope->count == scope->cap) {
        const size_t cap = scope->cap * 2 + 4;
        pw_tpl_name *names;
        PW_TRY(pw_tpl_take(vm, cap, sizeof *names, &names));
        if (scope->count > 0) memcpy(names, scope->names, scope->count * sizeof *names);
        scope->names = names;
        scope->cap = cap;
    }
    scope->names[scope->count++] = (pw_tpl_name){.text = text, .bytes = bytes, .value = *value};
    return PEWTER_OK;
}

static pewter_status eval_name(pw_tpl_vm *vm, const pw_tpl_node *node, pw_tpl_value *out)
{
    size_t looked = 0;
    for (const pw_tpl_scope *scope = vm->scope; scope != NULL; scope = scope->parent) {
        const pw_tpl_value *value = find_here(scope, node->name, node->name_bytes);
        if (value != NULL) {
            *out = *value;
            return pw_tpl_spend(vm, looked / 16);
        }
        looked += scope->count + 1;
    }
    PW_TRY(pw_tpl_spend(vm, looked / 16));
    return pw_tpl_undefine(vm, out, "'%.*s' is undefined",
                           node->name_bytes < 100 ? (int)node->name_bytes : 100, node->name);
}

/* ---- Literals ----------------------------------------------------------------------------- */

static pewter_status eval_const(pw_tpl_vm *vm, const pw_tpl_node *node, pw_tpl_value *out)
{
    (void)vm;
    *out = node->value;
    return PEWTER_OK;
}

static size_t links(const pw_tpl_node *list)
{
    size_t count = 0;
    for (; list != NULL; list = list->next) count++;
    return count;
}

static pewter_status eval_seq(pw_tpl_vm *vm, const pw_tpl_node *node, pw_tpl_value *out)
{
    const bool tuple = node->kind == PW_TPL_N_TUPLE;
    pw_tpl_value value;
    PW_TRY(pw_tpl_seq_new(vm, tuple ? PW_TPL_TUPLE : PW_TPL_LIST, links(node->list), &value));
    pw_tpl_value *item = value.as.seq->items;
    for (const pw_tpl_node *link = node->list; link != NULL; link = link->next)
        PW_TRY(pw_tpl_eval(vm, link->a, item++));
    *out = value;
    return PEWTER_OK;
}

static pewter_status eval_dict(pw_tpl_vm *vm, const pw_tpl_node *node, pw_tpl_value *out)
{
    const size_t count = links(node->list);
    pw_tpl_value *keys, *values;
    PW_TRY(pw_tpl_take(vm, count, sizeof *keys, &keys));
    PW_TRY(pw_tpl_take(vm, count, sizeof *values, &values));
    size_t i = 0;
    for (const pw_tpl_node *link = node->list; link != NULL; link = link->next, i++) {
        PW_TRY(pw_tpl_eval(vm, link->a, &keys[i]));
        PW_TRY(pw_tpl_eval(vm, link->b, &values[i]));
    }
    return pw_tpl_dict_new(vm, keys, values, count, out);
}

/* ---- Operators ---------------------------------------------------------------------------- */

static pewter_status eval_concat(pw_tpl_vm *vm, const pw_tpl_node *node, pw_tpl_value *out)
{
    const pw_tpl_string *sum = NULL;
    for (const pw_tpl_node *link = node->list; link != NULL; link = link->next) {
        pw_tpl_value part, both;
        const pw_tpl_string *text;
        PW_TRY(pw_tpl_eval(vm, link->a, &part));
        PW_TRY(pw_tpl_to_string(vm, &part, &text));
        if (sum != NULL) {
            PW_TRY(pw_tpl_string_join(vm, sum, text, &both));
            text = both.as.string;
        }
        sum = text;
    }
    *out = pw_tpl_text(sum);
    return PEWTER_OK;
}

static pewter_status eval_binary(pw_tpl_vm *vm, const pw_tpl_node *node, pw_tpl_value *out)
{
    pw_tpl_value a, b;
    PW_TRY(pw_tpl_eval(vm, node->a, &a));
    PW_TRY(pw_tpl_eval(vm, node->b, &b));
    vm->line = node->line;
    return pw_tpl_binary(vm, (pw_tpl_op)node->op, &a, &b, out);
}

static pewter_status eval_sign(pw_tpl_vm *vm, const pw_tpl_node *node, pw_tpl_value *out)
{
    const bool negative = node->kind == PW_TPL_N_NEG;
    pw_tpl_value value;
    bool whole;
    int64_t i;
    double f;
    PW_TRY(pw_tpl_eval(vm, node->a, &value));
    if (value.kind == PW_TPL_UNDEFINED) return pw_tpl_fail(vm, "%s", value.as.why);
    if (!pw_tpl_number(&value, &whole, &i, &f))
        return pw_tpl_fail(vm, "a %s has no sign", pw_tpl_type(&value));
    if (whole && negative && i == INT64_MIN) return pw_tpl_fail(vm, "a number passes 64 bits");
    *out = whole ? pw_tpl_int(negative ? -i : i) : pw_tpl_float(negative ? -f : f);
    out->user = value.user;
    return PEWTER_OK;
}

static pewter_status eval_not(pw_tpl_vm *vm, const pw_tpl_node *node, pw_tpl_value *out)
{
    pw_tpl_value value;
    PW_TRY(pw_tpl_eval(vm, node->a, &value));
    *out = pw_tpl_bool(!pw_tpl_truth(&value));
    return PEWTER_OK;
}

/* and, or: the first value that decides, else the last. */
static pewter_status eval_logic(pw_tpl_vm *vm, const pw_tpl_node *node, pw_tpl_value *out)
{
    const bool either = node->kind == PW_TPL_N_OR;
    for (const pw_tpl_node *link = node->list; link != NULL; link = link->next) {
        PW_TRY(pw_tpl_eval(vm, link->a, out));
        if (pw_tpl_truth(out) == either) break;
    }
    return PEWTER_OK;
}

/* a < b < c: each is asked once, up to the first that does not hold. */
static pewter_status eval_compare(pw_tpl_vm *vm, const pw_tpl_node *node, pw_tpl_value *out)
{
    pw_tpl_value left, right;
    bool result = true;
    PW_TRY(pw_tpl_eval(vm, node->a, &left));
    for (const pw_tpl_node *link = node->list; result && link != NULL; link = link->next) {
        PW_TRY(pw_tpl_eval(vm, link->a, &right));
        vm->line = node->line;
        PW_TRY(pw_tpl_compare(vm, (pw_tpl_op)link->op, &left, &right, &result));
        left = right;
    }
    *out = pw_tpl_bool(result);
    return PEWTER_OK;
}

static pewter_status eval_cond(pw_tpl_vm *vm, const pw_tpl_node *node, pw_tpl_value *out)
{
    pw_tpl_value test;
    PW_TRY(pw_tpl_eval(vm, node->a, &test));
    if (pw_tpl_truth(&test)) return pw_tpl_eval(vm, node->b, out);
    if (node->c != NULL) return pw_tpl_eval(vm, node->c, out);
    *out = pw_tpl_undefined("the inline if was false and has no else");
    return PEWTER_OK;
}

/* ---- Attributes and subscripts ------------------------------------------------------------ */

static pewter_status eval_attribute(pw_tpl_vm *vm, const pw_tpl_node *node, pw_tpl_value *out)
{
    pw_tpl_value object;
    PW_TRY(pw_tpl_eval(vm, node->a, &object));
    vm->line = node->line;
    return pw_tpl_attribute(vm, &object, node->value.as.string, out);
}

static pewter_status eval_item(pw_tpl_vm *vm, const pw_tpl_node *node, pw_tpl_value *out)
{
    pw_tpl_value object, key;
    PW_TRY(pw_tpl_eval(vm, node->a, &object));
    PW_TRY(pw_tpl_eval(vm, node->b, &key));
    vm->line = node->line;
    return pw_tpl_item(vm, &object, &key, out);
}

static pewter_status eval_slice(pw_tpl_vm *vm, const pw_tpl_node *node, pw_tpl_value *out)
{
    const pw_tpl_node *parts[] = {node->b, node->c, node->other};
    pw_tpl_value object, bounds[3];
    PW_TRY(pw_tpl_eval(vm, node->a, &object));
    for (size_t i = 0; i < 3; i++) {
        bounds[i] = pw_tpl_none();
        if (parts[i] != NULL) PW_TRY(pw_tpl_eval(vm, parts[i], &bounds[i]));
    }
    vm->line = node->line;
    return pw_tpl_slice(vm, &object, &bounds[0], &bounds[1], &bounds[2], out);
}

/* ---- Calls -------------------------------------------------------------------------------- */

/* What *list and **dict bring in, in order. */
typedef struct spread {
    pw_tpl_value *items, *names;
    size_t count;
} spread;

static pewter_status eval_spread(pw_tpl_vm *vm, const pw_tpl_node *link, spread *out)
{
    pw_tpl_value value;
    PW_TRY(pw_tpl_eval(vm, link->a, &value));
    if (link->kind == PW_TPL_N_STAR) return pw_tpl_items(vm, &value, &out->items, &out->count);
    if (value.kind != PW_TPL_DICT)
        return pw_tpl_fail(vm, "'**' takes a dictionary, not a %s", pw_tpl_type(&value));
    const pw_tpl_dict *dict = value.as.dict;
    for (size_t i = 0; i < dict->count; i++)
        if (dict->keys[i].kind != PW_TPL_STRING) return pw_tpl_fail(vm, "'**' takes string keys");
    *out = (spread){.items = dict->values, .names = dict->keys, .count = dict->count};
    return PEWTER_OK;
}

/* Puts the arguments into the arrays of `out`, which have room. */
static pewter_status fill_args(pw_tpl_vm *vm, const pw_tpl_node *list, const spread *star,
                               const spread *stars, pw_tpl_args *out)
{
    for (const pw_tpl_node *link = list; link != NULL; link = link->next) {
        if (link->kind == PW_TPL_N_ARG) PW_TRY(pw_tpl_eval(vm, link->a, &out->at[out->count++]));
        if (link->kind != PW_TPL_N_KWARG) continue;
        PW_TRY(
            pw_tpl_string_new(vm, link->name, link->name_bytes, false, &out->names[out->n_named]));
        PW_TRY(pw_tpl_eval(vm, link->a, &out->named[out->n_named++]));
    }
    for (size_t i = 0; i < star->count; i++) out->at[out->count++] = star->items[i];
    for (size_t i = 0; i < stars->count; i++) {
        out->names[out->n_named] = stars->names[i];
        out->named[out->n_named++] = stars->items[i];
    }
    PW_TRY(pw_tpl_spend(vm, out->n_named * out->n_named / 16));
    for (size_t i = 0; i < out->n_named; i++)
        for (size_t j = 0; j < i; j++)
            if (pw_tpl_same(out->names[i].as.string, out->names[j].as.string))
                return pw_tpl_fail(vm, "an argument is given twice by its name");
    return PEWTER_OK;
}

pewter_status pw_tpl_eval_args(pw_tpl_vm *vm, const pw_tpl_node *list, pw_tpl_args *out)
{
    spread star = {0}, stars = {0};
    size_t count = 0, named = 1;
    for (const pw_tpl_node *link = list; link != NULL; link = link->next) {
        if (link->kind == PW_TPL_N_ARG)
            count++;
        else if (link->kind == PW_TPL_N_KWARG)
            named++;
        else
            PW_TRY(eval_spread(vm, link, link->kind == PW_TPL_N_STAR ? &star : &stars));
    }
    *out = (pw_tpl_args){0};
    if (list == NULL) return PEWTER_OK;
    pw_tpl_args args = {0};
    PW_TRY(pw_tpl_take(vm, count + star.count, sizeof *args.at, &args.at));
    if (named + stars.count > 1) {
        /* One place more, for a caller. */
        PW_TRY(pw_tpl_take(vm, named + stars.count, sizeof *args.names, &args.names));
        PW_TRY(pw_tpl_take(vm, named + stars.count, sizeof *args.named, &args.named));
    }
    PW_TRY(fill_args(vm, list, &star, &stars, &args));
    *out = args;
    return PEWTER_OK;
}

static pewter_status eval_call(pw_tpl_vm *vm, const pw_tpl_node *node, pw_tpl_value *out)
{
    pw_tpl_value callee;
    pw_tpl_args args;
    PW_TRY(pw_tpl_eval(vm, node->a, &callee));
    PW_TRY(pw_tpl_eval_args(vm, node->list, &args));
    vm->line = node->line;
    return pw_tpl_call(vm, &callee, &args, out);
}

static pewter_status eval_filter(pw_tpl_vm *vm, const pw_tpl_node *node, pw_tpl_value *out)
{
    pw_tpl_value self = vm->piped;
    pw_tpl_args args;
    if (node->a != NULL) PW_TRY(pw_tpl_eval(vm, node->a, &self));
    PW_TRY(pw_tpl_eval_args(vm, node->list, &args));
    vm->line = node->line;
    return pw_tpl_filter(vm, node->name, node->name_bytes, &self, &args, out);
}

static pewter_status eval_test(pw_tpl_vm *vm, const pw_tpl_node *node, pw_tpl_value *out)
{
    pw_tpl_value self;
    pw_tpl_args args;
    bool result;
    PW_TRY(pw_tpl_eval(vm, node->a, &self));
    PW_TRY(pw_tpl_eval_args(vm, node->list, &args));
    vm->line = node->line;
    PW_TRY(pw_tpl_test(vm, node->name, node->name_bytes, &self, &args, &result));
    *out = pw_tpl_bool(result);
    return PEWTER_OK;
}

pewter_status pw_tpl_eval(pw_tpl_vm *vm, const pw_tpl_node *node, pw_tpl_value *out)
{
    static pewter_status (*const rows[PW_TPL_N_KINDS])(pw_tpl_vm * vm, const pw_tpl_node *node,
                                                       pw_tpl_value *out) = {
        [PW_TPL_N_CONST] = eval_const,     [PW_TPL_N_NAME] = eval_name,
        [PW_TPL_N_TUPLE] = eval_seq,       [PW_TPL_N_LIST] = eval_seq,
        [PW_TPL_N_DICT] = eval_dict,       [PW_TPL_N_CONCAT] = eval_concat,
        [PW_TPL_N_BINARY] = eval_binary,   [PW_TPL_N_NEG] = eval_sign,
        [PW_TPL_N_POS] = eval_sign,        [PW_TPL_N_NOT] = eval_not,
        [PW_TPL_N_AND] = eval_logic,       [PW_TPL_N_OR] = eval_logic,
        [PW_TPL_N_COMPARE] = eval_compare, [PW_TPL_N_COND] = eval_cond,
        [PW_TPL_N_ATTR] = eval_attribute,  [PW_TPL_N_ITEM] = eval_item,
        [PW_TPL_N_SLICE] = eval_slice,     [PW_TPL_N_CALL] = eval_call,
        [PW_TPL_N_FILTER] = eval_filter,   [PW_TPL_N_TEST] = eval_test};

    vm->line = node->line;
    PW_TRY(pw_tpl_spend(vm, 1));
    PW_TRY(pw_tpl_descend(vm));
    const pewter_status status = rows[node->kind](vm, node, out);
    vm->depth--;
    return status;
}
