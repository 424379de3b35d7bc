/* Tests: what stands behind "is". */
#include <string.h>

#include "pw/status.h"
#include "runtime/text/template_eval.h"
#include "runtime/text/template_write.h"

/* ---- Kinds -------------------------------------------------------------------------------- */

static pewter_status answer(bool holds, pw_tpl_value *out)
{
    *out = pw_tpl_bool(holds);
    return PEWTER_OK;
}

static pewter_status is_defined(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                pw_tpl_value *out)
{
    (void)vm;
    (void)args;
    return answer(self->kind != PW_TPL_UNDEFINED, out);
}

static pewter_status is_undefined(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                  pw_tpl_value *out)
{
    (void)vm;
    (void)args;
    return answer(self->kind == PW_TPL_UNDEFINED, out);
}

static pewter_status is_none(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                             pw_tpl_value *out)
{
    (void)vm;
    (void)args;
    return answer(self->kind == PW_TPL_NONE, out);
}

static pewter_status is_boolean(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                pw_tpl_value *out)
{
    (void)vm;
    (void)args;
    return answer(self->kind == PW_TPL_BOOL, out);
}

static pewter_status is_true(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                             pw_tpl_value *out)
{
    (void)vm;
    (void)args;
    return answer(self->kind == PW_TPL_BOOL && self->as.b, out);
}

static pewter_status is_false(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                              pw_tpl_value *out)
{
    (void)vm;
    (void)args;
    return answer(self->kind == PW_TPL_BOOL && !self->as.b, out);
}

static pewter_status is_integer(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                pw_tpl_value *out)
{
    (void)vm;
    (void)args;
    return answer(self->kind == PW_TPL_INT, out);
}

static pewter_status is_float(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                              pw_tpl_value *out)
{
    (void)vm;
    (void)args;
    return answer(self->kind == PW_TPL_FLOAT, out);
}

static pewter_status is_number(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                               pw_tpl_value *out)
{
    (void)vm;
    (void)args;
    bool whole;
    int64_t i;
    double f;
    return answer(pw_tpl_number(self, &whole, &i, &f), out);
}

static pewter_status is_string(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                               pw_tpl_value *out)
{
    (void)vm;
    (void)args;
    return answer(self->kind == PW_TPL_STRING, out);
}

static pewter_status is_mapping(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                pw_tpl_value *out)
{
    (void)vm;
    (void)args;
    return answer(self->kind == PW_TPL_DICT, out);
}

/* What has a length and an operator []: Jinja's undefined value has both. */
static pewter_status is_sequence(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                 pw_tpl_value *out)
{
    (void)vm;
    (void)args;
    return answer(self->kind == PW_TPL_STRING || self->kind == PW_TPL_DICT ||
                      self->kind == PW_TPL_UNDEFINED ||
                      (self->kind == PW_TPL_SEQ && self->as.seq->flavour <= PW_TPL_RANGE),
                  out);
}

static pewter_status is_iterable(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                 pw_tpl_value *out)
{
    (void)vm;
    (void)args;
    return answer(self->kind == PW_TPL_STRING || self->kind == PW_TPL_DICT ||
                      self->kind == PW_TPL_UNDEFINED || self->kind == PW_TPL_SEQ ||
                      self->kind == PW_TPL_LOOP,
                  out);
}

static pewter_status is_callable(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                 pw_tpl_value *out)
{
    (void)vm;
    (void)args;
    return answer(self->kind == PW_TPL_MACRO || self->kind == PW_TPL_FUNCTION ||
                      self->kind == PW_TPL_JOINER || self->kind == PW_TPL_LOOP ||
                      self->kind == PW_TPL_UNDEFINED,
                  out);
}

static pewter_status is_escaped(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                pw_tpl_value *out)
{
    (void)vm;
    (void)args;
    return answer(self->kind == PW_TPL_STRING && self->as.string->safe, out);
}

static pewter_status is_filter(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                               pw_tpl_value *out)
{
    (void)args;
    (void)vm;
    if (self->kind != PW_TPL_STRING) return answer(false, out);
    const pw_tpl_string *name = self->as.string;
    return answer(pw_tpl_find_filter(name->text, name->bytes) != NULL, out);
}

static pewter_status is_test(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                             pw_tpl_value *out)
{
    (void)args;
    (void)vm;
    if (self->kind != PW_TPL_STRING) return answer(false, out);
    const pw_tpl_string *name = self->as.string;
    return answer(pw_tpl_find(pw_tpl_tests, name->text, name->bytes) != NULL, out);
}

/* ---- Comparison --------------------------------------------------------------------------- */

static pewter_status compare(pw_tpl_vm *vm, pw_tpl_op op, const pw_tpl_value *self,
                             const pw_tpl_args *args, pw_tpl_value *out)
{
    bool holds;
    PW_TRY(pw_tpl_compare(vm, op, self, &args->at[0], &holds));
    return answer(holds, out);
}

static pewter_status is_eq(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                           pw_tpl_value *out)
{
    return compare(vm, PW_TPL_EQ, self, args, out);
}

static pewter_status is_ne(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                           pw_tpl_value *out)
{
    return compare(vm, PW_TPL_NE, self, args, out);
}

static pewter_status is_lt(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                           pw_tpl_value *out)
{
    return compare(vm, PW_TPL_LT, self, args, out);
}

static pewter_status is_le(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                           pw_tpl_value *out)
{
    return compare(vm, PW_TPL_LE, self, args, out);
}

static pewter_status is_gt(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                           pw_tpl_value *out)
{
    return compare(vm, PW_TPL_GT, self, args, out);
}

static pewter_status is_ge(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                           pw_tpl_value *out)
{
    return compare(vm, PW_TPL_GE, self, args, out);
}

static pewter_status is_in(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                           pw_tpl_value *out)
{
    return compare(vm, PW_TPL_IN, self, args, out);
}

/* Identity: of what is made once (none, true, false, numbers) equality, of the rest one place. */
static pewter_status is_sameas(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                               pw_tpl_value *out)
{
    const pw_tpl_value *other = &args->at[0];
    bool same = self->kind == other->kind;
    if (same && self->kind >= PW_TPL_BOOL && self->kind <= PW_TPL_FLOAT)
        PW_TRY(pw_tpl_equal(vm, self, other, &same));
    else if (same && self->kind > PW_TPL_FLOAT)
        same = self->as.string == other->as.string;
    else if (same)
        same = self->kind == PW_TPL_NONE || self->as.why == other->as.why;
    return answer(same, out);
}

/* self % number == rest */
static pewter_status leaves(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_value *number,
                            int64_t rest, pw_tpl_value *out)
{
    pw_tpl_value left;
    const pw_tpl_value wanted = pw_tpl_int(rest);
    bool same;
    PW_TRY(pw_tpl_binary(vm, PW_TPL_MOD, self, number, &left));
    PW_TRY(pw_tpl_equal(vm, &left, &wanted, &same));
    return answer(same, out);
}

static pewter_status is_even(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                             pw_tpl_value *out)
{
    (void)args;
    const pw_tpl_value two = pw_tpl_int(2);
    return leaves(vm, self, &two, 0, out);
}

static pewter_status is_odd(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                            pw_tpl_value *out)
{
    (void)args;
    const pw_tpl_value two = pw_tpl_int(2);
    return leaves(vm, self, &two, 1, out);
}

static pewter_status is_divisibleby(pw_tpl_vm *vm, const pw_tpl_value *self,
                                    const pw_tpl_args *args, pw_tpl_value *out)
{
    return leaves(vm, self, &args->at[0], 0, out);
}

/* ---- Case --------------------------------------------------------------------------------- */

static pewter_status of_case(pw_tpl_vm *vm, const pw_tpl_value *self, const char *method,
                             pw_tpl_value *out)
{
    const pw_tpl_string *text;
    const pw_tpl_args none = {0};
    PW_TRY(pw_tpl_to_string(vm, self, &text));
    const pw_tpl_value string = pw_tpl_text(text);
    return pw_tpl_apply(vm, pw_tpl_find(pw_tpl_string_checks, method, strlen(method)), &string,
                        &none, out);
}

static pewter_status is_lower(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                              pw_tpl_value *out)
{
    (void)args;
    return of_case(vm, self, "islower", out);
}

static pewter_status is_upper(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                              pw_tpl_value *out)
{
    (void)args;
    return of_case(vm, self, "isupper", out);
}

const pw_tpl_builtin pw_tpl_tests[] = {
    {"defined", is_defined, "", 0},
    {"undefined", is_undefined, "", 0},
    {"none", is_none, "", 0},
    {"boolean", is_boolean, "", 0},
    {"true", is_true, "", 0},
    {"false", is_false, "", 0},
    {"integer", is_integer, "", 0},
    {"float", is_float, "", 0},
    {"number", is_number, "", 0},
    {"string", is_string, "", 0},
    {"mapping", is_mapping, "", 0},
    {"sequence", is_sequence, "", 0},
    {"iterable", is_iterable, "", 0},
    {"callable", is_callable, "", 0},
    {"escaped", is_escaped, "", 0},
    {"filter", is_filter, "", 0},
    {"test", is_test, "", 0},
    {"eq", is_eq, "other", 1},
    {"equalto", is_eq, "other", 1},
    {"==", is_eq, "other", 1},
    {"ne", is_ne, "other", 1},
    {"!=", is_ne, "other", 1},
    {"lt", is_lt, "other", 1},
    {"lessthan", is_lt, "other", 1},
    {"<", is_lt, "other", 1},
    {"le", is_le, "other", 1},
    {"<=", is_le, "other", 1},
    {"gt", is_gt, "other", 1},
    {"greaterthan", is_gt, "other", 1},
    {">", is_gt, "other", 1},
    {"ge", is_ge, "other", 1},
    {">=", is_ge, "other", 1},
    {"in", is_in, "seq", 1},
    {"sameas", is_sameas, "other", 1},
    {"even", is_even, "", 0},
    {"odd", is_odd, "", 0},
    {"divisibleby", is_divisibleby, "num", 1},
    {"lower", is_lower, "", 0},
    {"upper", is_upper, "", 0},
    {NULL, NULL, NULL, 0},
};
