#include "tools/server/tokens.h"

#include <stdlib.h>
#include <string.h>

#include "tools/common.h"
#include "tools/server/fields.h"

typedef struct wishes {
    bool special, strings, generation;
} wishes;

#define AT(member) offsetof(wishes, member)
static const field_row wish_fields[] = {
    {"add_special_tokens", FIELD_BOOL, AT(special), 0, 0},
    {"return_token_strs", FIELD_BOOL, AT(strings), 0, 0},
    {"add_generation_prompt", FIELD_BOOL, AT(generation), 0, 0},
};
#undef AT

/* Parses a body, and finds its model. The caller frees *json, also after a refusal. */
static const served_model *begin(const served_models *models, const char *body, size_t bytes,
                                 json_t **json, refusal *r)
{
    char found[FIELD_FOUND_BYTES];
    pewter_error err;
    *json = NULL;
    const pewter_status status =
        pw_json_parse("the request", body, bytes, PW_JSON_BYTES, json, &err);
    if (status != PEWTER_OK) {
        refuse_status(r, status, &err);
        return NULL;
    }
    const json_t *name = json_object_get(*json, "model");
    if (json_is_object(*json) && (name == NULL || json_is_null(name))) return &models->list[0];
    if (!json_is_object(*json) || !json_is_string(name)) {
        refuse(r, 400, "model", "model: a name wanted, %s found",
               field_found(name != NULL ? name : *json, found));
        return NULL;
    }
    return request_model(models, json_string_value(name), r);
}

static void write_tokens(const served_model *m, const int32_t *ids, size_t n, bool strings,
                         textbuf *t)
{
    text_print(t, "{\"count\":%zu,\"max_model_len\":%lld,\"tokens\":[", n,
               (long long)m->info.context);
    for (size_t i = 0; i < n; i++) text_print(t, "%s%d", i > 0 ? "," : "", ids[i]);
    text_print(t, "],\"token_strs\":%s", strings ? "[" : "null");
    for (size_t i = 0; strings && i < n; i++) {
        textbuf piece = {0};
        text_add(&piece, "", 0);
        probs_text(m->model, &ids[i], 1, &piece);
        if (i > 0) text_add(t, ",", 1);
        text_json(t, piece.data, piece.bytes);
        text_free(&piece);
    }
    text_print(t, strings ? "]}" : "}");
}

static bool tokenize(const served_model *m, const json_t *body, textbuf *t, refusal *r)
{
    wishes w = {.special = true, .generation = true};
    if (!fields_read(wish_fields, sizeof wish_fields / sizeof *wish_fields, body, &w, r))
        return false;
    const json_t *messages = json_object_get(body, "messages"),
                 *prompt = json_object_get(body, "prompt");
    int32_t *ids = NULL;
    size_t n = 0;
    if (messages != NULL) {
        if (!request_chat_ids(m, messages, w.generation, &ids, &n, r)) {
            free(ids);
            return false;
        }
    } else if (!json_is_string(prompt)) {
        return field_wrong(r, "prompt", "a text", prompt);
    } else {
        pewter_status status;
        pewter_error err;
        ids = common_tokenize(m->model, json_string_value(prompt), json_string_length(prompt),
                              false, w.special, &n, &status, &err);
        if (ids == NULL) return refuse_status(r, status, &err);
    }
    write_tokens(m, ids, n, w.strings, t);
    explicit_bzero(ids, n * sizeof *ids);
    free(ids);
    return true;
}

static bool detokenize(const served_model *m, const json_t *body, textbuf *t, refusal *r)
{
    const json_t *list = json_object_get(body, "tokens");
    int32_t *ids = NULL;
    size_t n = 0;
    if (!json_is_array(list)) return field_wrong(r, "tokens", "a list of tokens", list);
    if (!request_ids(m, list, "tokens", &ids, &n, r)) {
        free(ids);
        return false;
    }
    textbuf text = {0};
    text_add(&text, "", 0);
    probs_text(m->model, ids, n, &text);
    text_print(t, "{\"prompt\":");
    text_json(t, text.data, text.bytes);
    text_print(t, "}");
    t->failed = t->failed || text.failed;
    text_free(&text);
    free(ids);
    return true;
}

typedef bool reply_fn(const served_model *m, const json_t *body, textbuf *t, refusal *r);

static bool reply_to(const served_models *models, const char *body, size_t bytes, reply_fn *reply,
                     textbuf *t, refusal *r)
{
    json_t *json;
    const served_model *m = begin(models, body, bytes, &json, r);
    const bool ok = m != NULL && reply(m, json, t, r);
    json_decref(json);
    return ok;
}

bool tokens_of(const served_models *models, const char *body, size_t bytes, textbuf *t, refusal *r)
{
    return reply_to(models, body, bytes, tokenize, t, r);
}

bool tokens_to_text(const served_models *models, const char *body, size_t bytes, textbuf *t,
                    refusal *r)
{
    return reply_to(models, body, bytes, detokenize, t, r);
}

/* "name": the text of a token, null where there is none. */
static void write_end(const served_model *m, const char *name, int32_t token, textbuf *t)
{
    textbuf text = {0};
    text_print(t, "\"%s\":", name);
    if (token >= 0) probs_text(m->model, &token, 1, &text);
    if (text.data != NULL)
        text_json(t, text.data, text.bytes);
    else
        text_print(t, "null");
    text_print(t, ",");
    text_free(&text);
}

static pewter_status write_template(void *context, char *buf, size_t cap, size_t *need,
                                    pewter_error *err)
{
    return pewter_chat_template(context, buf, cap, need, err);
}

bool tokens_info(const served_model *m, textbuf *t, refusal *r)
{
    pewter_status status;
    pewter_error err;
    char *template =
        m->info.has_template ? common_text(write_template, m->model, &status, &err) : NULL;
    if (m->info.has_template && template == NULL) return refuse_status(r, status, &err);
    text_print(t, "{\"tokenizer_class\":\"pewter\",\"vocab_size\":%lld,\"model_max_length\":%lld,",
               (long long)m->info.vocab, (long long)m->info.context);
    write_end(m, "bos_token", m->info.bos, t);
    write_end(m, "eos_token", m->info.eos, t);
    text_print(t, "\"pad_token\":null,\"chat_template\":");
    if (template != NULL)
        text_json(t, template, strlen(template));
    else
        text_print(t, "null");
    text_print(t, "}");
    free(template);
    return true;
}
