/* The tensors that the hyperparameters ask for: a table of roles, and every tensor of a file against
 * it. */
#include <math.h>
#include <string.h>

#include "runtime/model/hparams.h"

/* What a dimension is as long as. */
typedef enum length {
    ONE,
    EMBEDDING,
    VOCAB,
    FFN,
    HEAD,
    QUERIES, /* heads x head_dim */
    KEYS,    /* kv_heads x head_dim */
    ANGLES   /* rope_dims / 2 */
} length;

typedef enum kind {
    MATRIX, /* any number format */
    SMALL,  /* F32: read as it is in the file */
    UNUSED  /* angles that older files carry: made anew here */
} kind;

typedef enum wanted { ALWAYS, AT_WILL, WITH_BIAS, WITH_QK_NORM, WITH_HEAD, WITH_FACTORS } wanted;

typedef struct role {
    const char *name;
    length n[2];
    kind kind;
    wanted wanted;
} role;

// clang-format off
static const role whole_roles[] = {
    {"token_embd.weight",    {EMBEDDING, VOCAB}, MATRIX, ALWAYS},
    {"output_norm.weight",   {EMBEDDING, ONE},   SMALL,  ALWAYS},
    {"output.weight",        {EMBEDDING, VOCAB}, MATRIX, WITH_HEAD},
    {"rope_freqs.weight",    {ANGLES, ONE},      SMALL,  WITH_FACTORS},
};
static const role layer_roles[] = {
    {"attn_norm.weight",     {EMBEDDING, ONE},       SMALL,  ALWAYS},
    {"attn_q.weight",        {EMBEDDING, QUERIES},   MATRIX, ALWAYS},
    {"attn_k.weight",        {EMBEDDING, KEYS},      MATRIX, ALWAYS},
    {"attn_v.weight",        {EMBEDDING, KEYS},      MATRIX, ALWAYS},
    {"attn_q.bias",          {QUERIES, ONE},         SMALL,  WITH_BIAS},
    {"attn_k.bias",          {KEYS, ONE},            SMALL,  WITH_BIAS},
    {"attn_v.bias",          {KEYS, ONE},            SMALL,  WITH_BIAS},
    {"attn_q_norm.weight",   {HEAD, ONE},            SMALL,  WITH_QK_NORM},
    {"attn_k_norm.weight",   {HEAD, ONE},            SMALL,  WITH_QK_NORM},
    {"attn_output.weight",   {QUERIES, EMBEDDING},   MATRIX, ALWAYS},
    {"attn_output.bias",     {EMBEDDING, ONE},       SMALL,  AT_WILL},
    {"ffn_norm.weight",      {EMBEDDING, ONE},       SMALL,  ALWAYS},
    {"ffn_gate.weight",      {EMBEDDING, FFN},       MATRIX, ALWAYS},
    {"ffn_gate.bias",        {FFN, ONE},             SMALL,  AT_WILL},
    {"ffn_up.weight",        {EMBEDDING, FFN},       MATRIX, ALWAYS},
    {"ffn_up.bias",          {FFN, ONE},             SMALL,  AT_WILL},
    {"ffn_down.weight",      {FFN, EMBEDDING},       MATRIX, ALWAYS},
    {"ffn_down.bias",        {EMBEDDING, ONE},       SMALL,  AT_WILL},
    {"attn_rot_embd.weight", {ANGLES, ONE},          UNUSED, AT_WILL},
};
// clang-format on

enum {
    WHOLE_ROLES = sizeof whole_roles / sizeof *whole_roles,
    LAYER_ROLES = sizeof layer_roles / sizeof *layer_roles
};

static int64_t length_of(const pw_hparams *h, length n)
{
    switch (n) {
    case ONE: return 1;
    case EMBEDDING: return h->embedding;
    case VOCAB: return h->vocab;
    case FFN: return h->ffn;
    case HEAD: return h->head_dim;
    case QUERIES: return h->heads * h->head_dim;
    case KEYS: return h->kv_heads * h->head_dim;
    case ANGLES: return h->rope_dims / 2;
    }
    return 0;
}

/* Whether the architecture must have, and whether it may have, a tensor of that role. */
static bool is_needed(const pw_hparams *h, wanted w)
{
    switch (w) {
    case ALWAYS: return true;
    case WITH_BIAS: return h->qkv_bias;
    case WITH_QK_NORM: return h->qk_norm;
    case WITH_HEAD: return !h->tied;
    case AT_WILL:
    case WITH_FACTORS: return false;
    }
    return false;
}

static bool is_allowed(const pw_hparams *h, wanted w)
{
    if (w == WITH_FACTORS) return !h->rope_neox;
    return w == AT_WILL || w == WITH_BIAS || is_needed(h, w);
}

/* The role of a name, NULL where it has none. */
static const role *role_of(const pw_hparams *h, const char *name)
{
    const role *roles = whole_roles;
    size_t count = WHOLE_ROLES;
    if (strncmp(name, "blk.", 4) == 0) {
        const char *at = name + 4;
        int64_t layer = 0;
        if (*at == '0' && at[1] != '.') return NULL;
        for (; *at >= '0' && *at <= '9' && layer < h->layers; at++) layer = layer * 10 + *at - '0';
        if (at == name + 4 || *at != '.' || layer >= h->layers) return NULL;
        name = at + 1;
        roles = layer_roles;
        count = LAYER_ROLES;
    }
    for (size_t i = 0; i < count; i++)
        if (strcmp(roles[i].name, name) == 0 && is_allowed(h, roles[i].wanted)) return &roles[i];
    return NULL;
}

static pewter_status check_finite(const char *file, const pw_gguf_tensor *t, pewter_error *err)
{
    for (int64_t i = 0; i < t->n[0]; i++) {
        float x;
        memcpy(&x, (const char *)t->data + (size_t)i * sizeof x, sizeof x);
        if (!isfinite(x))
            return pw_fail(err, PEWTER_E_FORMAT,
                           "%s: tensor '%.80s': value %lld is no finite number", file, t->name,
                           (long long)i);
    }
    return PEWTER_OK;
}

static pewter_status check_tensor(const char *file, const pw_hparams *h, const pw_gguf_tensor *t,
                                  pewter_error *err)
{
    const role *r = role_of(h, t->name);
    if (r == NULL)
        return pw_fail(err, PEWTER_E_UNSUPPORTED,
                       "%s: tensor '%.80s' has no place in a %s model of %lld layers", file,
                       t->name, h->architecture, (long long)h->layers);
    if (r->kind == UNUSED) return PEWTER_OK;

    const int64_t n0 = length_of(h, r->n[0]), n1 = length_of(h, r->n[1]);
    if (t->n[0] != n0 || t->n[1] != n1 || t->n[2] != 1 || t->n[3] != 1)
        return pw_fail(err, PEWTER_E_FORMAT,
                       "%s: tensor '%.80s' is %lld x %lld x %lld x %lld, %lld x %lld is wanted",
                       file, t->name, (long long)t->n[0], (long long)t->n[1], (long long)t->n[2],
                       (long long)t->n[3], (long long)n0, (long long)n1);
    if (r->kind == SMALL && t->dtype != PW_F32)
        return pw_fail(err, PEWTER_E_UNSUPPORTED, "%s: tensor '%.80s' is of type %s, F32 is wanted",
                       file, t->name, pw_dtype_get(t->dtype)->name);
    return r->kind == SMALL ? check_finite(file, t, err) : PEWTER_OK;
}

static const role *needed_at(const pw_hparams *h, const role *roles, size_t count, int64_t i)
{
    for (size_t k = 0; k < count; k++)
        if (is_needed(h, roles[k].wanted) && i-- == 0) return &roles[k];
    return NULL;
}

static int64_t count_needed(const pw_hparams *h, const role *roles, size_t count)
{
    int64_t needed = 0;
    for (size_t k = 0; k < count; k++) needed += is_needed(h, roles[k].wanted);
    return needed;
}

bool pw_hparams_tensor_at(const pw_hparams *h, int64_t i, pw_hparams_tensor *out)
{
    const int64_t outside = count_needed(h, whole_roles, WHOLE_ROLES);
    const int64_t a_layer = count_needed(h, layer_roles, LAYER_ROLES);
    const role *r;
    pw_hparams_tensor t;
    if (i < outside) {
        r = needed_at(h, whole_roles, WHOLE_ROLES, i);
        if (r == NULL) return false;
        snprintf(t.name, sizeof t.name, "%s", r->name);
    } else {
        const int64_t layer = (i - outside) / a_layer;
        r = needed_at(h, layer_roles, LAYER_ROLES, (i - outside) % a_layer);
        if (r == NULL || layer >= h->layers) return false;
        snprintf(t.name, sizeof t.name, "blk.%lld.%s", (long long)layer, r->name);
    }
    t.n[0] = length_of(h, r->n[0]);
    t.n[1] = length_of(h, r->n[1]);
    t.small = r->kind == SMALL;
    *out = t;
    return true;
}

pewter_status pw_hparams_check(const pw_gguf *file, const pw_hparams *h, pewter_error *err)
{
    size_t count;
    const pw_gguf_tensor *tensors = pw_gguf_tensors(file, &count);
    for (size_t i = 0; i < count; i++)
        PW_TRY(check_tensor(pw_gguf_name(file), h, &tensors[i], err));

    pw_hparams_tensor t;
    for (int64_t i = 0; pw_hparams_tensor_at(h, i, &t); i++)
        if (pw_gguf_tensor_named(file, t.name) == NULL)
            return pw_fail(err, PEWTER_E_FORMAT, "%s: tensor '%s' is missing", pw_gguf_name(file),
                           t.name);
    return PEWTER_OK;
}

pw_rope_spec pw_hparams_rope(const pw_hparams *h)
{
    pw_rope_spec spec = h->rope;
    spec.factors = h->has_rope_factors ? h->rope_factors : NULL;
    return spec;
}
