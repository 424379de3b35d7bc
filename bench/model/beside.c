#include "bench/model/beside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pw/status.h"
#include "runtime/text/json.h"

enum { COMPARED_TOKENS = 32 };
static const double answer_seconds = 3600.0;
/* Formats of 4 to 8 bits round activations in different ways; a mistake is far beyond it. */
static const double most_divergence = 0.05;

/* A question with tokens in it, as a line. */
static char *question_of(json_t *question)
{
    char *line = question != NULL ? json_dumps(question, JSON_COMPACT) : NULL;
    json_decref(question);
    return line;
}

static json_t *list_of(const int32_t *tokens, int64_t count)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < count; i++) json_array_append_new(list, json_integer(tokens[i]));
    return list;
}

/* ---- The same results ------------------------------------------------------------------------ */

typedef struct last_row {
    float *logits;
    int64_t vocab, pos;
} last_row;

static void keep_last(void *context, int64_t pos, const float *logits, int64_t vocab)
{
    last_row *row = context;
    if (row->logits == NULL) row->logits = malloc((size_t)vocab * sizeof *row->logits);
    row->vocab = vocab;
    row->pos = pos;
    if (row->logits != NULL) memcpy(row->logits, logits, (size_t)vocab * sizeof *logits);
}

/* Kullback-Leibler divergence of their distribution from ours, over all tokens. */
static double divergence(const last_row *ours, const json_t *theirs)
{
    double top[2] = {-HUGE_VAL, -HUGE_VAL}, sum[2] = {0.0, 0.0}, kl = 0.0;
    for (int pass = 0; pass < 3; pass++) {
        for (int64_t i = 0; i < ours->vocab; i++) {
            const double x[2] = {(double)ours->logits[i],
                                 json_number_value(json_array_get(theirs, (size_t)i))};
            for (int s = 0; s < 2 && pass < 2; s++) {
                if (pass == 0) top[s] = fmax(top[s], x[s]);
                if (pass == 1) sum[s] += exp(x[s] - top[s]);
            }
            if (pass < 2) continue;
            const double p = x[0] - top[0] - log(sum[0]), q = x[1] - top[1] - log(sum[1]);
            kl += exp(p) * (p - q);
        }
    }
    return kl;
}

static pewter_status our_logits(const test_bed *bed, const int32_t *tokens, size_t count,
                                last_row *row, pewter_error *err)
{
    pewter_session *session = NULL;
    pewter_session_options options = pewter_session_defaults();
    options.context = COMPARED_TOKENS + 1;
    PW_TRY(pewter_session_new(bed->model, &options, &session, err));
    pewter_status status = pewter_logits(session, tokens, count, keep_last, row, err);
    pewter_session_free(session);
    if (status == PEWTER_OK && row->logits == NULL)
        status = pw_fail(err, PEWTER_E_MEMORY, "no memory for logits");
    return status;
}

static pewter_status agree(const last_row *ours, const test_rival *with, const char *question,
                           pewter_error *err)
{
    json_t *answer = NULL;
    PW_TRY(peer_ask(with->peer, question, answer_seconds, &answer, err));
    const json_t *logits = json_object_get(answer, "logits");
    const json_t *error = json_object_get(answer, "error");
    pewter_status status = PEWTER_OK;
    if (error != NULL) {
        status = pw_fail(err, PEWTER_E_DEVICE, "%s: %s", with->name, json_string_value(error));
    } else if ((int64_t)json_array_size(logits) < ours->vocab) {
        status = pw_fail(err, PEWTER_E_FORMAT, "%s gave %zu logits, %lld are wanted", with->name,
                         json_array_size(logits), (long long)ours->vocab);
    } else {
        const double kl = divergence(ours, logits);
        if (!(kl <= most_divergence))
            status = pw_fail(err, PEWTER_E_FORMAT,
                             "%s computes something else: its distribution diverges from ours by "
                             "%.3g, %.3g allowed",
                             with->name, kl, most_divergence);
    }
    json_decref(answer);
    return status;
}

/* ---- Turns ----------------------------------------------------------------------------------- */

static bool ask(beside *b, size_t rival, double *seconds)
{
    json_t *answer = NULL;
    pewter_error err;
    if (peer_ask(b->bed->rivals[rival].peer, b->question, answer_seconds, &answer, &err) !=
        PEWTER_OK) {
        snprintf(b->errors[rival], sizeof b->errors[rival], "%.250s", err.message);
        return false;
    }
    const json_t *error = json_object_get(answer, "error");
    if (error != NULL)
        snprintf(b->errors[rival], sizeof b->errors[rival], "%.250s", json_string_value(error));
    *seconds = 0.0;
    if (b->what->prompt > 0)
        *seconds += 1e-9 * json_number_value(json_object_get(answer, "prompt_ns"));
    if (b->what->gen > 0) *seconds += 1e-9 * json_number_value(json_object_get(answer, "gen_ns"));
    json_decref(answer);
    return error == NULL && *seconds > 0.0;
}

void beside_begin(beside *b, const test_bed *bed, const test_what *what, const int32_t *tokens)
{
    memset(b, 0, sizeof *b);
    b->bed = bed;
    b->what = what;
    if (bed->n_rivals == 0) return;
    pewter_model_info info = {.size = sizeof info};
    int32_t compared[COMPARED_TOKENS];
    last_row row = {.logits = NULL};
    pewter_error err;
    if (pewter_model_get(bed->model, &info, &err) != PEWTER_OK) return;
    for (int i = 0; i < COMPARED_TOKENS; i++) compared[i] = test_token(1000 + i, info.vocab);
    char *logits = question_of(
        json_pack("{s:s, s:o}", "do", "logits", "tokens", list_of(compared, COMPARED_TOKENS)));
    b->question = question_of(
        json_pack("{s:s, s:o, s:o, s:I, s:I}", "do", "run", "depth", list_of(tokens, what->depth),
                  "prompt", list_of(tokens + what->depth, what->prompt), "gen",
                  (json_int_t)what->gen, "sequences", (json_int_t)what->sequences));
    pewter_status status = our_logits(bed, compared, COMPARED_TOKENS, &row, &err);
    for (size_t i = 0; i < bed->n_rivals; i++) {
        double seconds;
        if (status == PEWTER_OK && logits != NULL && b->question != NULL &&
            agree(&row, &bed->rivals[i], logits, &err) == PEWTER_OK) {
            (void)ask(b, i, &seconds); /* warm */
            continue;
        }
        snprintf(b->errors[i], sizeof b->errors[i], "%.250s", err.message);
    }
    free(row.logits);
    free(logits);
}

void beside_turn(beside *b, double ours)
{
    const double tokens = test_tokens(b->what);
    for (size_t i = 0; i < b->bed->n_rivals && b->question != NULL; i++) {
        double seconds;
        if (b->errors[i][0] != 0 || !ask(b, i, &seconds)) continue;
        b->speeds[i][b->n[i]] = tokens / seconds;
        b->ratios[i][b->n[i]++] = ours / (tokens / seconds);
    }
}

void beside_end(beside *b, test_result *out)
{
    for (size_t i = 0; i < b->bed->n_rivals; i++) {
        out->rivals[i].speed = stats_of(b->speeds[i], b->n[i]);
        out->rivals[i].ratio = stats_of(b->ratios[i], b->n[i]);
        snprintf(out->rivals[i].error, sizeof out->rivals[i].error, "%s", b->errors[i]);
    }
    free(b->question);
    b->question = NULL;
}
