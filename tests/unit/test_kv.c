/* Pages of keys and values against plain lists: many sessions that grow, fork, are cut and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pw/num.h"
#include "pw/rng.h"
#include "pw/status.h"
#include "runtime/engine/kv.h"
#include "tests/support/limit_alloc.h"

enum { PAGES = 24, SLOTS = 4, SESSIONS = 6, MOST = PAGES * SLOTS };

/* What the pages contain; `SLOTS` numbers each. These stand in for the devices' memory. */
static int32_t contents[PAGES][SLOTS];
static int failing; /* copies and clears that fail from now on: -1 none, 0 the next */

static bool fails(void)
{
    return failing >= 0 && failing-- == 0;
}

pewter_status pw_run_clear_page(pw_run *run, int32_t page, pewter_error *err)
{
    (void)run;
    if (fails()) return pw_fail(err, PEWTER_E_DEVICE, "no clearing");
    memset(contents[page], 0, sizeof contents[page]);
    return PEWTER_OK;
}

pewter_status pw_run_copy_page(pw_run *run, int32_t from, int32_t to, pewter_error *err)
{
    (void)run;
    if (fails()) return pw_fail(err, PEWTER_E_DEVICE, "no copying");
    memcpy(contents[to], contents[from], sizeof contents[to]);
    return PEWTER_OK;
}

typedef struct plain {
    int32_t values[MOST]; /* as it should be */
    int32_t pages[PAGES];
    int64_t n_values, n_pages;
} plain;

typedef struct bench {
    limit_alloc counts;
    pewter_allocator alloc;
    pw_arena arena;
    pw_kv kv;
    plain sessions[SESSIONS];
    int32_t next;
} bench;

static void set_up(bench *b)
{
    *b = (bench){.next = 1};
    failing = -1;
    memset(contents, 0, sizeof contents);
    b->alloc = limit_allocator(&b->counts, 1 << 20, UINT64_MAX);
    b->arena.alloc = &b->alloc;
    assert_int_equal(pw_kv_init(&b->kv, &b->arena, PAGES, NULL, NULL), PEWTER_OK);
}

/* One more value; false where no page is left, or copying fails. */
static bool append(bench *b, plain *s)
{
    const int64_t page = s->n_values / SLOTS;
    if (page == s->n_pages) {
        if (pw_kv_take(&b->kv, &s->pages[page], NULL) != PEWTER_OK) return false;
        s->n_pages++;
        for (int i = 0; i < SLOTS; i++) assert_int_equal(contents[s->pages[page]][i], 0);
    } else if (pw_kv_own(&b->kv, &s->pages[page], NULL) != PEWTER_OK) {
        return false;
    }
    contents[s->pages[page]][s->n_values % SLOTS] = b->next;
    s->values[s->n_values++] = b->next++;
    return true;
}

static void cut(bench *b, plain *s, int64_t values)
{
    s->n_values = values;
    while (s->n_pages > (values + SLOTS - 1) / SLOTS) pw_kv_drop(&b->kv, s->pages[--s->n_pages]);
}

static void copy(bench *b, plain *to, const plain *from)
{
    cut(b, to, 0);
    *to = *from;
    for (int64_t i = 0; i < to->n_pages; i++) pw_kv_hold(&b->kv, to->pages[i]);
}

static void check(const bench *b)
{
    int32_t holders[PAGES] = {0}, n_free = 0;
    bool is_free[PAGES] = {false};
    for (size_t k = 0; k < SESSIONS; k++) {
        const plain *s = &b->sessions[k];
        for (int64_t i = 0; i < s->n_pages; i++) holders[s->pages[i]]++;
        for (int64_t i = 0; i < s->n_values; i++)
            assert_int_equal(contents[s->pages[i / SLOTS]][i % SLOTS], s->values[i]);
    }
    for (int32_t i = 0; i < b->kv.n_free; i++) {
        assert_false(is_free[b->kv.free[i]]);
        is_free[b->kv.free[i]] = true;
    }
    for (int32_t p = 0; p < PAGES; p++) {
        assert_int_equal(b->kv.holders[p], holders[p]);
        assert_int_equal(is_free[p], holders[p] == 0);
        n_free += holders[p] == 0;
    }
    assert_int_equal(b->kv.n_free, n_free);
}

static void test_against_plain_lists(void **state)
{
    (void)state;
    static bench b;
    pw_rng rng = {.state = 42};
    set_up(&b);
    int refused = 0;
    for (int round = 0; round < 40000; round++) {
        plain *s = &b.sessions[pw_rng_range(&rng, 0, SESSIONS - 1)];
        const plain *other = &b.sessions[pw_rng_range(&rng, 0, SESSIONS - 1)];
        const int64_t what = pw_rng_range(&rng, 0, 19);
        failing = pw_rng_range(&rng, 0, 49) == 0 ? 0 : -1;
        if (what < 15)
            refused += s->n_values < MOST && !append(&b, s);
        else if (what < 17)
            cut(&b, s, pw_rng_range(&rng, 0, s->n_values));
        else if (what < 18)
            cut(&b, s, 0);
        else if (s != other)
            copy(&b, s, other);
        failing = -1;
        check(&b);
    }
    assert_true(refused > 100);
    for (size_t k = 0; k < SESSIONS; k++) cut(&b, &b.sessions[k], 0);
    check(&b);
    assert_int_equal(b.kv.n_free, PAGES);
    pw_arena_free(&b.arena);
}

/* ---- Pages that are found -------------------------------------------------------------------- */

/* What stands in a page: two runs of tokens, so that many begin alike. */
static void fill(pw_rng *rng, int32_t *tokens)
{
    const int64_t same = pw_rng_range(rng, 0, PW_PAGE);
    for (int i = 0; i < PW_PAGE; i++) tokens[i] = i < same ? 1 : 2;
}

static int32_t common_of(const int32_t *a, const int32_t *b, int32_t n)
{
    int32_t common = 0;
    while (common < n && a[common] == b[common]) common++;
    return common;
}

/* Looks at every page that has a serial number. */
static void check_found(const bench *b, const pw_kv_key *key, int32_t n)
{
    int32_t whole = -1, best = 0, common;
    for (int32_t p = 0; p < PAGES; p++) {
        const pw_kv_entry *e = &b->kv.entries[p];
        if (e->serial == 0 || e->salt != key->salt || e->parent != key->parent) continue;
        const int32_t equal = common_of(e->tokens, key->tokens, PW_PAGE);
        if (equal == PW_PAGE) whole = p;
        if (pw_min(equal, n) > best) best = (int32_t)pw_min(equal, n);
    }
    assert_int_equal(pw_kv_find(&b->kv, key), whole);
    const int32_t part = pw_kv_find_part(&b->kv, key, n, &common);
    assert_int_equal(common, best);
    assert_int_equal(part >= 0, best > 0);
    if (part >= 0) assert_true(common_of(b->kv.entries[part].tokens, key->tokens, n) == best);
}

/* Pages that two owners share, with one of three pages in front; nobody holds them, and the oldest are forgotten. */
static void test_finds_whole_pages_and_parts(void **state)
{
    (void)state;
    static bench b;
    pw_rng rng = {.state = 7};
    int32_t tokens[PW_PAGE], page, copy, found = 0;
    set_up(&b);
    for (int round = 0; round < 20000; round++) {
        fill(&rng, tokens);
        const pw_kv_key key = {.salt = (uint64_t)pw_rng_range(&rng, 1, 2),
                               .parent = (uint64_t)pw_rng_range(&rng, 0, 2),
                               .tokens = tokens};
        check_found(&b, &key, (int32_t)pw_rng_range(&rng, 1, PW_PAGE));
        page = pw_kv_find(&b.kv, &key);
        if (page >= 0) {
            found++;
            failing = pw_rng_range(&rng, 0, 9) == 0 ? 0 : -1;
            const bool fails = failing == 0;
            contents[page][0] = round;
            const pewter_status status = pw_kv_take_copy(&b.kv, page, &copy, NULL);
            failing = -1;
            assert_int_equal(status, fails ? PEWTER_E_DEVICE : PEWTER_OK);
            assert_true(pw_kv_serial(&b.kv, page) != 0);
            if (fails) continue;
            assert_int_equal(contents[copy][0], round);
            assert_true(copy != page && pw_kv_serial(&b.kv, copy) == 0);
            pw_kv_drop(&b.kv, copy);
        } else if (pw_kv_take(&b.kv, &page, NULL) == PEWTER_OK) {
            pw_kv_share(&b.kv, page, &key);
            pw_kv_drop(&b.kv, page);
        }
        assert_int_equal(pw_kv_available(&b.kv), PAGES);
    }
    assert_true(found > 100);
    assert_int_equal(b.kv.n_free, 0);
    pw_arena_free(&b.arena);
}

static void test_refuses_with_both_numbers(void **state)
{
    (void)state;
    static bench b;
    pewter_error err;
    int32_t page = -7;
    set_up(&b);
    for (int i = 0; i < PAGES; i++) assert_int_equal(pw_kv_take(&b.kv, &page, &err), PEWTER_OK);
    page = -7;
    assert_int_equal(pw_kv_take(&b.kv, &page, &err), PEWTER_E_LIMIT);
    assert_int_equal(page, -7);
    assert_non_null(strstr(err.message, "24 pages of 64"));
    page = 3;
    pw_kv_hold(&b.kv, 3);
    assert_int_equal(pw_kv_own(&b.kv, &page, &err), PEWTER_E_LIMIT);
    assert_int_equal(page, 3);
    pw_kv_drop(&b.kv, 3);
    assert_int_equal(pw_kv_own(&b.kv, &page, &err), PEWTER_OK);
    pw_arena_free(&b.arena);
}

static void test_no_memory_for_the_tables(void **state)
{
    (void)state;
    static bench b;
    set_up(&b);
    pw_arena_free(&b.arena);
    b.counts.fail_from = 0;
    assert_int_equal(pw_kv_init(&b.kv, &b.arena, PAGES, NULL, NULL), PEWTER_E_MEMORY);
    pw_arena_free(&b.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_plain_lists),
        cmocka_unit_test(test_finds_whole_pages_and_parts),
        cmocka_unit_test(test_refuses_with_both_numbers),
        cmocka_unit_test(test_no_memory_for_the_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
