/* Logits and log-probabilities of tokens that are given. */
#include "pw/num.h"
#include "pw/status.h"
#include "runtime/engine/engine.h"

pewter_status pewter_prompt_logprobs(const pewter_session *session, int64_t at, pewter_logprob *own,
                                     pewter_logprob *top, size_t cap, size_t *count,
                                     pewter_error *err)
{
    if (session == NULL || own == NULL || count == NULL || !session->options.prompt_logprobs ||
        at < 0 || at >= session->prompt_end)
        return pw_fail(err, PEWTER_E_ARG,
                       "pewter_prompt_logprobs: a session with prompt_logprobs and a token of its "
                       "prompt are wanted, %lld found",
                       (long long)at);
    PW_TRY(pw_enter(session->model->engine, err));
    pewter_status status = PEWTER_OK;
    const pewter_logprob *row = session->prompt + at * (session->options.top_logprobs + 1);
    if (at > 0 && at >= session->prompt_noted) {
        status = pw_fail(err, PEWTER_E_LIMIT, "token %lld of the prompt is not computed yet",
                         (long long)at);
    } else {
        *own = at > 0 ? row[0] : (pewter_logprob){.token = session->tokens[0]};
        *count = at > 0 ? (size_t)session->options.top_logprobs : 0;
        for (size_t i = 0; i < cap && i < *count; i++) top[i] = row[1 + i];
    }
    pw_leave(session->model->engine);
    return status;
}

typedef bool each_fn(void *context, int64_t pos, const float *logits, int64_t vocab);

/* Appends tokens and computes them, `each` seeing the logits at every one; false from it stops. */
static pewter_status compute(pewter_session *session, const int32_t *ids, size_t count,
                             each_fn *each, void *context, pewter_error *err)
{
    session->running = false;
    atomic_store(&session->cancelled, 0);
    PW_TRY(pw_session_append(session, ids, count, err));
    const int64_t vocab = pw_model_vocab(session->model->file);
    while (session->computed < session->n_tokens) {
        const int64_t pos = session->computed;
        const float *logits;
        int64_t rows;
        PW_TRY(pw_batch_logits(session, &logits, &rows, err));
        for (int64_t i = 0; i < rows; i++)
            if (!each(context, pos + i, logits + i * vocab, vocab))
                return pw_fail(err, PEWTER_E_CANCELLED, "cancelled");
    }
    return PEWTER_OK;
}

typedef struct logits_call {
    pewter_logits_fn *each;
    void *context;
    int64_t first; /* position of the first token given; those before it only waited */
} logits_call;

static bool pass_on(void *context, int64_t pos, const float *logits, int64_t vocab)
{
    const logits_call *call = context;
    if (pos >= call->first) call->each(call->context, pos, logits, vocab);
    return true;
}

pewter_status pewter_logits(pewter_session *session, const int32_t *ids, size_t count,
                            pewter_logits_fn *each, void *context, pewter_error *err)
{
    if (session == NULL || each == NULL || (ids == NULL && count > 0))
        return pw_fail(err, PEWTER_E_ARG, "pewter_logits: session, tokens and each are wanted");
    PW_TRY(pw_enter(session->model->engine, err));
    logits_call call = {each, context, session->n_tokens};
    const pewter_status status = compute(session, ids, count, pass_on, &call, err);
    pw_leave(session->model->engine);
    return status;
}

typedef struct score_call {
    const int32_t *tokens;
    int64_t n_tokens, first;
    double *out;
    pewter_progress_fn *progress;
    void *context;
} score_call;

static bool score_next(void *context, int64_t pos, const float *logits, int64_t vocab)
{
    const score_call *call = context;
    if (pos + 1 < call->first) return true; /* a token that only waited */
    if (pos + 1 < call->n_tokens)
        call->out[pos + 1 - call->first] =
            (double)logits[call->tokens[pos + 1]] - pw_log_sum_exp(logits, vocab);
    return call->progress == NULL ||
           call->progress(call->context, "scoring", (uint64_t)(pos + 1 - call->first),
                          (uint64_t)(call->n_tokens - call->first));
}

/* The token before the first one gives the first one's score, so it is computed again. */
static pewter_status score(pewter_session *session, const int32_t *ids, size_t count, double *out,
                           pewter_progress_fn *progress, void *progress_context, pewter_error *err)
{
    const int64_t first = session->n_tokens;
    if (count > 0) out[0] = 0.0;
    if (first > 0) session->computed = pw_min(session->computed, first - 1);
    score_call call = {.tokens = session->tokens,
                       .n_tokens = first + (int64_t)count,
                       .first = first,
                       .out = out,
                       .progress = progress,
                       .context = progress_context};
    return compute(session, ids, count, score_next, &call, err);
}

pewter_status pewter_score(pewter_session *session, const int32_t *ids, size_t count, double *out,
                           pewter_progress_fn *progress, void *progress_context, pewter_error *err)
{
    if (session == NULL || out == NULL || (ids == NULL && count > 0))
        return pw_fail(err, PEWTER_E_ARG, "pewter_score: session, tokens and out are wanted");
    PW_TRY(pw_enter(session->model->engine, err));
    const pewter_status status = score(session, ids, count, out, progress, progress_context, err);
    pw_leave(session->model->engine);
    return status;
}
