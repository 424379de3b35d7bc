#include "bench/rivals/rival.h"

#include <dlfcn.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/rivals/rival_room.h"
#include "kernels/quant.h"
#include "pw/num.h"
#include "pw/rng.h"
#include "pw/status.h"

enum { MOST = 8, WHY_BYTES = 256 };

static rival found[MOST];
static char reasons[MOST][WHY_BYTES];
static const char *missing[MOST + 1];

/* Their threads inherit where the calling thread may run, and are told how many there are. Idle ones
 * must not spin into our turn: they sleep after some 0.1 ms. */
static void prepare_process(const int32_t *cpus, int32_t n)
{
    char count[16];
    snprintf(count, sizeof count, "%d", n);
    static const char *const names[] = {"OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS",
                                        "OMP_NUM_THREADS"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) setenv(names[i], count, 1);
    setenv("OPENBLAS_THREAD_TIMEOUT", "18", 0);
    setenv("GOMP_SPINCOUNT", "100000", 0);
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int32_t i = 0; i < n; i++) CPU_SET((size_t)cpus[i], &set);
    (void)sched_setaffinity(0, sizeof set, &set);
}

size_t rival_find(const char *folder, const int32_t *cpus, int32_t n, const rival **out, size_t cap)
{
    static bool (*const finders[])(const char *, rival *, char *,
                                   size_t) = {rival_openblas, rival_blis, rival_onednn, rival_ggml};
    prepare_process(cpus, n);
    size_t count = 0, reason = 0;
    for (size_t i = 0; i < sizeof finders / sizeof *finders && count < cap; i++) {
        if (finders[i](folder, &found[count], reasons[reason], WHY_BYTES)) {
            out[count] = &found[count];
            count++;
        } else {
            missing[reason] = reasons[reason];
            reason++;
        }
    }
    return count;
}

const char *const *rival_missing(void)
{
    return missing;
}

bool rival_symbols(void *library, const rival_symbol *table, char *why, size_t cap)
{
    for (; table->name != NULL; table++) {
        const void *symbol = dlsym(library, table->name);
        if (symbol != NULL) {
            memcpy(table->to, &symbol, sizeof symbol);
        } else if (!table->optional) {
            snprintf(why, cap, "%s", dlerror());
            return false;
        }
    }
    return true;
}

rival_job *rival_job_new(const pw_sample *s, size_t bytes)
{
    rival_job *job = calloc(1, sizeof *job + bytes);
    if (job == NULL) return NULL;
    job->sample = s;
    job->own = job + 1;
    return job;
}

bool rival_is_product(const pw_sample *s)
{
    return s->shape.row->op == PW_OP_MATMUL && s->shape.epilogues == 0 && !s->shape.strided &&
           s->shape.result == PW_F32;
}

void rival_run(rival_job *job)
{
    job->run(job);
}

void rival_free(rival_job *job)
{
    if (job == NULL) return;
    if (job->free != NULL) job->free(job);
    free(job);
}

/* ---- The check ------------------------------------------------------------------------------- */

static pewter_status check_product(const rival_job *job, pewter_error *err)
{
    enum { DRAWS = 64 };
    const pw_sample *s = job->sample;
    const int64_t k = s->shape.k, m = s->shape.m, n = s->shape.n;
    float *w = calloc((size_t)k, sizeof *w);
    if (w == NULL) return pw_fail(err, PEWTER_E_MEMORY, "no memory to check a result");
    pw_rng rng = {.state = 9};
    pewter_status status = PEWTER_OK;
    for (int i = 0; i < DRAWS && status == PEWTER_OK; i++) {
        const int64_t row = pw_rng_range(&rng, 0, m - 1), col = pw_rng_range(&rng, 0, n - 1);
        const float *x = pw_row(&s->plain.src[1], col);
        pw_dequantize(s->shape.weight, pw_row(&s->plain.src[0], row), w, k);
        double sum = 0.0, size = 0.0;
        for (int64_t j = 0; j < k; j++) {
            sum += (double)w[j] * (double)x[j];
            size += fabs((double)w[j] * (double)x[j]);
        }
        const double got = (double)job->result[col * m + row];
        if (!(fabs(got - sum) <= job->tolerance * size + 1e-30))
            status = pw_fail(err, PEWTER_E_FORMAT,
                             "its result [%lld, %lld] is %g where %g is right, off by %.1e of the "
                             "sum of magnitudes, %.1e allowed",
                             (long long)row, (long long)col, got, sum, fabs(got - sum) / size,
                             job->tolerance);
    }
    free(w);
    return status;
}

/* One query head: softmax of its scores over the keys that it sees. */
static void attend(const pw_sample *s, int64_t row, int64_t head, double *want, double *largest)
{
    const int64_t d = s->shape.head_dim, hk = s->shape.kv_heads, keys = s->shape.depth + row + 1;
    const int64_t kv = head / (s->shape.heads / hk);
    const float *q = pw_row(&s->plain.src[0], row * s->shape.heads + head);
    double top = -HUGE_VAL, sum = 0.0;
    *largest = 0.0;
    memset(want, 0, (size_t)d * sizeof *want);
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t at = 0; at < keys; at++) {
            const float *key = pw_row(&s->plain.src[1], at * hk + kv);
            double score = 0.0;
            for (int64_t i = 0; i < d; i++) score += (double)q[i] * (double)key[i];
            score *= (double)s->plain.params.scale;
            if (pass == 0) {
                top = fmax(top, score);
                continue;
            }
            const float *value = pw_row(&s->plain.src[2], at * hk + kv);
            const double weight = exp(score - top);
            sum += weight;
            for (int64_t i = 0; i < d; i++) {
                want[i] += weight * (double)value[i];
                *largest = fmax(*largest, fabs((double)value[i]));
            }
        }
    }
    for (int64_t i = 0; i < d; i++) want[i] /= sum;
}

static pewter_status check_attention(const rival_job *job, pewter_error *err)
{
    enum { DRAWS = 3, MOST_VALUES = 256 };
    const pw_sample *s = job->sample;
    const int64_t d = s->shape.head_dim, h = s->shape.heads;
    double want[MOST_VALUES], largest;
    pw_rng rng = {.state = 9};
    for (int i = 0; i < DRAWS && d <= MOST_VALUES; i++) {
        const int64_t row = pw_rng_range(&rng, 0, s->shape.n - 1);
        const int64_t head = pw_rng_range(&rng, 0, h - 1);
        attend(s, row, head, want, &largest);
        for (int64_t j = 0; j < d; j++) {
            const double got = (double)job->result[(row * h + head) * d + j];
            if (!(fabs(got - want[j]) <= job->tolerance * largest))
                return pw_fail(err, PEWTER_E_FORMAT, "its result is %g where %g is right", got,
                               want[j]);
        }
    }
    return PEWTER_OK;
}

pewter_status rival_check(const rival_job *job, pewter_error *err)
{
    if (job->check != NULL) return job->check(job, err);
    return job->sample->shape.row->op == PW_OP_ATTENTION ? check_attention(job, err)
                                                         : check_product(job, err);
}
