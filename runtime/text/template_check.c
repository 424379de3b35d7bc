/* Methods of strings that ask: where, how often, of what kind. And format. */
#include <string.h>

#include "pw/status.h"
#include "runtime/text/template_char.h"
#include "runtime/text/template_eval.h"
#include "runtime/text/template_format.h"
#include "runtime/text/template_text.h"

/* ---- Where -------------------------------------------------------------------------------- */

/* Bytes [*begin, *end) that the arguments start and end (characters, from the end if negative) leave
 * of a string; false where start lies behind its end. */
static pewter_status within(pw_tpl_vm *vm, const pw_tpl_string *string, const pw_tpl_value *start,
                            const pw_tpl_value *stop, size_t *begin, size_t *end, bool *valid)
{
    const int64_t chars = (int64_t)string->chars;
    const pw_tpl_value missing = {.kind = PW_TPL_MISSING};
    int64_t from, to;
    PW_TRY(pw_tpl_arg_int(vm, start->kind == PW_TPL_NONE ? &missing : start, 0, &from));
    PW_TRY(pw_tpl_arg_int(vm, stop->kind == PW_TPL_NONE ? &missing : stop, chars, &to));
    if (from < 0) from = from < -chars ? 0 : from + chars;
    if (to < 0) to = to < -chars ? 0 : to + chars;
    if (to > chars) to = chars;
    *valid = from <= to;
    if (!*valid) return PEWTER_OK;
    *begin = pw_tpl_offset(string->text, string->bytes, string->chars, (size_t)from);
    *end = pw_tpl_offset(string->text, string->bytes, string->chars, (size_t)to);
    return PEWTER_OK;
}

static pewter_status find(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                          bool last, bool must, pw_tpl_value *out)
{
    const pw_tpl_string *string = self->as.string, *part;
    size_t begin = 0, end = 0, at = SIZE_MAX;
    bool valid;
    PW_TRY(pw_tpl_arg_string(vm, &args->at[0], &part));
    if (part == NULL) return pw_tpl_fail(vm, "a string is wanted, not None");
    PW_TRY(within(vm, string, &args->at[1], &args->at[2], &begin, &end, &valid));
    if (valid) PW_TRY(pw_tpl_find_text(vm, string, begin, end, part, last, &at));
    if (at == SIZE_MAX && must) return pw_tpl_fail(vm, "the text to find is not there");
    *out = pw_tpl_int(at == SIZE_MAX ? -1 : (int64_t)pw_tpl_count_chars(string->text, at));
    return PEWTER_OK;
}

static pewter_status method_find(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                 pw_tpl_value *out)
{
    return find(vm, self, args, false, false, out);
}

static pewter_status method_rfind(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                  pw_tpl_value *out)
{
    return find(vm, self, args, true, false, out);
}

static pewter_status method_index(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                  pw_tpl_value *out)
{
    return find(vm, self, args, false, true, out);
}

static pewter_status method_rindex(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                   pw_tpl_value *out)
{
    return find(vm, self, args, true, true, out);
}

static pewter_status method_count(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                  pw_tpl_value *out)
{
    const pw_tpl_string *string = self->as.string, *part;
    size_t begin = 0, end = 0;
    int64_t count = 0;
    bool valid;
    PW_TRY(pw_tpl_arg_string(vm, &args->at[0], &part));
    if (part == NULL) return pw_tpl_fail(vm, "a string is wanted, not None");
    PW_TRY(within(vm, string, &args->at[1], &args->at[2], &begin, &end, &valid));
    PW_TRY(pw_tpl_spend(vm, string->bytes / 32));
    if (valid && part->bytes == 0) {
        count = (int64_t)pw_tpl_count_chars(string->text + begin, end - begin) + 1;
        valid = false;
    }
    while (valid) {
        const char *found = memmem(string->text + begin, end - begin, part->text, part->bytes);
        if (found == NULL) break;
        begin = (size_t)(found - string->text) + part->bytes;
        count++;
    }
    *out = pw_tpl_int(count);
    return PEWTER_OK;
}

static bool matches(const pw_tpl_string *string, size_t begin, size_t end,
                    const pw_tpl_string *part, bool suffix)
{
    if (part->bytes > end - begin) return false;
    const char *at = string->text + (suffix ? end - part->bytes : begin);
    return memcmp(at, part->text, part->bytes) == 0;
}

/* One string, or a tuple of which one must match. */
static pewter_status ends_with(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                               bool suffix, pw_tpl_value *out)
{
    const pw_tpl_value *given = &args->at[0];
    const pw_tpl_string *part;
    size_t begin = 0, end = 0, count = 1;
    bool valid, found = false;
    if (given->kind == PW_TPL_SEQ && given->as.seq->flavour == PW_TPL_TUPLE) {
        count = given->as.seq->count;
        given = given->as.seq->items;
    }
    PW_TRY(within(vm, self->as.string, &args->at[1], &args->at[2], &begin, &end, &valid));
    PW_TRY(pw_tpl_spend(vm, count));
    for (size_t i = 0; i < count; i++) {
        PW_TRY(pw_tpl_arg_string(vm, &given[i], &part));
        if (part == NULL) return pw_tpl_fail(vm, "a string is wanted, not None");
        PW_TRY(pw_tpl_spend_bytes(vm, valid ? part->bytes : 0));
        found = found || (valid && matches(self->as.string, begin, end, part, suffix));
    }
    *out = pw_tpl_bool(found);
    return PEWTER_OK;
}

static pewter_status method_startswith(pw_tpl_vm *vm, const pw_tpl_value *self,
                                       const pw_tpl_args *args, pw_tpl_value *out)
{
    return ends_with(vm, self, args, false, out);
}

static pewter_status method_endswith(pw_tpl_vm *vm, const pw_tpl_value *self,
                                     const pw_tpl_args *args, pw_tpl_value *out)
{
    return ends_with(vm, self, args, true, out);
}

/* ---- Of what kind ------------------------------------------------------------------------- */

static bool is_alnum(uint32_t c)
{
    return pw_tpl_is_alpha(c) || pw_tpl_is_numeric(c);
}

static bool is_ascii(uint32_t c)
{
    return c < 128;
}

static bool is_word(uint32_t c)
{
    return c == '_' || is_alnum(c);
}

/* Is the string of one or more characters that all pass? */
static pewter_status all(pw_tpl_vm *vm, const pw_tpl_string *string, bool (*pass)(uint32_t c),
                         bool empty, pw_tpl_value *out)
{
    bool result = string->bytes > 0 || empty;
    PW_TRY(pw_tpl_spend(vm, string->bytes / 16));
    for (size_t at = 0; result && at < string->bytes;) {
        uint32_t c;
        at += pw_tpl_decode(string->text + at, string->bytes - at, &c);
        result = pass(c);
    }
    *out = pw_tpl_bool(result);
    return PEWTER_OK;
}

static pewter_status method_isalpha(pw_tpl_vm *vm, const pw_tpl_value *self,
                                    const pw_tpl_args *args, pw_tpl_value *out)
{
    (void)args;
    return all(vm, self->as.string, pw_tpl_is_alpha, false, out);
}

static pewter_status method_isalnum(pw_tpl_vm *vm, const pw_tpl_value *self,
                                    const pw_tpl_args *args, pw_tpl_value *out)
{
    (void)args;
    return all(vm, self->as.string, is_alnum, false, out);
}

static pewter_status method_isdigit(pw_tpl_vm *vm, const pw_tpl_value *self,
                                    const pw_tpl_args *args, pw_tpl_value *out)
{
    (void)args;
    return all(vm, self->as.string, pw_tpl_is_digit, false, out);
}

static pewter_status method_isdecimal(pw_tpl_vm *vm, const pw_tpl_value *self,
                                      const pw_tpl_args *args, pw_tpl_value *out)
{
    (void)args;
    return all(vm, self->as.string, pw_tpl_is_decimal, false, out);
}

static pewter_status method_isnumeric(pw_tpl_vm *vm, const pw_tpl_value *self,
                                      const pw_tpl_args *args, pw_tpl_value *out)
{
    (void)args;
    return all(vm, self->as.string, pw_tpl_is_numeric, false, out);
}

static pewter_status method_isspace(pw_tpl_vm *vm, const pw_tpl_value *self,
                                    const pw_tpl_args *args, pw_tpl_value *out)
{
    (void)args;
    return all(vm, self->as.string, pw_tpl_is_space, false, out);
}

static pewter_status method_isascii(pw_tpl_vm *vm, const pw_tpl_value *self,
                                    const pw_tpl_args *args, pw_tpl_value *out)
{
    (void)args;
    return all(vm, self->as.string, is_ascii, true, out);
}

static pewter_status method_isprintable(pw_tpl_vm *vm, const pw_tpl_value *self,
                                        const pw_tpl_args *args, pw_tpl_value *out)
{
    (void)args;
    return all(vm, self->as.string, pw_tpl_is_printable, true, out);
}

static pewter_status method_isidentifier(pw_tpl_vm *vm, const pw_tpl_value *self,
                                         const pw_tpl_args *args, pw_tpl_value *out)
{
    (void)args;
    const pw_tpl_string *string = self->as.string;
    PW_TRY(all(vm, string, is_word, false, out));
    uint32_t c = '0';
    if (string->bytes > 0) pw_tpl_decode(string->text, string->bytes, &c);
    if (pw_tpl_is_numeric(c)) *out = pw_tpl_bool(false);
    return PEWTER_OK;
}

/* Some letters have case, and all that have are of this one. */
static pewter_status one_case(pw_tpl_vm *vm, const pw_tpl_string *string, bool upper,
                              pw_tpl_value *out)
{
    bool some = false, other = false;
    PW_TRY(pw_tpl_spend(vm, string->bytes / 16));
    for (size_t at = 0; !other && at < string->bytes;) {
        uint32_t c;
        at += pw_tpl_decode(string->text + at, string->bytes - at, &c);
        if (!pw_tpl_is_cased(c)) continue;
        some = true;
        other = upper ? !pw_tpl_is_upper(c) : !pw_tpl_is_lower(c);
    }
    *out = pw_tpl_bool(some && !other);
    return PEWTER_OK;
}

static pewter_status method_isupper(pw_tpl_vm *vm, const pw_tpl_value *self,
                                    const pw_tpl_args *args, pw_tpl_value *out)
{
    (void)args;
    return one_case(vm, self->as.string, true, out);
}

static pewter_status method_islower(pw_tpl_vm *vm, const pw_tpl_value *self,
                                    const pw_tpl_args *args, pw_tpl_value *out)
{
    (void)args;
    return one_case(vm, self->as.string, false, out);
}

/* Each run of letters begins with a capital and goes on small. */
static pewter_status method_istitle(pw_tpl_vm *vm, const pw_tpl_value *self,
                                    const pw_tpl_args *args, pw_tpl_value *out)
{
    (void)args;
    const pw_tpl_string *string = self->as.string;
    bool some = false, inside = false, fits = true;
    PW_TRY(pw_tpl_spend(vm, string->bytes / 16));
    for (size_t at = 0; fits && at < string->bytes;) {
        uint32_t c;
        at += pw_tpl_decode(string->text + at, string->bytes - at, &c);
        if (pw_tpl_is_cased(c)) fits = pw_tpl_is_lower(c) == inside;
        inside = pw_tpl_is_cased(c);
        some = some || inside;
    }
    *out = pw_tpl_bool(some && fits);
    return PEWTER_OK;
}

static pewter_status method_format(pw_tpl_vm *vm, const pw_tpl_value *self, const pw_tpl_args *args,
                                   pw_tpl_value *out)
{
    return pw_tpl_format(vm, self->as.string, args, out);
}

const pw_tpl_builtin pw_tpl_string_checks[] = {
    {"startswith", method_startswith, "prefix start end", 1},
    {"endswith", method_endswith, "suffix start end", 1},
    {"find", method_find, "sub start end", 1},
    {"rfind", method_rfind, "sub start end", 1},
    {"index", method_index, "sub start end", 1},
    {"rindex", method_rindex, "sub start end", 1},
    {"count", method_count, "sub start end", 1},
    {"format", method_format, NULL, 0},
    {"isalpha", method_isalpha, "", 0},
    {"isalnum", method_isalnum, "", 0},
    {"isdigit", method_isdigit, "", 0},
    {"isdecimal", method_isdecimal, "", 0},
    {"isnumeric", method_isnumeric, "", 0},
    {"isspace", method_isspace, "", 0},
    {"isascii", method_isascii, "", 0},
    {"isprintable", method_isprintable, "", 0},
    {"isidentifier", method_isidentifier, "", 0},
    {"isupper", method_isupper, "", 0},
    {"islower", method_islower, "", 0},
    {"istitle", method_istitle, "", 0},
    {NULL, NULL, NULL, 0},
};
