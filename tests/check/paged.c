#include <stdlib.h>
#include <string.h>

#include "pw/num.h"
#include "tests/check/check.h"

enum { MOST = 16 };

/* A sample's sequences lived through once more: in another pool, its pages elsewhere, tokens in
 * steps as a server would take them. */
typedef struct replay {
    check *c;
    const pw_sample *s;
    pw_rng *rng;
    pw_tensor pool;
    int32_t *pages; /* of all sequences, in order */
    const int32_t *begin[MOST];
    int64_t done[MOST];    /* rows of the sample's batch that are through, of each sequence */
    const float *expected; /* [d heads, n] of one call over everything */
    float *q, *k, *v, *dst;
} replay;

static size_t page_bytes(const replay *r)
{
    return r->s->shape.row->kv->page_bytes(r->s->shape.head_dim, r->s->shape.kv_heads);
}

/* An empty pool and page tables in another order. */
static void replay_pool(replay *r)
{
    const int64_t pages = r->s->pages;
    const size_t bytes = (size_t)pages * page_bytes(r);
    r->pool = r->s->call.src[1];
    r->pool.data = heap_take(&r->c->heap, bytes, PEWTER_MEM_SCRATCH);
    memset(r->pool.data, 0, bytes);
    r->pages = heap_take(&r->c->heap, (size_t)pages * sizeof *r->pages, PEWTER_MEM_SCRATCH);
    for (int64_t i = 0; i < pages; i++) {
        const int64_t j = pw_rng_range(r->rng, 0, i);
        r->pages[i] = r->pages[j];
        r->pages[j] = (int32_t)i;
    }
    const int32_t *at = r->pages;
    for (int64_t i = 0; i < r->s->batch.n_sequences; i++) {
        r->begin[i] = at;
        at += pw_ceil_div(r->s->stored[i].count, PW_PAGE);
        r->done[i] = 0;
    }
}

/* Puts `count` positions from `pos` of sequence `i` into the replay's pool, in one call. */
static void replay_store(replay *r, const pw_batch *batch, const int64_t *whose)
{
    const pw_sample *s = r->s;
    const int64_t hk = s->shape.kv_heads;
    const size_t bytes = (size_t)(hk * s->shape.head_dim) * sizeof(float);
    int64_t n = 0;
    for (int64_t i = 0; i < batch->n_sequences; i++) {
        const pw_sequence *part = &batch->sequences[i];
        for (int64_t j = 0; j < part->count; j++, n++) {
            const int64_t row = (s->stored[whose[i]].first + part->pos + j) * hk;
            memcpy((char *)r->k + (size_t)n * bytes, pw_row(&s->plain.src[1], row), bytes);
            memcpy((char *)r->v + (size_t)n * bytes, pw_row(&s->plain.src[2], row), bytes);
        }
    }
    pw_call call = s->fill;
    call.dst = r->pool;
    call.src[0] = pw_tensor_of(PW_F32, s->shape.head_dim, hk, n, r->k);
    call.src[1] = pw_tensor_of(PW_F32, s->shape.head_dim, hk, n, r->v);
    call.batch = batch;
    check_run(r->c, s->shape.store, &call, r->rng);
}

/* Attends with rows of the sample's q that the parts name; whether the bits are as expected. */
static bool replay_attend(replay *r, const pw_kernel *row, const pw_batch *batch,
                          const int64_t *whose)
{
    const pw_sample *s = r->s;
    const int64_t h = s->shape.heads, d = s->shape.head_dim;
    const size_t floats = (size_t)(h * d), bytes = floats * sizeof(float);
    int64_t n = 0;
    for (int64_t i = 0; i < batch->n_sequences; i++) {
        const pw_sequence *own = &s->sequences[whose[i]], *part = &batch->sequences[i];
        for (int64_t j = 0; j < part->count * h; j++) {
            const int64_t from = (own->first + part->pos - own->pos) * h + j;
            memcpy(r->q + (n * h + j) * d, pw_row(&s->plain.src[0], from),
                   (size_t)d * sizeof(float));
        }
        n += part->count;
    }
    pw_call call = s->call;
    call.src[0] = pw_tensor_of(PW_F32, d, h, n, r->q);
    call.src[1] = r->pool;
    call.dst = pw_tensor_of(PW_F32, d, h, n, r->dst);
    call.batch = batch;
    memset(r->dst, 0xff, (size_t)n * bytes);
    check_run(r->c, row, &call, r->rng);

    n = 0;
    for (int64_t i = 0; i < batch->n_sequences; i++) {
        const pw_sequence *own = &s->sequences[whose[i]], *part = &batch->sequences[i];
        const size_t from = (size_t)(own->first + part->pos - own->pos);
        if (!compare_bits(r->dst + (size_t)n * floats, r->expected + from * floats,
                          (size_t)part->count * bytes, true))
            return false;
        n += part->count;
    }
    return true;
}

/* One step: some sequences bring some of their rows, often one. False where the bits differ. */
static bool replay_step(replay *r, const pw_kernel *row)
{
    pw_sequence parts[2 * MOST];
    int64_t whose[2 * MOST], count = 0, n = 0;
    for (int64_t i = 0; i < r->s->batch.n_sequences; i++) {
        const pw_sequence *own = &r->s->sequences[i];
        const int64_t left = own->count - r->done[i];
        if (left == 0 || pw_rng_range(r->rng, 0, 3) == 0) continue;
        const int64_t take = pw_rng_range(r->rng, 0, 1) == 0 ? 1 : pw_rng_range(r->rng, 1, left);
        parts[count] = (pw_sequence){n, take, own->pos + r->done[i], r->begin[i]};
        whose[count++] = i;
        r->done[i] += take;
        n += take;
    }
    if (count == 0) return true;
    const pw_batch batch = {parts, count};
    replay_store(r, &batch, whose);
    return replay_attend(r, row, &batch, whose);
}

/* Everything at once, each sequence twice over the same pages. */
static bool replay_shared(replay *r, const pw_kernel *row)
{
    pw_sequence parts[2 * MOST];
    int64_t whose[2 * MOST], count = 0, n = 0;
    for (int64_t i = 0; i < 2 * r->s->batch.n_sequences; i++) {
        const int64_t of = i / 2;
        const pw_sequence *own = &r->s->sequences[of];
        parts[count] = (pw_sequence){n, own->count, own->pos, r->begin[of]};
        whose[count++] = of;
        n += own->count;
    }
    const pw_batch batch = {parts, count};
    return replay_attend(r, row, &batch, whose);
}

/* The positions before the batch, all sequences in one call. */
static void replay_prefix(replay *r)
{
    pw_sequence parts[MOST];
    int64_t whose[MOST], count = 0, n = 0;
    for (int64_t i = 0; i < r->s->batch.n_sequences; i++) {
        if (r->s->sequences[i].pos == 0) continue;
        parts[count] = (pw_sequence){n, r->s->sequences[i].pos, 0, r->begin[i]};
        whose[count++] = i;
        n += r->s->sequences[i].pos;
    }
    const pw_batch batch = {parts, count};
    if (count > 0) replay_store(r, &batch, whose);
}

static bool replay_all(replay *r, const pw_kernel *row)
{
    replay_pool(r);
    replay_prefix(r);
    bool same = true;
    for (bool left = true; left && same;) {
        same = replay_step(r, row);
        left = false;
        for (int64_t i = 0; i < r->s->batch.n_sequences; i++)
            left = left || r->done[i] < r->s->sequences[i].count;
    }
    same = same && replay_shared(r, row);
    heap_drop(&r->c->heap, r->pages);
    heap_drop(&r->c->heap, r->pool.data);
    return same;
}

bool check_paged(check *c, const pw_kernel *first, int round)
{
    pw_rng rng = check_rng(c, first->name, -3 - round);
    pw_sample_shape shape;
    if (!check_shape(c, first, &rng, &shape)) return false;
    shape.result = PW_F32;
    shape.strided = false;
    pw_sample s;
    check_make(c, &shape, &rng, &s);
    check_run(c, first, &s.call, NULL);

    const pw_sequence *last = &s.stored[s.batch.n_sequences - 1];
    const size_t q = (size_t)(2 * pw_elements(&s.call.src[0])) * sizeof(float);
    const size_t kv = (size_t)((last->first + last->count) * shape.head_dim * shape.kv_heads);
    replay r = {.c = c, .s = &s, .rng = &rng, .expected = s.dst};
    r.q = heap_take(&c->heap, q, PEWTER_MEM_SCRATCH);
    r.dst = heap_take(&c->heap, q, PEWTER_MEM_SCRATCH);
    r.k = heap_take(&c->heap, kv * sizeof(float), PEWTER_MEM_SCRATCH);
    r.v = heap_take(&c->heap, kv * sizeof(float), PEWTER_MEM_SCRATCH);

    bool ok = true;
    for (size_t i = 0; i < c->rows.count && ok; i++) {
        const pw_kernel *row = &c->rows.rows[i];
        if (!order_same(first, row) || (row->needs & ~c->features) != 0) continue;
        if (row->fits != NULL && !row->fits(&s.call)) continue;
        if (!replay_all(&r, row))
            ok = check_fail(c, row, &shape,
                            "paged round %d: bits differ from %s over the whole batch", round,
                            first->name);
    }
    heap_drop(&c->heap, r.q);
    heap_drop(&c->heap, r.dst);
    heap_drop(&c->heap, r.k);
    heap_drop(&c->heap, r.v);
    pw_sample_free(&s);
    return ok;
}
