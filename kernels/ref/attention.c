#include <math.h>

#include "kernels/math.h"
#include "kernels/quant.h"
#include "kernels/ref/ref.h"
#include "pw/num.h"

/* Keys are taken in chunks counted from position 0; sums run over a part and parts are merged in
 * ascending order, however the prompt was cut. */
enum { CHUNK = 256, PART = 2048 };

/* A softmax on its way: values weighed by exp(score - max), and the sum of these weights. */
typedef struct state {
    double max, sum;
} state;

/* What one task holds for the `group` query heads of its KV head. */
typedef struct work {
    const pw_call *call;
    const int32_t *pages;
    int64_t d, group, row, kv_head;
    float *decoded;           /* [d] a key or a value */
    double *score;            /* [CHUNK, group] */
    state *part, *total;      /* [group] */
    double *in_part, *answer; /* [d, group] weighed values of the part, of all */
} work;

static size_t bytes_of(int64_t count, size_t size)
{
    return pw_align_up((size_t)count * size, 64);
}

size_t pw_ref_attention_scratch(const pw_call *shape)
{
    const int64_t d = shape->params.head_dim;
    const int64_t group = shape->params.heads / shape->params.kv_heads;
    return bytes_of(d, sizeof(float)) + bytes_of(CHUNK * group, sizeof(double)) +
           2 * bytes_of(group, sizeof(state)) + 2 * bytes_of(d * group, sizeof(double));
}

int64_t pw_ref_attention_extent(const pw_call *call)
{
    return call->src[0].n[2] * call->params.kv_heads;
}

static void *take(char **at, size_t bytes)
{
    char *taken = *at;
    *at += bytes;
    return taken;
}

static void decode(const work *w, int64_t pos, bool values)
{
    const char *slot = pw_ref_slot(w->call, &w->call->src[1], w->pages[pos / PW_PAGE],
                                   pos % PW_PAGE, w->kv_head, values);
    pw_dequantize(w->call->params.kv->dtype, slot, w->decoded, w->d);
}

/* Scores of keys [begin, end), one chunk at most, for each head of the group. */
static void score_keys(const work *w, int64_t begin, int64_t end)
{
    const pw_params *p = &w->call->params;
    for (int64_t pos = begin; pos < end; pos++) {
        decode(w, pos, false);
        for (int64_t g = 0; g < w->group; g++) {
            const int64_t head = w->kv_head * w->group + g;
            const float *q = pw_row(&w->call->src[0], w->row * p->heads + head);
            double sum = 0.0;
            for (int64_t i = 0; i < w->d; i++) sum += (double)q[i] * (double)w->decoded[i];
            w->score[g * CHUNK + pos - begin] = sum * (double)p->scale;
        }
    }
}

/* Multiplies what is there by `factor`. */
static void weaken(double *values, int64_t d, double factor)
{
    for (int64_t i = 0; i < d; i++) values[i] *= factor;
}

/* Adds keys [begin, end), one chunk at most, to the part. */
static void add_chunk(const work *w, int64_t begin, int64_t end)
{
    score_keys(w, begin, end);
    for (int64_t g = 0; g < w->group; g++) {
        double *score = w->score + g * CHUNK;
        state *part = &w->part[g];
        double max = part->max;
        for (int64_t i = 0; i < end - begin; i++) max = score[i] > max ? score[i] : max;

        const double factor = pw_exp(part->max - max);
        weaken(w->in_part + g * w->d, w->d, factor);
        part->sum *= factor;
        part->max = max;
        for (int64_t i = 0; i < end - begin; i++) {
            score[i] = pw_exp(score[i] - max);
            part->sum += score[i];
        }
    }
    for (int64_t pos = begin; pos < end; pos++) {
        decode(w, pos, true);
        for (int64_t g = 0; g < w->group; g++) {
            const double weight = w->score[g * CHUNK + pos - begin];
            double *sum = w->in_part + g * w->d;
            for (int64_t i = 0; i < w->d; i++) sum[i] += weight * (double)w->decoded[i];
        }
    }
}

/* Adds the part to the answer and empties it. */
static void merge_part(const work *w)
{
    for (int64_t g = 0; g < w->group; g++) {
        state *part = &w->part[g], *total = &w->total[g];
        double *from = w->in_part + g * w->d, *to = w->answer + g * w->d;
        const double max = part->max > total->max ? part->max : total->max;
        const double old = pw_exp(total->max - max), new = pw_exp(part->max - max);

        for (int64_t i = 0; i < w->d; i++) {
            to[i] = to[i] * old + from[i] * new;
            from[i] = 0.0;
        }
        *total = (state){max, total->sum * old + part->sum * new};
        *part = (state){(double)-INFINITY, 0.0};
    }
}

/* One row of the batch, all query heads of one KV head. */
static void attend(const work *w, int64_t pos)
{
    const int64_t window = w->call->params.window;
    const int64_t first = window > 0 && pos >= window ? pos - window + 1 : 0;

    for (int64_t g = 0; g < w->group; g++)
        w->part[g] = w->total[g] = (state){(double)-INFINITY, 0.0};
    for (int64_t i = 0; i < w->group * w->d; i++) w->in_part[i] = w->answer[i] = 0.0;

    for (int64_t at = first; at <= pos;) {
        const int64_t end = pw_min((at / CHUNK + 1) * CHUNK, pos + 1);
        add_chunk(w, at, end);
        if (end % PART == 0 || end == pos + 1) merge_part(w);
        at = end;
    }
    for (int64_t g = 0; g < w->group; g++) {
        const int64_t head = w->kv_head * w->group + g;
        float *y = pw_row(&w->call->dst, w->row * w->call->params.heads + head);
        for (int64_t i = 0; i < w->d; i++)
            y[i] = (float)(w->answer[g * w->d + i] / w->total[g].sum);
    }
}

/* Grouped-query attention over paged keys, causal, with or without a window.
 *   src[0]  q  [d, h, n]  f32
 *   src[1]  pool in a plain packing; the keys of the batch itself are stored already
 *   dst        [d, h, n]  f32
 * Task `t` is row t / kv_heads and KV head t mod kv_heads; scratch: pw_ref_attention_scratch.
 * Source: Milakov and Gimelshein 2018 (the running maximum), Ainslie et al. 2023 (groups). */
void pw_ref_attention(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    const pw_params *p = &call->params;
    work w = {.call = call, .d = p->head_dim, .group = p->heads / p->kv_heads};
    char *at = scratch;
    w.decoded = take(&at, bytes_of(w.d, sizeof(float)));
    w.score = take(&at, bytes_of(CHUNK * w.group, sizeof(double)));
    w.part = take(&at, bytes_of(w.group, sizeof(state)));
    w.total = take(&at, bytes_of(w.group, sizeof(state)));
    w.in_part = take(&at, bytes_of(w.d * w.group, sizeof(double)));
    w.answer = take(&at, bytes_of(w.d * w.group, sizeof(double)));

    for (int64_t task = begin; task < end; task++) {
        w.row = task / p->kv_heads;
        w.kv_head = task % p->kv_heads;
        const pw_sequence *sequence = pw_ref_sequence(call->batch, w.row);
        w.pages = sequence->pages;
        attend(&w, sequence->pos + w.row - sequence->first);
    }
}
