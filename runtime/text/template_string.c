/* Strings and buffers: text with the origin of each byte. */
#include "runtime/text/template_value.h"

#include "pw/status.h"
#include "runtime/text/template_char.h"

/* ---- Buffers ------------------------------------------------------------------------------ */

static pewter_status make_room(pw_tpl_vm *vm, pw_tpl_buffer *buffer, size_t more)
{
    enum { LEAST = 64 };
    size_t need;
    if (!pw_add(buffer->bytes, more, &need) || (buffer->limit > 0 && need > buffer->limit))
        return pw_tpl_stop(vm, PEWTER_E_LIMIT, "its output passes %zu bytes", buffer->limit);
    if (need <= buffer->cap) return PEWTER_OK;

    size_t cap = buffer->cap * 2 > LEAST ? buffer->cap * 2 : LEAST;
    if (cap < need) cap = need;
    char *text;
    PW_TRY(pw_tpl_take(vm, cap, 1, &text));
    if (buffer->bytes > 0) memcpy(text, buffer->text, buffer->bytes);
    if (buffer->marks != NULL) {
        uint8_t *marks;
        PW_TRY(pw_tpl_take(vm, cap, 1, &marks));
        memcpy(marks, buffer->marks, buffer->bytes);
        buffer->marks = marks;
    }
    buffer->text = text;
    buffer->cap = cap;
    return pw_tpl_spend_bytes(vm, cap);
}

/* Gives each byte a mark of its own. */
static pewter_status make_marks(pw_tpl_vm *vm, pw_tpl_buffer *buffer)
{
    if (buffer->marks != NULL) return PEWTER_OK;
    uint8_t *marks;
    PW_TRY(pw_tpl_take(vm, buffer->cap, 1, &marks));
    memset(marks, buffer->user, buffer->bytes);
    buffer->marks = marks;
    return PEWTER_OK;
}

pewter_status pw_tpl_put(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const char *text, size_t bytes,
                         bool user)
{
    if (bytes == 0) return PEWTER_OK;
    PW_TRY(pw_tpl_spend_bytes(vm, bytes));
    PW_TRY(make_room(vm, buffer, bytes));
    if (buffer->bytes == 0) buffer->user = user;
    if (buffer->user != user || buffer->marks != NULL) {
        PW_TRY(make_marks(vm, buffer));
        memset(buffer->marks + buffer->bytes, user, bytes);
    }
    memcpy(buffer->text + buffer->bytes, text, bytes);
    buffer->bytes += bytes;
    return PEWTER_OK;
}

pewter_status pw_tpl_put_part(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_string *string,
                              size_t begin, size_t end)
{
    if (string->marks == NULL || begin == end)
        return pw_tpl_put(vm, buffer, string->text + begin, end - begin, string->user);
    PW_TRY(pw_tpl_spend_bytes(vm, end - begin));
    PW_TRY(make_room(vm, buffer, end - begin));
    PW_TRY(make_marks(vm, buffer));
    memcpy(buffer->text + buffer->bytes, string->text + begin, end - begin);
    memcpy(buffer->marks + buffer->bytes, string->marks + begin, end - begin);
    buffer->bytes += end - begin;
    return PEWTER_OK;
}

pewter_status pw_tpl_put_string(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const pw_tpl_string *string)
{
    return pw_tpl_put_part(vm, buffer, string, 0, string->bytes);
}

pewter_status pw_tpl_put_char(pw_tpl_vm *vm, pw_tpl_buffer *buffer, uint32_t c, bool user)
{
    char text[4];
    return pw_tpl_put(vm, buffer, text, pw_tpl_encode(c, text), user);
}

/* ---- Strings ------------------------------------------------------------------------------ */

static pewter_status make(pw_tpl_vm *vm, const pw_tpl_string *like, pw_tpl_value *out)
{
    pw_tpl_string *string;
    PW_TRY(pw_tpl_take(vm, 1, sizeof *string, &string));
    *string = *like;
    if (string->text == NULL) string->text = "";
    *out = pw_tpl_text(string);
    return PEWTER_OK;
}

pewter_status pw_tpl_string_new(pw_tpl_vm *vm, const char *text, size_t bytes, bool user,
                                pw_tpl_value *out)
{
    PW_TRY(pw_tpl_spend_bytes(vm, bytes));
    const pw_tpl_string like = {
        .text = text, .bytes = bytes, .chars = pw_tpl_count_chars(text, bytes), .user = user};
    return make(vm, &like, out);
}

pewter_status pw_tpl_string_copy(pw_tpl_vm *vm, const char *text, size_t bytes, bool user,
                                 pw_tpl_value *out)
{
    char *copy;
    PW_TRY(pw_tpl_take(vm, bytes, 1, &copy));
    if (bytes > 0) memcpy(copy, text, bytes);
    return pw_tpl_string_new(vm, copy, bytes, user, out);
}

pewter_status pw_tpl_string_part(pw_tpl_vm *vm, const pw_tpl_string *string, size_t begin,
                                 size_t end, pw_tpl_value *out)
{
    pw_tpl_string like = *string;
    like.text += begin;
    like.bytes = end - begin;
    if (like.marks != NULL) like.marks += begin;
    like.home = NULL;
    like.chars = like.bytes;
    if (string->chars != string->bytes) {
        PW_TRY(pw_tpl_spend_bytes(vm, like.bytes));
        like.chars = pw_tpl_count_chars(like.text, like.bytes);
    }
    return make(vm, &like, out);
}

pewter_status pw_tpl_string_of(pw_tpl_vm *vm, const pw_tpl_buffer *buffer, pw_tpl_value *out)
{
    PW_TRY(pw_tpl_spend_bytes(vm, buffer->bytes));
    const pw_tpl_string like = {.text = buffer->text,
                                .bytes = buffer->bytes,
                                .chars = pw_tpl_count_chars(buffer->text, buffer->bytes),
                                .marks = buffer->marks,
                                .user = buffer->user};
    return make(vm, &like, out);
}

pewter_status pw_tpl_string_join(pw_tpl_vm *vm, const pw_tpl_string *a, const pw_tpl_string *b,
                                 pw_tpl_value *out)
{
    pw_tpl_buffer *home = a->home;
    if (home == NULL || home->text != a->text || home->bytes != a->bytes) {
        PW_TRY(pw_tpl_take(vm, 1, sizeof *home, &home));
        PW_TRY(make_room(vm, home, a->bytes + b->bytes));
        PW_TRY(pw_tpl_put_string(vm, home, a));
    }
    PW_TRY(pw_tpl_put_string(vm, home, b));
    /* A broken character may become whole where the two meet. */
    const bool whole = a->bytes == 0 || b->bytes == 0 || ((unsigned char)b->text[0] & 0xc0) != 0x80;
    const pw_tpl_string like = {.text = home->text,
                                .bytes = home->bytes,
                                .chars = whole ? a->chars + b->chars
                                               : pw_tpl_count_chars(home->text, home->bytes),
                                .marks = home->marks,
                                .user = home->user,
                                .home = home};
    return make(vm, &like, out);
}

/* ---- Looking ------------------------------------------------------------------------------ */

bool pw_tpl_is(const pw_tpl_string *string, const char *text)
{
    return strlen(text) == string->bytes && memcmp(string->text, text, string->bytes) == 0;
}

bool pw_tpl_same(const pw_tpl_string *a, const pw_tpl_string *b)
{
    return a->bytes == b->bytes && (a->text == b->text || memcmp(a->text, b->text, a->bytes) == 0);
}

int pw_tpl_order(const pw_tpl_string *a, const pw_tpl_string *b)
{
    const size_t shared = a->bytes < b->bytes ? a->bytes : b->bytes;
    const int order = shared > 0 ? memcmp(a->text, b->text, shared) : 0;
    if (order != 0) return order;
    return a->bytes < b->bytes ? -1 : a->bytes > b->bytes;
}
