/* What the schemas of a set say together, and what is said that cannot be kept. */
#include <string.h>

#include "pw/status.h"
#include "runtime/grammar/schema_set.h"

/* ---- Keywords -------------------------------------------------------------------------------- */

/* Those that a grammar here does not keep, and the types of values that they speak of. */
static const struct {
    const char *name;
    int32_t types;
} refused[] = {
    {"multipleOf", PW_TYPE_NUMBER},
    {"uniqueItems", PW_TYPE_ARRAY},
    {"contains", PW_TYPE_ARRAY},
    {"unevaluatedItems", PW_TYPE_ARRAY},
    {"patternProperties", PW_TYPE_OBJECT},
    {"propertyNames", PW_TYPE_OBJECT},
    {"dependencies", PW_TYPE_OBJECT},
    {"dependentRequired", PW_TYPE_OBJECT},
    {"dependentSchemas", PW_TYPE_OBJECT},
    {"unevaluatedProperties", PW_TYPE_OBJECT},
    {"not", PW_TYPE_ALL},
    {"if", PW_TYPE_ALL},
    {"$dynamicRef", PW_TYPE_ALL},
    {"$recursiveRef", PW_TYPE_ALL},
};

static bool says_nothing(const char *name, const json_t *value)
{
    return strcmp(name, "uniqueItems") == 0 && json_is_false(value);
}

static pewter_status check_keywords(pw_schema *s, const json_t *schema, int32_t types)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        const json_t *value = json_object_get(schema, refused[i].name);
        if (value == NULL || (refused[i].types & types) == 0 ||
            says_nothing(refused[i].name, value))
            continue;
        return pw_fail(s->err, PEWTER_E_UNSUPPORTED,
                       "the schema: %s cannot be kept here; docs/STRUCTURED.md lists what can",
                       refused[i].name);
    }
    return PEWTER_OK;
}

/* ---- Types ----------------------------------------------------------------------------------- */

static int32_t type_of(const char *name, bool *integer)
{
    static const struct {
        const char *name;
        int32_t type;
    } types[] = {{"null", PW_TYPE_NULL},     {"boolean", PW_TYPE_BOOL},
                 {"number", PW_TYPE_NUMBER}, {"integer", PW_TYPE_NUMBER},
                 {"string", PW_TYPE_STRING}, {"array", PW_TYPE_ARRAY},
                 {"object", PW_TYPE_OBJECT}};
    *integer = strcmp(name, "integer") == 0;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(name, types[i].name) == 0) return types[i].type;
    return 0;
}

static pewter_status take_types(pw_schema *s, const json_t *value, pw_facts *f)
{
    if (value == NULL) return PEWTER_OK;
    const bool list = json_is_array(value);
    int32_t types = 0;
    bool any_integer = false, any_number = false;
    for (size_t i = 0; i < (list ? json_array_size(value) : 1); i++) {
        const json_t *one = list ? json_array_get(value, i) : value;
        bool integer;
        const int32_t type = json_is_string(one) ? type_of(json_string_value(one), &integer) : 0;
        if (type == 0)
            return pw_fail(
                s->err, PEWTER_E_FORMAT,
                "the schema: type: null, boolean, integer, number, string, array or object "
                "wanted");
        any_integer = any_integer || integer;
        any_number = any_number || (type == PW_TYPE_NUMBER && !integer);
        types |= type;
    }
    f->types &= types;
    f->integer = f->integer || (any_integer && !any_number);
    return PEWTER_OK;
}

/* ---- Numbers --------------------------------------------------------------------------------- */

static double value_of(const json_t *number)
{
    return json_number_value(number);
}

/* A bound of which the stricter one counts; at the same number the one that is out. */
static pewter_status take_bound(pw_schema *s, const json_t *schema, const char *name, bool lower,
                                bool out, pw_facts *f)
{
    const json_t *value = json_object_get(schema, name);
    if (value == NULL || (out && json_is_boolean(value))) return PEWTER_OK;
    if (!json_is_number(value))
        return pw_fail(s->err, PEWTER_E_FORMAT, "the schema: %s: a number wanted", name);
    /* Draft 4: exclusiveMinimum true beside minimum. */
    if (!out)
        out =
            json_is_true(json_object_get(schema, lower ? "exclusiveMinimum" : "exclusiveMaximum"));
    const json_t **bound = lower ? &f->least : &f->most;
    bool *is_out = lower ? &f->above : &f->below;
    if (*bound != NULL && value_of(*bound) == value_of(value)) {
        *is_out = *is_out || out;
    } else if (*bound == NULL || (value_of(value) > value_of(*bound)) == lower) {
        *bound = value;
        *is_out = out;
    }
    return PEWTER_OK;
}

static pewter_status take_bounds(pw_schema *s, const json_t *schema, pw_facts *f)
{
    PW_TRY(take_bound(s, schema, "minimum", true, false, f));
    PW_TRY(take_bound(s, schema, "maximum", false, false, f));
    PW_TRY(take_bound(s, schema, "exclusiveMinimum", true, true, f));
    return take_bound(s, schema, "exclusiveMaximum", false, true, f);
}

/* ---- Counts ---------------------------------------------------------------------------------- */

static pewter_status take_count(pw_schema *s, const json_t *schema, const char *name, bool least,
                                int32_t *count)
{
    const json_t *value = json_object_get(schema, name);
    if (value == NULL) return PEWTER_OK;
    const double n = json_number_value(value);
    if (!json_is_number(value) || n < 0 || n != (double)(int64_t)(n < 1e15 ? n : 0.5))
        return pw_fail(s->err, PEWTER_E_FORMAT, "the schema: %s: a whole number wanted", name);
    enum { MOST = 1000000000 };
    if (least && n > MOST)
        return pw_fail(s->err, PEWTER_E_LIMIT, "the schema: %s: at most %d wanted", name, MOST);
    const int32_t whole = n > MOST ? PW_REPEAT_MAX : (int32_t)n;
    if (least ? whole > *count : whole < *count) *count = whole;
    return PEWTER_OK;
}

static pewter_status take_counts(pw_schema *s, const json_t *schema, pw_facts *f)
{
    const struct {
        const char *name;
        bool least;
        int32_t *count;
    } counts[] = {
        {"minLength", true, &f->shortest},           {"maxLength", false, &f->longest},
        {"minItems", true, &f->fewest_items},        {"maxItems", false, &f->most_items},
        {"minProperties", true, &f->fewest_members}, {"maxProperties", false, &f->most_members},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        PW_TRY(take_count(s, schema, counts[i].name, counts[i].least, counts[i].count));
    return PEWTER_OK;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static bool has_value(const json_t *choices, bool is_const, const json_t *value)
{
    if (is_const) return json_equal(choices, value) != 0;
    for (size_t i = 0; i < json_array_size(choices); i++)
        if (json_equal(json_array_get(choices, i), value)) return true;
    return false;
}

static pewter_status take_choices(pw_schema *s, const pw_set_member *m, int32_t at, pw_facts *f)
{
    const json_t *list = json_object_get(m->schema, "enum");
    const json_t *one = json_object_get(m->schema, "const");
    if (list != NULL && !json_is_array(list))
        return pw_fail(s->err, PEWTER_E_FORMAT, "the schema: enum: a list wanted");
    if ((list == NULL && one == NULL) || (m->done & PW_DONE_ENUM) != 0) return PEWTER_OK;
    if (one != NULL && list != NULL && !has_value(list, false, one)) f->types = 0;
    if (f->choices != NULL) return PEWTER_OK; /* trying the first one's values shows what stays */
    f->chooser = at;
    f->is_const = one != NULL;
    f->choices = one != NULL ? one : list;
    return PEWTER_OK;
}

pewter_status pw_schema_facts(pw_schema *s, const pw_schema_set *set, pw_facts *out)
{
    *out = (pw_facts){.types = PW_TYPE_ALL,
                      .longest = PW_REPEAT_MAX,
                      .most_items = PW_REPEAT_MAX,
                      .most_members = PW_REPEAT_MAX};
    for (int32_t i = 0; i < set->n; i++) {
        const json_t *schema = set->members[i].schema;
        PW_TRY(take_types(s, json_object_get(schema, "type"), out));
        PW_TRY(take_bounds(s, schema, out));
        PW_TRY(take_counts(s, schema, out));
        PW_TRY(take_choices(s, &set->members[i], i, out));
        out->has_text = out->has_text || json_object_get(schema, "pattern") != NULL ||
                        json_object_get(schema, "format") != NULL;
    }
    for (int32_t i = 0; i < set->n; i++)
        PW_TRY(check_keywords(s, set->members[i].schema, out->types));
    return PEWTER_OK;
}

/* ---- Whether schemas exclude each other ------------------------------------------------------ */

/* Values of two enums or constants, none in both. Numbers of two kinds may be equal: 1 and 1.0. */
static bool choices_apart(const pw_facts *a, const pw_facts *b)
{
    if (a->choices == NULL || b->choices == NULL) return false;
    for (size_t i = 0; i < (a->is_const ? 1 : json_array_size(a->choices)); i++) {
        const json_t *value = a->is_const ? a->choices : json_array_get(a->choices, i);
        if (!json_is_string(value) && !json_is_boolean(value) && !json_is_null(value)) return false;
        if (has_value(b->choices, b->is_const, value)) return false;
    }
    return true;
}

static bool requires(const pw_schema_set *set, const char *name)
{
    for (int32_t i = 0; i < set->n; i++) {
        const json_t *list = json_object_get(set->members[i].schema, "required");
        for (size_t k = 0; k < json_array_size(list); k++) {
            const char *one = json_string_value(json_array_get(list, k));
            if (one != NULL && strcmp(one, name) == 0) return true;
        }
    }
    return false;
}

/* The constants of a property that all members name together. */
static pewter_status property_facts(pw_schema *s, const pw_schema_set *set, const char *name,
                                    pw_facts *out)
{
    pw_schema_set of = {0};
    for (int32_t i = 0; i < set->n; i++) {
        const json_t *one =
            json_object_get(json_object_get(set->members[i].schema, "properties"), name);
        if (one != NULL) PW_TRY(pw_schema_add(s, &of, one));
    }
    return pw_schema_facts(s, &of, out);
}

static pewter_status properties_apart(pw_schema *s, const pw_schema_set *a, const pw_schema_set *b,
                                      bool *apart)
{
    *apart = false;
    for (int32_t i = 0; i < a->n && !*apart; i++) {
        json_t *properties = json_object_get(a->members[i].schema, "properties"), *value;
        const char *name;
        json_object_foreach(properties, name, value)
        {
            if (!requires(a, name) || !requires(b, name)) continue;
            pw_facts x, y;
            PW_TRY(property_facts(s, a, name, &x));
            PW_TRY(property_facts(s, b, name, &y));
            if (!choices_apart(&x, &y)) continue;
            *apart = true;
            break;
        }
    }
    return PEWTER_OK;
}

static pewter_status pair_apart(pw_schema *s, const json_t *x, const json_t *y, bool *apart)
{
    pw_schema_set a = {0}, b = {0};
    pw_facts f, g;
    PW_TRY(pw_schema_add(s, &a, x));
    PW_TRY(pw_schema_add(s, &b, y));
    PW_TRY(pw_schema_facts(s, &a, &f));
    PW_TRY(pw_schema_facts(s, &b, &g));
    *apart = a.none || b.none || (f.types & g.types) == 0 || choices_apart(&f, &g);
    if (!*apart && (f.types & g.types) == PW_TYPE_OBJECT)
        PW_TRY(properties_apart(s, &a, &b, apart));
    return PEWTER_OK;
}

pewter_status pw_schema_disjoint(pw_schema *s, const json_t *list, bool *apart)
{
    enum { MOST = 256 };
    const size_t n = json_array_size(list);
    *apart = n <= MOST;
    for (size_t i = 0; i < n && *apart; i++)
        for (size_t k = i + 1; k < n && *apart; k++)
            PW_TRY(pair_apart(s, json_array_get(list, i), json_array_get(list, k), apart));
    return PEWTER_OK;
}
