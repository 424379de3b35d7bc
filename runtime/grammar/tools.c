#include "runtime/grammar/tools.h"

#include <string.h>

#include "pw/status.h"
#include "runtime/grammar/nfa.h"
#include "runtime/grammar/schema.h"
#include "runtime/grammar/trie.h"
#include "runtime/text/utf8.h"

enum { TOOLS = 128, CALLS = 16, NAME_BYTES = 64 };

typedef struct maker {
    pw_rules *g;
    const pewter_tool_format *format;
    const pw_tokenizer *tokenizer;
    pewter_error *err;
} maker;

/* ---- Texts with control tokens --------------------------------------------------------------- */

/* The control token whose name stands at the head of a text, the longest one; its bytes, 0: none does. */
static size_t control_at(const pw_tokenizer *tokenizer, const char *text)
{
    size_t longest = 0;
    for (size_t i = 0; i < pw_tokenizer_size(tokenizer); i++) {
        const char *name, *piece;
        if (pw_token_piece(tokenizer, (int32_t)i, false, &piece) > 0) continue;
        const size_t bytes = pw_token_piece(tokenizer, (int32_t)i, true, &name);
        if (bytes > longest && strncmp(text, name, bytes) == 0 && strlen(text) >= bytes)
            longest = bytes;
    }
    return longest;
}

/* Calls `add` with each stretch of a text, and whether it is a control token. */
typedef int32_t add_fn(void *context, int32_t from, const char *text, size_t bytes, bool control);

static int32_t each_part(const maker *m, const char *text, int32_t from, add_fn *add, void *context)
{
    while (*text != 0) {
        const size_t control = *text == '<' || *text == '[' ? control_at(m->tokenizer, text) : 0;
        const size_t size = control > 0 ? control : pw_utf8_char(text, strlen(text));
        from = add(context, from, text, size > 0 ? size : 1, control > 0);
        text += size > 0 ? size : 1;
    }
    return from;
}

static int32_t add_to_rules(void *context, int32_t from, const char *text, size_t bytes,
                            bool control)
{
    pw_rules *g = context;
    if (control) from = pw_rules_text(g, from, PW_CONTROL_MARK, strlen(PW_CONTROL_MARK));
    return pw_rules_text(g, from, text, bytes);
}

static int32_t add_text(const maker *m, int32_t from, const char *text)
{
    return each_part(m, text, from, add_to_rules, m->g);
}

/* ---- Text before the calls ------------------------------------------------------------------- */

static int32_t add_to_nfa(void *context, int32_t from, const char *text, size_t bytes, bool control)
{
    pw_nfa *nfa = context;
    if (control) {
        const int32_t to = pw_nfa_node(nfa);
        pw_nfa_chars(nfa, from, to, PW_CHAR_CONTROL, PW_CHAR_CONTROL);
        from = to;
    }
    for (size_t at = 0; at < bytes;) {
        const size_t size = pw_utf8_char(text + at, bytes - at);
        const uint32_t code = pw_utf8_code(text + at, size > 0 ? size : 1);
        const int32_t to = pw_nfa_node(nfa);
        pw_nfa_chars(nfa, from, to, code, code);
        from = to;
        at += size > 0 ? size : 1;
    }
    return from;
}

/* Any text, control tokens included, in which what begins a call is not found. */
static pewter_status add_free(const maker *m, int32_t from, int32_t to)
{
    pw_room room = {.arena.alloc = m->g->alloc, .work = PW_ROOM_WORK};
    pw_nfa nfa = {.arena = &room.arena};
    const int32_t start = pw_nfa_node(&nfa);
    int32_t end = each_part(m, m->format->begin, start, add_to_nfa, &nfa);
    /* Where a call is the whole answer, its first character decides. */
    const char brace[] = {m->format->item[0], 0};
    end = each_part(m, m->format->leads ? brace : m->format->item, end, add_to_nfa, &nfa);
    if (!m->format->leads) pw_nfa_chars(&nfa, start, start, 0, PW_CHAR_CONTROL);
    pw_nfa_chars(&nfa, end, end, 0, PW_CHAR_CONTROL);
    pw_dfa calls, none;
    pewter_status status = pw_dfa_of(&nfa, start, end, &room, &calls, m->err);
    if (status == PEWTER_OK) status = pw_dfa_not(&calls, PW_CHAR_CONTROL, &room, &none, m->err);
    if (status == PEWTER_OK) pw_dfa_emit(&none, m->g, from, to, false);
    pw_arena_free(&room.arena);
    return status;
}

/* ---- Calls ----------------------------------------------------------------------------------- */

/* A text as it is, without what could end it: every '<' is followed by another letter than '/' and '<'. */
static void add_raw(const maker *m, int32_t from, int32_t to)
{
    static const pw_range
        plain[] = {{'\t', '\n'}, {'\r', '\r'}, {' ', '<' - 1}, {'<' + 1, PW_CHAR_MAX}},
        behind[] = {
            {'\t', '\n'}, {'\r', '\r'}, {' ', '/' - 1}, {'/' + 1, '<' - 1}, {'<' + 1, PW_CHAR_MAX}};
    const int32_t rule = pw_rules_rule(m->g), begin = pw_rules_begin(m->g, rule);
    const int32_t end = pw_rules_node(m->g), bracket = pw_rules_node(m->g);
    pw_rules_class(m->g, begin, end, plain, sizeof plain / sizeof *plain, false);
    pw_rules_bytes(m->g, begin, bracket, '<', '<');
    pw_rules_class(m->g, bracket, end, behind, sizeof behind / sizeof *behind, false);
    pw_rules_end(m->g, rule, end);
    pw_rules_call(m->g, from, to, rule, 0, PW_REPEAT_MAX);
}

/* Whether a schema has no keywords but these and those that say nothing of values. */
static bool has_only(const json_t *schema, const char *first, const char *second)
{
    static const char *const silent[] = {"type",     "title",      "description", "default",
                                         "examples", "deprecated", "$defs",       "definitions",
                                         "$schema",  "$id",        "$comment"};
    const char *key;
    const json_t *value;
    json_object_foreach((json_t *)(uintptr_t)schema, key, value)
    {
        bool known = strcmp(key, first) == 0 || strcmp(key, second) == 0;
        for (size_t i = 0; !known && i < sizeof silent / sizeof *silent; i++)
            known = strcmp(key, silent[i]) == 0;
        if (!known) return false;
    }
    return true;
}

static bool is_string(const json_t *schema)
{
    const char *type = json_string_value(json_object_get(schema, "type"));
    return type != NULL && strcmp(type, "string") == 0;
}

/* A string's value: any text, or one of those that it may be. */
static pewter_status add_string(const maker *m, const json_t *schema, const char *name,
                                int32_t from, int32_t to)
{
    const json_t *choices = json_object_get(schema, "enum"),
                 *one = json_object_get(schema, "const");
    if (!has_only(schema, "enum", "const"))
        return pw_fail(
            m->err, PEWTER_E_UNSUPPORTED,
            "%s: of a string that is an argument this model's calls keep enum and const only",
            name);
    if (choices == NULL && one == NULL) add_raw(m, from, to);
    const size_t n = one != NULL ? 1 : json_array_size(choices);
    for (size_t i = 0; i < n; i++) {
        const char *text = json_string_value(one != NULL ? one : json_array_get(choices, i));
        if (text == NULL || strchr(text, '<') != NULL)
            return pw_fail(m->err, PEWTER_E_UNSUPPORTED,
                           "%s: strings without '<' wanted as its values for this model", name);
        pw_rules_join(m->g, pw_rules_text(m->g, from, text, strlen(text)), to);
    }
    return PEWTER_OK;
}

/* A value that is no plain string: JSON, by its schema with the definitions of the whole. */
static pewter_status add_value(const maker *m, const json_t *whole, const json_t *schema,
                               int32_t from, int32_t to)
{
    static const char *const shared[] = {"$defs", "definitions"};
    json_t *own = json_is_object(schema) ? json_copy((json_t *)(uintptr_t)schema) : NULL;
    bool fine = !json_is_object(schema) || own != NULL;
    for (size_t i = 0; own != NULL && i < 2; i++) {
        json_t *defs = json_object_get(whole, shared[i]);
        if (defs != NULL) fine = json_object_set(own, shared[i], defs) == 0 && fine;
    }
    int32_t rule;
    pewter_status status = fine ? pw_schema_rules(own != NULL ? own : schema, m->g, &rule, m->err)
                                : pw_fail(m->err, PEWTER_E_MEMORY, "no memory for a schema");
    if (status == PEWTER_OK) pw_rules_call(m->g, from, to, rule, 1, 1);
    json_decref(own);
    return status;
}

/* Arguments one by one, in the order of the schema. */
static pewter_status add_pairs(const maker *m, const json_t *schema, int32_t from, int32_t to)
{
    const json_t *required = json_object_get(schema, "required"), *property;
    const char *name;
    json_object_foreach(json_object_get(schema, "properties"), name, property)
    {
        bool wanted = false;
        for (size_t i = 0; i < json_array_size(required); i++) {
            const char *one = json_string_value(json_array_get(required, i));
            wanted = wanted || (one != NULL && strcmp(one, name) == 0);
        }
        if (strpbrk(name, "<\n") != NULL)
            return pw_fail(m->err, PEWTER_E_UNSUPPORTED, "an argument's name without '<' wanted");
        const int32_t rule = pw_rules_rule(m->g), next = pw_rules_node(m->g);
        int32_t at = add_text(m, pw_rules_begin(m->g, rule), m->format->key);
        at = add_text(m, pw_rules_text(m->g, at, name, strlen(name)), m->format->value);
        const int32_t behind = pw_rules_node(m->g);
        PW_TRY(is_string(property) ? add_string(m, property, name, at, behind)
                                   : add_value(m, schema, property, at, behind));
        pw_rules_end(m->g, rule, add_text(m, behind, m->format->value_end));
        pw_rules_call(m->g, from, next, rule, wanted ? 1 : 0, 1);
        from = next;
    }
    pw_rules_join(m->g, from, to);
    return PEWTER_OK;
}

/* The arguments of a call, as the model writes them. */
static pewter_status add_arguments(const maker *m, const json_t *schema, int32_t from, int32_t to)
{
    int32_t rule;
    if (m->format->key != NULL) {
        const char *type = json_string_value(json_object_get(schema, "type"));
        const bool object = type != NULL && strcmp(type, "object") == 0;
        json_t *plain = object ? json_copy((json_t *)(uintptr_t)schema) : NULL;
        json_object_del(plain, "additionalProperties"); /* none are ever written */
        json_object_del(plain, "strict");
        const bool fine = plain != NULL && has_only(plain, "properties", "required");
        json_decref(plain);
        if (!fine)
            return pw_fail(
                m->err, PEWTER_E_UNSUPPORTED,
                "an object of properties wanted for this model's calls, and no more keywords");
        return add_pairs(m, schema, from, to);
    }
    PW_TRY(pw_schema_rules(schema, m->g, &rule, m->err));
    pw_rules_call(m->g, from, to, rule, 1, 1);
    return PEWTER_OK;
}

static pewter_status add_tool(const maker *m, const json_t *tool, int32_t from, int32_t to)
{
    const json_t *name = json_object_get(tool, "name");
    const json_t *schema = json_object_get(tool, "parameters");
    const char *text = json_string_value(name);
    if (text == NULL || *text == 0 || strlen(text) > NAME_BYTES ||
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") !=
            json_string_length(name))
        return pw_fail(m->err, PEWTER_E_FORMAT,
                       "a tool's name: 1 to %d letters, digits, '_', '-' and '.' wanted",
                       NAME_BYTES);
    pewter_error why = {.message = ""};
    const maker inner = {m->g, m->format, m->tokenizer, &why};
    const int32_t at =
        add_text(m, pw_rules_text(m->g, from, text, strlen(text)), m->format->middle);
    const pewter_status status = add_arguments(&inner, schema, at, to);
    return status == PEWTER_OK ? status : pw_fail(m->err, status, "tool %s: %s", text, why.message);
}

/* One call as a rule, behind `between` where it is not the first. */
static pewter_status call_rule(const maker *m, const json_t *tools, const char *before,
                               int32_t *rule)
{
    *rule = pw_rules_rule(m->g);
    int32_t at = pw_rules_begin(m->g, *rule);
    const int32_t behind = pw_rules_node(m->g);
    at = add_text(m, add_text(m, at, before), m->format->item);
    for (size_t i = 0; i < json_array_size(tools); i++)
        PW_TRY(add_tool(m, json_array_get(tools, i), at, behind));
    pw_rules_end(m->g, *rule, add_text(m, behind, m->format->item_end));
    return PEWTER_OK;
}

static pewter_status add_calls(const maker *m, const json_t *tools, bool many, int32_t from,
                               int32_t to)
{
    int32_t first, next;
    PW_TRY(call_rule(m, tools, "", &first));
    int32_t at = add_text(m, from, m->format->begin);
    const int32_t behind = pw_rules_node(m->g), all = pw_rules_node(m->g);
    pw_rules_call(m->g, at, behind, first, 1, 1);
    pw_rules_join(m->g, behind, all);
    if (many && m->format->between != NULL) {
        PW_TRY(call_rule(m, tools, m->format->between, &next));
        pw_rules_call(m->g, behind, all, next, 1, CALLS - 1);
    }
    pw_rules_join(m->g, add_text(m, all, m->format->end), to);
    return PEWTER_OK;
}

pewter_status pw_tools_rules(const json_t *spec, const pewter_tool_format *format,
                             const pw_tokenizer *tokenizer, pw_rules *g, int32_t *root,
                             pewter_error *err)
{
    const maker m = {.g = g, .format = format, .tokenizer = tokenizer, .err = err};
    const json_t *tools = json_object_get(spec, "tools");
    const size_t n = json_array_size(tools);
    if (n == 0 || n > TOOLS)
        return pw_fail(err, PEWTER_E_FORMAT, "tools: 1 to %d wanted, %zu found", TOOLS, n);
    *root = pw_rules_rule(g);
    const int32_t from = pw_rules_begin(g, *root), to = pw_rules_node(g);
    pw_rules_end(g, *root, to);
    int32_t at = from;
    if (json_is_true(json_object_get(spec, "free"))) {
        const int32_t behind = pw_rules_node(g);
        PW_TRY(add_free(&m, from, behind));
        pw_rules_join(g, behind, to);
        /* Where a call is the whole answer, nothing comes before it. */
        if (!format->leads) at = behind;
    }
    return add_calls(&m, tools, json_is_true(json_object_get(spec, "many")), at, to);
}
