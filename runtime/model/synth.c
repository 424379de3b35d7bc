#include "runtime/model/synth.h"

#include <math.h>
#include <string.h>

#include "kernels/quant.h"
#include "pw/rng.h"
#include "runtime/engine/memory.h"

/* Rows are put together from a pool of pieces that were made number by number: as random to a kernel
 * as the real thing, and as fast to write as a copy. Rows of few pieces are made number by number
 * themselves, so that no two are equal. */
enum { PIECE = 256, POOL = 4096, POOL_BITS = 12, FEW_PIECES = 4, POOLS = 8, ALIGNMENT = 32 };
enum { STEP = 16 << 20 }; /* bytes between two calls of the progress callback */

typedef struct pool {
    unsigned char *pieces; /* [POOL][piece_bytes] */
    pw_dtype dtype;
    float deviation;
} pool;

typedef struct synth {
    const pewter_synth_options *options;
    pw_hparams h;
    pw_dtype type;
    pw_writer w;
    pw_rng rng;
    pw_arena arena;
    pool pools[POOLS];
    size_t n_pools;
    float *numbers;      /* [longest row] */
    unsigned char *row;  /* [longest row's bytes] */
    uint64_t data_bytes; /* of all tensors with their padding */
    uint64_t told;       /* bytes at the last call of the progress callback */
} synth;

/* ---- Numbers ----------------------------------------------------------------------------------- */

/* `count` numbers around `middle`, uniform, of the given standard deviation. */
static void fill(pw_rng *rng, float middle, float deviation, float *out, int64_t count)
{
    const float width = deviation * 0x1.bb67aep+1f; /* 2 sqrt 3 */
    for (int64_t i = 0; i < count; i += 2) {
        const uint64_t bits = pw_rng_u64(rng);
        const float a = (float)(int32_t)(bits >> 40) * 0x1p-24f - 0.5f;
        const float b = (float)(int32_t)(bits & 0xffffff) * 0x1p-24f - 0.5f;
        out[i] = middle + width * a;
        if (i + 1 < count) out[i + 1] = middle + width * b;
    }
}

/* Such that what comes in and goes out of a matrix is about as large, and logits spread over a few
 * units. */
static float deviation_of(const pw_hparams_tensor *t)
{
    const bool table =
        strcmp(t->name, "token_embd.weight") == 0 || strcmp(t->name, "output.weight") == 0;
    return (float)((table ? 2.0 : 1.0) / sqrt((double)t->n[0]));
}

/* The type of a matrix whose rows are k long. */
static pw_dtype dtype_of(pw_dtype type, int64_t k)
{
    if (k % pw_dtype_get(type)->block == 0) return type;
    return k % pw_dtype_get(PW_Q8_0)->block == 0 ? PW_Q8_0 : PW_F16;
}

/* ---- Rows -------------------------------------------------------------------------------------- */

static size_t bytes_of(pw_dtype dtype, int64_t k)
{
    const pw_dtype_info *info = pw_dtype_get(dtype);
    return (size_t)(k / info->block) * info->block_bytes;
}

/* The pool of that type and deviation, made if need be; NULL where memory is refused or all are
 * taken. */
static const pool *pool_of(synth *s, pw_dtype dtype, float deviation)
{
    for (size_t i = 0; i < s->n_pools; i++)
        if (s->pools[i].dtype == dtype && !(s->pools[i].deviation < deviation) &&
            !(s->pools[i].deviation > deviation))
            return &s->pools[i];
    if (s->n_pools == POOLS) return NULL;

    const size_t piece_bytes = bytes_of(dtype, PIECE);
    pool *p = &s->pools[s->n_pools];
    p->pieces = pw_arena_array(&s->arena, POOL, piece_bytes);
    if (p->pieces == NULL) return NULL;
    for (size_t i = 0; i < POOL; i++) {
        float numbers[PIECE];
        fill(&s->rng, 0.0f, deviation, numbers, PIECE);
        pw_quantize(dtype, numbers, p->pieces + i * piece_bytes, PIECE);
    }
    p->dtype = dtype;
    p->deviation = deviation;
    s->n_pools++;
    return p;
}

/* A row of k values from pieces of a pool; the last one may be cut. */
static void join_pieces(synth *s, const pool *p, int64_t k)
{
    const size_t piece_bytes = bytes_of(p->dtype, PIECE);
    const size_t row_bytes = bytes_of(p->dtype, k);
    uint64_t bits = 0;
    int left = 0;
    for (size_t at = 0; at < row_bytes; at += piece_bytes) {
        if (left < POOL_BITS) {
            bits = pw_rng_u64(&s->rng);
            left = 64;
        }
        const size_t bytes = row_bytes - at < piece_bytes ? row_bytes - at : piece_bytes;
        memcpy(s->row + at, p->pieces + (size_t)(bits % POOL) * piece_bytes, bytes);
        bits >>= POOL_BITS;
        left -= POOL_BITS;
    }
}

static pewter_status tell(synth *s, bool last, pewter_error *err)
{
    if (s->options->progress == NULL || (!last && s->w.bytes - s->told < STEP)) return PEWTER_OK;
    s->told = s->w.bytes;
    const uint64_t total = s->data_bytes;
    const uint64_t done = last || s->told > total ? total : s->told;
    if (s->options->progress(s->options->progress_context, "writing", done, total))
        return PEWTER_OK;
    return pw_fail(err, PEWTER_E_CANCELLED, "writing %.200s was cancelled", s->w.path);
}

static pewter_status write_matrix(synth *s, const pw_hparams_tensor *t, pewter_error *err)
{
    const int64_t k = t->n[0];
    const pw_dtype dtype = dtype_of(s->type, k);
    const float deviation = deviation_of(t);
    const size_t row_bytes = bytes_of(dtype, k);
    const pool *p = k >= FEW_PIECES * PIECE ? pool_of(s, dtype, deviation) : NULL;
    for (int64_t i = 0; i < t->n[1] && s->w.failed == 0; i++) {
        if (p != NULL) {
            join_pieces(s, p, k);
        } else {
            fill(&s->rng, 0.0f, deviation, s->numbers, k);
            pw_quantize(dtype, s->numbers, s->row, k);
        }
        pw_write(&s->w, s->row, row_bytes);
        PW_TRY(tell(s, false, err));
    }
    return PEWTER_OK;
}

static void write_small(synth *s, const pw_hparams_tensor *t)
{
    const bool bias = strstr(t->name, ".bias") != NULL;
    fill(&s->rng, bias ? 0.0f : 1.0f, 0.05f, s->numbers, t->n[0]);
    pw_write(&s->w, s->numbers, (size_t)t->n[0] * sizeof *s->numbers);
}

/* ---- The file ---------------------------------------------------------------------------------- */

/* Bytes of a tensor with the padding behind it. */
static bool padded_bytes(const synth *s, const pw_hparams_tensor *t, size_t *bytes, size_t *padded)
{
    size_t row;
    const pw_dtype dtype = t->small ? PW_F32 : dtype_of(s->type, t->n[0]);
    return pw_dtype_row_bytes(dtype, t->n[0], &row) && pw_mul(row, (size_t)t->n[1], bytes) &&
           pw_align(*bytes, ALIGNMENT, padded);
}

/* Sizes before anything is written: the sum must fit, and the longest row gets its room. */
static pewter_status measure(synth *s, uint64_t *n_tensors, pewter_error *err)
{
    size_t total = 0, longest = 0, bytes, padded;
    pw_hparams_tensor t;
    int64_t i = 0;
    for (; pw_hparams_tensor_at(&s->h, i, &t); i++) {
        if (!padded_bytes(s, &t, &bytes, &padded) || !pw_add(total, padded, &total) ||
            total > INT64_MAX)
            return pw_fail(err, PEWTER_E_ARG, "shape: the file would be too long");
        if ((size_t)t.n[0] > longest) longest = (size_t)t.n[0];
    }
    s->numbers = pw_arena_array(&s->arena, longest, sizeof *s->numbers);
    s->row = pw_arena_array(&s->arena, longest, sizeof *s->numbers);
    if (s->numbers == NULL || s->row == NULL)
        return pw_fail(err, PEWTER_E_MEMORY, "no memory for rows of %zu values", longest);
    s->data_bytes = total;
    *n_tensors = (uint64_t)i;
    return PEWTER_OK;
}

typedef struct entry {
    const char *name;
    int64_t value;
} entry;

/* The number of GGUF's "general.file_type" for files whose matrices are all of one format; others'
 * loaders want it. */
static uint32_t file_type_of(pw_dtype type)
{
    static const unsigned char numbers[PW_DTYPE_COUNT] = {
        [PW_F32] = 0,   [PW_F16] = 1,    [PW_Q4_0] = 2,   [PW_Q4_1] = 3,  [PW_Q8_0] = 7,
        [PW_Q5_0] = 8,  [PW_Q5_1] = 9,   [PW_Q4_K] = 14,  [PW_Q5_K] = 16, [PW_Q6_K] = 18,
        [PW_BF16] = 32, [PW_TQ1_0] = 36, [PW_TQ2_0] = 37, [PW_MXFP4] = 38};
    return numbers[type];
}

static void write_metadata(synth *s, uint64_t n_tensors)
{
    const pw_hparams *h = &s->h;
    const entry entries[] = {{"context_length", h->context_trained},
                             {"embedding_length", h->embedding},
                             {"block_count", h->layers},
                             {"feed_forward_length", h->ffn},
                             {"attention.head_count", h->heads},
                             {"attention.head_count_kv", h->kv_heads},
                             {"attention.key_length", h->head_dim},
                             {"attention.value_length", h->head_dim},
                             {"rope.dimension_count", h->rope_dims},
                             {"vocab_size", h->vocab},
                             {"attention.sliding_window", h->window}};
    const size_t n_entries = sizeof entries / sizeof *entries - (h->window == 0 ? 1 : 0);
    enum { OTHERS = 8 };
    char text[64], key[96];
    pw_write_head(&s->w, n_tensors, OTHERS + n_entries + PW_SYNTH_VOCAB_KEYS);
    pw_write_key_text(&s->w, "general.architecture", h->architecture);
    pw_write_key_text(&s->w, "general.type", "model");
    pw_write_key_text(&s->w, "general.name", h->name);
    snprintf(text, sizeof text, "random weights, seed %llu", (unsigned long long)s->options->seed);
    pw_write_key_text(&s->w, "general.description", text);
    pw_write_key_u32(&s->w, "general.quantization_version", 2);
    pw_write_key_u32(&s->w, "general.file_type", file_type_of(s->type));
    for (size_t i = 0; i < n_entries; i++) {
        snprintf(key, sizeof key, "%s.%s", h->architecture, entries[i].name);
        pw_write_key_u32(&s->w, key, (uint32_t)entries[i].value);
    }
    snprintf(key, sizeof key, "%s.rope.freq_base", h->architecture);
    pw_write_key_f32(&s->w, key, (float)h->rope.base);
    snprintf(key, sizeof key, "%s.attention.layer_norm_rms_epsilon", h->architecture);
    pw_write_key_f32(&s->w, key, h->eps);
    pw_synth_vocab(&s->w, h->vocab);
}

static void write_index(synth *s)
{
    pw_hparams_tensor t;
    uint64_t offset = 0;
    for (int64_t i = 0; pw_hparams_tensor_at(&s->h, i, &t); i++) {
        size_t bytes = 0, padded = 0;
        const pw_dtype dtype = t.small ? PW_F32 : dtype_of(s->type, t.n[0]);
        if (!padded_bytes(s, &t, &bytes, &padded)) return; /* measure saw that it fits */
        pw_write_tensor(&s->w, t.name, dtype, t.n, t.small ? 1 : 2, offset);
        offset += padded;
    }
    pw_write_zeros(&s->w, (ALIGNMENT - s->w.bytes % ALIGNMENT) % ALIGNMENT);
}

static pewter_status write_all(synth *s, uint64_t n_tensors, pewter_error *err)
{
    pw_hparams_tensor t;
    write_metadata(s, n_tensors);
    write_index(s);
    for (int64_t i = 0; pw_hparams_tensor_at(&s->h, i, &t) && s->w.failed == 0; i++) {
        if (t.small)
            write_small(s, &t);
        else
            PW_TRY(write_matrix(s, &t, err));
        pw_write_zeros(&s->w, (ALIGNMENT - s->w.bytes % ALIGNMENT) % ALIGNMENT);
    }
    return tell(s, true, err);
}

static pewter_status run(synth *s, const char *path, pewter_error *err)
{
    uint64_t n_tensors = 0;
    PW_TRY(measure(s, &n_tensors, err));
    PW_TRY(pw_writer_open(path, s->arena.alloc, &s->w, err));
    pewter_status status = pw_writer_expect(&s->w, s->data_bytes, err);
    if (status == PEWTER_OK) status = write_all(s, n_tensors, err);
    if (status == PEWTER_OK) return pw_writer_finish(&s->w, err);
    pw_writer_abandon(&s->w);
    return status;
}

static pewter_status unknown_type(const char *type, pewter_error *err)
{
    char names[256] = "";
    for (int d = 0; d < PW_DTYPE_COUNT; d++)
        if (pw_can_quantize((pw_dtype)d)) {
            const size_t at = strlen(names);
            snprintf(names + at, sizeof names - at, "%s%s", at > 0 ? ", " : "",
                     pw_dtype_get((pw_dtype)d)->name);
        }
    return pw_fail(err, PEWTER_E_ARG, "type '%.40s' cannot be written; %s can", type, names);
}

pewter_status pw_synth_write(const pewter_synth_options *options, const char *path,
                             pewter_error *err)
{
    synth s = {
        .options = options, .rng.state = options->seed, .arena.alloc = &pw_default_allocator};
    PW_TRY(pw_synth_shape(options->shape != NULL ? options->shape : "", &s.h, err));
    s.type = pw_dtype_from_name(options->type != NULL ? options->type : "Q8_0");
    if (s.type == PW_DTYPE_COUNT || !pw_can_quantize(s.type))
        return unknown_type(options->type, err);
    const pewter_status status = run(&s, path, err);
    pw_arena_free(&s.arena);
    return status;
}
