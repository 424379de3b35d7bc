#include "bench/base/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "pw/status.h"

/* Makes the folders above the last slash, or with `whole` the last one too. */
static pewter_status make_folders(char *path, bool whole, pewter_error *err)
{
    for (char *at = path + 1;; at++) {
        if (*at != '/' && *at != 0) continue;
        const char end = *at;
        if (end == 0 && !whole) return PEWTER_OK;
        *at = 0;
        const int failed = mkdir(path, 0755) != 0 && errno != EEXIST ? errno : 0;
        if (failed != 0)
            return pw_fail(err, PEWTER_E_IO, "the folder %s cannot be made: %s", path,
                           strerror(failed));
        *at = end;
        if (end == 0) return PEWTER_OK;
    }
}

static pewter_status cache_path(const char *name, char *path, size_t cap, pewter_error *err)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int length = -1;
    if (cache != NULL && cache[0] == '/')
        length = snprintf(path, cap, "%s/pewter/%s", cache, name);
    else if (home != NULL && home[0] != 0)
        length = snprintf(path, cap, "%s/.cache/pewter/%s", home, name);
    else
        return pw_fail(err, PEWTER_E_IO, "neither XDG_CACHE_HOME nor HOME is set");
    if (length < 0 || (size_t)length >= cap)
        return pw_fail(err, PEWTER_E_IO, "the path of %s is too long", name);
    return PEWTER_OK;
}

pewter_status store_cache_file(const char *name, char *path, size_t cap, pewter_error *err)
{
    PW_TRY(cache_path(name, path, cap, err));
    return make_folders(path, false, err);
}

pewter_status store_folder(char *path, size_t cap, pewter_error *err)
{
    const char *chosen = getenv("PEWTER_BENCH_DIR");
    if (chosen == NULL || chosen[0] == 0) {
        PW_TRY(cache_path("bench", path, cap, err));
    } else if ((size_t)snprintf(path, cap, "%s", chosen) >= cap) {
        return pw_fail(err, PEWTER_E_IO, "PEWTER_BENCH_DIR is too long");
    }
    return make_folders(path, true, err);
}

pewter_status store_new(const char *kind, const char *suffix, const char *revision, char *path,
                        size_t cap, pewter_error *err)
{
    char folder[2048], clean[48], date[32];
    PW_TRY(store_folder(folder, sizeof folder, err));
    snprintf(clean, sizeof clean, "%s", revision);
    for (char *at = clean; *at != 0; at++) {
        const bool fine = (*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'z') ||
                          (*at >= 'A' && *at <= 'Z') || *at == '.' || *at == '_';
        if (!fine) *at = '_';
    }
    struct timespec now; /* to the nanosecond: two that begin together have a file each */
    struct tm utc;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0 || gmtime_r(&now.tv_sec, &utc) == NULL ||
        strftime(date, sizeof date, "%Y%m%dT%H%M%S", &utc) == 0)
        return pw_fail(err, PEWTER_E_IO, "the clock has no date");
    const int length = snprintf(path, cap, "%s/%s-%s.%09ldZ-%s.%s", folder, kind, date, now.tv_nsec,
                                clean, suffix);
    if (length < 0 || (size_t)length >= cap)
        return pw_fail(err, PEWTER_E_IO, "the path of a result is too long");
    return PEWTER_OK;
}
