/* Calls of tools, written as a model's template has them, to a grammar. */
#ifndef PW_RUNTIME_GRAMMAR_TOOLS_H
#define PW_RUNTIME_GRAMMAR_TOOLS_H

#include "runtime/grammar/rules.h"
#include "runtime/text/json.h"
#include "runtime/text/tokenizer.h"

/* Adds the rules of {"tools": [{"name": TEXT, "parameters": SCHEMA}...], "free": BOOL, "many": BOOL} and gives the
 * first. `free`: a text may come before the calls, or alone; `many`: more than one call. */
PW_MUST pewter_status pw_tools_rules(const json_t *spec, const pewter_tool_format *format,
                                     const pw_tokenizer *tokenizer, pw_rules *g, int32_t *root,
                                     pewter_error *err);

#endif
