/* The fields of a request: each read from JSON by one row of a table that says its type and range. */
#ifndef PW_TOOLS_SERVER_FIELDS_H
#define PW_TOOLS_SERVER_FIELDS_H

#include <stdint.h>

#include "runtime/text/json.h"
#include "tools/server/refusal.h"

typedef enum field_kind {
    FIELD_BOOL,  /* bool */
    FIELD_INT,   /* int32_t */
    FIELD_LONG,  /* int64_t */
    FIELD_FLOAT, /* float */
} field_kind;

typedef struct field_row {
    const char *name;
    field_kind kind;
    size_t offset; /* of the member in the struct that is filled */
    double least, most;
} field_row;

/* Fills the members of `into` whose fields are in the object; one that is absent or null keeps its value.
 * A wrong type or a number out of range is a 400 that says what was wanted and what was found. */
bool fields_read(const field_row *fields, size_t count, const json_t *object, void *into,
                 refusal *r);

enum { FIELD_FOUND_BYTES = 64 };

/* What a value is, in words: "a string", "3". `out` is room for a number. */
const char *field_found(const json_t *value, char out[FIELD_FOUND_BYTES]);

/* Refuses a field: what was wanted and what was found (NULL: nothing). Returns false. */
bool field_wrong(refusal *r, const char *field, const char *wanted, const json_t *value);

/* Whether a JSON string holds U+0000, which ends it for the library. */
bool field_has_nul(const json_t *text);

#endif
