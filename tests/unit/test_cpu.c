#include <fenv.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <cmocka.h>

#include "backends/cpu/cpu.h"
#include "kernels/ref/rows.h"
#include "pw/clock.h"
#include "runtime/engine/memory.h"
#include "tests/support/limit_alloc.h"

static const int32_t cpus[] = {0, 0, 0};
static const pw_backend *const b = &pw_cpu_backend;

static pw_site site_of(bool driver)
{
    return (pw_site){
        .name = "here", .cpus = cpus, .n_cpus = 3, .memory = 1 << 30, .driver = driver};
}

static pw_device *need(const pw_site *site)
{
    pw_device_info info;
    size_t count = 0;
    pewter_error err;
    pw_device *dev = NULL;
    assert_int_equal(b->probe(site, 1, &info, 1, &count, &err), PEWTER_OK);
    assert_int_equal(count, 1);
    assert_int_equal(b->open(&info, site, &pw_default_allocator, &dev, &err), PEWTER_OK);
    return dev;
}

static uint64_t used(pw_device *dev)
{
    pw_device_state now;
    b->query(dev, &now);
    assert_false(now.lost);
    return now.bytes_used;
}

static void test_probe(void **state)
{
    (void)state;
    const pw_site sites[3] = {site_of(true), {.name = "empty"}, site_of(false)};
    pw_device_info info[3];
    size_t count = 9;
    pewter_error err;
    assert_int_equal(b->probe(sites, 3, info, 3, &count, &err), PEWTER_OK);
    assert_int_equal(count, 2);
    assert_string_equal(info[0].name, "cpu0");
    assert_string_equal(info[1].name, "cpu1");
    assert_int_equal(info[1].site, 2);
    assert_int_equal(info[1].threads, 3);
    assert_true(info[0].detail[0] != 0);
    assert_int_equal(b->probe(sites, 3, info, 1, &count, &err), PEWTER_OK);
    assert_int_equal(count, 1);
    assert_int_equal(b->probe(sites, 0, info, 3, &count, &err), PEWTER_OK);
    assert_int_equal(count, 0);
    assert_true(b->kernels().count >= pw_ref_catalogue().count);
}

static void test_memory(void **state)
{
    (void)state;
    const pw_site site = site_of(true);
    pw_device *dev = need(&site);
    pewter_error err;
    pw_buffer *buf = NULL, *big = NULL, *none = NULL, *host = NULL;
    pw_ticket ticket = 1;
    assert_int_equal(b->alloc(dev, 1000, PEWTER_MEM_SCRATCH, &buf, &err), PEWTER_OK);
    assert_int_equal(b->alloc(dev, 5 << 20, PEWTER_MEM_WEIGHTS, &big, &err), PEWTER_OK);
    assert_int_equal(b->alloc(dev, 0, PEWTER_MEM_KV, &none, &err), PEWTER_OK);
    assert_int_equal(used(dev), 1024 + (5 << 20) + 64);
    assert_int_equal((uintptr_t)b->map(dev, buf) % 64, 0);
    const char *map = b->map(dev, big);
    for (size_t i = 0; i < 5 << 20; i++) assert_int_equal(map[i], 0);

    char out[16] = {0};
    assert_int_equal(b->write(dev, buf, 100, "sixteen letters", 16, &ticket, &err), PEWTER_OK);
    assert_int_equal(b->wait(dev, ticket, 0, &err), PEWTER_OK);
    assert_int_equal(b->read(dev, buf, 100, out, 16, &ticket, &err), PEWTER_OK);
    assert_int_equal(b->wait(dev, ticket, 0, &err), PEWTER_OK);
    assert_string_equal(out, "sixteen letters");
    assert_int_equal(b->write(dev, buf, 1024, out, 0, &ticket, &err), PEWTER_OK);
    assert_int_equal(b->write(dev, buf, 1024, out, 1, &ticket, &err), PEWTER_E_ARG);
    assert_int_equal(b->write(dev, buf, SIZE_MAX, out, 2, &ticket, &err), PEWTER_E_ARG);
    assert_int_equal(b->read(dev, buf, 1, out, SIZE_MAX, &ticket, &err), PEWTER_E_ARG);
    assert_int_equal(b->alloc(dev, SIZE_MAX - 10, PEWTER_MEM_KV, &none, &err), PEWTER_E_MEMORY);
    assert_int_equal(b->alloc(dev, SIZE_MAX / 2, PEWTER_MEM_KV, &none, &err), PEWTER_E_MEMORY);

    assert_int_equal(b->import(dev, out, sizeof out, &host, &err), PEWTER_OK);
    assert_ptr_equal(b->map(dev, host), out);
    b->release(dev, host);
    b->release(dev, none);
    b->release(dev, big);
    assert_int_equal(used(dev), 1024);
    b->release(dev, buf);
    b->release(dev, NULL);
    b->close(dev);
    b->close(NULL);
}

/* ---- Programs -------------------------------------------------------------------------------- */

enum { D = 64, MOST_ROWS = 6, ADDS = 40 };

/* A chain of sums, each a step: x + b in place of `at`, ADDS times. */
typedef struct chain {
    pw_device *dev;
    pw_buffer *memory;
    pw_step_call calls[ADDS];
    pw_step steps[ADDS];
    pw_program *program;
} chain;

static pw_operand operand(pw_buffer *buffer, size_t offset, pw_open_rows rows)
{
    return (pw_operand){.buffer = buffer, .offset = offset, .rows = rows, .dim = 1};
}

static void chain_new(chain *c, const pw_site *site, const pw_kernel *row)
{
    pewter_error err;
    const size_t part = D * MOST_ROWS * sizeof(float);
    *c = (chain){.dev = need(site)};
    assert_int_equal(b->alloc(c->dev, 3 * part, PEWTER_MEM_SCRATCH, &c->memory, &err), PEWTER_OK);
    for (size_t i = 0; i < ADDS; i++) {
        const size_t from = i % 2 * part, to = (i + 1) % 2 * part;
        c->calls[i] = (pw_step_call){.call = {.op = PW_OP_ADD,
                                              .dst = pw_tensor_of(PW_F32, D, MOST_ROWS, 1, NULL),
                                              .src = {pw_tensor_of(PW_F32, D, MOST_ROWS, 1, NULL),
                                                      pw_tensor_of(PW_F32, D, 1, 1, NULL)}},
                                     .kernel = row,
                                     .dst = operand(c->memory, to, PW_ROWS_TOKENS),
                                     .src = {operand(c->memory, from, PW_ROWS_TOKENS),
                                             operand(c->memory, 2 * part, PW_ROWS_FIXED)}};
        c->steps[i] = (pw_step){&c->calls[i], 1};
    }
    assert_int_equal(b->prepare(c->dev, c->steps, ADDS, &c->program, &err), PEWTER_OK);
}

static void chain_free(chain *c)
{
    b->discard(c->dev, c->program);
    b->discard(c->dev, NULL);
    b->release(c->dev, c->memory);
    b->close(c->dev);
}

/* Zeros, then rows of i, and ones to add. */
static float *chain_fill(chain *c)
{
    float *x = b->map(c->dev, c->memory);
    for (int64_t i = 0; i < 2 * D * MOST_ROWS; i++) x[i] = (float)(i % D);
    for (int64_t i = 0; i < D; i++) x[2 * D * MOST_ROWS + i] = 1.0f;
    return x;
}

/* Only the rows that are bound are computed, at any width up to the one prepared. */
static void test_program(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        const pw_site site = site_of(side == 0);
        const pw_catalogue all = pw_ref_catalogue();
        chain c;
        chain_new(&c, &site, pw_kernel_named(&all, "add_f32_ref"));
        for (int64_t n = 0; n <= MOST_ROWS; n++) {
            const float *x = chain_fill(&c);
            const pw_bindings bind = {.tokens = n};
            pw_ticket ticket, second;
            pewter_error err;
            assert_int_equal(b->submit(c.dev, c.program, &bind, &ticket, &err), PEWTER_OK);
            assert_int_equal(b->submit(c.dev, c.program, &bind, &second, &err), PEWTER_E_BUSY);
            assert_int_equal(b->wait(c.dev, ticket, 0, &err), PEWTER_OK);
            assert_int_equal(b->wait(c.dev, ticket, 0, &err), PEWTER_OK);
            assert_int_equal(b->wait(c.dev, 0, 0, &err), PEWTER_OK);
            for (int64_t i = 0; i < D * MOST_ROWS; i++)
                assert_true(x[i] == (float)(i % D + (i < D * n ? ADDS : 0)));
        }
        pw_device_state now;
        b->query(c.dev, &now);
        assert_true(now.last_ns > 0 && now.weight_bytes == 0);
        chain_free(&c);
    }
}

static void slow_add(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    (void)call;
    (void)begin;
    (void)end;
    (void)scratch;
    const int64_t until = pw_now_ns() + 3 * 1000000;
    while (pw_now_ns() < until) continue;
}

static const pw_kernel slow = {.name = "slow", .op = PW_OP_ADD, .grain = 1, .cpu.run = slow_add};

static void test_deadline_and_cancel(void **state)
{
    (void)state;
    const pw_site site = site_of(true);
    chain c;
    chain_new(&c, &site, &slow);
    chain_fill(&c);
    atomic_int stop = 0;
    const pw_bindings bind = {.tokens = 1, .stop = &stop};
    pw_ticket ticket;
    pewter_error err;
    const int64_t begin = pw_now_ns();
    assert_int_equal(b->submit(c.dev, c.program, &bind, &ticket, &err), PEWTER_OK);
    assert_int_equal(b->wait(c.dev, ticket, begin + 10 * 1000000, &err), PEWTER_E_TIMEOUT);
    assert_non_null(strstr(err.message, "here did not finish by its deadline"));
    assert_true(pw_now_ns() - begin < 3 * ADDS * 1000000ll);

    /* The device is free again; a flag that is set skips all. */
    atomic_store(&stop, 1);
    assert_int_equal(b->submit(c.dev, c.program, &bind, &ticket, &err), PEWTER_OK);
    assert_int_equal(b->wait(c.dev, ticket, 0, &err), PEWTER_E_CANCELLED);
    atomic_store(&stop, 0);
    assert_int_equal(b->submit(c.dev, c.program, &bind, &ticket, &err), PEWTER_OK);
    assert_int_equal(b->wait(c.dev, ticket, pw_now_ns() + 60 * 1000000000ll, &err), PEWTER_OK);

    /* A program that is discarded while it waits is forgotten. */
    assert_int_equal(b->submit(c.dev, c.program, &bind, &ticket, &err), PEWTER_OK);
    b->discard(c.dev, c.program);
    assert_int_equal(b->wait(c.dev, ticket, 0, &err), PEWTER_OK);
    c.program = NULL;
    chain_free(&c);
}

/* ---- Numbers --------------------------------------------------------------------------------- */

static atomic_int odd_words;

static void look_at_words(const pw_call *call, int64_t begin, int64_t end, void *scratch)
{
    (void)call;
    (void)begin;
    (void)end;
    (void)scratch;
    if (fegetround() != FE_TONEAREST) atomic_fetch_add(&odd_words, 1);
#if defined(__x86_64__)
    if ((_mm_getcsr() & 0xffc0) != 0x1f80) atomic_fetch_add(&odd_words, 1);
#endif
}

static const pw_kernel words = {
    .name = "words", .op = PW_OP_ADD, .grain = 1, .cpu.run = look_at_words};

/* Every task runs under the default control word, and the caller's is restored. */
static void test_control_word(void **state)
{
    (void)state;
    const pw_site site = site_of(true);
    chain c;
    chain_new(&c, &site, &words);
    fesetround(FE_DOWNWARD);
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | 0x8040); /* flush to zero, and denormals are zero */
    const unsigned before = _mm_getcsr();
#endif
    const pw_bindings bind = {.tokens = MOST_ROWS};
    pw_ticket ticket;
    pewter_error err;
    atomic_store(&odd_words, 0);
    const pewter_status status = b->submit(c.dev, c.program, &bind, &ticket, &err);
    const pewter_status waited = b->wait(c.dev, ticket, 0, &err);
    const int round = fegetround();
#if defined(__x86_64__)
    const unsigned after = _mm_getcsr();
    _mm_setcsr(0x1f80);
    assert_int_equal(before & 0xffc0, after & 0xffc0);
#endif
    fesetround(FE_TONEAREST);
    assert_int_equal(round, FE_DOWNWARD);
    assert_int_equal(status, PEWTER_OK);
    assert_int_equal(waited, PEWTER_OK);
    assert_int_equal(atomic_load(&odd_words), 0);
    chain_free(&c);
}

/* ---- Host work, and no memory ------------------------------------------------------------------ */

static void add_task(void *context, uint32_t task)
{
    _Atomic uint32_t *seen = context;
    atomic_fetch_add(&seen[task], 1);
}

static void test_each(void **state)
{
    (void)state;
    const pw_site site = site_of(true);
    pw_device *dev = need(&site);
    static _Atomic uint32_t seen[1000];
    b->each(dev, 0, add_task, seen);
    b->each(dev, 1000, add_task, seen);
    for (size_t i = 0; i < 1000; i++) assert_int_equal(atomic_load(&seen[i]), 1);
    b->close(dev);
}

/* Every allocation refused in turn: a status, and nothing is left. */
static void test_no_memory(void **state)
{
    (void)state;
    const pw_site site = site_of(true);
    const pw_catalogue all = pw_ref_catalogue();
    chain model;
    chain_new(&model, &site, pw_kernel_named(&all, "add_f32_ref"));
    pw_device_info info;
    size_t count;
    pewter_error err;
    assert_int_equal(b->probe(&site, 1, &info, 1, &count, &err), PEWTER_OK);
    bool done = false;
    for (uint64_t from = 0; !done; from++) {
        assert_true(from < 50);
        limit_alloc counts;
        const pewter_allocator alloc = limit_allocator(&counts, SIZE_MAX, from);
        pw_device *dev = NULL;
        pw_buffer *buf = NULL;
        pw_program *program = NULL;
        pewter_status status = b->open(&info, &site, &alloc, &dev, &err);
        if (status == PEWTER_OK) status = b->alloc(dev, 4096, PEWTER_MEM_KV, &buf, &err);
        if (status == PEWTER_OK) status = b->prepare(dev, model.steps, ADDS, &program, &err);
        done = status == PEWTER_OK;
        if (!done) assert_int_equal(status, PEWTER_E_MEMORY);
        if (dev != NULL) {
            b->discard(dev, program);
            b->release(dev, buf);
        }
        b->close(dev);
        assert_int_equal(counts.live, 0);
    }
    chain_free(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probe),        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_program),      cmocka_unit_test(test_deadline_and_cancel),
        cmocka_unit_test(test_control_word), cmocka_unit_test(test_each),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests_name("cpu", tests, NULL, NULL);
}
