#include "scheduler/limits.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first line of a small file; false where there is none. */
static bool first_line(const char *path, char *line, int cap)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) return false;
    const bool read = fgets(line, cap, file) != NULL;
    fclose(file);
    if (read) line[strcspn(line, "\n")] = 0;
    return read;
}

static bool number_in(const char *base, const char *group, const char *name, double *out)
{
    char path[1024], line[128];
    const int length = snprintf(path, sizeof path, "%s%s/%s", base, group, name);
    if (length < 0 || length >= (int)sizeof path || !first_line(path, line, sizeof line))
        return false;
    char *end;
    const double value = strtod(line, &end);
    if (end == line) return false;
    *out = value;
    return true;
}

static void tighten_cpus(pw_limits *limits, double quota, double period)
{
    if (quota <= 0.0 || period <= 0.0) return;
    const double cpus = quota / period;
    if (limits->cpus == 0.0 || cpus < limits->cpus) limits->cpus = cpus;
}

static void tighten_memory(pw_limits *limits, double bytes)
{
    if (bytes <= 0.0 || bytes > 0x1p60) return; /* v1 says "no limit" with a huge number */
    if (limits->memory == 0 || (uint64_t)bytes < limits->memory) limits->memory = (uint64_t)bytes;
}

static void read_v2(pw_limits *limits, const char *base, const char *group)
{
    char path[1024], line[128];
    const int length = snprintf(path, sizeof path, "%s%s/cpu.max", base, group);
    double quota, period, bytes;
    if (length > 0 && length < (int)sizeof path && first_line(path, line, sizeof line) &&
        sscanf(line, "%lf %lf", &quota, &period) == 2)
        tighten_cpus(limits, quota, period);
    if (number_in(base, group, "memory.max", &bytes)) tighten_memory(limits, bytes);
}

static void read_v1_cpu(pw_limits *limits, const char *base, const char *group)
{
    char cpu[640];
    snprintf(cpu, sizeof cpu, "%s/cpu", base);
    double quota, period;
    if (number_in(cpu, group, "cpu.cfs_quota_us", &quota) &&
        number_in(cpu, group, "cpu.cfs_period_us", &period))
        tighten_cpus(limits, quota, period);
}

static void read_v1_memory(pw_limits *limits, const char *base, const char *group)
{
    char memory[640];
    snprintf(memory, sizeof memory, "%s/memory", base);
    double bytes;
    if (number_in(memory, group, "memory.limit_in_bytes", &bytes)) tighten_memory(limits, bytes);
}

/* Whether a list like "cpu,cpuacct" has that name in it. */
static bool lists(const char *names, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = names;; at++) {
        const size_t here = strcspn(at, ",");
        if (here == length && strncmp(at, name, length) == 0) return true;
        at += here;
        if (*at == 0) return false;
    }
}

/* Reads the group and its parents: the path is cut at its last '/' until nothing is left. In v1 each
 * controller has groups of its own; v2 names none. */
static void read_groups(pw_limits *limits, const char *base, const char *controllers, char *group)
{
    for (;;) {
        if (*controllers == 0) read_v2(limits, base, group);
        if (lists(controllers, "cpu")) read_v1_cpu(limits, base, group);
        if (lists(controllers, "memory")) read_v1_memory(limits, base, group);
        char *slash = strrchr(group, '/');
        if (slash == NULL) return;
        *slash = 0;
    }
}

static void read_meminfo(pw_limits *limits, const char *root)
{
    char path[512], line[256];
    snprintf(path, sizeof path, "%s/proc/meminfo", root);
    FILE *file = fopen(path, "re");
    if (file == NULL) return;
    unsigned long long kib;
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "MemTotal: %llu", &kib) == 1) limits->total = (uint64_t)kib * 1024;
        if (sscanf(line, "MemAvailable: %llu", &kib) == 1) limits->available = (uint64_t)kib * 1024;
    }
    fclose(file);
}

pw_limits pw_limits_read(const char *root)
{
    pw_limits limits = {0};
    read_meminfo(&limits, root);
    char path[512], base[512], line[512];
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    snprintf(base, sizeof base, "%s/sys/fs/cgroup", root);
    FILE *file = fopen(path, "re");
    if (file == NULL) return limits;
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = 0;
        char *controllers = strchr(line, ':'); /* "4:cpu,cpuacct:/a/b", in v2 "0::/a/b" */
        char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
        if (group == NULL) continue;
        controllers++;
        *group++ = 0;
        if (strcmp(group, "/") == 0) *group = 0;
        read_groups(&limits, base, controllers, group);
    }
    fclose(file);
    return limits;
}
