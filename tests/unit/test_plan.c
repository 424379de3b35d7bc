#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/engine/memory.h"
#include "runtime/text/json.h"
#include "tests/support/fast_rows.h"
#include "tests/support/limit_alloc.h"
#include "tests/support/mock_backend.h"
#include "tests/support/tiny_graph.h"

static fast_rows rows;

static int set_up(void **state)
{
    (void)state;
    mock_reset();
    fast_make(&rows, &(fast_options){PW_EPILOGUE_GLU | PW_EPILOGUE_ADD, true, 2});
    mock.catalogue = rows.all;
    return 0;
}

static void targets_of(size_t n, uint64_t features, pw_target *out)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = (pw_target){.backend = &mock_backend,
                             .info = {.features = features, .memory = 1 << 30, .threads = 2}};
        snprintf(out[i].info.name, sizeof out[i].info.name, "mock%zu", i);
        snprintf(out[i].info.detail, sizeof out[i].info.detail, "says \"hello\"");
    }
}

static pw_plan *need(const tiny_graph *tiny, size_t n, uint64_t features,
                     const pw_plan_rules *rules)
{
    pw_target targets[MOCK_DEVICES];
    pw_plan *plan = NULL;
    pewter_error err;
    targets_of(n, features, targets);
    if (pw_plan_make(&tiny->graph, targets, n, rules, &pw_default_allocator, &plan, &err) !=
        PEWTER_OK)
        fail_msg("%s", err.message);
    return plan;
}

/* The plan in that form; freed by the caller. */
static char *printed(const pw_plan *plan, pewter_form form)
{
    pw_out size = {0};
    size_t bytes, again;
    pw_plan_print(plan, form, &size);
    pw_out_end(&size, &bytes);
    char *text = malloc(bytes);
    assert_non_null(text);
    pw_out out = {.buf = text, .cap = bytes};
    pw_plan_print(plan, form, &out);
    pw_out_end(&out, &again);
    assert_int_equal(again, bytes);
    assert_int_equal(strlen(text), bytes - 1);
    return text;
}

static void test_deterministic(void **state)
{
    (void)state;
    tiny_shape shape = tiny_defaults();
    const pw_plan_rules rules = {.kv = PW_BF16, .spread = true};
    for (int form = 0; form < 2; form++) {
        char *texts[2];
        for (int i = 0; i < 2; i++) {
            tiny_graph tiny;
            tiny_make(&tiny, &shape, &pw_default_allocator);
            pw_plan *plan = need(&tiny, 2, FAST_FEATURE, &rules);
            texts[i] = printed(plan, form == 0 ? PEWTER_TEXT : PEWTER_JSON);
            pw_plan_free(plan);
            tiny_free(&tiny);
        }
        assert_string_equal(texts[0], texts[1]);
        free(texts[0]);
        free(texts[1]);
    }
}

static uint64_t hash_of(const tiny_shape *shape, size_t n, uint64_t features,
                        const pw_plan_rules *rules)
{
    tiny_graph tiny;
    tiny_make(&tiny, shape, &pw_default_allocator);
    pw_plan *plan = need(&tiny, n, features, rules);
    const uint64_t hash = plan->hash;
    pw_plan_free(plan);
    tiny_free(&tiny);
    return hash;
}

/* The hash is of the choices: not of the weights, nor of what does not change bits. */
static void test_hash(void **state)
{
    (void)state;
    const tiny_shape shape = tiny_defaults();
    const pw_plan_rules rules = {.kv = PW_BF16}, f32 = {.kv = PW_F32},
                        exact = {.kv = PW_BF16, .exact = true};
    const uint64_t hash = hash_of(&shape, 1, FAST_FEATURE, &rules);
    tiny_shape other = shape;
    other.seed = 99;
    assert_true(hash_of(&other, 1, FAST_FEATURE, &rules) == hash);
    assert_true(hash_of(&shape, 2, FAST_FEATURE, &rules) == hash);
    assert_true(hash_of(&shape, 1, 0, &rules) != hash);
    assert_true(hash_of(&shape, 1, FAST_FEATURE, &f32) != hash);
    assert_true(hash_of(&shape, 1, FAST_FEATURE, &exact) != hash);
    other = shape;
    other.layers = 3;
    assert_true(hash_of(&other, 1, FAST_FEATURE, &rules) != hash);
    other = shape;
    other.bias = true;
    assert_true(hash_of(&other, 1, FAST_FEATURE, &rules) != hash);
}

static int64_t number(const json_t *of, const char *key)
{
    const json_t *value = json_object_get(of, key);
    if (!json_is_integer(value)) fail_msg("'%s' is no whole number", key);
    return json_integer_value(value);
}

static void test_json(void **state)
{
    (void)state;
    tiny_shape shape = tiny_defaults();
    shape.layers = 4;
    tiny_graph tiny;
    tiny_make(&tiny, &shape, &pw_default_allocator);
    const pw_plan_rules rules = {.kv = PW_BF16, .spread = true};
    pw_plan *plan = need(&tiny, 2, FAST_FEATURE, &rules);
    char *text = printed(plan, PEWTER_JSON);
    json_t *all = NULL;
    pewter_error err;
    if (pw_json_parse("plan", text, strlen(text), PW_JSON_BYTES, &all, &err) != PEWTER_OK)
        fail_msg("%s", err.message);
    assert_int_equal(number(all, "tokens"), 16);
    assert_int_equal(number(all, "outputs"), 4);
    assert_int_equal(number(all, "positions"), 128);
    assert_int_equal(number(all, "layers"), 4);
    assert_string_equal(json_string_value(json_object_get(all, "kv")), "BF16");
    assert_true(json_is_false(json_object_get(all, "exact")));
    assert_int_equal(json_array_size(json_object_get(all, "devices")), 2);
    assert_int_equal(json_array_size(json_object_get(all, "segments")), 2);
    assert_int_equal(json_array_size(json_object_get(all, "copies")), 1);
    assert_int_equal(json_array_size(json_object_get(all, "calls")), plan->n_calls);
    const json_t *device = json_array_get(json_object_get(all, "devices"), 1);
    assert_string_equal(json_string_value(json_object_get(device, "name")), "mock1");
    assert_string_equal(json_string_value(json_object_get(device, "detail")), "says \"hello\"");
    assert_int_equal(number(device, "first_layer"), 2);
    assert_int_equal(number(device, "last_layer"), 3);
    assert_int_equal(number(device, "weight_bytes"), plan->devices[1].weight_bytes);
    assert_int_equal(number(device, "kv_bytes"), plan->devices[1].page_bytes * 2);
    for (int32_t i = 0; i < plan->n_calls; i++) {
        const json_t *call = json_array_get(json_object_get(all, "calls"), (size_t)i);
        assert_int_equal(number(call, "step"), plan->calls[i].step);
        assert_string_equal(json_string_value(json_object_get(call, "kernel")),
                            plan->calls[i].kernel->name);
        assert_int_equal(json_object_get(call, "packing") != NULL,
                         plan->calls[i].kernel->packing != NULL);
    }
    json_decref(all);
    free(text);
    pw_plan_free(plan);
    tiny_free(&tiny);
}

static void test_text(void **state)
{
    (void)state;
    tiny_shape shape = tiny_defaults();
    shape.layers = 6;
    tiny_graph tiny;
    tiny_make(&tiny, &shape, &pw_default_allocator);
    const pw_plan_rules rules = {.kv = PW_BF16};
    pw_plan *plan = need(&tiny, 2, FAST_FEATURE, &rules);
    char *text = printed(plan, PEWTER_TEXT);
    static const char *const lines[] = {
        "mock0: layers 0 to 5, 2 workers; weights ",
        "mock1: not used",
        "  before the layers, on mock0",
        "  layers 0 to 4, on mock0",
        "  layer 5, on mock0",
        "  behind the layers, on mock0",
        "matmul_q8_0_fast                  Q8_0 [64, 96] +glu; up to 3 rows: "
        "matmul_q8_0_few_fast; "
        "next best: matmul_any_ref",
        "norm_f32_fast                     [64, 16] -> Q8X; next best: norm_f32_ref",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (strstr(text, lines[i]) == NULL) fail_msg("'%s' is not in\n%s", lines[i], text);
    free(text);
    pw_plan_free(plan);
    tiny_free(&tiny);
}

/* Bytes of weights are those of the panels, and of what cannot be mapped on this device. */
static void test_weights(void **state)
{
    (void)state;
    const tiny_shape shape = tiny_defaults();
    tiny_graph tiny;
    tiny_make(&tiny, &shape, &pw_default_allocator);
    const pw_plan_rules rules = {.kv = PW_BF16};
    for (int fast = 0; fast < 2; fast++) {
        pw_plan *plan = need(&tiny, 1, fast ? FAST_FEATURE : 0, &rules);
        size_t bytes = 0;
        for (int32_t i = 0; i < plan->n_weights; i++) {
            const pw_plan_weight *w = &plan->weights[i];
            assert_true(w->bytes > 0);
            bytes += pw_align_up(w->bytes, 64);
            assert_int_equal(w->source[1].mapped != NULL,
                             fast && w->packing != NULL && w->m == shape.ffn);
        }
        assert_int_equal(plan->devices[0].weight_bytes, bytes);
        assert_int_equal(plan->devices[0].mapped_bytes, 0);
        pw_plan_free(plan);
    }
    tiny_free(&tiny);
}

/* Every refused allocation is a status, and leaves nothing behind. */
static void test_memory(void **state)
{
    (void)state;
    tiny_shape shape = tiny_defaults();
    shape.layers = 24;
    tiny_graph tiny;
    tiny_make(&tiny, &shape, &pw_default_allocator);
    pw_target targets[2];
    targets_of(2, FAST_FEATURE, targets);
    const pw_plan_rules rules = {.kv = PW_BF16, .spread = true};
    pewter_status status = PEWTER_E_MEMORY;
    for (uint64_t from = 0; status != PEWTER_OK; from++) {
        assert_true(from < 200);
        limit_alloc counts;
        const pewter_allocator alloc = limit_allocator(&counts, SIZE_MAX, from);
        pw_plan *plan = NULL;
        pewter_error err = {{0}};
        status = pw_plan_make(&tiny.graph, targets, 2, &rules, &alloc, &plan, &err);
        assert_true(status == PEWTER_OK || (status == PEWTER_E_MEMORY && err.message[0] != 0));
        pw_plan_free(plan);
        assert_int_equal(counts.live, 0);
    }
    tiny_free(&tiny);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_deterministic, set_up),
        cmocka_unit_test_setup(test_hash, set_up),
        cmocka_unit_test_setup(test_json, set_up),
        cmocka_unit_test_setup(test_text, set_up),
        cmocka_unit_test_setup(test_weights, set_up),
        cmocka_unit_test_setup(test_memory, set_up),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
