/* A clock that only goes forward. */
#ifndef PW_TOOLS_SERVER_CLOCK_H
#define PW_TOOLS_SERVER_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds since some moment. */
static inline int64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline double clock_seconds_since(int64_t ns)
{
    return (double)(clock_ns() - ns) * 1e-9;
}

#endif
