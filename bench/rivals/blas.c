/* OpenBLAS and BLIS: products in f32 by cblas_sgemm. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/rivals/rival_room.h"
#include "pw/status.h"

/* Of the CBLAS interface (BLAS Technical Forum 2001, annex B). */
enum { COL_MAJOR = 102, NO_TRANS = 111, TRANS = 112 };
typedef void sgemm_fn(int layout, int trans_a, int trans_b, int m, int n, int k, float alpha,
                      const float *a, int lda, const float *b, int ldb, float beta, float *c,
                      int ldc);
typedef void threads_fn(int n);

typedef struct blas {
    sgemm_fn *sgemm;
    threads_fn *set_threads;
} blas;

static blas openblas, blis;

typedef struct blas_job {
    const blas *library;
    int32_t threads;
    float *result;
} blas_job;

static void run(rival_job *job)
{
    const blas_job *own = job->own;
    const pw_sample *s = job->sample;
    const int k = (int)s->shape.k, m = (int)s->shape.m, n = (int)s->shape.n;
    own->library->set_threads(own->threads);
    own->library->sgemm(COL_MAJOR, TRANS, NO_TRANS, m, n, k, 1.0f, s->plain.src[0].data, k,
                        s->plain.src[1].data, k, 0.0f, own->result, m);
}

static void drop(rival_job *job)
{
    blas_job *own = job->own;
    free(own->result);
}

static pewter_status prepare(const blas *library, const pw_sample *s, int32_t threads,
                             rival_job **out, pewter_error *err)
{
    if (!rival_is_product(s) || s->shape.weight != PW_F32)
        return pw_fail(err, PEWTER_E_UNSUPPORTED, "products of f32 only");
    rival_job *job = rival_job_new(s, sizeof(blas_job));
    float *result = calloc((size_t)(s->shape.m * s->shape.n), sizeof *result);
    if (job == NULL || result == NULL) {
        free(job);
        free(result);
        return pw_fail(err, PEWTER_E_MEMORY, "no memory for a product");
    }
    *(blas_job *)job->own = (blas_job){library, threads, result};
    job->run = run;
    job->free = drop;
    job->result = result;
    job->tolerance = 0x1p-17;
    *out = job;
    return PEWTER_OK;
}

static pewter_status prepare_openblas(const pw_sample *s, int32_t threads, rival_job **out,
                                      pewter_error *err)
{
    return prepare(&openblas, s, threads, out, err);
}

static pewter_status prepare_blis(const pw_sample *s, int32_t threads, rival_job **out,
                                  pewter_error *err)
{
    return prepare(&blis, s, threads, out, err);
}

static void *open_one(const char *const *names, rival *out, char *why, size_t cap)
{
    for (; *names != NULL; names++) {
        void *library = dlopen(*names, RTLD_NOW | RTLD_LOCAL);
        if (library != NULL) {
            snprintf(out->path, sizeof out->path, "%s", *names);
            return library;
        }
        snprintf(why, cap, "%s", dlerror());
    }
    return NULL;
}

/* The library is named by where Debian puts it: libblas.so.3 may be anybody's. */
bool rival_openblas(const char *folder, rival *out, char *why, size_t cap)
{
    (void)folder;
    static const char *const names[] = {"libopenblas.so.0", "libopenblas.so", NULL};
    void *library = open_one(names, out, why, cap);
    if (library == NULL) return false;
    char *(*config)(void) = NULL;
    const rival_symbol symbols[] = {{"cblas_sgemm", &openblas.sgemm, false},
                                    {"openblas_set_num_threads", &openblas.set_threads, false},
                                    {"openblas_get_config", &config, true},
                                    {NULL, NULL, false}};
    if (!rival_symbols(library, symbols, why, cap)) return false;
    snprintf(out->version, sizeof out->version, "%.60s", config != NULL ? config() : "unknown");
    out->name = "openblas";
    out->prepare = prepare_openblas;
    return true;
}

bool rival_blis(const char *folder, rival *out, char *why, size_t cap)
{
    (void)folder;
    static const char *const names[] = {"libblis.so.4", "libblis.so", NULL};
    void *library = open_one(names, out, why, cap);
    if (library == NULL) return false;
    const char *(*version)(void) = NULL;
    const rival_symbol symbols[] = {{"cblas_sgemm", &blis.sgemm, false},
                                    {"bli_thread_set_num_threads", &blis.set_threads, false},
                                    {"bli_info_get_version_str", &version, true},
                                    {NULL, NULL, false}};
    if (!rival_symbols(library, symbols, why, cap)) return false;
    snprintf(out->version, sizeof out->version, "%.60s", version != NULL ? version() : "unknown");
    out->name = "blis";
    out->prepare = prepare_blis;
    return true;
}
