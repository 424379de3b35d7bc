/* Calls of tools in the text of an answer, which a grammar holds to the model's form. */
#ifndef PW_TOOLS_SERVER_CALLS_H
#define PW_TOOLS_SERVER_CALLS_H

#include "pewter.h"

enum { CALLS_MOST = 16 };

/* Stretches of the text. */
typedef struct answer_call {
    const char *name, *arguments;
    size_t name_bytes, arguments_bytes;
} answer_call;

typedef struct answer_calls {
    size_t content; /* bytes of text in front of the calls that are sure to be no part of one */
    answer_call list[CALLS_MOST];
    size_t n; /* whose names are whole */
} answer_calls;

/* `over`: no more text will come. */
void calls_parse(const pewter_tool_format *format, const char *text, size_t bytes, bool over,
                 answer_calls *out);

#endif
