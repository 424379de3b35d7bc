#include <math.h>
#include <stdlib.h>

#include "kernels/quant.h"
#include "tests/check/check.h"

/* Sums over the rows of w, each times r: what r^T w is, and r^T |w| with the minima beside it. */
static void weigh_rows(const pw_sample *s, const double *r, double *sum, double *size,
                       double *minima_size)
{
    const int64_t k = s->shape.k;
    float *w = calloc((size_t)(2 * k), sizeof *w);
    if (w == NULL) abort();
    for (int64_t row = 0; row < s->shape.m; row++) {
        const void *from = pw_row(&s->plain.src[0], row);
        pw_dequantize(s->shape.weight, from, w, k);
        truth_minima(s->shape.weight, from, w + k, k);
        for (int64_t i = 0; i < k; i++) {
            sum[i] += r[row] * (double)w[i];
            size[i] += fabs(r[row] * (double)w[i]);
            minima_size[i] += fabs(r[row] * (double)w[k + i]);
        }
    }
    free(w);
}

/* r^T (w x) against (r^T w) x, for every row of x. */
static bool weighed_right(const pw_sample *s, pw_rng *rng, double *worst)
{
    const int64_t k = s->shape.k, m = s->shape.m;
    const bool loose =
        s->shape.row->act == PW_Q8X && (s->shape.weight == PW_Q4_K || s->shape.weight == PW_Q5_K);
    double *work = calloc((size_t)(m + 3 * k), sizeof *work);
    if (work == NULL) abort();
    double *r = work, *sum = r + m, *size = sum + k, *minima_size = size + k;
    for (int64_t row = 0; row < m; row++) r[row] = (double)pw_rng_normal(rng);
    weigh_rows(s, r, sum, size, minima_size);

    bool same = true;
    for (int64_t i = 0; i < s->shape.n; i++) {
        const float *x = pw_row(&s->plain.src[1], i), *y = pw_row(&s->call.dst, i);
        double got = 0.0, want = 0.0, slack = 0.0;
        for (int64_t row = 0; row < m; row++) got += r[row] * (double)y[row];
        for (int64_t j = 0; j < k; j++) {
            const double size_x = fabs((double)x[j]);
            want += sum[j] * (double)x[j];
            slack += 0x1p-17 * size[j] * size_x + (loose ? 0x1p-12 * minima_size[j] * size_x : 0.0);
        }
        *worst = fabs(got - want);
        if (!(*worst <= slack)) {
            same = false;
            break;
        }
    }
    free(work);
    return same;
}

bool check_product(check *c, const pw_kernel *row)
{
    enum { K = 1280, M = 517, N = 131 };
    pw_rng rng = check_rng(c, row->name, -100);
    pw_sample_shape shape;
    if (!check_shape(c, row, &rng, &shape)) return false;
    shape.k = K;
    shape.m = M;
    shape.n = row->max_n != 0 ? row->max_n : N;
    shape.epilogues = 0;
    shape.in_place = false;
    const pw_call call = pw_sample_call(&shape);
    if (row->fits != NULL && !row->fits(&call)) return true;

    pw_sample s;
    check_make(c, &shape, &rng, &s);
    check_run(c, row, &s.call, &rng);
    double worst = 0.0;
    bool ok = true;
    if (!weighed_right(&s, &rng, &worst))
        ok = check_fail(c, row, &shape, "large product is off by %.3g", worst);
    pw_sample_free(&s);
    return ok;
}
