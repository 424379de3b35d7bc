/* ggml, the kernels of llama.cpp: products of every file format, and attention over f16. */
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/rivals/rival_room.h"
#include "kernels/half.h"
#include "pw/num.h"
#include "pw/status.h"

/* Of its C interface (ggml.h, ggml-backend.h, ggml-cpu.h). */
typedef struct ggml_context ggml_context;
typedef struct ggml_cgraph ggml_cgraph;
typedef struct ggml_backend_device *ggml_dev;
typedef struct ggml_backend_reg *ggml_reg;
typedef struct ggml_backend *ggml_backend;
typedef struct ggml_backend_buffer *ggml_buffer;
typedef struct ggml_backend_buffer_type *ggml_buft;
typedef struct ggml_init_params {
    size_t mem_size;
    void *mem_buffer;
    bool no_alloc;
} ggml_init_params;
typedef struct ggml_tensor { /* how it begins */
    int type;
    ggml_buffer buffer;
} ggml_tensor;
enum { GGML_F32 = 0, GGML_F16 = 1, GGML_PREC_F32 = 10 };

static struct {
    ggml_context *(*init)(ggml_init_params);
    void (*free)(ggml_context *);
    ggml_tensor *(*new_3d)(ggml_context *, int, int64_t, int64_t, int64_t);
    ggml_tensor *(*mul_mat)(ggml_context *, ggml_tensor *, ggml_tensor *);
    ggml_tensor *(*permute)(ggml_context *, ggml_tensor *, int, int, int, int);
    ggml_tensor *(*attention)(ggml_context *, ggml_tensor *, ggml_tensor *, ggml_tensor *,
                              ggml_tensor *, float, float, float);
    void (*attention_precision)(ggml_tensor *, int);
    ggml_cgraph *(*new_graph)(ggml_context *);
    void (*expand)(ggml_cgraph *, ggml_tensor *);
    void *(*data)(const ggml_tensor *);
    ggml_backend (*cpu)(void);
    void (*set_threads)(ggml_backend, int);
    int (*compute)(ggml_backend, ggml_cgraph *);
    ggml_buft (*cpu_buft)(void);
    ggml_buffer (*buft_alloc)(ggml_buft, size_t);
    ggml_buffer (*alloc_all)(ggml_context *, ggml_buft);
    void (*buffer_free)(ggml_buffer);
    void (*tensor_set)(ggml_tensor *, const void *, size_t, size_t);
    ggml_dev (*device)(ggml_backend);
    ggml_reg (*device_reg)(ggml_dev);
    void *(*proc)(ggml_reg, const char *);
    bool (*supports)(ggml_dev, const ggml_tensor *);
    void (*log_set)(void (*)(int, const char *, void *), void *);
} g;

static ggml_backend backend;
static ggml_buft *extra; /* buffer types that lay weights out for its fastest kernels; NULL-ended */

typedef struct ggml_job {
    ggml_context *weights, *rest; /* tensors that live in buffers of two types */
    ggml_buffer buffers[2];
    ggml_cgraph *graph;
    int32_t threads;
} ggml_job;

static void run(rival_job *job)
{
    const ggml_job *own = job->own;
    g.set_threads(backend, own->threads);
    (void)g.compute(backend, own->graph);
}

static void drop(rival_job *job)
{
    ggml_job *own = job->own;
    for (int i = 0; i < 2; i++)
        if (own->buffers[i] != NULL) g.buffer_free(own->buffers[i]);
    if (own->weights != NULL) g.free(own->weights);
    if (own->rest != NULL) g.free(own->rest);
}

/* A context without data for some tensors and a graph. */
static ggml_context *context(void)
{
    enum { BYTES = 1 << 20 };
    return g.init((ggml_init_params){.mem_size = BYTES, .no_alloc = true});
}

/* The buffer type that its own loader would choose for these weights. */
static ggml_buft best_buft(ggml_tensor *w, const ggml_tensor *product)
{
    const ggml_dev device = g.device(backend);
    for (size_t i = 0; extra != NULL && extra[i] != NULL; i++) {
        const ggml_buffer probe = g.buft_alloc(extra[i], 0);
        w->buffer = probe;
        const bool fits = probe != NULL && g.supports(device, product);
        w->buffer = NULL;
        if (probe != NULL) g.buffer_free(probe);
        if (fits) return extra[i];
    }
    return g.cpu_buft();
}

static bool make_product(ggml_job *own, rival_job *job, const pw_sample *s)
{
    const int64_t k = s->shape.k, m = s->shape.m, n = s->shape.n;
    own->weights = context();
    own->rest = context();
    if (own->weights == NULL || own->rest == NULL) return false;
    ggml_tensor *w = g.new_3d(own->weights, pw_dtype_get(s->shape.weight)->ggml_type, k, m, 1);
    ggml_tensor *x = g.new_3d(own->rest, GGML_F32, k, n, 1);
    ggml_tensor *y = g.mul_mat(own->rest, w, x);
    own->graph = g.new_graph(own->rest);
    g.expand(own->graph, y);
    own->buffers[0] = g.alloc_all(own->weights, best_buft(w, y));
    own->buffers[1] = g.alloc_all(own->rest, g.cpu_buft());
    if (own->buffers[0] == NULL || own->buffers[1] == NULL) return false;
    g.tensor_set(w, s->plain.src[0].data, 0, (size_t)s->plain.src[0].stride[1] * (size_t)m);
    g.tensor_set(x, s->plain.src[1].data, 0, (size_t)(k * n) * sizeof(float));
    job->result = g.data(y);
    return true;
}

/* f32 rows as f16. */
static uint16_t *as_f16(const pw_tensor *t)
{
    const size_t count = (size_t)pw_elements(t);
    uint16_t *half = malloc(count * sizeof *half);
    for (size_t i = 0; half != NULL && i < count; i++)
        half[i] = pw_f32_f16(((const float *)t->data)[i]);
    return half;
}

/* What each row sees: 0, else minus infinity. Rows to a multiple of 64. */
static uint16_t *make_mask(const pw_sample *s, int64_t keys, int64_t rows)
{
    const uint16_t hidden = 0xfc00;
    uint16_t *mask = malloc((size_t)(keys * rows) * sizeof *mask);
    for (int64_t i = 0; mask != NULL && i < rows; i++)
        for (int64_t at = 0; at < keys; at++)
            mask[i * keys + at] = at <= s->shape.depth + i && i < s->shape.n ? 0 : hidden;
    return mask;
}

static bool make_attention(ggml_job *own, rival_job *job, const pw_sample *s)
{
    const int64_t d = s->shape.head_dim, h = s->shape.heads, hk = s->shape.kv_heads;
    const int64_t n = s->shape.n, keys = s->shape.depth + n, rows = (n + 63) / 64 * 64;
    own->rest = context();
    if (own->rest == NULL) return false;
    ggml_tensor *q = g.new_3d(own->rest, GGML_F32, d, h, n);
    ggml_tensor *k = g.new_3d(own->rest, GGML_F16, d, hk, keys);
    ggml_tensor *v = g.new_3d(own->rest, GGML_F16, d, hk, keys);
    ggml_tensor *mask = g.new_3d(own->rest, GGML_F16, keys, rows, 1);
    ggml_tensor *y = g.attention(
        own->rest, g.permute(own->rest, q, 0, 2, 1, 3), g.permute(own->rest, k, 0, 2, 1, 3),
        g.permute(own->rest, v, 0, 2, 1, 3), mask, s->plain.params.scale, 0.0f, 0.0f);
    g.attention_precision(y, GGML_PREC_F32);
    own->graph = g.new_graph(own->rest);
    g.expand(own->graph, y);
    own->buffers[1] = g.alloc_all(own->rest, g.cpu_buft());
    uint16_t *halves[] = {as_f16(&s->plain.src[1]), as_f16(&s->plain.src[2]),
                          make_mask(s, keys, rows)};
    const bool made =
        own->buffers[1] != NULL && halves[0] != NULL && halves[1] != NULL && halves[2] != NULL;
    if (made) {
        const size_t bytes = (size_t)(d * hk * keys) * sizeof(uint16_t);
        g.tensor_set(q, s->plain.src[0].data, 0, (size_t)(d * h * n) * sizeof(float));
        g.tensor_set(k, halves[0], 0, bytes);
        g.tensor_set(v, halves[1], 0, bytes);
        g.tensor_set(mask, halves[2], 0, (size_t)(keys * rows) * sizeof(uint16_t));
        job->result = g.data(y);
    }
    for (int i = 0; i < 3; i++) free(halves[i]);
    return made;
}

static pewter_status prepare(const pw_sample *s, int32_t threads, rival_job **out,
                             pewter_error *err)
{
    const bool attention = s->shape.row->op == PW_OP_ATTENTION && s->shape.sequences == 1 &&
                           s->shape.window == 0 && !s->shape.strided && s->shape.result == PW_F32;
    if (!attention && !rival_is_product(s))
        return pw_fail(err, PEWTER_E_UNSUPPORTED, "products and attention only");
    rival_job *job = rival_job_new(s, sizeof(ggml_job));
    if (job == NULL) return pw_fail(err, PEWTER_E_MEMORY, "no memory for a product");
    ggml_job *own = job->own;
    own->threads = threads;
    job->run = run;
    job->free = drop;
    /* It quantises activations to 8 bits in blocks of 32 or 256 for weights of fewer bits, where an
     * outlier takes the bits of its block, and rounds to f16 or bf16 for those. */
    job->tolerance = attention ? 0x1p-7 : s->shape.weight == PW_F32 ? 0x1p-17 : 0x1p-8;
    if (!(attention ? make_attention(own, job, s) : make_product(own, job, s))) {
        rival_free(job);
        return pw_fail(err, PEWTER_E_MEMORY, "no memory for its tensors");
    }
    *out = job;
    return PEWTER_OK;
}

/* Opens its libraries in the order in which they need each other. */
static void *open_libraries(const char *folder, rival *out, char *why, size_t cap)
{
    static const char *const names[] = {"libggml-base.so", "libggml-cpu.so", "libggml.so"};
    void *library = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(out->path, sizeof out->path, "%s/lib/%s", folder, names[i]);
        library = dlopen(out->path, RTLD_NOW | RTLD_GLOBAL);
        if (library == NULL) {
            snprintf(why, cap, "ggml: no %s (run make rivals)", out->path);
            return NULL;
        }
    }
    return library;
}

static void silence(int level, const char *text, void *context)
{
    (void)level;
    (void)text;
    (void)context;
}

static void read_version(const char *folder, rival *out)
{
    char path[512];
    snprintf(path, sizeof path, "%s/lib/ggml.version", folder);
    FILE *file = fopen(path, "re");
    if (file == NULL || fgets(out->version, sizeof out->version, file) == NULL)
        snprintf(out->version, sizeof out->version, "unknown");
    out->version[strcspn(out->version, "\n")] = 0;
    if (file != NULL) fclose(file);
}

bool rival_ggml(const char *folder, rival *out, char *why, size_t cap)
{
    void *library = open_libraries(folder, out, why, cap);
    if (library == NULL) return false;
    const rival_symbol symbols[] = {
        {"ggml_init", &g.init, false},
        {"ggml_free", &g.free, false},
        {"ggml_new_tensor_3d", &g.new_3d, false},
        {"ggml_mul_mat", &g.mul_mat, false},
        {"ggml_permute", &g.permute, false},
        {"ggml_flash_attn_ext", &g.attention, false},
        {"ggml_flash_attn_ext_set_prec", &g.attention_precision, false},
        {"ggml_new_graph", &g.new_graph, false},
        {"ggml_build_forward_expand", &g.expand, false},
        {"ggml_get_data", &g.data, false},
        {"ggml_backend_cpu_init", &g.cpu, false},
        {"ggml_backend_cpu_set_n_threads", &g.set_threads, false},
        {"ggml_backend_graph_compute", &g.compute, false},
        {"ggml_backend_cpu_buffer_type", &g.cpu_buft, false},
        {"ggml_backend_buft_alloc_buffer", &g.buft_alloc, false},
        {"ggml_backend_alloc_ctx_tensors_from_buft", &g.alloc_all, false},
        {"ggml_backend_buffer_free", &g.buffer_free, false},
        {"ggml_backend_tensor_set", &g.tensor_set, false},
        {"ggml_backend_get_device", &g.device, false},
        {"ggml_backend_dev_backend_reg", &g.device_reg, false},
        {"ggml_backend_reg_get_proc_address", &g.proc, false},
        {"ggml_backend_dev_supports_op", &g.supports, false},
        {"ggml_log_set", &g.log_set, false},
        {NULL, NULL, false}};
    if (!rival_symbols(library, symbols, why, cap)) return false;
    g.log_set(silence, NULL);
    backend = g.cpu();
    if (backend == NULL) {
        snprintf(why, cap, "ggml: its CPU backend does not start");
        return false;
    }
    const void *get = g.proc(g.device_reg(g.device(backend)), "ggml_backend_dev_get_extra_bufts");
    ggml_buft *(*get_extra)(ggml_dev) = NULL;
    memcpy(&get_extra, &get, sizeof get);
    if (get_extra != NULL) extra = get_extra(g.device(backend));
    read_version(folder, out);
    out->name = "ggml";
    out->prepare = prepare;
    return true;
}
