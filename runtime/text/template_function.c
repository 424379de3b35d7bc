/* Global functions, and the methods of what they make. */
#include <string.h>
#include <time.h>

#include "pw/status.h"
#include "runtime/text/template_eval.h"
#include "runtime/text/template_write.h"

#include <locale.h>

/* ---- range, dict, namespace --------------------------------------------------------------- */

static pewter_status call_range(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                pw_tpl_value *out)
{
    enum { MOST = 100000 };
    (void)self;
    int64_t start, stop, step;
    PW_TRY(pw_tpl_arg_int(vm, &args->at[0], 0, &start));
    PW_TRY(pw_tpl_arg_int(vm, &args->at[1], 0, &stop));
    PW_TRY(pw_tpl_arg_int(vm, &args->at[2], 1, &step));
    if (args->at[1].kind == PW_TPL_MISSING) {
        stop = start;
        start = 0;
    }
    if (step == 0) return pw_tpl_fail(vm, "the step of a range is 0");
    const bool some = step > 0 ? start < stop : start > stop;
    const uint64_t span =
        step > 0 ? (uint64_t)stop - (uint64_t)start : (uint64_t)start - (uint64_t)stop;
    const uint64_t stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    const uint64_t count = some ? (span - 1) / stride + 1 : 0;
    if (count > MOST)
        return pw_tpl_stop(vm, PEWTER_E_LIMIT, "a range of more than %d numbers", MOST);
    PW_TRY(pw_tpl_seq_new(vm, PW_TPL_RANGE, (size_t)count, out));
    for (uint64_t i = 0; i < count; i++)
        out->as.seq->items[i] = pw_tpl_int((int64_t)((uint64_t)start + i * (uint64_t)step));
    return PEWTER_OK;
}

/* The keys and values that dict(...) is given: a dictionary or pairs, then names. */
static pewter_status collect(pw_tpl_vm *vm, const pw_tpl_args *args, pw_tpl_value **keys,
                             pw_tpl_value **values, size_t *count)
{
    pw_tpl_value *items = NULL;
    size_t n = 0;
    if (args->count > 1) return pw_tpl_fail(vm, "at most one argument without a name is taken");
    if (args->count == 1) PW_TRY(pw_tpl_items(vm, &args->at[0], &items, &n));
    PW_TRY(pw_tpl_take(vm, n + args->n_named, sizeof **keys, keys));
    PW_TRY(pw_tpl_take(vm, n + args->n_named, sizeof **values, values));
    for (size_t i = 0; i < n; i++) {
        if (args->at[0].kind == PW_TPL_DICT) {
            (*keys)[i] = items[i];
            (*values)[i] = args->at[0].as.dict->values[i];
            continue;
        }
        pw_tpl_value *pair;
        size_t size;
        PW_TRY(pw_tpl_items(vm, &items[i], &pair, &size));
        if (size != 2) return pw_tpl_fail(vm, "a pair is wanted, not %zu values", size);
        (*keys)[i] = pair[0];
        (*values)[i] = pair[1];
    }
    for (size_t i = 0; i < args->n_named; i++, n++) {
        (*keys)[n] = args->names[i];
        (*values)[n] = args->named[i];
    }
    *count = n;
    return PEWTER_OK;
}

static pewter_status call_dict(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                               pw_tpl_value *out)
{
    (void)self;
    pw_tpl_value *keys, *values;
    size_t count;
    PW_TRY(collect(vm, args, &keys, &values, &count));
    return pw_tpl_dict_new(vm, keys, values, count, out);
}

static pewter_status call_namespace(pw_tpl_vm *vm, const pw_tpl_value *self,
                                    const pw_tpl_args *args, pw_tpl_value *out)
{
    (void)self;
    pw_tpl_value *keys = NULL, *values = NULL;
    size_t count = 0;
    pw_tpl_space *space;
    PW_TRY(collect(vm, args, &keys, &values, &count));
    PW_TRY(pw_tpl_take(vm, 1, sizeof *space, &space));
    for (size_t i = 0; i < count; i++) {
        if (keys[i].kind != PW_TPL_STRING) return pw_tpl_fail(vm, "a namespace takes names only");
        const pw_tpl_string *name = keys[i].as.string;
        PW_TRY(pw_tpl_space_set(vm, space, name->text, name->bytes, &values[i]));
    }
    *out = (pw_tpl_value){.kind = PW_TPL_SPACE, .as.space = space};
    return PEWTER_OK;
}

/* ---- cycler, joiner ----------------------------------------------------------------------- */

static pewter_status call_cycler(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                 pw_tpl_value *out)
{
    (void)self;
    pw_tpl_cycler *cycler;
    if (args->count == 0 || args->n_named > 0)
        return pw_tpl_fail(vm, "a cycler takes values, at least one");
    PW_TRY(pw_tpl_take(vm, 1, sizeof *cycler, &cycler));
    *cycler = (pw_tpl_cycler){.items = args->at, .count = args->count};
    *out = (pw_tpl_value){.kind = PW_TPL_CYCLER, .as.cycler = cycler};
    return PEWTER_OK;
}

static pewter_status cycler_next(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                 pw_tpl_value *out)
{
    (void)vm;
    (void)args;
    pw_tpl_cycler *cycler = self->as.cycler;
    *out = cycler->items[cycler->at];
    cycler->at = (cycler->at + 1) % cycler->count;
    return PEWTER_OK;
}

static pewter_status cycler_reset(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                  pw_tpl_value *out)
{
    (void)vm;
    (void)args;
    self->as.cycler->at = 0;
    *out = pw_tpl_none();
    return PEWTER_OK;
}

static pewter_status call_joiner(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                 pw_tpl_value *out)
{
    (void)self;
    pw_tpl_cycler *joiner;
    PW_TRY(pw_tpl_take(vm, 1, sizeof *joiner, &joiner));
    PW_TRY(pw_tpl_take(vm, 1, sizeof *joiner->items, &joiner->items));
    joiner->items[0] = args->at[0];
    if (args->at[0].kind == PW_TPL_MISSING)
        PW_TRY(pw_tpl_string_new(vm, ", ", 2, false, &joiner->items[0]));
    *out = (pw_tpl_value){.kind = PW_TPL_JOINER, .as.cycler = joiner};
    return PEWTER_OK;
}

/* ---- loop.cycle, loop.changed ------------------------------------------------------------- */

static pewter_status loop_cycle(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                pw_tpl_value *out)
{
    if (args->count == 0 || args->n_named > 0)
        return pw_tpl_fail(vm, "loop.cycle takes values, at least one");
    *out = args->at[(self->as.loop->index - 1) % args->count];
    return PEWTER_OK;
}

static pewter_status loop_changed(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                  pw_tpl_value *out)
{
    pw_tpl_loop *loop = self->as.loop;
    pw_tpl_value now;
    bool same = false;
    if (args->n_named > 0) return pw_tpl_fail(vm, "loop.changed takes values without names");
    PW_TRY(pw_tpl_seq_new(vm, PW_TPL_TUPLE, args->count, &now));
    for (size_t i = 0; i < args->count; i++) now.as.seq->items[i] = args->at[i];
    if (loop->changed.kind != PW_TPL_MISSING) PW_TRY(pw_tpl_equal(vm, &loop->changed, &now, &same));
    loop->changed = now;
    *out = pw_tpl_bool(!same);
    return PEWTER_OK;
}

/* ---- raise_exception, strftime_now -------------------------------------------------------- */

/* The template refuses its input: the message is its own, whole. */
static pewter_status call_raise(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                pw_tpl_value *out)
{
    (void)self;
    (void)out;
    const pw_tpl_string *message;
    PW_TRY(pw_tpl_to_string(vm, &args->at[0], &message));
    const int most = message->bytes < 4096 ? (int)message->bytes : 4096;
    return pw_fail(vm->err, PEWTER_E_FORMAT, "%.*s", most, message->text);
}

/* One directive of strftime, "%d" or "%-d", by the C locale; others stand for themselves. */
static pewter_status directive(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_string *from,
                               size_t at, size_t bytes)
{
    const char *text = from->text + at;
    const bool sign = bytes == 3;
    const char kind = text[bytes - 1];
    if (kind == '%') return pw_tpl_put_part(vm, buffer, from, at + bytes - 1, at + bytes);
    if (kind == 'f') return pw_tpl_put(vm, buffer, "000000", 6, false);
    if (kind == 'z' || kind == 'Z') return PEWTER_OK;
    if (strchr("aAbBcCdDeFgGhHIjklmMnprRStTuUVwWxXyY", kind) == NULL)
        return pw_tpl_put_part(vm, buffer, from, at, at + bytes);

    const char format[] = {'%', sign ? text[1] : kind, sign ? kind : '\0', '\0'};
    char result[128];
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (c == (locale_t)0) return pw_tpl_stop(vm, PEWTER_E_MEMORY, "no memory for a locale");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    const size_t length = strftime_l(result, sizeof result, format, vm->now, c);
#pragma GCC diagnostic pop
    freelocale(c);
    return pw_tpl_put(vm, buffer, result, length, false);
}

static pewter_status call_strftime(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                   pw_tpl_value *out)
{
    (void)self;
    const pw_tpl_string *format;
    pw_tpl_buffer buffer = {0};
    PW_TRY(pw_tpl_arg_string(vm, &args->at[0], &format));
    if (vm->now == NULL) return pw_tpl_fail(vm, "the time is asked for, but no clock is given");
    if (format == NULL) return pw_tpl_fail(vm, "strftime_now needs a format");
    PW_TRY(pw_tpl_spend(vm, format->bytes));
    for (size_t at = 0; at < format->bytes;) {
        size_t length = 1;
        if (format->text[at] == '%' && at + 1 < format->bytes) {
            length = 2;
            if (strchr("-_0^#", format->text[at + 1]) != NULL && format->text[at + 1] != '\0' &&
                at + 2 < format->bytes)
                length = 3;
            PW_TRY(directive(vm, &buffer, format, at, length));
        } else {
            PW_TRY(pw_tpl_put_part(vm, &buffer, format, at, at + 1));
        }
        at += length;
    }
    return pw_tpl_string_of(vm, &buffer, out);
}

const pw_tpl_builtin pw_tpl_functions[] = {
    {"range", call_range, "start stop step", 1},
    {"dict", call_dict, NULL, 0},
    {"namespace", call_namespace, NULL, 0},
    {"cycler", call_cycler, NULL, 0},
    {"joiner", call_joiner, "sep", 0},
    {"raise_exception", call_raise, "message", 1},
    {"strftime_now", call_strftime, "format", 1},
    {NULL, NULL, NULL, 0},
};

const pw_tpl_builtin pw_tpl_cycler_methods[] = {
    {"next", cycler_next, "", 0},
    {"reset", cycler_reset, "", 0},
    {NULL, NULL, NULL, 0},
};

const pw_tpl_builtin pw_tpl_loop_methods[] = {
    {"cycle", loop_cycle, NULL, 0},
    {"changed", loop_changed, NULL, 0},
    {NULL, NULL, NULL, 0},
};
