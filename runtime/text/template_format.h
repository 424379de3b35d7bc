/* Python's two ways to format: "%s" % x and "{}".format(x). */
#ifndef PW_RUNTIME_TEXT_TEMPLATE_FORMAT_H
#define PW_RUNTIME_TEXT_TEMPLATE_FORMAT_H

#include "runtime/text/template_eval.h"

/* How one value is laid out; widths are bounded where they are read. */
typedef struct pw_tpl_layout {
    char fill[4]; /* one character */
    size_t fill_bytes;
    bool fill_user;
    char align; /* '<', '>', '^', '=' or 0: left for text, right for numbers */
    char sign;  /* '-', '+' or ' ' */
    bool alternate;
    char group; /* ',' or '_' between thousands, or 0 */
    size_t width;
    int precision; /* below 0: none */
    char type;     /* of Python's format mini-language, or 0 */
} pw_tpl_layout;

/* Writes a value by a layout; fails where type and value do not go together. */
PW_MUST pewter_status pw_tpl_lay_out(pw_tpl_vm *vm, pw_tpl_buffer *buffer,
                                     const pw_tpl_value *value, const pw_tpl_layout *layout);
/* "...{}...".format(args) */
PW_MUST pewter_status pw_tpl_format(pw_tpl_vm *vm, const pw_tpl_string *format,
                                    const pw_tpl_args *args, pw_tpl_value *out);

#endif
