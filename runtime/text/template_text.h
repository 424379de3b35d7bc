/* What filters and methods do to strings. Results keep the origin of each byte. */
#ifndef PW_RUNTIME_TEXT_TEMPLATE_TEXT_H
#define PW_RUNTIME_TEXT_TEMPLATE_TEXT_H

#include "runtime/text/template_value.h"

typedef enum pw_tpl_case {
    PW_TPL_UPPER,
    PW_TPL_LOWER,
    PW_TPL_CAPITAL, /* the first character in title case, the others lower */
    PW_TPL_TITLE,   /* the same for each run of letters: str.title */
    PW_TPL_WORDS,   /* the same behind spaces, "-" and opening brackets: the filter title */
    PW_TPL_SWAP
} pw_tpl_case;

PW_MUST pewter_status pw_tpl_recase(pw_tpl_vm *vm, const pw_tpl_string *string, pw_tpl_case how,
                                    pw_tpl_value *out);
/* Without the characters of `chars` (NULL: white space) at its ends. */
PW_MUST pewter_status pw_tpl_strip(pw_tpl_vm *vm, const pw_tpl_string *string,
                                   const pw_tpl_string *chars, bool left, bool right,
                                   pw_tpl_value *out);
/* At most `most` times, from the left; below 0: always. */
PW_MUST pewter_status pw_tpl_replace(pw_tpl_vm *vm, const pw_tpl_string *string,
                                     const pw_tpl_string *old, const pw_tpl_string *new_text,
                                     int64_t most, pw_tpl_value *out);
/* A list of parts, cut at `by` (NULL: at runs of white space, none of them empty), at most `most`
 * times (below 0: always), from the left or the right. */
PW_MUST pewter_status pw_tpl_split(pw_tpl_vm *vm, const pw_tpl_string *string,
                                   const pw_tpl_string *by, int64_t most, bool right,
                                   pw_tpl_value *out);
PW_MUST pewter_status pw_tpl_split_lines(pw_tpl_vm *vm, const pw_tpl_string *string, bool keep,
                                         pw_tpl_value *out);
/* The items with `by` between them; `loose`: str() of each, else all must be strings. */
PW_MUST pewter_status pw_tpl_join(pw_tpl_vm *vm, const pw_tpl_string *by, const pw_tpl_value *items,
                                  size_t count, bool loose, pw_tpl_value *out);
/* `left` and `right` times the character `fill` (NULL: a space) around the string. */
PW_MUST pewter_status pw_tpl_pad(pw_tpl_vm *vm, const pw_tpl_string *string,
                                 const pw_tpl_string *fill, size_t left, size_t right,
                                 pw_tpl_value *out);
/* Where `part` first (or last) stands in bytes [begin, end); SIZE_MAX: nowhere. */
PW_MUST pewter_status pw_tpl_find_text(pw_tpl_vm *vm, const pw_tpl_string *string, size_t begin,
                                       size_t end, const pw_tpl_string *part, bool last,
                                       size_t *out);

#endif
