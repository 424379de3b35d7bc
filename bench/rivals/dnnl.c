/* oneDNN: bare products in f32, bf16 and int8, weights in the layout that it likes best. */
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/rivals/rival_room.h"
#include "kernels/half.h"
#include "kernels/quant.h"
#include "pw/num.h"
#include "pw/rng.h"
#include "pw/status.h"

/* Of its C interface, version 3 (dnnl.h, dnnl_types.h). */
typedef struct dnnl_engine dnnl_engine;
typedef struct dnnl_stream dnnl_stream;
typedef struct dnnl_memory dnnl_memory;
typedef struct dnnl_memory_desc dnnl_memory_desc;
typedef struct dnnl_primitive dnnl_primitive;
typedef struct dnnl_primitive_desc dnnl_primitive_desc;
typedef struct dnnl_exec_arg {
    int arg;
    dnnl_memory *memory;
} dnnl_exec_arg;
typedef struct dnnl_version {
    int major, minor, patch;
} dnnl_version;

enum { CPU = 1, DEFAULT_STREAM = 1, TAG_ANY = 1, MAX_DIMS = 12, WEIGHTS_MD = 131 };
enum { ARG_SRC = 1, ARG_DST = 17, ARG_WEIGHTS = 33 };
enum { BF16 = 2, F32 = 3, S32 = 4, S8 = 5, U8 = 6 };

static struct {
    const dnnl_version *(*version)(void);
    int (*engine_create)(dnnl_engine **, int, size_t);
    int (*stream_create)(dnnl_stream **, dnnl_engine *, unsigned);
    int (*stream_wait)(dnnl_stream *);
    int (*desc_strides)(dnnl_memory_desc **, int, const int64_t *, int, const int64_t *);
    int (*desc_tag)(dnnl_memory_desc **, int, const int64_t *, int, int);
    int (*desc_destroy)(dnnl_memory_desc *);
    int (*matmul)(dnnl_primitive_desc **, dnnl_engine *, const dnnl_memory_desc *,
                  const dnnl_memory_desc *, const dnnl_memory_desc *, const dnnl_memory_desc *,
                  const void *);
    int (*reorder)(dnnl_primitive_desc **, const dnnl_memory_desc *, dnnl_engine *,
                   const dnnl_memory_desc *, dnnl_engine *, const void *);
    const dnnl_memory_desc *(*query_md)(const dnnl_primitive_desc *, int, int);
    int (*primitive_create)(dnnl_primitive **, const dnnl_primitive_desc *);
    int (*primitive_destroy)(dnnl_primitive *);
    int (*pd_destroy)(dnnl_primitive_desc *);
    int (*memory_create)(dnnl_memory **, const dnnl_memory_desc *, dnnl_engine *, void *);
    int (*memory_destroy)(dnnl_memory *);
    int (*execute)(const dnnl_primitive *, dnnl_stream *, int, const dnnl_exec_arg *);
    void (*set_threads)(int); /* of the OpenMP that it runs on */
} dnnl;

static dnnl_engine *engine;
static dnnl_stream *stream;

typedef struct dnnl_job {
    int type; /* BF16, F32, S8 */
    int32_t threads;
    void *x, *w, *y; /* operands as it reads them; y: f32 or s32 [m, n] */
    dnnl_primitive *product;
    dnnl_memory *memory[3]; /* src, weights, dst */
} dnnl_job;

/* ---- Operands -------------------------------------------------------------------------------- */

static float largest(const float *x, int64_t n)
{
    float most = 1e-30f;
    for (int64_t i = 0; i < n; i++) most = fmaxf(most, fabsf(x[i]));
    return most;
}

/* A row in the type: bf16 rounded, or 8 bits over its largest value, unsigned about 128. Signed ones
 * take 7 bits: two products that vpmaddubsw adds then fit 16 bits, where it would cut them off. */
static void convert(int type, bool is_unsigned, const float *x, int64_t n, void *out)
{
    if (type == F32) {
        memcpy(out, x, (size_t)n * sizeof *x);
    } else if (type == BF16) {
        for (int64_t i = 0; i < n; i++) ((uint16_t *)out)[i] = pw_f32_bf16(x[i]);
    } else {
        const float scale = (is_unsigned ? 127.0f : 63.0f) / largest(x, n);
        for (int64_t i = 0; i < n; i++) {
            const long value = lrintf(x[i] * scale);
            if (is_unsigned)
                ((uint8_t *)out)[i] = (uint8_t)(value + 128);
            else
                ((int8_t *)out)[i] = (int8_t)value;
        }
    }
}

static size_t type_bytes(int type)
{
    return type == F32 ? 4 : type == BF16 ? 2 : 1;
}

static bool make_operands(dnnl_job *own, const pw_sample *s)
{
    const int64_t k = s->shape.k, m = s->shape.m, n = s->shape.n;
    const size_t row_bytes = (size_t)k * type_bytes(own->type);
    float *row = malloc((size_t)k * sizeof *row);
    own->x = malloc((size_t)n * row_bytes);
    own->w = malloc((size_t)m * row_bytes);
    own->y = calloc((size_t)(m * n), sizeof(float));
    const bool made = row != NULL && own->x != NULL && own->w != NULL && own->y != NULL;
    for (int64_t i = 0; made && i < m; i++) {
        pw_dequantize(s->shape.weight, pw_row(&s->plain.src[0], i), row, k);
        convert(own->type, false, row, k, (char *)own->w + (size_t)i * row_bytes);
    }
    for (int64_t i = 0; made && i < n; i++)
        convert(own->type, true, pw_row(&s->plain.src[1], i), k,
                (char *)own->x + (size_t)i * row_bytes);
    free(row);
    return made;
}

/* Against sums in double, or exact ones of integers, over the operands as it reads them. */
static double operand(const dnnl_job *own, bool weights, int64_t i)
{
    if (own->type == F32) return (double)((const float *)(weights ? own->w : own->x))[i];
    if (own->type == BF16)
        return (double)pw_bf16_f32(((const uint16_t *)(weights ? own->w : own->x))[i]);
    return weights ? (double)((const int8_t *)own->w)[i] : (double)((const uint8_t *)own->x)[i];
}

static pewter_status check(const rival_job *job, pewter_error *err)
{
    enum { DRAWS = 64 };
    const dnnl_job *own = job->own;
    const pw_sample *s = job->sample;
    const int64_t k = s->shape.k, m = s->shape.m;
    pw_rng rng = {.state = 9};
    for (int i = 0; i < DRAWS; i++) {
        const int64_t row = pw_rng_range(&rng, 0, m - 1);
        const int64_t col = pw_rng_range(&rng, 0, s->shape.n - 1);
        double sum = 0.0, size = 0.0;
        for (int64_t j = 0; j < k; j++) {
            const double product =
                operand(own, true, row * k + j) * operand(own, false, col * k + j);
            sum += product;
            size += fabs(product);
        }
        const int64_t at = col * m + row;
        const double got =
            own->type == S8 ? (double)((const int32_t *)own->y)[at] : (double)((float *)own->y)[at];
        if (!(fabs(got - sum) <= (own->type == S8 ? 0.0 : 0x1p-17 * size)))
            return pw_fail(err, PEWTER_E_FORMAT, "its result is %g where %g is right", got, sum);
    }
    return PEWTER_OK;
}

/* ---- Products -------------------------------------------------------------------------------- */

static void run(rival_job *job)
{
    const dnnl_job *own = job->own;
    const dnnl_exec_arg args[] = {
        {ARG_SRC, own->memory[0]}, {ARG_WEIGHTS, own->memory[1]}, {ARG_DST, own->memory[2]}};
    if (dnnl.set_threads != NULL) dnnl.set_threads(own->threads);
    (void)dnnl.execute(own->product, stream, 3, args);
    (void)dnnl.stream_wait(stream);
}

static void drop(rival_job *job)
{
    dnnl_job *own = job->own;
    if (own->product != NULL) (void)dnnl.primitive_destroy(own->product);
    for (int i = 0; i < 3; i++)
        if (own->memory[i] != NULL) (void)dnnl.memory_destroy(own->memory[i]);
    free(own->x);
    free(own->w);
    free(own->y);
}

/* The weights in the layout that the product asks for. */
static bool pack(dnnl_job *own, const dnnl_memory_desc *rows, const dnnl_memory_desc *wanted)
{
    dnnl_primitive_desc *pd = NULL;
    dnnl_primitive *reorder = NULL;
    dnnl_memory *from = NULL;
    void *const allocate = (void *)(uintptr_t)-1; /* DNNL_MEMORY_ALLOCATE */
    bool done = dnnl.memory_create(&from, rows, engine, own->w) == 0 &&
                dnnl.memory_create(&own->memory[1], wanted, engine, allocate) == 0 &&
                dnnl.reorder(&pd, rows, engine, wanted, engine, NULL) == 0 &&
                dnnl.primitive_create(&reorder, pd) == 0;
    const dnnl_exec_arg args[] = {{ARG_SRC, from}, {ARG_DST, own->memory[1]}};
    done = done && dnnl.execute(reorder, stream, 2, args) == 0 && dnnl.stream_wait(stream) == 0;
    if (reorder != NULL) (void)dnnl.primitive_destroy(reorder);
    if (pd != NULL) (void)dnnl.pd_destroy(pd);
    if (from != NULL) (void)dnnl.memory_destroy(from);
    return done;
}

static bool make_product(dnnl_job *own, const pw_sample *s)
{
    const int64_t k = s->shape.k, m = s->shape.m, n = s->shape.n;
    const int64_t x_dims[MAX_DIMS] = {n, k}, x_strides[MAX_DIMS] = {k, 1};
    const int64_t w_dims[MAX_DIMS] = {k, m}, w_strides[MAX_DIMS] = {1, k};
    const int64_t y_dims[MAX_DIMS] = {n, m}, y_strides[MAX_DIMS] = {m, 1};
    const int x_type = own->type == S8 ? U8 : own->type, y_type = own->type == S8 ? S32 : F32;
    dnnl_memory_desc *md[4] = {NULL}; /* x, w as it is, w as it may be, y */
    dnnl_primitive_desc *pd = NULL;
    const bool made = dnnl.desc_strides(&md[0], 2, x_dims, x_type, x_strides) == 0 &&
                      dnnl.desc_strides(&md[1], 2, w_dims, own->type, w_strides) == 0 &&
                      dnnl.desc_tag(&md[2], 2, w_dims, own->type, TAG_ANY) == 0 &&
                      dnnl.desc_strides(&md[3], 2, y_dims, y_type, y_strides) == 0 &&
                      dnnl.matmul(&pd, engine, md[0], md[2], NULL, md[3], NULL) == 0 &&
                      dnnl.primitive_create(&own->product, pd) == 0 &&
                      dnnl.memory_create(&own->memory[0], md[0], engine, own->x) == 0 &&
                      dnnl.memory_create(&own->memory[2], md[3], engine, own->y) == 0 &&
                      pack(own, md[1], dnnl.query_md(pd, WEIGHTS_MD, 0));
    if (pd != NULL) (void)dnnl.pd_destroy(pd);
    for (int i = 0; i < 4; i++)
        if (md[i] != NULL) (void)dnnl.desc_destroy(md[i]);
    return made;
}

static pewter_status prepare(const pw_sample *s, int32_t threads, rival_job **out,
                             pewter_error *err)
{
    const bool int8 = s->shape.row->op == PW_OP_MATMUL && s->shape.row->act == PW_Q8X;
    const int type = int8 ? S8 : s->shape.weight == PW_BF16 ? BF16 : F32;
    if (!rival_is_product(s) || (!int8 && s->shape.weight != PW_F32 && s->shape.weight != PW_BF16))
        return pw_fail(err, PEWTER_E_UNSUPPORTED, "products of int8, bf16 and f32 only");
    rival_job *job = rival_job_new(s, sizeof(dnnl_job));
    if (job == NULL) return pw_fail(err, PEWTER_E_MEMORY, "no memory for a product");
    dnnl_job *own = job->own;
    own->type = type;
    own->threads = threads;
    job->run = run;
    job->free = drop;
    job->check = check;
    if (dnnl.set_threads != NULL) dnnl.set_threads(threads);
    const bool operands = make_operands(own, s);
    if (!operands || !make_product(own, s)) {
        rival_free(job);
        return operands ? pw_fail(err, PEWTER_E_UNSUPPORTED, "no such product on this CPU")
                        : pw_fail(err, PEWTER_E_MEMORY, "no memory for a product");
    }
    *out = job;
    return PEWTER_OK;
}

/* ---- Finding --------------------------------------------------------------------------------- */

/* The one that was set up, else the system's if it is of version 3. */
static void *open_library(const char *folder, char *path, size_t cap)
{
    snprintf(path, cap, "%s/venv/lib/libdnnl.so.3", folder);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library != NULL) return library;
    snprintf(path, cap, "libdnnl.so.3");
    return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

bool rival_onednn(const char *folder, rival *out, char *why, size_t cap)
{
    void *library = open_library(folder, out->path, sizeof out->path);
    if (library == NULL) {
        snprintf(why, cap, "onednn: no libdnnl.so.3 (run make rivals)");
        return false;
    }
    const rival_symbol symbols[] = {
        {"dnnl_version", &dnnl.version, false},
        {"dnnl_engine_create", &dnnl.engine_create, false},
        {"dnnl_stream_create", &dnnl.stream_create, false},
        {"dnnl_stream_wait", &dnnl.stream_wait, false},
        {"dnnl_memory_desc_create_with_strides", &dnnl.desc_strides, false},
        {"dnnl_memory_desc_create_with_tag", &dnnl.desc_tag, false},
        {"dnnl_memory_desc_destroy", &dnnl.desc_destroy, false},
        {"dnnl_matmul_primitive_desc_create", &dnnl.matmul, false},
        {"dnnl_reorder_primitive_desc_create", &dnnl.reorder, false},
        {"dnnl_primitive_desc_query_md", &dnnl.query_md, false},
        {"dnnl_primitive_create", &dnnl.primitive_create, false},
        {"dnnl_primitive_destroy", &dnnl.primitive_destroy, false},
        {"dnnl_primitive_desc_destroy", &dnnl.pd_destroy, false},
        {"dnnl_memory_create", &dnnl.memory_create, false},
        {"dnnl_memory_destroy", &dnnl.memory_destroy, false},
        {"dnnl_primitive_execute", &dnnl.execute, false},
        {"omp_set_num_threads", &dnnl.set_threads, true},
        {NULL, NULL, false}};
    if (!rival_symbols(library, symbols, why, cap)) return false;
    const dnnl_version *v = dnnl.version();
    if (v->major != 3 || dnnl.engine_create(&engine, CPU, 0) != 0 ||
        dnnl.stream_create(&stream, engine, DEFAULT_STREAM) != 0) {
        snprintf(why, cap, "onednn: version 3 is wanted, %d.%d found", v->major, v->minor);
        return false;
    }
    snprintf(out->version, sizeof out->version, "%d.%d.%d", v->major, v->minor, v->patch);
    out->name = "onednn";
    out->prepare = prepare;
    return true;
}
