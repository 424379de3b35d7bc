#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/model/synth.h"

typedef struct shape {
    const char *name;
    int64_t layers, embedding, heads, kv_heads, head_dim, ffn, vocab, context;
    double rope_base;
    bool tied;
} shape;

/* Numbers of the real ones: the model cards and configurations that their makers publish. */
// clang-format off
static const shape shapes[] = {
    {"tiny",          3,  256,  4, 2,  64,   512,    512,    512,  10000.0, true},
    {"llama-1b-32k", 16, 2048, 32, 8,  64,  8192,  32000, 131072, 500000.0, true},
    {"llama-3.2-1b", 16, 2048, 32, 8,  64,  8192, 128256, 131072, 500000.0, true},
    {"llama-8b",     32, 4096, 32, 8, 128, 14336, 128256, 131072, 500000.0, false},
    {"smollm2-135m", 30,  576,  9, 3,  64,  1536,  49152,   8192, 100000.0, true},
};

static const struct {
    const char *name;
    size_t at;
    int64_t least, most;
} keys[] = {
    {"layers",    offsetof(pw_hparams, layers),          1, 4096},
    {"embedding", offsetof(pw_hparams, embedding),       1, 1 << 20},
    {"heads",     offsetof(pw_hparams, heads),           1, 65536},
    {"kv_heads",  offsetof(pw_hparams, kv_heads),        1, 65536},
    {"head_dim",  offsetof(pw_hparams, head_dim),        2, 2 * PW_ROPE_MAX_PAIRS},
    {"ffn",       offsetof(pw_hparams, ffn),             1, 1 << 24},
    {"vocab",     offsetof(pw_hparams, vocab),           PW_SYNTH_VOCAB_LEAST, PW_SYNTH_VOCAB_MOST},
    {"context",   offsetof(pw_hparams, context_trained), 1, 1 << 30},
    {"window",    offsetof(pw_hparams, window),          0, 1 << 30},
};
// clang-format on

static const char *const architectures[] = {"llama", "qwen2", "qwen3"};

static void take_shape(const shape *s, pw_hparams *h)
{
    *h = (pw_hparams){.architecture = "llama",
                      .layers = s->layers,
                      .embedding = s->embedding,
                      .heads = s->heads,
                      .kv_heads = s->kv_heads,
                      .head_dim = s->head_dim,
                      .ffn = s->ffn,
                      .vocab = s->vocab,
                      .context_trained = s->context,
                      .eps = 1e-5f,
                      .tied = s->tied,
                      .rope.base = s->rope_base};
    snprintf(h->name, sizeof h->name, "synthetic %s", s->name);
}

static pewter_status take_name(const char *name, pw_hparams *h, pewter_error *err)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        if (strcmp(shapes[i].name, name) != 0) continue;
        take_shape(&shapes[i], h);
        return PEWTER_OK;
    }
    return pw_fail(err, PEWTER_E_ARG,
                   "shape '%.40s' is not known: tiny, llama-1b-32k, llama-3.2-1b, llama-8b, "
                   "smollm2-135m, or key=value pairs",
                   name);
}

static pewter_status take_architecture(const char *value, pw_hparams *h, pewter_error *err)
{
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++) {
        if (strcmp(architectures[i], value) != 0) continue;
        snprintf(h->architecture, sizeof h->architecture, "%s", value);
        h->rope_neox = strcmp(value, "llama") != 0;
        h->qkv_bias = strcmp(value, "qwen2") == 0;
        h->qk_norm = strcmp(value, "qwen3") == 0;
        return PEWTER_OK;
    }
    return pw_fail(err, PEWTER_E_ARG, "shape: arch '%.40s' is not known: llama, qwen2, qwen3",
                   value);
}

/* A number written in decimal digits only, with one point at most where `point`. */
static bool is_number(const char *text, bool point)
{
    const size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 18) return false;
    if (text[digits] == 0) return true;
    return point && text[digits] == '.' &&
           text[digits + 1 + strspn(text + digits + 1, "0123456789")] == 0;
}

static pewter_status take_pair(const char *key, const char *value, pw_hparams *h, pewter_error *err)
{
    if (strcmp(key, "arch") == 0) return take_architecture(value, h, err);
    const bool is_base = strcmp(key, "rope_base") == 0, is_tied = strcmp(key, "tied") == 0;
    if (!is_number(value, is_base))
        return pw_fail(err, PEWTER_E_ARG, "shape: %.40s=%.40s: a number is wanted", key, value);
    const long long whole = strtoll(value, NULL, 10);
    if (is_base) {
        h->rope.base = (double)whole;
        if (whole >= 2 && whole <= 1000000000000000) return PEWTER_OK;
        return pw_fail(err, PEWTER_E_ARG, "shape: rope_base is %lld, 2 to 1e15 is allowed", whole);
    }
    if (is_tied) {
        h->tied = whole == 1;
        if (whole == 0 || whole == 1) return PEWTER_OK;
        return pw_fail(err, PEWTER_E_ARG, "shape: tied is %lld, 0 or 1 is wanted", whole);
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(keys[i].name, key) != 0) continue;
        if (whole < keys[i].least || whole > keys[i].most)
            return pw_fail(err, PEWTER_E_ARG, "shape: %s is %lld, %lld to %lld is allowed", key,
                           whole, (long long)keys[i].least, (long long)keys[i].most);
        const int64_t taken = whole;
        memcpy((char *)h + keys[i].at, &taken, sizeof taken);
        return PEWTER_OK;
    }
    return pw_fail(err, PEWTER_E_ARG,
                   "shape: key '%.40s' is not known: arch, layers, embedding, heads, kv_heads, "
                   "head_dim, ffn, vocab, context, window, tied, rope_base",
                   key);
}

static pewter_status check(const pw_hparams *h, pewter_error *err)
{
    if (h->heads % h->kv_heads != 0)
        return pw_fail(err, PEWTER_E_ARG, "shape: kv_heads %lld does not divide heads %lld",
                       (long long)h->kv_heads, (long long)h->heads);
    if (h->head_dim % 2 != 0)
        return pw_fail(err, PEWTER_E_ARG, "shape: head_dim %lld is odd", (long long)h->head_dim);
    if (h->window > 0 && h->rope_neox)
        return pw_fail(err, PEWTER_E_ARG, "shape: arch %s has no window", h->architecture);
    return PEWTER_OK;
}

pewter_status pw_synth_shape(const char *words, pw_hparams *out, pewter_error *err)
{
    pw_hparams h;
    take_shape(&shapes[0], &h);
    for (bool first = true; *words != 0; first = false) {
        char word[96];
        const size_t length = strcspn(words, ",");
        if (length == 0 || length >= sizeof word)
            return pw_fail(err, PEWTER_E_ARG, "shape: '%.40s' is no name and no key=value pair",
                           words);
        memcpy(word, words, length);
        word[length] = 0;
        words += length + (words[length] == ',');

        char *equals = strchr(word, '=');
        if (equals == NULL && !first)
            return pw_fail(err, PEWTER_E_ARG, "shape: '%.40s' is no key=value pair", word);
        if (equals == NULL) {
            PW_TRY(take_name(word, &h, err));
        } else {
            *equals = 0;
            PW_TRY(take_pair(word, equals + 1, &h, err));
        }
    }
    PW_TRY(check(&h, err));
    h.rope_dims = h.rope.dims = h.head_dim;
    *out = h;
    return PEWTER_OK;
}
