/* Typed getters over the metadata of a file. */
#include <string.h>

#include "pw/out.h"
#include "runtime/model/gguf_file.h"
#include "runtime/text/utf8.h"

static const char *const type_names[PW_GGUF_TYPE_COUNT] = {
    [PW_GGUF_U8] = "u8",       [PW_GGUF_I8] = "i8",     [PW_GGUF_U16] = "u16",
    [PW_GGUF_I16] = "i16",     [PW_GGUF_U32] = "u32",   [PW_GGUF_I32] = "i32",
    [PW_GGUF_F32] = "f32",     [PW_GGUF_BOOL] = "bool", [PW_GGUF_TEXT] = "text",
    [PW_GGUF_ARRAY] = "array", [PW_GGUF_U64] = "u64",   [PW_GGUF_I64] = "i64",
    [PW_GGUF_F64] = "f64"};

const char *pw_gguf_type_name(pw_gguf_type type)
{
    return type < PW_GGUF_TYPE_COUNT ? type_names[type] : "unknown";
}

/* An integer of the file: its magnitude, and whether it is below zero. */
typedef struct whole {
    uint64_t magnitude;
    bool negative;
} whole;

static whole of_signed(int64_t value)
{
    return (whole){value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0};
}

/* Element i of numbers of `type`; false for types that are no integers. */
static bool whole_at(pw_gguf_type type, const unsigned char *data, uint64_t i, whole *out)
{
    uint64_t u = 0;
    int8_t i8;
    int16_t i16;
    int32_t i32;
    int64_t i64;
    switch (type) {
    case PW_GGUF_U8: *out = (whole){data[i], false}; return true;
    case PW_GGUF_U16: memcpy(&u, data + 2 * i, 2); break;
    case PW_GGUF_U32: memcpy(&u, data + 4 * i, 4); break;
    case PW_GGUF_U64: memcpy(&u, data + 8 * i, 8); break;
    case PW_GGUF_I8:
        memcpy(&i8, data + i, 1);
        *out = of_signed(i8);
        return true;
    case PW_GGUF_I16:
        memcpy(&i16, data + 2 * i, 2);
        *out = of_signed(i16);
        return true;
    case PW_GGUF_I32:
        memcpy(&i32, data + 4 * i, 4);
        *out = of_signed(i32);
        return true;
    case PW_GGUF_I64:
        memcpy(&i64, data + 8 * i, 8);
        *out = of_signed(i64);
        return true;
    case PW_GGUF_F32:
    case PW_GGUF_F64:
    case PW_GGUF_BOOL:
    case PW_GGUF_TEXT:
    case PW_GGUF_ARRAY:
    case PW_GGUF_TYPE_COUNT: return false;
    }
    *out = (whole){u, false};
    return true;
}

static double float_at(pw_gguf_type type, const unsigned char *data, uint64_t i)
{
    float narrow;
    double wide;
    if (type == PW_GGUF_F32) {
        memcpy(&narrow, data + 4 * i, sizeof narrow);
        return (double)narrow;
    }
    memcpy(&wide, data + 8 * i, sizeof wide);
    return wide;
}

static pewter_status wrong_type(const pw_gguf_value *value, const char *name, const char *wanted,
                                pewter_error *err)
{
    if (value->type == PW_GGUF_ARRAY)
        return pw_fail(err, PEWTER_E_FORMAT, "%s: %.80s is an array of %s, %s is wanted", name,
                       value->key, pw_gguf_type_name(value->element), wanted);
    return pw_fail(err, PEWTER_E_FORMAT, "%s: %.80s is of type %s, %s is wanted", name, value->key,
                   pw_gguf_type_name(value->type), wanted);
}

pewter_status pw_gguf_value_uint(const pw_gguf_value *value, const char *name, uint64_t *out,
                                 pewter_error *err)
{
    whole w;
    if (!whole_at(value->type, value->data, 0, &w))
        return wrong_type(value, name, "a whole number", err);
    if (w.negative)
        return pw_fail(err, PEWTER_E_FORMAT, "%s: %.80s is -%llu, a number from 0 is wanted", name,
                       value->key, (unsigned long long)w.magnitude);
    *out = w.magnitude;
    return PEWTER_OK;
}

/* The entry of a key, and whether there is one. */
static const pw_gguf_value *look(const pw_gguf *file, const char *key, bool *found)
{
    const pw_gguf_value *value = pw_gguf_find(file, key);
    if (found != NULL) *found = value != NULL;
    return value;
}

pewter_status pw_gguf_get_uint(const pw_gguf *file, const char *key, uint64_t *out, bool *found,
                               pewter_error *err)
{
    const pw_gguf_value *value = look(file, key, found);
    return value == NULL ? PEWTER_OK : pw_gguf_value_uint(value, pw_gguf_name(file), out, err);
}

pewter_status pw_gguf_get_int(const pw_gguf *file, const char *key, int64_t *out, bool *found,
                              pewter_error *err)
{
    const pw_gguf_value *value = look(file, key, found);
    if (value == NULL) return PEWTER_OK;
    whole w;
    if (!whole_at(value->type, value->data, 0, &w))
        return wrong_type(value, pw_gguf_name(file), "a whole number", err);
    if (!w.negative && w.magnitude > INT64_MAX)
        return pw_fail(err, PEWTER_E_FORMAT, "%s: %.80s is %llu, which is too much",
                       pw_gguf_name(file), key, (unsigned long long)w.magnitude);
    *out = (int64_t)(w.negative ? 0 - w.magnitude : w.magnitude);
    return PEWTER_OK;
}

pewter_status pw_gguf_get_float(const pw_gguf *file, const char *key, double *out, bool *found,
                                pewter_error *err)
{
    const pw_gguf_value *value = look(file, key, found);
    if (value == NULL) return PEWTER_OK;
    if (value->type != PW_GGUF_F32 && value->type != PW_GGUF_F64)
        return wrong_type(value, pw_gguf_name(file), "a float", err);
    *out = float_at(value->type, value->data, 0);
    return PEWTER_OK;
}

pewter_status pw_gguf_get_bool(const pw_gguf *file, const char *key, bool *out, bool *found,
                               pewter_error *err)
{
    const pw_gguf_value *value = look(file, key, found);
    if (value == NULL) return PEWTER_OK;
    if (value->type != PW_GGUF_BOOL) return wrong_type(value, pw_gguf_name(file), "a bool", err);
    *out = value->data[0] != 0;
    return PEWTER_OK;
}

pewter_status pw_gguf_get_text(const pw_gguf *file, const char *key, const char **text,
                               size_t *bytes, bool *found, pewter_error *err)
{
    const pw_gguf_value *value = look(file, key, found);
    if (value == NULL) return PEWTER_OK;
    if (value->type != PW_GGUF_TEXT) return wrong_type(value, pw_gguf_name(file), "a text", err);
    *text = (const char *)value->data;
    *bytes = value->bytes;
    return PEWTER_OK;
}

/* ---- Arrays ------------------------------------------------------------------------------------ */

pewter_status pw_gguf_get_texts(const pw_gguf *file, const char *key, pw_gguf_texts *out,
                                bool *found, pewter_error *err)
{
    const pw_gguf_value *value = look(file, key, found);
    if (value == NULL) return PEWTER_OK;
    if (value->type != PW_GGUF_ARRAY || value->element != PW_GGUF_TEXT)
        return wrong_type(value, pw_gguf_name(file), "an array of texts", err);
    *out = (pw_gguf_texts){.count = value->count,
                           .left = value->count,
                           .at = value->data,
                           .end = value->data + value->bytes};
    return PEWTER_OK;
}

bool pw_gguf_next_text(pw_gguf_texts *texts, const char **text, size_t *bytes)
{
    /* Lengths are looked at again: the file may have been changed since it was checked. */
    uint64_t length;
    if (texts->left == 0 || (size_t)(texts->end - texts->at) < sizeof length) return false;
    memcpy(&length, texts->at, sizeof length);
    if (length > (size_t)(texts->end - texts->at) - sizeof length) return false;
    *text = (const char *)texts->at + sizeof length;
    *bytes = (size_t)length;
    texts->at += sizeof length + (size_t)length;
    texts->left--;
    return true;
}

static pewter_status get_numbers(const pw_gguf *file, const char *key, bool floats,
                                 pw_gguf_numbers *out, bool *found, pewter_error *err)
{
    const pw_gguf_value *value = look(file, key, found);
    if (value == NULL) return PEWTER_OK;
    const bool is_float = value->element == PW_GGUF_F32 || value->element == PW_GGUF_F64;
    const bool is_number = value->element != PW_GGUF_TEXT && value->element != PW_GGUF_BOOL;
    if (value->type != PW_GGUF_ARRAY || !is_number || is_float != floats)
        return wrong_type(value, pw_gguf_name(file),
                          floats ? "an array of floats" : "an array of whole numbers", err);
    *out = (pw_gguf_numbers){.count = value->count, .element = value->element, .data = value->data};
    return PEWTER_OK;
}

pewter_status pw_gguf_get_ints(const pw_gguf *file, const char *key, pw_gguf_numbers *out,
                               bool *found, pewter_error *err)
{
    return get_numbers(file, key, false, out, found, err);
}

pewter_status pw_gguf_get_floats(const pw_gguf *file, const char *key, pw_gguf_numbers *out,
                                 bool *found, pewter_error *err)
{
    return get_numbers(file, key, true, out, found, err);
}

int64_t pw_gguf_int_at(const pw_gguf_numbers *numbers, uint64_t i)
{
    whole w = {0};
    if (!whole_at(numbers->element, numbers->data, i, &w)) return 0;
    if (w.negative) return (int64_t)(0 - w.magnitude);
    return w.magnitude > INT64_MAX ? INT64_MAX : (int64_t)w.magnitude;
}

double pw_gguf_float_at(const pw_gguf_numbers *numbers, uint64_t i)
{
    return float_at(numbers->element, numbers->data, i);
}

void pw_gguf_print(const pw_gguf_value *value, char *out, size_t cap)
{
    whole w;
    if (whole_at(value->type, value->data, 0, &w))
        snprintf(out, cap, "%s%llu", w.negative ? "-" : "", (unsigned long long)w.magnitude);
    else if (value->type == PW_GGUF_BOOL)
        snprintf(out, cap, "%s", value->data[0] != 0 ? "true" : "false");
    else if (value->type == PW_GGUF_F32 || value->type == PW_GGUF_F64)
        pw_print(&(pw_out){.buf = out, .cap = cap}, "%.9g", float_at(value->type, value->data, 0));
    else
        snprintf(out, cap, "%s", "");
}

void pw_gguf_show(const char *text, size_t bytes, char *out, size_t cap)
{
    size_t to = 0;
    for (size_t from = 0; from < bytes;) {
        const size_t length = pw_utf8_char(text + from, bytes - from);
        const unsigned char first = (unsigned char)text[from];
        const size_t taken = length > 0 ? length : 1;
        if (to + taken >= cap) break;
        if (length > 0 && first >= 0x20 && first != 0x7f)
            memcpy(out + to, text + from, length);
        else
            out[to] = '?';
        from += taken;
        to += taken;
    }
    out[to] = 0;
}
