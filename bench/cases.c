#include "bench/cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/act.h"
#include "kernels/features.h"
#include "pw/num.h"

/* Rows of a large matrix that differ: more than any kernel looks at together. */
enum { DISTINCT = 256 };

typedef struct list {
    const bench_device *device;
    pw_catalogue rows;
    bench_case *cases;
    size_t count, cap;
    bool failed;
} list;

/* Layers of models of 0.1, 1 and 8 billion parameters: attention's output and the way up. */
static const struct {
    int64_t k, m;
    bool standard;
} matrices[] = {
    {576, 576, false},   {576, 1536, true},   {2048, 2048, false}, {2048, 8192, true},
    {8192, 2048, false}, {4096, 4096, false}, {4096, 14336, true}, {14336, 4096, false},
};

/* Query heads, heads of keys, size: groups of 1, 4 and 8. */
static const struct {
    int64_t heads, kv_heads, head_dim;
} groups[] = {{16, 16, 64}, {32, 8, 64}, {64, 8, 128}};

static const int64_t few[] = {1, 2, 4, 8}, many[] = {16, 32, 128, 512};
static const int64_t depths[] = {128, 1024, 4096, 32768};
static const int64_t widths[] = {576, 2048, 4096};

static bool is_slow(const pw_sample_shape *s)
{
    static const double most = 4e10; /* operations: from a tenth of a second on two cores */
    return s->row->op == PW_OP_MATMUL && 2.0 * (double)s->k * (double)s->m * (double)s->n > most;
}

/* Decode and prefill of a layer of the middle size; attention over 4096 keys. */
static bool is_beside(const pw_sample_shape *s)
{
    if (s->row->op == PW_OP_ATTENTION) return s->depth + s->n == 4096;
    return s->row->op == PW_OP_MATMUL && s->k == 2048 && (s->n == 1 || s->n == 512) &&
           s->epilogues == 0;
}

static void add(list *l, const pw_sample_shape *shape, bool standard, const char *what)
{
    const pw_call call = pw_sample_call(shape);
    const pw_kernel *row = shape->row;
    size_t bytes; /* formats of large blocks do not take every width */
    if (shape->weight != PW_DTYPE_COUNT && !pw_dtype_row_bytes(shape->weight, shape->k, &bytes))
        return;
    if (row->fits != NULL && !row->fits(&call)) return;
    if (row->max_n != 0 && shape->n > row->max_n) return;
    if (l->count == l->cap) {
        const size_t cap = 2 * l->cap + 512;
        bench_case *more = realloc(l->cases, cap * sizeof *more);
        if (more == NULL) {
            l->failed = true;
            return;
        }
        l->cases = more;
        l->cap = cap;
    }
    bench_case *c = &l->cases[l->count++];
    *c = (bench_case){.shape = *shape, .standard = standard, .slow = is_slow(shape)};
    c->beside = standard && !c->slow && is_beside(shape);
    snprintf(c->name, sizeof c->name, "%s/%s%s%s", row->name, what,
             shape->result != PW_F32 && row->op != PW_OP_KV_STORE ? "_" : "",
             shape->result != PW_F32 && row->op != PW_OP_KV_STORE
                 ? pw_dtype_get(shape->result)->name
                 : "");
    for (char *at = c->name + strlen(row->name); *at != 0; at++)
        if (*at >= 'A' && *at <= 'Z') *at = (char)(*at - 'A' + 'a');
}

static pw_pick_rules rules_of(const list *l, const pw_kernel *row)
{
    return (pw_pick_rules){
        .features = l->device->info.features,
        .kv = row->kv,
        .kv_dtype = row->kv != NULL ? row->kv->dtype : PW_F32,
    };
}

/* Whether this device would run the row for such a call. */
static bool is_picked(const list *l, const pw_sample_shape *shape)
{
    const pw_call call = pw_sample_call(shape);
    const pw_kernel *row = shape->row;
    const pw_pick_rules rules = rules_of(l, row);
    const pw_kernel *best = pw_pick(&l->rows, &call, &rules);
    if (best == row || best == NULL || best->max_n != 0) return best == row;
    return row->max_n != 0 && pw_pick_narrow(&l->rows, best, &call, &rules) == row;
}

/* Whether the device has a row of the same weights for so few tokens, which runs in this one's stead. */
static bool is_replaced(const list *l, const pw_sample_shape *shape)
{
    const pw_call call = pw_sample_call(shape);
    const pw_pick_rules rules = rules_of(l, shape->row);
    if (shape->row->max_n != 0) return false;
    const pw_kernel *narrow = pw_pick_narrow(&l->rows, shape->row, &call, &rules);
    return narrow != NULL && shape->n <= narrow->max_n;
}

static void add_matmul(list *l, const pw_kernel *row, pw_dtype weight)
{
    /* Plain C multiplies any format: one is enough, and only what ends in time. */
    const bool reference = row->weight == PW_DTYPE_COUNT;
    for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++) {
        pw_sample_shape s = {.row = row,
                             .weight = weight,
                             .result = PW_F32,
                             .k = matrices[i].k,
                             .m = matrices[i].m,
                             .heads = 1,
                             .distinct = DISTINCT};
        if (reference && i > 0) break;
        for (size_t t = 0; t < sizeof few / sizeof *few + sizeof many / sizeof *many; t++) {
            const size_t n_few = sizeof few / sizeof *few;
            s.n = t < n_few ? few[t] : many[t - n_few];
            if (reference && s.n > 8) break;
            const bool picked = is_picked(l, &s);
            const bool ends = (s.n == 1 && !is_replaced(l, &s)) || s.n == 512;
            const bool middle = s.n == 8 || s.n == 16 || s.n == 32;
            const bool large = matrices[i].k == 2048;
            const bool standard =
                reference
                    ? s.n == 1
                    : matrices[i].standard && (picked ? ends || (large && middle) : large && ends);
            char what[64];
            snprintf(what, sizeof what, "k%lld_m%lld_n%lld", (long long)s.k, (long long)s.m,
                     (long long)s.n);
            add(l, &s, standard, what);
            if (!picked || s.n != 512 || (row->epilogues & PW_EPILOGUE_GLU) == 0) continue;
            s.epilogues = PW_EPILOGUE_GLU;
            strncat(what, "_glu", sizeof what - strlen(what) - 1);
            add(l, &s, large && matrices[i].standard, what);
            s.epilogues = 0;
        }
    }
}

static const pw_kernel *store_of(const list *l, const pw_kernel *row)
{
    const pw_kernel *store = NULL;
    for (size_t i = 0; i < l->rows.count; i++) {
        const pw_kernel *other = &l->rows.rows[i];
        const bool fits = other->op == PW_OP_KV_STORE && other->kv == row->kv &&
                          (other->needs & ~l->device->info.features) == 0;
        if (fits && (store == NULL || other->rank > store->rank)) store = other;
    }
    return store;
}

static void add_attention(list *l, const pw_kernel *row)
{
    const bool reference = row->needs == 0;
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        for (size_t d = 0; d < sizeof depths / sizeof *depths; d++) {
            for (int prefill = 0; prefill < 2; prefill++) {
                const int64_t keys = depths[d], n = prefill ? pw_min(512, keys) : 1;
                pw_sample_shape s = {.row = row,
                                     .store = store_of(l, row),
                                     .weight = PW_DTYPE_COUNT,
                                     .result = PW_F32,
                                     .n = n,
                                     .heads = groups[g].heads,
                                     .kv_heads = groups[g].kv_heads,
                                     .head_dim = groups[g].head_dim,
                                     .sequences = 1,
                                     .depth = keys - n};
                if (s.store == NULL || (reference && (prefill || keys > 1024))) continue;
                const bool standard =
                    g == 1 && keys != 128 && (keys == 1024 || !reference) &&
                    (is_picked(l, &s) ? !(prefill && keys == 32768) : keys == 1024);
                char what[64];
                snprintf(what, sizeof what, "h%lld_kv%lld_d%lld_n%lld_keys%lld", (long long)s.heads,
                         (long long)s.kv_heads, (long long)s.head_dim, (long long)n,
                         (long long)keys);
                add(l, &s, standard, what);
            }
        }
    }
}

static void add_store(list *l, const pw_kernel *row)
{
    for (int64_t n = 1; n <= 512; n *= 512) {
        pw_sample_shape s = {.row = row,
                             .weight = PW_DTYPE_COUNT,
                             .result = PW_F32,
                             .n = n,
                             .kv_heads = 8,
                             .head_dim = 64,
                             .sequences = 1,
                             .depth = 1024};
        char what[64];
        snprintf(what, sizeof what, "kv8_d64_n%lld", (long long)n);
        add(l, &s, is_picked(l, &s), what);
    }
}

/* NORM, CAST, ROPE, GLU, ADD, EMBED: rows of values. */
static void add_rows(list *l, const pw_kernel *row)
{
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        for (int64_t n = 1; n <= 512; n *= 512) {
            for (int dtype = 0; dtype < PW_DTYPE_COUNT; dtype++) {
                const bool made = (row->results & 1u << dtype) != 0;
                if (!made && (dtype != PW_F32 || row->op == PW_OP_CAST)) continue;
                pw_sample_shape s = {.row = row,
                                     .weight = row->op == PW_OP_EMBED ? PW_Q8_0 : PW_DTYPE_COUNT,
                                     .result = (pw_dtype)dtype,
                                     .k = widths[w],
                                     .m = row->op == PW_OP_EMBED ? 4096 : 1,
                                     .n = n,
                                     .heads = 1,
                                     .distinct = DISTINCT};
                if (row->op == PW_OP_ROPE) {
                    s.k = s.rotated = 64;
                    s.heads = widths[w] / 64;
                }
                if (dtype != PW_F32 && !pw_act_takes(s.result, s.k)) continue;
                char what[64];
                snprintf(what, sizeof what, "k%lld_n%lld", (long long)widths[w], (long long)n);
                add(l, &s, widths[w] == 2048 && is_picked(l, &s), what);
            }
        }
    }
}

bench_case *cases_of(const bench_device *device, size_t *count)
{
    list l = {.device = device, .rows = device->backend->kernels()};
    for (size_t i = 0; i < l.rows.count && !l.failed; i++) {
        const pw_kernel *row = &l.rows.rows[i];
        if ((row->needs & ~device->info.features) != 0) continue;
        switch (row->op) {
        case PW_OP_MATMUL:
            add_matmul(&l, row, row->weight == PW_DTYPE_COUNT ? PW_Q8_0 : row->weight);
            break;
        case PW_OP_ATTENTION: add_attention(&l, row); break;
        case PW_OP_KV_STORE: add_store(&l, row); break;
        case PW_OP_EMBED:
        case PW_OP_NORM:
        case PW_OP_CAST:
        case PW_OP_ROPE:
        case PW_OP_GLU:
        case PW_OP_ADD: add_rows(&l, row); break;
        case PW_OP_COUNT: break;
        }
    }
    if (l.failed) {
        free(l.cases);
        return NULL;
    }
    *count = l.count;
    return l.cases;
}

bool cases_reference(const bench_device *device, const pw_sample_shape *shape, pw_sample_shape *out)
{
    if (shape->row->needs == 0) return false;
    const pw_catalogue rows = device->backend->kernels();
    pw_sample_shape s = *shape;
    s.row = NULL;
    for (size_t i = 0; i < rows.count; i++) {
        const pw_kernel *row = &rows.rows[i];
        const bool kv =
            shape->row->kv == NULL || (row->kv != NULL && row->kv->dtype == shape->row->kv->dtype);
        if (row->op != shape->row->op || row->needs != 0 || !kv) continue;
        s.row = row;
        break;
    }
    if (s.row == NULL) return false;
    for (size_t i = 0; i < rows.count && s.row->op == PW_OP_ATTENTION; i++)
        if (rows.rows[i].op == PW_OP_KV_STORE && rows.rows[i].kv == s.row->kv)
            s.store = &rows.rows[i];
    s.n = pw_min(s.n, 4);
    s.m = pw_min(s.m, 64);
    if (s.row->op == PW_OP_ATTENTION) {
        s.depth = pw_min(s.depth, 1024);
        s.n = 1;
    }
    *out = s;
    return true;
}

peak_math cases_math(const pw_kernel *row)
{
    if (row->act == PW_Q8X && row->op == PW_OP_MATMUL)
        return pw_sums_short(row) ? PEAK_INT8_SHORT : PEAK_INT8;
    if (row->act == PW_B16X && row->op == PW_OP_MATMUL) return PEAK_BF16;
    return (row->needs & PW_CPU_AVX512BF16) != 0 ? PEAK_BF16 : PEAK_F32;
}
