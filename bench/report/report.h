/* One page of all results that were kept. */
#ifndef PW_BENCH_REPORT_REPORT_H
#define PW_BENCH_REPORT_REPORT_H

#include <jansson.h>
#include <stddef.h>

#include "pewter.h"
#include "pw/attr.h"

/* Reads the results in `folder` and writes a page that needs nothing else: no network, no other file.
 * Files that are damaged, foreign or larger than 64 MiB are named on the page. `card`: this machine.
 * *runs: how many files of results are on it. PEWTER_E_IO where the folder cannot be read or the page
 * cannot be written. */
PW_MUST pewter_status report_write(const char *folder, const char *path, const json_t *card,
                                   size_t *runs, pewter_error *err);

#endif
