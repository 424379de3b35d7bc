/* Bodies of values: constants, strings, arrays, and the choice among types. */
#include <math.h>
#include <string.h>

#include "pw/status.h"
#include "runtime/grammar/regex.h"
#include "runtime/grammar/schema_set.h"
#include "runtime/text/utf8.h"

/* ---- Strings --------------------------------------------------------------------------------- */

/* The rule of any character within a string. */
static int32_t letter_rule(pw_schema *s)
{
    if (s->letter >= 0) return s->letter;
    const pw_range all = {0, 0x10fffe};
    s->letter = pw_rules_rule(s->g);
    const int32_t from = pw_rules_begin(s->g, s->letter), to = pw_rules_node(s->g);
    pw_rules_class(s->g, from, to, &all, 1, true);
    pw_rules_end(s->g, s->letter, to);
    return s->letter;
}

typedef struct language {
    pw_dfa dfa;
    bool any; /* all texts; dfa is not there */
} language;

static pewter_status narrow(language *l, const pw_dfa *by, pw_room *room, pewter_error *err)
{
    const pw_dfa before = l->dfa;
    const bool any = l->any;
    l->any = false;
    l->dfa = *by;
    return any ? PEWTER_OK : pw_dfa_and(&before, by, room, &l->dfa, err);
}

static pewter_status take_pattern(pw_schema *s, const char *what, const json_t *value,
                                  const char *pattern, size_t bytes, language *l, pw_room *room)
{
    pw_dfa dfa;
    pewter_error why;
    const pewter_status status = pw_regex_dfa(pattern, bytes, true, room, &dfa, &why);
    if (status != PEWTER_OK)
        return pw_fail(s->err, status, "the schema: %s '%.80s': %s", what, json_string_value(value),
                       why.message);
    return narrow(l, &dfa, room, s->err);
}

static pewter_status take_member(pw_schema *s, const json_t *schema, language *l, pw_room *room)
{
    const json_t *pattern = json_object_get(schema, "pattern");
    const json_t *format = json_object_get(schema, "format");
    if ((pattern != NULL && !json_is_string(pattern)) ||
        (format != NULL && !json_is_string(format)))
        return pw_fail(s->err, PEWTER_E_FORMAT, "the schema: %s: a text wanted",
                       json_is_string(pattern) ? "format" : "pattern");
    if (pattern != NULL)
        PW_TRY(take_pattern(s, "pattern", pattern, json_string_value(pattern),
                            json_string_length(pattern), l, room));
    if (format == NULL) return PEWTER_OK;
    const char *stands_for = pw_schema_format(json_string_value(format));
    if (stands_for == NULL)
        return pw_fail(
            s->err, PEWTER_E_UNSUPPORTED,
            "the schema: format '%.80s' is not known here; docs/STRUCTURED.md lists those "
            "that are",
            json_string_value(format));
    if (stands_for[0] == 0) return PEWTER_OK;
    return take_pattern(s, "format", format, stands_for, strlen(stands_for), l, room);
}

static pewter_status add_string(pw_schema *s, const pw_schema_set *set, const pw_facts *f,
                                int32_t from, int32_t to, pw_room *room)
{
    language l = {.any = true};
    for (int32_t i = 0; i < set->n && f->has_text; i++)
        PW_TRY(take_member(s, set->members[i].schema, &l, room));
    if (f->longest < f->shortest) return PEWTER_OK;
    const int32_t open = pw_rules_text(s->g, from, "\"", 1), end = pw_rules_node(s->g);
    pw_rules_bytes(s->g, end, to, '"', '"');
    if (l.any) {
        pw_rules_call(s->g, open, end, letter_rule(s), f->shortest, f->longest);
        return PEWTER_OK;
    }
    if (f->shortest > 0 || f->longest != PW_REPEAT_MAX) {
        enum { MOST = 5000 };
        const int32_t last = f->longest == PW_REPEAT_MAX ? f->shortest : f->longest;
        if (last > MOST)
            return pw_fail(s->err, PEWTER_E_LIMIT,
                           "the schema: a length beside a pattern: at most %d wanted, %d found",
                           MOST, last);
        pw_dfa length;
        PW_TRY(pw_dfa_length(f->shortest, f->longest, room, &length, s->err));
        PW_TRY(narrow(&l, &length, room, s->err));
    }
    pw_dfa_emit(&l.dfa, s->g, open, end, true);
    return PEWTER_OK;
}

pewter_status pw_schema_string(pw_schema *s, const pw_schema_set *set, const pw_facts *facts,
                               int32_t from, int32_t to)
{
    pw_room room = {.arena.alloc = s->g->alloc, .work = s->work};
    const pewter_status status = add_string(s, set, facts, from, to, &room);
    pw_arena_free(&room.arena);
    s->work = room.work;
    return status;
}

static pewter_status other_name(pw_schema *s, const char *const *names, size_t n, int32_t from,
                                int32_t to, pw_room *room)
{
    pw_nfa nfa = {.arena = &room->arena};
    const int32_t start = pw_nfa_node(&nfa), end = pw_nfa_node(&nfa);
    for (size_t i = 0; i < n; i++) {
        int32_t at = start;
        for (const char *c = names[i]; *c != 0;) {
            const size_t size = pw_utf8_char(c, strlen(c));
            const uint32_t code = pw_utf8_code(c, size);
            const int32_t next = pw_nfa_node(&nfa);
            pw_nfa_chars(&nfa, at, next, code, code);
            at = next;
            c += size;
        }
        pw_nfa_join(&nfa, at, end);
    }
    pw_dfa named, other;
    PW_TRY(pw_dfa_of(&nfa, start, end, room, &named, s->err));
    PW_TRY(pw_dfa_not(&named, PW_CHAR_MAX, room, &other, s->err));
    pw_dfa_emit(&other, s->g, from, to, true);
    return PEWTER_OK;
}

pewter_status pw_schema_other_name(pw_schema *s, const char *const *names, size_t n, int32_t from,
                                   int32_t to)
{
    if (n == 0) {
        pw_rules_call(s->g, from, to, letter_rule(s), 0, PW_REPEAT_MAX);
        return PEWTER_OK;
    }
    pw_room room = {.arena.alloc = s->g->alloc, .work = s->work};
    const pewter_status status = other_name(s, names, n, from, to, &room);
    pw_arena_free(&room.arena);
    s->work = room.work;
    return status;
}

/* ---- Arrays ---------------------------------------------------------------------------------- */

/* The schemas in front, by position: prefixItems, or before 2020 a list under items. */
static const json_t *heads_of(const json_t *schema)
{
    const json_t *prefix = json_object_get(schema, "prefixItems");
    const json_t *items = json_object_get(schema, "items");
    return prefix != NULL ? prefix : json_is_array(items) ? items : NULL;
}

/* The schema of what stands behind them; NULL: anything. */
static const json_t *tail_of(const json_t *schema)
{
    const json_t *items = json_object_get(schema, "items");
    return json_is_array(items) ? json_object_get(schema, "additionalItems") : items;
}

/* The rule of the item at a position, and whether an item may be there. */
static pewter_status item_rule(pw_schema *s, const pw_schema_set *set, size_t position,
                               int32_t *rule, bool *may)
{
    pw_schema_set item = {0};
    for (int32_t i = 0; i < set->n; i++) {
        const json_t *schema = set->members[i].schema, *heads = heads_of(schema);
        const json_t *one =
            position < json_array_size(heads) ? json_array_get(heads, position) : tail_of(schema);
        if (one != NULL) PW_TRY(pw_schema_add(s, &item, one));
    }
    *may = !item.none;
    return item.none ? PEWTER_OK : pw_schema_rule_of(s, &item, rule);
}

/* `, item` as a rule. */
static int32_t next_item(pw_schema *s, int32_t item)
{
    const int32_t rule = pw_rules_rule(s->g), begin = pw_rules_begin(s->g, rule);
    const int32_t end = pw_rules_node(s->g);
    pw_rules_call(s->g, pw_rules_text(s->g, begin, ", ", 2), end, item, 1, 1);
    pw_rules_end(s->g, rule, end);
    return rule;
}

static pewter_status add_array(pw_schema *s, const pw_schema_set *set, const pw_facts *f,
                               int32_t from, int32_t to)
{
    int32_t rule = 0, least = f->fewest_items, most = f->most_items;
    size_t heads = 0;
    for (int32_t i = 0; i < set->n; i++) {
        const size_t n = json_array_size(heads_of(set->members[i].schema));
        if (n > heads) heads = n;
    }
    if (most < least) return PEWTER_OK;
    int32_t at = pw_rules_text(s->g, from, "[", 1);
    const int32_t end = pw_rules_node(s->g);
    pw_rules_bytes(s->g, end, to, ']', ']');
    bool may = true;
    size_t n = 0; /* items in front of `at` */
    /* The first item has no comma before it, so it stands alone even where all are alike. */
    for (; n < (heads > 0 ? heads : 1) && may && n < (size_t)most; n++) {
        if (n >= (size_t)least) pw_rules_join(s->g, at, end);
        PW_TRY(item_rule(s, set, n, &rule, &may));
        if (!may) return PEWTER_OK;
        const int32_t behind = pw_rules_node(s->g);
        if (n > 0) at = pw_rules_text(s->g, at, ", ", 2);
        pw_rules_call(s->g, at, behind, rule, 1, 1);
        at = behind;
    }
    least = least > (int32_t)n ? least - (int32_t)n : 0;
    if (most != PW_REPEAT_MAX) most -= (int32_t)n;
    if (most > 0) PW_TRY(item_rule(s, set, n, &rule, &may));
    if (most > 0 && may)
        pw_rules_call(s->g, at, end, next_item(s, rule), least, most);
    else if (least == 0)
        pw_rules_join(s->g, at, end);
    return PEWTER_OK;
}

/* ---- Constants ------------------------------------------------------------------------------- */

/* Which texts of an enum all that the set says beside it allows. */
static pewter_status try_texts(pw_schema *s, const pw_schema_set *set, const pw_facts *f,
                               char **texts, size_t n, bool *fit)
{
    pw_schema_set rest = {.none = set->none};
    for (int32_t i = 0; i < set->n; i++) {
        const pw_set_member *m = &set->members[i];
        PW_TRY(pw_schema_add_member(s, &rest, m->schema,
                                    i == f->chooser ? m->done | PW_DONE_ENUM : m->done));
    }
    return pw_schema_try(s, &rest, (const char *const *)texts, n, fit);
}

/* Whether all that the set says beside the enum is types: then these decide. */
static bool says_types_only(const pw_schema_set *set, const pw_facts *f)
{
    static const char *const words[] = {"type",    "title",    "description", "default",
                                        "$schema", "examples", "$comment"};
    for (int32_t i = 0; i < set->n; i++) {
        json_t *schema = (json_t *)(uintptr_t)set->members[i].schema, *value;
        const char *key;
        json_object_foreach(schema, key, value)
        {
            bool known = i == f->chooser && strcmp(key, f->is_const ? "const" : "enum") == 0;
            for (size_t k = 0; k < sizeof words / sizeof *words && !known; k++)
                known = strcmp(key, words[k]) == 0;
            if (!known) return false;
        }
    }
    return true;
}

static bool has_type(const pw_facts *f, const json_t *value)
{
    const int32_t type = json_is_null(value)      ? PW_TYPE_NULL
                         : json_is_boolean(value) ? PW_TYPE_BOOL
                         : json_is_number(value)  ? PW_TYPE_NUMBER
                         : json_is_string(value)  ? PW_TYPE_STRING
                         : json_is_array(value)   ? PW_TYPE_ARRAY
                                                  : PW_TYPE_OBJECT;
    if ((f->types & type) == 0) return false;
    const double number = json_number_value(value);
    return type != PW_TYPE_NUMBER || !f->integer || number == trunc(number);
}

static pewter_status add_enum(pw_schema *s, const pw_schema_set *set, const pw_facts *f,
                              int32_t from, int32_t to)
{
    const size_t n = f->is_const ? 1 : json_array_size(f->choices);
    char **texts = pw_arena_array(s->arena, n, sizeof *texts);
    bool *fit = pw_arena_array(s->arena, n, sizeof *fit);
    if (texts == NULL || fit == NULL)
        return pw_fail(s->err, PEWTER_E_MEMORY, "no memory for a schema");
    pewter_status status = PEWTER_OK;
    for (size_t i = 0; i < n && status == PEWTER_OK; i++) {
        const json_t *value = f->is_const ? f->choices : json_array_get(f->choices, i);
        size_t bytes;
        status = pw_json_dump(value, 0, &texts[i], &bytes, s->err);
        fit[i] = has_type(f, value);
    }
    if (status == PEWTER_OK && !says_types_only(set, f))
        status = try_texts(s, set, f, texts, n, fit);
    for (size_t i = 0; i < n && status == PEWTER_OK; i++)
        if (fit[i]) pw_rules_join(s->g, pw_rules_text(s->g, from, texts[i], strlen(texts[i])), to);
    for (size_t i = 0; i < n; i++) pw_json_text_free(texts[i]);
    return status;
}

/* ---- The choice among types ------------------------------------------------------------------ */

static void add_word(pw_schema *s, int32_t from, int32_t to, const char *word)
{
    pw_rules_join(s->g, pw_rules_text(s->g, from, word, strlen(word)), to);
}

pewter_status pw_schema_value(pw_schema *s, const pw_schema_set *set, const pw_facts *f,
                              int32_t from, int32_t to)
{
    if (f->types == 0) return PEWTER_OK;
    if (f->choices != NULL) return add_enum(s, set, f, from, to);
    if ((f->types & PW_TYPE_NULL) != 0) add_word(s, from, to, "null");
    if ((f->types & PW_TYPE_BOOL) != 0) {
        add_word(s, from, to, "true");
        add_word(s, from, to, "false");
    }
    if ((f->types & PW_TYPE_NUMBER) != 0) PW_TRY(pw_schema_number(s, f, from, to));
    if ((f->types & PW_TYPE_STRING) != 0) PW_TRY(pw_schema_string(s, set, f, from, to));
    if ((f->types & PW_TYPE_ARRAY) != 0) PW_TRY(add_array(s, set, f, from, to));
    if ((f->types & PW_TYPE_OBJECT) != 0) PW_TRY(pw_schema_object(s, set, f, from, to));
    return PEWTER_OK;
}
