#include "runtime/grammar/schema_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pw/status.h"
#include "runtime/grammar/match.h"

/* ---- Sets ------------------------------------------------------------------------------------ */

static bool has_member(const pw_schema_set *set, pw_set_member member)
{
    for (int32_t i = 0; i < set->n; i++)
        if (set->members[i].schema == member.schema && set->members[i].done == member.done)
            return true;
    return false;
}

pewter_status pw_schema_add_member(pw_schema *s, pw_schema_set *set, const json_t *schema,
                                   int32_t done)
{
    const pw_set_member member = {schema, done};
    if (has_member(set, member)) return PEWTER_OK;
    if (set->n == PW_SET_MEMBERS)
        return pw_fail(s->err, PEWTER_E_LIMIT, "the schema: more than %d schemas for one value",
                       PW_SET_MEMBERS);
    set->members[set->n++] = member;
    return PEWTER_OK;
}

/* ---- References ------------------------------------------------------------------------------ */

/* One step of a JSON pointer (RFC 6901, in a URI: percent-encoded); returns the text behind it, NULL: broken. */
static const char *take_token(const char *at, char *out, size_t cap)
{
    size_t n = 0;
    for (; *at != 0 && *at != '/'; at++) {
        char c = *at;
        unsigned value;
        char hex[3] = {0};
        if (c == '%') {
            memcpy(hex, at + 1, strnlen(at + 1, 2));
            if (sscanf(hex, "%2x", &value) != 1 || hex[1] == 0) return NULL;
            c = (char)value;
            at += 2;
        } else if (c == '~') {
            at++;
            if (*at != '0' && *at != '1') return NULL;
            c = *at == '0' ? '~' : '/';
        }
        if (n + 1 >= cap) return NULL;
        out[n++] = c;
    }
    out[n] = 0;
    return at;
}

static const json_t *walk(const json_t *at, const char *pointer)
{
    char token[256];
    while (at != NULL && *pointer == '/') {
        pointer = take_token(pointer + 1, token, sizeof token);
        if (pointer == NULL) return NULL;
        if (json_is_array(at)) {
            char *end;
            const unsigned long index = strtoul(token, &end, 10);
            at = *end == 0 && token[0] != 0 ? json_array_get(at, index) : NULL;
        } else {
            at = json_object_get(at, token);
        }
    }
    return *pointer == 0 ? at : NULL;
}

static pewter_status follow(pw_schema *s, const json_t *ref, const json_t **out)
{
    const char *text = json_string_value(ref);
    if (text == NULL) return pw_fail(s->err, PEWTER_E_FORMAT, "the schema: $ref: a text wanted");
    if (text[0] != '#' || (text[1] != 0 && text[1] != '/'))
        return pw_fail(s->err, PEWTER_E_UNSUPPORTED,
                       "the schema: $ref '%.80s': only references within the schema (#/...) are "
                       "followed",
                       text);
    *out = walk(s->root, text + 1);
    if (*out == NULL)
        return pw_fail(s->err, PEWTER_E_FORMAT, "the schema: $ref '%.80s' leads nowhere", text);
    return PEWTER_OK;
}

/* `todo` is a list of schemas that are to be sorted out; more are put behind. */
pewter_status pw_schema_add(pw_schema *s, pw_schema_set *set, const json_t *schema)
{
    const json_t *todo[4 * PW_SET_MEMBERS];
    int32_t n = 0;
    todo[n++] = schema;
    for (int32_t i = 0; i < n; i++) {
        const json_t *at = todo[i];
        bool seen = false;
        for (int32_t k = 0; k < i && !seen; k++) seen = todo[k] == at;
        if (seen || json_is_true(at)) continue;
        if (json_is_false(at)) {
            set->none = true;
            continue;
        }
        if (!json_is_object(at))
            return pw_fail(s->err, PEWTER_E_FORMAT, "the schema: an object, true or false wanted");
        const json_t *ref = json_object_get(at, "$ref"), *all = json_object_get(at, "allOf");
        if (all != NULL && (!json_is_array(all) || json_array_size(all) == 0))
            return pw_fail(s->err, PEWTER_E_FORMAT, "the schema: allOf: a list of schemas wanted");
        if ((size_t)n + json_array_size(all) + 1 > sizeof todo / sizeof *todo)
            return pw_fail(s->err, PEWTER_E_LIMIT, "the schema: too many schemas for one value");
        if (ref != NULL) PW_TRY(follow(s, ref, &todo[n++]));
        for (size_t k = 0; k < json_array_size(all); k++) todo[n++] = json_array_get(all, k);
        PW_TRY(pw_schema_add_member(s, set, at, 0));
    }
    return PEWTER_OK;
}

/* ---- Rules of sets --------------------------------------------------------------------------- */

/* The order of members, which is that of a value's properties, makes no other set. */
static bool same(const pw_schema_set *a, const pw_schema_set *b)
{
    if (a->n != b->n || a->none != b->none) return false;
    for (int32_t i = 0; i < a->n; i++)
        if (!has_member(b, a->members[i])) return false;
    return true;
}

pewter_status pw_schema_rule_of(pw_schema *s, const pw_schema_set *set, int32_t *rule)
{
    uint64_t hash = set->none;
    for (int32_t i = 0; i < set->n; i++) {
        const pw_set_member *m = &set->members[i];
        const uint64_t one = ((uintptr_t)m->schema + (uint64_t)m->done) * 0x9e3779b97f4a7c15u;
        hash += one ^ one >> 29;
    }
    uint32_t slot = (uint32_t)(hash ^ hash >> 32) & (2 * PW_SETS - 1);
    for (; s->slots[slot] >= 0; slot = (slot + 1) & (2 * PW_SETS - 1)) {
        const pw_schema_rule *there = &s->rules[s->slots[slot]];
        if (!same(there->set, set)) continue;
        *rule = there->rule;
        return PEWTER_OK;
    }
    if (s->n_rules == PW_SETS)
        return pw_fail(s->err, PEWTER_E_LIMIT, "the schema: more than %d different values",
                       PW_SETS);
    pw_schema_set *copy = pw_arena_take(s->arena, sizeof *copy);
    if (copy == NULL) return pw_fail(s->err, PEWTER_E_MEMORY, "no memory for a schema");
    *copy = *set;
    *rule = pw_rules_rule(s->g);
    s->rules[s->n_rules] = (pw_schema_rule){copy, *rule};
    s->slots[slot] = s->n_rules++;
    return PEWTER_OK;
}

/* ---- Choices --------------------------------------------------------------------------------- */

/* The set with alternatives of one member put in its place, each as a call of its rule. */
static pewter_status add_choices(pw_schema *s, const pw_schema_set *set, int32_t member,
                                 const char *keyword, int32_t done, int32_t from, int32_t to)
{
    const json_t *list = json_object_get(set->members[member].schema, keyword);
    if (!json_is_array(list) || json_array_size(list) == 0)
        return pw_fail(s->err, PEWTER_E_FORMAT, "the schema: %s: a list of schemas wanted",
                       keyword);
    bool apart = true;
    if (done == PW_DONE_ONE) PW_TRY(pw_schema_disjoint(s, list, &apart));
    if (!apart)
        return pw_fail(
            s->err, PEWTER_E_UNSUPPORTED,
            "the schema: oneOf: the alternatives may overlap; give them different types, or "
            "a required property with a const of its own, or write anyOf");
    for (size_t i = 0; i < json_array_size(list); i++) {
        pw_schema_set with = {.none = set->none};
        for (int32_t k = 0; k < set->n; k++) {
            const pw_set_member *m = &set->members[k];
            PW_TRY(
                pw_schema_add_member(s, &with, m->schema, k == member ? m->done | done : m->done));
        }
        PW_TRY(pw_schema_add(s, &with, json_array_get(list, i)));
        int32_t rule;
        PW_TRY(pw_schema_rule_of(s, &with, &rule));
        pw_rules_call(s->g, from, to, rule, 1, 1);
    }
    return PEWTER_OK;
}

/* The body of a set's rule. */
static pewter_status add_body(pw_schema *s, const pw_schema_set *set, int32_t rule)
{
    const int32_t from = pw_rules_begin(s->g, rule), to = pw_rules_node(s->g);
    pw_rules_end(s->g, rule, to);
    if (set->none) return PEWTER_OK;
    for (int32_t i = 0; i < set->n; i++) {
        const pw_set_member *m = &set->members[i];
        if (json_object_get(m->schema, "anyOf") != NULL && (m->done & PW_DONE_ANY) == 0)
            return add_choices(s, set, i, "anyOf", PW_DONE_ANY, from, to);
        if (json_object_get(m->schema, "oneOf") != NULL && (m->done & PW_DONE_ONE) == 0)
            return add_choices(s, set, i, "oneOf", PW_DONE_ONE, from, to);
    }
    pw_facts facts;
    PW_TRY(pw_schema_facts(s, set, &facts));
    return pw_schema_value(s, set, &facts, from, to);
}

static pewter_status compile(pw_schema *s, const pw_schema_set *set, int32_t *root)
{
    s->rules = pw_arena_array(s->arena, PW_SETS, sizeof *s->rules);
    s->slots = pw_arena_array(s->arena, 2 * PW_SETS, sizeof *s->slots);
    if (s->rules == NULL || s->slots == NULL)
        return pw_fail(s->err, PEWTER_E_MEMORY, "no memory for a schema");
    memset(s->slots, 0xff, 2 * PW_SETS * sizeof *s->slots);
    s->letter = -1;
    PW_TRY(pw_schema_rule_of(s, set, root));
    for (; s->n_done < s->n_rules && s->g->failed == PEWTER_OK; s->n_done++)
        PW_TRY(add_body(s, s->rules[s->n_done].set, s->rules[s->n_done].rule));
    return PEWTER_OK;
}

pewter_status pw_schema_rules(const json_t *schema, pw_rules *g, int32_t *root, pewter_error *err)
{
    pw_arena arena = {.alloc = g->alloc};
    pw_schema s = {.root = schema, .g = g, .arena = &arena, .work = PW_ROOM_WORK, .err = err};
    pw_schema_set set = {0};
    pewter_status status = pw_schema_add(&s, &set, schema);
    if (status == PEWTER_OK) status = compile(&s, &set, root);
    pw_arena_free(&arena);
    return status;
}

/* ---- Values that are tried ------------------------------------------------------------------- */

static pewter_status try_texts(pw_rules *g, const char *const *texts, size_t n, bool *fit,
                               pewter_error *err)
{
    pw_automaton *automaton;
    PW_TRY(pw_automaton_new(g, g->alloc, &automaton, err));
    pewter_status status = PEWTER_OK;
    for (size_t i = 0; i < n && status == PEWTER_OK; i++) {
        pw_match match = {0};
        status = pw_match_begin(&match, automaton, err);
        if (status == PEWTER_OK)
            status = pw_match_add(&match, texts[i], strlen(texts[i]), &fit[i], err);
        fit[i] = status == PEWTER_OK && pw_match_may_end(&match);
        pw_match_end(&match);
    }
    pw_automaton_free(automaton);
    return status;
}

pewter_status pw_schema_try(pw_schema *s, const pw_schema_set *set, const char *const *texts,
                            size_t n, bool *fit)
{
    enum { NESTED = 4, WORK = 100000 };
    s->work -= WORK;
    if (s->nested == NESTED || s->work < 0)
        return pw_fail(
            s->err, PEWTER_E_LIMIT,
            "the schema: more than %d enums for one value, or too many that other keywords "
            "narrow",
            NESTED);
    pw_arena arena = {.alloc = s->g->alloc};
    pw_rules g = {.alloc = s->g->alloc};
    pw_schema inner = {.root = s->root,
                       .g = &g,
                       .arena = &arena,
                       .work = s->work,
                       .nested = s->nested + 1,
                       .err = s->err};
    int32_t root = 0;
    pewter_status status = compile(&inner, set, &root);
    if (status == PEWTER_OK) status = pw_rules_close(&g, root, "the schema", s->err);
    memset(fit, 0, n * sizeof *fit);
    if (status == PEWTER_OK)
        status = try_texts(&g, texts, n, fit, s->err);
    else if (g.empty)
        status = PEWTER_OK;
    pw_rules_free(&g);
    pw_arena_free(&arena);
    s->work = inner.work;
    return status;
}
