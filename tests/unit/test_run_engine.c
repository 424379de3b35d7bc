/* The engine on backends of the test's choice: this program's own pw_backends stands in for the one of
 * backends/list.c, which the linker then leaves out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "backends/cpu/cpu.h"
#include "tests/support/fake_root.h"
#include "tests/support/mock_backend.h"

static const pw_backend *chosen[3];

const pw_backend *const *pw_backends(void)
{
    return chosen;
}

static fake_root folder;
static char path[128];

static int set_up(void **state)
{
    (void)state;
    folder = fake_root_new();
    snprintf(path, sizeof path, "%s/tiny.gguf", folder.path);
    pewter_synth_options options = pewter_synth_defaults();
    options.shape = "tiny";
    options.type = "Q8_0";
    options.seed = 5;
    pewter_error err;
    if (pewter_synth(&options, path, &err) == PEWTER_OK) return 0;
    print_error("%s\n", err.message);
    return -1;
}

static int tear_down(void **state)
{
    (void)state;
    fake_root_free(&folder);
    return 0;
}

typedef struct rig {
    pewter_engine *engine;
    pewter_model *model;
    pewter_session *session;
    pewter_error err;
} rig;

static pewter_status rig_open(rig *r, const pw_backend *first, const pw_backend *second)
{
    chosen[0] = first;
    chosen[1] = second;
    *r = (rig){0};
    pewter_config config = pewter_config_defaults();
    config.cpu_features = "scalar";
    config.cpu_devices = second != NULL || first == &mock_backend ? 2 : 1; /* layers on every one */
    config.threads = 2;
    pewter_status status = pewter_open(&config, &r->engine, &r->err);
    pewter_load_options load = pewter_load_defaults();
    load.context = 256;
    load.batch = 8;
    load.kv = PEWTER_KV_F32;
    if (status == PEWTER_OK) status = pewter_load(r->engine, path, &load, &r->model, &r->err);
    pewter_session_options options = pewter_session_defaults();
    options.temperature = 0.0f;
    options.max_tokens = 12;
    options.ignore_eos = true;
    if (status == PEWTER_OK) status = pewter_session_new(r->model, &options, &r->session, &r->err);
    return status;
}

static void rig_close(rig *r)
{
    pewter_session_free(r->session);
    pewter_unload(r->model);
    pewter_close(r->engine);
}

static void mock_with(size_t devices)
{
    mock_reset();
    mock.n_devices = devices;
    for (size_t i = 0; i < devices; i++) mock.memory[i] = 1 << 30;
}

/* Greedy tokens behind a fixed prompt. A step that failed but for a lost device is tried again. */
static pewter_status answer(rig *r, int32_t tokens[12], int *failures)
{
    static const int32_t prompt[] = {1, 300, 301, 302, 303, 304, 305, 306, 307, 308, 309};
    int n = 0;
    *failures = 0;
    pewter_status status =
        pewter_prompt(r->session, prompt, sizeof prompt / sizeof *prompt, &r->err);
    while (status == PEWTER_OK && n < 12) {
        size_t ready;
        status = pewter_step(r->engine, &ready, &r->err);
        if (status != PEWTER_OK && ++*failures < 10) {
            if (strstr(r->err.message, "is lost") != NULL) return status;
            status = PEWTER_OK;
            continue;
        }
        pewter_piece piece = {.size = sizeof piece};
        if (status == PEWTER_OK) status = pewter_next(r->session, &piece, &r->err);
        if (status == PEWTER_OK && piece.token >= 0) tokens[n++] = piece.token;
        if (piece.finish != PEWTER_FINISH_NONE) break;
    }
    return status;
}

static void need_answer(const pw_backend *first, const pw_backend *second, int32_t tokens[12])
{
    rig r;
    int failures = 0;
    if (rig_open(&r, first, second) != PEWTER_OK || answer(&r, tokens, &failures) != PEWTER_OK)
        fail_msg("%s", r.err.message);
    assert_int_equal(failures, 0);
    rig_close(&r);
    assert_int_equal(mock.misuses, 0);
    assert_int_equal(mock.buffers + mock.programs + mock.devices, 0);
}

/* The same answer on cores, on mock devices, and on both together. */
static void test_same_answer(void **state)
{
    (void)state;
    int32_t tokens[3][12] = {{0}};
    mock_with(3);
    need_answer(&pw_cpu_backend, NULL, tokens[0]);
    assert_int_equal(mock.calls[MOCK_CALLS], 0);
    need_answer(&mock_backend, NULL, tokens[1]);
    assert_memory_equal(tokens[1], tokens[0], sizeof tokens[0]);
    mock_with(1);
    need_answer(&pw_cpu_backend, &mock_backend, tokens[2]);
    assert_true(mock.rows_run > 0);
    assert_memory_equal(tokens[2], tokens[0], sizeof tokens[0]);
}

static void test_no_device(void **state)
{
    (void)state;
    mock_with(0);
    rig r;
    assert_int_equal(rig_open(&r, &mock_backend, NULL), PEWTER_E_DEVICE);
    assert_string_equal(r.err.message, "no device found");
    rig_close(&r);
    assert_int_equal(rig_open(&r, NULL, NULL), PEWTER_E_DEVICE);
    rig_close(&r);
}

/* Loading fails by a status wherever a device fails, and leaves nothing behind. */
static void test_loading_fails(void **state)
{
    (void)state;
    for (int fault = MOCK_FAILS; fault <= MOCK_IS_LOST; fault++) {
        pewter_status status = PEWTER_E_DEVICE;
        for (uint64_t at = 0; status != PEWTER_OK; at++) {
            assert_true(at < 500);
            mock_with(2);
            mock_break(MOCK_CALLS, at, (mock_fault)fault);
            rig r;
            status = rig_open(&r, &mock_backend, NULL);
            rig_close(&r);
            assert_true(status == PEWTER_OK || r.err.message[0] != 0);
            assert_int_equal(mock.buffers + mock.programs + mock.devices, 0);
        }
    }
}

/* A step that failed or timed out is tried again with the same answer; a lost device ends it. */
static void test_answering_fails(void **state)
{
    (void)state;
    int32_t wanted[12], came[12];
    mock_with(2);
    need_answer(&mock_backend, NULL, wanted);
    static const mock_call calls[] = {MOCK_WRITE, MOCK_READ, MOCK_SUBMIT, MOCK_WAIT};
    for (size_t c = 0; c < sizeof calls / sizeof *calls; c++) {
        for (int fault = MOCK_FAILS; fault <= MOCK_IS_LOST; fault++) {
            for (uint64_t at = 0; at < 24; at += 5) {
                mock_with(2);
                rig r;
                assert_int_equal(rig_open(&r, &mock_backend, NULL), PEWTER_OK);
                mock_break(calls[c], at, (mock_fault)fault);
                int failures = 0;
                const pewter_status status = answer(&r, came, &failures);
                assert_int_equal(failures, 1);
                assert_int_equal(status, fault == MOCK_IS_LOST ? PEWTER_E_DEVICE : PEWTER_OK);
                if (fault != MOCK_IS_LOST) assert_memory_equal(came, wanted, sizeof wanted);
                rig_close(&r);
                assert_int_equal(mock.misuses, 0);
                assert_int_equal(mock.buffers + mock.programs + mock.devices, 0);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_answer),
        cmocka_unit_test(test_no_device),
        cmocka_unit_test(test_loading_fails),
        cmocka_unit_test(test_answering_fails),
    };
    return cmocka_run_group_tests_name("engine on other devices", tests, set_up, tear_down);
}
