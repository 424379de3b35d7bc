#include "tools/server/structure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/server/fields.h"

/* ---- The cache ------------------------------------------------------------------------------- */

enum { GRAMMARS = 32 };

typedef struct cached {
    pewter_grammar *grammar; /* NULL: free */
    const pewter_model *model;
    uint64_t share;
    pewter_grammar_kind kind;
    char *text;
    size_t bytes;
    uint64_t used; /* when, by the cache's clock */
} cached;

struct grammar_cache {
    cached list[GRAMMARS];
    uint64_t clock;
};

grammar_cache *grammar_cache_new(void)
{
    return calloc(1, sizeof(grammar_cache));
}

static void drop(cached *c)
{
    pewter_grammar_free(c->grammar);
    free(c->text);
    *c = (cached){0};
}

void grammar_cache_free(grammar_cache *cache)
{
    if (cache == NULL) return;
    for (size_t i = 0; i < GRAMMARS; i++) drop(&cache->list[i]);
    free(cache);
}

static cached *find(grammar_cache *cache, const cached *wanted)
{
    for (size_t i = 0; i < GRAMMARS; i++) {
        cached *c = &cache->list[i];
        if (c->grammar != NULL && c->model == wanted->model && c->share == wanted->share &&
            c->kind == wanted->kind && c->bytes == wanted->bytes &&
            memcmp(c->text, wanted->text, c->bytes) == 0)
            return c;
    }
    return NULL;
}

/* Compiles what is new in place of what was not used for longest. Takes the text. */
static bool compile(grammar_cache *cache, cached *wanted, pewter_grammar **out, refusal *r)
{
    pewter_error err;
    cached *c = find(cache, wanted);
    if (c == NULL) {
        const pewter_status status = pewter_grammar_new(wanted->model, wanted->kind, wanted->text,
                                                        wanted->bytes, &wanted->grammar, &err);
        if (status != PEWTER_OK) {
            free(wanted->text);
            return refuse_status(r, status, &err);
        }
        c = &cache->list[0];
        for (size_t i = 1; i < GRAMMARS; i++)
            if (cache->list[i].used < c->used) c = &cache->list[i];
        drop(c);
        *c = *wanted;
    } else {
        free(wanted->text);
    }
    c->used = ++cache->clock;
    *out = pewter_grammar_hold(c->grammar);
    return true;
}

/* ---- What is asked for ----------------------------------------------------------------------- */

/* A form that was found in a request, and the text of its grammar. */
typedef struct form {
    const char *field; /* "response_format"; NULL: none yet */
    pewter_grammar_kind kind;
    char *text; /* the caller frees it */
    size_t bytes;
} form;

/* Two forms at once would have to hold both. */
static bool begin_form(form *f, const char *field, pewter_grammar_kind kind, refusal *r)
{
    if (f->field != NULL)
        return refuse(r, 400, field, "%s and %s are both there: one form of the answer is wanted",
                      f->field, field);
    f->field = field;
    f->kind = kind;
    return true;
}

static bool set_text(form *f, const char *text, size_t bytes, refusal *r)
{
    char *copy = malloc(bytes + 1);
    if (copy == NULL) {
        refuse(r, 503, NULL, "no memory for a grammar");
        return false;
    }
    memcpy(copy, text, bytes);
    copy[bytes] = 0;
    free(f->text); /* none: a form is taken once */
    f->text = copy;
    f->bytes = bytes;
    return true;
}

static bool set_json(form *f, const json_t *schema, refusal *r)
{
    char *text;
    size_t bytes;
    pewter_error err;
    const pewter_status status = pw_json_dump(schema, 0, &text, &bytes, &err);
    if (status != PEWTER_OK) return refuse_status(r, status, &err);
    const bool ok = set_text(f, text, bytes, r);
    pw_json_text_free(text);
    return ok;
}

/* A schema as JSON, or as a text that holds it. */
static bool take_schema(form *f, const char *field, const json_t *value, refusal *r)
{
    if (!begin_form(f, field, PEWTER_GRAMMAR_SCHEMA, r)) return false;
    if (json_is_string(value))
        return set_text(f, json_string_value(value), json_string_length(value), r);
    if (!json_is_object(value) && !json_is_boolean(value))
        return field_wrong(r, field, "a JSON schema", value);
    return set_json(f, value, r);
}

static bool take_text(form *f, const char *field, pewter_grammar_kind kind, const json_t *value,
                      refusal *r)
{
    if (!json_is_string(value)) return field_wrong(r, field, "a text", value);
    return begin_form(f, field, kind, r) &&
           set_text(f, json_string_value(value), json_string_length(value), r);
}

static bool take_regex(form *f, const char *field, const json_t *value, refusal *r)
{
    return take_text(f, field, PEWTER_GRAMMAR_REGEX, value, r);
}

static bool take_gbnf(form *f, const char *field, const json_t *value, refusal *r)
{
    return take_text(f, field, PEWTER_GRAMMAR_GBNF, value, r);
}

/* One of several texts: each as a literal of GBNF. */
static bool take_choice(form *f, const char *field, const json_t *value, refusal *r)
{
    textbuf t = {0};
    size_t i;
    json_t *one;
    if (json_array_size(value) == 0) return field_wrong(r, field, "a list of texts", value);
    if (!begin_form(f, field, PEWTER_GRAMMAR_GBNF, r)) return false;
    text_print(&t, "root ::= ");
    json_array_foreach(value, i, one)
    {
        if (!json_is_string(one)) {
            text_free(&t);
            return field_wrong(r, field, "a list of texts", one);
        }
        text_print(&t, i > 0 ? " | \"" : "\"");
        for (const char *c = json_string_value(one); *c != 0; c++) {
            if (*c == '"' || *c == '\\' || *c == '\n' || *c == '\r')
                text_print(&t, "\\x%02x", (unsigned)(unsigned char)*c);
            else
                text_add(&t, c, 1);
        }
        text_print(&t, "\"");
    }
    bool ok = !t.failed;
    if (!ok) refuse(r, 503, NULL, "no memory for a grammar");
    if (ok) ok = set_text(f, t.data, t.bytes, r);
    text_free(&t);
    return ok;
}

/* Any JSON object (RFC 8259), with as much white space as a printer of JSON would put there. */
static const char any_object[] =
    "root ::= object\n"
    "object ::= \"{\" ws (pair (\",\" ws pair)*)? \"}\"\n"
    "pair ::= string \":\" ws value ws\n"
    "array ::= \"[\" ws (value ws (\",\" ws value ws)*)? \"]\"\n"
    "value ::= object | array | string | number | \"true\" | \"false\" | \"null\"\n"
    "string ::= \"\\\"\" ([^\"\\\\\\x00-\\x1f] | \"\\\\\" [\"\\\\bfnrt])* \"\\\"\"\n"
    "number ::= \"-\"? (\"0\" | [1-9] [0-9]{0,14}) (\".\" [0-9]{1,20})? ([eE] [-+]? [0-9]{1,2})?\n"
    "ws ::= (\" \" | \"\\n\" [ \\t]{0,24})?\n";

/* OpenAI's response_format. */
static bool take_format(form *f, const char *field, const json_t *value, refusal *r)
{
    const json_t *type = json_object_get(value, "type");
    const char *name = json_is_string(type) ? json_string_value(type) : "";
    if (strcmp(name, "text") == 0) return true;
    if (strcmp(name, "json_object") == 0)
        return begin_form(f, field, PEWTER_GRAMMAR_GBNF, r) &&
               set_text(f, any_object, strlen(any_object), r);
    if (strcmp(name, "json_schema") != 0)
        return refuse(r, 400, field,
                      "response_format.type: \"text\", \"json_object\" or \"json_schema\" wanted");
    const json_t *schema = json_object_get(json_object_get(value, "json_schema"), "schema");
    if (schema == NULL)
        return refuse(r, 400, field, "response_format.json_schema.schema: a JSON schema wanted");
    return take_schema(f, field, schema, r);
}

typedef bool take_fn(form *f, const char *field, const json_t *value, refusal *r);

typedef struct form_row {
    const char *name;
    take_fn *take;
} form_row;

static bool take_rows(const form_row *rows, size_t n, const json_t *object, form *f, refusal *r)
{
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_object_get(object, rows[i].name);
        if (value != NULL && !json_is_null(value) && !rows[i].take(f, rows[i].name, value, r))
            return false;
    }
    return true;
}

/* vLLM's structured_outputs. */
static bool take_outputs(form *f, const char *field, const json_t *value, refusal *r)
{
    static const form_row rows[] = {{"json", take_schema},
                                    {"regex", take_regex},
                                    {"choice", take_choice},
                                    {"grammar", take_gbnf}};
    if (!json_is_object(value)) return field_wrong(r, field, "an object", value);
    return take_rows(rows, sizeof rows / sizeof *rows, value, f, r);
}

static bool compile_form(const grammar_place *place, const form *f, pewter_grammar **out,
                         refusal *r)
{
    cached wanted = {.model = place->model,
                     .share = place->share,
                     .kind = f->kind,
                     .text = f->text,
                     .bytes = f->bytes};
    return compile(place->cache, &wanted, out, r);
}

bool structure_compile(const grammar_place *place, pewter_grammar_kind kind, const json_t *json,
                       pewter_grammar **out, refusal *r)
{
    form f = {.kind = kind};
    return set_json(&f, json, r) && f.text != NULL && compile_form(place, &f, out, r);
}

bool structure_read(const json_t *body, const grammar_place *place, pewter_grammar **out,
                    refusal *r)
{
    /* OpenAI's name first, then vLLM's, then llama.cpp's. */
    static const form_row rows[] = {
        {"response_format", take_format}, {"structured_outputs", take_outputs},
        {"guided_json", take_schema},     {"guided_regex", take_regex},
        {"guided_choice", take_choice},   {"guided_grammar", take_gbnf},
        {"json_schema", take_schema},     {"grammar", take_gbnf}};
    form f = {0};
    bool ok = take_rows(rows, sizeof rows / sizeof *rows, body, &f, r);
    if (!ok || f.text == NULL) {
        free(f.text);
        return ok;
    }
    ok = compile_form(place, &f, out, r);
    if (!ok) snprintf(r->param, sizeof r->param, "%s", f.field);
    return ok;
}
