/* Bodies of objects. */
#include <string.h>

#include "pw/status.h"
#include "runtime/grammar/schema_set.h"

enum { NAMES = 1024 };

/* A property that the set names. */
typedef struct property {
    const char *name;
    int32_t rule;
    bool may, must;
} property;

typedef struct object {
    pw_schema *s;
    const pw_schema_set *set;
    property *list; /* [NAMES] */
    int32_t n;
    bool extra;         /* others may be there, */
    int32_t extra_rule; /* each with a value of this rule */
} object;

static pewter_status wants(const pw_schema *s, const char *name, const char *what)
{
    return pw_fail(s->err, PEWTER_E_FORMAT, "the schema: %s: %s wanted", name, what);
}

static pewter_status add_name(object *o, const char *name, bool must)
{
    for (int32_t i = 0; i < o->n; i++) {
        if (strcmp(o->list[i].name, name) != 0) continue;
        o->list[i].must = o->list[i].must || must;
        return PEWTER_OK;
    }
    if (o->n == NAMES)
        return pw_fail(o->s->err, PEWTER_E_LIMIT, "the schema: more than %d properties", NAMES);
    o->list[o->n++] = (property){.name = name, .must = must};
    return PEWTER_OK;
}

/* The names in the order in which the schemas have them; what is only required comes last. */
static pewter_status take_names(object *o)
{
    for (int32_t i = 0; i < o->set->n; i++) {
        json_t *properties = json_object_get(o->set->members[i].schema, "properties"), *value;
        const char *name;
        if (properties != NULL && !json_is_object(properties))
            return wants(o->s, "properties", "an object");
        json_object_foreach(properties, name, value) PW_TRY(add_name(o, name, false));
    }
    for (int32_t i = 0; i < o->set->n; i++) {
        const json_t *list = json_object_get(o->set->members[i].schema, "required");
        if (json_is_boolean(list)) continue; /* draft 3 */
        if (list != NULL && !json_is_array(list)) return wants(o->s, "required", "a list of names");
        for (size_t k = 0; k < json_array_size(list); k++) {
            const json_t *name = json_array_get(list, k);
            if (!json_is_string(name) ||
                strlen(json_string_value(name)) != json_string_length(name))
                return wants(o->s, "required", "a list of names");
            PW_TRY(add_name(o, json_string_value(name), true));
        }
    }
    return PEWTER_OK;
}

/* What a schema says of a property that it does not name. One that names properties and says nothing of others
 * wants no others: a model is asked for these. */
static const json_t *others_of(const json_t *schema, bool *closed)
{
    const json_t *others = json_object_get(schema, "additionalProperties");
    *closed = others == NULL && json_object_get(schema, "properties") != NULL;
    return others;
}

/* The rule of a property, by name; NULL: one that nobody names. */
static pewter_status property_rule(object *o, const char *name, bool must, int32_t *rule, bool *may)
{
    pw_schema_set value = {0};
    bool any_closed = false, named = must;
    for (int32_t i = 0; i < o->set->n; i++) {
        const json_t *schema = o->set->members[i].schema;
        const json_t *own =
            name != NULL ? json_object_get(json_object_get(schema, "properties"), name) : NULL;
        bool closed = false;
        if (own != NULL)
            named = true;
        else
            own = others_of(schema, &closed);
        any_closed = any_closed || closed;
        if (own != NULL) PW_TRY(pw_schema_add(o->s, &value, own));
    }
    /* What one schema names, another that only says nothing of it does not take away. */
    *may = !value.none && (named || !any_closed);
    return *may ? pw_schema_rule_of(o->s, &value, rule) : PEWTER_OK;
}

static pewter_status fill(object *o)
{
    o->list = pw_arena_array(o->s->arena, NAMES, sizeof *o->list);
    if (o->list == NULL) return pw_fail(o->s->err, PEWTER_E_MEMORY, "no memory for a schema");
    PW_TRY(take_names(o));
    for (int32_t i = 0; i < o->n; i++) {
        property *p = &o->list[i];
        PW_TRY(property_rule(o, p->name, p->must, &p->rule, &p->may));
    }
    return property_rule(o, NULL, false, &o->extra_rule, &o->extra);
}

/* `"name": value` from a node on, behind a comma where it is not the first. */
static pewter_status add_property(object *o, const property *p, bool first, int32_t from,
                                  int32_t to)
{
    pw_rules *g = o->s->g;
    json_t *name = json_string(p->name);
    char *text = NULL;
    size_t bytes;
    const pewter_status status = name == NULL
                                     ? pw_fail(o->s->err, PEWTER_E_MEMORY, "no memory for a schema")
                                     : pw_json_dump(name, 0, &text, &bytes, o->s->err);
    json_decref(name);
    if (status != PEWTER_OK) return status;
    if (!first) from = pw_rules_text(g, from, ", ", 2);
    from = pw_rules_text(g, pw_rules_text(g, from, text, bytes), ": ", 2);
    pw_rules_call(g, from, to, p->rule, 1, 1);
    pw_json_text_free(text);
    return PEWTER_OK;
}

/* `"other": value` as a rule, behind a comma where it is not the first. */
static pewter_status extra_rule(object *o, bool first, int32_t *rule)
{
    pw_rules *g = o->s->g;
    *rule = pw_rules_rule(g);
    int32_t at = pw_rules_begin(g, *rule);
    if (!first) at = pw_rules_text(g, at, ", ", 2);
    const int32_t open = pw_rules_text(g, at, "\"", 1), close = pw_rules_node(g);
    const char **names = pw_arena_array(o->s->arena, (size_t)o->n, sizeof *names);
    if (names == NULL) return pw_fail(o->s->err, PEWTER_E_MEMORY, "no memory for a schema");
    for (int32_t i = 0; i < o->n; i++) names[i] = o->list[i].name;
    PW_TRY(pw_schema_other_name(o->s, names, (size_t)o->n, open, close));
    const int32_t end = pw_rules_node(g);
    pw_rules_call(g, pw_rules_text(g, close, "\": ", 3), end, o->extra_rule, 1, 1);
    pw_rules_end(g, *rule, end);
    return PEWTER_OK;
}

/* The others, behind `count` properties that were named. Two of one name would count as one, so no more than
 * one may be needed. */
static pewter_status add_extras(object *o, const pw_facts *f, int32_t count, int32_t from,
                                int32_t to, int32_t next_rule)
{
    pw_rules *g = o->s->g;
    const int32_t least = f->fewest_members > count ? f->fewest_members - count : 0;
    const int32_t most = f->most_members == PW_REPEAT_MAX ? PW_REPEAT_MAX : f->most_members - count;
    if (least == 0) pw_rules_join(g, from, to);
    if (!o->extra || most < 1) return PEWTER_OK;
    if (least > 1)
        return pw_fail(o->s->err, PEWTER_E_UNSUPPORTED,
                       "the schema: minProperties: %d properties that the schema does not name "
                       "cannot be kept apart: name them, or ask for one",
                       least);
    if (count > 0) {
        pw_rules_call(g, from, to, next_rule, least, most);
        return PEWTER_OK;
    }
    int32_t first;
    PW_TRY(extra_rule(o, true, &first));
    const int32_t behind = pw_rules_node(g);
    pw_rules_call(g, from, behind, first, 1, 1);
    pw_rules_call(g, behind, to, next_rule, 0, most == PW_REPEAT_MAX ? most : most - 1);
    return PEWTER_OK;
}

/* Nodes by how many of the properties are passed and how many of these are there, up to where it matters. */
static pewter_status add_members(object *o, const pw_facts *f, int32_t from, int32_t to)
{
    pw_rules *g = o->s->g;
    int32_t counts = f->fewest_members > 1 ? f->fewest_members : 1; /* more are as good */
    if (f->most_members != PW_REPEAT_MAX && f->most_members > counts) counts = f->most_members;
    if (counts > o->n) counts = o->n > 0 ? o->n : 1;
    int32_t *row = pw_arena_array(o->s->arena, 2 * ((size_t)counts + 1), sizeof *row);
    int32_t *next = row != NULL ? row + counts + 1 : NULL, next_rule = 0;
    if (row == NULL) return pw_fail(o->s->err, PEWTER_E_MEMORY, "no memory for a schema");
    if (o->extra) PW_TRY(extra_rule(o, false, &next_rule));
    for (int32_t c = 0; c <= counts; c++) row[c] = c == 0 ? from : pw_rules_node(g);
    for (int32_t i = 0; i < o->n && g->failed == PEWTER_OK; i++) {
        const property *p = &o->list[i];
        for (int32_t c = 0; c <= counts; c++) next[c] = pw_rules_node(g);
        for (int32_t c = 0; c <= counts; c++) {
            if (!p->must) pw_rules_join(g, row[c], next[c]);
            const bool full = f->most_members != PW_REPEAT_MAX && c >= f->most_members;
            if (!p->may || full) continue;
            PW_TRY(add_property(o, p, c == 0, row[c], next[c < counts ? c + 1 : c]));
        }
        int32_t *swap = row;
        row = next;
        next = swap;
    }
    for (int32_t c = 0; c <= counts && g->failed == PEWTER_OK; c++)
        PW_TRY(add_extras(o, f, c, row[c], to, next_rule));
    return PEWTER_OK;
}

pewter_status pw_schema_object(pw_schema *s, const pw_schema_set *set, const pw_facts *facts,
                               int32_t from, int32_t to)
{
    object o = {.s = s, .set = set};
    if (facts->most_members < facts->fewest_members) return PEWTER_OK;
    PW_TRY(fill(&o));
    const int32_t open = pw_rules_text(s->g, from, "{", 1), end = pw_rules_node(s->g);
    pw_rules_bytes(s->g, end, to, '}', '}');
    return add_members(&o, facts, open, end);
}
