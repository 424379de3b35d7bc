/* What tests of the whole engine share: short ways to an engine, a model of random weights, a session
 * and its logits. Memory is counted by the fixture, so that a leak fails the test. */
#ifndef PW_TESTS_SUPPORT_ENGINE_FIXTURE_H
#define PW_TESTS_SUPPORT_ENGINE_FIXTURE_H

#include "pw/rng.h"
#include "tests/support/gguf_fixture.h"

/* Levels of CPU features; those that the machine lacks fall back to what it has. */
static const char *const fixture_features[] = {"scalar", "avx2", "avx2+fma+f16c+avxvnni", "avx512",
                                               NULL};
enum { FIXTURE_FEATURES = sizeof fixture_features / sizeof *fixture_features };

static inline bool fixture_quick(void)
{
    return getenv("PEWTER_QUICK") != NULL;
}

static inline void fixture_must(const fixture *f, pewter_status status)
{
    if (status != PEWTER_OK) fail_msg("%s: %s", pewter_status_name(status), f->err.message);
}

/* The status and a part of the message of what was refused. */
static inline void fixture_refused(const fixture *f, pewter_status status, pewter_status wanted,
                                   const char *says)
{
    if (status != wanted || strstr(f->err.message, says) == NULL)
        fail_msg("%s: '%s'; %s with '%s' wanted", pewter_status_name(status), f->err.message,
                 pewter_status_name(wanted), says);
}

/* A model of random weights at f->path. */
static inline void fixture_synth(fixture *f, const char *shape, const char *type, uint64_t seed)
{
    pewter_synth_options options = pewter_synth_defaults();
    options.shape = shape;
    options.type = type;
    options.seed = seed;
    fixture_must(f, pewter_synth(&options, f->path, &f->err));
}

static inline pewter_engine *fixture_engine(fixture *f, const char *features, int32_t threads,
                                            int32_t devices)
{
    pewter_config config = pewter_config_defaults();
    config.allocator = &f->alloc;
    config.cpu_features = features;
    config.threads = threads;
    config.cpu_devices = devices;
    pewter_engine *engine = NULL;
    fixture_must(f, pewter_open(&config, &engine, &f->err));
    return engine;
}

/* The file at f->path; `options` may be NULL. */
static inline pewter_model *fixture_model(fixture *f, pewter_engine *engine,
                                          const pewter_load_options *options)
{
    pewter_model *model = NULL;
    fixture_must(f, pewter_load(engine, f->path, options, &model, &f->err));
    return model;
}

static inline pewter_model_info fixture_info(const pewter_model *model)
{
    pewter_model_info info = {.size = sizeof info};
    assert_int_equal(pewter_model_get(model, &info, NULL), PEWTER_OK);
    return info;
}

static inline pewter_session *fixture_session(fixture *f, pewter_model *model,
                                              const pewter_session_options *options)
{
    pewter_session *session = NULL;
    fixture_must(f, pewter_session_new(model, options, &session, &f->err));
    return session;
}

/* Rows of logits on their way into an array. */
typedef struct fixture_rows {
    float *data; /* [count][vocab]; NULL: counted only */
    int64_t count, first;
} fixture_rows;

static inline void fixture_take_row(void *context, int64_t pos, const float *logits, int64_t vocab)
{
    fixture_rows *rows = context;
    if (rows->count == 0) rows->first = pos;
    assert_int_equal(pos, rows->first + rows->count);
    if (rows->data != NULL)
        memcpy(rows->data + rows->count * vocab, logits, (size_t)vocab * sizeof *logits);
    rows->count++;
}

/* Appends tokens to a session; their logits into out [count][vocab], which may be NULL. */
static inline void fixture_logits(fixture *f, pewter_session *session, const int32_t *ids,
                                  size_t count, float *out)
{
    fixture_rows rows = {.data = out};
    fixture_must(f, pewter_logits(session, ids, count, fixture_take_row, &rows, &f->err));
    assert_int_equal(rows.count, count);
}

/* Tokens below `vocab`, of one seed. */
static inline void fixture_ids(uint64_t seed, int32_t *ids, size_t count, int64_t vocab)
{
    pw_rng rng = {.state = seed};
    for (size_t i = 0; i < count; i++) ids[i] = (int32_t)pw_rng_range(&rng, 3, vocab - 1);
}

static inline int32_t fixture_best(const float *logits, int64_t vocab)
{
    int64_t best = 0;
    for (int64_t i = 1; i < vocab; i++)
        if (logits[i] > logits[best]) best = i;
    return (int32_t)best;
}

/* An answer as it came. */
typedef struct fixture_answer {
    char text[8192];
    size_t bytes;
    int32_t tokens[512];
    float logprobs[512];
    int64_t count;
    pewter_finish finish;
} fixture_answer;

/* Takes what is there; a step gives one token at most. */
static inline void fixture_take_piece(fixture *f, pewter_session *session, fixture_answer *out)
{
    pewter_piece piece = {.size = sizeof piece};
    fixture_must(f, pewter_next(session, &piece, &f->err));
    assert_true(out->bytes + piece.bytes < sizeof out->text);
    memcpy(out->text + out->bytes, piece.text, piece.bytes);
    out->bytes += piece.bytes;
    out->text[out->bytes] = 0;
    if (piece.token >= 0) {
        assert_true(out->count < 512);
        out->tokens[out->count] = piece.token;
        out->logprobs[out->count++] = piece.logprob;
    }
    out->finish = piece.finish;
}

/* Steps until the session's answer has ended. */
static inline void fixture_generate(fixture *f, pewter_engine *engine, pewter_session *session,
                                    fixture_answer *out)
{
    *out = (fixture_answer){0};
    while (out->finish == PEWTER_FINISH_NONE) {
        size_t ready;
        fixture_must(f, pewter_step(engine, &ready, &f->err));
        fixture_take_piece(f, session, out);
    }
}

static inline pewter_stats fixture_stats(const pewter_session *session)
{
    pewter_stats stats = {.size = sizeof stats};
    assert_int_equal(pewter_stats_get(session, &stats, NULL), PEWTER_OK);
    return stats;
}

#endif
