/* Arithmetic and comparison, as Python does them, within 64 bits. */
#include <math.h>
#include <string.h>

#include "pw/status.h"
#include "runtime/text/template_eval.h"

/* Values within each other that are compared, at most. */
enum { DEEPEST = 100 };

static const char *const symbols[] = {
    "+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=", "in", "not in"};

bool pw_tpl_number(const pw_tpl_value *value, bool *whole, int64_t *i, double *f)
{
    *whole = true;
    if (value->kind == PW_TPL_BOOL)
        *i = value->as.b;
    else if (value->kind == PW_TPL_INT)
        *i = value->as.i;
    else
        *whole = false;
    if (!*whole && value->kind != PW_TPL_FLOAT) return false;
    *f = *whole ? (double)*i : value->as.f;
    return true;
}

/* ---- Numbers ------------------------------------------------------------------------------ */

/* a // b and a % b, both towards minus infinity; b is not 0. */
static bool floor_div(int64_t a, int64_t b, int64_t *quotient, int64_t *rest)
{
    if (b == -1) {
        *rest = 0;
        return !__builtin_sub_overflow((int64_t)0, a, quotient);
    }
    *quotient = a / b;
    *rest = a % b;
    if (*rest != 0 && (*rest < 0) != (b < 0)) {
        *quotient -= 1;
        *rest += b;
    }
    return true;
}

static bool int_pow(int64_t base, int64_t power, int64_t *out)
{
    int64_t result = 1;
    while (power > 0) {
        if ((power & 1) != 0 && __builtin_mul_overflow(result, base, &result)) return false;
        power >>= 1;
        if (power > 0 && __builtin_mul_overflow(base, base, &base)) return false;
    }
    *out = result;
    return true;
}

static pewter_status int_binary(pw_tpl_vm *vm, pw_tpl_op op, int64_t a, int64_t b,
                                pw_tpl_value *out)
{
    int64_t result = 0, rest = 0;
    bool fits = true;
    if ((op == PW_TPL_FLOORDIV || op == PW_TPL_MOD) && b == 0)
        return pw_tpl_fail(vm, "division by zero");
    if (op == PW_TPL_ADD)
        fits = !__builtin_add_overflow(a, b, &result);
    else if (op == PW_TPL_SUB)
        fits = !__builtin_sub_overflow(a, b, &result);
    else if (op == PW_TPL_MUL)
        fits = !__builtin_mul_overflow(a, b, &result);
    else if (op == PW_TPL_POW)
        fits = int_pow(a, b, &result);
    else
        fits = floor_div(a, b, &result, &rest) || op == PW_TPL_MOD;
    if (!fits) return pw_tpl_fail(vm, "the result of '%s' passes 64 bits", symbols[op]);
    *out = pw_tpl_int(op == PW_TPL_MOD ? rest : result);
    return PEWTER_OK;
}

/* a // b and a % b of floats; b is not 0. */
static void float_floor_div(double a, double b, double *quotient, double *rest)
{
    double mod = fmod(a, b), div = (a - mod) / b;
    if (mod == 0.0) {
        mod = copysign(0.0, b);
    } else if ((b < 0.0) != (mod < 0.0)) {
        mod += b;
        div -= 1.0;
    }
    *rest = mod;
    *quotient = div == 0.0 ? copysign(0.0, a / b) : floor(div);
    if (div - *quotient > 0.5) *quotient += 1.0;
}

static pewter_status float_binary(pw_tpl_vm *vm, pw_tpl_op op, double a, double b,
                                  pw_tpl_value *out)
{
    double result = 0.0, other;
    const bool divides = op == PW_TPL_DIV || op == PW_TPL_FLOORDIV || op == PW_TPL_MOD;
    if ((divides && b == 0.0) || (op == PW_TPL_POW && a == 0.0 && b < 0.0))
        return pw_tpl_fail(vm, "division by zero");
    if (op == PW_TPL_ADD)
        result = a + b;
    else if (op == PW_TPL_SUB)
        result = a - b;
    else if (op == PW_TPL_MUL)
        result = a * b;
    else if (op == PW_TPL_DIV)
        result = a / b;
    else if (op == PW_TPL_FLOORDIV)
        float_floor_div(a, b, &result, &other);
    else if (op == PW_TPL_MOD)
        float_floor_div(a, b, &other, &result);
    else {
        result = pow(a, b);
        if (a < 0.0 && isfinite(a) && isfinite(b) && b != floor(b))
            return pw_tpl_fail(vm, "the result of '**' is a complex number");
        if (isinf(result) && isfinite(a) && isfinite(b))
            return pw_tpl_fail(vm, "the result of '**' is too large");
    }
    *out = pw_tpl_float(result);
    return PEWTER_OK;
}

/* ---- Strings and sequences ---------------------------------------------------------------- */

static bool is_seq(const pw_tpl_value *value, pw_tpl_flavour flavour)
{
    if (value->kind != PW_TPL_SEQ) return false;
    const pw_tpl_flavour own = value->as.seq->flavour;
    return own == flavour || (flavour == PW_TPL_TUPLE && own == PW_TPL_GROUP);
}

/* Text that is escaped already stays escaped: what is joined to it is escaped. */
static pewter_status join_safe(pw_tpl_vm *vm, const pw_tpl_string *a, const pw_tpl_string *b,
                               pw_tpl_value *out)
{
    pw_tpl_value left, right;
    PW_TRY(pw_tpl_escape(vm, a, &left));
    PW_TRY(pw_tpl_escape(vm, b, &right));
    PW_TRY(pw_tpl_string_join(vm, left.as.string, right.as.string, out));
    pw_tpl_string *safe;
    PW_TRY(pw_tpl_take(vm, 1, sizeof *safe, &safe));
    *safe = *out->as.string;
    safe->safe = true;
    out->as.string = safe;
    return PEWTER_OK;
}

static pewter_status add_seqs(pw_tpl_vm *vm, const pw_tpl_value *a, const pw_tpl_value *b,
                              pw_tpl_value *out)
{
    const pw_tpl_seq *left = a->as.seq, *right = b->as.seq;
    const bool tuple = is_seq(a, PW_TPL_TUPLE);
    PW_TRY(pw_tpl_seq_new(vm, tuple ? PW_TPL_TUPLE : PW_TPL_LIST, left->count + right->count, out));
    pw_tpl_value *items = out->as.seq->items;
    if (left->count > 0) memcpy(items, left->items, left->count * sizeof *items);
    if (right->count > 0) memcpy(items + left->count, right->items, right->count * sizeof *items);
    out->user = a->user || b->user;
    return PEWTER_OK;
}

/* text * times and list * times */
static pewter_status repeat(pw_tpl_vm *vm, const pw_tpl_value *value, int64_t times,
                            pw_tpl_value *out)
{
    const uint64_t count = times < 0 ? 0 : (uint64_t)times;
    PW_TRY(pw_tpl_spend(vm, count / 8));
    if (value->kind == PW_TPL_STRING) {
        pw_tpl_buffer buffer = {0};
        for (uint64_t i = 0; value->as.string->bytes > 0 && i < count; i++)
            PW_TRY(pw_tpl_put_string(vm, &buffer, value->as.string));
        return pw_tpl_string_of(vm, &buffer, out);
    }
    const pw_tpl_seq *seq = value->as.seq;
    const bool tuple = is_seq(value, PW_TPL_TUPLE);
    size_t total;
    if (!pw_mul(seq->count, count, &total)) return pw_tpl_fail(vm, "a list becomes too long");
    PW_TRY(pw_tpl_seq_new(vm, tuple ? PW_TPL_TUPLE : PW_TPL_LIST, total, out));
    for (size_t i = 0; i < total; i++) out->as.seq->items[i] = seq->items[i % seq->count];
    out->user = value->user;
    return PEWTER_OK;
}

static bool repeats(const pw_tpl_value *value)
{
    return value->kind == PW_TPL_STRING || is_seq(value, PW_TPL_LIST) ||
           is_seq(value, PW_TPL_TUPLE);
}

pewter_status pw_tpl_binary(pw_tpl_vm *vm, pw_tpl_op op, const pw_tpl_value *a,
                            const pw_tpl_value *b, pw_tpl_value *out)
{
    bool whole_a, whole_b;
    int64_t i = 0, j = 0;
    double x, y;
    const bool left = pw_tpl_number(a, &whole_a, &i, &x),
               right = pw_tpl_number(b, &whole_b, &j, &y);
    if (left && right) {
        const bool whole = whole_a && whole_b && op != PW_TPL_DIV && (op != PW_TPL_POW || j >= 0);
        PW_TRY(whole ? int_binary(vm, op, i, j, out) : float_binary(vm, op, x, y, out));
        out->user = a->user || b->user;
        return PEWTER_OK;
    }
    if (a->kind == PW_TPL_STRING && op == PW_TPL_MOD)
        return pw_tpl_percent(vm, a->as.string, b, out);
    if (op == PW_TPL_ADD && a->kind == PW_TPL_STRING && b->kind == PW_TPL_STRING) {
        if (a->as.string->safe || b->as.string->safe)
            return join_safe(vm, a->as.string, b->as.string, out);
        return pw_tpl_string_join(vm, a->as.string, b->as.string, out);
    }
    if (op == PW_TPL_ADD && ((is_seq(a, PW_TPL_LIST) && is_seq(b, PW_TPL_LIST)) ||
                             (is_seq(a, PW_TPL_TUPLE) && is_seq(b, PW_TPL_TUPLE))))
        return add_seqs(vm, a, b, out);
    if (op == PW_TPL_MUL && repeats(a) && right && whole_b) return repeat(vm, a, j, out);
    if (op == PW_TPL_MUL && repeats(b) && left && whole_a) return repeat(vm, b, i, out);
    if (a->kind == PW_TPL_UNDEFINED) return pw_tpl_fail(vm, "%s", a->as.why);
    if (b->kind == PW_TPL_UNDEFINED) return pw_tpl_fail(vm, "%s", b->as.why);
    return pw_tpl_fail(vm, "'%s' does not take %s and %s", symbols[op], pw_tpl_type(a),
                       pw_tpl_type(b));
}

/* ---- Comparison --------------------------------------------------------------------------- */

static bool long_number(const pw_tpl_value *value, long double *out)
{
    bool whole;
    int64_t i;
    double f;
    if (!pw_tpl_number(value, &whole, &i, &f)) return false;
    *out = whole ? (long double)i : (long double)f;
    return true;
}

static pewter_status equal(pw_tpl_vm *vm, const pw_tpl_value *a, const pw_tpl_value *b, int depth,
                           bool *out);

static pewter_status equal_seqs(pw_tpl_vm *vm, const pw_tpl_value *a, const pw_tpl_value *b,
                                int depth, bool *out)
{
    const pw_tpl_seq *s = a->as.seq, *t = b->as.seq;
    const bool alike =
        s->flavour == t->flavour || (is_seq(a, PW_TPL_TUPLE) && is_seq(b, PW_TPL_TUPLE));
    *out = s == t;
    if (*out || !alike || s->flavour >= PW_TPL_ITERATOR || s->count != t->count) return PEWTER_OK;
    *out = true;
    for (size_t i = 0; *out && i < s->count; i++)
        PW_TRY(equal(vm, &s->items[i], &t->items[i], depth, out));
    return PEWTER_OK;
}

static pewter_status equal_dicts(pw_tpl_vm *vm, const pw_tpl_dict *a, const pw_tpl_dict *b,
                                 int depth, bool *out)
{
    *out = a == b;
    if (*out || a->count != b->count) return PEWTER_OK;
    *out = true;
    for (size_t i = 0; *out && i < a->count; i++) {
        const pw_tpl_value *other;
        PW_TRY(pw_tpl_dict_find(vm, b, &a->keys[i], &other));
        *out = other != NULL;
        if (*out) PW_TRY(equal(vm, &a->values[i], other, depth, out));
    }
    return PEWTER_OK;
}

static pewter_status equal(pw_tpl_vm *vm, const pw_tpl_value *a, const pw_tpl_value *b, int depth,
                           bool *out)
{
    if (depth == 0)
        return pw_tpl_stop(vm, PEWTER_E_LIMIT, "values nested more than %d deep are compared",
                           DEEPEST);
    PW_TRY(pw_tpl_spend(vm, 1));
    long double x, y;
    if (long_number(a, &x)) {
        *out = long_number(b, &y) && x == y;
        return PEWTER_OK;
    }
    *out = false;
    if (a->kind != b->kind) return PEWTER_OK;
    if (a->kind == PW_TPL_STRING) {
        *out = pw_tpl_same(a->as.string, b->as.string);
        return *out ? pw_tpl_spend_bytes(vm, a->as.string->bytes) : PEWTER_OK;
    }
    if (a->kind == PW_TPL_SEQ) return equal_seqs(vm, a, b, depth - 1, out);
    if (a->kind == PW_TPL_DICT) return equal_dicts(vm, a->as.dict, b->as.dict, depth - 1, out);
    *out = a->kind == PW_TPL_UNDEFINED || a->kind == PW_TPL_NONE || a->as.space == b->as.space;
    return PEWTER_OK;
}

pewter_status pw_tpl_equal(pw_tpl_vm *vm, const pw_tpl_value *a, const pw_tpl_value *b, bool *out)
{
    return equal(vm, a, b, DEEPEST, out);
}

static bool holds(pw_tpl_op op, int order)
{
    return op == PW_TPL_LT   ? order < 0
           : op == PW_TPL_LE ? order <= 0
           : op == PW_TPL_GT ? order > 0
                             : order >= 0;
}

/* LT, LE, GT, GE. Sequences are ordered by their first items that differ. */
static pewter_status ordered(pw_tpl_vm *vm, pw_tpl_op op, const pw_tpl_value *a,
                             const pw_tpl_value *b, int depth, bool *out)
{
    if (depth == 0)
        return pw_tpl_stop(vm, PEWTER_E_LIMIT, "values nested more than %d deep are compared",
                           DEEPEST);
    PW_TRY(pw_tpl_spend(vm, 1));
    long double x, y;
    if (long_number(a, &x) && long_number(b, &y)) {
        *out = op == PW_TPL_LT   ? x < y
               : op == PW_TPL_LE ? x <= y
               : op == PW_TPL_GT ? x > y
                                 : x >= y;
        return PEWTER_OK;
    }
    if (a->kind == PW_TPL_STRING && b->kind == PW_TPL_STRING) {
        *out = holds(op, pw_tpl_order(a->as.string, b->as.string));
        return pw_tpl_spend_bytes(vm, a->as.string->bytes);
    }
    if ((is_seq(a, PW_TPL_LIST) && is_seq(b, PW_TPL_LIST)) ||
        (is_seq(a, PW_TPL_TUPLE) && is_seq(b, PW_TPL_TUPLE))) {
        const pw_tpl_seq *s = a->as.seq, *t = b->as.seq;
        size_t i = 0;
        for (bool same = true; i < s->count && i < t->count; i++) {
            PW_TRY(equal(vm, &s->items[i], &t->items[i], depth, &same));
            if (!same) return ordered(vm, op, &s->items[i], &t->items[i], depth - 1, out);
        }
        *out = holds(op, s->count < t->count ? -1 : s->count > t->count);
        return PEWTER_OK;
    }
    if (a->kind == PW_TPL_UNDEFINED) return pw_tpl_fail(vm, "%s", a->as.why);
    if (b->kind == PW_TPL_UNDEFINED) return pw_tpl_fail(vm, "%s", b->as.why);
    return pw_tpl_fail(vm, "'%s' does not compare %s and %s", symbols[op], pw_tpl_type(a),
                       pw_tpl_type(b));
}

static pewter_status contains(pw_tpl_vm *vm, const pw_tpl_value *item, const pw_tpl_value *whole,
                              bool *out)
{
    if (whole->kind == PW_TPL_STRING) {
        if (item->kind != PW_TPL_STRING)
            return pw_tpl_fail(vm, "a %s cannot be in a string", pw_tpl_type(item));
        const pw_tpl_string *needle = item->as.string, *hay = whole->as.string;
        *out = memmem(hay->text, hay->bytes, needle->text, needle->bytes) != NULL;
        return pw_tpl_spend_bytes(vm, hay->bytes);
    }
    if (whole->kind == PW_TPL_DICT) {
        const pw_tpl_value *value;
        PW_TRY(pw_tpl_dict_find(vm, whole->as.dict, item, &value));
        *out = value != NULL;
        return PEWTER_OK;
    }
    pw_tpl_value *items;
    size_t count;
    PW_TRY(pw_tpl_items(vm, whole, &items, &count));
    *out = false;
    for (size_t i = 0; !*out && i < count; i++) PW_TRY(pw_tpl_equal(vm, item, &items[i], out));
    return PEWTER_OK;
}

pewter_status pw_tpl_compare(pw_tpl_vm *vm, pw_tpl_op op, const pw_tpl_value *a,
                             const pw_tpl_value *b, bool *out)
{
    if (op == PW_TPL_EQ || op == PW_TPL_NE) {
        PW_TRY(pw_tpl_equal(vm, a, b, out));
        *out = *out == (op == PW_TPL_EQ);
        return PEWTER_OK;
    }
    if (op == PW_TPL_IN || op == PW_TPL_NOT_IN) {
        PW_TRY(contains(vm, a, b, out));
        *out = *out == (op == PW_TPL_IN);
        return PEWTER_OK;
    }
    return ordered(vm, op, a, b, DEEPEST, out);
}
