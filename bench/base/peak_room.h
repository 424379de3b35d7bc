/* What peak.c and peak_table.c share. */
#ifndef PW_BENCH_BASE_PEAK_ROOM_H
#define PW_BENCH_BASE_PEAK_ROOM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "bench/base/peak.h"
#include "bench/base/peak_loop.h"

typedef struct peak_thread {
    peak *owner;
    pthread_t thread;
    int32_t index, cpu;
    size_t at;    /* in its part of the buffer */
    uint64_t sum; /* so that reads are not left out */
    double rate;  /* units/s of the last measurement */
    char pad[64];
} peak_thread;

typedef struct peak_buffer {
    char *data;
    size_t bytes;
} peak_buffer;

enum { PEAK_HUGE, PEAK_SMALL, PEAK_BUFFERS };

struct peak {
    peak_thread *threads;
    int32_t n, active;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    uint64_t round;
    bool quit;
    void (*work)(peak *p, peak_thread *self);
    atomic_int arrived, finished;
    peak_math_fn *math[PEAK_MATHS]; /* NULL: not on this CPU */
    peak_read_fn *read;
    peak_copy_fn *copy;
    size_t caches[4];   /* bytes of L1 data, L2, L3 */
    int32_t sharers[4]; /* of our threads that share one */
    size_t n_caches;
    peak_buffer buffers[PEAK_BUFFERS], *touched;
    /* Of the measurement under way. */
    peak_math kind;
    int64_t duration_ns;
    size_t part_bytes; /* of each thread, in a cache */
};

void peak_run(peak *p, int32_t threads, void (*work)(peak *p, peak_thread *self));
void peak_see_caches(peak *p, int32_t cpu);
bool peak_buffer_make(peak *p, peak_buffer *buffer, size_t bytes, bool huge);
double peak_read_buffer(peak *p, peak_buffer *buffer, int32_t threads, double seconds);
size_t peak_memory_bytes(const peak *p);

#endif
