/* Patterns as JSON Schema and ECMA-262 have them, to automata. */
#ifndef PW_RUNTIME_GRAMMAR_REGEX_H
#define PW_RUNTIME_GRAMMAR_REGEX_H

#include "runtime/grammar/nfa.h"

/* The texts that a pattern (UTF-8) is found in (`anywhere`), or that it stands for as a whole. Taken are literals,
 * `.`, classes, \d \w \s and their opposites, escapes, groups, `|`, * + ? {m,n} (lazy ones, too: the same texts), ^
 * and $. PEWTER_E_UNSUPPORTED for what no finite automaton can do or this one does not: look-around, references, \b,
 * \p; PEWTER_E_FORMAT with the place where the syntax breaks; PEWTER_E_LIMIT for what is too complex. */
PW_MUST pewter_status pw_regex_dfa(const char *pattern, size_t bytes, bool anywhere, pw_room *room,
                                   pw_dfa *out, pewter_error *err);

#endif
