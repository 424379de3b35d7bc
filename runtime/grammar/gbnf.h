/* GBNF, the grammars of llama.cpp: rules `name ::= ...` of literals, classes, groups, repeats. */
#ifndef PW_RUNTIME_GRAMMAR_GBNF_H
#define PW_RUNTIME_GRAMMAR_GBNF_H

#include "runtime/grammar/rules.h"

/* Adds the rules of a text (UTF-8) and gives the rule "root". PEWTER_E_FORMAT with line and column where the
 * syntax breaks, a name is not defined, or "root" is missing. Source: the README of llama.cpp's grammars. */
PW_MUST pewter_status pw_gbnf_rules(const char *text, size_t bytes, pw_rules *g, int32_t *root,
                                    pewter_error *err);

#endif
