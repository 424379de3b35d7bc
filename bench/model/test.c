#include "bench/model/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/rapl.h"
#include "bench/model/beside.h"
#include "pw/clock.h"
#include "pw/rng.h"
#include "pw/status.h"

int32_t test_token(int64_t i, int64_t vocab)
{
    enum { SPECIALS = 300 }; /* control tokens and bytes stand at the head of most vocabularies */
    pw_rng rng = {.state = 0x5eed + (uint64_t)i};
    const int64_t first = vocab > 4 * SPECIALS ? SPECIALS : 0;
    const int64_t last = vocab > 4 * SPECIALS ? vocab - SPECIALS : vocab;
    return (int32_t)pw_rng_range(&rng, first, last - 1);
}

double test_tokens(const test_what *what)
{
    return (double)(what->sequences * (what->prompt + what->gen));
}

/* One repetition's times. */
typedef struct timing {
    int64_t prompt_ns, total_ns;
    uint64_t hash;
} timing;

typedef struct runner {
    const test_bed *bed;
    const test_what *what;
    pewter_session *sessions[TEST_MOST_SEQUENCES]; /* [what->sequences] */
    int32_t *tokens;                               /* of depth and prompt */
    int64_t vocab;
    double *gaps; /* [repeats gen]: ns, of the first sequence */
    size_t n_gaps;
} runner;

/* What a sequence has generated since its prompt. */
typedef struct output {
    int64_t made;
    uint64_t hash;
} output;

static void hash_token(uint64_t *hash, int32_t token)
{
    for (int i = 0; i < 4; i++)
        *hash = (*hash ^ ((uint32_t)token >> (8 * i) & 0xffu)) * 1099511628211u;
}

static pewter_status take(pewter_session *session, output *out, pewter_error *err)
{
    pewter_piece piece = {.size = sizeof piece};
    pewter_stats now = {.size = sizeof now};
    PW_TRY(pewter_next(session, &piece, err));
    if (piece.finish == PEWTER_FINISH_ERROR)
        return pw_fail(err, PEWTER_E_FORMAT, "the model's logits are not numbers");
    PW_TRY(pewter_stats_get(session, &now, err));
    if (now.generated_tokens > out->made) hash_token(&out->hash, piece.token);
    out->made = now.generated_tokens;
    return PEWTER_OK;
}

/* One step of the engine, and what came of it; *least: tokens that every sequence has. */
static pewter_status step(const runner *r, output *outputs, int64_t *least, pewter_error *err)
{
    size_t ready = 0;
    if (r->bed->stop != NULL && r->bed->stop())
        return pw_fail(err, PEWTER_E_CANCELLED, "interrupted");
    PW_TRY(pewter_step(r->bed->engine, &ready, err));
    if (ready == 0) return pw_fail(err, PEWTER_E_LIMIT, "the answer ended early");
    *least = INT64_MAX;
    for (int64_t s = 0; s < r->what->sequences; s++) {
        PW_TRY(take(r->sessions[s], &outputs[s], err));
        if (outputs[s].made < *least) *least = outputs[s].made;
    }
    return PEWTER_OK;
}

/* Computes `count` tokens of every sequence and draws at least the one behind them. */
static pewter_status compute(const runner *r, const int32_t *tokens, int64_t count, output *outputs,
                             pewter_error *err)
{
    int64_t least = 0;
    for (int64_t s = 0; s < r->what->sequences; s++) {
        outputs[s] = (output){.hash = 14695981039346656037u};
        PW_TRY(pewter_prompt(r->sessions[s], tokens, (size_t)count, err));
    }
    while (least == 0) PW_TRY(step(r, outputs, &least, err));
    return PEWTER_OK;
}

static pewter_status rewind_all(const runner *r, pewter_error *err)
{
    for (int64_t s = 0; s < r->what->sequences; s++) {
        if (r->what->depth > 0)
            PW_TRY(pewter_session_rewind(r->sessions[s], r->what->depth, err));
        else
            PW_TRY(pewter_session_reset(r->sessions[s], err));
    }
    return PEWTER_OK;
}

/* All sequences have the same tokens: who shares a batch must not change what comes of them. */
static pewter_status same_outputs(const runner *r, const output *outputs, pewter_error *err)
{
    for (int64_t s = 1; s < r->what->sequences; s++)
        if (outputs[s].hash != outputs[0].hash)
            return pw_fail(
                err, PEWTER_E_FORMAT,
                "sequence %lld of %lld generated other tokens than the first: the results "
                "differ, and no time of it counts",
                (long long)s + 1, (long long)r->what->sequences);
    return PEWTER_OK;
}

/* Tokens that each sequence draws: a generation alone begins with one token, so that there are as many
 * steps as tokens are generated; behind a prompt the first is the prompt's. */
static int64_t drawn(const test_what *w)
{
    return w->prompt > 0 || w->gen == 0 ? w->gen + 1 : w->gen;
}

/* Prompt and generation at the depth; the depth is there already. A prompt's sequences may begin to
 * generate one after the other; each ends at its limit of tokens. */
static pewter_status repeat(runner *r, timing *t, pewter_error *err)
{
    const test_what *w = r->what;
    output outputs[TEST_MOST_SEQUENCES] = {{0}};
    PW_TRY(rewind_all(r, err));
    const int64_t given = w->prompt > 0 ? w->prompt : 1;
    const int64_t begin = pw_now_ns();
    PW_TRY(compute(r, r->tokens + w->depth, given, outputs, err));
    int64_t least = 1, last = pw_now_ns();
    t->prompt_ns = last - begin;
    if (w->prompt == 0) r->gaps[r->n_gaps++] = (double)t->prompt_ns;
    while (least < drawn(w)) {
        const int64_t made = outputs[0].made;
        PW_TRY(step(r, outputs, &least, err));
        const int64_t now = pw_now_ns();
        if (outputs[0].made > made) r->gaps[r->n_gaps++] = (double)(now - last);
        last = now;
    }
    t->total_ns = last - begin;
    t->hash = outputs[0].hash;
    return same_outputs(r, outputs, err);
}

static profile_limits probe(const test_bed *bed)
{
    static const double math = 0.001, memory = 0.004;
    return (profile_limits){.int8 = peak_rate(bed->peak, PEAK_INT8, bed->threads, math),
                            .int8_short = peak_rate(bed->peak, PEAK_INT8_SHORT, bed->threads, math),
                            .bf16 = peak_rate(bed->peak, PEAK_BF16, bed->threads, math),
                            .f32 = peak_rate(bed->peak, PEAK_F32, bed->threads, math),
                            .bytes = peak_read(bed->peak, bed->threads, memory)};
}

static profile_limits between(const profile_limits *a, const profile_limits *b)
{
    return (profile_limits){.int8 = (a->int8 + b->int8) / 2.0,
                            .int8_short = (a->int8_short + b->int8_short) / 2.0,
                            .bf16 = (a->bf16 + b->bf16) / 2.0,
                            .f32 = (a->f32 + b->f32) / 2.0,
                            .bytes = (a->bytes + b->bytes) / 2.0};
}

/* A repetition with the profile on: what it does, and the table and trace where they are wanted. */
static pewter_status profiled(runner *r, test_result *out, pewter_error *err)
{
    timing t;
    PW_TRY(pewter_profile(r->bed->model, true, err));
    const profile_limits before = probe(r->bed);
    pewter_status status = repeat(r, &t, err);
    const profile_limits after = probe(r->bed);
    r->n_gaps = 0;
    const pewter_status off = pewter_profile(r->bed->model, false, err);
    if (status == PEWTER_OK) status = off;
    if (status != PEWTER_OK) return status;
    const profile_limits limits = between(&before, &after);
    out->sum = profile_total(r->bed->model, &limits);
    out->hash = t.hash;
    if (!r->what->profile) return PEWTER_OK;
    out->profile = profile_json(r->bed->model, &limits);
    if (r->what->profile_to != NULL) profile_print(r->bed->model, &limits, r->what->profile_to);
    if (r->what->trace_path == NULL) return PEWTER_OK;
    return profile_trace(r->bed->model, r->what->trace_path, err);
}

/* ---- Repetitions ----------------------------------------------------------------------------- */

/* What the limits around a repetition allow for the work that was profiled, over its time. */
static double share_of(const runner *r, const profile_limits *a, const profile_limits *b,
                       int64_t ns)
{
    if (r->bed->elsewhere) return 0.0;
    const profile_limits limits = between(a, b);
    return profile_total(r->bed->model, &limits).floor_seconds / ((double)ns * 1e-9);
}

static pewter_status repetitions(runner *r, test_result *out, pewter_error *err)
{
    const test_what *w = r->what;
    const double tokens = test_tokens(w);
    double firsts[TEST_MOST_REPEATS], shares[TEST_MOST_REPEATS], speeds[TEST_MOST_REPEATS],
        memory[TEST_MOST_REPEATS];
    beside rivals;
    beside_begin(&rivals, r->bed, w, r->tokens);
    rapl_mark from, to;
    const bool energy = rapl_now(r->bed->root, &from, NULL) == PEWTER_OK;
    double joules = 0.0;
    for (int i = 0; i < w->repeats; i++) {
        timing t;
        const profile_limits before = probe(r->bed);
        const bool counted = energy && rapl_now(r->bed->root, &from, NULL) == PEWTER_OK;
        PW_TRY(repeat(r, &t, err));
        if (counted && rapl_now(r->bed->root, &to, NULL) == PEWTER_OK)
            joules += rapl_joules(&from, &to);
        const profile_limits after = probe(r->bed);
        if (w->gen > 0 && t.hash != out->hash)
            return pw_fail(err, PEWTER_E_FORMAT,
                           "repetition %d generated other tokens than the one before: the results "
                           "differ, and no time of it counts",
                           i + 1);
        out->ns[i] = (double)t.total_ns;
        out->speeds[i] = speeds[i] = tokens / ((double)t.total_ns * 1e-9);
        firsts[i] = (double)t.prompt_ns;
        shares[i] = share_of(r, &before, &after, t.total_ns);
        memory[i] = between(&before, &after).bytes;
        out->n = i + 1;
        beside_turn(&rivals, speeds[i]);
        if (r->bed->told != NULL) r->bed->told(w, out->n);
    }
    beside_end(&rivals, out);
    out->speed = stats_of(speeds, (size_t)out->n);
    out->share = stats_of(shares, (size_t)out->n);
    out->memory = stats_of(memory, (size_t)out->n);
    out->first_ns = w->prompt > 0 ? stats_of(firsts, (size_t)out->n).median : 0.0;
    out->joules = energy ? joules / (tokens * (double)out->n) : -1.0;
    return PEWTER_OK;
}

static void gaps_of(runner *r, test_result *out)
{
    if (r->n_gaps == 0) return;
    const stats s = stats_of(r->gaps, r->n_gaps); /* sorts them */
    out->gap_p50 = s.median;
    out->gap_p90 = stats_quantile(r->gaps, r->n_gaps, 0.9);
    out->gap_p99 = stats_quantile(r->gaps, r->n_gaps, 0.99);
    out->gap_max = s.most;
}

static pewter_status measure(runner *r, test_result *out, pewter_error *err)
{
    const test_what *w = r->what;
    output outputs[TEST_MOST_SEQUENCES] = {{0}};
    timing t;
    if (w->depth > 0) PW_TRY(compute(r, r->tokens, w->depth, outputs, err));
    if (w->warm_up) PW_TRY(repeat(r, &t, err));
    r->n_gaps = 0;
    PW_TRY(profiled(r, out, err));
    int32_t pids[TEST_MOST_RIVALS];
    const int32_t n = (int32_t)r->bed->n_rivals;
    for (int32_t i = 0; i < n; i++) pids[i] = peer_pid(r->bed->rivals[i].peer);
    const load_mark begin = load_now(r->bed->root, pids, n);
    PW_TRY(repetitions(r, out, err));
    const load_mark end = load_now(r->bed->root, pids, n);
    out->load = load_between(&begin, &end);
    gaps_of(r, out);
    return PEWTER_OK;
}

pewter_status test_run(const test_bed *bed, const test_what *what, test_result *out,
                       pewter_error *err)
{
    memset(out, 0, sizeof *out);
    runner r = {.bed = bed, .what = what};
    pewter_model_info info = {.size = sizeof info};
    PW_TRY(pewter_model_get(bed->model, &info, err));
    r.vocab = info.vocab;
    const int64_t given = what->depth + (what->prompt > 0 ? what->prompt : 1);
    r.tokens = calloc((size_t)given, sizeof *r.tokens);
    r.gaps = calloc((size_t)((what->repeats + 2) * (what->gen + 2)), sizeof *r.gaps);
    pewter_session_options options = pewter_session_defaults();
    options.temperature = 0.0f;
    options.ignore_eos = true;
    options.context = given + what->gen + 1;
    options.max_tokens = drawn(what); /* one that is ahead of the others waits for them */
    pewter_status status = PEWTER_OK;
    if (r.tokens == NULL || r.gaps == NULL)
        status =
            pw_fail(err, PEWTER_E_MEMORY, "no memory for a test of %lld tokens", (long long)given);
    for (int64_t i = 0; i < given && r.tokens != NULL; i++) r.tokens[i] = test_token(i, r.vocab);
    for (int64_t s = 0; s < what->sequences && status == PEWTER_OK; s++)
        status = pewter_session_new(bed->model, &options, &r.sessions[s], err);
    if (status == PEWTER_OK) status = measure(&r, out, err);
    for (int64_t s = 0; s < what->sequences; s++) pewter_session_free(r.sessions[s]);
    free(r.tokens);
    free(r.gaps);
    return status;
}

void test_result_free(test_result *result)
{
    json_decref(result->profile);
    result->profile = NULL;
}
