#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/engine/memory.h"
#include "tests/support/limit_alloc.h"
#include "tests/support/tiny_graph.h"

/* Values of every kind, from which single nodes are made. */
typedef enum part {
    NONE,
    TOKENS, /* inputs */
    ROWS,
    ROPE,
    POOL,
    W,    /* Q8_0 [64, 64] */
    V,    /* Q8_0 [64, 80] */
    BIAS, /* [64] */
    D16,  /* [16] */
    X,    /* [64, 1, n] */
    H,    /* [16, 4, n] */
    KV,   /* [16, 2, n] */
    Y,    /* [64, 1, outputs] */
    PARTS
} part;

typedef struct parts {
    tiny_graph tiny;
    int32_t of[PARTS];
} parts;

static int32_t op(parts *p, pw_op what, int64_t d, int64_t h, part a, part b, part c)
{
    const pw_params params = {.eps = 1e-5f, .heads = 4, .kv_heads = 2, .head_dim = 16};
    const int32_t src[PW_MAX_SRC] = {p->of[a], p->of[b], p->of[c], -1, -1};
    return pw_graph_op(&p->tiny.graph, what, "it", d, h, src, &params);
}

static void begin(parts *p, int64_t outputs)
{
    tiny_shape shape = tiny_defaults();
    shape.outputs = outputs;
    tiny_begin(&p->tiny, &shape, &pw_default_allocator);
    pw_graph *g = &p->tiny.graph;
    p->of[NONE] = PW_NO_VALUE;
    p->of[TOKENS] = pw_graph_input(g, PW_INPUT_TOKENS, 1);
    p->of[ROWS] = pw_graph_input(g, PW_INPUT_ROWS, 1);
    p->of[ROPE] = pw_graph_input(g, PW_INPUT_ROPE, 16);
    p->of[POOL] = pw_graph_state(g);
    p->of[W] = tiny_weight(&p->tiny, PW_Q8_0, 64, 32);
    p->of[X] = op(p, PW_OP_EMBED, 64, 1, W, TOKENS, NONE);
    p->of[KV] = op(p, PW_OP_MATMUL, 16, 2, W, X, NONE);
    p->of[W] = tiny_weight(&p->tiny, PW_Q8_0, 64, 64);
    p->of[H] = op(p, PW_OP_MATMUL, 16, 4, W, X, NONE);
    p->of[V] = tiny_weight(&p->tiny, PW_Q8_0, 64, 80);
    p->of[BIAS] = tiny_weight(&p->tiny, PW_F32, 64, 1);
    p->of[D16] = tiny_weight(&p->tiny, PW_F32, 16, 1);
    p->of[Y] = op(p, PW_OP_EMBED, 64, 1, X, ROWS, NONE);
    g->logits = p->of[Y];
    pewter_error err;
    assert_int_equal(pw_graph_check(g, &err), PEWTER_OK);
}

/* A node more: its op, its operands, the shape said of its result. */
typedef struct addition {
    pw_op op;
    int64_t d, h;
    part src[3];
} addition;

// clang-format off
static const addition sound[] = {
    {PW_OP_EMBED, 64, 1, {V, TOKENS}},
    {PW_OP_EMBED, 64, 1, {V, ROWS}},
    {PW_OP_EMBED, 64, 1, {X, ROWS}},
    {PW_OP_NORM, 64, 1, {BIAS, X}},
    {PW_OP_NORM, 16, 4, {D16, H}},
    {PW_OP_MATMUL, 64, 1, {W, X}},
    {PW_OP_MATMUL, 16, 4, {W, X}},
    {PW_OP_MATMUL, 64, 1, {W, Y}},
    {PW_OP_ROPE, 16, 4, {H, ROPE}},
    {PW_OP_ROPE, 64, 1, {X, ROPE}},
    {PW_OP_KV_STORE, 16, 2, {KV, KV, POOL}},
    {PW_OP_ATTENTION, 16, 4, {H, POOL}},
    {PW_OP_GLU, 64, 1, {X, X}},
    {PW_OP_ADD, 64, 1, {X, X}},
    {PW_OP_ADD, 64, 1, {X, BIAS}},
};

static const addition unsound[] = {
    {PW_OP_EMBED, 63, 1, {V, TOKENS}},
    {PW_OP_EMBED, 64, 1, {V, X}},
    {PW_OP_EMBED, 64, 1, {V, ROPE}},
    {PW_OP_EMBED, 1, 1, {TOKENS, TOKENS}},
    {PW_OP_EMBED, 64, 1, {V, TOKENS, X}},
    {PW_OP_NORM, 32, 2, {BIAS, X}},
    {PW_OP_NORM, 64, 1, {D16, X}},
    {PW_OP_NORM, 64, 1, {NONE, X}},
    {PW_OP_NORM, 64, 1, {BIAS, BIAS}},
    {PW_OP_NORM, 16, 1, {BIAS, TOKENS}},
    {PW_OP_NORM, 64, 1, {W, X}},
    {PW_OP_NORM, 64, 1, {BIAS, X, X}},
    {PW_OP_MATMUL, 32, 1, {W, X}},
    {PW_OP_MATMUL, 64, 1, {NONE, X}},
    {PW_OP_MATMUL, 64, 1, {W, KV}},
    {PW_OP_MATMUL, 64, 1, {W, W}},
    {PW_OP_MATMUL, 64, 1, {W, TOKENS}},
    {PW_OP_MATMUL, 16, 1, {X, X}},
    {PW_OP_ROPE, 64, 1, {H, ROPE}},
    {PW_OP_ROPE, 16, 4, {H}},
    {PW_OP_ROPE, 16, 4, {H, H}},
    {PW_OP_ROPE, 64, 1, {Y, ROPE}},
    {PW_OP_KV_STORE, 16, 2, {KV, KV}},
    {PW_OP_KV_STORE, 16, 2, {KV, NONE, POOL}},
    {PW_OP_KV_STORE, 16, 2, {KV, KV, X}},
    {PW_OP_KV_STORE, 16, 4, {H, H, POOL}},
    {PW_OP_ATTENTION, 16, 4, {H}},
    {PW_OP_ATTENTION, 16, 4, {H, H}},
    {PW_OP_ATTENTION, 16, 2, {KV, POOL}},
    {PW_OP_ATTENTION, 64, 1, {Y, POOL}},
    {PW_OP_ADD, 64, 1, {X, D16}},
    {PW_OP_ADD, 64, 1, {BIAS, X}},
    {PW_OP_ADD, 64, 1, {X, W}},
    {PW_OP_ADD, 64, 1, {X}},
    {PW_OP_ADD, 64, 1, {X, KV}},
    {PW_OP_ADD, 32, 1, {X, X}},
    {PW_OP_ADD, 64, 1, {X, Y}},
    {PW_OP_GLU, 64, 1, {X}},
    {PW_OP_GLU, 64, 1, {X, BIAS}},
    {PW_OP_GLU, 32, 1, {X, X}},
    {PW_OP_GLU, 64, 1, {X, Y}},
    {PW_OP_CAST, 64, 1, {X}},
};
// clang-format on

/* Rows of tokens and rows of outputs are never the same, however many there are of each. */
static const int64_t outputs[] = {4, 16, 1};

static pewter_status check_with(const addition *more, int64_t n, pewter_error *err)
{
    parts p;
    begin(&p, n);
    op(&p, more->op, more->d, more->h, more->src[0], more->src[1], more->src[2]);
    assert_false(p.tiny.graph.failed);
    const pewter_status status = pw_graph_check(&p.tiny.graph, err);
    tiny_free(&p.tiny);
    return status;
}

static void test_sound(void **state)
{
    (void)state;
    pewter_error err;
    for (size_t i = 0; i < sizeof sound / sizeof *sound; i++)
        for (size_t n = 0; n < sizeof outputs / sizeof *outputs; n++)
            if (check_with(&sound[i], outputs[n], &err) != PEWTER_OK)
                fail_msg("number %zu: %s", i, err.message);
}

static void test_unsound(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof unsound / sizeof *unsound; i++) {
        for (size_t n = 0; n < sizeof outputs / sizeof *outputs; n++) {
            pewter_error err = {{0}};
            const pewter_status status = check_with(&unsound[i], outputs[n], &err);
            if (status != PEWTER_E_FORMAT || strstr(err.message, "layer -1, it:") == NULL)
                fail_msg("number %zu, %s: status %d, '%s'", i, pw_op_name(unsound[i].op),
                         (int)status, err.message);
        }
    }
}

/* An operand that was never made fails the graph; the value of another graph is refused. */
static void test_strangers(void **state)
{
    (void)state;
    pewter_error err;
    parts p;
    begin(&p, 4);
    p.of[NONE] = 1000;
    op(&p, PW_OP_ADD, 64, 1, X, NONE, NONE);
    assert_int_equal(pw_graph_check(&p.tiny.graph, &err), PEWTER_E_FORMAT);
    tiny_free(&p.tiny);

    begin(&p, 4);
    assert_int_equal(op(&p, PW_OP_MATMUL, 64, 1, W, NONE, NONE), PW_NO_VALUE);
    assert_true(p.tiny.graph.failed);
    assert_int_equal(op(&p, PW_OP_MATMUL, 64, 1, W, X, NONE), PW_NO_VALUE);
    assert_int_not_equal(pw_graph_check(&p.tiny.graph, &err), PEWTER_OK);
    tiny_free(&p.tiny);

    begin(&p, 4);
    p.tiny.graph.logits = PW_NO_VALUE;
    assert_int_equal(pw_graph_check(&p.tiny.graph, &err), PEWTER_E_FORMAT);
    tiny_free(&p.tiny);
}

static void test_views(void **state)
{
    (void)state;
    parts p;
    begin(&p, 4);
    const pw_graph *g = &p.tiny.graph;
    int32_t dim = -1;
    pw_tensor t = pw_graph_view(g, PW_OP_ROPE, p.of[H], &dim);
    assert_true(t.n[0] == 16 && t.n[1] == 4 && t.n[2] == 16 && dim == 2);
    t = pw_graph_view(g, PW_OP_MATMUL, p.of[H], &dim);
    assert_true(t.n[0] == 64 && t.n[1] == 16 && t.n[2] == 1 && dim == 1);
    t = pw_graph_view(g, PW_OP_ROPE, p.of[ROPE], &dim);
    assert_true(t.n[0] == 16 && t.n[1] == 16 && dim == 1);
    t = pw_graph_view(g, PW_OP_EMBED, p.of[ROWS], &dim);
    assert_true(t.n[0] == 4 && dim == 0 && t.dtype == PW_I32);
    t = pw_graph_view(g, PW_OP_MATMUL, p.of[Y], &dim);
    assert_true(t.n[0] == 64 && t.n[1] == 4 && dim == 1);
    tiny_free(&p.tiny);
}

/* Every refused allocation leaves a graph that is refused and can be freed. */
static void test_memory(void **state)
{
    (void)state;
    tiny_shape shape = tiny_defaults();
    shape.layers = 20;
    bool made = false;
    for (uint64_t from = 0; !made; from++) {
        assert_true(from < 1000);
        limit_alloc counts;
        const pewter_allocator alloc = limit_allocator(&counts, SIZE_MAX, from);
        tiny_graph tiny;
        pewter_error err;
        tiny_make(&tiny, &shape, &alloc);
        const pewter_status status = pw_graph_check(&tiny.graph, &err);
        assert_int_equal(status, tiny.graph.failed ? PEWTER_E_MEMORY : PEWTER_OK);
        made = status == PEWTER_OK;
        tiny_free(&tiny);
        assert_int_equal(counts.live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),     cmocka_unit_test(test_unsound),
        cmocka_unit_test(test_strangers), cmocka_unit_test(test_views),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
