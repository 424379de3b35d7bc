/* The profile of a model, through the public interface, and what the bench makes of it. */
#include "bench/model/profile.h"
#include "tests/support/engine_fixture.h"

enum { TOKENS = 40 };

static void load(fixture *f, int32_t devices, pewter_engine **engine, pewter_model **model)
{
    fixture_synth(f, "tiny", "Q8_0", 3);
    *engine = fixture_engine(f, NULL, 2, devices);
    *model = fixture_model(f, *engine, NULL);
}

static void compute(fixture *f, pewter_model *model, float *logits)
{
    int32_t ids[TOKENS];
    fixture_ids(5, ids, TOKENS, fixture_info(model).vocab);
    pewter_session *session = fixture_session(f, model, NULL);
    fixture_logits(f, session, ids, TOKENS, logits);
    pewter_session_free(session);
}

static pewter_profile_op get(fixture *f, const pewter_model *model, size_t index)
{
    pewter_profile_op op = {.size = sizeof op};
    fixture_must(f, pewter_profile_get(model, index, &op, &f->err));
    return op;
}

/* Ops in plan order, each run by every step, with the work that it does, and the same bits. */
static void profile_of(fixture *f, int32_t devices)
{
    pewter_engine *engine;
    pewter_model *model;
    load(f, devices, &engine, &model);
    const size_t values = TOKENS * (size_t)fixture_info(model).vocab;
    float *off = calloc(2 * values, sizeof *off), *on = off + values;
    assert_non_null(off);
    const size_t count = pewter_profile_count(model);
    assert_true(count > 10);
    compute(f, model, off);
    assert_int_equal(get(f, model, 0).calls, 0);
    assert_null(get(f, model, 0).kernel);

    fixture_must(f, pewter_profile(model, true, &f->err));
    compute(f, model, on);
    assert_memory_equal(off, on, values * sizeof *off);
    int32_t layer = -1;
    double seconds = 0.0;
    for (size_t i = 0; i < count; i++) {
        const pewter_profile_op op = get(f, model, i);
        assert_true(op.layer >= layer);
        layer = op.layer;
        assert_non_null(op.kernel);
        assert_true(op.calls > 0 && op.calls == get(f, model, 0).calls);
        assert_true(op.busy_seconds > 0.0 && op.seconds >= 0.0 && op.bytes > 0.0);
        if (strcmp(op.op, "matmul") == 0) assert_true(op.operations > 0.0);
        seconds += op.seconds;
    }
    assert_int_equal(layer, fixture_info(model).layers);
    const profile_limits limits = {.f32 = 1e9, .int8 = 1e9, .bf16 = 1e9, .bytes = 1e9};
    const profile_sum sum = profile_total(model, &limits);
    assert_true(sum.seconds > 0.0 && sum.seconds - seconds < 1e-9);
    assert_true(sum.floor_seconds >= sum.bytes / 1e9 / 2.0);

    /* Off: what was measured stays. On: anew. */
    fixture_must(f, pewter_profile(model, false, &f->err));
    const uint64_t calls = get(f, model, 0).calls;
    compute(f, model, on);
    assert_int_equal(get(f, model, 0).calls, calls);
    fixture_must(f, pewter_profile(model, true, &f->err));
    assert_int_equal(get(f, model, 0).calls, 0);
    free(off);
    pewter_unload(model);
    pewter_close(engine);
}

static void test_profile(void **state)
{
    profile_of(*state, 0);
}

static void test_two_devices(void **state)
{
    profile_of(*state, 2);
}

typedef struct spans {
    const pewter_model *model;
    uint64_t count;
    int64_t last;
} spans;

static void take_span(void *context, const pewter_span *span)
{
    spans *s = context;
    assert_true(span->op < pewter_profile_count(s->model));
    assert_true(span->end_ns >= span->begin_ns && span->worker >= 0 && span->worker < 2);
    s->count++;
}

static void test_spans(void **state)
{
    fixture *f = *state;
    pewter_engine *engine;
    pewter_model *model;
    load(f, 0, &engine, &model);
    fixture_must(f, pewter_profile(model, true, &f->err));
    compute(f, model, NULL);
    spans s = {.model = model};
    uint64_t dropped = 1;
    fixture_must(f, pewter_profile_spans(model, take_span, &s, &dropped, &f->err));
    assert_true(s.count >= pewter_profile_count(model));
    assert_int_equal(dropped, 0);
    fixture_refused(f, profile_trace(model, "/nonexistent/trace", &f->err), PEWTER_E_IO,
                    "/nonexistent/trace");
    fixture_must(f, profile_trace(model, f->path, &f->err));
    json_t *trace = json_load_file(f->path, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(trace, "traceEvents")), s.count + 1);
    json_decref(trace);
    pewter_unload(model);
    pewter_close(engine);
}

static void test_refused(void **state)
{
    fixture *f = *state;
    pewter_engine *engine;
    pewter_model *model;
    load(f, 0, &engine, &model);
    pewter_profile_op op = {.size = sizeof op};
    fixture_refused(f, pewter_profile(NULL, true, &f->err), PEWTER_E_ARG, "a model is wanted");
    fixture_refused(f, pewter_profile_get(model, 100000, &op, &f->err), PEWTER_E_ARG, "100000");
    op.size = 0;
    fixture_refused(f, pewter_profile_get(model, 0, &op, &f->err), PEWTER_E_ARG, "size");
    fixture_refused(f, pewter_profile_spans(model, NULL, NULL, NULL, &f->err), PEWTER_E_ARG,
                    "function");
    pewter_unload(model);
    pewter_load_options options = pewter_load_defaults();
    options.plan_only = true;
    model = fixture_model(f, engine, &options);
    fixture_refused(f, pewter_profile(model, true, &f->err), PEWTER_E_ARG, "without its weights");
    assert_int_equal(pewter_profile_count(model), 0);
    pewter_unload(model);
    pewter_close(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_profile),
        FIXTURE_TEST(test_two_devices),
        FIXTURE_TEST(test_spans),
        FIXTURE_TEST(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
