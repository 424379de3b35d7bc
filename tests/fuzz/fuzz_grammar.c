/* Any text as a schema, a GBNF grammar or a pattern: compiled or refused, and where it is compiled every text that
 * fits so far has a way to its end, and the bytes that are told as forced are the only ones.
 * Input: a digit (the kind), the grammar, and behind a byte 0 the choices of a walk. */
#include <stdlib.h>
#include <string.h>

#include "runtime/grammar/automaton.h"
#include "runtime/grammar/grammar.h"
#include "tests/support/limit_alloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes one of the bytes that may come next; false: none may, or the states have no room. */
static bool step(pw_match *match, uint8_t choice)
{
    pw_automaton *a = match->automaton;
    for (int32_t i = 0; i < a->n_classes; i++) {
        const int32_t class = (i + choice) % a->n_classes;
        int32_t next;
        if (pw_automaton_step(a, match->state, class, &next, NULL) != PEWTER_OK) return false;
        if (next == PW_STATE_DEAD) continue;
        const char byte = (char)a->byte_of[class];
        bool fits = false;
        if (pw_match_add(match, &byte, 1, &fits, NULL) != PEWTER_OK) return false;
        if (!fits) abort();
        return true;
    }
    if (!pw_match_may_end(match)) abort(); /* a dead end */
    if (!pw_match_must_end(match)) abort();
    return false;
}

static void walk(pw_automaton *a, const uint8_t *choices, size_t n)
{
    pw_match match = {0};
    char forced[64];
    size_t bytes;
    bool fits = pw_match_begin(&match, a, NULL) == PEWTER_OK;
    for (size_t i = 0; fits && i < n; i++) {
        pw_match copy = {0};
        pw_match_copy(&copy, &match);
        if (pw_match_forced(&copy, forced, sizeof forced, &bytes, NULL) == PEWTER_OK && bytes > 0) {
            if (pw_match_add(&copy, forced, bytes, &fits, NULL) == PEWTER_OK && !fits) abort();
        }
        pw_match_end(&copy);
        fits = step(&match, choices[i]);
    }
    pw_match_end(&match);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { LIMIT = 256 << 20 };
    if (size < 2) return 0;
    const pewter_grammar_kind kind = (pewter_grammar_kind)(data[0] % 3);
    const uint8_t *end = memchr(data + 1, 0, size - 1);
    const size_t bytes = end != NULL ? (size_t)(end - data - 1) : size - 1;
    limit_alloc counts;
    const pewter_allocator alloc = limit_allocator(&counts, LIMIT, UINT64_MAX);
    pewter_grammar *g = NULL;
    pewter_error err;
    if (pw_grammar_new(&(pw_grammar_source){.alloc = &alloc}, kind, (const char *)data + 1, bytes,
                       &g, &err) == PEWTER_OK) {
        if (end != NULL) walk(pw_grammar_automaton(g), end + 1, size - bytes - 2);
        pewter_grammar_free(g);
    }
    if (counts.live != 0) abort();
    return 0;
}
