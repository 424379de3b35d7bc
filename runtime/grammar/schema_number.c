/* Numbers within bounds, digit by digit. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pw/status.h"
#include "runtime/grammar/schema_set.h"

/* Significant digits of a number: so many are kept apart by a double, so what reads the text sees a number that is
 * within the bounds as the text is (one more digit, and it could be rounded onto a bound that is out), and a model
 * cannot go on writing digits. */
enum { DIGITS = 15, TEXT = 400 };

/* A bound of numbers that are not negative. */
typedef struct limit {
    char whole[TEXT], part[TEXT]; /* digits; no zeros in front of the one and behind the other */
    int32_t n_whole, n_part;
    bool out;  /* the bound itself is not meant */
    bool none; /* there is no bound */
} limit;

/* A number as digits without an exponent; false where they do not fit. */
static bool write_digits(const json_t *number, char *out, size_t cap)
{
    if (json_is_integer(number))
        return snprintf(out, cap, "%lld", (long long)json_integer_value(number)) < (int)cap;
    /* The shortest text that is the same double, so that 0.1 is 0.1. */
    const double value = json_real_value(number);
    char shortest[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(shortest, sizeof shortest, "%.*e", digits - 1, value);
        if (strtod(shortest, NULL) == value) break;
    }
    const char *e = strchr(shortest, 'e');
    const int exponent = (int)strtol(e + 1, NULL, 10);
    int digits = 0; /* of the mantissa; the point may be another character, by locale */
    for (const char *at = shortest; at < e; at++) digits += *at >= '0' && *at <= '9';
    const int behind = digits - 1 - exponent;
    if (exponent > 300 || behind > 300) return false;
    return snprintf(out, cap, "%.*f", behind > 0 ? behind : 0, value) < (int)cap;
}

/* The bound as digits; its sign goes to *negative. False: it is too small or large to write. */
static bool take_limit(const json_t *number, bool out, limit *l, bool *negative)
{
    char text[TEXT];
    *l = (limit){.none = true};
    *negative = false;
    if (number == NULL) return true;
    if (!write_digits(number, text, sizeof text)) return false;
    const char *at = text;
    *negative = *at == '-';
    at += *negative;
    while (*at == '0' && at[1] >= '0' && at[1] <= '9') at++;
    l->none = false;
    l->out = out;
    l->n_whole = (int32_t)strspn(at, "0123456789");
    memcpy(l->whole, at, (size_t)l->n_whole);
    at += l->n_whole;
    at += *at != 0; /* the point */
    l->n_part = (int32_t)strlen(at);
    memcpy(l->part, at, (size_t)l->n_part);
    while (l->n_part > 0 && l->part[l->n_part - 1] == '0') l->n_part--;
    /* -0 is 0. */
    if (l->n_whole == 1 && l->whole[0] == '0' && l->n_part == 0) *negative = false;
    return true;
}

static bool is_zero(const limit *l)
{
    return l->n_whole == 1 && l->whole[0] == '0' && l->n_part == 0;
}

/* ---- Digits ---------------------------------------------------------------------------------- */

/* Where a number stands against its bounds: on the lower one, the upper one, or free of it. */
typedef struct place {
    bool low, high;
} place;

typedef struct digits {
    pw_rules *g;
    const limit *low, *high;
    bool integer;
    int32_t to;
} digits;

static int digit_of(const char *text, int32_t n, int32_t at)
{
    return at < n ? text[at] - '0' : 0;
}

/* Whether a number may end here: what the bounds have left is zeros. */
static bool may_end(const digits *d, place p, int32_t part)
{
    if (p.low && (part < d->low->n_part || d->low->out)) return false;
    return !(p.high && part >= d->high->n_part && d->high->out);
}

/* Digits [a, b] to a node. */
static void add_digits(pw_rules *g, int32_t from, int32_t to, int a, int b)
{
    if (a <= b) pw_rules_bytes(g, from, to, (uint8_t)('0' + a), (uint8_t)('0' + b));
}

/* The edges of one digit from every place to the places behind it; nodes of places that are not reached are
 * dead ends, which are taken away at the end. `first`: no zero in front of others. */
static void add_step(const digits *d, const int32_t from[4], int32_t to[4], int low, int high,
                     bool first)
{
    for (int i = 0; i < 4; i++) to[i] = pw_rules_node(d->g);
    for (int i = 0; i < 4; i++) {
        if (from[i] < 0) continue;
        const place p = {(i & 1) != 0, (i & 2) != 0};
        const int a = p.low ? low : first, b = p.high ? high : 9;
        for (int digit = a > (int)first ? a : (int)first; digit <= b; digit++) {
            const int next = (p.low && digit == low) | (p.high && digit == high) << 1;
            add_digits(d->g, from[i], to[next], digit, digit);
        }
    }
}

/* Digits behind the point, where there are `n` before it. Zeros behind "0." do not count, and a bound that is in
 * can be written. */
static int32_t part_digits(const digits *d, int32_t n)
{
    const limit *low = d->low;
    if (low->n_whole != 1 || low->whole[0] != '0' || n > 1)
        return low->none || low->out || low->n_part < DIGITS - n ? DIGITS - n : low->n_part;
    const int32_t zeros = (int32_t)strspn(low->part, "0");
    return low->out || low->n_part < DIGITS - 1 + zeros ? DIGITS - 1 + zeros : low->n_part;
}

/* The part behind the point, from nodes at the end of the whole part. */
static void add_part(const digits *d, const int32_t whole[4], int32_t n)
{
    for (int i = 0; i < 4; i++)
        if (whole[i] >= 0 && may_end(d, (place){(i & 1) != 0, (i & 2) != 0}, 0))
            pw_rules_join(d->g, whole[i], d->to);
    if (d->integer) return;
    int32_t at[4], next[4];
    for (int i = 0; i < 4; i++) {
        at[i] = pw_rules_node(d->g);
        if (whole[i] >= 0) pw_rules_bytes(d->g, whole[i], at[i], '.', '.');
    }
    const int32_t most = part_digits(d, n);
    for (int32_t part = 0; part < most; part++) {
        add_step(d, at, next, digit_of(d->low->part, d->low->n_part, part),
                 digit_of(d->high->part, d->high->n_part, part), false);
        for (int i = 0; i < 4; i++) {
            if (may_end(d, (place){(i & 1) != 0, (i & 2) != 0}, part + 1))
                pw_rules_join(d->g, next[i], d->to);
            at[i] = next[i];
        }
    }
}

/* Numbers with a whole part of `n` digits. */
static void add_whole(const digits *d, int32_t n, int32_t from)
{
    int32_t at[4] = {-1, -1, -1, -1}, next[4];
    const bool low = !d->low->none && d->low->n_whole == n;
    const bool high = !d->high->none && d->high->n_whole == n;
    at[(int)low | (int)high << 1] = from;
    for (int32_t i = 0; i < n; i++) {
        add_step(d, at, next, digit_of(d->low->whole, d->low->n_whole, i),
                 digit_of(d->high->whole, d->high->n_whole, i), i == 0 && n > 1);
        memcpy(at, next, sizeof at);
    }
    add_part(d, at, n);
}

/* Numbers from `low` to `high`, without a sign. */
static void add_range(pw_rules *g, const limit *low, const limit *high, bool integer, int32_t from,
                      int32_t to)
{
    const digits d = {.g = g, .low = low, .high = high, .integer = integer, .to = to};
    const int32_t shortest = low->none ? 1 : low->n_whole;
    const int32_t longest = high->none || high->n_whole > DIGITS ? DIGITS : high->n_whole;
    for (int32_t n = shortest; n <= longest; n++) add_whole(&d, n, from);
}

/* ---- Without bounds -------------------------------------------------------------------------- */

/* Up to two digits of an exponent. */
static void add_exponent(pw_rules *g, int32_t from, int32_t to)
{
    const int32_t e = pw_rules_node(g), sign = pw_rules_node(g), one = pw_rules_node(g);
    pw_rules_bytes(g, from, e, 'e', 'e');
    pw_rules_bytes(g, from, e, 'E', 'E');
    pw_rules_bytes(g, e, sign, '+', '+');
    pw_rules_bytes(g, e, sign, '-', '-');
    pw_rules_join(g, e, sign);
    add_digits(g, sign, one, 0, 9);
    add_digits(g, one, to, 0, 9);
    pw_rules_join(g, one, to);
}

/* A rule of one digit, called as often as there may be some. */
static int32_t digit_rule(pw_rules *g)
{
    const int32_t rule = pw_rules_rule(g), from = pw_rules_begin(g, rule), to = pw_rules_node(g);
    add_digits(g, from, to, 0, 9);
    pw_rules_end(g, rule, to);
    return rule;
}

static void add_any(pw_rules *g, bool integer, int32_t from, int32_t to)
{
    const int32_t digit = digit_rule(g), sign = pw_rules_node(g), first = pw_rules_node(g);
    const int32_t whole = pw_rules_node(g);
    pw_rules_bytes(g, from, sign, '-', '-');
    pw_rules_join(g, from, sign);
    add_digits(g, sign, whole, 0, 0);
    add_digits(g, sign, first, 1, 9);
    pw_rules_call(g, first, whole, digit, 0, DIGITS - 1);
    pw_rules_join(g, whole, to);
    if (integer) return;
    const int32_t point = pw_rules_node(g), part = pw_rules_node(g);
    pw_rules_bytes(g, whole, point, '.', '.');
    pw_rules_call(g, point, part, digit, 1, DIGITS);
    pw_rules_join(g, part, to);
    add_exponent(g, whole, to);
    add_exponent(g, part, to);
}

/* ---- The whole ------------------------------------------------------------------------------- */

pewter_status pw_schema_number(pw_schema *s, const pw_facts *f, int32_t from, int32_t to)
{
    if (f->least == NULL && f->most == NULL) {
        add_any(s->g, f->integer, from, to);
        return PEWTER_OK;
    }
    limit low, high;
    bool low_negative, high_negative;
    if (!take_limit(f->least, f->above, &low, &low_negative) ||
        !take_limit(f->most, f->below, &high, &high_negative))
        return pw_fail(s->err, PEWTER_E_UNSUPPORTED,
                       "the schema: a bound of numbers: 0, or 1e-300 to 1e300, wanted");
    const limit none = {.none = true}, zero = {.whole = "0", .n_whole = 1};
    const limit above_zero = {.whole = "0", .n_whole = 1, .out = true};
    /* From zero up: without a bound below, or one below zero. */
    if (high.none || !high_negative)
        add_range(s->g, low.none || low_negative ? &zero : &low, high.none ? &none : &high,
                  f->integer, from, to);
    /* Below zero, by magnitude. */
    if ((low.none || low_negative) && !(low_negative && is_zero(&low))) {
        const int32_t sign = pw_rules_text(s->g, from, "-", 1);
        add_range(s->g, !high.none && high_negative ? &high : &above_zero, low.none ? &none : &low,
                  f->integer, sign, to);
    }
    return PEWTER_OK;
}
