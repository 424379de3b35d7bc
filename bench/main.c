/* pewter-bench: kernels beside the machine's limits and their rivals. */
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/agree.h"
#include "bench/base/card.h"
#include "bench/base/load.h"
#include "bench/base/peer.h"
#include "bench/base/standard.h"
#include "bench/base/store.h"
#include "bench/gate.h"
#include "bench/measure.h"
#include "bench/options.h"
#include "bench/serve.h"
#include "bench/shim.h"
#include "bench/show.h"
#include "bench/small.h"
#include "runtime/text/json.h"

/* What a benchmark that did not run because of Ctrl-C is skipped for. */
static const char interrupted_text[] = "interrupted";
static atomic_int interrupted;
enum { BY_SIGNAL = 1, UNHEARD };
static volatile sig_atomic_t gate_stop;

static void on_interrupt(int number)
{
    (void)number;
    gate_stop = 1;
    /* The second one ends the program. */
    if (atomic_exchange(&interrupted, BY_SIGNAL) == BY_SIGNAL) _exit(130);
}

static bool stopped(void)
{
    return atomic_load(&interrupted) != 0;
}

/* Nobody sees what comes after a line that could not be written. */
static void show_or_stop(const bench_line *line)
{
    show_line(line);
    if (ferror(stdout)) atomic_store(&interrupted, UNHEARD);
}

/* ---- One benchmark --------------------------------------------------------------------------- */

static void report(bench_run *run, const measure_subject *subject, const measure_result *m)
{
    if (m->operations > 0.0) {
        bench_counter(run, "GOP/s", m->operations / m->seconds * 1e-9);
        bench_counter(run, "intensity", m->operations / m->bytes);
        bench_counter(run, "limit_GOP/s", m->limit_rate * 1e-9);
    }
    bench_counter(run, "GB/s", m->bytes / m->seconds * 1e-9);
    bench_counter(run, "limit_GB/s", m->limit_bytes * 1e-9);
    bench_counter(run, "cached", m->cached ? 1.0 : 0.0);
    if (m->share.n > 0 && m->share.median > 0.0) {
        bench_counter(run, "share", m->share.median);
        bench_counter(run, "share_low", m->share.low);
        bench_counter(run, "share_high", m->share.high);
        if (m->share.median > 1.05) bench_counter(run, "unreliable", 1.0);
    }
    if (m->reference > 0.0) bench_counter(run, "vs_reference", m->reference);
    for (size_t i = 0; i < subject->room->n_rivals; i++) {
        if (m->ratio[i].n == 0) continue;
        char name[64];
        snprintf(name, sizeof name, "vs_%s", subject->room->rivals[i]->name);
        bench_counter(run, name, m->ratio[i].median);
        snprintf(name, sizeof name, "vs_%s_low", subject->room->rivals[i]->name);
        bench_counter(run, name, m->ratio[i].low);
        snprintf(name, sizeof name, "vs_%s_high", subject->room->rivals[i]->name);
        bench_counter(run, name, m->ratio[i].high);
    }
}

static int wrong_results;

static void benchmark(bench_run *run, void *context)
{
    static measure_run state; /* too large for the stack */
    const measure_subject *subject = context;
    pewter_error err;
    if (atomic_load(&interrupted) != 0) {
        bench_skip(run, interrupted_text);
        return;
    }
    const pewter_status status = measure_prepare(subject, &err);
    if (status != PEWTER_OK) {
        if (status == PEWTER_E_FORMAT) wrong_results++;
        bench_skip(run, err.message);
        return;
    }
    measure_begin(subject, &state);
    while (bench_next(run)) {
        double seconds;
        if (atomic_load(&interrupted) != 0) {
            bench_skip(run, interrupted_text);
            return;
        }
        if (measure_turn(&state, &seconds, &err) != PEWTER_OK) {
            bench_skip(run, err.message);
            return;
        }
        bench_seconds(run, seconds);
    }
    /* A slow case is over in fewer slices than are wanted. */
    for (double seconds; state.slices + 1 < subject->room->least_slices;)
        if (atomic_load(&interrupted) != 0 || measure_turn(&state, &seconds, &err) != PEWTER_OK)
            break;
    measure_result result;
    measure_end(&state, &result);
    report(run, subject, &result);
}

/* ---- The whole run --------------------------------------------------------------------------- */

static void add_facts(const measure_room *room)
{
    json_t *card = card_json("/"), *limits = peak_table_json(room->table);
    const struct {
        const char *key;
        const json_t *value;
    } facts[] = {{"card", card}, {"limits", limits}};
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        char *text;
        size_t bytes;
        if (facts[i].value == NULL || pw_json_dump(facts[i].value, 0, &text, &bytes, NULL) != 0)
            continue;
        bench_fact(facts[i].key, text);
        pw_json_text_free(text);
    }
    const char *commit = json_string_value(json_object_get(card, "commit"));
    if (commit != NULL) bench_fact("commit", commit);
    for (size_t i = 0; i < room->n_rivals; i++)
        bench_fact(room->rivals[i]->name, room->rivals[i]->version);
    json_decref(card);
    json_decref(limits);
}

/* Registers what is wanted: the standard cases, or all of them once a filter or --full chooses. */
static measure_subject *add_all(const bench_options_set *o, const bench_devices *devices,
                                measure_room *room, bool all, bench_case **cases, size_t *count)
{
    *count = 0;
    *cases = cases_of(&devices->all[devices->n - 1], count);
    measure_subject *subjects = calloc(*count * devices->n + 1, sizeof *subjects);
    if (*cases == NULL || subjects == NULL) {
        free(subjects);
        return NULL;
    }
    size_t used = 0;
    for (size_t d = devices->n; d-- > 0;) {
        const bool last = d + 1 == devices->n;
        for (size_t i = 0; i < *count; i++) {
            const bench_case *c = &(*cases)[i];
            if (!all && (!c->standard || (!last && o->n_threads == 0))) continue;
            measure_subject *s = &subjects[used++];
            *s = (measure_subject){.room = room, .what = c, .on = &devices->all[d]};
            char name[160];
            snprintf(name, sizeof name, "%s/threads:%d", c->name, s->on->threads);
            bench_add(name, benchmark, s);
        }
    }
    *count = used;
    return subjects;
}

/* From runs of the standard set on two cores without AVX-512: to make a case ready, check and measure
 * it, and for each rival, of which not all compute every case. */
static void estimate(size_t count, const measure_room *room)
{
    const double each = 0.9 + 0.3 * (double)room->n_rivals;
    fprintf(stderr, "%zu benchmarks, about %.0f min %02.0f s\n", count,
            floor((double)count * each / 60.0), fmod((double)count * each, 60.0));
}

/* Google Benchmark's writer does not say that a disk was full: what it wrote is read again. */
static bool written(const char *path)
{
    struct stat about;
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode)) return true; /* a pipe reads once */
    json_error_t why;
    json_t *all = json_load_file(path, 0, &why);
    if (all == NULL)
        fprintf(stderr, "pewter-bench: results in %s are not whole: %s\n", path, why.text);
    json_decref(all);
    return all != NULL;
}

static int finish(const measure_room *room, const load_mark *begin, const char *path)
{
    const load_mark end = load_now("/", NULL, 0);
    const load_share share = load_between(begin, &end);
    if (share.others >= 0.0)
        fprintf(stderr, "other processes took %.1f %% of the CPU time, the host %.1f %%%s\n",
                100.0 * share.others, 100.0 * share.stolen,
                100.0 * (share.others + share.stolen) > LOAD_LIMIT_PERCENT ? ": a busy machine"
                                                                           : "");
    for (const char *const *line = rival_missing(); room->n_rivals > 0 && *line != NULL; line++)
        fprintf(stderr, "not compared: %s\n", *line);
    const bool whole = path == NULL || written(path);
    if (path != NULL && whole) fprintf(stderr, "kept in %s\n", path);
    if (wrong_results > 0) {
        fprintf(stderr, "pewter-bench: %d wrong results: no figure of this build counts\n",
                wrong_results);
        return 1;
    }
    if (!whole) return 1;
    return atomic_load(&interrupted) == BY_SIGNAL ? 130 : 0;
}

static int run_all(const bench_options_set *o, const bench_devices *devices, measure_room *room,
                   const char *kept, bool all, bool head)
{
    bench_case *cases;
    size_t count;
    measure_subject *subjects = add_all(o, devices, room, all, &cases, &count);
    int code = 1;
    if (subjects == NULL) {
        fprintf(stderr, "pewter-bench: no memory for the list of benchmarks\n");
    } else if (bench_matching() == 0) {
        fprintf(stderr,
                "pewter-bench: the filter matches none of %zu benchmarks; "
                "--benchmark_list_tests shows them\n",
                count);
    } else {
        estimate(bench_matching(), room);
        add_facts(room);
        const load_mark begin = load_now("/", NULL, 0);
        show_begin(room, o->markdown, head);
        (void)bench_go(show_or_stop, interrupted_text);
        code = finish(room, &begin, kept);
    }
    measure_drop(room);
    free(subjects);
    free(cases);
    return code;
}

/* Google Benchmark's options apart from ours, with defaults added: a result file in the folder that
 * reports are made of, and a time for each case that lets the standard set end in minutes. */
typedef struct split {
    int argc, n_own;
    char *argv[256], *own[64];
    bool filter, list, theirs,
        formatted; /* the user said where results go, and how they are shown */
    char out[4200], time[48];
    const char *kept;
} split;

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool split_options(int argc, char **argv, split *s)
{
    const char *out = NULL;
    bool json = true, time = false;
    s->argv[s->argc++] = s->own[s->n_own++] = argv[0];
    for (int i = 1; i < argc; i++) {
        const bool theirs = begins(argv[i], "--benchmark_") || strcmp(argv[i], "--help-all") == 0 ||
                            begins(argv[i], "--v=");
        if (s->argc > 250 || s->n_own > 60) return false;
        if (theirs)
            s->argv[s->argc++] = argv[i];
        else
            s->own[s->n_own++] = argv[i];
        if (begins(argv[i], "--benchmark_out=")) out = strchr(argv[i], '=') + 1;
        json = json && !begins(argv[i], "--benchmark_out_format=");
        time = time || begins(argv[i], "--benchmark_min_time");
        s->formatted = s->formatted || begins(argv[i], "--benchmark_format=");
        s->filter = s->filter || begins(argv[i], "--benchmark_filter");
        s->list = s->list || begins(argv[i], "--benchmark_list_tests");
    }
    if (!time) {
        snprintf(s->time, sizeof s->time, "--benchmark_min_time=0.15");
        s->argv[s->argc++] = s->time;
    }
    s->theirs = out != NULL;
    s->kept = json ? out : NULL;
    return true;
}

/* Where results are kept, unless the user said a place or wants none. */
static void choose_file(split *s, const bench_options_set *o)
{
    static char path[4096];
    pewter_error err;
    if (s->list) s->kept = NULL;
    if (s->theirs || s->list || o->no_save) return;
    json_t *card = card_json("/");
    const char *commit = json_string_value(json_object_get(card, "commit"));
    if (store_new("kernels", "json", commit != NULL ? commit : "unknown", path, sizeof path,
                  &err) == PEWTER_OK) {
        snprintf(s->out, sizeof s->out, "--benchmark_out=%s", path);
        s->argv[s->argc++] = s->out;
        s->kept = path;
    } else {
        fprintf(stderr, "pewter-bench: results are not kept: %s\n", err.message);
    }
    json_decref(card);
}

static bool show_progress(void *context, const char *what, uint64_t done, uint64_t total)
{
    (void)context;
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[Kmeasuring the limits of this machine: %s %llu of %llu", what,
                (unsigned long long)done, (unsigned long long)total);
    if (isatty(STDERR_FILENO) && done >= total) fprintf(stderr, "\r\033[K");
    return atomic_load(&interrupted) == 0;
}

/* The machine and what is compared with, a line each. */
static int print_card(const measure_room *room)
{
    json_t *card = card_json("/");
    const char *key;
    const json_t *value;
    json_object_foreach(card, key, value)
    {
        char *text = json_dumps(value, JSON_ENCODE_ANY);
        if (json_is_string(value))
            printf("- %s: %s\n", key, json_string_value(value));
        else if (text != NULL)
            printf("- %s: %s\n", key, text);
        free(text);
    }
    for (size_t i = 0; i < room->n_rivals; i++)
        printf("- %s: %s\n", room->rivals[i]->name, room->rivals[i]->version);
    json_decref(card);
    return card != NULL ? 0 : 1;
}

static int print_limits(const peak_table *table, bool json)
{
    if (!json) {
        peak_table_print(table, stdout);
        return 0;
    }
    json_t *all = peak_table_json(table);
    const int failed = all == NULL || json_dumpf(all, stdout, JSON_INDENT(2)) != 0;
    printf("\n");
    json_decref(all);
    return failed;
}

/* Says which are not there. */
static bool rivals_missing(const measure_room *room)
{
    const char *const *line = rival_missing();
    if (room->n_rivals == 0) fprintf(stderr, "pewter-bench: no rival is set up: make rivals\n");
    for (; room->n_rivals > 0 && *line != NULL; line++)
        fprintf(stderr, "pewter-bench: a rival is missing: %s\n", *line);
    return room->n_rivals == 0 || rival_missing()[0] != NULL;
}

static int with_devices(split *s, const bench_options_set *o, const bench_devices *devices,
                        measure_room *room)
{
    static peak_table table;
    const bench_device *whole = &devices->all[devices->n - 1];
    pewter_error err;
    pewter_status status = peak_open(whole->cpus, whole->threads, &room->peak, &err);
    if (status == PEWTER_OK)
        status = peak_table_get(room->peak, NULL, o->again, show_progress, NULL, &table, &err);
    if (status != PEWTER_OK) {
        fprintf(stderr, "pewter-bench: %s\n", err.message);
        return status == PEWTER_E_CANCELLED ? 130 : 1;
    }
    room->table = &table;
    room->least_slices = o->slices;
    room->cache_bytes = peak_cache_bytes(room->peak);
    if (room->cache_bytes == 0) room->cache_bytes = (size_t)32 << 20;
    if (o->limits) return print_limits(&table, o->json);
    if (!o->no_rivals)
        room->n_rivals =
            rival_find(o->rivals, whole->cpus, whole->threads, room->rivals, MEASURE_MOST_RIVALS);
    if (o->all_rivals && rivals_missing(room)) return 1;
    if (o->card) return print_card(room);
    if (o->serve) return serve(room, whole);
    if (o->agree != NULL) return agree(room, whole, o->agree, o->only, &gate_stop);
    choose_file(s, o);
    bench_options(&s->argc, s->argv);
    for (size_t i = 0; i < devices->n; i++)
        if (s->filter || o->full || i + 1 == devices->n) small_add(&devices->all[i]);
    return run_all(o, devices, room, s->kept, s->filter || o->full, !s->formatted);
}

static int gate(const bench_options_set *o, const char *self)
{
    const gate_options options = {.self = self,
                                  .base = o->gate,
                                  .refs = o->refs,
                                  .rivals = o->no_rivals ? NULL : o->rivals,
                                  .filter = o->only,
                                  .seconds = o->seconds,
                                  .json = o->json,
                                  .stop = &gate_stop};
    return gate_run(&options);
}

static int run(int argc, char **argv)
{
    static split s;
    bench_options_set o;
    if (!split_options(argc, argv, &s)) {
        fprintf(stderr, "pewter-bench: too many options\n");
        return 2;
    }
    const int code = options_read(s.n_own, s.own, &o);
    if (code != 0) return code == 1 ? 0 : code;
    if (o.class) {
        char class[64];
        card_class(class, sizeof class);
        printf("%s\n", class);
        return 0;
    }
    struct sigaction action = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    peer_stop_when(stopped);
    if (o.gate != NULL) return gate(&o, argv[0]);

    bench_devices devices = {.n = 0};
    measure_room room = {.n_rivals = 0};
    pewter_error err;
    int result = 1;
    if (devices_open(o.threads, o.n_threads, &devices, &err) == PEWTER_OK)
        result = with_devices(&s, &o, &devices, &room);
    else
        fprintf(stderr, "pewter-bench: %s\n", err.message);
    measure_drop(&room);
    peak_close(room.peak);
    devices_close(&devices);
    return result;
}

int main(int argc, char **argv)
{
    standard_hold();
    return standard_end("pewter-bench", run(argc, argv));
}
