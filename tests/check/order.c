#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/act.h"
#include "tests/check/check.h"

enum { COLUMNS = 64 };

bool order_same(const pw_kernel *a, const pw_kernel *b)
{
    return a->op == b->op && a->weight == b->weight && a->act == b->act &&
           a->packing == b->packing && a->kv == b->kv && a->order != NULL && b->order != NULL &&
           strcmp(a->order, b->order) == 0;
}

static bool can_run(const check *c, const pw_kernel *row)
{
    return (row->needs & ~c->features) == 0;
}

/* The call of a sample over chosen columns (rows of the batch): buffers for 64 of them. */
typedef struct columns {
    const pw_sample *s;
    pw_call call;
    void *act;    /* pw_act_bytes for 64 rows, or f32 [k, 64] */
    float *added; /* [m, 64] */
    float *dst;   /* [m, 64] */
} columns;

static columns columns_new(check *c, const pw_sample *s)
{
    const size_t floats = (size_t)(s->shape.m * COLUMNS) * sizeof(float);
    columns cols = {.s = s, .call = s->call};
    cols.act = heap_take(&c->heap, pw_act_bytes(s->shape.row->act, s->shape.k, COLUMNS),
                         PEWTER_MEM_SCRATCH);
    cols.added = heap_take(&c->heap, floats, PEWTER_MEM_SCRATCH);
    cols.dst = heap_take(&c->heap, floats, PEWTER_MEM_SCRATCH);
    return cols;
}

static void columns_free(check *c, const columns *cols)
{
    heap_drop(&c->heap, cols->act);
    heap_drop(&c->heap, cols->added);
    heap_drop(&c->heap, cols->dst);
}

/* Binds the call to the columns that `which` names. */
static void columns_bind(columns *cols, const int64_t *which, int64_t n)
{
    const pw_sample *s = cols->s;
    const int64_t k = s->shape.k, m = s->shape.m;
    const pw_dtype act = s->shape.row->act;
    for (int64_t i = 0; i < n; i++) {
        const float *x = pw_row(&s->plain.src[1], which[i]);
        if (act == PW_F32)
            memcpy((float *)cols->act + i * k, x, (size_t)k * sizeof *x);
        else
            pw_act_write(act, cols->act, k, n, i, x);
        if (pw_has(&s->plain.src[4]))
            memcpy(cols->added + i * m, pw_row(&s->plain.src[4], which[i]),
                   (size_t)m * sizeof(float));
    }
    cols->call.src[1] = pw_tensor_of(act, k, n, 1, cols->act);
    cols->call.dst = pw_tensor_of(PW_F32, m, n, 1, cols->dst);
    if (pw_has(&s->plain.src[4])) cols->call.src[4] = pw_tensor_of(PW_F32, m, n, 1, cols->added);
}

/* A shape with 64 columns, and epilogues that every row of the order can do. */
static bool shared_shape(check *c, const pw_kernel *first, pw_rng *rng, pw_sample_shape *shape)
{
    if (!check_shape(c, first, rng, shape)) return false;
    for (size_t i = 0; i < c->rows.count; i++) {
        const pw_kernel *row = &c->rows.rows[i];
        if (order_same(first, row) && can_run(c, row)) shape->epilogues &= row->epilogues;
    }
    shape->n = COLUMNS;
    shape->in_place = false;
    return true;
}

static bool check_matmul_order(check *c, const pw_kernel *first)
{
    pw_rng rng = check_rng(c, first->name, -2);
    pw_sample_shape shape;
    if (!shared_shape(c, first, &rng, &shape)) return false;
    pw_sample s;
    check_make(c, &shape, &rng, &s);
    columns cols = columns_new(c, &s);
    const size_t m = (size_t)shape.m;
    float *alone = heap_take(&c->heap, m * COLUMNS * sizeof *alone, PEWTER_MEM_SCRATCH);

    for (int64_t i = 0; i < COLUMNS; i++) {
        columns_bind(&cols, &i, 1);
        check_run(c, first, &cols.call, NULL);
        memcpy(alone + (size_t)i * m, cols.dst, m * sizeof *alone);
    }
    bool ok = true;
    for (size_t r = 0; r < c->rows.count && ok; r++) {
        const pw_kernel *row = &c->rows.rows[r];
        if (!order_same(first, row) || !can_run(c, row)) continue;
        if (row->fits != NULL && !row->fits(&cols.call)) continue;
        const int64_t most = row->max_n != 0 && row->max_n < COLUMNS ? row->max_n : COLUMNS;
        for (int64_t n = 1; n <= most && ok; n++) {
            int64_t which[COLUMNS];
            for (int64_t i = 0; i < n; i++) which[i] = pw_rng_range(&rng, 0, COLUMNS - 1);
            columns_bind(&cols, which, n);
            check_run(c, row, &cols.call, &rng);
            for (int64_t i = 0; i < n && ok; i++) {
                if (compare_bits(cols.dst + (size_t)i * m, alone + (size_t)which[i] * m,
                                 m * sizeof *alone, true))
                    continue;
                ok = check_fail(c, row, &shape, "column %lld of %lld differs from %s alone",
                                (long long)i, (long long)n, first->name);
            }
        }
    }
    heap_drop(&c->heap, alone);
    columns_free(c, &cols);
    pw_sample_free(&s);
    return ok;
}

/* Rows [at, at + 1) of the batch of a call over rows. */
static pw_call one_row(const pw_call *call, int64_t at)
{
    pw_call one = *call;
    pw_tensor *tensors[3] = {&one.dst, &one.src[0], &one.src[1]};
    const int64_t n = call->dst.n[2] > 1 ? call->dst.n[2] : call->dst.n[1];
    for (int i = 0; i < 3; i++) {
        pw_tensor *t = tensors[i];
        if (call->op == PW_OP_NORM && i == 1) continue;
        if (call->op == PW_OP_EMBED && i == 1) continue;
        if (call->op == PW_OP_EMBED && i == 2) {
            t->data = (int32_t *)t->data + at;
            t->n[0] = 1;
            continue;
        }
        if (!pw_has(t) || pw_rows(t) < n) continue;
        const int dim = t->n[2] > 1 ? 2 : 1;
        t->data = (char *)t->data + at * t->stride[dim];
        t->n[dim] = 1;
    }
    return one;
}

/* All rows of the order on one sample, and this row alone on each row of the batch. */
static bool check_rows_order(check *c, const pw_kernel *first)
{
    pw_rng rng = check_rng(c, first->name, -2);
    pw_sample_shape shape;
    do {
        if (!check_shape(c, first, &rng, &shape)) return false;
    } while (first->op != PW_OP_CAST && first->op != PW_OP_KV_STORE && shape.result != PW_F32);
    if (first->op == PW_OP_NORM || first->op == PW_OP_ROPE) shape.heads = 1;

    pw_sample s;
    check_make(c, &shape, &rng, &s);
    check_run(c, first, &s.call, NULL);
    char *whole = heap_take(&c->heap, s.dst_bytes, PEWTER_MEM_SCRATCH);
    memcpy(whole, s.dst, s.dst_bytes);
    bool ok = true;
    for (size_t r = 0; r < c->rows.count && ok; r++) {
        const pw_kernel *row = &c->rows.rows[r];
        if (!order_same(first, row) || !can_run(c, row)) continue;
        if (row->fits != NULL && !row->fits(&s.call)) continue;
        const bool same_result = shape.result == PW_F32 || (row->results & 1u << shape.result) != 0;
        if (same_result) {
            pw_sample_reset(&s);
            check_run(c, row, &s.call, &rng);
            if (!compare_bits(s.dst, whole, s.dst_bytes, shape.result == PW_F32))
                ok = check_fail(c, row, &shape, "bits differ from %s", first->name);
        }
        if (shape.result != PW_F32 || row->op == PW_OP_KV_STORE || !ok) continue;

        pw_sample_reset(&s);
        for (int64_t i = 0; i < shape.n; i++) {
            const pw_call one = one_row(&s.call, i);
            check_run(c, row, &one, NULL);
        }
        if (!compare_bits(s.dst, whole, s.dst_bytes, true))
            ok = check_fail(c, row, &shape, "bits of a row depend on its company");
    }
    heap_drop(&c->heap, whole);
    pw_sample_free(&s);
    return ok;
}

bool check_order(check *c, const pw_kernel *first)
{
    return first->op == PW_OP_MATMUL ? check_matmul_order(c, first) : check_rows_order(c, first);
}
