#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "pw/rng.h"
#include "runtime/engine/memory.h"
#include "scheduler/place.h"
#include "tests/support/mock_backend.h"
#include "tests/support/tiny_graph.h"

enum { MOST = 32 };

static void make(tiny_graph *tiny, int32_t layers)
{
    tiny_shape shape = tiny_defaults();
    shape.layers = layers;
    shape.vocab = 32; /* the head goes with the last layer: small beside it */
    tiny_make(tiny, &shape, &pw_default_allocator);
}

static pw_target target(const char *name, int32_t threads, uint64_t memory)
{
    pw_target t = {.backend = &mock_backend, .info = {.threads = threads, .memory = memory}};
    snprintf(t.info.name, sizeof t.info.name, "%s", name);
    return t;
}

/* Neighbouring layers lie on neighbouring devices: the numbers never go back. */
static void check_runs(const int32_t *device, int32_t layers, size_t n)
{
    for (int32_t l = 0; l < layers; l++) {
        assert_in_range(device[l], 0, n - 1);
        if (l > 0) assert_true(device[l] >= device[l - 1]);
    }
}

static void test_spread(void **state)
{
    (void)state;
    tiny_graph tiny;
    make(&tiny, 12);
    const pw_plan_rules rules = {.spread = true};
    int32_t device[MOST];
    pewter_error err;
    const pw_target even[3] = {target("a", 2, 0), target("b", 2, 0), target("c", 2, 0)};
    assert_int_equal(pw_place_layers(&tiny.graph, even, 3, &rules, device, &err), PEWTER_OK);
    for (int32_t l = 0; l < 12; l++) assert_int_equal(device[l], l / 4);

    const pw_target odd[2] = {target("a", 9, 0), target("b", 3, 0)};
    assert_int_equal(pw_place_layers(&tiny.graph, odd, 2, &rules, device, &err), PEWTER_OK);
    for (int32_t l = 0; l < 12; l++) assert_int_equal(device[l], l < 9 ? 0 : 1);

    /* Devices that count no workers get a share too. */
    const pw_target none[2] = {target("a", 0, 0), target("b", 0, 0)};
    assert_int_equal(pw_place_layers(&tiny.graph, none, 2, &rules, device, &err), PEWTER_OK);
    for (int32_t l = 0; l < 12; l++) assert_int_equal(device[l], l / 6);
    tiny_free(&tiny);
}

/* Whatever the devices: runs of neighbours, and shares within one layer of what they should be. */
static void test_spread_random(void **state)
{
    (void)state;
    pw_rng rng = {5};
    for (int i = 0; i < 200; i++) {
        const int32_t layers = (int32_t)pw_rng_range(&rng, 1, MOST);
        const size_t n = (size_t)pw_rng_range(&rng, 1, 6);
        tiny_graph tiny;
        const tiny_shape empty = {.layers = layers, .width = 4, .outputs = 1, .pages = 1};
        tiny_begin(&tiny, &empty, &pw_default_allocator);
        pw_target targets[6];
        int32_t device[MOST], workers = 0, count[6] = {0};
        for (size_t t = 0; t < n; t++) {
            targets[t] = target("it", (int32_t)pw_rng_range(&rng, 1, 20), 0);
            workers += targets[t].info.threads;
        }
        const pw_plan_rules rules = {.spread = true};
        pewter_error err;
        assert_int_equal(pw_place_layers(&tiny.graph, targets, n, &rules, device, &err), PEWTER_OK);
        check_runs(device, layers, n);
        for (int32_t l = 0; l < layers; l++) count[device[l]]++;
        for (size_t t = 0; t < n; t++) {
            const double share = (double)layers * targets[t].info.threads / workers;
            assert_true(count[t] > share - 1.001 && count[t] < share + 1.001);
        }
        tiny_free(&tiny);
    }
}

/* Without a wish, the device with most workers takes all that it holds, then the next. */
static void test_fill(void **state)
{
    (void)state;
    tiny_graph tiny;
    make(&tiny, 10);
    const pw_plan_rules rules = {0};
    int32_t device[MOST];
    pewter_error err;
    const pw_target plenty[3] = {target("a", 2, 1 << 30), target("b", 8, 1 << 30),
                                 target("c", 4, 1 << 30)};
    assert_int_equal(pw_place_layers(&tiny.graph, plenty, 3, &rules, device, &err), PEWTER_OK);
    for (int32_t l = 0; l < 10; l++) assert_int_equal(device[l], 1);

    /* A layer takes some 64 kB: what two hold, and what is left. */
    double layer = 0.0;
    for (int32_t i = 0; i < tiny.graph.n_nodes; i++) {
        const pw_node *node = &tiny.graph.nodes[i];
        if (node->layer != 3) continue;
        if (node->op == PW_OP_MATMUL) layer += (double)tiny.graph.values[node->src[0]].source.bytes;
        if (node->op == PW_OP_ATTENTION) layer += 4.0 * 2 * PW_PAGE * 2 * 16;
    }
    const uint64_t two = (uint64_t)(2.5 * layer);
    const pw_target few[3] = {target("a", 2, 1 << 30), target("b", 8, two), target("c", 4, two)};
    assert_int_equal(pw_place_layers(&tiny.graph, few, 3, &rules, device, &err), PEWTER_OK);
    for (int32_t l = 0; l < 10; l++) assert_int_equal(device[l], l < 2 ? 1 : l < 4 ? 2 : 0);

    const pw_target tight[2] = {target("a", 2, two), target("b", 8, two)};
    assert_int_equal(pw_place_layers(&tiny.graph, tight, 2, &rules, device, &err), PEWTER_E_MEMORY);
    assert_non_null(strstr(err.message, "5 of 10 layers want"));
    assert_non_null(strstr(err.message, "devices have"));
    assert_int_equal(pw_place_layers(&tiny.graph, tight, 0, &rules, device, &err), PEWTER_E_DEVICE);
    tiny_free(&tiny);
}

/* What does not fit in the end is refused with what is wanted and what is there. */
static void test_plan_refused(void **state)
{
    (void)state;
    mock_reset();
    tiny_graph tiny;
    tiny_shape shape = tiny_defaults();
    shape.vocab = 100000;
    tiny_make(&tiny, &shape, &pw_default_allocator);
    const pw_plan_rules rules = {.kv = PW_F32};
    const pw_target small = target("small", 2, 12000000);
    pw_plan *plan = NULL;
    pewter_error err;
    assert_int_equal(
        pw_plan_make(&tiny.graph, &small, 1, &rules, &pw_default_allocator, &plan, &err),
        PEWTER_E_MEMORY);
    assert_null(plan);
    assert_non_null(strstr(err.message, "small: 0.0"));
    assert_non_null(strstr(err.message, "0.01 GB there"));

    shape.pages = 1 << 20;
    tiny_free(&tiny);
    tiny_make(&tiny, &shape, &pw_default_allocator);
    const pw_target wide = target("wide", 2, 1 << 30);
    assert_int_equal(
        pw_plan_make(&tiny.graph, &wide, 1, &rules, &pw_default_allocator, &plan, &err),
        PEWTER_E_MEMORY);
    assert_non_null(strstr(err.message, "GB"));
    tiny_free(&tiny);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spread),
        cmocka_unit_test(test_spread_random),
        cmocka_unit_test(test_fill),
        cmocka_unit_test(test_plan_refused),
    };
    return cmocka_run_group_tests_name("place", tests, NULL, NULL);
}
