#include "bench/base/rapl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pw/status.h"

/* 0, or an errno. */
static int read_number(const char *root, int package, const char *name, double *out)
{
    char path[512], text[64];
    snprintf(path, sizeof path, "%s/sys/class/powercap/intel-rapl:%d/%s",
             strcmp(root, "/") == 0 ? "" : root, package, name);
    FILE *file = fopen(path, "re");
    if (file == NULL) return errno;
    errno = 0;
    const bool got = fgets(text, sizeof text, file) != NULL;
    const int failed = got ? 0 : errno != 0 ? errno : EIO;
    fclose(file);
    if (!got) return failed;
    char *end;
    *out = strtod(text, &end);
    return end == text ? EINVAL : 0;
}

pewter_status rapl_now(const char *root, rapl_mark *out, pewter_error *err)
{
    rapl_mark mark = {.n = 0};
    for (int i = 0; i < RAPL_MOST; i++) {
        const int failed = read_number(root, i, "energy_uj", &mark.at[mark.n]);
        if (failed == ENOENT) continue;
        if (failed != 0)
            return pw_fail(err, PEWTER_E_IO, "the energy counter intel-rapl:%d cannot be read: %s",
                           i, strerror(failed));
        if (read_number(root, i, "max_energy_range_uj", &mark.range[mark.n]) != 0)
            mark.range[mark.n] = 0.0;
        mark.n++;
    }
    if (mark.n == 0)
        return pw_fail(err, PEWTER_E_UNSUPPORTED,
                       "this machine shows no energy counter (/sys/class/powercap/intel-rapl:0)");
    *out = mark;
    return PEWTER_OK;
}

double rapl_joules(const rapl_mark *from, const rapl_mark *to)
{
    double sum = 0.0;
    for (int i = 0; i < from->n && i < to->n; i++) {
        double used = to->at[i] - from->at[i];
        if (used < 0.0) used += to->range[i];
        if (used > 0.0) sum += used;
    }
    return sum * 1e-6;
}
