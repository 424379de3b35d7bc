#include "runtime/text/template_text.h"

#include <string.h>

#include "pw/status.h"
#include "runtime/text/template_char.h"
#include "runtime/text/template_write.h"

/* ---- Case --------------------------------------------------------------------------------- */

/* Does a character that has case stand right before (or behind) [at, at + length)? */
static bool cased_beside(const pw_tpl_string *string, size_t at, size_t length, bool before)
{
    uint32_t c = 0;
    if (before && at > 0)
        pw_tpl_decode_last(string->text, at, &c);
    else if (!before && at + length < string->bytes)
        pw_tpl_decode(string->text + at + length, string->bytes - at - length, &c);
    return c != 0 && pw_tpl_is_cased(c);
}

/* Does a new word begin behind character `c`, for the filter title? */
static bool parts_words(uint32_t c)
{
    return c == '-' || c == '(' || c == '{' || c == '[' || c == '<' || pw_tpl_is_space(c);
}

/* One character in its new case; returns the number of characters. `start`: a word begins here. */
static size_t recase_char(const pw_tpl_string *string, size_t at, size_t length, uint32_t c,
                          pw_tpl_case how, bool start, uint32_t out[3])
{
    if (how == PW_TPL_UPPER || (how == PW_TPL_SWAP && pw_tpl_is_lower(c)) ||
        (how == PW_TPL_WORDS && start))
        return pw_tpl_to_upper(c, out);
    if ((how == PW_TPL_CAPITAL || how == PW_TPL_TITLE) && start) return pw_tpl_to_title(c, out);
    if (how == PW_TPL_SWAP && !pw_tpl_is_upper(c)) {
        out[0] = c;
        return 1;
    }
    /* A sigma that ends a word has a form of its own. */
    if (c == 0x3a3 && cased_beside(string, at, length, true) &&
        !cased_beside(string, at, length, false)) {
        out[0] = 0x3c2;
        return 1;
    }
    return pw_tpl_to_lower(c, out);
}

pewter_status pw_tpl_recase(pw_tpl_vm *vm, const pw_tpl_string *string, pw_tpl_case how,
                            pw_tpl_value *out)
{
    pw_tpl_buffer buffer = {0};
    bool start = true;
    PW_TRY(pw_tpl_spend(vm, string->bytes / 8));
    for (size_t at = 0; at < string->bytes;) {
        uint32_t c, cased[3];
        const size_t length = pw_tpl_decode(string->text + at, string->bytes - at, &c);
        const size_t count = recase_char(string, at, length, c, how, start, cased);
        if (count == 1 && cased[0] == c) {
            PW_TRY(pw_tpl_put_part(vm, &buffer, string, at, at + length));
        } else {
            for (size_t i = 0; i < count; i++)
                PW_TRY(pw_tpl_put_char(vm, &buffer, cased[i], pw_tpl_mark(string, at)));
        }
        start = how == PW_TPL_TITLE   ? !pw_tpl_is_cased(c)
                : how == PW_TPL_WORDS ? parts_words(c)
                                      : false;
        at += length;
    }
    return pw_tpl_string_of(vm, &buffer, out);
}

/* ---- Strip -------------------------------------------------------------------------------- */

static bool stripped(uint32_t c, const char *text, size_t length, const pw_tpl_string *chars)
{
    if (chars == NULL) return pw_tpl_is_space(c);
    if (length == 1 && chars->chars == chars->bytes)
        return chars->bytes > 0 && memchr(chars->text, text[0], chars->bytes) != NULL;
    for (size_t at = 0; at < chars->bytes;) {
        uint32_t other;
        at += pw_tpl_decode(chars->text + at, chars->bytes - at, &other);
        if (other == c) return true;
    }
    return false;
}

pewter_status pw_tpl_strip(pw_tpl_vm *vm, const pw_tpl_string *string, const pw_tpl_string *chars,
                           bool left, bool right, pw_tpl_value *out)
{
    /* Every character is looked for among `chars`, so each is paid for before it is. */
    const size_t price = chars == NULL ? 0 : chars->bytes / 16;
    size_t begin = 0, end = string->bytes;
    uint32_t c;
    while (left && begin < end) {
        PW_TRY(pw_tpl_spend(vm, price));
        const size_t length = pw_tpl_decode(string->text + begin, end - begin, &c);
        if (!stripped(c, string->text + begin, length, chars)) break;
        begin += length;
    }
    while (right && end > begin) {
        PW_TRY(pw_tpl_spend(vm, price));
        const size_t length = pw_tpl_decode_last(string->text + begin, end - begin, &c);
        if (!stripped(c, string->text + end - length, length, chars)) break;
        end -= length;
    }
    const size_t gone = string->bytes - (end - begin);
    PW_TRY(pw_tpl_spend(vm, gone / 16));
    if (gone == 0) {
        *out = pw_tpl_text(string);
        return PEWTER_OK;
    }
    return pw_tpl_string_part(vm, string, begin, end, out);
}

/* ---- Find, replace ------------------------------------------------------------------------ */

pewter_status pw_tpl_find_text(pw_tpl_vm *vm, const pw_tpl_string *string, size_t begin, size_t end,
                               const pw_tpl_string *part, bool last, size_t *out)
{
    *out = SIZE_MAX;
    if (begin > end || part->bytes > end - begin) return PEWTER_OK;
    if (!last) {
        PW_TRY(pw_tpl_spend_bytes(vm, end - begin));
        const char *found = memmem(string->text + begin, end - begin, part->text, part->bytes);
        if (found != NULL) *out = (size_t)(found - string->text);
        return PEWTER_OK;
    }
    if (part->bytes == 0) {
        *out = end;
        return PEWTER_OK;
    }
    size_t work = 0;
    for (size_t at = end - part->bytes + 1; at-- > begin && *out == SIZE_MAX; work++) {
        if (string->text[at] != part->text[0]) continue;
        work += part->bytes / 8;
        if (memcmp(string->text + at, part->text, part->bytes) == 0) *out = at;
        if (work > 1 << 20) {
            PW_TRY(pw_tpl_spend(vm, work / 16));
            work = 0;
        }
    }
    return pw_tpl_spend(vm, work / 16);
}

/* `new_text` before each of the first characters and, if there are few, at the end. */
static pewter_status interleave(pw_tpl_vm *vm, const pw_tpl_string *string,
                                const pw_tpl_string *new_text, uint64_t most, pw_tpl_value *out)
{
    pw_tpl_buffer buffer = {0};
    PW_TRY(pw_tpl_spend(vm, string->bytes / 4));
    for (size_t at = 0; at <= string->bytes;) {
        if (most > 0) {
            PW_TRY(pw_tpl_put_string(vm, &buffer, new_text));
            most--;
        }
        if (at == string->bytes) break;
        uint32_t c;
        const size_t length = most > 0 ? pw_tpl_decode(string->text + at, string->bytes - at, &c)
                                       : string->bytes - at;
        PW_TRY(pw_tpl_put_part(vm, &buffer, string, at, at + length));
        at += length;
        if (most == 0 && at == string->bytes) break;
    }
    return pw_tpl_string_of(vm, &buffer, out);
}

pewter_status pw_tpl_replace(pw_tpl_vm *vm, const pw_tpl_string *string, const pw_tpl_string *old,
                             const pw_tpl_string *new_text, int64_t most, pw_tpl_value *out)
{
    uint64_t left = most < 0 ? UINT64_MAX : (uint64_t)most;
    if (old->bytes == 0) return interleave(vm, string, new_text, left, out);
    pw_tpl_buffer buffer = {0};
    size_t at = 0, matches = 0;
    PW_TRY(pw_tpl_spend_bytes(vm, string->bytes));
    for (; left > 0; left--, matches++) {
        const char *found = memmem(string->text + at, string->bytes - at, old->text, old->bytes);
        if (found == NULL) break;
        const size_t begin = (size_t)(found - string->text);
        PW_TRY(pw_tpl_put_part(vm, &buffer, string, at, begin));
        PW_TRY(pw_tpl_put_string(vm, &buffer, new_text));
        at = begin + old->bytes;
        if (matches % 4 == 3) PW_TRY(pw_tpl_spend(vm, 1));
    }
    if (matches == 0) {
        *out = pw_tpl_text(string);
        return PEWTER_OK;
    }
    PW_TRY(pw_tpl_put_part(vm, &buffer, string, at, string->bytes));
    return pw_tpl_string_of(vm, &buffer, out);
}

/* ---- Split, join, pad --------------------------------------------------------------------- */

/* A growing list. */
typedef struct parts {
    pw_tpl_value *items;
    size_t count, cap;
} parts;

static pewter_status add_part(pw_tpl_vm *vm, parts *list, const pw_tpl_string *string, size_t begin,
                              size_t end)
{
    if (list->count == list->cap) {
        pw_tpl_value *items;
        const size_t cap = list->cap * 2 + 8;
        PW_TRY(pw_tpl_take(vm, cap, sizeof *items, &items));
        if (list->count > 0) memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->cap = cap;
    }
    PW_TRY(pw_tpl_spend(vm, 1));
    return pw_tpl_string_part(vm, string, begin, end, &list->items[list->count++]);
}

static pewter_status close_parts(pw_tpl_vm *vm, const parts *list, bool reversed, pw_tpl_value *out)
{
    PW_TRY(pw_tpl_seq_new(vm, PW_TPL_LIST, list->count, out));
    for (size_t i = 0; i < list->count; i++)
        out->as.seq->items[i] = list->items[reversed ? list->count - 1 - i : i];
    return PEWTER_OK;
}

/* The end of a run of characters at [at, end) that are, or are not, white space; from the right
 * `end` moves instead. Returns the bytes of the run. */
static size_t run_of(const pw_tpl_string *string, size_t at, size_t end, bool space, bool right)
{
    size_t length = 0;
    while (at + length < end) {
        uint32_t c;
        const size_t step = right
                                ? pw_tpl_decode_last(string->text + at, end - length - at, &c)
                                : pw_tpl_decode(string->text + at + length, end - at - length, &c);
        if (pw_tpl_is_space(c) != space) break;
        length += step;
    }
    return length;
}

static pewter_status split_space(pw_tpl_vm *vm, const pw_tpl_string *string, uint64_t most,
                                 bool right, parts *list)
{
    size_t begin = 0, end = string->bytes;
    PW_TRY(pw_tpl_spend_bytes(vm, 8 * string->bytes));
    for (;;) {
        const size_t space = run_of(string, begin, end, true, right);
        if (right)
            end -= space;
        else
            begin += space;
        if (begin == end) return PEWTER_OK;
        const size_t word = run_of(string, begin, end, false, right);
        if (most-- == 0) {
            /* What is left is one part, with the white space at its far end. */
            return add_part(vm, list, string, begin, end);
        }
        if (right) {
            PW_TRY(add_part(vm, list, string, end - word, end));
            end -= word;
        } else {
            PW_TRY(add_part(vm, list, string, begin, begin + word));
            begin += word;
        }
    }
}

static pewter_status split_by(pw_tpl_vm *vm, const pw_tpl_string *string, const pw_tpl_string *by,
                              uint64_t most, bool right, parts *list)
{
    size_t begin = 0, end = string->bytes;
    PW_TRY(pw_tpl_spend_bytes(vm, string->bytes));
    while (most-- > 0) {
        size_t at = SIZE_MAX;
        if (right) {
            PW_TRY(pw_tpl_find_text(vm, string, begin, end, by, true, &at));
        } else {
            const char *found = memmem(string->text + begin, end - begin, by->text, by->bytes);
            if (found != NULL) at = (size_t)(found - string->text);
        }
        if (at == SIZE_MAX) break;
        PW_TRY(add_part(vm, list, string, right ? at + by->bytes : begin, right ? end : at));
        if (right)
            end = at;
        else
            begin = at + by->bytes;
    }
    return add_part(vm, list, string, begin, end);
}

pewter_status pw_tpl_split(pw_tpl_vm *vm, const pw_tpl_string *string, const pw_tpl_string *by,
                           int64_t most, bool right, pw_tpl_value *out)
{
    parts list = {0};
    const uint64_t cuts = most < 0 ? UINT64_MAX : (uint64_t)most;
    if (by != NULL && by->bytes == 0) return pw_tpl_fail(vm, "split at an empty text");
    if (by == NULL)
        PW_TRY(split_space(vm, string, cuts, right, &list));
    else
        PW_TRY(split_by(vm, string, by, cuts, right, &list));
    return close_parts(vm, &list, right, out);
}

/* Bytes of the end of line at `at`, 0 if none stands there. */
static size_t line_end(const pw_tpl_string *string, size_t at)
{
    uint32_t c;
    const size_t length = pw_tpl_decode(string->text + at, string->bytes - at, &c);
    if (c == '\r' && at + 1 < string->bytes && string->text[at + 1] == '\n') return 2;
    const bool ends =
        (c >= 10 && c <= 13) || (c >= 28 && c <= 30) || c == 0x85 || c == 0x2028 || c == 0x2029;
    return ends ? length : 0;
}

pewter_status pw_tpl_split_lines(pw_tpl_vm *vm, const pw_tpl_string *string, bool keep,
                                 pw_tpl_value *out)
{
    parts list = {0};
    size_t begin = 0;
    PW_TRY(pw_tpl_spend(vm, string->bytes / 16));
    for (size_t at = 0; at < string->bytes;) {
        const size_t end = line_end(string, at);
        if (end == 0) {
            at++;
            continue;
        }
        PW_TRY(add_part(vm, &list, string, begin, keep ? at + end : at));
        at += end;
        begin = at;
    }
    if (begin < string->bytes) PW_TRY(add_part(vm, &list, string, begin, string->bytes));
    return close_parts(vm, &list, false, out);
}

pewter_status pw_tpl_join(pw_tpl_vm *vm, const pw_tpl_string *by, const pw_tpl_value *items,
                          size_t count, bool loose, pw_tpl_value *out)
{
    pw_tpl_buffer buffer = {0};
    PW_TRY(pw_tpl_spend(vm, count / 4));
    for (size_t i = 0; i < count; i++) {
        if (i > 0) PW_TRY(pw_tpl_put_string(vm, &buffer, by));
        if (!loose && items[i].kind != PW_TPL_STRING)
            return pw_tpl_fail(vm, "join wants strings, item %zu is a %s", i,
                               pw_tpl_type(&items[i]));
        PW_TRY(pw_tpl_write(vm, &buffer, &items[i]));
    }
    return pw_tpl_string_of(vm, &buffer, out);
}

pewter_status pw_tpl_pad(pw_tpl_vm *vm, const pw_tpl_string *string, const pw_tpl_string *fill,
                         size_t left, size_t right, pw_tpl_value *out)
{
    static const pw_tpl_string space = {.text = " ", .bytes = 1, .chars = 1};
    pw_tpl_buffer buffer = {0};
    if (fill == NULL) fill = &space;
    if (fill->chars != 1) return pw_tpl_fail(vm, "the character to fill with must be one");
    PW_TRY(pw_tpl_spend(vm, left / 8 + right / 8));
    for (size_t i = 0; i < left; i++) PW_TRY(pw_tpl_put_string(vm, &buffer, fill));
    PW_TRY(pw_tpl_put_string(vm, &buffer, string));
    for (size_t i = 0; i < right; i++) PW_TRY(pw_tpl_put_string(vm, &buffer, fill));
    return pw_tpl_string_of(vm, &buffer, out);
}
