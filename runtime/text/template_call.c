/* Calls: arguments into their places, and what can be called. */
#include <string.h>

#include "pw/status.h"
#include "runtime/text/template_eval.h"
#include "runtime/text/template_write.h"

const pw_tpl_builtin *pw_tpl_find(const pw_tpl_builtin *table, const char *name, size_t bytes)
{
    for (; table->name != NULL; table++)
        if (strlen(table->name) == bytes && memcmp(table->name, name, bytes) == 0) return table;
    return NULL;
}

/* ---- Arguments ---------------------------------------------------------------------------- */

/* The place of parameter `name` in `params`, and how many there are; SIZE_MAX if it is not one. */
static size_t place(const char *params, const pw_tpl_string *name, size_t *count)
{
    size_t found = SIZE_MAX;
    *count = 0;
    for (const char *at = params; *at != '\0'; (*count)++) {
        const size_t length = strcspn(at, " ");
        if (name != NULL && length == name->bytes && memcmp(at, name->text, length) == 0)
            found = *count;
        at += length;
        at += *at == ' ';
    }
    return found;
}

static pewter_status put_in_places(pw_tpl_vm *vm, const pw_tpl_builtin *builtin,
                                   const pw_tpl_args *given, pw_tpl_args *out)
{
    size_t count;
    place(builtin->params, NULL, &count);
    if (given->count > count)
        return pw_tpl_fail(vm, "%s takes at most %zu arguments, not %zu", builtin->name, count,
                           given->count);
    PW_TRY(pw_tpl_take(vm, count, sizeof *out->at, &out->at));
    out->count = count;
    for (size_t i = 0; i < given->count; i++) out->at[i] = given->at[i];
    for (size_t i = 0; i < given->n_named; i++) {
        const pw_tpl_string *name = given->names[i].as.string;
        const size_t at = place(builtin->params, name, &count);
        if (at == SIZE_MAX || out->at[at].kind != PW_TPL_MISSING)
            return pw_tpl_fail(vm, "%s does not take the argument '%.*s' here", builtin->name,
                               name->bytes < 60 ? (int)name->bytes : 60, name->text);
        out->at[at] = given->named[i];
    }
    for (size_t i = 0; i < builtin->least; i++)
        if (out->at[i].kind == PW_TPL_MISSING)
            return pw_tpl_fail(vm, "%s needs %zu arguments", builtin->name, builtin->least);
    return PEWTER_OK;
}

pewter_status pw_tpl_apply(pw_tpl_vm *vm, const pw_tpl_builtin *builtin, const pw_tpl_value *self,
                           const pw_tpl_args *args, pw_tpl_value *out)
{
    pw_tpl_args placed = {0};
    PW_TRY(pw_tpl_descend(vm));
    PW_TRY(pw_tpl_spend(vm, 1));
    if (builtin->params != NULL) PW_TRY(put_in_places(vm, builtin, args, &placed));
    PW_TRY(builtin->call(vm, self, builtin->params != NULL ? &placed : args, out));
    vm->depth--;
    return PEWTER_OK;
}

pewter_status pw_tpl_arg_int(pw_tpl_vm *vm, const pw_tpl_value *arg, int64_t missing, int64_t *out)
{
    *out = missing;
    if (arg->kind == PW_TPL_MISSING) return PEWTER_OK;
    if (arg->kind == PW_TPL_UNDEFINED) return pw_tpl_fail(vm, "%s", arg->as.why);
    if (arg->kind != PW_TPL_INT && arg->kind != PW_TPL_BOOL)
        return pw_tpl_fail(vm, "an integer is wanted, not a %s", pw_tpl_type(arg));
    *out = arg->kind == PW_TPL_INT ? arg->as.i : arg->as.b;
    return PEWTER_OK;
}

pewter_status pw_tpl_arg_text(pw_tpl_vm *vm, const pw_tpl_value *arg, const pw_tpl_string *missing,
                              const pw_tpl_string **out)
{
    *out = missing;
    return arg->kind == PW_TPL_MISSING ? PEWTER_OK : pw_tpl_to_string(vm, arg, out);
}

pewter_status pw_tpl_arg_string(pw_tpl_vm *vm, const pw_tpl_value *arg, const pw_tpl_string **out)
{
    *out = NULL;
    if (arg->kind == PW_TPL_MISSING || arg->kind == PW_TPL_NONE) return PEWTER_OK;
    if (arg->kind == PW_TPL_UNDEFINED) return pw_tpl_fail(vm, "%s", arg->as.why);
    if (arg->kind != PW_TPL_STRING)
        return pw_tpl_fail(vm, "a string is wanted, not a %s", pw_tpl_type(arg));
    *out = arg->as.string;
    return PEWTER_OK;
}

bool pw_tpl_arg_bool(const pw_tpl_value *arg, bool missing)
{
    return arg->kind == PW_TPL_MISSING ? missing : pw_tpl_truth(arg);
}

/* ---- Calling ------------------------------------------------------------------------------ */

pewter_status pw_tpl_bind(pw_tpl_vm *vm, const pw_tpl_builtin *builtin, const pw_tpl_value *self,
                          pw_tpl_value *out)
{
    pw_tpl_bound *bound;
    PW_TRY(pw_tpl_take(vm, 1, sizeof *bound, &bound));
    bound->builtin = builtin;
    bound->self = *self;
    *out = (pw_tpl_value){.kind = PW_TPL_FUNCTION, .as.bound = bound};
    return PEWTER_OK;
}

const pw_tpl_builtin *pw_tpl_find_filter(const char *name, size_t bytes)
{
    const pw_tpl_builtin *const tables[] = {pw_tpl_text_filters, pw_tpl_seq_filters,
                                            pw_tpl_pick_filters, pw_tpl_other_filters};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        const pw_tpl_builtin *found = pw_tpl_find(tables[i], name, bytes);
        if (found != NULL) return found;
    }
    return NULL;
}

pewter_status pw_tpl_filter(pw_tpl_vm *vm, const char *name, size_t bytes, const pw_tpl_value *self,
                            const pw_tpl_args *args, pw_tpl_value *out)
{
    const pw_tpl_builtin *filter = pw_tpl_find_filter(name, bytes);
    if (filter == NULL)
        return pw_tpl_fail(vm, "no filter is named '%.*s'", bytes < 80 ? (int)bytes : 80, name);
    return pw_tpl_apply(vm, filter, self, args, out);
}

pewter_status pw_tpl_test(pw_tpl_vm *vm, const char *name, size_t bytes, const pw_tpl_value *self,
                          const pw_tpl_args *args, bool *out)
{
    const pw_tpl_builtin *test = pw_tpl_find(pw_tpl_tests, name, bytes);
    if (test == NULL)
        return pw_tpl_fail(vm, "no test is named '%.*s'", bytes < 80 ? (int)bytes : 80, name);
    pw_tpl_value result;
    PW_TRY(pw_tpl_apply(vm, test, self, args, &result));
    *out = pw_tpl_truth(&result);
    return PEWTER_OK;
}

/* A joiner is nothing the first time, and its separator after that. */
static pewter_status call_joiner(pw_tpl_vm *vm, pw_tpl_cycler *joiner, pw_tpl_value *out)
{
    if (joiner->at++ == 0) return pw_tpl_string_new(vm, "", 0, false, out);
    *out = joiner->items[0];
    return PEWTER_OK;
}

pewter_status pw_tpl_call(pw_tpl_vm *vm, const pw_tpl_value *callee, const pw_tpl_args *args,
                          pw_tpl_value *out)
{
    if (callee->kind == PW_TPL_MACRO) return pw_tpl_call_macro(vm, callee->as.macro, args, out);
    if (callee->kind == PW_TPL_FUNCTION)
        return pw_tpl_apply(vm, callee->as.bound->builtin, &callee->as.bound->self, args, out);
    if (callee->kind == PW_TPL_LOOP) return pw_tpl_call_loop(vm, callee->as.loop, args, out);
    if (callee->kind == PW_TPL_JOINER) return call_joiner(vm, callee->as.cycler, out);
    if (callee->kind == PW_TPL_UNDEFINED) return pw_tpl_fail(vm, "%s", callee->as.why);
    return pw_tpl_fail(vm, "a %s cannot be called", pw_tpl_type(callee));
}
