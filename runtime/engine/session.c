/* One conversation: tokens, pages, sampler, text so far. */
#include <math.h>
#include <string.h>

#include "pw/clock.h"
#include "pw/num.h"
#include "pw/status.h"
#include "runtime/engine/prefix.h"

pewter_session_options pewter_session_defaults(void)
{
    return (pewter_session_options){.size = sizeof(pewter_session_options),
                                    .temperature = 0.8f,
                                    .top_k = 40,
                                    .top_p = 0.95f,
                                    .min_p = 0.05f,
                                    .repetition_penalty = 1.0f,
                                    .penalty_last = 64};
}

/* ---- Pages ----------------------------------------------------------------------------------- */

pewter_status pw_session_reserve(pewter_session *session, int64_t from, int64_t positions,
                                 pewter_error *err)
{
    pw_kv *kv = &session->model->kv;
    for (int64_t p = from / PW_PAGE; p < session->n_pages && p * PW_PAGE < positions; p++)
        PW_TRY(pw_kv_own(kv, &session->pages[p], err));
    while (session->n_pages * PW_PAGE < positions) {
        PW_TRY(pw_kv_take(kv, &session->pages[session->n_pages], err));
        session->n_pages++;
    }
    return PEWTER_OK;
}

static void drop_pages(pewter_session *session, int64_t keep)
{
    while (session->n_pages > keep) {
        session->n_pages--;
        pw_kv_drop(&session->model->kv, session->pages[session->n_pages]);
    }
}

void pw_session_evict(pewter_session *session)
{
    drop_pages(session, 0);
    session->computed = session->n_shared = 0;
}

/* ---- Life ------------------------------------------------------------------------------------ */

static pewter_status check_options(const pewter_session_options *o, int64_t context,
                                   pewter_error *err)
{
    if (o->context < 0 || o->context > context)
        return pw_fail(err, PEWTER_E_ARG, "session context: 0 to %lld wanted, %lld found",
                       (long long)context, (long long)o->context);
    if (o->max_tokens < 0)
        return pw_fail(err, PEWTER_E_ARG, "max_tokens: 0 or more wanted, %lld found",
                       (long long)o->max_tokens);
    const struct {
        const char *name;
        float value, low, high;
    } ranges[] = {
        {"temperature", o->temperature, 0.0f, 100.0f},
        {"top_k", (float)o->top_k, 0.0f, 1e9f},
        {"top_p", o->top_p, 0.0f, 1.0f},
        {"min_p", o->min_p, 0.0f, 1.0f},
        {"repetition_penalty", o->repetition_penalty, 0.01f, 100.0f},
        {"presence_penalty", o->presence_penalty, -100.0f, 100.0f},
        {"frequency_penalty", o->frequency_penalty, -100.0f, 100.0f},
        {"penalty_last", (float)o->penalty_last, -1.0f, 1e9f},
        {"top_logprobs", (float)o->top_logprobs, 0.0f, 20.0f},
        {"n_bias", (float)o->n_bias, 0.0f, 1024.0f},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (!(ranges[i].value >= ranges[i].low && ranges[i].value <= ranges[i].high))
            return pw_fail(err, PEWTER_E_ARG, "%s: %g to %g wanted, %g found", ranges[i].name,
                           (double)ranges[i].low, (double)ranges[i].high, (double)ranges[i].value);
    return PEWTER_OK;
}

/* Options of a caller that was built against an older, shorter struct. */
static pewter_status take_options(const pewter_session_options *given, pewter_session_options *out,
                                  pewter_error *err)
{
    *out = pewter_session_defaults();
    if (given == NULL) return PEWTER_OK;
    if (given->size < sizeof given->size || given->size > 4096)
        return pw_fail(err, PEWTER_E_ARG, "session options say they are %zu bytes", given->size);
    memcpy(out, given, given->size < sizeof *out ? given->size : sizeof *out);
    out->size = sizeof *out;
    return PEWTER_OK;
}

/* Copies the biases, and takes room for log-probabilities. */
static pewter_status fill_logprobs(pewter_session *s, pewter_error *err)
{
    pewter_session_options *o = &s->options;
    const int64_t vocab = s->model->plan->vocab;
    const size_t row = 1 + (size_t)o->top_logprobs;
    size_t prompt = 0;
    if (o->top_logprobs > vocab)
        return pw_fail(err, PEWTER_E_ARG, "top_logprobs: 0 to %lld wanted, %d found",
                       (long long)vocab, o->top_logprobs);
    pewter_logit_bias *bias = pw_arena_array(&s->arena, o->n_bias, sizeof *bias);
    s->top = pw_arena_array(&s->arena, row, sizeof *s->top);
    if (!o->prompt_logprobs || pw_mul((size_t)s->context, row, &prompt))
        s->prompt = pw_arena_array(&s->arena, prompt, sizeof *s->prompt);
    if (bias == NULL || s->top == NULL || s->prompt == NULL)
        return pw_fail(err, PEWTER_E_MEMORY, "no memory for log-probabilities");
    for (size_t i = 0; i < o->n_bias; i++) {
        bias[i] = o->bias[i];
        if (bias[i].token < 0 || bias[i].token >= vocab || !isfinite(bias[i].bias))
            return pw_fail(err, PEWTER_E_ARG,
                           "bias %zu: a finite number for a token from 0 to %lld wanted, %g for %d "
                           "found",
                           i, (long long)vocab - 1, (double)bias[i].bias, bias[i].token);
    }
    o->bias = bias;
    return PEWTER_OK;
}

static pewter_status fill(pewter_session *s, pewter_error *err)
{
    const pewter_model *model = s->model;
    s->context = s->options.context > 0 ? s->options.context : model->context;
    s->tokens = pw_arena_array(&s->arena, (size_t)s->context, sizeof *s->tokens);
    s->pages =
        pw_arena_array(&s->arena, (size_t)pw_ceil_div(s->context, PW_PAGE), sizeof *s->pages);
    if (s->tokens == NULL || s->pages == NULL)
        return pw_fail(err, PEWTER_E_MEMORY, "no memory for a session of %lld tokens",
                       (long long)s->context);
    s->rng.state = s->options.seed;
    PW_TRY(fill_logprobs(s, err));
    if (s->options.grammar != NULL && s->model->trie.nodes == NULL)
        PW_TRY(pw_trie_init(&s->model->trie, model->file->tokenizer, &s->model->arena, err));
    size_t piece = pw_tokenizer_longest_piece(model->file->tokenizer);
    if (s->options.grammar != NULL && piece < PW_SPECIAL_BYTES_MAX)
        piece = PW_SPECIAL_BYTES_MAX; /* names of control tokens are shown */
    return pw_answer_init(&s->answer, &s->arena, piece, s->options.stop, s->options.n_stop, err);
}

static pewter_status new_session(pewter_model *model, const pewter_session_options *options,
                                 pewter_session **out, pewter_error *err)
{
    if (model->run == NULL)
        return pw_fail(err, PEWTER_E_ARG, "the model was loaded for its %s only",
                       model->plan == NULL ? "vocabulary" : "plan");
    pewter_session_options taken;
    PW_TRY(take_options(options, &taken, err));
    PW_TRY(check_options(&taken, model->context, err));

    const pewter_allocator *alloc = &model->engine->alloc;
    pewter_session *s = pw_alloc(alloc, sizeof *s);
    if (s == NULL) return pw_fail(err, PEWTER_E_MEMORY, "no memory for a session");
    *s = (pewter_session){.model = model, .options = taken, .arena.alloc = alloc};
    const pewter_status status = fill(s, err);
    if (status != PEWTER_OK) {
        pw_arena_free(&s->arena);
        pw_free(alloc, s, sizeof *s);
        return status;
    }
    s->options.stop = s->answer.stop;
    s->options.grammar = pewter_grammar_hold(s->options.grammar);
    pewter_session **last = &model->sessions;
    while (*last != NULL) last = &(*last)->next;
    *last = s;
    *out = s;
    return PEWTER_OK;
}

pewter_status pewter_session_new(pewter_model *model, const pewter_session_options *options,
                                 pewter_session **out, pewter_error *err)
{
    if (model == NULL || out == NULL)
        return pw_fail(err, PEWTER_E_ARG, "pewter_session_new: model and out are wanted");
    PW_TRY(pw_enter(model->engine, err));
    const pewter_status status = new_session(model, options, out, err);
    pw_leave(model->engine);
    return status;
}

void pewter_session_free(pewter_session *session)
{
    if (session == NULL) return;
    drop_pages(session, 0);
    pw_match_end(&session->match);
    pewter_grammar_free(session->options.grammar);
    pewter_session **at = &session->model->sessions;
    while (*at != session) at = &(*at)->next;
    *at = session->next;
    const pewter_allocator *alloc = session->arena.alloc;
    pw_arena_free(&session->arena);
    pw_free(alloc, session, sizeof *session);
}

static void cut(pewter_session *session, int64_t tokens)
{
    session->n_tokens = pw_min(session->n_tokens, tokens);
    session->computed = pw_min(session->computed, tokens);
    session->n_shared = pw_min(session->n_shared, session->computed / PW_PAGE);
    session->running = false;
    pw_answer_begin(&session->answer);
    drop_pages(session, pw_ceil_div(session->n_tokens, PW_PAGE));
}

pewter_status pewter_session_reset(pewter_session *session, pewter_error *err)
{
    PW_TRY(pewter_session_rewind(session, 0, err));
    session->rng.state = session->options.seed;
    return PEWTER_OK;
}

pewter_status pewter_session_rewind(pewter_session *session, int64_t tokens, pewter_error *err)
{
    if (session == NULL) return pw_fail(err, PEWTER_E_ARG, "rewind: a session is wanted");
    PW_TRY(pw_enter(session->model->engine, err));
    pewter_status status = PEWTER_OK;
    if (tokens < 0 || tokens > session->n_tokens)
        status = pw_fail(err, PEWTER_E_ARG, "rewind: 0 to %lld tokens wanted, %lld found",
                         (long long)session->n_tokens, (long long)tokens);
    else
        cut(session, tokens);
    pw_leave(session->model->engine);
    return status;
}

pewter_status pewter_session_fork(pewter_session *session, pewter_session **out, pewter_error *err)
{
    if (session == NULL || out == NULL)
        return pw_fail(err, PEWTER_E_ARG, "pewter_session_fork: session and out are wanted");
    pewter_model *model = session->model;
    PW_TRY(pw_enter(model->engine, err));
    pewter_session *copy;
    const pewter_status status = new_session(model, &session->options, &copy, err);
    if (status == PEWTER_OK) {
        memcpy(copy->tokens, session->tokens, (size_t)session->n_tokens * sizeof *copy->tokens);
        memcpy(copy->pages, session->pages, (size_t)session->n_pages * sizeof *copy->pages);
        for (int64_t i = 0; i < session->n_pages; i++) pw_kv_hold(&model->kv, session->pages[i]);
        copy->n_tokens = session->n_tokens;
        copy->computed = session->computed;
        copy->n_pages = session->n_pages;
        copy->n_shared = session->n_shared;
        copy->rng = session->rng;
        pw_match_copy(&copy->match, &session->match);
        *out = copy;
    }
    pw_leave(model->engine);
    return status;
}

/* ---- Prompt and answer ----------------------------------------------------------------------- */

static pewter_status check_ids(const pewter_session *session, const int32_t *ids, size_t count,
                               pewter_error *err)
{
    const int64_t vocab = pw_model_vocab(session->model->file);
    for (size_t i = 0; i < count; i++)
        if (ids[i] < 0 || ids[i] >= vocab)
            return pw_fail(err, PEWTER_E_ARG, "token %zu of the prompt: 0 to %lld wanted, %d found",
                           i, (long long)vocab - 1, ids[i]);
    if ((uint64_t)count > (uint64_t)(session->context - session->n_tokens))
        return pw_fail(err, PEWTER_E_LIMIT,
                       "the prompt has %zu tokens, the context has room for %lld%s: take a larger "
                       "context, or a shorter prompt",
                       count, (long long)(session->context - session->n_tokens),
                       session->n_tokens > 0 ? " more" : "");
    return PEWTER_OK;
}

pewter_status pw_session_append(pewter_session *session, const int32_t *ids, size_t count,
                                pewter_error *err)
{
    PW_TRY(check_ids(session, ids, count, err));
    const int64_t before = session->n_tokens, computed = session->computed, had = session->n_pages;
    if (count > 0) memcpy(session->tokens + before, ids, count * sizeof *ids);
    session->n_tokens = before + (int64_t)count;
    /* What is there is held before room is made for the rest, which may forget it. */
    pw_prefix_match(session);
    const pewter_status status =
        pw_session_reserve(session, session->computed, session->n_tokens, err);
    if (status == PEWTER_OK) return PEWTER_OK;
    drop_pages(session, pw_min(had, session->n_pages));
    session->n_tokens = before;
    session->computed = computed;
    return status;
}

pewter_status pewter_prompt(pewter_session *session, const int32_t *ids, size_t count,
                            pewter_error *err)
{
    if (session == NULL || ids == NULL || count == 0)
        return pw_fail(err, PEWTER_E_ARG, "pewter_prompt: a session and at least one token wanted");
    PW_TRY(pw_enter(session->model->engine, err));
    pewter_status status = PEWTER_OK;
    if (session->options.grammar != NULL) {
        pw_match_end(&session->match);
        status =
            pw_match_begin(&session->match, pw_grammar_automaton(session->options.grammar), err);
    }
    const int64_t end = session->prompt_end;
    session->prompt_end = session->n_tokens + (int64_t)count;
    if (status == PEWTER_OK) status = pw_session_append(session, ids, count, err);
    if (status != PEWTER_OK) session->prompt_end = end;
    if (status == PEWTER_OK) {
        pw_answer_begin(&session->answer);
        session->prompt_computed = session->prompt_noted = 0;
        session->prompt_ns = session->answer_ns = session->first_ns = 0;
        session->began_ns = pw_now_ns();
        if (session->options.share != 0) session->model->kv.asked += count;
        atomic_store(&session->cancelled, 0);
        session->running = true;
    }
    pw_leave(session->model->engine);
    return status;
}

static void finish(pewter_session *session, pewter_finish why)
{
    session->answer.finish = why;
    session->running = false;
}

/* Takes a token's text into the grammar's state. False: it does not fit, which the mask excludes, or its states
 * have no room. */
static bool keep_grammar(pewter_session *session, bool control, const char *piece, size_t bytes)
{
    pewter_error err;
    bool fits = true;
    if (session->options.grammar == NULL) return true;
    pewter_status status = PEWTER_OK;
    if (control)
        status =
            pw_match_add(&session->match, PW_CONTROL_MARK, strlen(PW_CONTROL_MARK), &fits, &err);
    if (status == PEWTER_OK) status = pw_match_add(&session->match, piece, bytes, &fits, &err);
    if (status != PEWTER_OK)
        pw_say(&session->model->engine->log, PEWTER_LOG_ERROR, "an answer ends: %s", err.message);
    return status == PEWTER_OK && fits;
}

void pw_session_add(pewter_session *session, int32_t token)
{
    const pw_model *file = session->model->file;
    const bool grammar = session->options.grammar != NULL;
    session->tokens[session->n_tokens++] = token;
    const char *piece;
    size_t bytes = pw_token_piece(file->tokenizer, token, false, &piece);
    const bool control = grammar && bytes == 0; /* part of a call: it is shown */
    if (control) bytes = pw_token_piece(file->tokenizer, token, true, &piece);
    pw_answer_add(&session->answer, token, piece, bytes);

    const int64_t limit = session->options.max_tokens;
    if (session->answer.finish != PEWTER_FINISH_NONE)
        session->running = false;
    else if (!keep_grammar(session, control, piece, bytes))
        finish(session, PEWTER_FINISH_ERROR);
    else if (grammar && pw_match_must_end(&session->match))
        finish(session, PEWTER_FINISH_EOS);
    else if ((limit > 0 && session->answer.tokens >= limit) ||
             session->n_tokens >= session->context)
        finish(session, PEWTER_FINISH_LENGTH);
}

void pw_session_accept(pewter_session *session, int32_t token)
{
    const pw_model *file = session->model->file;
    const bool grammar = session->options.grammar != NULL;
    if (session->first_ns == 0) session->first_ns = pw_now_ns() - session->began_ns;
    if (token < 0) {
        finish(session, PEWTER_FINISH_ERROR);
        return;
    }
    if ((grammar || !session->options.ignore_eos) && pw_token_is_eog(file->tokenizer, token)) {
        finish(session, PEWTER_FINISH_EOS);
        return;
    }
    if (session->n_tokens == session->context) { /* the prompt alone fills it */
        finish(session, PEWTER_FINISH_LENGTH);
        return;
    }
    pw_session_add(session, token);
    if (session->running) pw_session_force(session);
}

pewter_status pewter_next(pewter_session *session, pewter_piece *out, pewter_error *err)
{
    if (session == NULL || out == NULL || out->size < sizeof out->size)
        return pw_fail(err, PEWTER_E_ARG, "pewter_next: a session, and a piece with its size set");
    PW_TRY(pw_enter(session->model->engine, err));
    if (session->running && atomic_load(&session->cancelled) != 0)
        finish(session, PEWTER_FINISH_CANCELLED);
    pewter_piece piece = {.size = out->size, .logprob = session->logprob, .top = session->top};
    pw_answer_take(&session->answer, &piece);
    if (piece.token >= 0 && session->options.logprobs)
        piece.n_top = (size_t)session->options.top_logprobs;
    memcpy(out, &piece, out->size < sizeof piece ? out->size : sizeof piece);
    pw_leave(session->model->engine);
    return PEWTER_OK;
}

void pewter_cancel(pewter_session *session)
{
    if (session == NULL) return;
    atomic_store(&session->cancelled, 1);
    atomic_store(&session->model->stop, 1);
}

pewter_status pewter_stats_get(const pewter_session *session, pewter_stats *out, pewter_error *err)
{
    if (session == NULL || out == NULL || out->size < sizeof out->size)
        return pw_fail(err, PEWTER_E_ARG, "pewter_stats_get: a session, and stats with their size");
    pewter_engine *engine = session->model->engine;
    PW_TRY(pw_enter(engine, err));
    const pewter_stats stats = {
        .size = out->size,
        .tokens = session->n_tokens,
        .prompt_tokens = session->prompt_computed,
        .generated_tokens = session->answer.tokens,
        .prompt_seconds = (double)session->prompt_ns * 1e-9,
        .generation_seconds = (double)session->answer_ns * 1e-9,
        .first_token_seconds = (double)session->first_ns * 1e-9,
        .weight_bytes = pw_run_weight_bytes(session->model->run),
        .steps = engine->steps,
    };
    memcpy(out, &stats, out->size < sizeof stats ? out->size : sizeof stats);
    pw_leave(engine);
    return PEWTER_OK;
}
