#include "kernels/sample.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "kernels/act.h"
#include "kernels/quant.h"
#include "kernels/ref/rows.h"
#include "pw/num.h"
#include "pw/status.h"

/* Bytes that live until pw_sample_free. */
static pewter_status take(pw_sample *s, size_t bytes, pewter_memory kind, void **out,
                          pewter_error *err)
{
    assert(s->n_blocks < PW_SAMPLE_BLOCKS);
    if (bytes == 0) bytes = 64;
    void *data = s->alloc->alloc(s->alloc->context, bytes, 64, kind);
    if (data == NULL)
        return pw_fail(err, PEWTER_E_MEMORY, "sample of %s: %zu bytes refused", s->shape.row->name,
                       bytes);
    s->blocks[s->n_blocks++] = (struct pw_sample_block){data, bytes, kind};
    *out = data;
    return PEWTER_OK;
}

void pw_sample_free(pw_sample *s)
{
    for (size_t i = 0; i < s->n_blocks; i++)
        s->alloc->free(s->alloc->context, s->blocks[i].data, s->blocks[i].bytes, s->blocks[i].kind);
    *s = (pw_sample){0};
}

/* Memory for the tensor's shape; its rows a few floats apart where `strided`. */
static pewter_status f32_tensor(pw_sample *s, bool strided, pw_rng *rng, pw_tensor *t,
                                pewter_error *err)
{
    const int64_t gap = strided ? 4 * pw_rng_range(rng, 1, 19) : 0;
    t->stride[1] = 4 * t->n[0] + gap;
    t->stride[2] = t->stride[1] * t->n[1] + gap;
    t->dtype = PW_F32;
    PW_TRY(take(s, (size_t)(t->stride[2] * t->n[2]), PEWTER_MEM_OTHER, &t->data, err));
    memset(t->data, 0xff, s->blocks[s->n_blocks - 1].bytes);
    return PEWTER_OK;
}

/* Normal values of one row: some channels eightfold, some runs of 32 faint or zero. */
static void fill_row(float *x, int64_t k, pw_rng *rng)
{
    const bool zero_row = pw_rng_range(rng, 0, 63) == 0;
    for (int64_t begin = 0; begin < k; begin += 32) {
        const int64_t kind = pw_rng_range(rng, 0, 15);
        double size = 1.0;
        if (kind < 2) size = ldexp(1.0, -(int)pw_rng_range(rng, 0, 24));
        if (kind == 2 || zero_row) size = 0.0;
        for (int64_t i = begin; i < pw_min(begin + 32, k); i++) {
            const double outlier = i % 97 == 13 ? 8.0 : 1.0;
            x[i] = (float)((double)pw_rng_normal(rng) * size * outlier);
        }
    }
}

/* Queries, keys and values are plain normal: their tolerance is one of the largest value. */
static void fill(const pw_sample *s, const pw_tensor *t, pw_rng *rng)
{
    const bool even = s->shape.row->op == PW_OP_ATTENTION;
    for (int64_t i = 0; i < pw_rows(t); i++) {
        float *x = pw_row(t, i);
        if (!even) fill_row(x, t->n[0], rng);
        for (int64_t j = 0; even && j < t->n[0]; j++) x[j] = pw_rng_normal(rng);
    }
}

/* A new f32 tensor with values, of the shape that *t has. */
static pewter_status f32_source(pw_sample *s, pw_rng *rng, pw_tensor *t, pewter_error *err)
{
    PW_TRY(f32_tensor(s, s->shape.strided, rng, t, err));
    fill(s, t, rng);
    return PEWTER_OK;
}

/* A dense copy. */
static pewter_status f32_copy(pw_sample *s, const pw_tensor *from, pw_tensor *to, pewter_error *err)
{
    *to = *from;
    PW_TRY(f32_tensor(s, false, NULL, to, err));
    for (int64_t i = 0; i < pw_rows(to); i++)
        memcpy(pw_row(to, i), pw_row(from, i), (size_t)to->n[0] * sizeof(float));
    return PEWTER_OK;
}

/* A block of a format that cannot be encoded: random bytes, drawn again until they decode to small
 * numbers, and zeros if they never do. */
static void random_block(pw_dtype dtype, uint8_t *block, pw_rng *rng)
{
    enum { LARGEST = 256, TRIES = 200 };
    const pw_dtype_info *info = pw_dtype_get(dtype);
    float values[LARGEST];
    assert(info->block <= LARGEST);

    for (int attempt = 0; attempt < TRIES; attempt++) {
        for (size_t i = 0; i < info->block_bytes; i++) block[i] = (uint8_t)pw_rng_u64(rng);
        pw_dequantize(dtype, block, values, info->block);
        bool small = true;
        for (int64_t i = 0; i < info->block; i++) small = small && fabsf(values[i]) < 100.0f;
        if (small) return;
    }
    memset(block, 0, info->block_bytes);
}

/* Weights [k, m] as in a file. */
static pewter_status weights(pw_sample *s, pw_rng *rng, pw_tensor *t, pewter_error *err)
{
    const pw_sample_shape *shape = &s->shape;
    const pw_dtype_info *info = pw_dtype_get(shape->weight);
    const int64_t blocks = shape->k / info->block;
    const int64_t gap = shape->strided ? 2 : 0; /* one for all: pw_pack has but one row_bytes */

    *t = pw_tensor_of(shape->weight, shape->k, shape->m, 1, NULL);
    t->stride[1] = (blocks + gap) * (int64_t)info->block_bytes;
    t->stride[2] = t->stride[1] * shape->m;
    PW_TRY(take(s, (size_t)t->stride[2], PEWTER_MEM_WEIGHTS, &t->data, err));
    memset(t->data, 0xff, (size_t)t->stride[2]);

    void *scratch;
    PW_TRY(take(s, (size_t)shape->k * sizeof(float), PEWTER_MEM_OTHER, &scratch, err));
    for (int64_t row = 0; row < shape->m; row++) {
        uint8_t *to = pw_row(t, row);
        if (shape->distinct > 0 && row >= shape->distinct) {
            memcpy(to, pw_row(t, row % shape->distinct), (size_t)blocks * info->block_bytes);
            continue;
        }
        if (pw_can_quantize(shape->weight)) {
            fill_row(scratch, shape->k, rng);
            pw_quantize(shape->weight, scratch, to, shape->k);
            continue;
        }
        for (int64_t b = 0; b < blocks; b++)
            random_block(shape->weight, to + (size_t)b * info->block_bytes, rng);
    }
    return PEWTER_OK;
}

/* The weights of the call in the row's packing. */
static pewter_status pack(pw_sample *s, pewter_error *err)
{
    const pw_packing *packing = s->shape.row->packing;
    const pw_tensor *w = &s->plain.src[0], *w2 = &s->plain.src[2];
    const bool fused = (s->shape.epilogues & PW_EPILOGUE_GLU) != 0;
    const int64_t k = w->n[0], m = w->n[1], step = fused ? PW_PANEL / 2 : PW_PANEL;
    const size_t panel_bytes = packing->panel_bytes(k);

    void *data;
    PW_TRY(take(s, (size_t)pw_panels(m, fused) * panel_bytes, PEWTER_MEM_WEIGHTS, &data, err));
    for (int64_t p = 0; p < pw_panels(m, fused); p++) {
        const pw_pack args = {
            .src = {pw_row(w, p * step), fused ? pw_row(w2, p * step) : NULL},
            .row_bytes = (size_t)w->stride[1],
            .rows = pw_min(step, m - p * step),
            .k = k,
            .dtype = w->dtype,
            .fused = fused,
            .dst = (char *)data + (size_t)p * panel_bytes,
        };
        packing->pack(&args);
    }
    s->call.src[0] = (pw_tensor){.data = data, .n = {k, m, 1}, .dtype = w->dtype};
    if (fused) s->call.src[2] = (pw_tensor){.n = {k, m, 1}, .dtype = w->dtype};
    return PEWTER_OK;
}

/* Memory for dst in the shape that the call has; `source` where the two are one. */
static pewter_status result(pw_sample *s, const pw_tensor *source, pw_rng *rng, pewter_error *err)
{
    pw_tensor *dst = &s->call.dst;
    if (source != NULL) {
        *dst = *source;
    } else if (s->shape.result == PW_F32) {
        PW_TRY(f32_tensor(s, s->shape.strided, rng, dst, err));
    } else {
        const size_t bytes = pw_act_bytes(s->shape.result, dst->n[0], pw_rows(dst));
        PW_TRY(take(s, bytes, PEWTER_MEM_OTHER, &dst->data, err));
    }
    for (size_t i = 0; i < s->n_blocks; i++) {
        if (s->blocks[i].data != dst->data) continue;
        s->dst = dst->data;
        s->dst_bytes = s->blocks[i].bytes;
    }
    s->plain.dst = *dst;
    return PEWTER_OK;
}

static pewter_status make_matmul(pw_sample *s, pw_rng *rng, pewter_error *err)
{
    const pw_kernel *row = s->shape.row;
    pw_call *call = &s->call, *plain = &s->plain;
    const uint32_t epilogues = s->shape.epilogues;

    PW_TRY(weights(s, rng, &plain->src[0], err));
    if ((epilogues & PW_EPILOGUE_GLU) != 0) PW_TRY(weights(s, rng, &plain->src[2], err));
    call->src[0] = plain->src[0];
    call->src[2] = plain->src[2];
    if (row->packing != NULL) PW_TRY(pack(s, err));

    PW_TRY(f32_source(s, rng, &call->src[1], err));
    plain->src[1] = call->src[1];
    if (row->act != PW_F32) {
        const int64_t k = call->src[1].n[0], n = pw_rows(&call->src[1]);
        void *data;
        PW_TRY(take(s, pw_act_bytes(row->act, k, n), PEWTER_MEM_OTHER, &data, err));
        for (int64_t i = 0; i < n; i++)
            pw_act_write(row->act, data, k, n, i, pw_row(&plain->src[1], i));
        for (int64_t i = 0; i < n; i++)
            pw_act_read(row->act, data, k, n, i, pw_row(&plain->src[1], i));
        call->src[1] = (pw_tensor){.data = data, .n = {k, n, 1}, .dtype = row->act};
    }
    if ((epilogues & PW_EPILOGUE_BIAS) != 0) {
        PW_TRY(f32_source(s, rng, &call->src[3], err));
        plain->src[3] = call->src[3];
    }
    const bool add = (epilogues & PW_EPILOGUE_ADD) != 0;
    if (add) {
        PW_TRY(f32_source(s, rng, &call->src[4], err));
        PW_TRY(f32_copy(s, &call->src[4], &plain->src[4], err));
    }
    return result(s, add && s->shape.in_place ? &call->src[4] : NULL, rng, err);
}

static pewter_status make_embed(pw_sample *s, pw_rng *rng, pewter_error *err)
{
    PW_TRY(weights(s, rng, &s->call.src[0], err));
    pw_tensor *ids = &s->call.src[1];
    PW_TRY(take(s, (size_t)ids->n[0] * sizeof(int32_t), PEWTER_MEM_OTHER, &ids->data, err));
    for (int64_t i = 0; i < ids->n[0]; i++)
        ((int32_t *)ids->data)[i] = (int32_t)pw_rng_range(rng, 0, s->shape.m - 1);
    memcpy(s->plain.src, s->call.src, sizeof s->plain.src);
    return result(s, NULL, rng, err);
}

/* Cosines and sines of random angles. */
static void fill_table(const pw_tensor *table, pw_rng *rng)
{
    for (int64_t i = 0; i < pw_rows(table); i++) {
        float *pair = pw_row(table, i);
        for (int64_t j = 0; j < table->n[0]; j += 2) {
            const double angle = 6.2831853 * pw_rng_unit(rng);
            pair[j] = (float)cos(angle);
            pair[j + 1] = (float)sin(angle);
        }
    }
}

/* NORM, CAST, ROPE, GLU, ADD: f32 operands of which one may be dst. */
static pewter_status make_rows(pw_sample *s, pw_rng *rng, pewter_error *err)
{
    for (int i = 0; i < PW_MAX_SRC; i++) {
        pw_tensor *t = &s->call.src[i];
        if (!pw_has(t)) continue;
        PW_TRY(f32_source(s, rng, t, err));
        if (s->call.op == PW_OP_ROPE && i == 1) fill_table(t, rng);
        PW_TRY(f32_copy(s, t, &s->plain.src[i], err));
    }
    const pw_tensor *x = &s->call.src[s->call.op == PW_OP_NORM ? 1 : 0];
    return result(s, s->shape.in_place ? x : NULL, rng, err);
}

/* Sequences, their pages in random order, and an empty pool into *pool. */
static pewter_status make_batch(pw_sample *s, pw_rng *rng, pw_tensor *pool, pewter_error *err)
{
    enum { SPARE = 3 };
    const pw_sample_shape *shape = &s->shape;
    const int64_t count = shape->sequences;
    void *taken;
    PW_TRY(take(s, (size_t)(2 * count) * sizeof(pw_sequence), PEWTER_MEM_OTHER, &taken, err));
    s->sequences = taken;
    s->stored = s->sequences + count;

    int64_t row = 0, positions = 0;
    s->pages = SPARE;
    for (int64_t i = 0; i < count; i++) {
        const int64_t left = shape->n - row, others = count - 1 - i;
        int64_t rows = pw_ceil_div(left, others + 1);
        if (shape->ragged) rows = pw_rng_range(rng, 1, left - others);
        if (others == 0) rows = left;
        const int64_t pos = shape->ragged ? pw_rng_range(rng, 0, shape->depth) : shape->depth;
        s->sequences[i] = (pw_sequence){row, rows, pos, NULL};
        s->stored[i] = (pw_sequence){positions, pos + rows, 0, NULL};
        row += rows;
        positions += pos + rows;
        s->pages += pw_ceil_div(pos + rows, PW_PAGE);
    }
    PW_TRY(take(s, (size_t)s->pages * sizeof(int32_t), PEWTER_MEM_OTHER, &taken, err));
    int32_t *pages = taken;
    for (int64_t i = 0; i < s->pages; i++) {
        const int64_t j = pw_rng_range(rng, 0, i);
        pages[i] = pages[j];
        pages[j] = (int32_t)i;
    }
    for (int64_t i = 0; i < count; i++) {
        s->sequences[i].pages = s->stored[i].pages = pages;
        pages += pw_ceil_div(s->stored[i].count, PW_PAGE);
    }
    s->batch = (pw_batch){s->sequences, count};
    s->call.batch = s->plain.batch = &s->batch;

    const size_t page_bytes = shape->row->kv->page_bytes(shape->head_dim, shape->kv_heads);
    *pool = (pw_tensor){.n = {(int64_t)page_bytes, s->pages, 1}, .dtype = PW_KV_POOL};
    PW_TRY(take(s, (size_t)s->pages * page_bytes, PEWTER_MEM_KV, &pool->data, err));
    memset(pool->data, 0, (size_t)s->pages * page_bytes);
    return PEWTER_OK;
}

static pewter_status make_kv_store(pw_sample *s, pw_rng *rng, pewter_error *err)
{
    for (int i = 0; i < 2; i++) PW_TRY(f32_source(s, rng, &s->call.src[i], err));
    PW_TRY(make_batch(s, rng, &s->call.dst, err));
    s->dst = s->call.dst.data;
    s->dst_bytes = s->blocks[s->n_blocks - 1].bytes;
    memcpy(s->plain.src, s->call.src, sizeof s->plain.src);
    s->plain.dst = s->call.dst;
    return PEWTER_OK;
}

/* A row that fills such a pool here: a GPU's own cannot. */
static const pw_kernel *on_host(const pw_kernel *store)
{
    const pw_catalogue ref = pw_ref_catalogue();
    for (size_t i = 0; store->cpu.run == NULL && i < ref.count; i++)
        if (ref.rows[i].op == PW_OP_KV_STORE && ref.rows[i].kv == store->kv) return &ref.rows[i];
    return store;
}

/* Keys or values of all positions as the pool rounds them. */
static pewter_status stored_values(pw_sample *s, pw_rng *rng, pw_tensor *t, pewter_error *err)
{
    const pw_dtype dtype = s->shape.row->kv->dtype;
    const pw_sequence *last = &s->stored[s->shape.sequences - 1];
    *t =
        pw_tensor_of(PW_F32, s->shape.head_dim, s->shape.kv_heads, last->first + last->count, NULL);
    PW_TRY(f32_tensor(s, false, rng, t, err));
    fill(s, t, rng);

    void *bytes;
    PW_TRY(take(s, (size_t)t->n[0] * sizeof(float), PEWTER_MEM_OTHER, &bytes, err));
    for (int64_t i = 0; i < pw_rows(t); i++) {
        float *x = pw_row(t, i);
        pw_quantize(dtype, x, bytes, t->n[0]);
        pw_dequantize(dtype, bytes, x, t->n[0]);
    }
    return PEWTER_OK;
}

static pewter_status make_attention(pw_sample *s, pw_rng *rng, pewter_error *err)
{
    const pw_kernel *store = on_host(s->shape.store);
    PW_TRY(f32_source(s, rng, &s->call.src[0], err));
    PW_TRY(make_batch(s, rng, &s->call.src[1], err));
    s->plain.src[0] = s->call.src[0];
    for (int i = 1; i <= 2; i++) PW_TRY(stored_values(s, rng, &s->plain.src[i], err));

    void *batch;
    PW_TRY(take(s, sizeof(pw_batch), PEWTER_MEM_OTHER, &batch, err));
    *(pw_batch *)batch = (pw_batch){s->stored, s->shape.sequences};
    s->fill = (pw_call){
        .op = PW_OP_KV_STORE,
        .dst = s->call.src[1],
        .src = {s->plain.src[1], s->plain.src[2]},
        .params = s->call.params,
        .batch = batch,
    };
    void *scratch = NULL;
    if (store->scratch != NULL)
        PW_TRY(take(s, store->scratch(&s->fill), PEWTER_MEM_SCRATCH, &scratch, err));
    const int64_t extent = store->extent != NULL ? store->extent(&s->fill) : s->fill.src[0].n[2];
    for (int64_t at = 0; at < extent; at += store->max_task)
        store->cpu.run(&s->fill, at, pw_min(at + store->max_task, extent), scratch);
    return result(s, NULL, rng, err);
}

pewter_status pw_sample_make(const pw_sample_shape *shape, const pewter_allocator *alloc,
                             pw_rng *rng, pw_sample *out, pewter_error *err)
{
    pw_sample *s = out;
    *s = (pw_sample){.shape = *shape, .alloc = alloc};
    s->call = s->plain = pw_sample_call(shape);

    pewter_status status = PEWTER_E_ARG;
    switch (shape->row->op) {
    case PW_OP_MATMUL: status = make_matmul(s, rng, err); break;
    case PW_OP_EMBED: status = make_embed(s, rng, err); break;
    case PW_OP_KV_STORE: status = make_kv_store(s, rng, err); break;
    case PW_OP_ATTENTION: status = make_attention(s, rng, err); break;
    case PW_OP_NORM:
    case PW_OP_CAST:
    case PW_OP_ROPE:
    case PW_OP_GLU:
    case PW_OP_ADD: status = make_rows(s, rng, err); break;
    case PW_OP_COUNT: break;
    }
    if (status != PEWTER_OK) {
        pw_sample_free(s);
        return status;
    }
    pw_sample_reset(s);
    return PEWTER_OK;
}

/* Where dst is a source too, the dense copy of that source. */
static const pw_tensor *source_of_dst(const pw_sample *s)
{
    for (int i = 0; i < PW_MAX_SRC; i++) {
        if (pw_has(&s->call.src[i]) && s->call.src[i].data == s->dst) return &s->plain.src[i];
    }
    return NULL;
}

void pw_sample_reset(pw_sample *s)
{
    const pw_tensor *source = source_of_dst(s);
    memset(s->dst, s->call.op == PW_OP_KV_STORE ? 0 : 0xff, s->dst_bytes);
    if (source == NULL) return;
    for (int64_t i = 0; i < pw_rows(source); i++)
        memcpy(pw_row(&s->call.dst, i), pw_row(source, i), (size_t)source->n[0] * sizeof(float));
}

/* Pages, or in a plain packing the rows in them, that a KV_STORE writes. */
static void mark_pool(const pw_sample *s, uint8_t *map)
{
    const pw_kv_packing *kv = s->shape.row->kv;
    const size_t page_bytes = kv->page_bytes(s->shape.head_dim, s->shape.kv_heads);
    const size_t slot_bytes = page_bytes / (2 * PW_PAGE);
    const bool plain = kv == &pw_kv_plain_f32 || kv == &pw_kv_plain_f16 ||
                       kv == &pw_kv_plain_bf16 || kv == &pw_kv_plain_q8_0;

    for (int64_t i = 0; i < s->batch.n_sequences; i++) {
        const pw_sequence *sequence = &s->sequences[i];
        for (int64_t pos = sequence->pos; pos < sequence->pos + sequence->count; pos++) {
            uint8_t *page = map + (size_t)sequence->pages[pos / PW_PAGE] * page_bytes;
            uint8_t *slot = page + (size_t)(pos % PW_PAGE) * slot_bytes;
            memset(plain ? slot : page, 1, plain ? slot_bytes : page_bytes);
            if (plain) memset(slot + page_bytes / 2, 1, slot_bytes);
        }
    }
}

void pw_sample_mark(const pw_sample *s, uint8_t *map)
{
    const pw_tensor *dst = &s->call.dst;
    memset(map, dst->dtype == PW_F32 ? 0 : 1, s->dst_bytes);
    if (dst->dtype == PW_KV_POOL) {
        memset(map, 0, s->dst_bytes);
        mark_pool(s, map);
    }
    if (dst->dtype != PW_F32) return;
    for (int64_t i = 0; i < pw_rows(dst); i++) {
        const size_t at = (size_t)((char *)pw_row(dst, i) - (char *)s->dst);
        memset(map + at, 1, (size_t)dst->n[0] * sizeof(float));
    }
}
