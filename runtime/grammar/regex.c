#include "runtime/grammar/regex.h"

#include <string.h>

#include "pw/status.h"
#include "runtime/grammar/chars.h"
#include "runtime/text/utf8.h"

enum { DEPTH = 64, REPEAT = 1000 };

typedef struct parser {
    const char *text;
    size_t bytes, at;
    pw_nfa nfa;
    int depth;
    pewter_error *err;
} parser;

static bool more(const parser *p)
{
    return p->at < p->bytes;
}

static char peek(const parser *p)
{
    return more(p) ? p->text[p->at] : 0;
}

static bool take(parser *p, const char *word)
{
    const size_t n = strlen(word);
    if (p->bytes - p->at < n || memcmp(p->text + p->at, word, n) != 0) return false;
    p->at += n;
    return true;
}

static pewter_status broken(parser *p, const char *what)
{
    return pw_fail(p->err, PEWTER_E_FORMAT, "at byte %zu of the pattern: %s", p->at, what);
}

static pewter_status unsupported(parser *p, const char *what)
{
    return pw_fail(p->err, PEWTER_E_UNSUPPORTED, "at byte %zu of the pattern: %s", p->at, what);
}

/* ---- Characters and classes ------------------------------------------------------------------ */

static pewter_status take_char(parser *p, uint32_t *code)
{
    const size_t size = pw_utf8_char(p->text + p->at, p->bytes - p->at);
    if (size == 0) return broken(p, "UTF-8 wanted");
    *code = pw_utf8_code(p->text + p->at, size);
    p->at += size;
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
    return PEWTER_OK;
}

/* Behind "\u": four digits, a pair of surrogates, or {digits}. */
static pewter_status take_unicode(parser *p, uint32_t *code)
{
    if (take(p, "{")) {
        *code = 0;
        while (more(p) && peek(p) != '}' && *code <= PW_CHAR_MAX) {
            uint32_t digit;
            PW_TRY(take_hex(p, 1, &digit));
            *code = *code << 4 | digit;
        }
        if (!take(p, "}")) return broken(p, "a '}' wanted");
    } else {
        PW_TRY(take_hex(p, 4, code));
        if (*code >= 0xd800 && *code < 0xdc00 && take(p, "\\u")) {
            uint32_t low;
            PW_TRY(take_hex(p, 4, &low));
            if (low < 0xdc00 || low > 0xdfff) return broken(p, "the second half of a pair wanted");
            *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    if (*code > PW_CHAR_MAX || (*code >= 0xd800 && *code < 0xe000))
        return broken(p, "a character from 0 to 10FFFF that is no surrogate wanted");
    return PEWTER_OK;
}

/* Behind a backslash. *set is filled for a class such as \d, otherwise *code. */
static pewter_status take_escape(parser *p, pw_chars *set, bool *is_set, uint32_t *code)
{
    static const char plain[] = "nrtfv0", stand_for[] = "\n\r\t\f\v";
    const char c = peek(p);
    *is_set = pw_chars_named(set, c);
    if (*is_set || (c != 0 && strchr(plain, c) != NULL)) {
        p->at++;
        if (!*is_set) *code = (uint32_t)(uint8_t)stand_for[strchr(plain, c) - plain];
        return PEWTER_OK;
    }
    if (c == 'b' || c == 'B') return unsupported(p, "\\b, an edge of a word, is not taken");
    if (c == 'p' || c == 'P') return unsupported(p, "\\p, a property, is not taken");
    if ((c >= '1' && c <= '9') || c == 'k') return unsupported(p, "references are not taken");
    if (take(p, "x")) return take_hex(p, 2, code);
    if (take(p, "u")) return take_unicode(p, code);
    if (take(p, "c")) {
        const char letter = peek(p);
        if (!((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z')))
            return broken(p, "a letter wanted behind \\c");
        p->at++;
        *code = (uint32_t)letter & 31u;
        return PEWTER_OK;
    }
    if (!more(p)) return broken(p, "a character wanted behind the backslash");
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return broken(p, "an escape that is not known");
    return take_char(p, code);
}

/* One member of a class, or a set such as \d. */
static pewter_status take_member(parser *p, pw_chars *set, bool *is_set, uint32_t *code)
{
    *is_set = false;
    if (take(p, "\\")) {
        if (take(p, "b")) {
            *code = '\b';
            return PEWTER_OK;
        }
        return take_escape(p, set, is_set, code);
    }
    return take_char(p, code);
}

/* Behind '['. */
static pewter_status take_class(parser *p, pw_chars *out)
{
    const bool other = take(p, "^");
    *out = (pw_chars){0};
    while (!take(p, "]")) {
        if (!more(p)) return broken(p, "a ']' wanted");
        pw_chars set = {0};
        bool is_set;
        uint32_t lo = 0, hi;
        PW_TRY(take_member(p, &set, &is_set, &lo));
        hi = lo;
        const bool range = peek(p) == '-' && p->at + 1 < p->bytes && p->text[p->at + 1] != ']';
        if (is_set) {
            if (!pw_chars_join(out, &set)) return unsupported(p, "a class of too many ranges");
            continue;
        }
        if (range) {
            p->at++;
            PW_TRY(take_member(p, &set, &is_set, &hi));
            if (is_set || hi < lo) return broken(p, "a range from low to high wanted");
        }
        if (!pw_chars_add(out, lo, hi)) return unsupported(p, "a class of too many ranges");
    }
    if (other) pw_chars_invert(out);
    return PEWTER_OK;
}

/* ---- Structure ------------------------------------------------------------------------------- */

static pewter_status take_choice(parser *p, int32_t from, int32_t *to);

static void add_class(parser *p, int32_t from, int32_t to, const pw_chars *set)
{
    for (int32_t i = 0; i < set->n; i++)
        pw_nfa_chars(&p->nfa, from, to, set->ranges[i].lo, set->ranges[i].hi);
}

/* Behind '('. */
static pewter_status take_group(parser *p, int32_t from, int32_t *to)
{
    if (take(p, "?")) {
        if (take(p, "<") && peek(p) != '=' && peek(p) != '!') {
            while (more(p) && !take(p, ">")) p->at++;
        } else if (!take(p, ":")) {
            return unsupported(p, "look-around and flags are not taken");
        }
    }
    if (++p->depth > DEPTH) return unsupported(p, "groups more than 64 deep");
    PW_TRY(take_choice(p, from, to));
    p->depth--;
    return take(p, ")") ? PEWTER_OK : broken(p, "a ')' wanted");
}

static pewter_status take_atom(parser *p, int32_t from, int32_t *to)
{
    if (take(p, "(")) return take_group(p, from, to);
    *to = pw_nfa_node(&p->nfa);
    pw_chars set = {0};
    bool is_set = true;
    uint32_t code = 0;
    if (take(p, ".")) {
        pw_chars_dot(&set);
    } else if (take(p, "[")) {
        PW_TRY(take_class(p, &set));
    } else if (take(p, "^")) {
        is_set = false;
        code = PW_CHAR_BEGIN;
    } else if (take(p, "$")) {
        is_set = false;
        code = PW_CHAR_END;
    } else if (take(p, "\\")) {
        PW_TRY(take_escape(p, &set, &is_set, &code));
    } else if (peek(p) != 0 && strchr("*+?{", peek(p)) != NULL) {
        return broken(p, "something to repeat wanted");
    } else {
        is_set = false;
        PW_TRY(take_char(p, &code));
    }
    if (is_set)
        add_class(p, from, *to, &set);
    else
        pw_nfa_chars(&p->nfa, from, *to, code, code);
    return PEWTER_OK;
}

static pewter_status take_number(parser *p, int32_t *out)
{
    if (peek(p) < '0' || peek(p) > '9') return broken(p, "a number wanted");
    *out = 0;
    for (; peek(p) >= '0' && peek(p) <= '9'; p->at++) {
        *out = *out * 10 + (peek(p) - '0');
        if (*out > REPEAT) return unsupported(p, "a repeat of more than 1000");
    }
    return PEWTER_OK;
}

/* How often what stands before is to be there; *least 1 and *most 1 where nothing is said. */
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
        PW_TRY(take_number(p, least));
        *most = *least;
        if (take(p, ",")) {
            *most = PW_REPEAT_MAX;
            if (peek(p) != '}') PW_TRY(take_number(p, most));
        }
        if (!take(p, "}")) return broken(p, "a '}' wanted");
        if (*most < *least) return broken(p, "a repeat from few to many wanted");
    } else {
        return PEWTER_OK;
    }
    (void)take(p, "?");
    return PEWTER_OK;
}

/* Nodes [begin, now) are the atom, from `in` to `out`, which must stand alone: then copies can be chained. */
static void repeat_atom(parser *p, int32_t from, int32_t begin, int32_t in, int32_t out,
                        int32_t least, int32_t most, int32_t *to)
{
    pw_nfa *nfa = &p->nfa;
    const int32_t end = nfa->n_nodes;
    const int32_t copies = most == PW_REPEAT_MAX ? (least > 0 ? least : 1) : most;
    *to = pw_nfa_node(nfa);
    if (least == 0) pw_nfa_join(nfa, from, *to);
    for (int32_t i = 0; i < copies && nfa->failed == PEWTER_OK; i++) {
        /* The last one is the original, so that the copies are made of it untouched. */
        const int32_t shift = i + 1 < copies ? pw_nfa_copy(nfa, begin, end) : 0;
        pw_nfa_join(nfa, from, in + shift);
        if (i + 1 >= least) pw_nfa_join(nfa, out + shift, *to);
        if (i + 1 == copies && most == PW_REPEAT_MAX) pw_nfa_join(nfa, out + shift, in + shift);
        from = out + shift;
    }
}

static pewter_status take_sequence(parser *p, int32_t from, int32_t *to)
{
    while (more(p) && peek(p) != '|' && peek(p) != ')') {
        const int32_t begin = p->nfa.n_nodes, in = pw_nfa_node(&p->nfa);
        int32_t out, least, most;
        PW_TRY(take_atom(p, in, &out));
        PW_TRY(take_repeat(p, &least, &most));
        if (least == 1 && most == 1) {
            pw_nfa_join(&p->nfa, from, in);
            from = out;
        } else {
            repeat_atom(p, from, begin, in, out, least, most, &from);
        }
        if (p->nfa.failed != PEWTER_OK) break;
    }
    *to = from;
    return PEWTER_OK;
}

static pewter_status take_choice(parser *p, int32_t from, int32_t *to)
{
    *to = pw_nfa_node(&p->nfa);
    do {
        const int32_t in = pw_nfa_node(&p->nfa);
        int32_t out;
        pw_nfa_join(&p->nfa, from, in);
        PW_TRY(take_sequence(p, in, &out));
        pw_nfa_join(&p->nfa, out, *to);
    } while (take(p, "|"));
    return PEWTER_OK;
}

pewter_status pw_regex_dfa(const char *pattern, size_t bytes, bool anywhere, pw_room *room,
                           pw_dfa *out, pewter_error *err)
{
    parser p = {.text = pattern, .bytes = bytes, .nfa.arena = &room->arena, .err = err};
    const int32_t start = pw_nfa_node(&p.nfa), in = pw_nfa_node(&p.nfa);
    int32_t end;
    const pewter_status status = take_choice(&p, in, &end);
    if (p.nfa.failed != PEWTER_OK) return pw_dfa_of(&p.nfa, start, start, room, out, err);
    PW_TRY(status);
    if (more(&p)) return broken(&p, "a '(' is missing before this ')'");
    const int32_t last = pw_nfa_node(&p.nfa);
    /* A text stands between BEGIN and END, which the pattern may take as ^ and $, or leave. */
    const uint32_t front = anywhere ? 0 : PW_CHAR_BEGIN, back = anywhere ? 0 : PW_CHAR_END;
    const int32_t loop = anywhere ? start : in, tail = anywhere ? last : end;
    pw_nfa_chars(&p.nfa, start, loop, front, PW_CHAR_BEGIN);
    pw_nfa_chars(&p.nfa, tail, last, back, PW_CHAR_END);
    pw_nfa_join(&p.nfa, start, in);
    pw_nfa_join(&p.nfa, end, last);
    pw_dfa framed;
    PW_TRY(pw_dfa_of(&p.nfa, start, last, room, &framed, err));
    return pw_dfa_unframe(&framed, room, out, err);
}
