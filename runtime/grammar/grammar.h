/* A grammar that sessions share: its rules and its states. */
#ifndef PW_RUNTIME_GRAMMAR_GRAMMAR_H
#define PW_RUNTIME_GRAMMAR_GRAMMAR_H

#include "runtime/grammar/match.h"

/* Its states. One thread at a time. */
pw_automaton *pw_grammar_automaton(const pewter_grammar *grammar);

/* What a grammar takes from a model; the last two for tools alone. */
typedef struct pw_grammar_source {
    const pewter_allocator *alloc;
    const pw_tokenizer *tokenizer;
    const pewter_tool_format *format;
} pw_grammar_source;

/* As pewter_grammar_new. */
PW_MUST pewter_status pw_grammar_new(const pw_grammar_source *source, pewter_grammar_kind kind,
                                     const char *text, size_t bytes, pewter_grammar **out,
                                     pewter_error *err);

#endif
