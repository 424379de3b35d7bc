#include "tools/server/queue.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/server/clock.h"

struct queue {
    pewter_engine *engine;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t news; /* a job was added or left, or the end is wanted */
    job *waiting, **last_waiting;
    job *running; /* oldest first */
    size_t n_waiting, n_running, most_waiting, most_running;
    bool closed, ending;
    shares shares;
};

void queue_lock(queue *q)
{
    pthread_mutex_lock(&q->lock);
}

void queue_unlock(queue *q)
{
    pthread_mutex_unlock(&q->lock);
}

static void free_job(job *j)
{
    for (size_t i = 0; i < REQUEST_MAX_CHOICES; i++) {
        text_wipe(&j->answer[i].said);
        token_log_free(&j->answer[i].log);
    }
    token_log_free(&j->prompt);
    request_free(&j->request);
    free(j);
}

static void wake(job *j)
{
    if (!j->waits) return;
    j->waits = false;
    j->wake(j->context);
}

/* Nothing more will come of the job; the engine thread holds it no more. */
static void end_job(job *j)
{
    j->ended = true;
    if (j->left)
        free_job(j);
    else
        wake(j);
}

/* Nobody wants its answers any more. */
static bool is_gone(const job *j)
{
    return j->left || j->dropped;
}

static void cancel(job *j)
{
    for (size_t i = 0; i < REQUEST_MAX_CHOICES; i++) pewter_cancel(j->session[i]);
}

/* ---- The engine thread ----------------------------------------------------------------------- */

static void free_sessions(pewter_session *const sessions[REQUEST_MAX_CHOICES])
{
    for (size_t i = 0; i < REQUEST_MAX_CHOICES; i++) pewter_session_free(sessions[i]);
}

/* Takes a job's sessions out of the poll thread's reach, and frees them. */
static void end_sessions(queue *q, job *j)
{
    pewter_session *sessions[REQUEST_MAX_CHOICES];
    queue_lock(q);
    memcpy(sessions, j->session, sizeof sessions);
    memset(j->session, 0, sizeof j->session);
    queue_unlock(q);
    free_sessions(sessions);
}

/* Sessions with the prompt in them. PEWTER_E_LIMIT: not now. */
static pewter_status begin(const request *r, pewter_session *sessions[REQUEST_MAX_CHOICES],
                           pewter_error *err)
{
    for (int32_t i = 0; i < r->choices; i++) {
        pewter_session_options options = r->options;
        options.seed += (uint64_t)i;
        pewter_status status = pewter_session_new(r->model->model, &options, &sessions[i], err);
        if (status == PEWTER_OK) status = pewter_prompt(sessions[i], r->ids, r->n_ids, err);
        if (status == PEWTER_OK) continue;
        free_sessions(sessions);
        return status;
    }
    return PEWTER_OK;
}

/* Tokens of context that a job's sessions may hold. */
static int64_t context_of(const job *j)
{
    return j->request.options.context * j->request.choices;
}

/* The next job to run: of the key with the fewest that run, the oldest. Its place in the list; NULL: none fits. */
static job **next_job(queue *q)
{
    job **best = NULL;
    size_t fewest = 0;
    for (job **at = &q->waiting; *at != NULL; at = &(*at)->next) {
        const key_use *use = shares_of(&q->shares, (*at)->request.options.share);
        if (use == NULL) continue;
        const bool gone = is_gone(*at);
        if (!gone && !shares_fit(&q->shares, use, context_of(*at))) continue;
        if (best != NULL && !gone && use->running >= fewest) continue;
        best = at;
        fewest = gone ? 0 : use->running;
        if (gone) break;
    }
    return best;
}

static void take_out(queue *q, job **at)
{
    job *j = *at;
    *at = j->next;
    if (j->next == NULL) q->last_waiting = at;
    q->n_waiting--;
    j->next = NULL;
    j->request.model->metrics->waiting--;
    key_use *use = shares_of(&q->shares, j->request.options.share);
    if (use != NULL) use->waiting--;
}

static void begin_running(queue *q, job *j)
{
    model_metrics *m = j->request.model->metrics;
    job **at = &q->running;
    while (*at != NULL) at = &(*at)->next;
    *at = j;
    q->n_running++;
    m->running++;
    m->prompt_tokens += j->request.n_ids;
    metrics_seconds(&m->waited, clock_seconds_since(j->added_ns));
    metrics_tokens(&m->prompt, (double)j->request.n_ids);
    key_use *use = shares_of(&q->shares, j->request.options.share);
    if (use == NULL) return;
    use->running++;
    use->context += context_of(j);
    shares_spend(&q->shares, use, (int64_t)j->request.n_ids, clock_ns());
}

static void end_running(queue *q, const job *j)
{
    model_metrics *m = j->request.model->metrics;
    q->n_running--;
    m->running--;
    metrics_seconds(&m->whole, clock_seconds_since(j->added_ns));
    key_use *use = shares_of(&q->shares, j->request.options.share);
    if (use == NULL) return;
    use->running--;
    use->context -= context_of(j);
    for (int32_t i = 0; i < j->request.choices; i++)
        shares_spend(&q->shares, use, j->answer[i].tokens, clock_ns());
}

/* Moves what waits and fits to what runs. Called and left under the lock; jobs may be added meanwhile, at the end. */
static void admit(queue *q)
{
    job **at;
    while (q->n_running < q->most_running && (at = next_job(q)) != NULL) {
        job *j = *at;
        pewter_session *sessions[REQUEST_MAX_CHOICES] = {NULL};
        pewter_error err;
        const bool gone = is_gone(j);
        queue_unlock(q);
        const pewter_status status = gone ? PEWTER_E_CANCELLED : begin(&j->request, sessions, &err);
        queue_lock(q);
        if (status == PEWTER_E_LIMIT && q->n_running > 0) return;
        take_out(q, at);
        if (status != PEWTER_OK) {
            if (status != PEWTER_E_CANCELLED)
                refuse_status(&j->failed, status, &err);
            else
                refuse(&j->failed, 499, NULL, "the client has left");
            end_job(j);
            continue;
        }
        memcpy(j->session, sessions, sizeof sessions);
        if (is_gone(j)) cancel(j); /* meanwhile */
        begin_running(q, j);
    }
}

/* Counts the token that came of an answer, and its end. Under the lock. */
static void note_token(const job *j, job_answer *a, const pewter_piece *piece, int64_t tokens)
{
    model_metrics *m = j->request.model->metrics;
    if (tokens > a->tokens) {
        const int64_t now = clock_ns();
        if (a->last_ns == 0)
            metrics_seconds(&m->first_token, (double)(now - j->added_ns) * 1e-9);
        else
            metrics_seconds(&m->next_token,
                            (double)(now - a->last_ns) * 1e-9 / (double)(tokens - a->tokens));
        a->last_ns = now;
        m->generated_tokens += (uint64_t)(tokens - a->tokens);
    }
    if (piece->finish == PEWTER_FINISH_NONE) return;
    m->ends[piece->finish]++;
    metrics_tokens(&m->answer, (double)tokens);
}

/* Takes the log-probabilities of the prompt out of a session, once. */
static pewter_status take_prompt(queue *q, job *j, const pewter_session *session, pewter_error *err)
{
    if (!j->request.options.prompt_logprobs || j->prompt.n > 0) return PEWTER_OK;
    token_log log = {.top = (size_t)j->request.options.top_logprobs};
    pewter_status status = PEWTER_OK;
    for (size_t i = 0; i < j->request.n_ids && status == PEWTER_OK; i++) {
        pewter_logprob own, top[PROBS_MAX_TOP];
        size_t n = 0;
        status = pewter_prompt_logprobs(session, (int64_t)i, &own, top, PROBS_MAX_TOP, &n, err);
        if (status == PEWTER_OK) token_log_add(&log, own, top, n);
    }
    queue_lock(q);
    j->prompt = log;
    queue_unlock(q);
    return status;
}

/* What the sessions of a job have said since the last step; true while one goes on. */
static bool take_pieces(queue *q, job *j)
{
    bool goes_on = false;
    for (int32_t i = 0; i < j->request.choices; i++) {
        job_answer *a = &j->answer[i];
        if (a->finish != PEWTER_FINISH_NONE) continue;
        pewter_piece piece = {.size = sizeof piece};
        pewter_stats stats = {.size = sizeof stats};
        pewter_error err;
        pewter_status status = pewter_next(j->session[i], &piece, &err);
        if (status == PEWTER_OK) status = pewter_stats_get(j->session[i], &stats, &err);
        if (status == PEWTER_OK && stats.generated_tokens > 0)
            status = take_prompt(q, j, j->session[i], &err);
        queue_lock(q);
        if (status != PEWTER_OK) refuse_status(&j->failed, status, &err);
        const int64_t prompt = (int64_t)j->request.n_ids;
        if (a->tokens == 0 && stats.generated_tokens > 0 && stats.prompt_tokens < prompt)
            a->cached = prompt - stats.prompt_tokens;
        if (!j->request.no_answer) {
            text_add(&a->said, piece.text, piece.bytes);
            a->log.top = (size_t)j->request.options.top_logprobs;
            if (piece.token >= 0 && j->request.options.logprobs)
                token_log_add(&a->log, (pewter_logprob){piece.token, piece.logprob}, piece.top,
                              piece.n_top);
        }
        note_token(j, a, &piece, stats.generated_tokens);
        a->tokens = j->request.no_answer ? 0 : stats.generated_tokens;
        a->finish = status == PEWTER_OK ? piece.finish : PEWTER_FINISH_ERROR;
        if (a->said.failed || a->log.failed || j->prompt.failed) a->finish = PEWTER_FINISH_ERROR;
        if (piece.bytes > 0 && j->request.stream) wake(j); /* a whole answer waits for the end */
        goes_on |= a->finish == PEWTER_FINISH_NONE;
        queue_unlock(q);
    }
    return goes_on;
}

static void fail_all(queue *q, pewter_status status, const pewter_error *err)
{
    queue_lock(q);
    for (job *j = q->running; j != NULL; j = j->next) {
        refuse_status(&j->failed, status, err);
        for (int32_t i = 0; i < j->request.choices; i++) j->answer[i].finish = PEWTER_FINISH_ERROR;
    }
    queue_unlock(q);
}

/* How a model's room is used, for who asks. */
static void note_room(queue *q, const served_model *model)
{
    pewter_kv_use use = {.size = sizeof use};
    if (pewter_kv_use_get(model->model, &use, NULL) != PEWTER_OK) return;
    queue_lock(q);
    model->metrics->kv = use;
    queue_unlock(q);
}

/* One step of the engine for all that runs. */
static void step(queue *q)
{
    pewter_error err;
    size_t ready;
    const pewter_status status = pewter_step(q->engine, &ready, &err);
    if (status != PEWTER_OK) fail_all(q, status, &err);
    job **at = &q->running;          /* only this thread changes the list */
    const served_model *last = NULL; /* neighbours are mostly of one model */
    while (*at != NULL) {
        job *j = *at;
        const bool goes_on = take_pieces(q, j);
        if (!goes_on) end_sessions(q, j);
        if (!goes_on || j->request.model != last) note_room(q, j->request.model);
        last = j->request.model;
        if (goes_on) {
            at = &j->next;
            continue;
        }
        queue_lock(q);
        *at = j->next;
        end_running(q, j);
        end_job(j);
        queue_unlock(q);
    }
}

static void *work(void *context)
{
    queue *q = context;
    queue_lock(q);
    while (!q->ending || q->running != NULL) {
        if (q->ending)
            for (job *j = q->running; j != NULL; j = j->next) cancel(j);
        else
            admit(q);
        const bool idle = q->running == NULL;
        if (idle && !q->ending && q->waiting == NULL) pthread_cond_wait(&q->news, &q->lock);
        queue_unlock(q);
        if (!idle) step(q);
        queue_lock(q);
    }
    while (q->waiting != NULL) {
        job *j = q->waiting;
        take_out(q, &q->waiting);
        refuse(&j->failed, 503, NULL, "the server ends");
        end_job(j);
    }
    queue_unlock(q);
    return NULL;
}

/* ---- The poll thread ------------------------------------------------------------------------- */

bool queue_add(queue *q, job *j, refusal *r)
{
    queue_lock(q);
    bool ok = !q->closed;
    if (!ok) {
        refuse(r, 503, NULL, "the server ends: no new requests are taken");
    } else if (q->n_waiting >= q->most_waiting) {
        ok = refuse(r, 429, NULL, "%zu requests wait already: try again later", q->n_waiting);
        r->code = "rate_limit_exceeded";
    }
    if (!ok) r->retry_after = 1;
    key_use *use = ok ? shares_of(&q->shares, j->request.options.share) : NULL;
    if (ok && use == NULL) {
        refuse(r, 503, NULL, "no memory for a request");
        ok = false;
    }
    if (ok) ok = shares_allow(&q->shares, use, context_of(j), clock_ns(), r);
    if (ok) {
        use->waiting++;
        j->next = NULL;
        *q->last_waiting = j;
        q->last_waiting = &j->next;
        q->n_waiting++;
        j->added_ns = clock_ns();
        j->request.model->metrics->waiting++;
        pthread_cond_signal(&q->news);
    }
    queue_unlock(q);
    return ok;
}

void queue_drop(job *j)
{
    j->dropped = true;
    cancel(j);
}

void queue_leave(queue *q, job *j)
{
    queue_lock(q);
    j->left = true;
    j->waits = false;
    if (j->ended) {
        free_job(j);
    } else {
        cancel(j);
    }
    queue_unlock(q);
}

void queue_close(queue *q)
{
    queue_lock(q);
    q->closed = true;
    queue_unlock(q);
}

queue *queue_new(pewter_engine *engine, size_t waiting, size_t running, const key_limits *limits)
{
    queue *q = calloc(1, sizeof *q);
    if (q == NULL) {
        fprintf(stderr, "pewter serve: no memory for a queue\n");
        return NULL;
    }
    q->engine = engine;
    q->most_waiting = waiting;
    q->most_running = running;
    q->shares.limits = *limits;
    q->last_waiting = &q->waiting;
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->news, NULL);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(&q->thread, NULL, work, q);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed == 0) return q;
    fprintf(stderr, "pewter serve: no thread for the engine: %s\n", strerror(failed));
    free(q);
    return NULL;
}

void queue_stop(queue *q)
{
    queue_lock(q);
    q->closed = q->ending = true;
    pthread_cond_signal(&q->news);
    queue_unlock(q);
    pthread_join(q->thread, NULL);
}

void queue_free(queue *q)
{
    if (q == NULL) return;
    pthread_cond_destroy(&q->news);
    pthread_mutex_destroy(&q->lock);
    shares_free(&q->shares);
    free(q);
}
