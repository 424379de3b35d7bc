/* What tests against recorded results share: the folder of test data, JSON, rows of floats, and the
 * distance of logits. */
#ifndef PW_TESTS_SUPPORT_GOLDEN_H
#define PW_TESTS_SUPPORT_GOLDEN_H

#include <math.h>

#include <jansson.h>

#include "tests/support/engine_fixture.h"

/* A path below the folder that PEWTER_SHARED names; false, said in words, where there is none. */
static inline bool golden_path(const char *below, char out[512])
{
    const char *shared = getenv("PEWTER_SHARED");
    if (shared == NULL) {
        printf("skipped: %s, which lies where PEWTER_SHARED says, and that is not set\n", below);
        return false;
    }
    snprintf(out, 512, "%s/%s", shared, below);
    return true;
}

static inline json_t *golden_json(const char *path)
{
    json_error_t why;
    json_t *value = json_load_file(path, 0, &why);
    if (value == NULL) fail_msg("%s: line %d: %s", path, why.line, why.text);
    return value;
}

/* Little-endian f32, all of a file; the caller frees them. */
static inline float *golden_floats(const char *path, size_t *count)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL) fail_msg("%s cannot be read", path);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *count = (size_t)ftell(file) / sizeof(float);
    rewind(file);
    float *data = calloc(*count + 1, sizeof *data);
    assert_non_null(data);
    assert_int_equal(fread(data, sizeof *data, *count, file), *count);
    fclose(file);
    return data;
}

typedef struct golden_ids {
    int32_t *ids;
    size_t count;
} golden_ids;

/* An array of numbers; the caller frees .ids. */
static inline golden_ids golden_take_ids(const json_t *array)
{
    golden_ids out = {.count = json_array_size(array)};
    assert_true(json_is_array(array));
    out.ids = calloc(out.count + 1, sizeof *out.ids);
    assert_non_null(out.ids);
    for (size_t i = 0; i < out.count; i++)
        out.ids[i] = (int32_t)json_integer_value(json_array_get(array, i));
    return out;
}

/* How far rows of logits are from recorded ones. */
typedef struct golden_distance {
    double max_abs, kl_sum;
    size_t rows, top1; /* rows whose best is the same */
} golden_distance;

static inline void golden_add_row(golden_distance *d, const float *wanted, const float *found,
                                  int64_t vocab)
{
    double best[2] = {(double)wanted[0], (double)found[0]}, sum[2] = {0.0, 0.0}, kl = 0.0;
    for (int64_t i = 0; i < vocab; i++) {
        best[0] = fmax(best[0], (double)wanted[i]);
        best[1] = fmax(best[1], (double)found[i]);
        const double error = fabs((double)wanted[i] - (double)found[i]);
        if (!(error <= d->max_abs)) d->max_abs = error; /* so that a NaN stays */
    }
    for (int64_t i = 0; i < vocab; i++) {
        sum[0] += exp((double)wanted[i] - best[0]);
        sum[1] += exp((double)found[i] - best[1]);
    }
    for (int64_t i = 0; i < vocab; i++) {
        const double p = (double)wanted[i] - best[0] - log(sum[0]);
        kl += exp(p) * (p - ((double)found[i] - best[1] - log(sum[1])));
    }
    d->kl_sum += kl;
    d->rows++;
    d->top1 += fixture_best(wanted, vocab) == fixture_best(found, vocab);
}

static inline double golden_kl(const golden_distance *d)
{
    return d->kl_sum / (double)d->rows;
}

/* Greedy tokens behind a prompt, to the end of the answer where `eos`. The caller frees .ids. */
static inline golden_ids golden_greedy(fixture *f, pewter_engine *engine, pewter_model *model,
                                       const golden_ids *prompt, size_t most, bool eos)
{
    pewter_session_options options = pewter_session_defaults();
    options.temperature = 0.0f;
    options.ignore_eos = !eos;
    options.max_tokens = (int64_t)most;
    pewter_session *session = fixture_session(f, model, &options);
    fixture_answer *answer = calloc(1, sizeof *answer);
    assert_non_null(answer);
    fixture_must(f, pewter_prompt(session, prompt->ids, prompt->count, &f->err));
    fixture_generate(f, engine, session, answer);
    golden_ids out = {.count = (size_t)answer->count, .ids = calloc(most + 1, sizeof(int32_t))};
    assert_non_null(out.ids);
    memcpy(out.ids, answer->tokens, out.count * sizeof *out.ids);
    free(answer);
    pewter_session_free(session);
    return out;
}

/* Where two runs of tokens part; the shorter one's end if nowhere. */
static inline size_t golden_part(const golden_ids *a, const golden_ids *b)
{
    size_t i = 0;
    while (i < a->count && i < b->count && a->ids[i] == b->ids[i]) i++;
    return i;
}

#endif
