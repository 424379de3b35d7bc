#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/quant.h"
#include "pw/num.h"
#include "tests/check/check.h"

/* Below this nothing is asked for: f32 has few bits left there, and its exp is cut off. */
static const double tiny = 0x1p-100;

/* Scratch of the truth itself; the program ends where there is none. */
static void *need(size_t count, size_t size)
{
    void *data = calloc(count == 0 ? 1 : count, size);
    if (data == NULL) abort();
    return data;
}

void truth_minima(pw_dtype dtype, const void *src, float *out, int64_t k)
{
    size_t begin = 0, end = 0; /* bytes of a block that hold the quants */
    if (dtype == PW_Q4_1) begin = 4, end = 20;
    if (dtype == PW_Q5_1) begin = 4, end = 24;
    if (dtype == PW_Q2_K) begin = 16, end = 80;
    if (dtype == PW_Q4_K) begin = 16, end = 144;
    if (dtype == PW_Q5_K) begin = 16, end = 176;
    if (end == 0) {
        for (int64_t i = 0; i < k; i++) out[i] = 0.0f;
        return;
    }
    const pw_dtype_info *info = pw_dtype_get(dtype);
    unsigned char block[256];
    for (int64_t b = 0; b < k / info->block; b++) {
        memcpy(block, (const char *)src + (size_t)b * info->block_bytes, info->block_bytes);
        memset(block + begin, 0, end - begin);
        pw_dequantize(dtype, block, out + b * info->block, info->block);
    }
}

static double silu(double x)
{
    return x / (1.0 + exp(-x));
}

/* Sums of one row of weights with one row of activations, and the error allowed. */
static double dot(const pw_sample *s, const float *w, const float *minima, const float *x,
                  double *error)
{
    const bool int16 = s->shape.row->act == PW_Q8X;
    const bool k_minima = s->shape.weight == PW_Q4_K || s->shape.weight == PW_Q5_K;
    double sum = 0.0, size = 0.0, minima_size = 0.0;
    for (int64_t i = 0; i < s->shape.k; i++) {
        sum += (double)w[i] * (double)x[i];
        size += fabs((double)w[i] * (double)x[i]);
        minima_size += fabs((double)minima[i] * (double)x[i]);
    }
    *error = 0x1p-17 * size + (int16 && k_minima ? 0x1p-12 * minima_size : 0.0);
    return sum;
}

static void matmul(const pw_sample *s, double *want, double *slack)
{
    const pw_tensor *src = s->plain.src;
    const int64_t k = s->shape.k, m = s->shape.m, n = s->shape.n;
    const uint32_t epilogues = s->shape.epilogues;
    float *rows = need((size_t)(4 * k), sizeof *rows);

    for (int64_t row = 0; row < m; row++) {
        for (int part = 0; part < 2; part++) {
            if (part == 1 && (epilogues & PW_EPILOGUE_GLU) == 0) continue;
            const void *from = pw_row(&src[2 * part], row);
            pw_dequantize(s->shape.weight, from, rows + 2 * part * k, k);
            truth_minima(s->shape.weight, from, rows + (2 * part + 1) * k, k);
        }
        for (int64_t i = 0; i < n; i++) {
            const float *x = pw_row(&src[1], i);
            double error, value = dot(s, rows, rows + k, x, &error);
            if ((epilogues & PW_EPILOGUE_GLU) != 0) {
                double up_error;
                const double up = dot(s, rows + 2 * k, rows + 3 * k, x, &up_error);
                const double gate = silu(value); /* its slope is below 1.1 everywhere */
                error = 1.1 * error * (fabs(up) + up_error) + fabs(gate) * up_error;
                value = gate * up;
                error += 0x1p-19 * fabs(value) + tiny * fabs(up);
            }
            const double first = fabs(value);
            double others = 0.0;
            if ((epilogues & PW_EPILOGUE_BIAS) != 0) {
                const double b = (double)((const float *)src[3].data)[row];
                value += b;
                others += fabs(b);
            }
            if ((epilogues & PW_EPILOGUE_ADD) != 0) {
                const double r = (double)((const float *)pw_row(&src[4], i))[row];
                value += r;
                others += fabs(r);
            }
            want[i * m + row] = value;
            slack[i * m + row] = error + (others > 0.0 ? 0x1p-22 * (first + others) : 0.0) + tiny;
        }
    }
    free(rows);
}

static void norm(const pw_sample *s, double *want, double *slack)
{
    const pw_tensor *x = &s->plain.src[1];
    const float *w = s->plain.src[0].data;
    const int64_t d = x->n[0];
    for (int64_t row = 0; row < pw_rows(x); row++) {
        const float *from = pw_row(x, row);
        double sum = 0.0;
        for (int64_t i = 0; i < d; i++) sum += (double)from[i] * (double)from[i];
        const double root = sqrt(sum / (double)d + (double)s->plain.params.eps);
        for (int64_t i = 0; i < d; i++) {
            const double y = (double)w[i] * (double)from[i] / root;
            want[row * d + i] = y;
            slack[row * d + i] = 0x1p-20 * fabs(y) + tiny;
        }
    }
}

static void rope(const pw_sample *s, double *want, double *slack)
{
    const pw_tensor *x = &s->plain.src[0], *table = &s->plain.src[1];
    const int64_t d = x->n[0], pairs = table->n[0] / 2;
    for (int64_t row = 0; row < pw_rows(x); row++) {
        const float *from = pw_row(x, row), *turn = pw_row(table, row / x->n[1]);
        double *to = want + row * d, *error = slack + row * d;
        for (int64_t i = 2 * pairs; i < d; i++) {
            to[i] = (double)from[i];
            error[i] = 0.0;
        }
        for (int64_t i = 0; i < pairs; i++) {
            const int64_t a = s->shape.neox ? i : 2 * i, b = s->shape.neox ? i + pairs : 2 * i + 1;
            const double x0 = (double)from[a], x1 = (double)from[b];
            const double c = (double)turn[2 * i], sine = (double)turn[2 * i + 1];
            to[a] = x0 * c - x1 * sine;
            to[b] = x0 * sine + x1 * c;
            error[a] = error[b] = 0x1p-21 * (fabs(x0) + fabs(x1)) + tiny;
        }
    }
}

static void glu(const pw_sample *s, double *want, double *slack)
{
    const int64_t d = s->shape.k;
    for (int64_t row = 0; row < s->shape.n; row++) {
        const float *gate = pw_row(&s->plain.src[0], row), *up = pw_row(&s->plain.src[1], row);
        for (int64_t i = 0; i < d; i++) {
            const double y = silu((double)gate[i]) * (double)up[i];
            want[row * d + i] = y;
            slack[row * d + i] = 0x1p-19 * fabs(y) + tiny * (1.0 + fabs((double)up[i]));
        }
    }
}

/* EMBED and ADD: exact in f32. */
static void exact(const pw_sample *s, double *want, double *slack)
{
    const pw_tensor *src = s->plain.src;
    const int64_t d = s->shape.k;
    float *decoded = need((size_t)d, sizeof *decoded);
    for (int64_t row = 0; row < s->shape.n; row++) {
        if (s->call.op == PW_OP_EMBED) {
            const int32_t id = ((const int32_t *)src[1].data)[row];
            pw_dequantize(s->shape.weight, pw_row(&src[0], id), decoded, d);
        } else {
            const float *a = pw_row(&src[0], row);
            const float *b = pw_row(&src[1], s->shape.broadcast ? 0 : row);
            for (int64_t i = 0; i < d; i++) decoded[i] = a[i] + b[i];
        }
        for (int64_t i = 0; i < d; i++) {
            want[row * d + i] = (double)decoded[i];
            slack[row * d + i] = 0.0;
        }
    }
    free(decoded);
}

/* One query head: softmax over keys [first, last] of the sequence whose keys begin at row `base`. */
static void attend(const pw_sample *s, const float *q, int64_t kv_head, int64_t base, int64_t first,
                   int64_t last, double *want, double *slack)
{
    const pw_tensor *keys = &s->plain.src[1], *values = &s->plain.src[2];
    const int64_t d = s->shape.head_dim, hk = s->shape.kv_heads;
    double *score = need((size_t)(last - first + 1), sizeof *score);
    double top = -(double)INFINITY, sum = 0.0, largest = 0.0;
    for (int64_t pos = first; pos <= last; pos++) {
        const float *key = pw_row(keys, (base + pos) * hk + kv_head);
        double product = 0.0;
        for (int64_t i = 0; i < d; i++) product += (double)q[i] * (double)key[i];
        score[pos - first] = product * (double)s->plain.params.scale;
        top = fmax(top, score[pos - first]);
    }
    for (int64_t i = 0; i < d; i++) want[i] = 0.0;
    for (int64_t pos = first; pos <= last; pos++) {
        const float *value = pw_row(values, (base + pos) * hk + kv_head);
        const double weight = exp(score[pos - first] - top);
        sum += weight;
        for (int64_t i = 0; i < d; i++) {
            want[i] += weight * (double)value[i];
            largest = fmax(largest, fabs((double)value[i]));
        }
    }
    /* A lone key has all the weight: nothing is left to be rounded but the value as stored. */
    const bool rounded = s->shape.row->kv->dtype == PW_BF16 && last > first;
    const double share = rounded ? 0x1p-7 : 0x1p-16;
    for (int64_t i = 0; i < d; i++) {
        want[i] /= sum;
        slack[i] = share * largest;
    }
    free(score);
}

static void attention(const pw_sample *s, double *want, double *slack)
{
    const int64_t h = s->shape.heads, d = s->shape.head_dim, group = h / s->shape.kv_heads;
    for (int64_t i = 0; i < s->batch.n_sequences; i++) {
        const pw_sequence *sequence = &s->sequences[i];
        for (int64_t j = 0; j < sequence->count; j++) {
            const int64_t row = sequence->first + j, pos = sequence->pos + j;
            const int64_t first = s->shape.window > 0 ? pw_max(0, pos - s->shape.window + 1) : 0;
            for (int64_t head = 0; head < h; head++) {
                const int64_t at = (row * h + head) * d;
                attend(s, pw_row(&s->plain.src[0], row * h + head), head / group,
                       s->stored[i].first, first, pos, want + at, slack + at);
            }
        }
    }
}

void truth_of(const pw_sample *s, double *want, double *slack)
{
    switch (s->call.op) {
    case PW_OP_MATMUL: matmul(s, want, slack); break;
    case PW_OP_NORM: norm(s, want, slack); break;
    case PW_OP_ROPE: rope(s, want, slack); break;
    case PW_OP_GLU: glu(s, want, slack); break;
    case PW_OP_EMBED:
    case PW_OP_ADD: exact(s, want, slack); break;
    case PW_OP_ATTENTION: attention(s, want, slack); break;
    case PW_OP_CAST:
    case PW_OP_KV_STORE:
    case PW_OP_COUNT: break;
    }
}
