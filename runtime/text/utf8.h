/* UTF-8: lengths of characters, well-formed stretches, and what to hold back at the end of a stream.
 * Well formed as in the Unicode Standard, table 3-7: no overlong forms, no surrogates, at most
 * U+10FFFF. */
#ifndef PW_RUNTIME_TEXT_UTF8_H
#define PW_RUNTIME_TEXT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a character that begins with `lead`, by the lead byte alone; 0: no character does. */
static inline size_t pw_utf8_lead(unsigned char lead)
{
    if (lead < 0x80) return 1;
    if (lead < 0xc2 || lead > 0xf4) return 0;
    return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* Whether `second` may follow `lead` (2 to 4 byte forms). */
static inline bool pw_utf8_second(unsigned char lead, unsigned char second)
{
    const unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    return second >= low && second <= high;
}

/* Bytes of the well-formed character at the head of text [bytes]; 0: there is none. */
static inline size_t pw_utf8_char(const char *text, size_t bytes)
{
    if (bytes == 0) return 0;
    const unsigned char lead = (unsigned char)text[0];
    const size_t size = pw_utf8_lead(lead);
    if (size <= 1) return size;
    if (size > bytes || !pw_utf8_second(lead, (unsigned char)text[1])) return 0;
    for (size_t i = 2; i < size; i++)
        if (((unsigned char)text[i] & 0xc0) != 0x80) return 0;
    return size;
}

/* The code point of a well-formed character of `size` bytes. */
static inline uint32_t pw_utf8_code(const char *text, size_t size)
{
    const unsigned char *byte = (const unsigned char *)text;
    if (size == 1) return byte[0];
    uint32_t code = byte[0] & (0xffu >> (size + 1));
    for (size_t i = 1; i < size; i++) code = code << 6 | (byte[i] & 0x3fu);
    return code;
}

/* Writes a code point below 0x110000 that is no surrogate; returns its 1 to 4 bytes. */
static inline size_t pw_utf8_put(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    const size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = size - 1; i > 0; i--, code >>= 6) out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)((0xf00u >> size & 0xf0u) | code);
    return size;
}

/* Bytes of the longest well-formed beginning of text [bytes]. */
static inline size_t pw_utf8_valid(const char *text, size_t bytes)
{
    size_t at = 0;
    while (at < bytes) {
        const size_t size = pw_utf8_char(text + at, bytes - at);
        if (size == 0) break;
        at += size;
    }
    return at;
}

/* Bytes at the end of text [bytes] that may be the beginning of a character yet to come: 0 to 3.
 * A stream holds them back; malformed bytes are not held back. */
static inline size_t pw_utf8_partial(const char *text, size_t bytes)
{
    for (size_t back = 1; back <= 3 && back <= bytes; back++) {
        const unsigned char lead = (unsigned char)text[bytes - back];
        if ((lead & 0xc0) == 0x80) continue;
        if (pw_utf8_lead(lead) <= back) return 0;
        return back == 1 || pw_utf8_second(lead, (unsigned char)text[bytes - back + 1]) ? back : 0;
    }
    return 0;
}

#endif
