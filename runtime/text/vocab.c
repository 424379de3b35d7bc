#include "runtime/text/vocab.h"

#include <math.h>
#include <string.h>

#include "pw/status.h"
#include "runtime/text/utf8.h"

typedef struct pw_table_slot {
    uint32_t tag; /* high half of the hash */
    int32_t id;   /* -1: empty */
} pw_table_slot;

enum { REACH_MAX = 1024, RANK_SIGN = 31 };

/* Eight bytes at a time, multiplied and folded; the constant is 2^64 over the golden ratio. */
static uint64_t hash_text(const char *text, size_t bytes)
{
    const uint64_t odd = 0x9e3779b97f4a7c15u;
    uint64_t hash = bytes * odd;
    for (; bytes >= 8; text += 8, bytes -= 8) {
        uint64_t word;
        memcpy(&word, text, 8);
        hash = (hash ^ word) * odd;
        hash ^= hash >> 32;
    }
    uint64_t rest = 0;
    for (size_t i = 0; i < bytes; i++) rest = rest << 8 | (unsigned char)text[i];
    hash = (hash ^ rest) * odd;
    hash ^= hash >> 29;
    hash *= 0xbf58476d1ce4e5b9u;
    return hash ^ hash >> 32;
}

bool pw_table_init(pw_table *table, pw_arena *arena, const pw_text *texts, size_t n)
{
    size_t size = 16, want;
    if (!pw_mul(n, 2, &want)) return false;
    while (size < want)
        if (!pw_mul(size, 2, &size)) return false;
    pw_table_slot *slots = pw_arena_array(arena, size, sizeof *slots);
    if (slots == NULL) return false;
    for (size_t i = 0; i < size; i++) slots[i].id = -1;
    *table = (pw_table){.slots = slots, .mask = size - 1, .texts = texts};
    return true;
}

static bool same(const pw_text *a, const char *text, size_t bytes)
{
    return a->bytes == bytes && memcmp(a->data, text, bytes) == 0;
}

bool pw_table_add(pw_table *table, int32_t id)
{
    const pw_text *text = &table->texts[id];
    const uint64_t hash = hash_text(text->data, text->bytes);
    const uint32_t tag = (uint32_t)(hash >> 32);
    for (size_t step = 0; step <= REACH_MAX; step++) {
        pw_table_slot *slot = &table->slots[(hash + step) & table->mask];
        if (slot->id < 0) {
            *slot = (pw_table_slot){.tag = tag, .id = id};
            if (step > table->reach) table->reach = step;
            return true;
        }
        if (slot->tag == tag && same(&table->texts[slot->id], text->data, text->bytes)) return true;
    }
    return false;
}

int32_t pw_table_find(const pw_table *table, const char *text, size_t bytes)
{
    const uint64_t hash = hash_text(text, bytes);
    const uint32_t tag = (uint32_t)(hash >> 32);
    for (size_t step = 0; step <= table->reach; step++) {
        const pw_table_slot *slot = &table->slots[(hash + step) & table->mask];
        if (slot->id < 0) return -1;
        if (slot->tag == tag && same(&table->texts[slot->id], text, bytes)) return slot->id;
    }
    return -1;
}

/* The printable Latin-1 characters stand for themselves; the other 68 bytes follow from U+0100 on
 * in their order. Source: GPT-2's encoder (Radford et al. 2019). */
int pw_vocab_byte_of(uint32_t code)
{
    const bool self = (code >= 0x21 && code <= 0x7e) || (code >= 0xa1 && code <= 0xff);
    if (self) return code == 0xad ? -1 : (int)code;
    if (code < 0x100 || code > 0x143) return -1;
    const int nth = (int)code - 0x100;
    if (nth <= 0x20) return nth;
    return nth == 0x43 ? 0xad : nth - 0x21 + 0x7f;
}

/* A piece in GPT-2's spelling; `out` has room for the text. The text itself where it is spelt
 * otherwise. */
static size_t spell_bytes(const pw_text *text, char *out)
{
    size_t size = 0;
    for (size_t at = 0; at < text->bytes;) {
        const size_t step = pw_utf8_char(text->data + at, text->bytes - at);
        const int byte = step == 0 ? -1 : pw_vocab_byte_of(pw_utf8_code(text->data + at, step));
        if (byte < 0) {
            memcpy(out, text->data, text->bytes);
            return text->bytes;
        }
        out[size++] = (char)byte;
        at += step;
    }
    return size;
}

/* A piece with spaces for U+2581. */
static size_t spell_spaces(const pw_text *text, char *out)
{
    size_t size = 0;
    for (size_t at = 0; at < text->bytes;) {
        const bool space = text->bytes - at >= 3 && memcmp(text->data + at, "\xe2\x96\x81", 3) == 0;
        out[size++] = space ? ' ' : text->data[at];
        at += space ? 3 : 1;
    }
    return size;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte of a text <0xNN>; -1: it is not of that form. */
static int byte_token(const pw_text *text)
{
    if (text->bytes != 6 || memcmp(text->data, "<0x", 3) != 0 || text->data[5] != '>') return -1;
    const int high = hex_digit(text->data[3]), low = hex_digit(text->data[4]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Orders floats as unsigned numbers, the highest float first; zeros of both signs are one. */
static uint32_t rank_of(float score)
{
    const float value = score == 0.0f ? 0.0f : score;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const bool negative = bits >> RANK_SIGN != 0;
    return negative ? bits : ~bits & 0x7fffffffu;
}

static pewter_status check_token(const pw_vocab_data *data, size_t id, pewter_error *err)
{
    const int32_t type = data->types != NULL ? data->types[id] : PW_TOKEN_NORMAL;
    if (type < 0 || type >= PW_TOKEN_TYPES)
        return pw_fail(err, PEWTER_E_FORMAT, "vocabulary: token %zu has type %d, wanted 0 to 6", id,
                       (int)type);
    const bool special =
        type == PW_TOKEN_CONTROL || type == PW_TOKEN_USER_DEFINED || type == PW_TOKEN_UNKNOWN;
    const size_t most = special ? PW_SPECIAL_BYTES_MAX : PW_TOKEN_BYTES_MAX;
    if (data->tokens[id].bytes > most)
        return pw_fail(err, PEWTER_E_FORMAT,
                       "vocabulary: token %zu has %zu bytes, at most %zu are taken", id,
                       data->tokens[id].bytes, most);
    if (type == PW_TOKEN_BYTE && byte_token(&data->tokens[id]) < 0)
        return pw_fail(err, PEWTER_E_FORMAT,
                       "vocabulary: token %zu is a byte token, but its text is not of the form "
                       "<0xNN>",
                       id);
    if (data->scores != NULL && isnan(data->scores[id]))
        return pw_fail(err, PEWTER_E_FORMAT, "vocabulary: the score of token %zu is not a number",
                       id);
    return PEWTER_OK;
}

static pewter_status check(const pw_vocab_data *data, size_t *total, pewter_error *err)
{
    if (data->n == 0 || data->n > INT32_MAX)
        return pw_fail(err, PEWTER_E_FORMAT, "vocabulary: %zu tokens, wanted 1 to %d", data->n,
                       INT32_MAX);
    size_t bytes = 0;
    for (size_t id = 0; id < data->n; id++) {
        PW_TRY(check_token(data, id, err));
        if (!pw_add(bytes, data->tokens[id].bytes, &bytes))
            return pw_fail(err, PEWTER_E_FORMAT, "vocabulary: the texts are too long together");
    }
    *total = bytes;
    return PEWTER_OK;
}

/* Writes the piece of one token at `out` and its type and place into the table. */
static size_t fill_piece(pw_vocab *vocab, const pw_vocab_data *data, size_t id,
                         pw_spelling spelling, char *out)
{
    const pw_text *text = &data->tokens[id];
    int type = data->types != NULL ? data->types[id] : PW_TOKEN_NORMAL;
    const int byte = byte_token(text);
    if (type == PW_TOKEN_UNDEFINED) type = PW_TOKEN_NORMAL;
    if (data->types == NULL && spelling != PW_SPELL_BYTES && byte >= 0) type = PW_TOKEN_BYTE;

    size_t size = text->bytes;
    if (type == PW_TOKEN_BYTE) {
        *out = (char)byte;
        size = 1;
    } else if (spelling == PW_SPELL_BYTES && (type == PW_TOKEN_NORMAL || type == PW_TOKEN_UNUSED)) {
        size = spell_bytes(text, out);
    } else if (spelling == PW_SPELL_SPACES && type != PW_TOKEN_CONTROL &&
               type != PW_TOKEN_UNKNOWN) {
        size = spell_spaces(text, out);
    } else if (size > 0) {
        memcpy(out, text->data, size);
    }
    vocab->types[id] = (uint8_t)type;
    vocab->pieces[id] = (pw_text){.data = out, .bytes = size};
    if (vocab->ranks != NULL) vocab->ranks[id] = rank_of(data->scores[id]);
    return size;
}

/* A text with a space in it cannot come from text whose spaces are U+2581. */
static bool reachable(const pw_text *text, pw_spelling spelling)
{
    return spelling != PW_SPELL_SPACES || memchr(text->data, ' ', text->bytes) == NULL;
}

static pewter_status fill_table(pw_vocab *vocab, const pw_vocab_data *data, pw_spelling spelling,
                                pewter_error *err)
{
    for (int byte = 0; byte < 256; byte++) vocab->byte[byte] = -1;
    for (size_t i = 0; i < vocab->n; i++) {
        const int32_t id = (int32_t)i;
        const pw_text *piece = &vocab->pieces[i];
        if (piece->bytes == 0) continue;
        const bool plain = pw_vocab_plain(vocab, id) && reachable(&data->tokens[i], spelling);
        const bool byte = spelling == PW_SPELL_BYTES ? plain && piece->bytes == 1
                                                     : vocab->types[i] == PW_TOKEN_BYTE;
        int32_t *slot = &vocab->byte[(unsigned char)piece->data[0]];
        if (byte && *slot < 0) *slot = id;
        if (!plain) continue;
        if (piece->bytes > vocab->longest) vocab->longest = piece->bytes;
        if (!pw_table_add(&vocab->table, id))
            return pw_fail(err, PEWTER_E_FORMAT,
                           "vocabulary: too many tokens share the hash of token %zu", i);
    }
    return PEWTER_OK;
}

pewter_status pw_vocab_init(pw_vocab *vocab, const pw_vocab_data *data, pw_spelling spelling,
                            pw_arena *arena, pewter_error *err)
{
    size_t total;
    PW_TRY(check(data, &total, err));

    *vocab = (pw_vocab){.n = data->n};
    vocab->pieces = pw_arena_array(arena, data->n, sizeof *vocab->pieces);
    vocab->types = pw_arena_array(arena, data->n, sizeof *vocab->types);
    if (data->scores != NULL) vocab->ranks = pw_arena_array(arena, data->n, sizeof *vocab->ranks);
    char *at = pw_arena_take(arena, total);
    if (vocab->pieces == NULL || vocab->types == NULL || at == NULL ||
        (data->scores != NULL && vocab->ranks == NULL) ||
        !pw_table_init(&vocab->table, arena, vocab->pieces, data->n))
        return pw_fail(err, PEWTER_E_MEMORY, "vocabulary: no memory for %zu tokens", data->n);

    for (size_t id = 0; id < data->n; id++) at += fill_piece(vocab, data, id, spelling, at);
    return fill_table(vocab, data, spelling, err);
}
