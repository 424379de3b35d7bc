/* What a request says of the form of its answer, as a grammar. */
#ifndef PW_TOOLS_SERVER_STRUCTURE_H
#define PW_TOOLS_SERVER_STRUCTURE_H

#include <stdint.h>

#include "runtime/text/json.h"
#include "tools/server/refusal.h"

/* Grammars of late, so that a schema which comes with every request is compiled once. One thread. What a key sent
 * is found for that key alone: how long a request takes tells nobody what another one asks. */
typedef struct grammar_cache grammar_cache;

/* NULL: no memory. */
grammar_cache *grammar_cache_new(void);
/* Requests that hold a grammar go on. NULL is allowed. */
void grammar_cache_free(grammar_cache *cache);

/* Where a grammar is looked for. */
typedef struct grammar_place {
    grammar_cache *cache;
    const pewter_model *model;
    uint64_t share; /* of the caller's key */
} grammar_place;

/* Reads response_format and its relations from a body; *out is then the caller's, by pewter_grammar_free, NULL: the
 * answer is free. What cannot be kept is a 400. */
bool structure_read(const json_t *body, const grammar_place *place, pewter_grammar **out,
                    refusal *r);

/* The grammar of a JSON text, out of the cache where it is there. */
bool structure_compile(const grammar_place *place, pewter_grammar_kind kind, const json_t *json,
                       pewter_grammar **out, refusal *r);

#endif
