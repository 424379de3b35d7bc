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
    int32_t rule;
    pewter_error why;
    const pewter_status status = pw_schema_rules(schema, m->g, &rule, &why);
    if (status != PEWTER_OK) return pw_fail(m->err, status, "tool %s: %s", text, why.message);
    const int32_t at =
        add_text(m, pw_rules_text(m->g, from, text, strlen(text)), m->format->middle);
    pw_rules_call(m->g, at, to, rule, 1, 1);
    return PEWTER_OK;
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
