#include "runtime/grammar/gbnf.h"

#include <string.h>

#include "pw/status.h"
#include "runtime/grammar/chars.h"
#include "runtime/text/utf8.h"

enum { DEPTH = 64, NAME_BYTES = 256, NAMES = 4096, REPEAT = 100000 };

typedef struct name {
    const char *text;
    size_t bytes;
    int32_t rule;
} name;

typedef struct parser {
    const char *text;
    size_t bytes, at;
    pw_rules *g;
    pw_arena *arena;
    name *names; /* [NAMES] */
    int32_t n_names;
    int depth;
    pewter_error *err;
} parser;

static char peek(const parser *p)
{
    return p->at < p->bytes ? p->text[p->at] : 0;
}

static bool take(parser *p, const char *word)
{
    const size_t n = strlen(word);
    if (p->bytes - p->at < n || memcmp(p->text + p->at, word, n) != 0) return false;
    p->at += n;
    return true;
}

static pewter_status broken(const parser *p, const char *what)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < p->at && i < p->bytes; i++) {
        column = p->text[i] == '\n' ? 1 : column + 1;
        line += p->text[i] == '\n';
    }
    return pw_fail(p->err, PEWTER_E_FORMAT, "line %zu, column %zu of the grammar: %s", line, column,
                   what);
}

/* White space and comments; ends of lines only where `lines`. */
static void skip(parser *p, bool lines)
{
    for (; p->at < p->bytes; p->at++) {
        const char c = peek(p);
        if (c == '#')
            while (p->at + 1 < p->bytes && p->text[p->at + 1] != '\n') p->at++;
        else if (c != ' ' && c != '\t' && !(lines && (c == '\n' || c == '\r')))
            return;
    }
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

/* The rule of the name that stands here. */
static pewter_status take_name(parser *p, int32_t *rule)
{
    const char *text = p->text + p->at;
    size_t bytes = 0;
    while (is_name(peek(p))) {
        p->at++;
        bytes++;
    }
    if (bytes == 0 || bytes > NAME_BYTES) return broken(p, "a name of 1 to 256 letters wanted");
    for (int32_t i = 0; i < p->n_names; i++) {
        if (p->names[i].bytes != bytes || memcmp(p->names[i].text, text, bytes) != 0) continue;
        *rule = p->names[i].rule;
        return PEWTER_OK;
    }
    if (p->n_names == NAMES) return broken(p, "more than 4096 names");
    *rule = pw_rules_rule(p->g);
    p->names[p->n_names++] = (name){text, bytes, *rule};
    return PEWTER_OK;
}

static pewter_status take_hex(parser *p, int digits, uint32_t *code)
{
    *code = 0;
    for (int i = 0; i < digits; i++) {
        const int value = pw_hex_value(peek(p));
        if (value < 0) return broken(p, "a hexadecimal digit wanted");
        *code = *code << 4 | (uint32_t)value;
        p->at++;
    }
    if (*code > 0x10fffe || (*code >= 0xd800 && *code < 0xe000))
        return broken(p, "a character from 0 to 10FFFF that is no surrogate wanted");
    return PEWTER_OK;
}

/* One character of a literal or a class. */
static pewter_status take_char(parser *p, uint32_t *code)
{
    static const char names[] = "nrt\\\"[]-^'", stand_for[] = "\n\r\t\\\"[]-^'";
    if (!take(p, "\\")) {
        const size_t size = pw_utf8_char(p->text + p->at, p->bytes - p->at);
        if (size == 0) return broken(p, "UTF-8 wanted");
        *code = pw_utf8_code(p->text + p->at, size);
        p->at += size;
        return PEWTER_OK;
    }
    if (take(p, "x")) return take_hex(p, 2, code);
    if (take(p, "u")) return take_hex(p, 4, code);
    if (take(p, "U")) return take_hex(p, 8, code);
    const char *at = peek(p) != 0 ? strchr(names, peek(p)) : NULL;
    if (at == NULL) return broken(p, "an escape that is not known");
    *code = (uint32_t)(uint8_t)stand_for[at - names];
    p->at++;
    return PEWTER_OK;
}

/* Behind a '"'. */
static pewter_status take_literal(parser *p, int32_t from, int32_t *to)
{
    while (!take(p, "\"")) {
        if (p->at >= p->bytes) return broken(p, "a '\"' wanted");
        uint32_t code = 0;
        char text[4];
        PW_TRY(take_char(p, &code));
        from = pw_rules_text(p->g, from, text, pw_utf8_put(code, text));
    }
    *to = from;
    return PEWTER_OK;
}

/* Behind a '['. */
static pewter_status take_class(parser *p, int32_t from, int32_t *to)
{
    const bool other = take(p, "^");
    pw_chars set = {0};
    while (!take(p, "]")) {
        if (p->at >= p->bytes) return broken(p, "a ']' wanted");
        uint32_t lo = 0;
        PW_TRY(take_char(p, &lo));
        uint32_t hi = lo;
        if (peek(p) == '-' && p->at + 1 < p->bytes && p->text[p->at + 1] != ']') {
            p->at++;
            PW_TRY(take_char(p, &hi));
        }
        if (hi < lo) return broken(p, "a range from low to high wanted");
        if (!pw_chars_add(&set, lo, hi)) return broken(p, "a class of too many ranges");
    }
    if (other) pw_chars_invert(&set);
    *to = pw_rules_node(p->g);
    pw_rules_class(p->g, from, *to, set.ranges, (size_t)set.n, false);
    return PEWTER_OK;
}

static pewter_status take_choice(parser *p, bool lines, int32_t from, int32_t *to);

static pewter_status take_atom(parser *p, int32_t from, int32_t *to)
{
    if (take(p, "\"")) return take_literal(p, from, to);
    if (take(p, "[")) return take_class(p, from, to);
    if (take(p, ".")) {
        const pw_range all = {0, 0x10fffe};
        *to = pw_rules_node(p->g);
        pw_rules_class(p->g, from, *to, &all, 1, false);
        return PEWTER_OK;
    }
    if (take(p, "(")) {
        if (++p->depth > DEPTH) return broken(p, "groups more than 64 deep");
        skip(p, true);
        PW_TRY(take_choice(p, true, from, to));
        p->depth--;
        return take(p, ")") ? PEWTER_OK : broken(p, "a ')' wanted");
    }
    int32_t rule = -1;
    if (!is_name(peek(p))) return broken(p, "a name, literal, class or group wanted");
    PW_TRY(take_name(p, &rule));
    *to = pw_rules_node(p->g);
    pw_rules_call(p->g, from, *to, rule, 1, 1);
    return PEWTER_OK;
}

static pewter_status take_number(parser *p, int32_t *out)
{
    if (peek(p) < '0' || peek(p) > '9') return broken(p, "a number wanted");
    *out = 0;
    for (; peek(p) >= '0' && peek(p) <= '9'; p->at++) {
        *out = *out * 10 + (peek(p) - '0');
        if (*out > REPEAT) return broken(p, "a repeat of more than 100000");
    }
    return PEWTER_OK;
}

static pewter_status take_repeat(parser *p, int32_t *least, int32_t *most)
{
    *least = *most = 1;
    if (take(p, "*")) {
        *least = 0;
        *most = PW_REPEAT_MAX;
    } else if (take(p, "+")) {
        *most = PW_REPEAT_MAX;
    } else if (take(p, "?")) {
        *least = 0;
    } else if (take(p, "{")) {
        skip(p, false);
        *least = 0;
        if (peek(p) != ',') PW_TRY(take_number(p, least));
        *most = *least;
        skip(p, false);
        if (take(p, ",")) {
            skip(p, false);
            *most = PW_REPEAT_MAX;
            if (peek(p) != '}') PW_TRY(take_number(p, most));
        }
        skip(p, false);
        if (!take(p, "}")) return broken(p, "a '}' wanted");
        if (*most < *least) return broken(p, "a repeat from few to many wanted");
    }
    return PEWTER_OK;
}

/* An item with its repeat: in a rule of its own where it is repeated. */
static pewter_status take_item(parser *p, int32_t from, int32_t *to)
{
    const int32_t in = pw_rules_node(p->g);
    int32_t out, least, most;
    PW_TRY(take_atom(p, in, &out));
    PW_TRY(take_repeat(p, &least, &most));
    if (least == 1 && most == 1) {
        pw_rules_join(p->g, from, in);
        *to = out;
        return PEWTER_OK;
    }
    const int32_t rule = pw_rules_rule(p->g), begin = pw_rules_begin(p->g, rule);
    const int32_t end = pw_rules_node(p->g);
    pw_rules_join(p->g, begin, in);
    pw_rules_join(p->g, out, end);
    pw_rules_end(p->g, rule, end);
    *to = pw_rules_node(p->g);
    pw_rules_call(p->g, from, *to, rule, least, most);
    return PEWTER_OK;
}

static bool ends_sequence(const parser *p, bool lines)
{
    const char c = peek(p);
    return p->at >= p->bytes || c == '|' || c == ')' || (!lines && (c == '\n' || c == '\r'));
}

/* A '|', also at the head of a later line. */
static bool take_bar(parser *p)
{
    const size_t at = p->at;
    skip(p, true);
    if (take(p, "|")) return true;
    p->at = at;
    return false;
}

static pewter_status take_choice(parser *p, bool lines, int32_t from, int32_t *to)
{
    *to = pw_rules_node(p->g);
    do {
        skip(p, true);
        int32_t at = pw_rules_node(p->g);
        pw_rules_join(p->g, from, at);
        while (!ends_sequence(p, lines)) {
            PW_TRY(take_item(p, at, &at));
            skip(p, lines);
            if (p->g->failed != PEWTER_OK) break;
        }
        pw_rules_join(p->g, at, *to);
    } while (take_bar(p));
    return PEWTER_OK;
}

static pewter_status take_rule(parser *p)
{
    int32_t rule = -1, end;
    PW_TRY(take_name(p, &rule));
    skip(p, false);
    if (!take(p, "::=")) return broken(p, "'::=' wanted");
    if (p->g->failed == PEWTER_OK && p->g->rules[rule].start >= 0)
        return broken(p, "a rule of this name is there already");
    skip(p, true);
    PW_TRY(take_choice(p, false, pw_rules_begin(p->g, rule), &end));
    pw_rules_end(p->g, rule, end);
    if (p->at < p->bytes && peek(p) != '\n' && peek(p) != '\r')
        return broken(p, "the end of the rule wanted");
    return PEWTER_OK;
}

static pewter_status take_all(parser *p, int32_t *root)
{
    p->names = pw_arena_array(p->arena, NAMES, sizeof *p->names);
    if (p->names == NULL) return pw_fail(p->err, PEWTER_E_MEMORY, "no memory for a grammar");
    for (skip(p, true); p->at < p->bytes && p->g->failed == PEWTER_OK; skip(p, true))
        PW_TRY(take_rule(p));
    *root = -1;
    for (int32_t i = 0; i < p->n_names && p->g->failed == PEWTER_OK; i++) {
        const name *n = &p->names[i];
        if (p->g->rules[n->rule].start < 0)
            return pw_fail(p->err, PEWTER_E_FORMAT, "the grammar: '%.*s' is not defined",
                           (int)n->bytes, n->text);
        if (n->bytes == 4 && memcmp(n->text, "root", 4) == 0) *root = n->rule;
    }
    if (*root < 0 && p->g->failed == PEWTER_OK)
        return pw_fail(p->err, PEWTER_E_FORMAT, "the grammar: no rule has the name 'root'");
    return PEWTER_OK;
}

pewter_status pw_gbnf_rules(const char *text, size_t bytes, pw_rules *g, int32_t *root,
                            pewter_error *err)
{
    pw_arena arena = {.alloc = g->alloc};
    parser p = {.text = text, .bytes = bytes, .g = g, .arena = &arena, .err = err};
    const pewter_status status = take_all(&p, root);
    pw_arena_free(&arena);
    return g->failed != PEWTER_OK ? PEWTER_OK
                                  : status; /* a failure of the rules is told at their close */
}
