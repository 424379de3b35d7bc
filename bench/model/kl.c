#include "bench/model/kl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pw/num.h"
#include "pw/status.h"

typedef struct rows {
    float *to;
    int64_t vocab;
} rows;

static void keep(void *context, int64_t pos, const float *logits, int64_t vocab)
{
    const rows *r = context;
    memcpy(r->to + pos * vocab, logits, (size_t)vocab * sizeof *logits);
}

pewter_status kl_rows(pewter_model *model, int64_t count, float **out, pewter_error *err)
{
    pewter_model_info info = {.size = sizeof info};
    PW_TRY(pewter_model_get(model, &info, err));
    size_t values, bytes;
    rows r = {.vocab = info.vocab};
    int32_t *tokens = calloc((size_t)count, sizeof *tokens);
    if (pw_mul((size_t)count, (size_t)info.vocab, &values) && pw_mul(values, sizeof(float), &bytes))
        r.to = malloc(bytes);
    pewter_session *session = NULL;
    pewter_session_options options = pewter_session_defaults();
    options.context = count + 1;
    pewter_status status = PEWTER_OK;
    if (tokens == NULL || r.to == NULL)
        status = pw_fail(err, PEWTER_E_MEMORY, "no memory for %lld rows of %lld logits",
                         (long long)count, (long long)info.vocab);
    for (int64_t i = 0; i < count && tokens != NULL; i++) tokens[i] = test_token(i, info.vocab);
    if (status == PEWTER_OK) status = pewter_session_new(model, &options, &session, err);
    if (status == PEWTER_OK) status = pewter_logits(session, tokens, (size_t)count, keep, &r, err);
    pewter_session_free(session);
    free(tokens);
    if (status != PEWTER_OK) {
        free(r.to);
        return status;
    }
    *out = r.to;
    return PEWTER_OK;
}

/* log(sum(exp(x))), and where the largest stands. */
static double log_sum(const float *x, int64_t n, int64_t *top)
{
    *top = 0;
    for (int64_t i = 1; i < n; i++)
        if (x[i] > x[*top]) *top = i;
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) sum += exp((double)x[i] - (double)x[*top]);
    return (double)x[*top] + log(sum);
}

record_kl kl_between(const float *exact, const float *other, int64_t count, int64_t vocab)
{
    record_kl kl = {.n = count};
    for (int64_t row = 0; row < count; row++) {
        const float *p = exact + row * vocab, *q = other + row * vocab;
        int64_t top_p, top_q;
        const double sum_p = log_sum(p, vocab, &top_p), sum_q = log_sum(q, vocab, &top_q);
        double divergence = 0.0;
        for (int64_t i = 0; i < vocab; i++) {
            const double log_p = (double)p[i] - sum_p;
            divergence += exp(log_p) * (log_p - ((double)q[i] - sum_q));
        }
        if (divergence < 0.0) divergence = 0.0; /* by rounding only */
        kl.mean += divergence / (double)count;
        kl.most = fmax(kl.most, divergence);
        kl.same_top += (top_p == top_q ? 1.0 : 0.0) / (double)count;
    }
    return kl;
}
