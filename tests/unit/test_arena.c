#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "pw/arena.h"
#include "pw/rng.h"
#include "tests/support/limit_alloc.h"

static void test_blocks(void **state)
{
    (void)state;
    limit_alloc counts;
    const pewter_allocator alloc = limit_allocator(&counts, 1 << 20, 2);
    void *none = pw_alloc(&alloc, 0), *some = pw_alloc(&alloc, 100);
    assert_non_null(none);
    assert_non_null(some);
    assert_int_equal(counts.live, 101);
    assert_null(pw_alloc(&alloc, 1));
    pw_free(&alloc, none, 0);
    pw_free(&alloc, some, 100);
    pw_free(&alloc, NULL, 100);
    assert_int_equal(counts.live, 0);
}

/* Everything is zeroed, aligned, and apart from all else; freeing gives all of it back. */
static void test_take(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    static unsigned char *taken[COUNT];
    static size_t bytes[COUNT];
    limit_alloc counts;
    const pewter_allocator alloc = limit_allocator(&counts, 64 << 20, UINT64_MAX);
    pw_arena arena = {.alloc = &alloc};
    pw_rng rng = {7};
    for (int i = 0; i < COUNT; i++) {
        bytes[i] = (size_t)pw_rng_range(&rng, 0, i % 100 == 0 ? 200000 : 300);
        taken[i] = pw_arena_take(&arena, bytes[i]);
        assert_non_null(taken[i]);
        assert_int_equal((uintptr_t)taken[i] % 64, 0);
        for (size_t k = 0; k < bytes[i]; k++) assert_int_equal(taken[i][k], 0);
        memset(taken[i], i % 251 + 1, bytes[i]);
    }
    for (int i = 0; i < COUNT; i++)
        for (size_t k = 0; k < bytes[i]; k++) assert_int_equal(taken[i][k], i % 251 + 1);
    assert_true(counts.calls < COUNT / 4);
    pw_arena_free(&arena);
    assert_int_equal(counts.live, 0);
    pw_arena_free(&arena);
    assert_non_null(pw_arena_take(&arena, 8));
    pw_arena_free(&arena);
    assert_int_equal(counts.live, 0);
}

static void test_overflow(void **state)
{
    (void)state;
    limit_alloc counts;
    const pewter_allocator alloc = limit_allocator(&counts, SIZE_MAX, UINT64_MAX);
    pw_arena arena = {.alloc = &alloc};
    assert_null(pw_arena_take(&arena, SIZE_MAX));
    assert_null(pw_arena_take(&arena, SIZE_MAX - 63));
    assert_null(pw_arena_array(&arena, SIZE_MAX / 2, 3));
    assert_null(pw_arena_array(&arena, SIZE_MAX, SIZE_MAX));
    assert_null(pw_arena_text(&arena, "", SIZE_MAX));
    assert_int_equal(counts.calls, 0);
    assert_non_null(pw_arena_array(&arena, 0, SIZE_MAX));
    pw_arena_free(&arena);
}

/* A refusal leaves what was taken before as it was. */
static void test_refused(void **state)
{
    (void)state;
    limit_alloc counts;
    const pewter_allocator alloc = limit_allocator(&counts, 100000, UINT64_MAX);
    pw_arena arena = {.alloc = &alloc};
    char *text = pw_arena_text(&arena, "kept as it was", 4);
    assert_string_equal(text, "kept");
    assert_null(pw_arena_take(&arena, 90000));
    assert_string_equal(text, "kept");
    assert_non_null(pw_arena_take(&arena, 100));
    assert_string_equal(pw_arena_text(&arena, NULL, 0), "");
    pw_arena_free(&arena);
    assert_int_equal(counts.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_take),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
