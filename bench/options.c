#include "bench/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void help(void)
{
    printf(
        "usage: pewter-bench [options] [Google Benchmark's options]\n\n"
        "Measures every kernel beside the limits of this machine, its reference and its rivals.\n"
        "Results are checked first. The standard set takes some minutes; a filter chooses among "
        "all.\n\n"
        "options:\n"
        "  --full             all cases, not only the standard ones\n"
        "  --card             prints this machine and the rivals, as Markdown\n"
        "  --slices N         interleaved slices of each case, at least (of Google Benchmark's "
        "time)\n"
        "  --threads N[,N]    threads (all cores; with a filter or --full also 1 and powers of "
        "two)\n"
        "  --limits           prints the measured limits and ends; --json: as JSON\n"
        "  --again            measures the limits anew, whatever was kept\n"
        "  --rivals FOLDER    where make rivals has put them (build/rivals)\n"
        "  --no-rivals        ours alone\n"
        "  --all-rivals       fails where a rival is not set up\n"
        "  --markdown         a table with intervals and the limits of each case's own slices\n"
        "  --no-save          keeps no results for the report\n"
        "  --agree FILE       measures the standard set and writes bounds that --refs takes; "
        "where\n"
        "                     FILE is there, the lower of the two stays\n"
        "  --class            prints this machine's class, that refs are kept by\n"
        "  --serve            measures what it is asked on standard input, a line a question\n"
        "  --gate PROGRAM     compares this program with another pewter-bench, in turns\n"
        "  --refs FILE        --gate: agreed shares and ratios\n"
        "  --only PART        --gate, --agree: cases with PART in their names\n"
        "  --seconds S        --gate: time for all of it (720)\n"
        "  --help             this, and --benchmark_help: the options of Google Benchmark\n\n"
        "examples:\n"
        "  pewter-bench --benchmark_filter=matmul_q4_0.*_n512/\n"
        "  pewter-bench --benchmark_filter=attention --benchmark_repetitions=7 "
        "--benchmark_out=a.json\n"
        "  pewter-bench --limits\n\n"
        "share: of the time that the limits allow, the larger of operations over the rate of the\n"
        "row's arithmetic and bytes over the bandwidth, both probed within 50 ms. cached: the "
        "operands\n"
        "fit four times the last cache, so the bandwidth is that of the cache that holds them.\n");
}

/* Numbers of threads, joined by commas. */
static bool read_threads(const char *text, bench_options_set *o)
{
    while (*text != 0) {
        char *end;
        const long n = strtol(text, &end, 10);
        if (end == text || n < 1 || n > 4096 || (*end != 0 && *end != ',')) return false;
        if (o->n_threads == sizeof o->threads / sizeof *o->threads) return false;
        o->threads[o->n_threads++] = (int32_t)n;
        text = *end == ',' ? end + 1 : end;
    }
    return o->n_threads > 0;
}

static bool take_flag(const char *option, bench_options_set *o)
{
    const struct {
        const char *name;
        bool *value;
    } flags[] = {
        {"--full", &o->full},         {"--limits", &o->limits},
        {"--again", &o->again},       {"--json", &o->json},
        {"--serve", &o->serve},       {"--no-rivals", &o->no_rivals},
        {"--no-save", &o->no_save},   {"--class", &o->class},
        {"--markdown", &o->markdown}, {"--all-rivals", &o->all_rivals},
        {"--card", &o->card},
    };
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (strcmp(option, flags[i].name) != 0) continue;
        *flags[i].value = true;
        return true;
    }
    return false;
}

/* Options with a value. 0: taken. */
static int take_value(const char *option, const char *value, bench_options_set *o)
{
    const struct {
        const char *name;
        const char **to;
    } texts[] = {{"--rivals", &o->rivals},
                 {"--gate", &o->gate},
                 {"--refs", &o->refs},
                 {"--only", &o->only},
                 {"--agree", &o->agree}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(option, texts[i].name) != 0) continue;
        *texts[i].to = value;
        return 0;
    }
    char *end;
    if (strcmp(option, "--seconds") == 0) {
        o->seconds = strtod(value, &end);
        if (*end == 0 && o->seconds >= 1.0) return 0;
        fprintf(stderr, "pewter-bench: --seconds: 1 or more wanted, '%s' found\n", value);
        return 2;
    }
    if (strcmp(option, "--slices") == 0) {
        const long n = strtol(value, &end, 10);
        o->slices = (size_t)n;
        if (*value != 0 && *end == 0 && n >= 1 && n <= 200) return 0;
        fprintf(stderr, "pewter-bench: --slices: 1 to 200 wanted, '%s' found\n", value);
        return 2;
    }
    if (strcmp(option, "--threads") == 0) {
        if (read_threads(value, o)) return 0;
        fprintf(stderr,
                "pewter-bench: --threads: up to 8 numbers of 1 to 4096 wanted, '%s' found\n",
                value);
        return 2;
    }
    fprintf(stderr, "pewter-bench: no option '%s'; see --help\n", option);
    return 2;
}

int options_read(int argc, char **argv, bench_options_set *out)
{
    *out = (bench_options_set){.rivals = "build/rivals", .seconds = 720.0};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            help();
            return 1;
        }
        if (take_flag(argv[i], out)) continue;
        if (i + 1 == argc) {
            fprintf(stderr, "pewter-bench: no option '%s', or it wants a value; see --help\n",
                    argv[i]);
            return 2;
        }
        const int code = take_value(argv[i], argv[i + 1], out);
        if (code != 0) return code;
        i++;
    }
    return 0;
}
