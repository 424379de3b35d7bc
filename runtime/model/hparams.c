#include "runtime/model/hparams.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* What a family is besides its numbers. Source: the conversion script and the loaders of llama.cpp. */
typedef struct family {
    const char *name;
    bool rope_neox;
    bool qkv_bias;
    bool qk_norm;
    bool window; /* attention.sliding_window holds for every layer */
    bool yarn;   /* YaRN with its usual temperature */
} family;

static const family families[] = {
    {.name = "llama", .window = true, .yarn = true},
    {.name = "mistral3", .window = true},
    {.name = "qwen2", .rope_neox = true, .qkv_bias = true, .yarn = true},
    {.name = "qwen3", .rope_neox = true, .qk_norm = true, .yarn = true},
};

/* A file on its way into a pw_hparams. */
typedef struct reading {
    const pw_gguf *file;
    const family *family;
    pw_hparams *h;
    pewter_error *err;
    char key[96];
} reading;

/* "<architecture>.<name>" */
static const char *full_key(reading *r, const char *name)
{
    snprintf(r->key, sizeof r->key, "%s.%s", r->h->architecture, name);
    return r->key;
}

static pewter_status find_family(reading *r)
{
    const char *text = NULL;
    size_t bytes = 0;
    bool found;
    PW_TRY(pw_gguf_get_text(r->file, "general.architecture", &text, &bytes, &found, r->err));
    if (!found)
        return pw_fail(r->err, PEWTER_E_FORMAT, "%s: general.architecture is missing",
                       pw_gguf_name(r->file));
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        if (strlen(families[i].name) != bytes || memcmp(families[i].name, text, bytes) != 0)
            continue;
        r->family = &families[i];
        snprintf(r->h->architecture, sizeof r->h->architecture, "%s", families[i].name);
        return PEWTER_OK;
    }
    char shown[41];
    pw_gguf_show(text, bytes, shown, sizeof shown);
    return pw_fail(r->err, PEWTER_E_UNSUPPORTED,
                   "%s: architecture '%s' is not supported (llama, mistral3, qwen2 and qwen3 are)",
                   pw_gguf_name(r->file), shown);
}

/* ---- Whole numbers ----------------------------------------------------------------------------- */

typedef struct whole_key {
    const char *name;
    size_t at; /* of the int64_t in pw_hparams */
    int64_t least, most;
    bool needed;
} whole_key;

#define FIELD(name) offsetof(pw_hparams, name)

/* Where a key is missing the field keeps what it has: see defaults. */
// clang-format off
static const whole_key whole_keys[] = {
    {"context_length",          FIELD(context_trained), 1, 1 << 30, true},
    {"embedding_length",        FIELD(embedding),       1, 1 << 20, true},
    {"block_count",             FIELD(layers),          1, 4096,    true},
    {"feed_forward_length",     FIELD(ffn),             1, 1 << 24, true},
    {"attention.head_count",    FIELD(heads),           1, 65536,   true},
};
static const whole_key more_whole_keys[] = {
    {"attention.head_count_kv", FIELD(kv_heads),        1, 65536,   false},
    {"attention.key_length",    FIELD(head_dim),        1, 2 * PW_ROPE_MAX_PAIRS, false},
};
static const whole_key rope_whole_keys[] = {
    {"rope.dimension_count",    FIELD(rope_dims),       2, 2 * PW_ROPE_MAX_PAIRS, false},
    {"rope.scaling.original_context_length", FIELD(rope.original_context), 1, 1 << 30, false},
};
// clang-format on

static pewter_status read_whole(reading *r, const whole_key *k)
{
    const char *key = full_key(r, k->name);
    const pw_gguf_value *value = pw_gguf_find(r->file, key);
    uint64_t number = 0;
    if (value == NULL && !k->needed) return PEWTER_OK;
    if (value == NULL)
        return pw_fail(r->err, PEWTER_E_FORMAT, "%s: %s is missing", pw_gguf_name(r->file), key);
    if (value->type == PW_GGUF_ARRAY)
        return pw_fail(r->err, PEWTER_E_UNSUPPORTED,
                       "%s: %s differs from layer to layer, which is not supported",
                       pw_gguf_name(r->file), key);
    PW_TRY(pw_gguf_get_uint(r->file, key, &number, NULL, r->err));
    if (number < (uint64_t)k->least || number > (uint64_t)k->most)
        return pw_fail(r->err, PEWTER_E_FORMAT, "%s: %s is %llu, %lld to %lld is allowed",
                       pw_gguf_name(r->file), key, (unsigned long long)number, (long long)k->least,
                       (long long)k->most);
    const int64_t taken = (int64_t)number;
    memcpy((char *)r->h + k->at, &taken, sizeof taken);
    return PEWTER_OK;
}

static pewter_status read_wholes(reading *r, const whole_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) PW_TRY(read_whole(r, &keys[i]));
    return PEWTER_OK;
}

/* Heads and their length, and how they go together. */
static pewter_status read_heads(reading *r)
{
    pw_hparams *h = r->h;
    const char *name = pw_gguf_name(r->file);
    h->kv_heads = h->heads;
    h->head_dim = 0;
    PW_TRY(read_wholes(r, more_whole_keys, sizeof more_whole_keys / sizeof *more_whole_keys));
    if (h->heads % h->kv_heads != 0)
        return pw_fail(r->err, PEWTER_E_FORMAT,
                       "%s: attention.head_count_kv %lld does not divide attention.head_count %lld",
                       name, (long long)h->kv_heads, (long long)h->heads);
    if (h->head_dim == 0) {
        if (h->embedding % h->heads != 0 || h->embedding / h->heads > 2 * PW_ROPE_MAX_PAIRS)
            return pw_fail(r->err, PEWTER_E_FORMAT,
                           "%s: attention.key_length is missing, and attention.head_count %lld "
                           "does not divide embedding_length %lld into heads of up to %d",
                           name, (long long)h->heads, (long long)h->embedding,
                           2 * PW_ROPE_MAX_PAIRS);
        h->head_dim = h->embedding / h->heads;
    }
    uint64_t value_length = (uint64_t)h->head_dim;
    const char *key = full_key(r, "attention.value_length");
    PW_TRY(pw_gguf_get_uint(r->file, key, &value_length, NULL, r->err));
    if (value_length != (uint64_t)h->head_dim)
        return pw_fail(r->err, PEWTER_E_UNSUPPORTED,
                       "%s: attention.value_length %llu differs from the length of keys, %lld",
                       name, (unsigned long long)value_length, (long long)h->head_dim);
    return PEWTER_OK;
}

/* The vocabulary's size: tokens of the tokenizer, rows of the embedding and vocab_size agree. */
static pewter_status read_vocab(reading *r)
{
    const char *name = pw_gguf_name(r->file);
    pw_gguf_texts tokens = {0};
    const pw_gguf_tensor *table = pw_gguf_tensor_named(r->file, "token_embd.weight");
    bool found, has_tokens;
    uint64_t said = 0, rows = 0;
    PW_TRY(pw_gguf_get_texts(r->file, "tokenizer.ggml.tokens", &tokens, &has_tokens, r->err));
    PW_TRY(pw_gguf_get_uint(r->file, full_key(r, "vocab_size"), &said, &found, r->err));
    if (has_tokens)
        rows = tokens.count;
    else if (found)
        rows = said;
    else if (table != NULL)
        rows = (uint64_t)table->n[1];
    if (rows < 1 || rows > 1 << 24)
        return pw_fail(r->err, PEWTER_E_FORMAT,
                       "%s: a vocabulary of %llu tokens, 1 to %d is allowed", name,
                       (unsigned long long)rows, 1 << 24);
    if (found && said != rows)
        return pw_fail(r->err, PEWTER_E_FORMAT, "%s: %s is %llu, but there are %llu tokens", name,
                       r->key, (unsigned long long)said, (unsigned long long)rows);
    r->h->vocab = (int64_t)rows;
    return PEWTER_OK;
}

static pewter_status read_window(reading *r)
{
    uint64_t window = 0;
    bool patterned = pw_gguf_find(r->file, full_key(r, "attention.sliding_window_pattern")) != NULL;
    PW_TRY(
        pw_gguf_get_uint(r->file, full_key(r, "attention.sliding_window"), &window, NULL, r->err));
    if (window >= (uint64_t)r->h->context_trained) window = 0;
    if (window > 0 && (patterned || !r->family->window))
        return pw_fail(r->err, PEWTER_E_UNSUPPORTED,
                       "%s: %s is %llu in some layers only, which is not supported",
                       pw_gguf_name(r->file), r->key, (unsigned long long)window);
    r->h->window = (int64_t)window;
    return PEWTER_OK;
}

/* ---- Floats ------------------------------------------------------------------------------------ */

/* A float in [least, most]; absent: *out stays. */
static pewter_status read_float(reading *r, const char *name, double least, double most,
                                double *out, bool *found)
{
    const char *key = full_key(r, name);
    double number = *out;
    PW_TRY(pw_gguf_get_float(r->file, key, &number, found, r->err));
    if (!(number >= least && number <= most))
        return pw_fail(r->err, PEWTER_E_FORMAT, "%s: %s is %g, %g to %g is allowed",
                       pw_gguf_name(r->file), key, number, least, most);
    *out = number;
    return PEWTER_OK;
}

static pewter_status read_eps(reading *r)
{
    double eps = 1.0;
    bool found;
    PW_TRY(read_float(r, "attention.layer_norm_rms_epsilon", 1e-30, 1.0, &eps, &found));
    if (!found)
        return pw_fail(r->err, PEWTER_E_FORMAT, "%s: %s is missing", pw_gguf_name(r->file), r->key);
    r->h->eps = (float)eps;
    return PEWTER_OK;
}

static pewter_status read_scaling(reading *r)
{
    pw_rope_spec *rope = &r->h->rope;
    const char *text = "linear"; /* what the file's writer left out is linear, mostly by 1 */
    size_t bytes = strlen(text);
    PW_TRY(
        pw_gguf_get_text(r->file, full_key(r, "rope.scaling.type"), &text, &bytes, NULL, r->err));
    if (bytes == 4 && memcmp(text, "none", 4) == 0) return PEWTER_OK;
    if (bytes == 6 && memcmp(text, "linear", 6) == 0) {
        rope->scaling = PW_ROPE_LINEAR;
    } else if (bytes == 4 && memcmp(text, "yarn", 4) == 0 && r->family->yarn) {
        rope->scaling = PW_ROPE_YARN;
    } else {
        char shown[33];
        pw_gguf_show(text, bytes, shown, sizeof shown);
        return pw_fail(r->err, PEWTER_E_UNSUPPORTED,
                       "%s: %s '%s' is not supported (none, linear%s)", pw_gguf_name(r->file),
                       r->key, shown, r->family->yarn ? " and yarn are" : " are");
    }

    bool found;
    double factor = 1.0;
    PW_TRY(read_float(r, "rope.scaling.factor", 0.0, 65536.0, &factor, &found));
    if (!found) PW_TRY(read_float(r, "rope.scale_linear", 0.0, 65536.0, &factor, &found));
    if (factor == 0.0) factor = 1.0; /* so written where there is none */
    if (factor < 1.0)
        return pw_fail(r->err, PEWTER_E_FORMAT, "%s: %s is %g, 1 to 65536 is allowed",
                       pw_gguf_name(r->file), r->key, factor);
    rope->factor = factor;
    if (rope->scaling == PW_ROPE_LINEAR && factor == 1.0) rope->scaling = PW_ROPE_NONE;
    return PEWTER_OK;
}

static pewter_status read_yarn(reading *r)
{
    pw_rope_spec *rope = &r->h->rope;
    double ext = 1.0, attn = 1.0, yarn_attn = 1.0;
    PW_TRY(read_float(r, "rope.scaling.attn_factor", 0.0, 1000.0, &attn, NULL));
    if (rope->scaling != PW_ROPE_YARN) {
        if (attn != 1.0)
            return pw_fail(r->err, PEWTER_E_UNSUPPORTED,
                           "%s: %s is %g, which is supported for yarn only", pw_gguf_name(r->file),
                           r->key, attn);
        return PEWTER_OK;
    }
    PW_TRY(read_float(r, "rope.scaling.yarn_attn_factor", 0.0, 1000.0, &yarn_attn, NULL));
    PW_TRY(read_float(r, "rope.scaling.yarn_beta_fast", 1e-3, 1e6, &rope->beta_fast, NULL));
    PW_TRY(read_float(r, "rope.scaling.yarn_beta_slow", 1e-3, 1e6, &rope->beta_slow, NULL));
    PW_TRY(read_float(r, "rope.scaling.yarn_ext_factor", -1.0, 1.0, &ext, NULL));
    if (ext != 1.0 && ext != -1.0)
        return pw_fail(r->err, PEWTER_E_UNSUPPORTED, "%s: %s is %g, 1 is supported",
                       pw_gguf_name(r->file), r->key, ext);
    rope->attention_factor = attn * yarn_attn;
    return PEWTER_OK;
}

/* The divisors of the angles, where the file has them. */
static pewter_status read_factors(reading *r)
{
    pw_hparams *h = r->h;
    const pw_gguf_tensor *t = pw_gguf_tensor_named(r->file, "rope_freqs.weight");
    if (t == NULL) return PEWTER_OK;
    if (t->dtype != PW_F32 || t->n[0] != h->rope_dims / 2 ||
        t->bytes != (size_t)t->n[0] * sizeof *h->rope_factors)
        return pw_fail(r->err, PEWTER_E_FORMAT,
                       "%s: tensor 'rope_freqs.weight' is %s of %lld values a row, %lld of F32 are "
                       "wanted",
                       pw_gguf_name(r->file), pw_dtype_get(t->dtype)->name, (long long)t->n[0],
                       (long long)h->rope_dims / 2);
    memcpy(h->rope_factors, t->data, t->bytes);
    for (int64_t i = 0; i < h->rope_dims / 2; i++)
        if (!(h->rope_factors[i] > 0.0f && h->rope_factors[i] < 1e30f))
            return pw_fail(r->err, PEWTER_E_FORMAT,
                           "%s: tensor 'rope_freqs.weight': factor %lld is %g, more than 0 is "
                           "wanted",
                           pw_gguf_name(r->file), (long long)i, (double)h->rope_factors[i]);
    h->has_rope_factors = true;
    return PEWTER_OK;
}

static pewter_status read_rope(reading *r)
{
    pw_hparams *h = r->h;
    h->rope_dims = h->head_dim;
    h->rope = (pw_rope_spec){.base = 10000.0,
                             .factor = 1.0,
                             .original_context = h->context_trained,
                             .beta_fast = 32.0,
                             .beta_slow = 1.0,
                             .attention_factor = 1.0};
    PW_TRY(read_wholes(r, rope_whole_keys, sizeof rope_whole_keys / sizeof *rope_whole_keys));
    if (h->rope_dims > h->head_dim || h->rope_dims % 2 != 0)
        return pw_fail(r->err, PEWTER_E_FORMAT,
                       "%s: rope.dimension_count %lld, an even number up to the length of a head, "
                       "%lld, is wanted",
                       pw_gguf_name(r->file), (long long)h->rope_dims, (long long)h->head_dim);
    h->rope.dims = h->rope_dims;
    PW_TRY(read_float(r, "rope.freq_base", 1.0 + 1e-6, 1e15, &h->rope.base, NULL));
    PW_TRY(read_scaling(r));
    PW_TRY(read_yarn(r));
    return read_factors(r);
}

/* ---- What must be neutral ---------------------------------------------------------------------- */

/* Settings that change the result and that no op here computes: refused unless neutral. */
static const struct {
    const char *name;
    double neutral[2];
} neutrals[] = {
    {"expert_count", {0, 0}},
    {"expert_used_count", {0, 0}},
    {"expert_shared_count", {0, 0}},
    {"attn_logit_softcapping", {0, 0}},
    {"final_logit_softcapping", {0, 0}},
    {"logit_scale", {0, 1}},
    {"embedding_scale", {0, 1}},
    {"residual_scale", {0, 1}},
    {"use_parallel_residual", {0, 0}},
    {"rescale_every_n_layers", {0, 0}},
    {"nextn_predict_layers", {0, 0}},
    {"pooling_type", {0, 0}},
    {"attention.causal", {1, 1}},
    {"attention.clamp_kqv", {0, 0}},
    {"attention.max_alibi_bias", {0, 0}},
    {"attention.output_scale", {0, 1}},
    {"attention.value_scale", {0, 1}},
    {"attention.temperature_length", {0, 0}},
    {"attention.temperature_scale", {0, 0}},
    {"attention.key_length_mla", {0, 0}},
    {"attention.value_length_mla", {0, 0}},
    {"attention.q_lora_rank", {0, 0}},
    {"attention.kv_lora_rank", {0, 0}},
    {"attention.shared_kv_layers", {0, 0}},
    {"rope.scaling.alpha", {0, 1}},
    {"rope.scaling.yarn_log_multiplier", {0, 0}},
};

/* Such settings that have no neutral value. */
static const char *const refused[] = {
    "rope.dimension_sections",  "rope.freq_base_swa",         "rope.dimension_count_swa",
    "attention.key_length_swa", "attention.value_length_swa",
};

static pewter_status refuse(const reading *r, const pw_gguf_value *value)
{
    char shown[32];
    pw_gguf_print(value, shown, sizeof shown);
    return pw_fail(r->err, PEWTER_E_UNSUPPORTED, "%s: %s%s%s is not supported",
                   pw_gguf_name(r->file), value->key, shown[0] != 0 ? " = " : "", shown);
}

static pewter_status check_neutral(reading *r, const char *name, const double neutral[2])
{
    const pw_gguf_value *value = pw_gguf_find(r->file, full_key(r, name));
    if (value == NULL) return PEWTER_OK;
    double number = 0.0;
    int64_t whole = 0;
    bool flag = false;
    if (value->type == PW_GGUF_BOOL) {
        PW_TRY(pw_gguf_get_bool(r->file, value->key, &flag, NULL, r->err));
        number = flag ? 1.0 : 0.0;
    } else if (value->type == PW_GGUF_F32 || value->type == PW_GGUF_F64) {
        PW_TRY(pw_gguf_get_float(r->file, value->key, &number, NULL, r->err));
    } else {
        PW_TRY(pw_gguf_get_int(r->file, value->key, &whole, NULL, r->err));
        number = (double)whole;
    }
    return number == neutral[0] || number == neutral[1] ? PEWTER_OK : refuse(r, value);
}

static pewter_status check_neutrals(reading *r)
{
    for (size_t i = 0; i < sizeof neutrals / sizeof *neutrals; i++)
        PW_TRY(check_neutral(r, neutrals[i].name, neutrals[i].neutral));
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        const pw_gguf_value *value = pw_gguf_find(r->file, full_key(r, refused[i]));
        if (value != NULL) return refuse(r, value);
    }
    double scale = 0.0;
    PW_TRY(read_float(r, "attention.scale", 0.0, 1e6, &scale, NULL));
    const double usual = 1.0 / sqrt((double)r->h->head_dim);
    if (scale != 0.0 && fabs(scale - usual) > 1e-6 * usual)
        return pw_fail(r->err, PEWTER_E_UNSUPPORTED,
                       "%s: %s = %g is not supported, 1 / sqrt(head size) = %g is",
                       pw_gguf_name(r->file), r->key, scale, usual);
    return PEWTER_OK;
}

/* A file of weights, not an adapter, a projector or a vocabulary. */
static pewter_status check_kind(const reading *r)
{
    const char *text = "model";
    size_t bytes = strlen(text);
    PW_TRY(pw_gguf_get_text(r->file, "general.type", &text, &bytes, NULL, r->err));
    if (bytes == 5 && memcmp(text, "model", 5) == 0) return PEWTER_OK;
    char shown[33];
    pw_gguf_show(text, bytes, shown, sizeof shown);
    return pw_fail(r->err, PEWTER_E_UNSUPPORTED, "%s: general.type is '%s', not 'model'",
                   pw_gguf_name(r->file), shown);
}

/* ---- The whole --------------------------------------------------------------------------------- */

static pewter_status read_name(const reading *r)
{
    const char *text = "";
    size_t bytes = 0;
    PW_TRY(pw_gguf_get_text(r->file, "general.name", &text, &bytes, NULL, r->err));
    pw_gguf_show(text, bytes, r->h->name, sizeof r->h->name);
    return PEWTER_OK;
}

pewter_status pw_hparams_read(const pw_gguf *file, pw_hparams *out, pewter_error *err)
{
    pw_hparams h = {0};
    reading r = {.file = file, .family = &families[0], .h = &h, .err = err};
    PW_TRY(find_family(&r));
    PW_TRY(check_kind(&r));
    h.rope_neox = r.family->rope_neox;
    h.qkv_bias = r.family->qkv_bias;
    h.qk_norm = r.family->qk_norm;
    h.tied = pw_gguf_tensor_named(file, "output.weight") == NULL;
    PW_TRY(read_name(&r));
    PW_TRY(read_wholes(&r, whole_keys, sizeof whole_keys / sizeof *whole_keys));
    PW_TRY(read_heads(&r));
    PW_TRY(read_vocab(&r));
    PW_TRY(read_window(&r));
    PW_TRY(read_eps(&r));
    PW_TRY(read_rope(&r));
    PW_TRY(check_neutrals(&r));
    *out = h;
    return PEWTER_OK;
}
