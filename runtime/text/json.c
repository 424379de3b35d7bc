#include "runtime/text/json.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pw/status.h"

/* The deepest nesting of brackets outside strings; syntax is left to the parser. */
static size_t deepest(const char *text, size_t bytes)
{
    size_t depth = 0, most = 0;
    bool string = false;
    for (size_t i = 0; i < bytes; i++) {
        const char c = text[i];
        if (string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                string = false;
        } else if (c == '"') {
            string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > most) most = depth;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return most;
}

pewter_status pw_json_parse(const char *what, const char *text, size_t bytes, size_t max_bytes,
                            json_t **out, pewter_error *err)
{
    if (bytes > max_bytes)
        return pw_fail(err, PEWTER_E_LIMIT, "%s: JSON of %zu bytes, at most %zu are taken", what,
                       bytes, max_bytes);
    const size_t depth = deepest(text, bytes);
    if (depth > PW_JSON_DEPTH)
        return pw_fail(err, PEWTER_E_FORMAT, "%s: JSON nested %zu deep, at most %d is taken", what,
                       depth, PW_JSON_DEPTH);

    json_error_t reason;
    json_t *value = json_loadb(text, bytes, JSON_DECODE_ANY | JSON_ALLOW_NUL, &reason);
    if (value == NULL) {
        const bool memory = json_error_code(&reason) == json_error_out_of_memory;
        return pw_fail(err, memory ? PEWTER_E_MEMORY : PEWTER_E_FORMAT,
                       "%s: JSON breaks at line %d, column %d: %s", what, reason.line,
                       reason.column, reason.text);
    }
    *out = value;
    return PEWTER_OK;
}

pewter_status pw_json_dump(const json_t *value, int indent, char **text, size_t *bytes,
                           pewter_error *err)
{
    const size_t flags = JSON_ENCODE_ANY | (indent > 0 ? JSON_INDENT(indent) : 0);
    char *dump = json_dumps(value, flags);
    if (dump == NULL)
        return pw_fail(err, PEWTER_E_MEMORY, "a JSON value could not be written as text");
    *bytes = strlen(dump);
    *text = dump;
    return PEWTER_OK;
}

void pw_json_text_free(char *text)
{
    free(text);
}

/* Bytes of the character at `text`, 0 where it is not UTF-8.
 * Source: Unicode 15, table 3-7 (well-formed byte sequences). */
static size_t character(const unsigned char *text, size_t left)
{
    const unsigned char lead = text[0];
    if (lead < 0x80) return 1;
    const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || left < length) return 0;
    const unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (text[1] < low || text[1] > high) return 0;
    for (size_t i = 2; i < length; i++)
        if ((text[i] & 0xc0) != 0x80) return 0;
    return length;
}

/* The escaped form of one byte below 0x80; returns its length. */
static size_t escape(unsigned char c, char form[6])
{
    static const char digits[] = "0123456789abcdef", prefix[4] = {'\\', 'u', '0', '0'};
    static const char shorts[][2] = {{'"', '"'},  {'\\', '\\'}, {'\n', 'n'}, {'\r', 'r'},
                                     {'\t', 't'}, {'\b', 'b'},  {'\f', 'f'}};

    for (size_t i = 0; i < sizeof shorts / sizeof shorts[0]; i++) {
        if ((char)c != shorts[i][0]) continue;
        form[0] = '\\';
        form[1] = shorts[i][1];
        return 2;
    }
    if (c >= 0x20 && c != 0x7f) {
        form[0] = (char)c;
        return 1;
    }
    memcpy(form, prefix, sizeof prefix);
    form[4] = digits[c >> 4];
    form[5] = digits[c & 15];
    return 6;
}

size_t pw_json_quote(const char *text, size_t bytes, char *out, size_t cap)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t need = 0, written = 0;
    bool fits = cap > 0;

    for (size_t i = 0, step = 0; i <= bytes + 1; i += step) {
        char form[6];
        const char *piece = form;
        size_t length = 1;
        step = 1;
        if (i == 0 || i == bytes + 1) {
            form[0] = '"';
        } else if (at[i - 1] < 0x80) {
            length = escape(at[i - 1], form);
        } else {
            const size_t whole = character(at + i - 1, bytes - (i - 1));
            piece = whole > 0 ? text + i - 1 : "\xef\xbf\xbd";
            length = whole > 0 ? whole : 3;
            step = whole > 0 ? whole : 1;
        }
        fits = fits && length < cap - written;
        if (fits) {
            memcpy(out + written, piece, length);
            written += length;
        }
        need += length;
    }
    if (cap > 0) out[written] = '\0';
    return need;
}
