#include "runtime/text/template_char.h"

#include <string.h>

#include <utf8proc.h>

/* Characters whose upper case is longer than one. Source: Unicode 14, SpecialCasing.txt, written
 * from Python's str.upper. */
// clang-format off
static const struct {
    uint16_t from, to[3];
} upper_long[] = {
    {0x00df, {0x0053, 0x0053, 0}}, {0x0149, {0x02bc, 0x004e, 0}}, {0x01f0, {0x004a, 0x030c, 0}},
    {0x0390, {0x0399, 0x0308, 0x0301}}, {0x03b0, {0x03a5, 0x0308, 0x0301}},
    {0x0587, {0x0535, 0x0552, 0}}, {0x1e96, {0x0048, 0x0331, 0}}, {0x1e97, {0x0054, 0x0308, 0}},
    {0x1e98, {0x0057, 0x030a, 0}}, {0x1e99, {0x0059, 0x030a, 0}}, {0x1e9a, {0x0041, 0x02be, 0}},
    {0x1f50, {0x03a5, 0x0313, 0}}, {0x1f52, {0x03a5, 0x0313, 0x0300}},
    {0x1f54, {0x03a5, 0x0313, 0x0301}}, {0x1f56, {0x03a5, 0x0313, 0x0342}},
    {0x1f80, {0x1f08, 0x0399, 0}}, {0x1f81, {0x1f09, 0x0399, 0}}, {0x1f82, {0x1f0a, 0x0399, 0}},
    {0x1f83, {0x1f0b, 0x0399, 0}}, {0x1f84, {0x1f0c, 0x0399, 0}}, {0x1f85, {0x1f0d, 0x0399, 0}},
    {0x1f86, {0x1f0e, 0x0399, 0}}, {0x1f87, {0x1f0f, 0x0399, 0}}, {0x1f88, {0x1f08, 0x0399, 0}},
    {0x1f89, {0x1f09, 0x0399, 0}}, {0x1f8a, {0x1f0a, 0x0399, 0}}, {0x1f8b, {0x1f0b, 0x0399, 0}},
    {0x1f8c, {0x1f0c, 0x0399, 0}}, {0x1f8d, {0x1f0d, 0x0399, 0}}, {0x1f8e, {0x1f0e, 0x0399, 0}},
    {0x1f8f, {0x1f0f, 0x0399, 0}}, {0x1f90, {0x1f28, 0x0399, 0}}, {0x1f91, {0x1f29, 0x0399, 0}},
    {0x1f92, {0x1f2a, 0x0399, 0}}, {0x1f93, {0x1f2b, 0x0399, 0}}, {0x1f94, {0x1f2c, 0x0399, 0}},
    {0x1f95, {0x1f2d, 0x0399, 0}}, {0x1f96, {0x1f2e, 0x0399, 0}}, {0x1f97, {0x1f2f, 0x0399, 0}},
    {0x1f98, {0x1f28, 0x0399, 0}}, {0x1f99, {0x1f29, 0x0399, 0}}, {0x1f9a, {0x1f2a, 0x0399, 0}},
    {0x1f9b, {0x1f2b, 0x0399, 0}}, {0x1f9c, {0x1f2c, 0x0399, 0}}, {0x1f9d, {0x1f2d, 0x0399, 0}},
    {0x1f9e, {0x1f2e, 0x0399, 0}}, {0x1f9f, {0x1f2f, 0x0399, 0}}, {0x1fa0, {0x1f68, 0x0399, 0}},
    {0x1fa1, {0x1f69, 0x0399, 0}}, {0x1fa2, {0x1f6a, 0x0399, 0}}, {0x1fa3, {0x1f6b, 0x0399, 0}},
    {0x1fa4, {0x1f6c, 0x0399, 0}}, {0x1fa5, {0x1f6d, 0x0399, 0}}, {0x1fa6, {0x1f6e, 0x0399, 0}},
    {0x1fa7, {0x1f6f, 0x0399, 0}}, {0x1fa8, {0x1f68, 0x0399, 0}}, {0x1fa9, {0x1f69, 0x0399, 0}},
    {0x1faa, {0x1f6a, 0x0399, 0}}, {0x1fab, {0x1f6b, 0x0399, 0}}, {0x1fac, {0x1f6c, 0x0399, 0}},
    {0x1fad, {0x1f6d, 0x0399, 0}}, {0x1fae, {0x1f6e, 0x0399, 0}}, {0x1faf, {0x1f6f, 0x0399, 0}},
    {0x1fb2, {0x1fba, 0x0399, 0}}, {0x1fb3, {0x0391, 0x0399, 0}}, {0x1fb4, {0x0386, 0x0399, 0}},
    {0x1fb6, {0x0391, 0x0342, 0}}, {0x1fb7, {0x0391, 0x0342, 0x0399}},
    {0x1fbc, {0x0391, 0x0399, 0}}, {0x1fc2, {0x1fca, 0x0399, 0}}, {0x1fc3, {0x0397, 0x0399, 0}},
    {0x1fc4, {0x0389, 0x0399, 0}}, {0x1fc6, {0x0397, 0x0342, 0}},
    {0x1fc7, {0x0397, 0x0342, 0x0399}}, {0x1fcc, {0x0397, 0x0399, 0}},
    {0x1fd2, {0x0399, 0x0308, 0x0300}}, {0x1fd3, {0x0399, 0x0308, 0x0301}},
    {0x1fd6, {0x0399, 0x0342, 0}}, {0x1fd7, {0x0399, 0x0308, 0x0342}},
    {0x1fe2, {0x03a5, 0x0308, 0x0300}}, {0x1fe3, {0x03a5, 0x0308, 0x0301}},
    {0x1fe4, {0x03a1, 0x0313, 0}}, {0x1fe6, {0x03a5, 0x0342, 0}},
    {0x1fe7, {0x03a5, 0x0308, 0x0342}}, {0x1ff2, {0x1ffa, 0x0399, 0}},
    {0x1ff3, {0x03a9, 0x0399, 0}}, {0x1ff4, {0x038f, 0x0399, 0}}, {0x1ff6, {0x03a9, 0x0342, 0}},
    {0x1ff7, {0x03a9, 0x0342, 0x0399}}, {0x1ffc, {0x03a9, 0x0399, 0}},
    {0xfb00, {0x0046, 0x0046, 0}}, {0xfb01, {0x0046, 0x0049, 0}}, {0xfb02, {0x0046, 0x004c, 0}},
    {0xfb03, {0x0046, 0x0046, 0x0049}}, {0xfb04, {0x0046, 0x0046, 0x004c}},
    {0xfb05, {0x0053, 0x0054, 0}}, {0xfb06, {0x0053, 0x0054, 0}}, {0xfb13, {0x0544, 0x0546, 0}},
    {0xfb14, {0x0544, 0x0535, 0}}, {0xfb15, {0x0544, 0x053b, 0}}, {0xfb16, {0x054e, 0x0546, 0}},
    {0xfb17, {0x0544, 0x053d, 0}},
};
// clang-format on

size_t pw_tpl_decode(const char *text, size_t left, uint32_t *c)
{
    const unsigned char lead = (unsigned char)text[0];
    if (lead < 0x80) {
        *c = lead;
        return 1;
    }
    utf8proc_int32_t point;
    const utf8proc_ssize_t length =
        utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)left, &point);
    *c = length > 0 ? (uint32_t)point : PW_TPL_BROKEN;
    return length > 0 ? (size_t)length : 1;
}

size_t pw_tpl_decode_last(const char *text, size_t bytes, uint32_t *c)
{
    for (size_t length = 1; length <= 4 && length <= bytes; length++) {
        const char *at = text + bytes - length;
        if (((unsigned char)at[0] & 0xc0) == 0x80) continue;
        if (pw_tpl_decode(at, length, c) == length) return length;
        break;
    }
    *c = PW_TPL_BROKEN;
    return 1;
}

size_t pw_tpl_encode(uint32_t c, char out[4])
{
    if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) c = 0xfffd;
    return (size_t)utf8proc_encode_char((utf8proc_int32_t)c, (utf8proc_uint8_t *)out);
}

/* Leading bytes below 0x80, a word at a time. */
static size_t ascii_prefix(const char *text, size_t bytes)
{
    size_t at = 0;
    for (uint64_t word; at + sizeof word <= bytes; at += sizeof word) {
        memcpy(&word, text + at, sizeof word);
        if ((word & 0x8080808080808080u) != 0) break;
    }
    while (at < bytes && (unsigned char)text[at] < 0x80) at++;
    return at;
}

size_t pw_tpl_count_chars(const char *text, size_t bytes)
{
    size_t chars = 0;
    for (size_t at = 0; at < bytes;) {
        const size_t plain = ascii_prefix(text + at, bytes - at);
        chars += plain;
        at += plain;
        if (at == bytes) break;
        uint32_t c;
        at += pw_tpl_decode(text + at, bytes - at, &c);
        chars++;
    }
    return chars;
}

size_t pw_tpl_offset(const char *text, size_t bytes, size_t chars, size_t index)
{
    if (index >= chars) return bytes;
    if (chars == bytes) return index;
    size_t at = 0;
    for (uint32_t c; index > 0; index--) at += pw_tpl_decode(text + at, bytes - at, &c);
    return at;
}

static utf8proc_category_t category(uint32_t c)
{
    return c > 0x10ffff ? UTF8PROC_CATEGORY_CN : utf8proc_category((utf8proc_int32_t)c);
}

bool pw_tpl_is_space(uint32_t c)
{
    if (c < 0x80) return (c >= 9 && c <= 13) || (c >= 28 && c <= 32);
    return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
           c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

bool pw_tpl_is_alpha(uint32_t c)
{
    const utf8proc_category_t kind = category(c);
    return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}

bool pw_tpl_is_decimal(uint32_t c)
{
    return category(c) == UTF8PROC_CATEGORY_ND;
}

bool pw_tpl_is_digit(uint32_t c)
{
    return pw_tpl_is_decimal(c) || c == 0xb2 || c == 0xb3 || c == 0xb9 ||
           (c >= 0x2070 && c <= 0x2089 && category(c) == UTF8PROC_CATEGORY_NO);
}

bool pw_tpl_is_numeric(uint32_t c)
{
    const utf8proc_category_t kind = category(c);
    return kind >= UTF8PROC_CATEGORY_ND && kind <= UTF8PROC_CATEGORY_NO;
}

bool pw_tpl_is_printable(uint32_t c)
{
    if (c < 0x7f) return c >= 0x20;
    const utf8proc_category_t kind = category(c);
    return kind != UTF8PROC_CATEGORY_CN &&
           !(kind >= UTF8PROC_CATEGORY_ZS && kind <= UTF8PROC_CATEGORY_CO);
}

bool pw_tpl_is_upper(uint32_t c)
{
    return category(c) == UTF8PROC_CATEGORY_LU;
}

bool pw_tpl_is_lower(uint32_t c)
{
    return category(c) == UTF8PROC_CATEGORY_LL || c == 0xaa || c == 0xba;
}

bool pw_tpl_is_cased(uint32_t c)
{
    return pw_tpl_is_upper(c) || pw_tpl_is_lower(c) || category(c) == UTF8PROC_CATEGORY_LT;
}

size_t pw_tpl_to_upper(uint32_t c, uint32_t out[3])
{
    const size_t rows = sizeof upper_long / sizeof upper_long[0];
    for (size_t i = 0; c >= 0xdf && i < rows && upper_long[i].from <= c; i++) {
        if (upper_long[i].from != c) continue;
        for (size_t j = 0; j < 3; j++) out[j] = upper_long[i].to[j];
        return out[2] != 0 ? 3 : 2;
    }
    out[0] = c > 0x10ffff ? c : (uint32_t)utf8proc_toupper((utf8proc_int32_t)c);
    return 1;
}

size_t pw_tpl_to_lower(uint32_t c, uint32_t out[3])
{
    if (c == 0x130) {
        out[0] = 'i';
        out[1] = 0x307;
        return 2;
    }
    out[0] = c > 0x10ffff ? c : (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
    return 1;
}

size_t pw_tpl_to_title(uint32_t c, uint32_t out[3])
{
    const size_t length = pw_tpl_to_upper(c, out);
    if (length == 1) {
        out[0] = c > 0x10ffff ? c : (uint32_t)utf8proc_totitle((utf8proc_int32_t)c);
        return 1;
    }
    for (size_t i = 1; i < length; i++)
        out[i] = (uint32_t)utf8proc_tolower((utf8proc_int32_t)out[i]);
    return length;
}
