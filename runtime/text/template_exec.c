/* Statements, loops and macros. */
#include <string.h>

#include "pw/status.h"
#include "runtime/text/template_eval.h"
#include "runtime/text/template_write.h"

/* Macros and recursive loops within each other, at most. */
enum { MOST_CALLS = 64 };

/* ---- Assignment --------------------------------------------------------------------------- */

static pewter_status assign_space(pw_tpl_vm *vm, const pw_tpl_node *target,
                                  const pw_tpl_value *value)
{
    const pw_tpl_node name = {.kind = PW_TPL_N_NAME,
                              .line = target->line,
                              .name = target->name,
                              .name_bytes = target->name_bytes};
    pw_tpl_value space;
    PW_TRY(pw_tpl_eval(vm, &name, &space));
    if (space.kind != PW_TPL_SPACE)
        return pw_tpl_fail(vm, "only a namespace takes attributes, not a %s", pw_tpl_type(&space));
    const pw_tpl_string *attribute = target->value.as.string;
    return pw_tpl_space_set(vm, space.as.space, attribute->text, attribute->bytes, value);
}

pewter_status pw_tpl_assign(pw_tpl_vm *vm, const pw_tpl_node *target, const pw_tpl_value *value)
{
    if (target->kind == PW_TPL_N_NAME)
        return pw_tpl_scope_set(vm, vm->scope, target->name, target->name_bytes, value);
    if (target->kind == PW_TPL_N_SPACE_REF) return assign_space(vm, target, value);

    pw_tpl_value *items;
    size_t count, wanted = 0;
    for (const pw_tpl_node *link = target->list; link != NULL; link = link->next) wanted++;
    if (value->kind == PW_TPL_UNDEFINED) return pw_tpl_fail(vm, "%s", value->as.why);
    PW_TRY(pw_tpl_items(vm, value, &items, &count));
    if (count != wanted) return pw_tpl_fail(vm, "%zu values for %zu names", count, wanted);
    for (const pw_tpl_node *link = target->list; link != NULL; link = link->next)
        PW_TRY(pw_tpl_assign(vm, link->a, items++));
    return PEWTER_OK;
}

static pewter_status exec_set(pw_tpl_vm *vm, const pw_tpl_node *node)
{
    pw_tpl_value value;
    PW_TRY(pw_tpl_eval(vm, node->b, &value));
    return pw_tpl_assign(vm, node->a, &value);
}

/* ---- Output ------------------------------------------------------------------------------- */

static pewter_status exec_data(pw_tpl_vm *vm, const pw_tpl_node *node)
{
    return pw_tpl_put_string(vm, vm->out, node->value.as.string);
}

static pewter_status exec_print(pw_tpl_vm *vm, const pw_tpl_node *node)
{
    pw_tpl_value value;
    PW_TRY(pw_tpl_eval(vm, node->a, &value));
    return pw_tpl_write(vm, vm->out, &value);
}

static pewter_status exec_refuse(pw_tpl_vm *vm, const pw_tpl_node *node)
{
    return pw_tpl_fail(vm, "'%.*s' would read another template, which is not done here",
                       (int)node->name_bytes, node->name);
}

/* ---- Blocks ------------------------------------------------------------------------------- */

/* Statements in a scope of their own. */
static pewter_status exec_inner(pw_tpl_vm *vm, const pw_tpl_node *list, pw_tpl_scope *parent)
{
    pw_tpl_scope *const before = vm->scope;
    PW_TRY(pw_tpl_scope_new(vm, parent, &vm->scope));
    PW_TRY(pw_tpl_exec(vm, list));
    vm->scope = before;
    return PEWTER_OK;
}

static pewter_status exec_body(pw_tpl_vm *vm, const pw_tpl_node *node)
{
    return pw_tpl_exec(vm, node->list);
}

static pewter_status exec_scope(pw_tpl_vm *vm, const pw_tpl_node *node)
{
    return exec_inner(vm, node->list, node->flag != 0 ? vm->top : vm->scope);
}

pewter_status pw_tpl_capture(pw_tpl_vm *vm, const pw_tpl_node *list, pw_tpl_value *out)
{
    pw_tpl_buffer buffer = {0}, *const before = vm->out;
    vm->out = &buffer;
    PW_TRY(exec_inner(vm, list, vm->scope));
    vm->out = before;
    return pw_tpl_string_of(vm, &buffer, out);
}

static pewter_status exec_set_block(pw_tpl_vm *vm, const pw_tpl_node *node)
{
    pw_tpl_value value;
    PW_TRY(pw_tpl_capture(vm, node->list, &value));
    if (node->b != NULL) {
        vm->piped = value;
        PW_TRY(pw_tpl_eval(vm, node->b, &value));
    }
    return pw_tpl_assign(vm, node->a, &value);
}

static pewter_status exec_filter_block(pw_tpl_vm *vm, const pw_tpl_node *node)
{
    pw_tpl_value value;
    PW_TRY(pw_tpl_capture(vm, node->list, &value));
    vm->piped = value;
    PW_TRY(pw_tpl_eval(vm, node->a, &value));
    return pw_tpl_write(vm, vm->out, &value);
}

/* The values are asked for outside, then given names inside. */
static pewter_status exec_with(pw_tpl_vm *vm, const pw_tpl_node *node)
{
    pw_tpl_scope *inner, *const before = vm->scope;
    PW_TRY(pw_tpl_scope_new(vm, before, &inner));
    for (const pw_tpl_node *pair = node->a; pair != NULL; pair = pair->next) {
        pw_tpl_value value;
        PW_TRY(pw_tpl_eval(vm, pair->b, &value));
        PW_TRY(pw_tpl_scope_set(vm, inner, pair->a->name, pair->a->name_bytes, &value));
    }
    vm->scope = inner;
    PW_TRY(pw_tpl_exec(vm, node->other));
    vm->scope = before;
    return PEWTER_OK;
}

static pewter_status exec_if(pw_tpl_vm *vm, const pw_tpl_node *node)
{
    for (const pw_tpl_node *branch = node->list; branch != NULL; branch = branch->next) {
        pw_tpl_value test = pw_tpl_bool(true);
        if (branch->a != NULL) PW_TRY(pw_tpl_eval(vm, branch->a, &test));
        if (pw_tpl_truth(&test)) return pw_tpl_exec(vm, branch->other);
    }
    return PEWTER_OK;
}

/* ---- Loops -------------------------------------------------------------------------------- */

/* The next item for which the loop's condition holds, or MISSING. */
static pewter_status fetch(pw_tpl_vm *vm, pw_tpl_loop *loop, pw_tpl_value *out)
{
    pw_tpl_scope *inner, *const before = vm->scope;
    *out = (pw_tpl_value){.kind = PW_TPL_MISSING};
    while (loop->at < loop->count) {
        const pw_tpl_value *item = &loop->items[loop->at++];
        PW_TRY(pw_tpl_spend(vm, 1));
        if (!loop->tested) {
            *out = *item;
            return PEWTER_OK;
        }
        pw_tpl_value test;
        PW_TRY(pw_tpl_scope_new(vm, loop->scope, &inner));
        vm->scope = inner;
        PW_TRY(pw_tpl_assign(vm, loop->node->a, item));
        PW_TRY(pw_tpl_eval(vm, loop->node->c, &test));
        vm->scope = before;
        if (!pw_tpl_truth(&test)) continue;
        *out = *item;
        return PEWTER_OK;
    }
    return PEWTER_OK;
}

/* The next item without taking it. */
static pewter_status peek(pw_tpl_vm *vm, pw_tpl_loop *loop)
{
    return loop->after.kind == PW_TPL_MISSING ? fetch(vm, loop, &loop->after) : PEWTER_OK;
}

/* How many items there are; under a condition, it is asked for all of them now. */
static pewter_status find_length(pw_tpl_vm *vm, pw_tpl_loop *loop)
{
    if (loop->length != SIZE_MAX) return PEWTER_OK;
    pw_tpl_value *items;
    size_t count = 0;
    PW_TRY(pw_tpl_take(vm, loop->count - loop->at, sizeof *items, &items));
    for (pw_tpl_value item;; items[count++] = item) {
        PW_TRY(fetch(vm, loop, &item));
        if (item.kind == PW_TPL_MISSING) break;
    }
    loop->length = loop->index + (loop->after.kind != PW_TPL_MISSING) + count;
    loop->items = items;
    loop->count = count;
    loop->at = 0;
    loop->tested = false;
    return PEWTER_OK;
}

/* The item beside the current one, or undefined. */
static pw_tpl_value beside(const pw_tpl_value *value, const char *why)
{
    return value->kind == PW_TPL_MISSING ? pw_tpl_undefined(why) : *value;
}

pewter_status pw_tpl_loop_attribute(pw_tpl_vm *vm, pw_tpl_loop *loop, const pw_tpl_string *name,
                                    pw_tpl_value *out, bool *found)
{
    *found = true;
    const int64_t index = (int64_t)loop->index, level = (int64_t)loop->level;
    if (pw_tpl_is(name, "index"))
        *out = pw_tpl_int(index);
    else if (pw_tpl_is(name, "index0"))
        *out = pw_tpl_int(index - 1);
    else if (pw_tpl_is(name, "first"))
        *out = pw_tpl_bool(index == 1);
    else if (pw_tpl_is(name, "depth"))
        *out = pw_tpl_int(level + 1);
    else if (pw_tpl_is(name, "depth0"))
        *out = pw_tpl_int(level);
    else if (pw_tpl_is(name, "previtem"))
        *out = beside(index == 1 ? &(pw_tpl_value){.kind = PW_TPL_MISSING} : &loop->before,
                      "there is no previous item");
    else if (pw_tpl_is(name, "last") || pw_tpl_is(name, "nextitem")) {
        PW_TRY(peek(vm, loop));
        const bool last = loop->after.kind == PW_TPL_MISSING;
        *out = name->text[0] == 'l' ? pw_tpl_bool(last)
                                    : beside(&loop->after, "there is no next item");
    } else if (pw_tpl_is(name, "length") || pw_tpl_is(name, "revindex") ||
               pw_tpl_is(name, "revindex0")) {
        PW_TRY(find_length(vm, loop));
        const int64_t length = (int64_t)loop->length;
        *out = pw_tpl_int(name->text[0] == 'l' ? length : length - index + (name->bytes == 8));
    } else {
        *found = false;
    }
    return PEWTER_OK;
}

/* Runs the loop's body for each item. As in Jinja, else follows where no item's body came to its end:
 * also where each was left by break or continue. */
static pewter_status run_loop(pw_tpl_vm *vm, pw_tpl_loop *loop)
{
    const pw_tpl_node *node = loop->node;
    pw_tpl_scope *scope = NULL, *const before = vm->scope;
    bool whole = false;
    const pw_tpl_value self = {.kind = PW_TPL_LOOP, .as.loop = loop};
    for (;;) {
        PW_TRY(peek(vm, loop));
        if (loop->after.kind == PW_TPL_MISSING) break;
        loop->before = loop->current;
        loop->current = loop->after;
        loop->after.kind = PW_TPL_MISSING;
        loop->index++;

        if (scope == NULL || scope->kept) PW_TRY(pw_tpl_scope_new(vm, loop->scope, &scope));
        scope->count = 0;
        vm->scope = scope;
        PW_TRY(pw_tpl_scope_set(vm, scope, "loop", 4, &self));
        PW_TRY(pw_tpl_assign(vm, node->a, &loop->current));
        PW_TRY(pw_tpl_exec(vm, node->list));
        vm->scope = before;
        const bool ended = vm->flow == PW_TPL_BREAK;
        whole = whole || vm->flow == PW_TPL_NEXT;
        vm->flow = PW_TPL_NEXT;
        if (ended) break;
    }
    if (!whole) return exec_inner(vm, node->other, loop->scope);
    return PEWTER_OK;
}

static pewter_status open_loop(pw_tpl_vm *vm, const pw_tpl_node *node, const pw_tpl_value *over,
                               pw_tpl_scope *scope, size_t level)
{
    pw_tpl_loop *loop;
    PW_TRY(pw_tpl_take(vm, 1, sizeof *loop, &loop));
    loop->node = node;
    loop->scope = scope;
    loop->level = level;
    loop->tested = node->c != NULL;
    PW_TRY(pw_tpl_items(vm, over, &loop->items, &loop->count));
    loop->length = loop->tested ? SIZE_MAX : loop->count;
    return run_loop(vm, loop);
}

static pewter_status exec_for(pw_tpl_vm *vm, const pw_tpl_node *node)
{
    pw_tpl_value over;
    PW_TRY(pw_tpl_eval(vm, node->b, &over));
    return open_loop(vm, node, &over, vm->scope, 0);
}

static pewter_status enter_call(pw_tpl_vm *vm)
{
    if (vm->calls == MOST_CALLS)
        return pw_tpl_stop(vm, PEWTER_E_LIMIT, "macros or loops call each other more than %d deep",
                           MOST_CALLS);
    vm->calls++;
    return PEWTER_OK;
}

pewter_status pw_tpl_call_loop(pw_tpl_vm *vm, const pw_tpl_loop *loop, const pw_tpl_args *args,
                               pw_tpl_value *out)
{
    if (loop->node->flag == 0) return pw_tpl_fail(vm, "only a recursive loop can be called");
    if (args->count != 1 || args->n_named != 0)
        return pw_tpl_fail(vm, "a loop is called with one argument");
    pw_tpl_buffer buffer = {0}, *const before = vm->out;
    pw_tpl_scope *const scope = vm->scope;
    PW_TRY(enter_call(vm));
    vm->out = &buffer;
    PW_TRY(open_loop(vm, loop->node, &args->at[0], loop->scope, loop->level + 1));
    vm->out = before;
    vm->scope = scope;
    vm->calls--;
    return pw_tpl_string_of(vm, &buffer, out);
}

static pewter_status exec_break(pw_tpl_vm *vm, const pw_tpl_node *node)
{
    vm->flow = node->kind == PW_TPL_N_BREAK ? PW_TPL_BREAK : PW_TPL_CONTINUE;
    return PEWTER_OK;
}

/* ---- Macros ------------------------------------------------------------------------------- */

static pewter_status make_macro(pw_tpl_vm *vm, const pw_tpl_node *node, pw_tpl_value *out)
{
    pw_tpl_macro *macro;
    PW_TRY(pw_tpl_take(vm, 1, sizeof *macro, &macro));
    *macro = (pw_tpl_macro){.node = node, .scope = vm->scope};
    for (pw_tpl_scope *scope = vm->scope; scope != NULL && !scope->kept; scope = scope->parent)
        scope->kept = true;
    *out = (pw_tpl_value){.kind = PW_TPL_MACRO, .as.macro = macro};
    return PEWTER_OK;
}

static pewter_status exec_macro(pw_tpl_vm *vm, const pw_tpl_node *node)
{
    pw_tpl_value macro;
    PW_TRY(make_macro(vm, node, &macro));
    return pw_tpl_scope_set(vm, vm->scope, node->name, node->name_bytes, &macro);
}

static pewter_status exec_call_block(pw_tpl_vm *vm, const pw_tpl_node *node)
{
    pw_tpl_value callee, caller, result;
    pw_tpl_args args;
    PW_TRY(make_macro(vm, node->c, &caller));
    PW_TRY(pw_tpl_eval(vm, node->b->a, &callee));
    PW_TRY(pw_tpl_eval_args(vm, node->b->list, &args));
    if (args.names == NULL) {
        PW_TRY(pw_tpl_take(vm, 1, sizeof *args.names, &args.names));
        PW_TRY(pw_tpl_take(vm, 1, sizeof *args.named, &args.named));
    }
    PW_TRY(pw_tpl_string_new(vm, "caller", 6, false, &args.names[args.n_named]));
    args.named[args.n_named++] = caller;
    PW_TRY(pw_tpl_call(vm, &callee, &args, &result));
    return pw_tpl_write(vm, vm->out, &result);
}

/* Takes a named argument out of `args`, if it is there. */
static bool take_named(pw_tpl_args *args, const char *name, size_t bytes, pw_tpl_value *out)
{
    const pw_tpl_string wanted = {.text = name, .bytes = bytes};
    for (size_t i = 0; i < args->n_named; i++) {
        if (!pw_tpl_same(args->names[i].as.string, &wanted)) continue;
        *out = args->named[i];
        args->n_named--;
        memmove(args->names + i, args->names + i + 1, (args->n_named - i) * sizeof *args->names);
        memmove(args->named + i, args->named + i + 1, (args->n_named - i) * sizeof *args->named);
        return true;
    }
    return false;
}

/* caller, varargs and kwargs, where the body speaks of them; what is left over else is too much. */
static pewter_status bind_specials(pw_tpl_vm *vm, const pw_tpl_node *node, pw_tpl_args *args,
                                   size_t taken)
{
    pw_tpl_value value;
    bool own_caller = false;
    for (const pw_tpl_node *at = node->a; at != NULL; at = at->next)
        own_caller = own_caller || (at->name_bytes == 6 && memcmp(at->name, "caller", 6) == 0);
    if ((node->flag & PW_TPL_USES_CALLER) != 0 && !own_caller) {
        if (!take_named(args, "caller", 6, &value)) value = pw_tpl_undefined("No caller defined");
        PW_TRY(pw_tpl_scope_set(vm, vm->scope, "caller", 6, &value));
    }
    if ((node->flag & PW_TPL_USES_KWARGS) != 0) {
        PW_TRY(pw_tpl_dict_new(vm, args->names, args->named, args->n_named, &value));
        PW_TRY(pw_tpl_scope_set(vm, vm->scope, "kwargs", 6, &value));
    } else if (args->n_named > 0) {
        const pw_tpl_string *name = args->names[0].as.string;
        return pw_tpl_fail(vm, "macro '%.*s' takes no argument '%.*s'", (int)node->name_bytes,
                           node->name, name->bytes < 60 ? (int)name->bytes : 60, name->text);
    }
    if ((node->flag & PW_TPL_USES_ARGS) != 0) {
        PW_TRY(pw_tpl_seq_new(vm, PW_TPL_TUPLE, args->count - taken, &value));
        for (size_t i = taken; i < args->count; i++) value.as.seq->items[i - taken] = args->at[i];
        return pw_tpl_scope_set(vm, vm->scope, "varargs", 7, &value);
    }
    if (args->count > taken)
        return pw_tpl_fail(vm, "macro '%.*s' takes %zu arguments, %zu are given",
                           (int)node->name_bytes, node->name, taken, args->count);
    return PEWTER_OK;
}

/* Gives the parameters their values in the macro's own scope, which is vm->scope. Defaults are asked
 * for there, and may speak of parameters before them. */
static pewter_status bind_parameters(pw_tpl_vm *vm, const pw_tpl_node *node, pw_tpl_args *args)
{
    size_t taken = 0;
    for (const pw_tpl_node *at = node->a; at != NULL; at = at->next) {
        pw_tpl_value value = {.kind = PW_TPL_MISSING};
        if (taken < args->count)
            value = args->at[taken++];
        else
            take_named(args, at->name, at->name_bytes, &value);
        if (value.kind == PW_TPL_MISSING && at->a != NULL) PW_TRY(pw_tpl_eval(vm, at->a, &value));
        if (value.kind == PW_TPL_MISSING)
            PW_TRY(pw_tpl_undefine(vm, &value, "parameter '%.*s' was not provided",
                                   at->name_bytes < 80 ? (int)at->name_bytes : 80, at->name));
        PW_TRY(pw_tpl_scope_set(vm, vm->scope, at->name, at->name_bytes, &value));
    }
    return bind_specials(vm, node, args, taken);
}

pewter_status pw_tpl_call_macro(pw_tpl_vm *vm, const pw_tpl_macro *macro, const pw_tpl_args *args,
                                pw_tpl_value *out)
{
    pw_tpl_buffer buffer = {0}, *const before = vm->out;
    pw_tpl_scope *const scope = vm->scope;
    pw_tpl_args rest = *args;
    PW_TRY(enter_call(vm));
    PW_TRY(pw_tpl_scope_new(vm, macro->scope, &vm->scope));
    PW_TRY(bind_parameters(vm, macro->node, &rest));
    vm->out = &buffer;
    PW_TRY(pw_tpl_exec(vm, macro->node->list));
    vm->out = before;
    vm->scope = scope;
    vm->calls--;
    return pw_tpl_string_of(vm, &buffer, out);
}

/* ---- All ---------------------------------------------------------------------------------- */

pewter_status pw_tpl_exec(pw_tpl_vm *vm, const pw_tpl_node *list)
{
    static pewter_status (*const rows[PW_TPL_N_KINDS])(pw_tpl_vm * vm, const pw_tpl_node *node) = {
        [PW_TPL_N_DATA] = exec_data,
        [PW_TPL_N_PRINT] = exec_print,
        [PW_TPL_N_IF] = exec_if,
        [PW_TPL_N_BODY] = exec_body,
        [PW_TPL_N_FOR] = exec_for,
        [PW_TPL_N_SET] = exec_set,
        [PW_TPL_N_SET_BLOCK] = exec_set_block,
        [PW_TPL_N_MACRO] = exec_macro,
        [PW_TPL_N_CALL_BLOCK] = exec_call_block,
        [PW_TPL_N_FILTER_BLOCK] = exec_filter_block,
        [PW_TPL_N_WITH] = exec_with,
        [PW_TPL_N_SCOPE] = exec_scope,
        [PW_TPL_N_BREAK] = exec_break,
        [PW_TPL_N_CONTINUE] = exec_break,
        [PW_TPL_N_REFUSE] = exec_refuse};

    PW_TRY(pw_tpl_descend(vm));
    for (; list != NULL && vm->flow == PW_TPL_NEXT; list = list->next) {
        vm->line = list->line;
        PW_TRY(pw_tpl_spend(vm, 1));
        PW_TRY(rows[list->kind](vm, list));
    }
    vm->depth--;
    return PEWTER_OK;
}
