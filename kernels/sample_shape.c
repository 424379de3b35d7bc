#include <math.h>

#include "kernels/act.h"
#include "kernels/sample.h"
#include "pw/num.h"

static int64_t one_of(pw_rng *rng, const int64_t *choices, size_t count)
{
    return choices[pw_rng_range(rng, 0, (int64_t)count - 1)];
}

#define PW_ONE_OF(rng, ...)                                                                        \
    one_of(rng, (const int64_t[]){__VA_ARGS__},                                                    \
           sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

pw_call pw_sample_call(const pw_sample_shape *s)
{
    pw_call call = {.op = s->row->op};
    const int64_t k = s->k, m = s->m, n = s->n, h = s->heads, d = s->head_dim;
    const bool glu = (s->epilogues & PW_EPILOGUE_GLU) != 0;

    call.params = (pw_params){
        .epilogues = s->epilogues,
        .eps = 1e-5f,
        .heads = h,
        .kv_heads = s->kv_heads,
        .head_dim = d,
        .window = s->window,
        .neox = s->neox,
        .kv = s->row->kv,
    };
    const pw_tensor rows = pw_tensor_of(PW_F32, k, n, 1, NULL);
    const pw_tensor heads = pw_tensor_of(PW_F32, k, h, n, NULL);
    call.dst = pw_tensor_of(s->result, k, n, 1, NULL);
    switch (s->row->op) {
    case PW_OP_EMBED:
        call.src[0] = pw_tensor_of(s->weight, k, m, 1, NULL);
        call.src[1] = pw_tensor_of(PW_I32, n, 1, 1, NULL);
        break;
    case PW_OP_NORM:
        call.src[0] = pw_tensor_of(PW_F32, k, 1, 1, NULL);
        call.src[1] = heads;
        if (s->result == PW_F32) call.dst = heads;
        break;
    case PW_OP_MATMUL:
        call.src[0] = pw_tensor_of(s->weight, k, m, 1, NULL);
        call.src[1] = rows;
        call.dst = pw_tensor_of(PW_F32, m, n, 1, NULL);
        if (glu) call.src[2] = call.src[0];
        if ((s->epilogues & PW_EPILOGUE_BIAS) != 0)
            call.src[3] = pw_tensor_of(PW_F32, m, 1, 1, NULL);
        if ((s->epilogues & PW_EPILOGUE_ADD) != 0) call.src[4] = call.dst;
        break;
    case PW_OP_ROPE:
        call.src[0] = call.dst = heads;
        call.src[1] = pw_tensor_of(PW_F32, s->rotated, n, 1, NULL);
        break;
    case PW_OP_KV_STORE:
        call.src[0] = call.src[1] = pw_tensor_of(PW_F32, d, s->kv_heads, n, NULL);
        call.dst = (pw_tensor){.n = {1, 1, 1}, .dtype = PW_KV_POOL};
        break;
    case PW_OP_ATTENTION:
        call.params.scale = (float)(1.0 / sqrt((double)d));
        call.src[0] = pw_tensor_of(PW_F32, d, h, n, NULL);
        call.src[1] = (pw_tensor){.n = {1, 1, 1}, .dtype = PW_KV_POOL};
        call.dst = s->result == PW_F32 ? call.src[0] : pw_tensor_of(s->result, d * h, n, 1, NULL);
        break;
    case PW_OP_GLU: call.src[0] = call.src[1] = rows; break;
    case PW_OP_ADD:
        call.src[0] = rows;
        call.src[1] = s->broadcast ? pw_tensor_of(PW_F32, k, 1, 1, NULL) : rows;
        break;
    case PW_OP_CAST: call.src[0] = rows; break;
    case PW_OP_COUNT: break;
    }
    return call;
}

/* A multiple of what the formats ask for, in [low, 600]. */
static int64_t random_k(const pw_sample_shape *s, int64_t low, pw_rng *rng)
{
    int64_t step = s->weight == PW_DTYPE_COUNT ? 1 : pw_dtype_get(s->weight)->block;
    const pw_dtype act = s->row->op == PW_OP_MATMUL ? s->row->act : s->result;
    if (act == PW_Q8X && step < 32) step = 32;
    return step * pw_rng_range(rng, pw_ceil_div(low, step), 600 / step);
}

/* A file format at random. */
static pw_dtype random_dtype(pw_rng *rng)
{
    for (;;) {
        const pw_dtype dtype = (pw_dtype)pw_rng_range(rng, 0, PW_DTYPE_COUNT - 1);
        const pw_dtype_info *info = pw_dtype_get(dtype);
        if (dtype != PW_I32 && info->ggml_type >= 0 && info->block_bytes > 0) return dtype;
    }
}

/* F32, or one of the row's results. */
static pw_dtype random_result(const pw_kernel *row, pw_rng *rng)
{
    if (row->results == 0 || row->op == PW_OP_MATMUL || row->op == PW_OP_KV_STORE) return PW_F32;
    if (row->op != PW_OP_CAST && pw_rng_range(rng, 0, 2) == 0) return PW_F32;
    for (;;) {
        const pw_dtype dtype = (pw_dtype)pw_rng_range(rng, 0, PW_DTYPE_COUNT - 1);
        if ((row->results & 1u << dtype) != 0) return dtype;
    }
}

/* Sequences, heads and depths that plain C still answers quickly. */
static void random_attention(pw_sample_shape *s, pw_rng *rng)
{
    enum { BUDGET = 8000000 };
    s->head_dim = pw_rng_range(rng, 0, 1) == 0
                      ? PW_ONE_OF(rng, 8, 16, 24, 32, 40, 64, 80, 96, 128, 192, 256)
                      : pw_rng_range(rng, 8, 256);
    s->kv_heads = pw_rng_range(rng, 1, 3);
    s->heads = s->kv_heads * PW_ONE_OF(rng, 1, 3, 4, 8);
    s->n = pw_rng_range(rng, 1, 70);
    s->depth = PW_ONE_OF(rng, 0, 100, 400, 700, 2300, 4200);
    const int64_t work = s->head_dim * s->heads;
    while (s->n > 1 && s->n * (s->depth + s->n) > BUDGET / work) s->n--;
    s->sequences = pw_rng_range(rng, 1, s->n < 4 ? s->n : 4);
    s->window = pw_rng_range(rng, 0, 1) == 0 ? 0 : PW_ONE_OF(rng, 1, 7, 40, 100, 256, 300, 1000);
    s->ragged = pw_rng_range(rng, 0, 3) != 0;
}

static bool random_once(const pw_kernel *row, pw_rng *rng, pw_sample_shape *s)
{
    s->weight = row->op == PW_OP_MATMUL || row->op == PW_OP_EMBED ? row->weight : PW_DTYPE_COUNT;
    if (row->weight == PW_DTYPE_COUNT) s->weight = random_dtype(rng);
    s->result = random_result(row, rng);
    s->strided = pw_rng_range(rng, 0, 1) == 0;
    s->n = pw_rng_range(rng, 1, 70);
    s->m = pw_rng_range(rng, 1, 70);
    s->heads = 1;
    s->k = random_k(s, row->op == PW_OP_MATMUL ? 32 : 8, rng);

    switch (row->op) {
    case PW_OP_MATMUL:
        s->epilogues = (uint32_t)pw_rng_u64(rng) & row->epilogues;
        s->in_place = pw_rng_range(rng, 0, 1) == 0;
        if (row->max_n != 0) s->n = pw_rng_range(rng, 1, row->max_n);
        break;
    case PW_OP_NORM:
        if (s->result == PW_F32) s->heads = pw_rng_range(rng, 1, 4);
        s->in_place = s->result == PW_F32 && pw_rng_range(rng, 0, 1) == 0;
        break;
    case PW_OP_ROPE:
        s->k = 2 * pw_rng_range(rng, 4, 128);
        s->heads = pw_rng_range(rng, 1, 8);
        s->rotated = pw_rng_range(rng, 0, 2) == 0 ? 2 * pw_rng_range(rng, 1, s->k / 2) : s->k;
        s->neox = pw_rng_range(rng, 0, 1) == 0;
        s->in_place = pw_rng_range(rng, 0, 1) == 0;
        break;
    case PW_OP_ADD: s->broadcast = pw_rng_range(rng, 0, 2) == 0; break;
    case PW_OP_ATTENTION:
    case PW_OP_KV_STORE:
        random_attention(s, rng);
        if (row->kv->fits != NULL && !row->kv->fits(s->head_dim)) return false;
        if (s->result != PW_F32 && !pw_act_takes(s->result, s->head_dim * s->heads)) return false;
        break;
    case PW_OP_EMBED:
    case PW_OP_CAST:
    case PW_OP_GLU:
    case PW_OP_COUNT: break;
    }
    const pw_call call = pw_sample_call(s);
    return row->fits == NULL || row->fits(&call);
}

bool pw_sample_random(const pw_kernel *row, const pw_catalogue *from, uint64_t features,
                      pw_rng *rng, pw_sample_shape *out)
{
    enum { TRIES = 1000 };
    const pw_kernel *store = NULL;
    for (size_t i = 0; i < from->count && row->op == PW_OP_ATTENTION; i++) {
        const pw_kernel *other = &from->rows[i];
        if (other->op != PW_OP_KV_STORE || other->kv != row->kv) continue;
        if ((other->needs & ~features) == 0) store = other;
    }
    if (row->op == PW_OP_ATTENTION && store == NULL) return false;

    for (int attempt = 0; attempt < TRIES; attempt++) {
        pw_sample_shape shape = {.row = row, .store = store};
        if (!random_once(row, rng, &shape)) continue;
        *out = shape;
        return true;
    }
    return false;
}
