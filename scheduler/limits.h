/* What the cgroup of this process allows, read from /proc and /sys. */
#ifndef PW_SCHEDULER_LIMITS_H
#define PW_SCHEDULER_LIMITS_H

#include <stdint.h>

typedef struct pw_limits {
    double cpus;               /* 0: no limit */
    uint64_t memory;           /* bytes; 0: no limit */
    uint64_t total, available; /* MemTotal, MemAvailable; 0: unknown */
} pw_limits;

/* The tightest limit on the way from this process' group to the root, cgroup v2 or v1. What cannot
 * be read is no limit. `root` is where /proc and /sys lie. */
pw_limits pw_limits_read(const char *root);

#endif
