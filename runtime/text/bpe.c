#include "runtime/text/bpe.h"

#include <string.h>

#include "pw/arena.h"
#include "pw/status.h"
#include "runtime/text/utf8.h"

typedef struct pw_bpe_slot {
    uint64_t pair; /* left + 1 above, right below; 0: empty */
    pw_join join;
} pw_bpe_slot;

enum { REACH_MAX = 1024 };

static uint64_t pair_of(int32_t left, int32_t right)
{
    return ((uint64_t)(uint32_t)left + 1) << 32 | (uint32_t)right;
}

static uint64_t hash_pair(uint64_t pair)
{
    pair *= 0x9e3779b97f4a7c15u;
    pair ^= pair >> 32;
    return pair * 0xd6e8feb86659fd93u >> 20;
}

/* The first merge of a pair counts. False: too many pairs share their place. */
static bool add_pair(pw_bpe *bpe, uint64_t pair, pw_join join)
{
    const uint64_t hash = hash_pair(pair);
    for (size_t step = 0; step <= REACH_MAX; step++) {
        pw_bpe_slot *slot = &bpe->slots[(hash + step) & bpe->mask];
        if (slot->pair == pair) return true;
        if (slot->pair != 0) continue;
        *slot = (pw_bpe_slot){.pair = pair, .join = join};
        if (step > bpe->reach) bpe->reach = step;
        return true;
    }
    return false;
}

static bool find_pair(const void *rules, const char *text, const pw_symbol *left,
                      const pw_symbol *right, pw_join *out)
{
    (void)text;
    const pw_bpe *bpe = rules;
    if (left->id < 0 || right->id < 0) return false;
    const uint64_t pair = pair_of(left->id, right->id), hash = hash_pair(pair);
    for (size_t step = 0; step <= bpe->reach; step++) {
        const pw_bpe_slot *slot = &bpe->slots[(hash + step) & bpe->mask];
        if (slot->pair == 0) return false;
        if (slot->pair != pair) continue;
        *out = slot->join;
        return true;
    }
    return false;
}

enum { SHOWN = 60 };

/* A merge for a message: its first bytes, those that a terminal might obey as '?'. */
static const char *show(const pw_text *text, char out[SHOWN + 1])
{
    const size_t size = text->bytes < SHOWN ? text->bytes : SHOWN;
    for (size_t i = 0; i < size; i++) {
        const unsigned char c = (unsigned char)text->data[i];
        out[i] = c < 0x20 || c == 0x7f ? '?' : (char)c;
    }
    out[size] = 0;
    return out;
}

/* Whether text may become `made` by way of `a` and `b`: it is no control token, and the bytes that it
 * stands for are theirs. */
static bool stands_for(const pw_vocab *vocab, int32_t made, int32_t a, int32_t b)
{
    const pw_text *all = &vocab->pieces[made], *left = &vocab->pieces[a],
                  *right = &vocab->pieces[b];
    return pw_vocab_plain(vocab, made) && all->bytes == left->bytes + right->bytes &&
           memcmp(all->data, left->data, left->bytes) == 0 &&
           memcmp(all->data + left->bytes, right->data, right->bytes) == 0;
}

static pewter_status read_merge(pw_bpe *bpe, const pw_vocab_data *data, const pw_table *by_text,
                                size_t index, char *joined, pewter_error *err)
{
    const pw_text *merge = &data->merges[index];
    char shown[SHOWN + 1];
    const char *space = merge->bytes > 1 ? memchr(merge->data + 1, ' ', merge->bytes - 1) : NULL;
    const size_t left = space != NULL ? (size_t)(space - merge->data) : 0;
    if (space == NULL || left + 1 == merge->bytes)
        return pw_fail(err, PEWTER_E_FORMAT,
                       "vocabulary: merge %zu '%s' is not two texts with a space between", index,
                       show(merge, shown));
    const size_t right = merge->bytes - left - 1;
    if (left + right > PW_TOKEN_BYTES_MAX)
        return pw_fail(err, PEWTER_E_FORMAT, "vocabulary: merge %zu makes %zu bytes, at most %d",
                       index, left + right, PW_TOKEN_BYTES_MAX);
    memcpy(joined, merge->data, left);
    memcpy(joined + left, space + 1, right);

    const int32_t a = pw_table_find(by_text, merge->data, left);
    const int32_t b = pw_table_find(by_text, space + 1, right);
    const int32_t made = pw_table_find(by_text, joined, left + right);
    if (a < 0 || b < 0 || made < 0)
        return pw_fail(err, PEWTER_E_FORMAT,
                       "vocabulary: merge %zu '%s': %s is not among the %zu tokens", index,
                       show(merge, shown),
                       a < 0   ? "its first part"
                       : b < 0 ? "its second part"
                               : "its result",
                       data->n);
    if (!stands_for(bpe->vocab, made, a, b)) return PEWTER_OK;
    if (!add_pair(bpe, pair_of(a, b), (pw_join){.rank = (uint32_t)index, .id = made}))
        return pw_fail(err, PEWTER_E_FORMAT,
                       "vocabulary: too many merges share the hash of merge %zu", index);
    return PEWTER_OK;
}

static pewter_status read_merges(pw_bpe *bpe, const pw_vocab_data *data, pw_arena *arena,
                                 pw_arena *scratch, pewter_error *err)
{
    size_t size = 16, want;
    bool fits = pw_mul(data->n_merges, 2, &want);
    while (fits && size < want) fits = pw_mul(size, 2, &size);
    pw_table by_text;
    char *joined = pw_arena_take(scratch, PW_TOKEN_BYTES_MAX);
    if (fits) bpe->slots = pw_arena_array(arena, size, sizeof *bpe->slots);
    if (joined == NULL || bpe->slots == NULL ||
        !pw_table_init(&by_text, scratch, data->tokens, data->n))
        return pw_fail(err, PEWTER_E_MEMORY, "vocabulary: no memory for %zu merges",
                       data->n_merges);
    bpe->mask = size - 1;
    for (size_t id = 0; id < data->n; id++)
        if (!pw_table_add(&by_text, (int32_t)id))
            return pw_fail(err, PEWTER_E_FORMAT,
                           "vocabulary: too many tokens share the hash of token %zu", id);
    for (size_t i = 0; i < data->n_merges; i++)
        PW_TRY(read_merge(bpe, data, &by_text, i, joined, err));
    return PEWTER_OK;
}

pewter_status pw_bpe_init(pw_bpe *bpe, const pw_vocab_data *data, pw_arena *arena,
                          pewter_error *err)
{
    if (data->n_merges >= UINT32_MAX)
        return pw_fail(err, PEWTER_E_FORMAT, "vocabulary: %zu merges are too many", data->n_merges);
    pw_arena scratch = {.alloc = arena->alloc};
    const pewter_status status = read_merges(bpe, data, arena, &scratch, err);
    pw_arena_free(&scratch);
    return status;
}

static size_t symbols_of(const pw_bpe *bpe, pw_symbol *symbols, const char *piece, size_t bytes)
{
    size_t n = 0;
    for (size_t at = 0; at < bytes; n++) {
        const size_t step = bpe->chars ? pw_utf8_char(piece + at, bytes - at) : 1;
        const size_t size = step > 0 ? step : 1;
        const int32_t id = bpe->chars ? pw_vocab_find(bpe->vocab, piece + at, size)
                                      : bpe->vocab->byte[(unsigned char)piece[at]];
        symbols[n] = (pw_symbol){.at = (uint32_t)at, .size = (uint32_t)size, .id = id};
        at += size;
    }
    return n;
}

static void add_bytes(const pw_bpe *bpe, const char *bytes, size_t n, pw_ids *out)
{
    for (size_t i = 0; i < n; i++) {
        const int32_t id = bpe->vocab->byte[(unsigned char)bytes[i]];
        if (id >= 0 || bpe->unk >= 0) pw_ids_add(out, id >= 0 ? id : bpe->unk);
    }
}

static bool is_lines(const char *piece, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (piece[i] != '\n') return false;
    return true;
}

pewter_status pw_bpe_piece(const pw_bpe *bpe, pw_merger *merger, const char *piece, size_t bytes,
                           pw_ids *out, pewter_error *err)
{
    if (bpe->whole || (bpe->lines && is_lines(piece, bytes))) {
        const int32_t id = pw_vocab_find(bpe->vocab, piece, bytes);
        if (id >= 0) {
            pw_ids_add(out, id);
            return PEWTER_OK;
        }
    }
    if (!pw_merger_room(merger, bytes))
        return pw_fail(err, PEWTER_E_MEMORY, "text: no memory to merge a piece of %zu bytes",
                       bytes);
    const size_t n = symbols_of(bpe, merger->symbols, piece, bytes);
    const size_t left = pw_merge(merger, n, piece, find_pair, bpe);
    for (size_t i = 0; i < left; i++) {
        const pw_symbol *symbol = &merger->symbols[i];
        if (symbol->id >= 0)
            pw_ids_add(out, symbol->id);
        else
            add_bytes(bpe, piece + symbol->at, symbol->size, out);
    }
    return PEWTER_OK;
}
