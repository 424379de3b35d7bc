/* Calls of tools whose arguments stand one by one in the text, as GLM writes them, put into the form of all others: JSON. */
#ifndef PW_TOOLS_SERVER_PAIRS_H
#define PW_TOOLS_SERVER_PAIRS_H

#include "runtime/text/json.h"
#include "tools/textbuf.h"

#include "pewter.h"

/* The form that pairs_to_json writes. */
extern const pewter_tool_format pairs_form;

/* Writes an answer so far, whose calls have the format's pairs, into *out, which is emptied first: an answer that has
 * grown gives what it gave before, and more. An argument is there when it is whole. `tools` as a request has them:
 * they say which arguments are texts. */
void pairs_to_json(const pewter_tool_format *format, const json_t *tools, const char *text,
                   size_t bytes, textbuf *out);

#endif
