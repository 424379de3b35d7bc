/* Why a request is refused, as OpenAI's clients read it. */
#ifndef PW_TOOLS_SERVER_REFUSAL_H
#define PW_TOOLS_SERVER_REFUSAL_H

#include <stdbool.h>

#include "pewter.h"
#include "pw/attr.h"
#include "tools/textbuf.h"

typedef struct refusal {
    int status;        /* of HTTP; 0: nothing is refused */
    const char *code;  /* "model_not_found"; NULL: none */
    char param[64];    /* the field that is wrong; "": none */
    char message[512]; /* holds no text of a prompt */
    int retry_after;   /* seconds; 0: not said */
} refusal;

/* Fills *r and returns false, so that a check can end with it. `param` may be NULL. */
PW_PRINTF(4, 5)
bool refuse(refusal *r, int status, const char *param, const char *format, ...);

/* The same for what the library refused: the caller's mistakes are 400, memory 503, all else 500. */
bool refuse_status(refusal *r, pewter_status status, const pewter_error *err);

/* {"error": {"message", "type", "param", "code"}}. */
void refusal_write(const refusal *r, textbuf *t);

#endif
