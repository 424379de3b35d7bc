/* A grammar that sessions share: its rules and its states. */
#ifndef PW_RUNTIME_GRAMMAR_GRAMMAR_H
#define PW_RUNTIME_GRAMMAR_GRAMMAR_H

#include "runtime/grammar/match.h"

/* Its states. One thread at a time. */
pw_automaton *pw_grammar_automaton(const pewter_grammar *grammar);

/* As pewter_grammar_new, for a model's allocator. */
PW_MUST pewter_status pw_grammar_new(const pewter_allocator *alloc, pewter_grammar_kind kind,
                                     const char *text, size_t bytes, pewter_grammar **out,
                                     pewter_error *err);

#endif
