/* Any bytes as a small vocabulary and a text in parts: made or refused, tokenised, and back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/text/split.h"
#include "runtime/text/tokenizer.h"
#include "runtime/text/utf8.h"
#include "tests/support/limit_alloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BYTES = 256, OWN = 64, MERGES = 64, PARTS = 8, TOKENS = BYTES + OWN + MERGES };

/* Flags of the first byte. */
enum {
    SPM = 1,
    ALPHABET = 2,
    TYPED = 4,
    SCORED = 8,
    NO_PREFIX = 16,
    TRIM = 32,
    LOWER = 64,
    BOS = 128
};

typedef struct input {
    const uint8_t *at, *end;
} input;

typedef struct case_data {
    unsigned flags;
    const pw_pre *pre;
    pw_vocab_data data;
    pw_text tokens[TOKENS], merges[MERGES];
    int32_t types[TOKENS];
    float scores[TOKENS];
    char alphabet[BYTES][8]; /* texts of the 256 bytes */
    char *joined;            /* texts of merges and of what they make */
    size_t joined_bytes;
    pw_tokenizer_part parts[PARTS];
    size_t n_parts, text_bytes;
    const char *text;
} case_data;

static unsigned take(input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

/* Up to `most` bytes behind a byte that says how many. */
static pw_text take_text(input *in, size_t most)
{
    size_t bytes = take(in);
    const size_t left = (size_t)(in->end - in->at);
    if (bytes > most) bytes = most;
    if (bytes > left) bytes = left;
    const pw_text text = {(const char *)in->at, bytes};
    in->at += bytes;
    return text;
}

static void add_token(case_data *c, pw_text text, int32_t type, float score)
{
    const size_t id = c->data.n++;
    c->tokens[id] = text;
    c->types[id] = type;
    c->scores[id] = score;
}

static void add_alphabet(case_data *c)
{
    const bool byte_tokens =
        (c->flags & SPM) != 0 || (c->pre->flags & (PW_PRE_SPACES | PW_PRE_PLAIN));
    for (uint32_t code = 0; code < 0x144; code++) {
        const int byte = byte_tokens ? (int)code : pw_vocab_byte_of(code);
        if (byte < 0 || byte > 255) continue;
        char *text = c->alphabet[byte];
        size_t size;
        if (byte_tokens)
            size = (size_t)snprintf(text, 8, "<0x%02X>", (unsigned)byte);
        else
            size = pw_utf8_put(code, text);
        add_token(c, (pw_text){text, size}, byte_tokens ? PW_TOKEN_BYTE : PW_TOKEN_NORMAL, 0.0f);
    }
}

static const pw_text *any_token(const case_data *c, input *in)
{
    return &c->tokens[(take(in) << 8 | take(in)) % c->data.n];
}

/* A merge of two tokens and, mostly, the token that it makes. */
static void add_merge(case_data *c, input *in)
{
    const pw_text *left = any_token(c, in), *right = any_token(c, in);
    if (left->bytes + right->bytes > 200) return;
    char *merge = c->joined + c->joined_bytes;
    char *made = merge + left->bytes + right->bytes + 1;
    if (left->bytes > 0) memcpy(merge, left->data, left->bytes);
    merge[left->bytes] = ' ';
    if (right->bytes > 0) memcpy(merge + left->bytes + 1, right->data, right->bytes);
    memcpy(made, merge, left->bytes);
    memcpy(made + left->bytes, merge + left->bytes + 1, right->bytes);
    c->merges[c->data.n_merges++] = (pw_text){merge, left->bytes + right->bytes + 1};
    c->joined_bytes += 2 * (left->bytes + right->bytes) + 1;
    const unsigned type = take(in);
    if (type < 240)
        add_token(c, (pw_text){made, left->bytes + right->bytes},
                  type < 200 ? 1 : (int32_t)type % 8, (float)(int)type - 128.0f);
}

static int32_t take_id(const case_data *c, input *in)
{
    const unsigned id = take(in);
    return id < 128 ? -1 : (int32_t)((id << 8 | take(in)) % (c->data.n + 1)) - 1;
}

static void read_vocabulary(case_data *c, input *in)
{
    c->flags = take(in);
    size_t rows = 0;
    while (pw_pre_at(rows) != NULL) rows++;
    c->pre = pw_pre_at(take(in) % rows);
    c->data = pw_vocab_data_defaults();
    c->data.model = (c->flags & SPM) != 0 ? "llama" : "gpt2";
    c->data.pre = c->pre->name;
    if ((c->flags & ALPHABET) != 0) add_alphabet(c);
    for (unsigned n = take(in) % (OWN + 1); n > 0; n--) {
        const unsigned type = take(in);
        const float score = (float)(int)take(in) - 128.0f;
        add_token(c, take_text(in, 100), (int32_t)type % 8, score);
    }
    for (unsigned n = take(in) % (MERGES + 1); n > 0 && c->data.n > 0; n--) add_merge(c, in);
    c->data.tokens = c->tokens;
    c->data.merges = c->merges;
    if ((c->flags & TYPED) != 0) c->data.types = c->types;
    if ((c->flags & SCORED) != 0) c->data.scores = c->scores;
    c->data.add_space_prefix = (c->flags & NO_PREFIX) != 0 ? PW_NO : PW_UNSET;
    c->data.remove_extra_whitespaces = (c->flags & TRIM) != 0;
    c->data.lowercase = (c->flags & LOWER) != 0;
    c->data.add_bos = (pw_choice)(take(in) % 3);
    int32_t *const ids[] = {&c->data.bos, &c->data.eos, &c->data.eot,
                            &c->data.eom, &c->data.unk, &c->data.pad};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) *ids[i] = take_id(c, in);
}

/* The rest of the input is the text; a byte for each part says where it ends and of what kind. */
static void read_parts(case_data *c, input *in)
{
    const size_t n = 1 + take(in) % PARTS;
    unsigned shape[PARTS];
    for (size_t i = 0; i < n; i++) shape[i] = take(in);
    c->text = (const char *)in->at;
    c->text_bytes = (size_t)(in->end - in->at);
    size_t from = 0;
    for (size_t i = 0; i < n; i++) {
        const size_t left = c->text_bytes - from;
        const size_t bytes = i + 1 == n || shape[i] / 2 > left ? left : shape[i] / 2;
        c->parts[c->n_parts++] = (pw_tokenizer_part){c->text + from, bytes, (shape[i] & 1) != 0};
        from += bytes;
    }
}

static size_t run(const pw_tokenizer *t, const case_data *c, int32_t *ids, size_t cap)
{
    pewter_error err = {{0}};
    size_t count = SIZE_MAX;
    if (pw_tokenize_parts(t, c->parts, c->n_parts, (c->flags & BOS) != 0, ids, cap, &count, &err) !=
        PEWTER_OK)
        abort();
    return count;
}

/* Whether the texts of all tokens together are the text. */
static bool comes_back(const case_data *c)
{
    const unsigned changes = PW_PRE_NFC | PW_PRE_PLAIN; /* PLAIN drops white space */
    if ((c->flags & ALPHABET) == 0 || (c->flags & BOS) != 0) return false;
    const bool spm = (c->flags & SPM) != 0;
    const bool marked =
        c->text_bytes >= 3 && memmem(c->text, c->text_bytes, "\xe2\x96\x81", 3) != NULL;
    if (spm) return (c->flags & NO_PREFIX) != 0 && (c->flags & TRIM) == 0 && !marked;
    return (c->pre->flags & changes) == 0 && ((c->pre->flags & PW_PRE_SPACES) == 0 || !marked);
}

static void check_back(const pw_tokenizer *t, const case_data *c, const int32_t *ids, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        const char *piece;
        const size_t bytes = pw_token_piece(t, ids[i], true, &piece);
        if (bytes > c->text_bytes - at || memcmp(piece, c->text + at, bytes) != 0) abort();
        at += bytes;
    }
    if (at != c->text_bytes) abort();
}

/* With no part special, no token is a control token, but for bytes that have no other. */
static void check_plain(const pw_tokenizer *t, case_data *c, int32_t *ids, size_t cap)
{
    for (size_t i = 0; i < c->n_parts; i++) c->parts[i].special = false;
    c->flags &= ~(unsigned)BOS;
    const size_t n = run(t, c, ids, cap);
    if (n > cap) abort();
    for (size_t i = 0; i < n; i++) {
        const int32_t type = c->data.types != NULL ? c->data.types[ids[i]] : PW_TOKEN_NORMAL;
        if (ids[i] != c->data.unk && (type == PW_TOKEN_CONTROL || type == PW_TOKEN_UNKNOWN))
            abort();
    }
    if (comes_back(c)) check_back(t, c, ids, n);
}

/* The count and the ids do not depend on the room. */
static void check_room(const pw_tokenizer *t, const case_data *c, int32_t *ids, size_t cap)
{
    const size_t n = run(t, c, ids, cap);
    if (n > cap || run(t, c, NULL, 0) != n) abort();
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= pw_tokenizer_size(t)) abort();
    const size_t few = n / 2;
    int32_t *half = malloc((few + 1) * sizeof *half);
    if (half == NULL) abort();
    half[few] = -7;
    if (run(t, c, half, few) != n || memcmp(half, ids, few * sizeof *half) != 0) abort();
    if (half[few] != -7) abort();
    free(half);
}

static void check(const pewter_allocator *alloc, case_data *c)
{
    pewter_error err = {{0}};
    pw_tokenizer *t = NULL;
    const pewter_status status = pw_tokenizer_new(&c->data, alloc, &t, &err);
    if (status == PEWTER_OK) {
        for (size_t id = 0; id < c->data.n; id++) {
            const char *piece;
            if (pw_token_piece(t, (int32_t)id, true, &piece) > pw_tokenizer_longest_piece(t))
                abort();
        }
        /* Form C takes up to three bytes for one, and then there are BOS and prefixes. */
        const size_t cap = 3 * c->text_bytes + 2 * c->n_parts + 16 + c->text_bytes;
        int32_t *ids = malloc(cap * sizeof *ids);
        if (ids == NULL) abort();
        check_room(t, c, ids, cap);
        check_plain(t, c, ids, cap);
        free(ids);
        pw_tokenizer_free(t);
    } else if (t != NULL || err.message[0] == 0 || status == PEWTER_E_MEMORY) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = {data, data + size};
    case_data *c = calloc(1, sizeof *c);
    if (c == NULL) abort();
    c->joined = malloc((size_t)MERGES * 402);
    if (c->joined == NULL) abort();
    read_vocabulary(c, &in);
    read_parts(c, &in);
    limit_alloc counts;
    const pewter_allocator alloc = limit_allocator(&counts, (16u << 20) + 512 * size, UINT64_MAX);
    check(&alloc, c);
    if (counts.live != 0) abort();
    free(c->joined);
    free(c);
    return 0;
}
