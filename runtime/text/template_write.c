#include "runtime/text/template_write.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "pw/status.h"
#include "runtime/text/template_char.h"

/* Values within each other that are written, at most. */
enum { DEEPEST = 100 };

static pewter_status words(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const char *text, bool user)
{
    return pw_tpl_put(vm, buffer, text, strlen(text), user);
}

/* ---- repr --------------------------------------------------------------------------------- */

static pewter_status write_repr(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_value *value,
                                int depth);

/* Bytes from `at` on that stand for themselves in quotes of either kind. */
static size_t plain_run(const pw_tpl_string *string, size_t at)
{
    const size_t begin = at;
    while (at < string->bytes) {
        const char c = string->text[at];
        if ((unsigned char)c >= 0x80 || c < 0x20 || c == '"' || c == '\'' || c == '\\' || c == 0x7f)
            break;
        at++;
    }
    return at - begin;
}

/* One character of a string within quotes. */
static pewter_status repr_char(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_string *string,
                               size_t at, size_t length, uint32_t c, char quote)
{
    const bool user = pw_tpl_mark(string, at);
    const char *form = c == '\n' ? "\\n" : c == '\r' ? "\\r" : c == '\t' ? "\\t" : NULL;
    if (form != NULL) return words(vm, buffer, form, user);
    if (c == '\\' || c == (unsigned char)quote) PW_TRY(pw_tpl_put(vm, buffer, "\\", 1, user));
    if (pw_tpl_is_printable(c)) return pw_tpl_put_part(vm, buffer, string, at, at + length);

    char code[12];
    if (c == PW_TPL_BROKEN) c = (unsigned char)string->text[at];
    snprintf(code, sizeof code, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
    return words(vm, buffer, code, user);
}

static pewter_status repr_string(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_string *string,
                                 bool user)
{
    const bool single = string->bytes > 0 && memchr(string->text, '\'', string->bytes) != NULL;
    const bool twice = string->bytes > 0 && memchr(string->text, '"', string->bytes) != NULL;
    const char quote = single && !twice ? '"' : '\'';

    PW_TRY(pw_tpl_spend(vm, string->bytes / 32));
    PW_TRY(pw_tpl_put(vm, buffer, &quote, 1, user));
    for (size_t at = 0; at < string->bytes;) {
        uint32_t c;
        const size_t run = plain_run(string, at);
        PW_TRY(pw_tpl_put_part(vm, buffer, string, at, at + run));
        at += run;
        if (at == string->bytes) break;
        const size_t length = pw_tpl_decode(string->text + at, string->bytes - at, &c);
        PW_TRY(repr_char(vm, buffer, string, at, length, c, quote));
        at += length;
    }
    return pw_tpl_put(vm, buffer, &quote, 1, user);
}

static pewter_status repr_dict(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_value *value,
                               int depth)
{
    const pw_tpl_dict *dict = value->as.dict;
    PW_TRY(words(vm, buffer, "{", value->user));
    for (size_t i = 0; i < dict->count; i++) {
        if (i > 0) PW_TRY(words(vm, buffer, ", ", value->user));
        PW_TRY(write_repr(vm, buffer, &dict->keys[i], depth));
        PW_TRY(words(vm, buffer, ": ", value->user));
        PW_TRY(write_repr(vm, buffer, &dict->values[i], depth));
    }
    return words(vm, buffer, "}", value->user);
}

/* range(0, 3) */
static pewter_status repr_range(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_seq *seq)
{
    char text[80];
    const int64_t first = seq->count > 0 ? seq->items[0].as.i : 0;
    const int64_t step = seq->count > 1 ? seq->items[1].as.i - first : 1;
    const int64_t end = first + step * (int64_t)seq->count;
    if (step == 1)
        snprintf(text, sizeof text, "range(%" PRId64 ", %" PRId64 ")", first, end);
    else
        snprintf(text, sizeof text, "range(%" PRId64 ", %" PRId64 ", %" PRId64 ")", first, end,
                 step);
    return words(vm, buffer, text, false);
}

static pewter_status repr_seq(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_value *value,
                              int depth)
{
    static const char *const opens[] = {[PW_TPL_LIST] = "[",
                                        [PW_TPL_TUPLE] = "(",
                                        [PW_TPL_GROUP] = "(",
                                        [PW_TPL_RANGE] = "",
                                        [PW_TPL_ITERATOR] = "<iterator",
                                        [PW_TPL_KEYS] = "dict_keys([",
                                        [PW_TPL_VALUES] = "dict_values([",
                                        [PW_TPL_ITEMS] = "dict_items(["};
    static const char *const closes[] = {
        [PW_TPL_LIST] = "]",    [PW_TPL_TUPLE] = ")",    [PW_TPL_GROUP] = ")",
        [PW_TPL_RANGE] = "",    [PW_TPL_ITERATOR] = ">", [PW_TPL_KEYS] = "])",
        [PW_TPL_VALUES] = "])", [PW_TPL_ITEMS] = "])"};

    const pw_tpl_seq *seq = value->as.seq;
    if (seq->flavour == PW_TPL_RANGE) return repr_range(vm, buffer, seq);
    PW_TRY(words(vm, buffer, opens[seq->flavour], value->user));
    for (size_t i = 0; seq->flavour != PW_TPL_ITERATOR && i < seq->count; i++) {
        if (i > 0) PW_TRY(words(vm, buffer, ", ", value->user));
        PW_TRY(write_repr(vm, buffer, &seq->items[i], depth));
    }
    const bool tuple = seq->flavour == PW_TPL_TUPLE || seq->flavour == PW_TPL_GROUP;
    if (tuple && seq->count == 1) PW_TRY(words(vm, buffer, ",", value->user));
    return words(vm, buffer, closes[seq->flavour], value->user);
}

static pewter_status repr_number(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_value *value)
{
    char text[PW_TPL_FLOAT_TEXT];
    if (value->kind == PW_TPL_INT)
        snprintf(text, sizeof text, "%" PRId64, value->as.i);
    else
        pw_tpl_float_text(value->as.f, text);
    return words(vm, buffer, text, value->user);
}

/* Its names may be the user's: all of it counts as such. */
static pewter_status repr_space(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_space *space,
                                int depth)
{
    PW_TRY(words(vm, buffer, "<Namespace {", true));
    for (size_t i = 0; i < space->count; i++) {
        pw_tpl_string name = *space->names[i].as.string;
        name.user = true;
        if (i > 0) PW_TRY(words(vm, buffer, ", ", true));
        PW_TRY(repr_string(vm, buffer, &name, true));
        PW_TRY(words(vm, buffer, ": ", true));
        PW_TRY(write_repr(vm, buffer, &space->values[i], depth));
    }
    return words(vm, buffer, "}>", true);
}

static pewter_status write_repr(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_value *value,
                                int depth)
{
    if (depth == 0)
        return pw_tpl_stop(vm, PEWTER_E_LIMIT, "a value nested more than %d deep is written",
                           DEEPEST);
    PW_TRY(pw_tpl_spend(vm, 1));
    switch (value->kind) {
    case PW_TPL_UNDEFINED: return words(vm, buffer, "Undefined", false);
    case PW_TPL_MISSING:
    case PW_TPL_NONE: return words(vm, buffer, "None", value->user);
    case PW_TPL_BOOL: return words(vm, buffer, value->as.b ? "True" : "False", value->user);
    case PW_TPL_INT:
    case PW_TPL_FLOAT: return repr_number(vm, buffer, value);
    case PW_TPL_STRING: return repr_string(vm, buffer, value->as.string, value->user);
    case PW_TPL_SEQ: return repr_seq(vm, buffer, value, depth - 1);
    case PW_TPL_DICT: return repr_dict(vm, buffer, value, depth - 1);
    case PW_TPL_SPACE: return repr_space(vm, buffer, value->as.space, depth - 1);
    case PW_TPL_MACRO:
    case PW_TPL_LOOP:
    case PW_TPL_FUNCTION:
    case PW_TPL_CYCLER:
    case PW_TPL_JOINER: break;
    }
    PW_TRY(words(vm, buffer, "<", false));
    PW_TRY(words(vm, buffer, pw_tpl_type(value), false));
    return words(vm, buffer, ">", false);
}

pewter_status pw_tpl_write_repr(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_value *value)
{
    return write_repr(vm, buffer, value, DEEPEST);
}

/* ---- str ---------------------------------------------------------------------------------- */

pewter_status pw_tpl_write(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_value *value)
{
    if (value->kind == PW_TPL_STRING) return pw_tpl_put_string(vm, buffer, value->as.string);
    if (value->kind == PW_TPL_UNDEFINED) return PEWTER_OK;
    return write_repr(vm, buffer, value, DEEPEST);
}

pewter_status pw_tpl_to_string(pw_tpl_vm *vm, const pw_tpl_value *value, const pw_tpl_string **out)
{
    pw_tpl_value text = *value;
    if (value->kind != PW_TPL_STRING) {
        pw_tpl_buffer buffer = {0};
        PW_TRY(pw_tpl_write(vm, &buffer, value));
        PW_TRY(pw_tpl_string_of(vm, &buffer, &text));
    }
    *out = text.as.string;
    return PEWTER_OK;
}

/* ---- JSON --------------------------------------------------------------------------------- */

static pewter_status write_json(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_value *value,
                                const pw_tpl_json *how, int depth);

static pewter_status json_char(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_string *string,
                               size_t at, size_t length, uint32_t c, bool ascii)
{
    static const char *const shorts[128] = {
        ['"'] = "\\\"", ['\\'] = "\\\\", ['\n'] = "\\n", ['\r'] = "\\r",
        ['\t'] = "\\t", ['\b'] = "\\b",  ['\f'] = "\\f"};

    const bool user = pw_tpl_mark(string, at);
    if (c < 128 && shorts[c] != NULL) return words(vm, buffer, shorts[c], user);
    if (c >= 0x20 && (c < 0x7f || !ascii || c == PW_TPL_BROKEN))
        return pw_tpl_put_part(vm, buffer, string, at, at + length);
    char code[16];
    if (c < 0x10000) {
        if (c == 0x7f) return pw_tpl_put_part(vm, buffer, string, at, at + length);
        snprintf(code, sizeof code, "\\u%04x", c);
    } else {
        const uint32_t pair = c - 0x10000;
        snprintf(code, sizeof code, "\\u%04x\\u%04x", 0xd800 + (pair >> 10),
                 0xdc00 + (pair & 0x3ff));
    }
    return words(vm, buffer, code, user);
}

static pewter_status json_string(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_string *string,
                                 bool user, bool ascii)
{
    PW_TRY(pw_tpl_spend(vm, string->bytes / 32));
    PW_TRY(words(vm, buffer, "\"", user));
    for (size_t at = 0; at < string->bytes;) {
        uint32_t c;
        const size_t run = plain_run(string, at);
        PW_TRY(pw_tpl_put_part(vm, buffer, string, at, at + run));
        at += run;
        if (at == string->bytes) break;
        const size_t length = pw_tpl_decode(string->text + at, string->bytes - at, &c);
        PW_TRY(json_char(vm, buffer, string, at, length, c, ascii));
        at += length;
    }
    return words(vm, buffer, "\"", user);
}

/* A new line and the indent of level `level`; nothing where all stands on one line. */
static pewter_status json_line(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_json *how,
                               int level)
{
    if (how->indent == NULL) return PEWTER_OK;
    PW_TRY(words(vm, buffer, "\n", false));
    for (int i = 0; i < level; i++) PW_TRY(pw_tpl_put_string(vm, buffer, how->indent));
    return PEWTER_OK;
}

static pewter_status json_comma(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_json *how,
                                bool user)
{
    if (how->comma != NULL) return pw_tpl_put_string(vm, buffer, how->comma);
    return words(vm, buffer, how->indent != NULL ? "," : ", ", user);
}

/* A key: text, or the JSON of a number, a truth or none in quotes. */
static pewter_status json_key(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_value *key,
                              const pw_tpl_json *how, bool user)
{
    if (key->kind == PW_TPL_STRING)
        PW_TRY(json_string(vm, buffer, key->as.string, user, how->ascii));
    else if (key->kind >= PW_TPL_NONE && key->kind <= PW_TPL_FLOAT) {
        PW_TRY(words(vm, buffer, "\"", user));
        PW_TRY(write_json(vm, buffer, key, how, 1));
        PW_TRY(words(vm, buffer, "\"", user));
    } else {
        return pw_tpl_fail(vm, "JSON takes no %s as a key", pw_tpl_type(key));
    }
    if (how->colon != NULL) return pw_tpl_put_string(vm, buffer, how->colon);
    return words(vm, buffer, ": ", user);
}

static int by_text(const void *a, const void *b, void *context)
{
    const pw_tpl_dict *dict = context;
    const uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    return pw_tpl_order(dict->keys[i].as.string, dict->keys[j].as.string);
}

/* The numbers of the pairs in the order in which they are written. */
static pewter_status json_order(pw_tpl_vm *vm, const pw_tpl_dict *dict, bool sort, uint32_t **out)
{
    PW_TRY(pw_tpl_take(vm, dict->count, sizeof **out, out));
    for (size_t i = 0; i < dict->count; i++) {
        (*out)[i] = (uint32_t)i;
        if (sort && dict->keys[i].kind != PW_TPL_STRING)
            return pw_tpl_fail(vm, "JSON sorts string keys only, not %s",
                               pw_tpl_type(&dict->keys[i]));
    }
    if (!sort) return PEWTER_OK;
    PW_TRY(pw_tpl_spend(vm, dict->count));
    pw_tpl_dict context = *dict;
    qsort_r(*out, dict->count, sizeof **out, by_text, &context);
    return PEWTER_OK;
}

static pewter_status json_dict(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_value *value,
                               const pw_tpl_json *how, int depth)
{
    const pw_tpl_dict *dict = value->as.dict;
    const int level = DEEPEST - depth;
    uint32_t *order;
    PW_TRY(json_order(vm, dict, how->sort, &order));
    PW_TRY(words(vm, buffer, "{", value->user));
    for (size_t i = 0; i < dict->count; i++) {
        if (i > 0) PW_TRY(json_comma(vm, buffer, how, value->user));
        PW_TRY(json_line(vm, buffer, how, level));
        PW_TRY(json_key(vm, buffer, &dict->keys[order[i]], how, value->user));
        PW_TRY(write_json(vm, buffer, &dict->values[order[i]], how, depth));
    }
    if (dict->count > 0) PW_TRY(json_line(vm, buffer, how, level - 1));
    return words(vm, buffer, "}", value->user);
}

static pewter_status json_seq(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_value *value,
                              const pw_tpl_json *how, int depth)
{
    const pw_tpl_seq *seq = value->as.seq;
    const int level = DEEPEST - depth;
    PW_TRY(words(vm, buffer, "[", value->user));
    for (size_t i = 0; i < seq->count; i++) {
        if (i > 0) PW_TRY(json_comma(vm, buffer, how, value->user));
        PW_TRY(json_line(vm, buffer, how, level));
        PW_TRY(write_json(vm, buffer, &seq->items[i], how, depth));
    }
    if (seq->count > 0) PW_TRY(json_line(vm, buffer, how, level - 1));
    return words(vm, buffer, "]", value->user);
}

static pewter_status json_float(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_value *value)
{
    const double f = value->as.f;
    if (isnan(f)) return words(vm, buffer, "NaN", value->user);
    if (isinf(f)) return words(vm, buffer, f < 0 ? "-Infinity" : "Infinity", value->user);
    return repr_number(vm, buffer, value);
}

static pewter_status write_json(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_value *value,
                                const pw_tpl_json *how, int depth)
{
    if (depth == 0)
        return pw_tpl_stop(vm, PEWTER_E_LIMIT, "a value nested more than %d deep is written",
                           DEEPEST);
    PW_TRY(pw_tpl_spend(vm, 1));
    if (value->kind == PW_TPL_NONE) return words(vm, buffer, "null", value->user);
    if (value->kind == PW_TPL_BOOL)
        return words(vm, buffer, value->as.b ? "true" : "false", value->user);
    if (value->kind == PW_TPL_INT) return repr_number(vm, buffer, value);
    if (value->kind == PW_TPL_FLOAT) return json_float(vm, buffer, value);
    if (value->kind == PW_TPL_STRING)
        return json_string(vm, buffer, value->as.string, value->user, how->ascii);
    if (value->kind == PW_TPL_DICT) return json_dict(vm, buffer, value, how, depth - 1);
    if (value->kind == PW_TPL_SEQ && value->as.seq->flavour <= PW_TPL_GROUP)
        return json_seq(vm, buffer, value, how, depth - 1);
    return pw_tpl_fail(vm, "a %s cannot be written as JSON", pw_tpl_type(value));
}

pewter_status pw_tpl_write_json(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_value *value,
                                const pw_tpl_json *how)
{
    return write_json(vm, buffer, value, how, DEEPEST);
}
