/* Whether texts fit a grammar: what its tests ask. */
#ifndef PW_TESTS_SUPPORT_FITS_H
#define PW_TESTS_SUPPORT_FITS_H

#include <string.h>

#include "runtime/grammar/grammar.h"
#include "tests/support/gguf_fixture.h"

static inline pewter_grammar *fits_grammar(fixture *f, pewter_grammar_kind kind, const char *text)
{
    pewter_grammar *g = NULL;
    if (pw_grammar_new(&(pw_grammar_source){.alloc = &f->alloc}, kind, text, strlen(text), &g,
                       &f->err) != PEWTER_OK)
        fail_msg("%s: %s", text, f->err.message);
    return g;
}

static inline bool fits(fixture *f, pewter_grammar *g, const char *text, size_t bytes)
{
    pw_match match = {0};
    bool fit = false;
    if (pw_match_begin(&match, pw_grammar_automaton(g), &f->err) != PEWTER_OK ||
        pw_match_add(&match, text, bytes, &fit, &f->err) != PEWTER_OK)
        fail_msg("%s", f->err.message);
    fit = fit && pw_match_may_end(&match);
    pw_match_end(&match);
    return fit;
}

/* Lists of texts end with NULL. */
static inline void fits_all(fixture *f, pewter_grammar_kind kind, const char *grammar,
                            const char *const *good, const char *const *bad)
{
    pewter_grammar *g = fits_grammar(f, kind, grammar);
    for (; good != NULL && *good != NULL; good++)
        if (!fits(f, g, *good, strlen(*good))) fail_msg("%s: does not take '%s'", grammar, *good);
    for (; bad != NULL && *bad != NULL; bad++)
        if (fits(f, g, *bad, strlen(*bad))) fail_msg("%s: takes '%s'", grammar, *bad);
    pewter_grammar_free(g);
}

#define FITS(...) ((const char *const[]){__VA_ARGS__, NULL})

static inline void fits_refused(fixture *f, pewter_grammar_kind kind, const char *grammar,
                                pewter_status wanted, const char *says)
{
    pewter_grammar *g = NULL;
    const pewter_status status = pw_grammar_new(&(pw_grammar_source){.alloc = &f->alloc}, kind,
                                                grammar, strlen(grammar), &g, &f->err);
    if (status != wanted || strstr(f->err.message, says) == NULL)
        fail_msg("%.200s: %s '%s'; %s with '%s' wanted", grammar, pewter_status_name(status),
                 status == PEWTER_OK ? "" : f->err.message, pewter_status_name(wanted), says);
}

#endif
