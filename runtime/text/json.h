/* jansson with this project's limits: bytes bounded, depth at most PW_JSON_DEPTH, strict syntax.
 * jansson takes its own memory by malloc, in proportion to the text. */
#ifndef PW_RUNTIME_TEXT_JSON_H
#define PW_RUNTIME_TEXT_JSON_H

#include <jansson.h>

#include "pewter.h"
#include "pw/attr.h"

/* Arrays and objects within each other, at most: bounds the recursion of whoever walks the value. */
#define PW_JSON_DEPTH 64

/* Bytes of one text, where the caller knows no tighter bound. */
#define PW_JSON_BYTES ((size_t)16 << 20)

/* One JSON value of any type from UTF-8 text; strings may hold U+0000, of equal keys the last counts.
 * `what` names the text in messages ("messages"). The value is the caller's: json_decref.
 * PEWTER_E_LIMIT past `max_bytes`, PEWTER_E_FORMAT with line and column where the syntax breaks. */
PW_MUST pewter_status pw_json_parse(const char *what, const char *text, size_t bytes,
                                    size_t max_bytes, json_t **out, pewter_error *err);

/* The value as text on one line (or indented by `indent` spaces where that is above 0), keys in the
 * order in which they were set, with a NUL behind *bytes bytes. Free with pw_json_text_free. */
PW_MUST pewter_status pw_json_dump(const json_t *value, int indent, char **text, size_t *bytes,
                                   pewter_error *err);
void pw_json_text_free(char *text);

/* Writes `text` as a JSON string with its quotes: at most `cap` bytes with a final NUL, cut where it
 * does not fit. Bytes that are not UTF-8 become U+FFFD. Returns the bytes needed without the NUL, so
 * that `out` may be NULL with cap 0. */
size_t pw_json_quote(const char *text, size_t bytes, char *out, size_t cap);

#endif
