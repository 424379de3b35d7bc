/* A template's text to tokens. Inside text only tags matter; inside tags, Python-like tokens. */
#include <stdlib.h>

#include "pw/status.h"
#include "runtime/text/template_ast.h"
#include "runtime/text/template_char.h"
#include "runtime/text/template_write.h"

PW_PRINTF(2, 3)
static pewter_status fail(pw_tpl_lexer *lexer, const char *format, ...)
{
    char reason[200];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    return pw_fail(lexer->err, PEWTER_E_FORMAT, "chat template, line %u: %s", lexer->line, reason);
}

static pewter_status take(pw_tpl_lexer *lexer, size_t bytes, char **out)
{
    *out = pw_tpl_pool_take(lexer->pool, bytes, 1);
    if (*out != NULL) return PEWTER_OK;
    pw_fail(lexer->err, PEWTER_E_MEMORY, "chat template: no memory to parse it");
    return PEWTER_E_MEMORY;
}

pewter_status pw_tpl_lexer_open(pw_tpl_lexer *lexer, const char *text, size_t bytes,
                                pw_tpl_pool *pool, pewter_error *err)
{
    *lexer = (pw_tpl_lexer){.line = 1, .pool = pool, .err = err, .line_start = true};
    char *copy;
    PW_TRY(take(lexer, bytes + 1, &copy));
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == '\r' && i + 1 < bytes && text[i + 1] == '\n') continue;
        copy[lexer->bytes++] = text[i] == '\r' ? '\n' : text[i];
    }
    if (lexer->bytes > 0 && copy[lexer->bytes - 1] == '\n') lexer->bytes--;
    lexer->text = copy;
    return PEWTER_OK;
}

/* ---- Small steps -------------------------------------------------------------------------- */

static bool looking_at(const pw_tpl_lexer *lexer, size_t at, const char *what)
{
    const size_t length = strlen(what);
    return lexer->bytes - at >= length && memcmp(lexer->text + at, what, length) == 0;
}

/* Where the white space that begins at `at` ends. */
static size_t skip_space(const pw_tpl_lexer *lexer, size_t at)
{
    while (at < lexer->bytes) {
        uint32_t c;
        const size_t length = pw_tpl_decode(lexer->text + at, lexer->bytes - at, &c);
        if (!pw_tpl_is_space(c)) break;
        at += length;
    }
    return at;
}

/* Goes to `to`, counting lines. */
static void move(pw_tpl_lexer *lexer, size_t to)
{
    for (size_t i = lexer->at; i < to; i++)
        if (lexer->text[i] == '\n') lexer->line++;
    lexer->line_start = to > lexer->at ? lexer->text[to - 1] == '\n' : lexer->line_start;
    lexer->at = to;
}

/* Where `text[begin..end)` ends once the white space before a tag is gone: all of it before a '-';
 * that of the tag's own line for a block or comment that stands first in its line. */
static size_t strip_before(const pw_tpl_lexer *lexer, size_t begin, size_t end, char sign,
                           bool line_strip)
{
    if (sign == '-') {
        while (end > begin) {
            uint32_t c;
            const size_t length = pw_tpl_decode_last(lexer->text + begin, end - begin, &c);
            if (!pw_tpl_is_space(c)) break;
            end -= length;
        }
        return end;
    }
    if (sign == '+' || !line_strip) return end;
    size_t line = end;
    while (line > begin && lexer->text[line - 1] != '\n') line--;
    if (line == begin && !lexer->line_start) return end;
    const pw_tpl_lexer part = {.text = lexer->text, .bytes = end};
    return skip_space(&part, line) == end ? line : end;
}

/* If the end of a tag, "%}" and the like, stands at `at`: where the tag is over, white space behind
 * it included; 0 if it does not. */
static size_t tag_end(const pw_tpl_lexer *lexer, size_t at, const char *mark, bool plus, bool trim)
{
    if (looking_at(lexer, at, "-") && looking_at(lexer, at + 1, mark))
        return skip_space(lexer, at + 1 + strlen(mark));
    if (plus && looking_at(lexer, at, "+") && looking_at(lexer, at + 1, mark))
        return at + 1 + strlen(mark);
    if (!looking_at(lexer, at, mark)) return 0;
    at += strlen(mark);
    return trim && looking_at(lexer, at, "\n") ? at + 1 : at;
}

/* ---- Text --------------------------------------------------------------------------------- */

static void data_token(const pw_tpl_lexer *lexer, size_t begin, size_t end, pw_tpl_token *out)
{
    *out = (pw_tpl_token){.kind = PW_TPL_T_DATA,
                          .line = lexer->line,
                          .text = lexer->text + begin,
                          .bytes = end - begin};
}

static pewter_status skip_comment(pw_tpl_lexer *lexer)
{
    for (size_t at = lexer->at; at < lexer->bytes; at++) {
        const size_t end = tag_end(lexer, at, "#}", true, true);
        if (end == 0) continue;
        move(lexer, end);
        return PEWTER_OK;
    }
    return fail(lexer, "a comment has no end");
}

/* Where "{% word %}" that begins at `at` is over, or 0; *sign: the one behind its "{%". */
static size_t word_tag(const pw_tpl_lexer *lexer, size_t at, const char *word, bool trim,
                       char *sign)
{
    if (!looking_at(lexer, at, "{%")) return 0;
    at += 2;
    *sign = looking_at(lexer, at, "-") ? '-' : looking_at(lexer, at, "+") ? '+' : '\0';
    at = skip_space(lexer, at + (*sign != '\0'));
    if (!looking_at(lexer, at, word)) return 0;
    return tag_end(lexer, skip_space(lexer, at + strlen(word)), "%}", trim, trim);
}

/* The text of a raw block, whose first tag is already passed. */
static pewter_status raw_text(pw_tpl_lexer *lexer, pw_tpl_token *out)
{
    for (size_t at = lexer->at; at < lexer->bytes; at++) {
        char sign;
        const size_t end = word_tag(lexer, at, "endraw", true, &sign);
        if (end == 0) continue;
        data_token(lexer, lexer->at, strip_before(lexer, lexer->at, at, sign, true), out);
        move(lexer, end);
        return PEWTER_OK;
    }
    return fail(lexer, "a raw block has no end");
}

/* The next "{%", "{{" or "{#" from the reader's place; the end of the text if there is none. */
static size_t find_tag(const pw_tpl_lexer *lexer)
{
    for (size_t at = lexer->at; at + 1 < lexer->bytes; at++) {
        const char *brace = memchr(lexer->text + at, '{', lexer->bytes - 1 - at);
        if (brace == NULL) break;
        at = (size_t)(brace - lexer->text);
        if (brace[1] == '%' || brace[1] == '{' || brace[1] == '#') return at;
    }
    return lexer->bytes;
}

/* Text up to the next tag, and into the tag. May give an empty token, which the caller skips. */
static pewter_status next_text(pw_tpl_lexer *lexer, pw_tpl_token *out)
{
    const size_t tag = find_tag(lexer);
    data_token(lexer, lexer->at, tag, out);
    if (tag == lexer->bytes) {
        move(lexer, tag);
        return PEWTER_OK;
    }

    char sign = '\0';
    const char kind = lexer->text[tag + 1];
    const size_t raw = word_tag(lexer, tag, "raw", false, &sign);
    if (raw == 0)
        sign = looking_at(lexer, tag + 2, "-") ? '-' : looking_at(lexer, tag + 2, "+") ? '+' : '\0';
    const size_t end = strip_before(lexer, lexer->at, tag, sign, kind != '{');
    data_token(lexer, lexer->at, end, out);
    move(lexer, raw != 0 ? raw : tag + 2 + (sign != '\0'));
    if (raw != 0) {
        /* The block's text comes next; what stands before it must not be lost. */
        pw_tpl_token inner = {.text = ""};
        PW_TRY(raw_text(lexer, &inner));
        if (out->bytes == 0) {
            *out = inner;
            return PEWTER_OK;
        }
        char *both;
        PW_TRY(take(lexer, out->bytes + inner.bytes, &both));
        memcpy(both, out->text, out->bytes);
        memcpy(both + out->bytes, inner.text, inner.bytes);
        out->text = both;
        out->bytes += inner.bytes;
        return PEWTER_OK;
    }
    if (kind == '#') return skip_comment(lexer);
    lexer->state = kind == '{' ? PW_TPL_IN_PRINT : PW_TPL_IN_BLOCK;
    lexer->pending = kind == '{' ? PW_TPL_T_PRINT_BEGIN : PW_TPL_T_BLOCK_BEGIN;
    return PEWTER_OK;
}

/* ---- Inside tags -------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

/* Where a run of digits with single underscores between them ends. */
static size_t digits(const pw_tpl_lexer *lexer, size_t at)
{
    while (at < lexer->bytes && (is_digit(lexer->text[at]) ||
                                 (lexer->text[at] == '_' && at + 1 < lexer->bytes && at > 0 &&
                                  is_digit(lexer->text[at - 1]) && is_digit(lexer->text[at + 1]))))
        at++;
    return at;
}

/* Where a float's fraction and exponent behind its first digits end; `at` if it has neither. */
static size_t fraction(const pw_tpl_lexer *lexer, size_t at)
{
    size_t end = at;
    if (looking_at(lexer, end, ".") && digits(lexer, end + 1) > end + 1)
        end = digits(lexer, end + 1);
    if (looking_at(lexer, end, "e") || looking_at(lexer, end, "E")) {
        const size_t sign = looking_at(lexer, end + 1, "+") || looking_at(lexer, end + 1, "-");
        const size_t power = digits(lexer, end + 1 + sign);
        if (power > end + 1 + sign) end = power;
    }
    return end;
}

static pewter_status next_number(pw_tpl_lexer *lexer, pw_tpl_token *out)
{
    const size_t begin = lexer->at;
    size_t end = digits(lexer, begin);
    const bool real = fraction(lexer, end) > end && (begin == 0 || lexer->text[begin - 1] != '.');
    int base = 10;
    if (real) {
        end = fraction(lexer, end);
    } else if (lexer->text[begin] == '0') {
        const char mark = begin + 1 < lexer->bytes ? (char)(lexer->text[begin + 1] | 0x20) : ' ';
        if (mark == 'x' || mark == 'o' || mark == 'b') {
            base = 0;
            for (end = begin + 2; end < lexer->bytes; end++)
                if (!is_digit(lexer->text[end]) && !is_name(lexer->text[end])) break;
        }
    }

    const pw_tpl_string text = {.text = lexer->text + begin, .bytes = end - begin};
    out->kind = real ? PW_TPL_T_FLOAT : PW_TPL_T_INT;
    const bool fits = real ? pw_tpl_float_of(&text, &out->f) : pw_tpl_int_of(&text, base, &out->i);
    if (!fits)
        return fail(lexer, "the number %.*s is broken or passes 64 bits",
                    end - begin < 40 ? (int)(end - begin) : 40, lexer->text + begin);
    move(lexer, end);
    return PEWTER_OK;
}

/* A character by its code of `most` hexadecimal digits at `at`; false if they are not there. */
static bool code_point(const char *text, size_t bytes, size_t most, uint32_t *out)
{
    if (bytes < most) return false;
    *out = 0;
    for (size_t i = 0; i < most; i++) {
        const char c = text[i];
        const int digit = is_digit(c)            ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0) return false;
        *out = *out * 16 + (uint32_t)digit;
    }
    return *out <= 0x10ffff && (*out < 0xd800 || *out > 0xdfff);
}

/* One escape whose backslash is passed: writes what it stands for, returns the bytes read or 0. */
static size_t unescape(const char *text, size_t bytes, char *out, size_t *written)
{
    static const char from[] = "abfnrtv\\'\"", to[] = "\a\b\f\n\r\t\v\\'\"";
    const char *known = text[0] == '\0' ? NULL : strchr(from, text[0]);
    *written = 0;
    if (known != NULL) {
        out[(*written)++] = to[known - from];
        return 1;
    }
    if (text[0] == '\n') return 1;
    uint32_t c = 0;
    if (text[0] >= '0' && text[0] <= '7') {
        size_t read = 0;
        while (read < 3 && read < bytes && text[read] >= '0' && text[read] <= '7')
            c = c * 8 + (uint32_t)(text[read++] - '0');
        *written = pw_tpl_encode(c, out);
        return read;
    }
    const size_t most = text[0] == 'x' ? 2 : text[0] == 'u' ? 4 : text[0] == 'U' ? 8 : 0;
    if (most > 0) {
        if (!code_point(text + 1, bytes - 1, most, &c)) return 0;
        *written = pw_tpl_encode(c, out);
        return most + 1;
    }
    if (text[0] == 'N') return 0;
    out[(*written)++] = '\\';
    out[(*written)++] = text[0];
    return 1;
}

static pewter_status next_string(pw_tpl_lexer *lexer, pw_tpl_token *out)
{
    const char quote = lexer->text[lexer->at];
    size_t end = lexer->at + 1;
    while (end < lexer->bytes && lexer->text[end] != quote)
        end += lexer->text[end] == '\\' && end + 1 < lexer->bytes ? 2 : 1;
    if (end >= lexer->bytes) return fail(lexer, "a string has no end");

    /* The longest form of an escape is never shorter than what it stands for. */
    char *text;
    PW_TRY(take(lexer, end - lexer->at, &text));
    out->kind = PW_TPL_T_STRING;
    out->text = text;
    for (size_t at = lexer->at + 1; at < end;) {
        if (lexer->text[at] != '\\') {
            text[out->bytes++] = lexer->text[at++];
            continue;
        }
        size_t written;
        const size_t read =
            unescape(lexer->text + at + 1, end - at - 1, text + out->bytes, &written);
        if (read == 0) return fail(lexer, "a string holds an escape that has no meaning");
        out->bytes += written;
        at += 1 + read;
    }
    move(lexer, end + 1);
    return PEWTER_OK;
}

static pewter_status next_operator(pw_tpl_lexer *lexer, pw_tpl_token *out)
{
    static const char *const operators[] = {"**", "//", "==", "!=", ">=", "<=", "+", "-", "/",
                                            "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                            ">",  "<",  "=",  ".",  ":",  "|",  ",", ";"};
    const char *found = NULL;
    for (size_t i = 0; i < sizeof operators / sizeof operators[0] && found == NULL; i++)
        if (looking_at(lexer, lexer->at, operators[i])) found = operators[i];
    if (found == NULL) return fail(lexer, "unexpected character '%c'", lexer->text[lexer->at]);

    const char c = found[0];
    if (c == '(' || c == '[' || c == '{') {
        if (lexer->depth == PW_TPL_NESTING)
            return fail(lexer, "brackets nested more than %d deep", PW_TPL_NESTING);
        lexer->brackets[lexer->depth++] = (char)(c == '(' ? ')' : c == '[' ? ']' : '}');
    } else if (c == ')' || c == ']' || c == '}') {
        if (lexer->depth == 0 || lexer->brackets[lexer->depth - 1] != c)
            return fail(lexer, "unexpected '%c'", c);
        lexer->depth--;
    }
    out->kind = PW_TPL_T_OP;
    out->text = found;
    out->bytes = strlen(found);
    move(lexer, lexer->at + out->bytes);
    return PEWTER_OK;
}

/* Inside a tag: its end, or the next token of the expression. */
static pewter_status next_inside(pw_tpl_lexer *lexer, pw_tpl_token *out)
{
    const bool print = lexer->state == PW_TPL_IN_PRINT;
    size_t end = 0;
    if (lexer->depth == 0)
        end = print ? tag_end(lexer, lexer->at, "}}", false, false)
                    : tag_end(lexer, lexer->at, "%}", true, true);
    if (end == 0 && lexer->at < lexer->bytes) {
        /* The end of a tag is looked for before white space is passed over, and after. */
        const size_t space = skip_space(lexer, lexer->at);
        if (space > lexer->at) {
            move(lexer, space);
            return next_inside(lexer, out);
        }
    }
    out->line = lexer->line;
    if (end > 0) {
        move(lexer, end);
        out->kind = print ? PW_TPL_T_PRINT_END : PW_TPL_T_BLOCK_END;
        lexer->state = PW_TPL_IN_TEXT;
        return PEWTER_OK;
    }
    if (lexer->at == lexer->bytes) return PEWTER_OK;

    const char c = lexer->text[lexer->at];
    if (is_digit(c)) return next_number(lexer, out);
    if (c == '"' || c == '\'') return next_string(lexer, out);
    if (!is_name(c)) return next_operator(lexer, out);
    end = lexer->at;
    while (end < lexer->bytes && (is_name(lexer->text[end]) || is_digit(lexer->text[end]))) end++;
    out->kind = PW_TPL_T_NAME;
    out->text = lexer->text + lexer->at;
    out->bytes = end - lexer->at;
    move(lexer, end);
    return PEWTER_OK;
}

pewter_status pw_tpl_lexer_next(pw_tpl_lexer *lexer, pw_tpl_token *out)
{
    *out = (pw_tpl_token){.kind = PW_TPL_T_END, .line = lexer->line};
    while (lexer->state == PW_TPL_IN_TEXT) {
        if (lexer->at == lexer->bytes) return PEWTER_OK;
        PW_TRY(next_text(lexer, out));
        if (out->bytes > 0) return PEWTER_OK;
        *out = (pw_tpl_token){.kind = PW_TPL_T_END, .line = lexer->line};
    }
    if (lexer->pending != PW_TPL_T_END) {
        out->kind = lexer->pending;
        lexer->pending = PW_TPL_T_END;
        return PEWTER_OK;
    }
    return next_inside(lexer, out);
}
