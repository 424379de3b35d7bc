#include "tools/server/probs.h"

#include <stdlib.h>
#include <string.h>

#include "tools/server/fields.h"

/* ---- Logs ------------------------------------------------------------------------------------ */

void token_log_add(token_log *log, pewter_logprob own, const pewter_logprob *top, size_t n_top)
{
    const size_t width = 1 + log->top;
    if (log->n == log->cap) {
        const size_t cap = log->cap == 0 ? 64 : log->cap * 2;
        pewter_logprob *larger = realloc(log->rows, cap * width * sizeof *larger);
        if (larger == NULL) {
            log->failed = true;
            return;
        }
        log->rows = larger;
        log->cap = cap;
    }
    pewter_logprob *row = log->rows + log->n++ * width;
    row[0] = own;
    for (size_t i = 0; i < log->top; i++)
        row[1 + i] = i < n_top ? top[i] : (pewter_logprob){.token = -1};
}

void token_log_free(token_log *log)
{
    if (log->rows != NULL) explicit_bzero(log->rows, log->cap * (1 + log->top) * sizeof *log->rows);
    free(log->rows);
    *log = (token_log){0};
}

/* ---- What is asked for ----------------------------------------------------------------------- */

typedef struct wish {
    bool logprobs;
    int32_t top;
} wish;

#define AT(member) offsetof(wish, member)
static const field_row chat_fields[] = {
    {"logprobs", FIELD_BOOL, AT(logprobs), 0, 0},
    {"top_logprobs", FIELD_INT, AT(top), 0, PROBS_MAX_TOP},
};
static const field_row legacy_fields[] = {
    {"logprobs", FIELD_INT, AT(top), 0, PROBS_MAX_TOP},
};
#undef AT

/* A token's number as a key of an object. */
static bool take_token(const char *key, int64_t vocab, int32_t *token, refusal *r)
{
    char *end;
    const long value = strtol(key, &end, 10);
    if (*key < '0' || *key > '9' || *end != 0 || value >= vocab)
        return refuse(r, 400, "logit_bias",
                      "logit_bias: a token from 0 to %lld wanted, '%.20s' found",
                      (long long)vocab - 1, key);
    *token = (int32_t)value;
    return true;
}

static bool read_biases(const json_t *object, int64_t vocab, pewter_session_options *o,
                        pewter_logit_bias **biases, refusal *r)
{
    char found[FIELD_FOUND_BYTES];
    const size_t n = json_object_size(object);
    if (object == NULL || json_is_null(object)) return true;
    if (!json_is_object(object) || n > PROBS_MAX_BIASES)
        return refuse(r, 400, "logit_bias",
                      "logit_bias: an object of up to %d tokens wanted, %s found", PROBS_MAX_BIASES,
                      json_is_object(object) ? "a larger one" : field_found(object, found));
    *biases = calloc(n + 1, sizeof **biases);
    if (*biases == NULL) return refuse(r, 503, NULL, "no memory for %zu biases", n);
    const char *key;
    json_t *value;
    size_t at = 0;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const double bias = json_number_value(value);
        if (!json_is_number(value) || bias < -100 || bias > 100)
            return refuse(r, 400, "logit_bias",
                          "logit_bias: a number from -100 to 100 wanted, %s found",
                          field_found(value, found));
        (*biases)[at].bias = (float)bias;
        if (!take_token(key, vocab, &(*biases)[at++].token, r)) return false;
    }
    o->bias = *biases;
    o->n_bias = n;
    return true;
}

bool probs_read(const json_t *body, bool chat, int64_t vocab, pewter_session_options *o,
                pewter_logit_bias **biases, refusal *r)
{
    wish w = {0};
    const json_t *asked = json_object_get(body, "logprobs");
    if (!(chat ? fields_read(chat_fields, 2, body, &w, r)
               : fields_read(legacy_fields, 1, body, &w, r)))
        return false;
    if (!chat) w.logprobs = asked != NULL && !json_is_null(asked);
    if (chat && w.top > 0 && !w.logprobs)
        return refuse(r, 400, "top_logprobs", "top_logprobs wants logprobs to be true");
    if (w.top > vocab) w.top = (int32_t)vocab;
    o->logprobs = w.logprobs;
    o->top_logprobs = w.top;
    return read_biases(json_object_get(body, "logit_bias"), vocab, o, biases, r);
}

/* ---- Replies --------------------------------------------------------------------------------- */

void probs_text(const pewter_model *model, const int32_t *ids, size_t n, textbuf *t)
{
    size_t need = 0, written = 0;
    if (pewter_detokenize(model, ids, n, true, NULL, 0, &need, NULL) != PEWTER_OK) t->failed = true;
    char *text = malloc(need + 1);
    if (text == NULL || t->failed ||
        pewter_detokenize(model, ids, n, true, text, need, &written, NULL) != PEWTER_OK)
        t->failed = true;
    else
        text_add(t, text, written);
    free(text);
}

/* The bytes of a token. */
static textbuf piece_of(const pewter_model *model, int32_t token)
{
    textbuf piece = {0};
    text_add(&piece, "", 0);
    probs_text(model, &token, 1, &piece);
    return piece;
}

/* A log-probability as a float keeps it: equal ones are written equal. */
static void add_number(textbuf *t, float value)
{
    text_print(t, "%.9g", (double)(value < -9999.0f ? -9999.0f : value));
}

/* "token": ..., "logprob": ..., "bytes": [...] */
static void add_token(const pewter_model *model, pewter_logprob one, textbuf *t)
{
    textbuf piece = piece_of(model, one.token);
    text_print(t, "\"token\":");
    text_json(t, piece.data, piece.bytes);
    text_print(t, ",\"logprob\":");
    add_number(t, one.logprob);
    text_print(t, ",\"bytes\":[");
    for (size_t i = 0; i < piece.bytes; i++)
        text_print(t, "%s%u", i > 0 ? "," : "", (unsigned)(unsigned char)piece.data[i]);
    text_print(t, "]");
    t->failed = t->failed || piece.failed;
    text_free(&piece);
}

void probs_chat(const pewter_model *model, const token_log *log, size_t from, textbuf *t)
{
    text_print(t, "{\"content\":[");
    for (size_t i = from; i < log->n; i++) {
        const pewter_logprob *row = log->rows + i * (1 + log->top);
        text_print(t, i > from ? ",{" : "{");
        add_token(model, row[0], t);
        text_print(t, ",\"top_logprobs\":[");
        for (size_t k = 0; k < log->top && row[1 + k].token >= 0; k++) {
            text_print(t, k > 0 ? ",{" : "{");
            add_token(model, row[1 + k], t);
            text_print(t, "}");
        }
        text_print(t, "]}");
    }
    text_print(t, "],\"refusal\":null}");
}

/* The four lists of legacy completions, under way. */
typedef struct lists {
    const pewter_model *model;
    textbuf tokens, own, top, offsets;
    size_t n, offset;
} lists;

static size_t characters(const textbuf *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->bytes; i++) n += ((unsigned char)t->data[i] & 0xc0) != 0x80;
    return n;
}

static void add_row(lists *l, const pewter_logprob *row, size_t top, bool known)
{
    const char *comma = l->n++ > 0 ? "," : "";
    textbuf piece = piece_of(l->model, row[0].token);
    text_print(&l->tokens, "%s", comma);
    text_json(&l->tokens, piece.data, piece.bytes);
    text_print(&l->own, "%s", comma);
    text_print(&l->top, "%s", comma);
    text_print(&l->offsets, "%s%zu", comma, l->offset);
    l->offset += characters(&piece);
    l->tokens.failed = l->tokens.failed || piece.failed;
    text_free(&piece);
    if (!known) {
        text_print(&l->own, "null");
        text_print(&l->top, "null");
        return;
    }
    add_number(&l->own, row[0].logprob);
    text_print(&l->top, "{");
    for (size_t i = 0; i < top && row[1 + i].token >= 0; i++) {
        textbuf other = piece_of(l->model, row[1 + i].token);
        text_print(&l->top, "%s", i > 0 ? "," : "");
        text_json(&l->top, other.data, other.bytes);
        text_print(&l->top, ":");
        add_number(&l->top, row[1 + i].logprob);
        text_free(&other);
    }
    text_print(&l->top, "}");
}

void probs_legacy(const pewter_model *model, const token_log *prompt, const token_log *log,
                  size_t from, size_t *offset, textbuf *t)
{
    lists l = {.model = model, .offset = *offset};
    for (size_t i = 0; prompt != NULL && i < prompt->n; i++)
        add_row(&l, prompt->rows + i * (1 + prompt->top), prompt->top, i > 0);
    for (size_t i = from; i < log->n; i++)
        add_row(&l, log->rows + i * (1 + log->top), log->top, true);
    *offset = l.offset;
    const struct {
        const char *name;
        textbuf *list;
    } all[] = {{"{\"tokens\":[", &l.tokens},
               {"],\"token_logprobs\":[", &l.own},
               {"],\"top_logprobs\":[", &l.top},
               {"],\"text_offset\":[", &l.offsets}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        text_print(t, "%s", all[i].name);
        if (all[i].list->data != NULL) text_add(t, all[i].list->data, all[i].list->bytes);
        t->failed = t->failed || all[i].list->failed;
        text_free(all[i].list);
    }
    text_print(t, "]}");
}
