/* Values as text: Python's str and repr, JSON, and numbers. */
#ifndef PW_RUNTIME_TEXT_TEMPLATE_WRITE_H
#define PW_RUNTIME_TEXT_TEMPLATE_WRITE_H

#include "runtime/text/template_value.h"

/* As str() writes it; an undefined value is nothing. */
PW_MUST pewter_status pw_tpl_write(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_value *value);
/* As repr() writes it. */
PW_MUST pewter_status pw_tpl_write_repr(pw_tpl_vm *vm, pw_tpl_buffer *buffer,
                                        const pw_tpl_value *value);
/* str() as a string: the value's own where it is one. */
PW_MUST pewter_status pw_tpl_to_string(pw_tpl_vm *vm, const pw_tpl_value *value,
                                       const pw_tpl_string **out);

/* How json.dumps is asked to write. */
typedef struct pw_tpl_json {
    const pw_tpl_string *indent; /* NULL: all on one line */
    const pw_tpl_string *comma;  /* between items; NULL: ", ", or "," under an indent */
    const pw_tpl_string *colon;  /* NULL: ": " */
    bool ascii, sort;
} pw_tpl_json;

PW_MUST pewter_status pw_tpl_write_json(pw_tpl_vm *vm, pw_tpl_buffer *buffer,
                                        const pw_tpl_value *value, const pw_tpl_json *how);

enum { PW_TPL_FLOAT_TEXT = 40 };
/* The shortest digits that give the number again, as Python writes them, with a NUL; returns their
 * count. Knows no locale. */
size_t pw_tpl_float_text(double number, char out[PW_TPL_FLOAT_TEXT]);
/* A number from the text float() takes (spaces around, underscores between digits, inf, nan). */
bool pw_tpl_float_of(const pw_tpl_string *text, double *out);
/* An integer from the text int() takes; `base` 0 or 2 to 36. False also where 64 bits are passed. */
bool pw_tpl_int_of(const pw_tpl_string *text, int base, int64_t *out);
/* `number` with `digits` (0 to 300) decimals in C's form `style` (one of e E f F g G), as printf
 * would in the C locale; returns the length, at most cap - 1, or 0 where it does not fit. */
size_t pw_tpl_float_style(double number, char style, int digits, bool alternate, char *out,
                          size_t cap);

#endif
