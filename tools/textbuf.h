/* A text that grows: answers and replies are gathered in one. A failed allocation is remembered, so that only the end
 * of a writer has to look. */
#ifndef PW_TOOLS_TEXTBUF_H
#define PW_TOOLS_TEXTBUF_H

#include <stdbool.h>
#include <stddef.h>

#include "pw/attr.h"

typedef struct textbuf {
    char *data; /* NULL or ended by a NUL */
    size_t bytes, cap;
    bool failed;
} textbuf;

void text_add(textbuf *t, const char *data, size_t bytes);

PW_PRINTF(2, 3)
void text_print(textbuf *t, const char *format, ...);

/* As a JSON string with its quotes; what is not UTF-8 becomes U+FFFD. */
void text_json(textbuf *t, const char *data, size_t bytes);

/* `number` as JSON takes it: null where it is not finite. */
void text_number(textbuf *t, double number);

void text_free(textbuf *t);

/* The same, and what it held is overwritten first: texts of prompts and answers. */
void text_wipe(textbuf *t);

#endif
