#include "runtime/model/vocab_gguf.h"

#include <string.h>

#include "pw/arena.h"

#define PREFIX "tokenizer.ggml."

static pewter_status no_memory(pewter_error *err)
{
    return pw_fail(err, PEWTER_E_MEMORY, "no memory for the vocabulary");
}

/* A short text, NUL-terminated and printable; *out stays NULL where the key is absent. */
static pewter_status read_name(const pw_gguf *file, const char *key, pw_arena *arena,
                               const char **out, pewter_error *err)
{
    enum { LONGEST = 64 };
    const char *text;
    size_t bytes;
    bool found;
    PW_TRY(pw_gguf_get_text(file, key, &text, &bytes, &found, err));
    if (!found) return PEWTER_OK;
    char *name = pw_arena_take(arena, LONGEST);
    if (name == NULL) return no_memory(err);
    pw_gguf_show(text, bytes, name, LONGEST);
    *out = name;
    return PEWTER_OK;
}

/* An array of texts, each where the file is mapped; *out stays NULL where the key is absent. */
static pewter_status read_texts(const pw_gguf *file, const char *key, pw_arena *arena,
                                const pw_text **out, size_t *n, pewter_error *err)
{
    pw_gguf_texts texts;
    bool found;
    PW_TRY(pw_gguf_get_texts(file, key, &texts, &found, err));
    if (!found) return PEWTER_OK;
    pw_text *list = pw_arena_array(arena, texts.count, sizeof *list);
    if (list == NULL) return no_memory(err);
    for (size_t i = 0; i < texts.count; i++)
        if (!pw_gguf_next_text(&texts, &list[i].data, &list[i].bytes))
            return pw_fail(err, PEWTER_E_IO, "%s: the file changed while it was read", key);
    *out = list;
    *n = texts.count;
    return PEWTER_OK;
}

static pewter_status check_count(const char *key, uint64_t found, size_t tokens, pewter_error *err)
{
    if (found == tokens) return PEWTER_OK;
    return pw_fail(err, PEWTER_E_FORMAT, "%s: one a token wanted, so %zu, %llu found", key, tokens,
                   (unsigned long long)found);
}

static pewter_status read_scores(const pw_gguf *file, pw_arena *arena, pw_vocab_data *data,
                                 pewter_error *err)
{
    static const char key[] = PREFIX "scores";
    pw_gguf_numbers numbers;
    bool found;
    PW_TRY(pw_gguf_get_floats(file, key, &numbers, &found, err));
    if (!found) return PEWTER_OK;
    PW_TRY(check_count(key, numbers.count, data->n, err));
    float *scores = pw_arena_array(arena, data->n, sizeof *scores);
    if (scores == NULL) return no_memory(err);
    for (size_t i = 0; i < data->n; i++) scores[i] = (float)pw_gguf_float_at(&numbers, i);
    data->scores = scores;
    return PEWTER_OK;
}

static pewter_status read_types(const pw_gguf *file, pw_arena *arena, pw_vocab_data *data,
                                pewter_error *err)
{
    static const char key[] = PREFIX "token_type";
    pw_gguf_numbers numbers;
    bool found;
    PW_TRY(pw_gguf_get_ints(file, key, &numbers, &found, err));
    if (!found) return PEWTER_OK;
    PW_TRY(check_count(key, numbers.count, data->n, err));
    int32_t *types = pw_arena_array(arena, data->n, sizeof *types);
    if (types == NULL) return no_memory(err);
    for (size_t i = 0; i < data->n; i++) {
        const int64_t type = pw_gguf_int_at(&numbers, i);
        types[i] = type >= 0 && type < PW_TOKEN_TYPES ? (int32_t)type : -1;
        if (types[i] < 0)
            return pw_fail(err, PEWTER_E_FORMAT, "%s: token %zu has type %lld, wanted 0 to %d", key,
                           i, (long long)type, PW_TOKEN_TYPES - 1);
    }
    data->types = types;
    return PEWTER_OK;
}

static pewter_status read_id(const pw_gguf *file, const char *key, size_t tokens, int32_t *out,
                             pewter_error *err)
{
    uint64_t id;
    bool found;
    PW_TRY(pw_gguf_get_uint(file, key, &id, &found, err));
    if (!found) return PEWTER_OK;
    if (id >= tokens || id > INT32_MAX)
        return pw_fail(err, PEWTER_E_FORMAT, "%s: 0 to %zu wanted, %llu found", key, tokens - 1,
                       (unsigned long long)id);
    *out = (int32_t)id;
    return PEWTER_OK;
}

static pewter_status read_choice(const pw_gguf *file, const char *key, pw_choice *out,
                                 pewter_error *err)
{
    bool value, found;
    PW_TRY(pw_gguf_get_bool(file, key, &value, &found, err));
    if (found) *out = value ? PW_YES : PW_NO;
    return PEWTER_OK;
}

static pewter_status read_rules(const pw_gguf *file, pw_vocab_data *data, pewter_error *err)
{
    const struct {
        const char *key;
        int32_t *id;
    } ids[] = {
        {PREFIX "bos_token_id", &data->bos},     {PREFIX "eos_token_id", &data->eos},
        {PREFIX "eot_token_id", &data->eot},     {PREFIX "eom_token_id", &data->eom},
        {PREFIX "unknown_token_id", &data->unk}, {PREFIX "padding_token_id", &data->pad},
    };
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        PW_TRY(read_id(file, ids[i].key, data->n, ids[i].id, err));
    PW_TRY(read_choice(file, PREFIX "add_bos_token", &data->add_bos, err));
    PW_TRY(read_choice(file, PREFIX "add_space_prefix", &data->add_space_prefix, err));
    PW_TRY(pw_gguf_get_bool(file, PREFIX "remove_extra_whitespaces",
                            &data->remove_extra_whitespaces, NULL, err));
    return pw_gguf_get_bool(file, PREFIX "normalizer.lowercase", &data->lowercase, NULL, err);
}

static pewter_status read_all(const pw_gguf *file, pw_arena *arena, pw_vocab_data *data,
                              pewter_error *err)
{
    PW_TRY(read_name(file, PREFIX "model", arena, &data->model, err));
    if (data->model == NULL)
        return pw_fail(err, PEWTER_E_FORMAT, PREFIX "model: wanted, not found");
    PW_TRY(read_name(file, PREFIX "pre", arena, &data->pre, err));
    PW_TRY(read_texts(file, PREFIX "tokens", arena, &data->tokens, &data->n, err));
    if (data->n == 0)
        return pw_fail(err, PEWTER_E_FORMAT,
                       PREFIX "tokens: at least one token wanted, none found");
    PW_TRY(read_scores(file, arena, data, err));
    PW_TRY(read_types(file, arena, data, err));
    PW_TRY(read_texts(file, PREFIX "merges", arena, &data->merges, &data->n_merges, err));
    return read_rules(file, data, err);
}

pewter_status pw_tokenizer_from_gguf(const pw_gguf *file, const pewter_allocator *alloc,
                                     pw_tokenizer **out, pewter_error *err)
{
    pw_arena arena = {.alloc = alloc};
    pw_vocab_data data = pw_vocab_data_defaults();
    pewter_error why = {""};
    pewter_status status = read_all(file, &arena, &data, &why);
    if (status == PEWTER_OK) status = pw_tokenizer_new(&data, alloc, out, &why);
    pw_arena_free(&arena);
    if (status == PEWTER_OK) return PEWTER_OK;
    /* The getters name the file themselves. */
    const char *name = pw_gguf_name(file);
    if (strncmp(why.message, name, strlen(name)) == 0)
        return pw_fail(err, status, "%s", why.message);
    return pw_fail(err, status, "%s: %s", name, why.message);
}
