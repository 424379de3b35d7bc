/* Characters of template strings: UTF-8 in which a broken byte is a character of its own. */
#ifndef PW_RUNTIME_TEXT_TEMPLATE_CHAR_H
#define PW_RUNTIME_TEXT_TEMPLATE_CHAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What pw_tpl_decode gives for a broken byte: beyond all of Unicode. */
#define PW_TPL_BROKEN 0x110000u

/* The character at `text`, of `left` > 0 bytes, into *c; returns its bytes, 1 to 4. */
size_t pw_tpl_decode(const char *text, size_t left, uint32_t *c);
/* The bytes of the character that ends at text + bytes, bytes > 0. */
size_t pw_tpl_decode_last(const char *text, size_t bytes, uint32_t *c);
/* Writes 1 to 4 bytes and returns their number; surrogates and what is beyond Unicode give U+FFFD. */
size_t pw_tpl_encode(uint32_t c, char out[4]);
/* Characters in `bytes` bytes. */
size_t pw_tpl_count_chars(const char *text, size_t bytes);
/* Where character `index` begins; `bytes` if there are no more. */
size_t pw_tpl_offset(const char *text, size_t bytes, size_t chars, size_t index);

/* As Python's str.isspace, isalpha, isdecimal, isdigit, isnumeric, isprintable. */
bool pw_tpl_is_space(uint32_t c);
bool pw_tpl_is_alpha(uint32_t c);
bool pw_tpl_is_decimal(uint32_t c);
bool pw_tpl_is_digit(uint32_t c);
bool pw_tpl_is_numeric(uint32_t c);
bool pw_tpl_is_printable(uint32_t c);
bool pw_tpl_is_upper(uint32_t c);
bool pw_tpl_is_lower(uint32_t c);
bool pw_tpl_is_cased(uint32_t c);

/* Full case mappings (Unicode, SpecialCasing without conditions); return the number of characters. */
size_t pw_tpl_to_upper(uint32_t c, uint32_t out[3]);
size_t pw_tpl_to_lower(uint32_t c, uint32_t out[3]);
size_t pw_tpl_to_title(uint32_t c, uint32_t out[3]);

#endif
