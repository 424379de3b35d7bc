/* Between the first token and the last nothing is allocated: neither through the configuration's
 * allocator nor behind its back. */
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/engine_fixture.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static atomic_ulong allocations;

#if !SANITIZED
/* The C library's functions, counted: those of a program come before those of its libraries. */
void *library_malloc(size_t bytes) __asm__("__libc_malloc");
void *library_calloc(size_t count, size_t bytes) __asm__("__libc_calloc");
void *library_realloc(void *old, size_t bytes) __asm__("__libc_realloc");
void *library_memalign(size_t align, size_t bytes) __asm__("__libc_memalign");

void *malloc(size_t bytes)
{
    allocations++;
    return library_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    allocations++;
    return library_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes)
{
    allocations++;
    return library_realloc(old, bytes);
}

void *aligned_alloc(size_t align, size_t bytes)
{
    allocations++;
    return library_memalign(align, bytes);
}

int posix_memalign(void **out, size_t align, size_t bytes)
{
    *out = aligned_alloc(align, bytes);
    return *out != NULL ? 0 : 12;
}

void *mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    allocations++;
    return (void *)syscall(SYS_mmap, at, bytes, protection, flags, fd, offset);
}
#endif

enum { VOCAB = 512, CROWD = 3 };

static pewter_session *begin(fixture *f, pewter_model *model, size_t index)
{
    static const char *const stops[] = {"never to be found", "nor this"};
    pewter_session_options options = pewter_session_defaults();
    options.seed = index;
    options.temperature = (float)index;
    options.top_k = index == 1 ? 0 : 40;
    options.repetition_penalty = 1.2f;
    options.frequency_penalty = 0.1f;
    options.penalty_last = -1;
    options.logprobs = options.ignore_eos = true;
    options.max_tokens = 150 + (int64_t)index;
    options.stop = stops;
    options.n_stop = 2;
    pewter_session *session = fixture_session(f, model, &options);
    int32_t ids[50];
    fixture_ids(index, ids, 50, VOCAB);
    fixture_must(f, pewter_prompt(session, ids, 20 + 10 * index, &f->err));
    return session;
}

/* Steps and takes text; the number of sessions that had work. */
static size_t step(fixture *f, pewter_engine *engine, pewter_session **crowd)
{
    size_t ready = 0;
    pewter_piece piece = {.size = sizeof piece};
    pewter_stats stats = {.size = sizeof stats};
    fixture_must(f, pewter_step(engine, &ready, &f->err));
    for (size_t i = 0; i < CROWD; i++) {
        fixture_must(f, pewter_next(crowd[i], &piece, &f->err));
        fixture_must(f, pewter_stats_get(crowd[i], &stats, &f->err));
    }
    return ready;
}

static void answers_allocate_nothing(fixture *f, const char *type, const char *features,
                                     int32_t threads, int32_t devices)
{
    fixture_synth(f, "tiny,layers=2,context=1024", type, 31);
    pewter_engine *engine = fixture_engine(f, features, threads, devices);
    pewter_model *model = fixture_model(f, engine, NULL);
    pewter_session *crowd[CROWD];
    for (size_t i = 0; i < CROWD; i++) crowd[i] = begin(f, model, i);

    int32_t ids[30];
    fixture_ids(7, ids, 30, VOCAB);
    const uint64_t calls = f->counts.calls;
    const unsigned long before = allocations;
    size_t steps = 0;
    while (step(f, engine, crowd) > 0) steps++;
    /* Nor do the next turn, and a cut. */
    fixture_must(f, pewter_session_rewind(crowd[0], 64, &f->err));
    fixture_must(f, pewter_prompt(crowd[0], ids, 30, &f->err));
    while (step(f, engine, crowd) > 0) steps++;
    const unsigned long after = allocations;

    assert_true(steps >= 300);
    if (after != before || f->counts.calls != calls)
        fail_msg("%s: %llu allocations of the runtime and %lu of others in %zu steps", type,
                 (unsigned long long)(f->counts.calls - calls), after - before, steps);
    for (size_t i = 0; i < CROWD; i++) pewter_session_free(crowd[i]);
    pewter_unload(model);
    pewter_close(engine);
}

static void test_answers_allocate_nothing(void **state)
{
    fixture *f = *state;
    static const char *const types[] = {"F32", "BF16", "Q8_0", "Q4_0", "Q4_K", "Q6_K"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        answers_allocate_nothing(f, types[i], NULL, 2, 1);
    answers_allocate_nothing(f, "Q4_0", "scalar", 1, 1);
    answers_allocate_nothing(f, "Q4_0", "avx2", 2, 2);
}

static void test_the_count_counts(void **state)
{
    (void)state;
    if (SANITIZED) {
        printf("skipped: allocations behind the allocator's back, which sanitizers take over\n");
        return;
    }
    const unsigned long before = allocations;
    void *volatile block = malloc(10);
    free(block);
    assert_true(allocations > before);
    void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(page != MAP_FAILED);
    munmap(page, 4096);
    assert_int_equal(allocations, before + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_the_count_counts),
        FIXTURE_TEST(test_answers_allocate_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
