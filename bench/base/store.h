/* The folder of results that reports are made of: $PEWTER_BENCH_DIR, else pewter/bench in the user's
 * cache folder. One file a run: "kernels-20260131T120000.123456789Z-REV.json",
 * "models-...jsonl". */
#ifndef PW_BENCH_BASE_STORE_H
#define PW_BENCH_BASE_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "pewter.h"
#include "pw/attr.h"

/* A file of the user's cache folder: $XDG_CACHE_HOME/pewter/NAME or ~/.cache/pewter/NAME. Its folder
 * is made. PEWTER_E_IO where it cannot be, or neither variable is set. */
PW_MUST pewter_status store_cache_file(const char *name, char *path, size_t cap, pewter_error *err);

/* The folder of results; it is made. */
PW_MUST pewter_status store_folder(char *path, size_t cap, pewter_error *err);

/* The path of a new file in it; `revision` is cleaned of what a file's name must not hold. */
PW_MUST pewter_status store_new(const char *kind, const char *suffix, const char *revision,
                                char *path, size_t cap, pewter_error *err);

#endif
