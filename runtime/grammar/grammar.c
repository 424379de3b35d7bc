#include "runtime/grammar/grammar.h"

#include <stdatomic.h>

#include "pw/status.h"
#include "runtime/grammar/gbnf.h"
#include "runtime/grammar/regex.h"
#include "runtime/grammar/schema.h"
#include "runtime/grammar/tools.h"

enum { TEXT_BYTES = 4 << 20 };

struct pewter_grammar {
    const pewter_allocator *alloc;
    atomic_int holders;
    pw_rules rules;
    pw_automaton *automaton;
};

pewter_grammar *pewter_grammar_hold(pewter_grammar *grammar)
{
    if (grammar != NULL) atomic_fetch_add(&grammar->holders, 1);
    return grammar;
}

pw_automaton *pw_grammar_automaton(const pewter_grammar *grammar)
{
    return grammar->automaton;
}

void pewter_grammar_free(pewter_grammar *grammar)
{
    if (grammar == NULL || atomic_fetch_sub(&grammar->holders, 1) > 1) return;
    pw_automaton_free(grammar->automaton);
    pw_rules_free(&grammar->rules);
    pw_free(grammar->alloc, grammar, sizeof *grammar);
}

static pewter_status add_schema(pw_rules *g, const char *text, size_t bytes, int32_t *root,
                                pewter_error *err)
{
    json_t *schema;
    PW_TRY(pw_json_parse("the schema", text, bytes, TEXT_BYTES, &schema, err));
    const pewter_status status = pw_schema_rules(schema, g, root, err);
    json_decref(schema);
    return status;
}

static pewter_status add_tools(pw_rules *g, const pw_grammar_source *source, const char *text,
                               size_t bytes, int32_t *root, pewter_error *err)
{
    if (source->tokenizer == NULL || source->format == NULL)
        return pw_fail(err, PEWTER_E_ARG, "calls of tools want a model");
    json_t *spec;
    PW_TRY(pw_json_parse("the tools", text, bytes, TEXT_BYTES, &spec, err));
    const pewter_status status =
        pw_tools_rules(spec, source->format, source->tokenizer, g, root, err);
    json_decref(spec);
    return status;
}

static pewter_status add_regex(pw_rules *g, const char *text, size_t bytes, int32_t *root,
                               pewter_error *err)
{
    pw_room room = {.arena.alloc = g->alloc, .work = PW_ROOM_WORK};
    pw_dfa dfa;
    const pewter_status status = pw_regex_dfa(text, bytes, false, &room, &dfa, err);
    if (status == PEWTER_OK) {
        *root = pw_rules_rule(g);
        const int32_t from = pw_rules_begin(g, *root), to = pw_rules_node(g);
        pw_dfa_emit(&dfa, g, from, to, false);
        pw_rules_end(g, *root, to);
    }
    pw_arena_free(&room.arena);
    return status;
}

static pewter_status fill(pewter_grammar *g, const pw_grammar_source *source,
                          pewter_grammar_kind kind, const char *text, size_t bytes,
                          pewter_error *err)
{
    static const char *const names[] = {"the schema", "the grammar", "the pattern", "the tools"};
    int32_t root = 0;
    switch (kind) {
    case PEWTER_GRAMMAR_SCHEMA: PW_TRY(add_schema(&g->rules, text, bytes, &root, err)); break;
    case PEWTER_GRAMMAR_GBNF: PW_TRY(pw_gbnf_rules(text, bytes, &g->rules, &root, err)); break;
    case PEWTER_GRAMMAR_REGEX: PW_TRY(add_regex(&g->rules, text, bytes, &root, err)); break;
    case PEWTER_GRAMMAR_TOOLS: PW_TRY(add_tools(&g->rules, source, text, bytes, &root, err)); break;
    }
    PW_TRY(pw_rules_close(&g->rules, root, names[kind], err));
    return pw_automaton_new(&g->rules, g->alloc, &g->automaton, err);
}

pewter_status pw_grammar_new(const pw_grammar_source *source, pewter_grammar_kind kind,
                             const char *text, size_t bytes, pewter_grammar **out,
                             pewter_error *err)
{
    const pewter_allocator *alloc = source->alloc;
    if (kind != PEWTER_GRAMMAR_SCHEMA && kind != PEWTER_GRAMMAR_GBNF &&
        kind != PEWTER_GRAMMAR_REGEX && kind != PEWTER_GRAMMAR_TOOLS)
        return pw_fail(err, PEWTER_E_ARG, "%d is no kind of grammar", (int)kind);
    if (bytes > TEXT_BYTES)
        return pw_fail(err, PEWTER_E_LIMIT, "a grammar of at most %d bytes wanted, %zu found",
                       TEXT_BYTES, bytes);
    pewter_grammar *g = pw_alloc(alloc, sizeof *g);
    if (g == NULL) return pw_fail(err, PEWTER_E_MEMORY, "no memory for a grammar");
    *g = (pewter_grammar){.alloc = alloc, .rules.alloc = alloc};
    atomic_init(&g->holders, 1);
    const pewter_status status = fill(g, source, kind, text, bytes, err);
    if (status != PEWTER_OK) {
        pewter_grammar_free(g);
        return status;
    }
    *out = g;
    return PEWTER_OK;
}
