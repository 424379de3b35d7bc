/* Which sessions take part in the next step, with how many tokens; and the step itself. */
#include <string.h>

#include "pw/clock.h"
#include "pw/num.h"
#include "pw/status.h"
#include "runtime/engine/prefix.h"

static void end(pewter_session *session, pewter_finish why)
{
    session->answer.finish = why;
    session->running = false;
}

static void begin_batch(pewter_model *model)
{
    pw_batch_room *room = &model->room;
    room->n_tokens = room->n_rows = 0;
    room->batch = (pw_batch){.sequences = room->sequences};
    atomic_store(&model->stop, 0); /* before the sessions' own flags are looked at */
}

/* Adds the next `count` tokens of a session; `rows` of them, counted from the last, give logits. */
static pewter_status add(pewter_model *model, pewter_session *session, int64_t count, int64_t rows,
                         pewter_error *err)
{
    PW_TRY(pw_session_reserve(session, session->computed, session->computed + count, err));
    pw_batch_room *room = &model->room;
    const int64_t at = room->n_tokens,
                  values = (int64_t)(model->plan->rope_row_bytes / sizeof(float));
    room->sequences[room->batch.n_sequences] = (pw_sequence){
        .first = at, .count = count, .pos = session->computed, .pages = session->pages};
    room->sessions[room->batch.n_sequences++] = session;
    memcpy(room->tokens + at, session->tokens + session->computed,
           (size_t)count * sizeof *room->tokens);
    for (int64_t i = 0; i < count && values > 0; i++)
        pw_rope_row(&model->file->rope, session->computed + i, room->rope + (at + i) * values);
    for (int64_t i = count - rows; i < count; i++) room->rows[room->n_rows++] = (int32_t)(at + i);
    room->n_tokens += count;
    return PEWTER_OK;
}

static bool is_in_batch(const pewter_model *model, const pewter_session *session)
{
    for (int64_t i = 0; i < model->room.batch.n_sequences; i++)
        if (model->room.sessions[i] == session) return true;
    return false;
}

/* The session whose pages are given back for `than`: one without an answer under way, else the youngest that
 * is younger and has no part in this batch yet. NULL: there is none. */
static pewter_session *who_waits(const pewter_model *model, const pewter_session *than)
{
    pewter_session *found = NULL;
    for (pewter_session *s = model->sessions; s != NULL; s = s->next)
        if (s != than && s->n_pages > 0 && !s->running) return s;
    for (pewter_session *s = than->next; s != NULL; s = s->next)
        if (s->n_pages > 0 && !is_in_batch(model, s)) found = s;
    return found;
}

/* Sessions other than this one with an answer under way that hold pages. */
static int64_t holders(const pewter_model *model, const pewter_session *than)
{
    int64_t count = 0;
    for (const pewter_session *s = model->sessions; s != NULL; s = s->next)
        count += s != than && s->running && s->n_pages > 0;
    return count;
}

/* Whether a session that gave its pages back may begin again: all of it fits, and a page more for each
 * session, or nothing else is under way. Else it would take the pages that it gave. */
static bool may_return(const pewter_model *model, const pewter_session *session)
{
    const int64_t others = holders(model, session);
    return others == 0 ||
           pw_ceil_div(session->n_tokens, PW_PAGE) + others + 1 <= pw_kv_available(&model->kv);
}

/* Adds a session, as `add` does. Where no page is free another waits, at last this one: what it holds can be
 * computed again, to the same bits. An answer that is alone ends with what there is. */
static pewter_status add_or_wait(pewter_model *model, pewter_session *session, int64_t count,
                                 int64_t rows, pewter_error *err)
{
    for (;;) {
        const pewter_status status = add(model, session, count, rows, err);
        if (status != PEWTER_E_LIMIT) return status;
        pewter_session *last = who_waits(model, session);
        if (last != NULL) {
            pw_session_evict(last);
            continue;
        }
        if (holders(model, session) == 0)
            end(session, PEWTER_FINISH_LENGTH);
        else
            pw_session_evict(session);
        return PEWTER_OK;
    }
}

/* Whether every token of what is computed next gives logits: the prompt's probabilities are wanted. */
static bool wants_all(const pewter_session *s)
{
    return s->options.prompt_logprobs && s->computed < s->prompt_end;
}

/* Whether what a session has to compute is of its answer: the token that was drawn, and those that its grammar has
 * forced behind it. */
static bool answers(const pewter_session *s)
{
    return s->n_tokens - s->computed == 1 || s->computed >= s->prompt_end;
}

/* Adds what there is to compute of a session, so that the batch has at most `most` tokens. */
static pewter_status take_part(pewter_model *model, pewter_session *s, int64_t most,
                               pewter_error *err)
{
    const int64_t rows = model->plan->outputs - model->room.n_rows;
    int64_t pending = s->n_tokens - s->computed;
    if (!s->running || pending < 1 || is_in_batch(model, s)) return PEWTER_OK;
    if (atomic_load(&s->cancelled) != 0) {
        end(s, PEWTER_FINISH_CANCELLED);
        return PEWTER_OK;
    }
    if (most <= model->room.n_tokens || rows < 1 || !pw_answer_has_room(&s->answer))
        return PEWTER_OK;
    if (s->n_pages == 0 && !may_return(model, s)) return PEWTER_OK;
    if (!answers(s)) {
        pw_prefix_match(s);
        if (pw_prefix_under_way(s)) return PEWTER_OK;
        pending = s->n_tokens - s->computed;
    }
    int64_t count = pw_min(pending, most - model->room.n_tokens);
    if (wants_all(s)) count = pw_min(count, rows);
    return add_or_wait(model, s, count, wants_all(s) ? count : count == pending, err);
}

/* The prompt of which least is left; NULL: there are not two. */
static pewter_session *shortest_prompt(const pewter_model *model)
{
    pewter_session *found = NULL;
    int count = 0;
    for (pewter_session *s = model->sessions; s != NULL; s = s->next) {
        const int64_t pending = s->n_tokens - s->computed;
        if (!s->running || pending < 1 || answers(s)) continue;
        count++;
        if (found == NULL || pending < found->n_tokens - found->computed) found = s;
    }
    return count > 1 ? found : NULL;
}

/* Sessions that generate come first, few tokens each. Prompts share what is left: up to half is the shortest one's, so
 * that a question does not wait for all of a book; the others come in the order of their age. */
static pewter_status collect(pewter_model *model, pewter_error *err)
{
    const pw_batch_room *room = &model->room;
    const int64_t width = model->plan->width;
    for (pewter_session *s = model->sessions; s != NULL; s = s->next)
        if (answers(s)) PW_TRY(take_part(model, s, width, err));
    const int64_t begin = room->n_tokens,
                  most = begin + pw_pace_room(&model->pace, begin, width - begin);
    pewter_session *quick = shortest_prompt(model);
    if (quick != NULL) PW_TRY(take_part(model, quick, begin + (most - begin + 1) / 2, err));
    for (pewter_session *s = model->sessions; s != NULL; s = s->next)
        if (!answers(s)) PW_TRY(take_part(model, s, most, err));
    return PEWTER_OK;
}

static pewter_status run(pewter_model *model, const float **logits, pewter_error *err)
{
    const pw_batch_room *room = &model->room;
    const pw_step_input input = {.tokens = room->tokens,
                                 .rope = room->rope,
                                 .rows = room->rows,
                                 .n_tokens = room->n_tokens,
                                 .n_rows = room->n_rows,
                                 .batch = &room->batch,
                                 .stop = &model->stop};
    PW_TRY(pw_run_step(model->run, &input, logits, err));
    model->engine->steps++;
    if (pw_model_faulted(model->file))
        return pw_fail(err, PEWTER_E_IO,
                       "the model's file changed or became shorter while it was in use: load it "
                       "again");
    return PEWTER_OK;
}

/* Draws the next token of a session whose prompt has been computed to its end. */
static void draw(pewter_session *session, const float *logits)
{
    pewter_model *model = session->model;
    const uint32_t *mask = NULL;
    pewter_error err;
    if (session->options.grammar != NULL &&
        pw_match_mask(&session->match, &model->trie, &mask, &err) != PEWTER_OK) {
        pw_say(&model->engine->log, PEWTER_LOG_ERROR, "an answer ends: %s", err.message);
        pw_session_accept(session, -1);
        return;
    }
    const int64_t vocab = model->plan->vocab;
    const int64_t last = session->options.penalty_last;
    const int64_t recent = last < 0 ? session->n_tokens : pw_min(session->n_tokens, last);
    const int32_t token = pw_sample(&session->options, logits, vocab, mask,
                                    session->tokens + session->n_tokens - recent, recent,
                                    &session->rng, &model->sampler);
    if (session->options.logprobs && token >= 0)
        session->logprob =
            pw_logprobs(logits, vocab, token, session->top, session->options.top_logprobs);
    pw_session_accept(session, token);
}

/* The logits of `count` tokens of a prompt say how likely those behind them are. */
static void note_prompt(pewter_session *s, const float *logits, int64_t count)
{
    const int64_t vocab = s->model->plan->vocab;
    const int32_t n = s->options.top_logprobs;
    for (int64_t i = 0; i < count && s->computed + i + 1 < s->prompt_end; i++) {
        const int64_t at = s->computed + i + 1;
        pewter_logprob *row = s->prompt + at * (n + 1);
        row[0].token = s->tokens[at];
        row[0].logprob = pw_logprobs(logits + i * vocab, vocab, s->tokens[at], row + 1, n);
        s->prompt_noted = at + 1;
    }
}

static void take_results(pewter_model *model, const float *logits, int64_t ns)
{
    const pw_batch_room *room = &model->room;
    const int64_t vocab = model->plan->vocab;
    int64_t row = 0;
    for (int64_t i = 0; i < room->batch.n_sequences; i++) {
        pewter_session *s = room->sessions[i];
        const int64_t count = room->sequences[i].count;
        const bool prompt = s->computed < s->prompt_end;
        const int64_t rows = wants_all(s) ? count : s->computed + count == s->n_tokens;
        if (wants_all(s)) note_prompt(s, logits + vocab * row, count);
        row += rows;
        s->computed += count;
        if (prompt) {
            s->prompt_ns += ns;
            s->prompt_computed += count;
        } else {
            s->answer_ns += ns;
        }
        pw_prefix_share(s);
        if (s->computed == s->n_tokens) draw(s, logits + vocab * (row - 1));
    }
}

static void note_pace(pewter_model *model, double ns)
{
    const pw_batch_room *room = &model->room;
    int64_t drawn = 0;
    for (int64_t i = 0; i < room->batch.n_sequences; i++)
        drawn += answers(room->sessions[i]) ? room->sequences[i].count : 0;
    pw_pace_note(&model->pace, drawn, room->n_tokens - drawn, ns);
}

pewter_status pw_batch_step(pewter_model *model, size_t *ready, pewter_error *err)
{
    begin_batch(model);
    PW_TRY(collect(model, err));
    *ready += (size_t)model->room.batch.n_sequences;
    if (model->room.n_tokens == 0) return PEWTER_OK;

    const int64_t begin = pw_now_ns();
    const float *logits;
    const pewter_status status = run(model, &logits, err);
    /* A session was cancelled: this batch is void, the next is made without it. */
    if (status == PEWTER_E_CANCELLED) return PEWTER_OK;
    PW_TRY(status);
    const int64_t ns = pw_now_ns() - begin;
    pw_say(&model->engine->log, PEWTER_LOG_DEBUG, "step of %lld tokens, %lld sessions: %.2f ms",
           (long long)model->room.n_tokens, (long long)model->room.batch.n_sequences,
           (double)ns * 1e-6);
    note_pace(model, (double)ns); /* before results move the sessions on */
    take_results(model, logits, ns);
    return PEWTER_OK;
}

pewter_status pw_batch_logits(pewter_session *session, const float **logits, int64_t *count,
                              pewter_error *err)
{
    pewter_model *model = session->model;
    begin_batch(model);
    if (atomic_load(&session->cancelled) != 0) return pw_fail(err, PEWTER_E_CANCELLED, "cancelled");
    int64_t rows = pw_min(session->n_tokens - session->computed, model->plan->width);
    rows = pw_min(rows, model->plan->outputs);
    PW_TRY(add(model, session, rows, rows, err));
    const pewter_status status = run(model, logits, err);
    if (status == PEWTER_E_CANCELLED && atomic_load(&session->cancelled) == 0)
        rows = 0;
    else
        PW_TRY(status);
    session->computed += rows;
    *count = rows;
    return PEWTER_OK;
}
