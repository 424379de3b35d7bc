#include "tools/server/fields.h"

#include <stdio.h>
#include <string.h>

const char *field_found(const json_t *value, char out[FIELD_FOUND_BYTES])
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_INTEGER:
        snprintf(out, FIELD_FOUND_BYTES, "%lld", (long long)json_integer_value(value));
        return out;
    case JSON_REAL: snprintf(out, FIELD_FOUND_BYTES, "%.9g", json_real_value(value)); return out;
    case JSON_TRUE: return "true";
    case JSON_FALSE: return "false";
    case JSON_NULL: break;
    }
    return "null";
}

static bool wrong(const field_row *f, const json_t *value, refusal *r)
{
    char found[FIELD_FOUND_BYTES];
    if (f->kind == FIELD_BOOL)
        return refuse(r, 400, f->name, "%s: true or false wanted, %s found", f->name,
                      field_found(value, found));
    return refuse(r, 400, f->name, "%s: a %snumber from %.17g to %.17g wanted, %s found", f->name,
                  f->kind == FIELD_FLOAT ? "" : "whole ", f->least, f->most,
                  field_found(value, found));
}

static bool read_one(const field_row *f, const json_t *value, void *into, refusal *r)
{
    char *at = (char *)into + f->offset;
    if (f->kind == FIELD_BOOL) {
        if (!json_is_boolean(value)) return wrong(f, value, r);
        *(bool *)(void *)at = json_is_true(value);
        return true;
    }
    const bool whole = f->kind != FIELD_FLOAT;
    if (whole ? !json_is_integer(value) : !json_is_number(value)) return wrong(f, value, r);
    const double number = json_number_value(value);
    if (!(number >= f->least && number <= f->most)) return wrong(f, value, r);
    const json_int_t integer = json_integer_value(value);
    if (f->kind == FIELD_INT)
        *(int32_t *)(void *)at = (int32_t)integer;
    else if (f->kind == FIELD_LONG)
        *(int64_t *)(void *)at = integer;
    else
        *(float *)(void *)at = (float)number;
    return true;
}

bool fields_read(const field_row *fields, size_t count, const json_t *object, void *into,
                 refusal *r)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_object_get(object, fields[i].name);
        if (value == NULL || json_is_null(value)) continue;
        if (!read_one(&fields[i], value, into, r)) return false;
    }
    return true;
}

bool field_wrong(refusal *r, const char *field, const char *wanted, const json_t *value)
{
    char found[FIELD_FOUND_BYTES];
    return refuse(r, 400, field, "%s: %s wanted, %s found", field, wanted,
                  value != NULL ? field_found(value, found) : "nothing");
}

bool field_has_nul(const json_t *text)
{
    return strlen(json_string_value(text)) != json_string_length(text);
}
