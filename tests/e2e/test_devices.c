/* Whole models over devices with memory of their own: the mock backend of the tests, beside the CPU or
 * instead of it. Copies stand in the plan, the bits are those of one CPU, and a device that fails at
 * any call costs a status. This program brings its own list of backends. */
#include <jansson.h>

#include "backends/cpu/cpu.h"
#include "tests/support/engine_fixture.h"
#include "tests/support/mock_backend.h"

enum { VOCAB = 512, TOKENS = 90 };

static const pw_backend *list[3];

const pw_backend *const *pw_backends(void)
{
    return list;
}

static void choose(const pw_backend *first, const pw_backend *second)
{
    list[0] = first;
    list[1] = second;
    list[2] = NULL;
}

/* Devices with room for a part of the model each, so that all are wanted. */
static void mock_devices(size_t count, uint64_t memory)
{
    mock_reset();
    mock.n_devices = count;
    for (size_t i = 0; i < count; i++) mock.memory[i] = memory;
}

static bool nothing_is_left(void)
{
    return mock.devices == 0 && mock.buffers == 0 && mock.programs == 0 && mock.misuses == 0;
}

/* ---- Bits --------------------------------------------------------------------------------------- */

/* Logits of prompt and decode, and of a fork behind it. */
static void compute(fixture *f, pewter_model *model, float *out)
{
    int32_t ids[TOKENS];
    fixture_ids(4, ids, TOKENS, VOCAB);
    pewter_session *session = fixture_session(f, model, NULL), *fork = NULL;
    fixture_logits(f, session, ids, 70, out);
    fixture_must(f, pewter_session_fork(session, &fork, &f->err));
    fixture_logits(f, session, ids, 20, NULL);
    pewter_session_free(session);
    for (size_t i = 70; i < TOKENS; i++) fixture_logits(f, fork, ids + i, 1, out + i * VOCAB);
    pewter_session_free(fork);
}

static json_int_t copies_in_plan(fixture *f, pewter_model *model)
{
    static char text[1 << 20];
    size_t need;
    json_error_t why;
    fixture_must(f, pewter_explain(model, PEWTER_JSON, text, sizeof text, &need, &f->err));
    assert_true(need <= sizeof text);
    json_t *plan = json_loads(text, 0, &why);
    if (plan == NULL) fail_msg("%s", why.text);
    const json_t *copies = json_object_get(plan, "copies");
    const json_int_t count =
        json_is_array(copies) ? (json_int_t)json_array_size(copies) : json_integer_value(copies);
    json_decref(plan);
    return count;
}

static void same_as_one_cpu(fixture *f, const char *type, size_t devices, const pw_backend *other)
{
    static float wanted[TOKENS * VOCAB], found[TOKENS * VOCAB];
    fixture_synth(f, "tiny,layers=4", type, 41);
    choose(&pw_cpu_backend, NULL);
    pewter_engine *engine = fixture_engine(f, "scalar", 1, 0);
    pewter_model *model = fixture_model(f, engine, NULL);
    compute(f, model, wanted);
    assert_int_equal(copies_in_plan(f, model), 0);
    pewter_unload(model);
    pewter_close(engine);

    mock_devices(devices, UINT64_C(1) << 28);
    choose(&mock_backend, other);
    engine = fixture_engine(f, "scalar", devices > 1 ? 2 : 1, devices > 1 ? 2 : 0);
    model = fixture_model(f, engine, NULL);
    compute(f, model, found);
    if (memcmp(wanted, found, sizeof wanted) != 0)
        fail_msg("%s on %zu devices: other bits", type, devices);
    assert_true(mock.rows_run > 0 && mock.bytes_moved > 0);
    if (devices > 1) assert_true(copies_in_plan(f, model) > 0);
    pewter_unload(model);
    pewter_close(engine);
    assert_true(nothing_is_left());
}

static void test_bits_are_those_of_one_cpu(void **state)
{
    fixture *f = *state;
    static const char *const types[] = {"F32", "Q4_0", "Q4_K"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        for (size_t devices = 1; devices < 5; devices++)
            same_as_one_cpu(f, types[i], devices, devices % 2 == 0 ? &pw_cpu_backend : NULL);
}

/* ---- Faults ------------------------------------------------------------------------------------- */

static pewter_status talk(pewter_engine *engine, pewter_model *model, pewter_session *session,
                          pewter_error *err)
{
    (void)model;
    int32_t ids[70];
    fixture_ids(5, ids, 70, 300);
    pewter_session *fork = NULL;
    pewter_piece piece = {.size = sizeof piece};
    size_t ready = 1;
    pewter_status status = pewter_prompt(session, ids, 70, err);
    while (status == PEWTER_OK && ready > 0) {
        status = pewter_step(engine, &ready, err);
        if (status == PEWTER_OK) status = pewter_next(session, &piece, err);
    }
    if (status == PEWTER_OK) status = pewter_session_fork(session, &fork, err);
    if (status == PEWTER_OK) status = pewter_prompt(fork, ids, 3, err);
    if (status == PEWTER_OK) status = pewter_step(engine, &ready, err);
    pewter_session_free(fork);
    if (status == PEWTER_OK) status = pewter_session_reset(session, err);
    if (status == PEWTER_OK) status = pewter_prompt(session, ids, 5, err); /* clears a page */
    return status == PEWTER_OK ? pewter_step(engine, &ready, err) : status;
}

/* Lives once, up to the first failure. What the talk left undone is tried again. */
static pewter_status live(fixture *f, bool *served_again, pewter_error *err)
{
    pewter_config config = pewter_config_defaults();
    config.allocator = &f->alloc;
    config.threads = config.cpu_devices = 2;
    config.cpu_features = "scalar";
    pewter_session_options options = pewter_session_defaults();
    options.max_tokens = 3;
    options.ignore_eos = true;
    pewter_load_options load = pewter_load_defaults();
    load.context = 256;
    pewter_engine *engine = NULL;
    pewter_model *model = NULL;
    pewter_session *session = NULL;
    pewter_status status = pewter_open(&config, &engine, err);
    if (status == PEWTER_OK) status = pewter_load(engine, f->path, &load, &model, err);
    if (status == PEWTER_OK) status = pewter_session_new(model, &options, &session, err);
    if (status == PEWTER_OK) status = talk(engine, model, session, err);
    *served_again = session != NULL && status != PEWTER_OK &&
                    pewter_session_reset(session, NULL) == PEWTER_OK &&
                    talk(engine, model, session, NULL) == PEWTER_OK;
    pewter_session_free(session);
    pewter_unload(model);
    pewter_close(engine);
    return status;
}

static bool is_expected(pewter_status status, mock_call call, mock_fault fault)
{
    if (fault == MOCK_TIMES_OUT) return status == PEWTER_E_TIMEOUT;
    if (fault == MOCK_FAILS && call == MOCK_ALLOC) return status == PEWTER_E_MEMORY;
    return status == PEWTER_E_DEVICE;
}

/* Every call of every function fails in turn. After a fault that passes the session goes on. */
static void fail_each(fixture *f, mock_call call, mock_fault fault)
{
    bool again;
    mock_break(call, UINT64_MAX, fault);
    fixture_must(f, live(f, &again, &f->err));
    const uint64_t calls = mock.calls[call];
    assert_true(calls > 0 && nothing_is_left());
    const uint64_t step = 1 + calls / (fixture_quick() ? 10 : 60);
    for (uint64_t at = 0; at < calls; at += step) {
        mock_break(call, at, fault);
        f->err.message[0] = 0;
        const pewter_status status = live(f, &again, &f->err);
        if (!is_expected(status, call, fault) || f->err.message[0] == 0)
            fail_msg("function %d, call %llu, fault %d: %s '%s'", (int)call, (unsigned long long)at,
                     (int)fault, pewter_status_name(status), f->err.message);
        if (fault == MOCK_IS_LOST) assert_false(again);
        if (fault != MOCK_IS_LOST && call == MOCK_SUBMIT) assert_true(again);
        if (!nothing_is_left() || f->counts.live != 0)
            fail_msg("function %d, call %llu: %d devices, %d buffers, %d programs, %zu bytes left, "
                     "%d misuses",
                     (int)call, (unsigned long long)at, mock.devices, mock.buffers, mock.programs,
                     f->counts.live, mock.misuses);
    }
}

static void test_each_call_fails_in_turn(void **state)
{
    fixture *f = *state;
    fixture_synth(f, "tiny,layers=2,ffn=256,vocab=300", "Q4_0", 41);
    mock_devices(2, UINT64_C(1) << 28);
    choose(&mock_backend, &pw_cpu_backend);
    static const mock_call calls[] = {MOCK_PROBE, MOCK_OPEN,    MOCK_ALLOC,  MOCK_WRITE,
                                      MOCK_READ,  MOCK_PREPARE, MOCK_SUBMIT, MOCK_WAIT};
    static const mock_fault faults[] = {MOCK_FAILS, MOCK_TIMES_OUT, MOCK_IS_LOST};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        for (size_t k = 0; k < sizeof faults / sizeof *faults; k++)
            fail_each(f, calls[i], faults[k]);
}

/* Host memory fails while devices are at work. */
static void test_host_memory_fails_in_turn(void **state)
{
    fixture *f = *state;
    fixture_synth(f, "tiny,layers=2,ffn=256,vocab=300", "Q4_0", 41);
    mock_devices(2, UINT64_C(1) << 28);
    choose(&mock_backend, NULL);
    bool again;
    f->counts.calls = 0;
    fixture_must(f, live(f, &again, &f->err));
    const uint64_t calls = f->counts.calls;
    for (uint64_t at = 0; at < calls; at++) {
        f->counts.calls = 0;
        f->counts.fail_from = at;
        const pewter_status status = live(f, &again, &f->err);
        if (status != PEWTER_E_MEMORY || f->counts.live != 0 || !nothing_is_left())
            fail_msg("allocation %llu: %s, %zu bytes left", (unsigned long long)at,
                     pewter_status_name(status), f->counts.live);
    }
    f->counts.fail_from = UINT64_MAX;
}

static void test_memory_of_devices_is_counted(void **state)
{
    fixture *f = *state;
    fixture_synth(f, "tiny,layers=4", "Q4_0", 41);
    mock_devices(2, 100 * 1000);
    choose(&mock_backend, NULL);
    pewter_engine *engine = fixture_engine(f, "scalar", 1, 0);
    pewter_model *model = NULL;
    fixture_refused(f, pewter_load(engine, f->path, NULL, &model, &f->err), PEWTER_E_MEMORY, "");
    pewter_device_info info = {.size = sizeof info};
    fixture_must(f, pewter_device_get(engine, 1, &info, &f->err));
    assert_string_equal(info.name, "mock1");
    assert_string_equal(info.backend, "mock");
    assert_int_equal(info.memory, 100 * 1000);
    pewter_close(engine);
    assert_true(nothing_is_left());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_bits_are_those_of_one_cpu),
        FIXTURE_TEST(test_each_call_fails_in_turn),
        FIXTURE_TEST(test_host_memory_fails_in_turn),
        FIXTURE_TEST(test_memory_of_devices_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
