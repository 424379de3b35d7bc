/* The machine's card: without it a result is none. */
#ifndef PW_BENCH_BASE_CARD_H
#define PW_BENCH_BASE_CARD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* CPU, cores, caches, memory, NUMA nodes, governor, turbo, kernel, compiler and flags of this build,
 * versions, commit, date, load of the last minute, hypervisor. Keys are flat, values text or numbers:
 * "cpu", "cores", "l2_bytes", "governor", ... NULL: no memory. `root`: where proc and sys lie. */
json_t *card_json(const char *root);

/* The class of machines that results can be compared within: "amd-zen5-2c-avx512bf16". */
void card_class(char *buf, size_t cap);

#endif
