/* The options of `pewter bench`, as lists of what is to be combined. */
#ifndef PW_TOOLS_BENCH_OPTIONS_H
#define PW_TOOLS_BENCH_OPTIONS_H

#include "bench/model/write.h"
#include "tools/common.h"

enum { BENCH_MOST = 32, BENCH_MOST_KV = 8 };

typedef struct bench_list {
    int64_t value[BENCH_MOST];
    size_t n;
} bench_list;

typedef struct bench_options {
    const char *model[ARG_MAX_PLAIN];
    int n_models;
    bench_list prompt, gen, depth, sequences, threads, batch;
    bench_list both; /* pairs of prompt and generation */
    const char *kv[BENCH_MOST_KV];
    size_t n_kv;
    const char *rival[TEST_MOST_RIVALS];
    size_t n_rivals;
    char words[256]; /* that kv and rival point into */
    int32_t repeats;
    int64_t kl;
    bool no_warmup, exact, profile, energy, no_save, verbose;
    const char *cpu_features, *device, *trace, *report;
    write_format format;
} bench_options;

/* 0: go on; else the exit code, after help or a sentence. */
int bench_options_read(int argc, char **argv, bench_options *out, bool *done);

/* Numbers as llama-bench takes them: "512", "1,2,4", "64-512*2", "0-1024+256". False where it is not
 * that, or more than BENCH_MOST: then `n` is BENCH_MOST. */
bool bench_list_read(const char *text, int64_t least, bench_list *out);

#endif
