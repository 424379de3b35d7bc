#include "bench/base/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* The whole of a small file of /proc; false where it cannot be read. */
static bool slurp(const char *root, const char *name, char *buf, size_t cap)
{
    char path[512];
    snprintf(path, sizeof path, "%s/proc/%s", strcmp(root, "/") == 0 ? "" : root, name);
    FILE *file = fopen(path, "re");
    if (file == NULL) return false;
    const size_t n = fread(buf, 1, cap - 1, file);
    fclose(file);
    buf[n] = 0;
    return n > 0;
}

/* User and system ticks of a process and of its children that were waited for. */
static double process_ticks(const char *root, int32_t pid)
{
    char name[64], text[1024];
    snprintf(name, sizeof name, "%d/stat", pid);
    if (!slurp(root, name, text, sizeof text)) return 0.0;
    const char *at = strrchr(text, ')'); /* the name before may hold anything */
    unsigned long ticks[4] = {0};
    if (at == NULL || sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %lu %lu",
                             &ticks[0], &ticks[1], &ticks[2], &ticks[3]) != 4)
        return 0.0;
    return (double)(ticks[0] + ticks[1] + ticks[2] + ticks[3]);
}

static double seconds_of(const struct timeval *t)
{
    return (double)t->tv_sec + (double)t->tv_usec * 1e-6;
}

static double own_seconds(int who)
{
    struct rusage usage;
    if (getrusage(who, &usage) != 0) return 0.0;
    return seconds_of(&usage.ru_utime) + seconds_of(&usage.ru_stime);
}

load_mark load_now(const char *root, const int32_t *pids, int32_t n)
{
    load_mark mark = {.known = false};
    char text[4096];
    unsigned long long t[8] = {0}; /* user nice system idle iowait irq softirq steal */
    if (!slurp(root, "stat", text, sizeof text) ||
        sscanf(text, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &t[0], &t[1], &t[2], &t[3],
               &t[4], &t[5], &t[6], &t[7]) != 8)
        return mark;
    const double tick = 1.0 / (double)sysconf(_SC_CLK_TCK);
    for (int i = 0; i < 8; i++) mark.total += (double)t[i] * tick;
    mark.idle = (double)(t[3] + t[4]) * tick;
    mark.stolen = (double)t[7] * tick;
    mark.own = own_seconds(RUSAGE_SELF) + own_seconds(RUSAGE_CHILDREN);
    for (int32_t i = 0; i < n; i++) mark.own += process_ticks(root, pids[i]) * tick;
    mark.known = true;
    return mark;
}

load_share load_between(const load_mark *from, const load_mark *to)
{
    const double total = to->total - from->total;
    const double stolen = to->stolen - from->stolen, own = to->own - from->own;
    const double busy = total - (to->idle - from->idle) - stolen;
    if (!from->known || !to->known || total <= 0.0 || stolen < 0.0 || own < 0.0)
        return (load_share){-1.0, -1.0};
    /* Ticks are coarse: ours may seem more than all. */
    const double others = busy > own ? (busy - own) / total : 0.0;
    return (load_share){.others = others, .stolen = stolen / total};
}
