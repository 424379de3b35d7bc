/* The tools of a request, and which of them must be called. */
#ifndef PW_TOOLS_SERVER_TOOLBOX_H
#define PW_TOOLS_SERVER_TOOLBOX_H

#include "tools/server/structure.h"

typedef struct toolbox {
    bool used;                 /* an answer may have calls */
    const json_t *tools;       /* part of the body, for the template; NULL: none */
    pewter_tool_format format; /* always there */
} toolbox;

/* Reads tools, tool_choice and parallel_tool_calls. Where calls may be made, *grammar, which must be NULL where the
 * body asks for no form of the answer, becomes that of the calls. */
bool toolbox_read(const json_t *body, const grammar_place *place, toolbox *out,
                  pewter_grammar **grammar, refusal *r);

#endif
