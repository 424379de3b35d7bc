#include "runtime/grammar/trie.h"

#include <string.h>

#include "pw/status.h"

typedef struct word {
    const char *text;
    int32_t bytes, token;
} word;

static int compare(const word *a, const word *b)
{
    const int32_t shorter = a->bytes < b->bytes ? a->bytes : b->bytes;
    const int order = memcmp(a->text, b->text, (size_t)shorter);
    if (order != 0) return order;
    if (a->bytes != b->bytes) return a->bytes < b->bytes ? -1 : 1;
    return a->token < b->token ? -1 : a->token > b->token;
}

/* Merge sort between two lists: no qsort, it may allocate. Returns the sorted one of them. */
static word *sort(word *from, word *to, int32_t n)
{
    for (int32_t run = 1; run < n; run *= 2) {
        for (int32_t at = 0; at < n; at += 2 * run) {
            const int32_t middle = at + run < n ? at + run : n;
            const int32_t end = middle + run < n ? middle + run : n;
            for (int32_t a = at, b = middle, k = at; k < end; k++)
                to[k] = a < middle && (b == end || compare(&from[a], &from[b]) <= 0) ? from[a++]
                                                                                     : from[b++];
        }
        word *swap = from;
        from = to;
        to = swap;
    }
    return from;
}

static int32_t common_bytes(const word *a, const word *b)
{
    int32_t n = 0;
    while (n < a->bytes && n < b->bytes && a->text[n] == b->text[n]) n++;
    return n;
}

/* Nodes that sorted words need: those of the bytes that a word does not share with the one before it. */
static int32_t count_nodes(const word *words, int32_t n)
{
    int32_t count = 0;
    for (int32_t i = 0; i < n; i++)
        count += words[i].bytes - (i > 0 ? common_bytes(&words[i - 1], &words[i]) : 0);
    return count;
}

/* Fills the nodes of sorted words. `path` [longest]: the node of each depth. */
static void add_nodes(pw_trie *trie, const word *words, int32_t n, int32_t *path)
{
    int32_t count = 0, depth = 0;
    for (int32_t i = 0; i < n; i++) {
        const int32_t keep = i > 0 ? common_bytes(&words[i - 1], &words[i]) : 0;
        while (depth > keep) trie->nodes[path[--depth]].end = count;
        for (; depth < words[i].bytes; depth++) {
            path[depth] = count;
            trie->nodes[count++] = (pw_trie_node){
                .token = -1, .depth = (uint16_t)(depth + 1), .byte = (uint8_t)words[i].text[depth]};
        }
        pw_trie_node *last = &trie->nodes[path[depth - 1]];
        trie->same[words[i].token] = last->token;
        last->token = words[i].token;
    }
    while (depth > 0) trie->nodes[path[--depth]].end = count;
}

static pewter_status fill(pw_trie *trie, const word *words, int32_t n, pw_arena *arena,
                          pewter_error *err)
{
    trie->count = count_nodes(words, n);
    int32_t *path = pw_arena_array(arena, (size_t)trie->longest + 1, sizeof *path);
    trie->nodes = pw_arena_array(arena, (size_t)trie->count, sizeof *trie->nodes);
    trie->same = pw_arena_array(arena, (size_t)trie->vocab, sizeof *trie->same);
    if (path == NULL || trie->nodes == NULL || trie->same == NULL)
        return pw_fail(err, PEWTER_E_MEMORY, "no memory for the texts of %d tokens", trie->vocab);
    add_nodes(trie, words, n, path);
    return PEWTER_OK;
}

/* The name of a control token behind its mark; nothing where it has none. False: no memory. */
static bool take_control(const pw_tokenizer *tokenizer, pw_arena *arena, word *w)
{
    const size_t mark = strlen(PW_CONTROL_MARK);
    const char *name;
    const size_t bytes = pw_token_piece(tokenizer, w->token, true, &name);
    if (bytes == 0) return true;
    char *text = pw_arena_array(arena, mark + bytes + 1, 1); /* with a NUL behind it */
    if (text == NULL) return false;
    memcpy(text, PW_CONTROL_MARK, mark + 1);
    memcpy(text + mark, name, bytes);
    w->text = text;
    w->bytes = (int32_t)(mark + bytes);
    return true;
}

pewter_status pw_trie_init(pw_trie *trie, const pw_tokenizer *tokenizer, pw_arena *arena,
                           pewter_error *err)
{
    const size_t vocab = pw_tokenizer_size(tokenizer);
    *trie = (pw_trie){.vocab = (int32_t)vocab};
    pw_arena scratch = {.alloc = arena->alloc};
    word *words = pw_arena_array(&scratch, vocab, sizeof *words);
    word *other = pw_arena_array(&scratch, vocab, sizeof *other);
    trie->eog = pw_arena_array(arena, vocab, sizeof *trie->eog);
    pewter_status status = PEWTER_OK;
    if (words == NULL || other == NULL || trie->eog == NULL)
        status = pw_fail(err, PEWTER_E_MEMORY, "no memory for the texts of %zu tokens", vocab);
    int32_t n = 0;
    for (size_t i = 0; status == PEWTER_OK && i < vocab; i++) {
        word w = {.token = (int32_t)i};
        if (pw_token_is_eog(tokenizer, w.token)) {
            trie->eog[trie->n_eog++] = w.token;
            continue;
        }
        w.bytes = (int32_t)pw_token_piece(tokenizer, w.token, false, &w.text);
        if (w.bytes == 0 && !take_control(tokenizer, arena, &w))
            status = pw_fail(err, PEWTER_E_MEMORY, "no memory for the name of token %d", w.token);
        if (w.bytes > PW_TOKEN_BYTES_MAX)
            status = pw_fail(err, PEWTER_E_LIMIT, "token %d: a text of %d bytes", w.token, w.bytes);
        if (w.bytes == 0) continue;
        if (w.bytes > trie->longest) trie->longest = w.bytes;
        words[n++] = w;
    }
    if (status == PEWTER_OK) status = fill(trie, sort(words, other, n), n, arena, err);
    pw_arena_free(&scratch);
    return status;
}
