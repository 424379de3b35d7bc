#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "pw/rng.h"
#include "runtime/text/merge.h"
#include "tests/support/limit_alloc.h"

enum { LIMIT = 256 << 20, LONGEST = 300 };

/* A pair may be merged by its bytes alone: some hash of them says whether, and at which rank. */
typedef struct rules {
    uint64_t seed;
    uint32_t ranks, longest;
} rules;

static bool find(const void *context, const char *text, const pw_symbol *left,
                 const pw_symbol *right, pw_join *out)
{
    const rules *r = context;
    assert_int_equal(left->at + left->size, right->at);
    const uint32_t size = left->size + right->size;
    if (size > r->longest) return false;
    uint64_t hash = r->seed;
    for (uint32_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)text[left->at + i]) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
    if (hash % 3 == 0) return false;
    *out = (pw_join){.rank = (uint32_t)(hash >> 8) % r->ranks, .id = (int32_t)(hash >> 40)};
    return true;
}

/* The definition, as slow as it is. */
static size_t merge_slowly(pw_symbol *symbols, size_t n, const char *text, const rules *r)
{
    for (;;) {
        size_t best = n;
        pw_join join, chosen = {0};
        for (size_t i = 0; i + 1 < n; i++)
            if (find(r, text, &symbols[i], &symbols[i + 1], &join) &&
                (best == n || join.rank < chosen.rank)) {
                best = i;
                chosen = join;
            }
        if (best == n) return n;
        symbols[best].size += symbols[best + 1].size;
        symbols[best].id = chosen.id;
        memmove(&symbols[best + 1], &symbols[best + 2], (n - best - 2) * sizeof *symbols);
        n--;
    }
}

static void fill(pw_symbol *symbols, size_t n)
{
    for (size_t i = 0; i < n; i++) symbols[i] = (pw_symbol){.at = (uint32_t)i, .size = 1, .id = -1};
}

/* Short and long runs take different ways; both do what the definition says. */
static void test_both_ways_follow_the_definition(void **state)
{
    (void)state;
    limit_alloc counts;
    const pewter_allocator alloc = limit_allocator(&counts, LIMIT, UINT64_MAX);
    pw_merger merger = {.alloc = &alloc};
    pw_rng rng = {.state = 11};
    pw_symbol wanted[LONGEST];
    char text[LONGEST];
    for (int round = 0; round < 1500; round++) {
        const size_t n = (size_t)pw_rng_range(&rng, 1, round % 3 == 0 ? LONGEST : 60);
        const int letters = (int)pw_rng_range(&rng, 1, 4);
        for (size_t i = 0; i < n; i++) text[i] = (char)('a' + pw_rng_range(&rng, 0, letters - 1));
        const rules r = {.seed = pw_rng_u64(&rng),
                         .ranks = round % 2 == 0 ? 3 : 1u << 24,
                         .longest = (uint32_t)pw_rng_range(&rng, 2, 20)};
        fill(wanted, n);
        const size_t left = merge_slowly(wanted, n, text, &r);
        assert_true(pw_merger_room(&merger, n));
        fill(merger.symbols, n);
        assert_int_equal(pw_merge(&merger, n, text, find, &r), left);
        for (size_t i = 0; i < left; i++) {
            assert_int_equal(merger.symbols[i].at, wanted[i].at);
            assert_int_equal(merger.symbols[i].size, wanted[i].size);
            assert_int_equal(merger.symbols[i].id, wanted[i].id);
        }
    }
    pw_merger_free(&merger);
    assert_int_equal(counts.live, 0);
}

static bool find_twice(const void *context, const char *text, const pw_symbol *left,
                       const pw_symbol *right, pw_join *out)
{
    (void)context;
    (void)text;
    if (left->size != right->size || left->size >= 1u << 16) return false;
    *out = (pw_join){.rank = left->size, .id = 1};
    return true;
}

static void test_a_megabyte_of_one_letter_takes_no_time(void **state)
{
    (void)state;
    enum { N = 1 << 20 };
    limit_alloc counts;
    const pewter_allocator alloc = limit_allocator(&counts, LIMIT, UINT64_MAX);
    pw_merger merger = {.alloc = &alloc};
    assert_true(pw_merger_room(&merger, N));
    fill(merger.symbols, N);
    const clock_t began = clock();
    assert_int_equal(pw_merge(&merger, N, "", find_twice, NULL), N >> 16);
    const double seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
    if (seconds > 3.0) fail_msg("%.1f s", seconds);
    for (uint32_t i = 0; i < N >> 16; i++) {
        assert_int_equal(merger.symbols[i].at, i << 16);
        assert_int_equal(merger.symbols[i].size, 1 << 16);
    }
    pw_merger_free(&merger);
}

static void test_room_grows_and_may_be_refused(void **state)
{
    (void)state;
    limit_alloc counts;
    const pewter_allocator alloc = limit_allocator(&counts, 1 << 20, UINT64_MAX);
    pw_merger merger = {.alloc = &alloc};
    assert_true(pw_merger_room(&merger, 10));
    assert_true(pw_merger_room(&merger, 2000));
    assert_false(pw_merger_room(&merger, 1 << 20));
    assert_false(pw_merger_room(&merger, SIZE_MAX / 2));
    assert_int_equal(counts.live, 0); /* what was there is given back first */
    assert_true(pw_merger_room(&merger, 2000));
    pw_merger_free(&merger);
    pw_merger_free(&merger);
    assert_int_equal(counts.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways_follow_the_definition),
        cmocka_unit_test(test_a_megabyte_of_one_letter_takes_no_time),
        cmocka_unit_test(test_room_grows_and_may_be_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
