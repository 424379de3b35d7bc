/* Filters of numbers, of any value, and tojson. */
#include <math.h>
#include <string.h>

#include "pw/status.h"
#include "runtime/text/template_eval.h"
#include "runtime/text/template_text.h"
#include "runtime/text/template_write.h"

/* ---- default, attr ------------------------------------------------------------------------ */

static pewter_status filter_default(pw_tpl_vm *vm, const pw_tpl_value *self,
                                    const pw_tpl_args *args, pw_tpl_value *out)
{
    const bool loose = pw_tpl_arg_bool(&args->at[1], false);
    *out = *self;
    if (self->kind != PW_TPL_UNDEFINED && (!loose || pw_tpl_truth(self))) return PEWTER_OK;
    *out = args->at[0];
    if (out->kind == PW_TPL_MISSING) return pw_tpl_string_new(vm, "", 0, false, out);
    return PEWTER_OK;
}

/* As getattr: the keys of a dictionary are not attributes. */
static pewter_status filter_attr(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                 pw_tpl_value *out)
{
    const pw_tpl_string *name;
    PW_TRY(pw_tpl_to_string(vm, &args->at[0], &name));
    if (self->kind != PW_TPL_DICT) return pw_tpl_attribute(vm, self, name, out);
    const pw_tpl_builtin *method = pw_tpl_find(pw_tpl_dict_methods, name->text, name->bytes);
    if (method != NULL) return pw_tpl_bind(vm, method, self, out);
    *out = pw_tpl_undefined("a dictionary has no attribute of that name");
    return PEWTER_OK;
}

/* ---- Numbers ------------------------------------------------------------------------------ */

/* The integer part, where 64 bits hold it. */
static bool whole_part(double f, int64_t *out)
{
    if (!(f > -9.2e18 && f < 9.2e18)) return false;
    *out = (int64_t)f;
    return true;
}

static pewter_status filter_int(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                pw_tpl_value *out)
{
    bool whole = false, found = false;
    int64_t i = 0, base;
    double f;
    *out = args->at[0].kind == PW_TPL_MISSING ? pw_tpl_int(0) : args->at[0];
    PW_TRY(pw_tpl_arg_int(vm, &args->at[1], 10, &base));
    if (self->kind == PW_TPL_UNDEFINED) return pw_tpl_fail(vm, "%s", self->as.why);
    if (self->kind == PW_TPL_STRING) {
        found = base >= 0 && base <= 36 && pw_tpl_int_of(self->as.string, (int)base, &i);
        if (!found) found = pw_tpl_float_of(self->as.string, &f) && whole_part(f, &i);
    } else if (pw_tpl_number(self, &whole, &i, &f)) {
        found = whole || whole_part(f, &i);
        if (!found && !isnan(f)) return pw_tpl_fail(vm, "a number passes 64 bits");
    }
    if (!found) return PEWTER_OK;
    *out = pw_tpl_int(i);
    out->user = self->user;
    return PEWTER_OK;
}

static pewter_status filter_float(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                  pw_tpl_value *out)
{
    bool whole, found;
    int64_t i;
    double f = 0.0;
    if (self->kind == PW_TPL_UNDEFINED) return pw_tpl_fail(vm, "%s", self->as.why);
    if (self->kind == PW_TPL_STRING)
        found = pw_tpl_float_of(self->as.string, &f);
    else
        found = pw_tpl_number(self, &whole, &i, &f);
    *out = args->at[0].kind == PW_TPL_MISSING ? pw_tpl_float(0.0) : args->at[0];
    if (!found) return PEWTER_OK;
    *out = pw_tpl_float(f);
    out->user = self->user;
    return PEWTER_OK;
}

static pewter_status filter_abs(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                pw_tpl_value *out)
{
    (void)args;
    bool whole;
    int64_t i;
    double f;
    if (self->kind == PW_TPL_UNDEFINED) return pw_tpl_fail(vm, "%s", self->as.why);
    if (!pw_tpl_number(self, &whole, &i, &f))
        return pw_tpl_fail(vm, "a %s has no absolute value", pw_tpl_type(self));
    if (whole && i == INT64_MIN) return pw_tpl_fail(vm, "a number passes 64 bits");
    *out = whole ? pw_tpl_int(i < 0 ? -i : i) : pw_tpl_float(fabs(f));
    out->user = self->user;
    return PEWTER_OK;
}

/* To the nearest multiple of 10^-digits, of two equally near the even one, as Python's round. */
static double round_to(double f, int64_t digits)
{
    char text[400];
    double result;
    if (!isfinite(f) || digits > 300) return f;
    if (digits < -300) return copysign(0.0, f);
    if (digits < 0) {
        const double unit = pow(10.0, (double)-digits);
        return rint(f / unit) * unit;
    }
    const size_t length = pw_tpl_float_style(f, 'f', (int)digits, false, text, sizeof text);
    const pw_tpl_string string = {.text = text, .bytes = length};
    return length > 0 && pw_tpl_float_of(&string, &result) ? result : f;
}

/* An integer rounded to tens, hundreds and so on; false where 64 bits are passed. */
static bool round_whole(int64_t i, int64_t digits, int64_t *out)
{
    int64_t unit = 1;
    *out = digits >= 0 ? i : 0;
    if (digits < -18) return true;
    for (; digits < 0; digits++) unit *= 10;
    if (unit == 1) return true;
    int64_t base = i / unit, rest = i % unit;
    if (rest < 0) {
        rest += unit;
        base--;
    }
    if (rest > unit / 2 || (rest == unit / 2 && base % 2 != 0)) base++;
    return !__builtin_mul_overflow(base, unit, out);
}

static pewter_status filter_round(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                  pw_tpl_value *out)
{
    static const pw_tpl_string common = {.text = "common", .bytes = 6, .chars = 6};
    const pw_tpl_string *how;
    bool whole;
    int64_t i, digits;
    double f;
    PW_TRY(pw_tpl_arg_int(vm, &args->at[0], 0, &digits));
    PW_TRY(pw_tpl_arg_text(vm, &args->at[1], &common, &how));
    const bool up = pw_tpl_is(how, "ceil"), down = pw_tpl_is(how, "floor");
    if (!up && !down && !pw_tpl_is(how, "common"))
        return pw_tpl_fail(vm, "round goes \"common\", \"ceil\" or \"floor\"");
    if (self->kind == PW_TPL_UNDEFINED) return pw_tpl_fail(vm, "%s", self->as.why);
    if (!pw_tpl_number(self, &whole, &i, &f))
        return pw_tpl_fail(vm, "a %s cannot be rounded", pw_tpl_type(self));
    if (up || down) {
        const double unit = pow(10.0, (double)digits);
        *out = pw_tpl_float((up ? ceil(f * unit) : floor(f * unit)) / unit);
        if (!isfinite(out->as.f)) return pw_tpl_fail(vm, "a number is too large to be rounded");
    } else if (whole) {
        if (!round_whole(i, digits, &i)) return pw_tpl_fail(vm, "a number passes 64 bits");
        *out = pw_tpl_int(i);
    } else {
        *out = pw_tpl_float(round_to(f, digits));
    }
    out->user = self->user;
    return PEWTER_OK;
}

/* ---- tojson ------------------------------------------------------------------------------- */

/* What json.dumps is given as indent: a number of spaces, a text, or none. */
static pewter_status json_indent(pw_tpl_vm *vm, const pw_tpl_value *given,
                                 const pw_tpl_string **out)
{
    static const pw_tpl_string empty = {.text = ""};
    int64_t spaces;
    pw_tpl_value indent;
    *out = NULL;
    if (given->kind == PW_TPL_STRING) *out = given->as.string;
    if (given->kind == PW_TPL_MISSING || given->kind == PW_TPL_NONE || given->kind == PW_TPL_STRING)
        return PEWTER_OK;
    PW_TRY(pw_tpl_arg_int(vm, given, 0, &spaces));
    PW_TRY(pw_tpl_pad(vm, &empty, NULL, spaces > 0 ? (size_t)spaces : 0, 0, &indent));
    *out = indent.as.string;
    return PEWTER_OK;
}

static pewter_status filter_tojson(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                   pw_tpl_value *out)
{
    pw_tpl_json how = {.ascii = pw_tpl_arg_bool(&args->at[0], false),
                       .sort = pw_tpl_arg_bool(&args->at[3], false)};
    pw_tpl_buffer buffer = {0};
    PW_TRY(json_indent(vm, &args->at[1], &how.indent));
    if (args->at[2].kind != PW_TPL_MISSING && args->at[2].kind != PW_TPL_NONE) {
        pw_tpl_value *pair;
        size_t count;
        PW_TRY(pw_tpl_items(vm, &args->at[2], &pair, &count));
        if (count != 2) return pw_tpl_fail(vm, "separators are a pair, not %zu values", count);
        PW_TRY(pw_tpl_arg_string(vm, &pair[0], &how.comma));
        PW_TRY(pw_tpl_arg_string(vm, &pair[1], &how.colon));
    }
    PW_TRY(pw_tpl_write_json(vm, &buffer, self, &how));
    return pw_tpl_string_of(vm, &buffer, out);
}

const pw_tpl_builtin pw_tpl_other_filters[] = {
    {"tojson", filter_tojson, "ensure_ascii indent separators sort_keys", 0},
    {"default", filter_default, "default_value boolean", 0},
    {"d", filter_default, "default_value boolean", 0},
    {"attr", filter_attr, "name", 1},
    {"int", filter_int, "default base", 0},
    {"float", filter_float, "default", 0},
    {"abs", filter_abs, "", 0},
    {"round", filter_round, "precision method", 0},
    {NULL, NULL, NULL, 0},
};
