#include "tests/check/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/act.h"
#include "kernels/quant.h"
#include "pw/num.h"

enum { UNWRITTEN = 0xff };

pw_rng check_rng(const check *c, const char *name, int round)
{
    uint64_t hash = 14695981039346656037u;
    for (; *name != '\0'; name++) hash = (hash ^ (unsigned char)*name) * 1099511628211u;
    pw_rng rng = {c->seed ^ hash};
    rng.state = pw_rng_u64(&rng) + (uint64_t)round * 0xd1342543de82ef95u;
    return rng;
}

static void print_shape(const pw_sample_shape *s)
{
    printf("  shape:");
    if (s->weight != PW_DTYPE_COUNT) printf(" weight %s", pw_dtype_get(s->weight)->name);
    printf(" result %s k %lld m %lld n %lld heads %lld", pw_dtype_get(s->result)->name,
           (long long)s->k, (long long)s->m, (long long)s->n, (long long)s->heads);
    if (s->kv_heads != 0)
        printf(" kv_heads %lld head_dim %lld window %lld sequences %lld depth %lld%s",
               (long long)s->kv_heads, (long long)s->head_dim, (long long)s->window,
               (long long)s->sequences, (long long)s->depth, s->ragged ? " ragged" : "");
    if (s->rotated != 0) printf(" rotated %lld%s", (long long)s->rotated, s->neox ? " neox" : "");
    if ((s->epilogues & PW_EPILOGUE_GLU) != 0) printf(" glu");
    if ((s->epilogues & PW_EPILOGUE_BIAS) != 0) printf(" bias");
    if ((s->epilogues & PW_EPILOGUE_ADD) != 0) printf(" add");
    printf("%s%s%s\n", s->strided ? " strided" : "", s->in_place ? " in place" : "",
           s->broadcast ? " broadcast" : "");
}

bool check_fail(const check *c, const pw_kernel *row, const pw_sample_shape *shape,
                const char *format, ...)
{
    printf("FAIL %s: ", row->name);
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf(" (--filter %s --seed %llu)\n", row->name, (unsigned long long)c->seed);
    if (shape != NULL) print_shape(shape);
    return false;
}

/* Tasks of one phase: first units in `begin`, lengths known from the next one. */
static void run_phase(pw_cpu_fn *phase, const pw_call *call, int64_t extent, int64_t grain,
                      int64_t longest, void *scratch, size_t scratch_bytes, pw_rng *cuts)
{
    enum { MOST = 4096 };
    static const size_t poisoned = 64 * 1024; /* more would take long, and shows no more */
    struct {
        int64_t begin, end;
    } tasks[MOST];
    int64_t count = 0;
    for (int64_t at = 0; at < extent;) {
        int64_t length = longest;
        if (cuts != NULL) length = grain * pw_rng_range(cuts, 1, pw_max(1, longest / grain));
        if (count == MOST) abort();
        tasks[count].begin = at;
        tasks[count++].end = at = pw_min(at + length, extent);
    }
    for (int64_t i = count - 1; i > 0 && cuts != NULL; i--) {
        const int64_t j = pw_rng_range(cuts, 0, i);
        const int64_t begin = tasks[i].begin, end = tasks[i].end;
        tasks[i] = tasks[j];
        tasks[j].begin = begin;
        tasks[j].end = end;
    }
    for (int64_t i = 0; i < count; i++) {
        memset(scratch, UNWRITTEN, scratch_bytes < poisoned ? scratch_bytes : poisoned);
        phase(call, tasks[i].begin, tasks[i].end, scratch);
    }
}

void check_run(check *c, const pw_kernel *row, const pw_call *call, pw_rng *cuts)
{
    if (c->device != NULL) {
        check_run_device(c, row, call);
        return;
    }
    const size_t bytes = row->scratch != NULL ? row->scratch(call) : 0;
    void *scratch = heap_take(&c->heap, bytes, PEWTER_MEM_SCRATCH);
    void *shared = NULL;
    pw_call run = *call;
    if (row->shared != NULL) {
        const size_t shared_bytes = row->shared(call);
        shared = heap_take(&c->heap, shared_bytes, PEWTER_MEM_SCRATCH);
        memset(shared, UNWRITTEN, shared_bytes);
        run.src[PW_MAX_SRC - 1].data = shared;
    }
    const int64_t extent = row->extent != NULL ? row->extent(&run) : pw_op_extent(&run);
    run_phase(row->cpu.run, &run, extent, row->grain, row->max_task, scratch, bytes, cuts);
    if (row->cpu.merge != NULL)
        run_phase(row->cpu.merge, &run, row->cpu.merge_extent(&run), 1, 4, scratch, bytes, cuts);

    if (!heap_intact(&c->heap)) {
        check_fail(c, row, NULL, "wrote past the end of a buffer");
        exit(1);
    }
    heap_drop(&c->heap, scratch);
    if (shared != NULL) heap_drop(&c->heap, shared);
}

bool check_shape(const check *c, const pw_kernel *row, pw_rng *rng, pw_sample_shape *out)
{
    if (pw_sample_random(row, &c->rows, c->features, rng, out)) return true;
    return check_fail(c, row, NULL, "no shape found that it takes");
}

void check_make(check *c, const pw_sample_shape *shape, pw_rng *rng, pw_sample *out)
{
    pewter_error error;
    if (pw_sample_make(shape, &c->alloc, rng, out, &error) == PEWTER_OK) return;
    fprintf(stderr, "pwcheck: %s\n", error.message);
    exit(2);
}

/* dst of f32 against the formula. */
static bool matches_truth(const pw_sample *s)
{
    const size_t count = (size_t)pw_elements(&s->call.dst);
    double *want = calloc(2 * count, sizeof *want);
    if (want == NULL) abort();
    truth_of(s, want, want + count);
    const bool same = compare_values(&s->call.dst, want, want + count);
    free(want);
    return same;
}

/* dst in an activation format against what pw_act_write makes of f32 rows [k, n]. Bytes that
 * pw_act_write leaves alone do not count. */
static bool matches_act(check *c, const pw_sample *s, const pw_tensor *rows)
{
    const int64_t k = s->call.dst.n[0], n = pw_rows(&s->call.dst);
    unsigned char *want = heap_take(&c->heap, s->dst_bytes, PEWTER_MEM_SCRATCH);
    unsigned char *other = heap_take(&c->heap, s->dst_bytes, PEWTER_MEM_SCRATCH);
    memset(want, 0xff, s->dst_bytes);
    memset(other, 0x00, s->dst_bytes);
    float *row = heap_take(&c->heap, (size_t)k * sizeof *row, PEWTER_MEM_SCRATCH);
    for (int64_t i = 0; i < n; i++) {
        const int64_t parts = pw_rows(rows) / n; /* heads of an attention result */
        for (int64_t j = 0; j < parts; j++)
            memcpy(row + j * rows->n[0], pw_row(rows, i * parts + j),
                   (size_t)rows->n[0] * sizeof *row);
        pw_act_write(s->shape.result, want, k, n, i, row);
        pw_act_write(s->shape.result, other, k, n, i, row);
    }
    for (size_t i = 0; i < s->dst_bytes; i++) {
        if (want[i] != other[i]) want[i] = ((const unsigned char *)s->dst)[i];
    }
    const bool same = compare_bits(s->dst, want, s->dst_bytes, false);
    heap_drop(&c->heap, row);
    heap_drop(&c->heap, other);
    heap_drop(&c->heap, want);
    return same;
}

/* A pool in a plain packing against the definition of its dtype. */
static bool matches_plain_pool(check *c, const pw_sample *s)
{
    const pw_kv_packing *kv = s->shape.row->kv;
    const pw_kernel *plain = NULL;
    for (size_t i = 0; i < c->rows.count; i++) {
        const pw_kernel *row = &c->rows.rows[i];
        if (row->op == PW_OP_KV_STORE && row->kv == kv && row->needs == 0) plain = row;
    }
    if (plain == NULL) return true; /* checked through ATTENTION */

    const size_t page_bytes = kv->page_bytes(s->shape.head_dim, s->shape.kv_heads);
    size_t row_bytes = 0;
    if (!pw_dtype_row_bytes(kv->dtype, s->shape.head_dim, &row_bytes)) return false;
    char *want = heap_take(&c->heap, s->dst_bytes, PEWTER_MEM_SCRATCH);
    memset(want, 0, s->dst_bytes);
    for (int64_t i = 0; i < s->batch.n_sequences; i++) {
        const pw_sequence *sequence = &s->sequences[i];
        for (int64_t j = 0; j < sequence->count * s->shape.kv_heads * 2; j++) {
            const int64_t part = j % 2, head = j / 2 % s->shape.kv_heads;
            const int64_t at = j / 2 / s->shape.kv_heads, pos = sequence->pos + at;
            const int64_t slot = (part * PW_PAGE + pos % PW_PAGE) * s->shape.kv_heads + head;
            pw_quantize(
                kv->dtype,
                pw_row(&s->call.src[part], (sequence->first + at) * s->shape.kv_heads + head),
                want + (size_t)sequence->pages[pos / PW_PAGE] * page_bytes +
                    (size_t)slot * row_bytes,
                s->shape.head_dim);
        }
    }
    const bool same = compare_bits(s->dst, want, s->dst_bytes, false);
    heap_drop(&c->heap, want);
    return same;
}

/* An activation result: the same row's f32 result, rounded. `rng` as before the sample was made. */
static bool matches_own_f32(check *c, const pw_sample *s, pw_rng rng)
{
    pw_sample_shape shape = s->shape;
    shape.result = PW_F32;
    pw_sample plain;
    check_make(c, &shape, &rng, &plain);
    check_run(c, shape.row, &plain.call, NULL);
    const bool same = matches_truth(&plain) && matches_act(c, s, &plain.call.dst);
    pw_sample_free(&plain);
    return same;
}

static bool right(check *c, const pw_sample *s, pw_rng rng)
{
    if (s->call.op == PW_OP_CAST) return matches_act(c, s, &s->plain.src[0]);
    if (s->call.op == PW_OP_KV_STORE) return matches_plain_pool(c, s);
    return s->shape.result == PW_F32 ? matches_truth(s) : matches_own_f32(c, s, rng);
}

/* Bytes of dst that the row had no business with. */
static bool kept(const pw_sample *s, const unsigned char *before, const uint8_t *map)
{
    const unsigned char *after = s->dst;
    for (size_t i = 0; i < s->dst_bytes; i++) {
        if (map[i] != 0 || after[i] == before[i]) continue;
        printf("  byte %zu of %zu of dst\n", i, s->dst_bytes);
        return false;
    }
    return true;
}

/* The same call cut in other places gives the same bits. */
static bool splits(check *c, const pw_sample_shape *shape, pw_sample *s, pw_rng *rng)
{
    enum { SPLITS = 2 };
    unsigned char *whole = heap_take(&c->heap, s->dst_bytes, PEWTER_MEM_SCRATCH);
    memcpy(whole, s->dst, s->dst_bytes);
    bool same = true;
    for (int i = 0; i < SPLITS && same; i++) {
        pw_sample_reset(s);
        check_run(c, shape->row, &s->call, rng);
        same = compare_bits(s->dst, whole, s->dst_bytes, shape->result == PW_F32);
    }
    heap_drop(&c->heap, whole);
    return same;
}

/* Rows that take any weight meet each file format in turn. */
static bool is_turn(const pw_kernel *row, const pw_sample_shape *shape, int round)
{
    const pw_dtype turn = (pw_dtype)(round % PW_I32);
    if (row->weight != PW_DTYPE_COUNT || pw_dtype_get(turn)->ggml_type < 0) return true;
    return shape->weight == turn;
}

bool check_row(check *c, const pw_kernel *row, int round)
{
    pw_rng rng = check_rng(c, row->name, round);
    pw_sample_shape shape;
    do {
        if (!check_shape(c, row, &rng, &shape)) return false;
    } while (!is_turn(row, &shape, round));

    const pw_rng before_sample = rng;
    pw_sample s;
    check_make(c, &shape, &rng, &s);
    unsigned char *before = heap_take(&c->heap, 2 * s.dst_bytes, PEWTER_MEM_SCRATCH);
    uint8_t *map = before + s.dst_bytes;
    memcpy(before, s.dst, s.dst_bytes);
    pw_sample_mark(&s, map);
    const uint64_t sources = heap_hash(&c->heap, s.dst);

    check_run(c, row, &s.call, NULL);
    bool ok = true;
    if (heap_hash(&c->heap, s.dst) != sources)
        ok = check_fail(c, row, &shape, "round %d: changed a source", round);
    else if (!kept(&s, before, map))
        ok = check_fail(c, row, &shape, "round %d: wrote where dst is not", round);
    else if (!right(c, &s, before_sample))
        ok = check_fail(c, row, &shape, "round %d: wrong result", round);
    else if (!splits(c, &shape, &s, &rng))
        ok = check_fail(c, row, &shape, "round %d: bits depend on how the axis is cut", round);
    heap_drop(&c->heap, before);
    pw_sample_free(&s);
    return ok;
}

/* Sets the sample's activations to zeros but for one value a row, at position first + row. */
static void set_one_hot(const pw_sample *s, int64_t first, pw_rng *rng)
{
    const int64_t k = s->shape.k, n = s->shape.n;
    for (int64_t i = 0; i < n; i++) {
        float *x = pw_row(&s->plain.src[1], i);
        for (int64_t j = 0; j < k; j++) x[j] = 0.0f;
        x[(first + i) % k] = 1.0f + pw_rng_normal(rng);
        if (s->shape.row->act == PW_F32) continue;
        pw_act_write(s->shape.row->act, s->call.src[1].data, k, n, i, x);
        pw_act_read(s->shape.row->act, s->call.src[1].data, k, n, i, x);
    }
}

static bool one_hot_right(const pw_sample *s, int64_t first)
{
    const int64_t k = s->shape.k, m = s->shape.m, n = s->shape.n;
    double *want = calloc((size_t)(2 * m * n), sizeof *want);
    float *w = calloc((size_t)(2 * k), sizeof *w);
    if (want == NULL || w == NULL) abort();
    for (int64_t row = 0; row < m; row++) {
        const void *from = pw_row(&s->plain.src[0], row);
        pw_dequantize(s->shape.weight, from, w, k);
        truth_minima(s->shape.weight, from, w + k, k);
        for (int64_t i = 0; i < n; i++) {
            const int64_t j = (first + i) % k;
            const double x = (double)((const float *)pw_row(&s->plain.src[1], i))[j];
            const double minimum = (double)w[k + j], rest = (double)w[j] - minimum;
            const double size = (minimum < 0 ? -minimum : minimum) + (rest < 0 ? -rest : rest);
            want[i * m + row] = (double)w[j] * x;
            want[m * n + i * m + row] = 0x1p-20 * size * (x < 0 ? -x : x) + 0x1p-100;
        }
    }
    const bool same = compare_values(&s->call.dst, want, want + m * n);
    free(w);
    free(want);
    return same;
}

bool check_one_hot(check *c, const pw_kernel *row)
{
    pw_rng rng = check_rng(c, row->name, -1);
    pw_sample_shape shape;
    if (!check_shape(c, row, &rng, &shape)) return false;
    shape.epilogues = 0;
    shape.in_place = false;
    shape.n = row->max_n != 0 ? row->max_n : 48;
    shape.m = 33;

    pw_sample s;
    check_make(c, &shape, &rng, &s);
    bool ok = true;
    for (int64_t first = 0; first < shape.k && ok; first += shape.n) {
        set_one_hot(&s, first, &rng);
        pw_sample_reset(&s);
        check_run(c, row, &s.call, NULL);
        if (!one_hot_right(&s, first))
            ok = check_fail(c, row, &shape, "one-hot activations from position %lld",
                            (long long)first);
    }
    pw_sample_free(&s);
    return ok;
}
