#include "bench/base/peak.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include "bench/base/peak_loop.h"
#include "bench/base/peak_room.h"
#include "kernels/features.h"
#include "pw/clock.h"
#include "pw/status.h"

enum { CHUNK = 256 * 1024 }; /* bytes between two looks at the clock */

/* ---- Loops of this CPU ----------------------------------------------------------------------- */

static void choose_x86(peak *p, uint64_t has)
{
#if defined(__x86_64__)
    if ((has & PW_CPU_AVX2) != 0) {
        p->math[PEAK_F32] = peak_f32_avx2;
        p->math[PEAK_INT8] = peak_int8_avx2;
        if ((has & (PW_CPU_AVXVNNI | PW_CPU_AVX512VNNI)) == 0)
            p->math[PEAK_INT8_SHORT] = peak_int8_short_avx2;
        p->read = peak_read_avx2;
        p->copy = peak_copy_avx2;
    }
    if ((has & PW_CPU_AVXVNNI) != 0) p->math[PEAK_INT8] = peak_int8_avxvnni;
    if ((has & PW_CPU_AVX512) != 0) {
        p->math[PEAK_F32] = peak_f32_avx512;
        p->read = peak_read_avx512;
        p->copy = peak_copy_avx512;
        if ((has & PW_CPU_AVX512VNNI) != 0) p->math[PEAK_INT8] = peak_int8_avx512vnni;
        if ((has & PW_CPU_AVX512BF16) != 0) p->math[PEAK_BF16] = peak_bf16_avx512bf16;
    }
    if (peak_amx_int8()) p->math[PEAK_AMX_INT8] = peak_int8_amx;
    if (peak_amx_bf16()) p->math[PEAK_AMX_BF16] = peak_bf16_amx;
#else
    (void)p;
    (void)has;
#endif
}

static void choose_arm(peak *p, uint64_t has)
{
#if defined(__aarch64__)
    p->math[PEAK_F32] = peak_f32_neon;
    p->read = peak_read_neon;
    p->copy = peak_copy_neon;
    if ((has & PW_CPU_DOTPROD) != 0) p->math[PEAK_INT8] = peak_int8_dotprod;
    if ((has & PW_CPU_I8MM) != 0) p->math[PEAK_INT8] = peak_int8_i8mm;
    enum { BF16 = 1 << 14 }; /* HWCAP2_BF16 of asm/hwcap.h */
    if ((has & PW_CPU_I8MM) != 0 && (getauxval(AT_HWCAP2) & BF16) != 0)
        p->math[PEAK_BF16] = peak_bf16_i8mm;
#else
    (void)p;
    (void)has;
#endif
}

const char *peak_math_name(peak_math math)
{
    static const char *const names[] = {"f32",        "bf16",     "int8",
                                        "int8_short", "amx_bf16", "amx_int8"};
    return names[math];
}

/* ---- Threads --------------------------------------------------------------------------------- */

/* All threads of a measurement begin at one moment: they are awake before the clock runs. */
static void begin_together(peak *p)
{
    atomic_fetch_add(&p->arrived, 1);
    while (atomic_load(&p->arrived) < p->active) {
    }
}

static void bind(int32_t cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    (void)pthread_setaffinity_np(pthread_self(), sizeof set, &set); /* costs speed, no more */
}

static void *thread_main(void *argument)
{
    peak_thread *self = argument;
    peak *p = self->owner;
    bind(self->cpu);
    uint64_t seen = 0;
    for (;;) {
        pthread_mutex_lock(&p->lock);
        while (p->round == seen && !p->quit) pthread_cond_wait(&p->wake, &p->lock);
        seen = p->round;
        const bool quit = p->quit, active = self->index < p->active;
        pthread_mutex_unlock(&p->lock);
        if (quit) return NULL;
        if (!active) continue;
        begin_together(p);
        p->work(p, self);
        atomic_fetch_add(&p->finished, 1);
    }
}

/* Runs `work` on the first `threads` threads; the caller is the first of them. */
void peak_run(peak *p, int32_t threads, void (*work)(peak *p, peak_thread *self))
{
    cpu_set_t before;
    const bool bound = pthread_getaffinity_np(pthread_self(), sizeof before, &before) == 0;
    if (bound) bind(p->threads[0].cpu);
    atomic_store(&p->arrived, 0);
    atomic_store(&p->finished, 0);
    pthread_mutex_lock(&p->lock);
    p->work = work;
    p->active = threads < p->n ? threads : p->n;
    p->round++;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);

    begin_together(p);
    work(p, &p->threads[0]);
    while (atomic_load(&p->finished) < p->active - 1) {
    }
    if (bound) (void)pthread_setaffinity_np(pthread_self(), sizeof before, &before);
}

pewter_status peak_open(const int32_t *cpus, int32_t n, peak **out, pewter_error *err)
{
    if (n < 1) return pw_fail(err, PEWTER_E_ARG, "limits: 1 thread or more wanted, %d found", n);
    peak *p = calloc(1, sizeof *p);
    peak_thread *threads = calloc((size_t)n, sizeof *threads);
    if (p == NULL || threads == NULL) {
        free(p);
        free(threads);
        return pw_fail(err, PEWTER_E_MEMORY, "no memory to measure with %d threads", n);
    }
    p->threads = threads;
    p->math[PEAK_F32] = peak_f32_plain;
    p->read = peak_read_plain;
    p->copy = peak_copy_plain;
    const uint64_t has = pw_cpu_detect();
    choose_x86(p, has);
    choose_arm(p, has);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    for (int32_t i = 0; i < n; i++) {
        threads[i] = (peak_thread){.owner = p, .index = i, .cpu = cpus[i]};
        if (i > 0 && pthread_create(&threads[i].thread, NULL, thread_main, &threads[i]) != 0) {
            p->n = i;
            peak_close(p);
            return pw_fail(err, PEWTER_E_MEMORY, "cannot start thread %d of %d", i + 1, n);
        }
    }
    p->n = n;
    peak_see_caches(p, cpus[0]);
    *out = p;
    return PEWTER_OK;
}

void peak_close(peak *p)
{
    if (p == NULL) return;
    pthread_mutex_lock(&p->lock);
    p->quit = true;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    for (int32_t i = 1; i < p->n; i++) pthread_join(p->threads[i].thread, NULL);
    for (int i = 0; i < PEAK_BUFFERS; i++)
        if (p->buffers[i].data != NULL) munmap(p->buffers[i].data, p->buffers[i].bytes);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p->threads);
    free(p);
}

size_t peak_cache_bytes(const peak *p)
{
    return p->n_caches > 0 ? p->caches[p->n_caches - 1] : 0;
}

/* ---- Arithmetic ------------------------------------------------------------------------------ */

static void do_math(peak *p, peak_thread *self)
{
    enum { TURNS = 2000 }; /* some 10 us between two looks at the clock */
    peak_math_fn *fn = p->math[p->kind];
#if defined(__x86_64__)
    const bool tiles = p->kind == PEAK_AMX_INT8 || p->kind == PEAK_AMX_BF16;
    if (tiles) peak_amx_begin();
#endif
    const int64_t begin = pw_now_ns(), until = begin + p->duration_ns;
    double done = 0.0;
    int64_t now;
    do {
        done += fn(TURNS);
        now = pw_now_ns();
    } while (now < until);
    self->rate = done / ((double)(now - begin) * 1e-9);
#if defined(__x86_64__)
    if (tiles) peak_amx_end();
#endif
}

static double sum_of_rates(const peak *p)
{
    double sum = 0.0;
    for (int32_t i = 0; i < p->active; i++) sum += p->threads[i].rate;
    return sum;
}

double peak_rate(peak *p, peak_math math, int32_t threads, double seconds)
{
    if (math == PEAK_INT8_SHORT && p->math[math] == NULL) math = PEAK_INT8;
    if (p->math[math] == NULL) return 0.0;
    p->kind = math;
    p->duration_ns = (int64_t)(seconds * 1e9);
    peak_run(p, threads, do_math);
    return sum_of_rates(p);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

/* Each thread's part of the buffer, touched by itself first. */
static void touch(peak *p, peak_thread *self)
{
    const size_t part = p->touched->bytes / (size_t)p->n;
    memset(p->touched->data + part * (size_t)self->index, 1, part);
}

bool peak_buffer_make(peak *p, peak_buffer *buffer, size_t bytes, bool huge)
{
    const size_t unit = (size_t)p->n << 22; /* parts of whole huge pages */
    bytes = (bytes + unit - 1) / unit * unit;
    void *data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) return false;
    (void)madvise(data, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    *buffer = (peak_buffer){.data = data, .bytes = bytes};
    p->touched = buffer;
    peak_run(p, p->n, touch);
    return true;
}

/* Reads on from where the last probe ended: nothing of it is in a cache. With fewer threads than the
 * buffer was made for, each has more of it. */
static void stream(peak *p, peak_thread *self)
{
    const size_t part = p->touched->bytes / (size_t)p->active / CHUNK * CHUNK;
    const char *data = p->touched->data + part * (size_t)self->index;
    const int64_t begin = pw_now_ns(), until = begin + p->duration_ns;
    uint64_t sum = 0;
    size_t done = 0, at = self->at % part;
    int64_t now;
    do {
        sum += p->read(data + at, CHUNK);
        at = at + CHUNK == part ? 0 : at + CHUNK;
        done += CHUNK;
        now = pw_now_ns();
    } while (now < until);
    self->at = at;
    self->sum += sum;
    self->rate = (double)done / ((double)(now - begin) * 1e-9);
}

double peak_read_buffer(peak *p, peak_buffer *buffer, int32_t threads, double seconds)
{
    p->touched = buffer;
    p->duration_ns = (int64_t)(seconds * 1e9);
    peak_run(p, threads, stream);
    return sum_of_rates(p);
}

double peak_read(peak *p, int32_t threads, double seconds)
{
    peak_buffer *buffer = &p->buffers[PEAK_HUGE];
    if (buffer->data == NULL && !peak_buffer_make(p, buffer, peak_memory_bytes(p), true))
        return 0.0;
    return peak_read_buffer(p, buffer, threads, seconds);
}

size_t peak_memory_bytes(const peak *p)
{
    const size_t cache = peak_cache_bytes(p);
    return 5 * (cache > 0 ? cache : (size_t)32 << 20);
}
