#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/base/card.h"
#include "bench/base/rapl.h"
#include "bench/base/store.h"
#include "bench/model/kl.h"
#include "bench/report/report.h"
#include "runtime/text/json.h"
#include "tools/bench_options.h"
#include "tools/commands.h"

/* Everything that lasts longer than one model. */
typedef struct bench_run {
    const bench_options *o;
    const char *root; /* of proc and sys: a test gives another one */
    json_t *card;
    FILE *kept; /* results for the report; NULL: none are kept */
    char kept_path[4096];
    size_t records;
    char said[TEST_MOST_RIVALS][256]; /* of rivals, so that nothing is said twice */
} bench_run;

/* What a terminal is told while a test runs. */
static struct {
    size_t test, tests;
    time_t begin;
} progress;

/* The repetitions behind `done`, from the time that those before them took. */
static void tell(const test_what *what, int done)
{
    if (!isatty(STDERR_FILENO)) return;
    const double each = difftime(time(NULL), progress.begin) / (double)(done + 1);
    fprintf(stderr,
            "\r\033[Ktest %zu of %zu: %lld + %lld tokens at %lld, %lld together, "
            "repetition %d of %d",
            progress.test, progress.tests, (long long)what->prompt, (long long)what->gen,
            (long long)what->depth, (long long)what->sequences, done, what->repeats);
    if (done > 0 && done < what->repeats)
        fprintf(stderr, ", about %.0f s left of it", each * (double)(what->repeats - done));
    fputc('\r', stderr);
}

static void tell_end(void)
{
    if (isatty(STDERR_FILENO)) fputs("\r\033[K", stderr);
}

static bool stop(void)
{
    return common_interrupted();
}

static pewter_status machine(void *context, char *buf, size_t cap, size_t *need, pewter_error *err)
{
    return pewter_machine(context, PEWTER_JSON, buf, cap, need, err);
}

/* Threads for the limits on the CPUs that the engine's workers are on. */
static pewter_status open_peak(pewter_engine *engine, test_bed *bed, pewter_error *err)
{
    enum { MOST = 1024 };
    int32_t cpus[MOST];
    int32_t n = 0;
    pewter_status status;
    char *text = common_text(machine, engine, &status, err);
    if (text == NULL) return status;
    json_t *all = NULL;
    status = pw_json_parse("the machine", text, strlen(text), PW_JSON_BYTES, &all, err);
    const json_t *whole = json_object_get(all, "machine");
    const json_t *sites = json_object_get(whole != NULL ? whole : all, "sites");
    for (size_t i = 0; i < json_array_size(sites); i++) {
        const json_t *list = json_object_get(json_array_get(sites, i), "cpus");
        for (size_t c = 0; c < json_array_size(list) && n < MOST; c++)
            cpus[n++] = (int32_t)json_integer_value(json_array_get(list, c));
    }
    json_decref(all);
    free(text);
    if (status == PEWTER_OK) status = peak_open(cpus, n, &bed->peak, err);
    bed->threads = n;
    return status;
}

/* ---- Rivals ---------------------------------------------------------------------------------- */

static const char *rivals_folder(void)
{
    const char *folder = getenv("PEWTER_RIVALS");
    return folder != NULL && folder[0] != 0 ? folder : "build/rivals";
}

/* What a model and its rivals are loaded with. */
typedef struct setting {
    const char *path, *kv;
    int32_t threads, batch;
    int64_t context, sequences; /* tokens of each of so many sequences */
} setting;

static pewter_status open_rival(const char *name, const setting *s, test_bed *bed,
                                pewter_error *err)
{
    char program[4096], path[4096], numbers[4][32], type[16];
    char o_threads[] = "--threads", o_context[] = "--context", o_sequences[] = "--sequences",
         o_batch[] = "--batch", o_kv[] = "--kv";
    snprintf(program, sizeof program, "%s/bin/%s-peer", rivals_folder(), name);
    snprintf(path, sizeof path, "%s", s->path);
    snprintf(numbers[0], sizeof numbers[0], "%d", bed->threads);
    snprintf(numbers[1], sizeof numbers[1], "%lld", (long long)s->context);
    snprintf(numbers[2], sizeof numbers[2], "%d", s->batch);
    snprintf(numbers[3], sizeof numbers[3], "%lld", (long long)s->sequences);
    snprintf(type, sizeof type, "%s", strcmp(s->kv, "auto") == 0 ? "f16" : s->kv);
    char *const argv[] = {program,    path,        o_threads,  numbers[0], o_context,
                          numbers[1], o_sequences, numbers[3], o_batch,    numbers[2],
                          o_kv,       type,        NULL};
    test_rival *r = &bed->rivals[bed->n_rivals];
    if (access(program, X_OK) != 0) {
        snprintf(err->message, sizeof err->message, "%s is not set up (no %.300s): run make rivals",
                 name, program);
        return PEWTER_E_IO;
    }
    const pewter_status status = peer_open(argv, NULL, 600.0, &r->peer, err);
    if (status != PEWTER_OK) return status;
    const char *version = json_string_value(json_object_get(peer_hello(r->peer), "version"));
    snprintf(r->name, sizeof r->name, "%s", name);
    snprintf(r->version, sizeof r->version, "%s", version != NULL ? version : "");
    bed->n_rivals++;
    return PEWTER_OK;
}

/* ---- Tests of one loaded model --------------------------------------------------------------- */

typedef struct shape {
    int64_t prompt, gen;
} shape;

/* Prompts, generations, then both, as llama-bench has them. */
static size_t shapes_of(const bench_options *o, shape *out)
{
    size_t n = 0;
    for (size_t i = 0; i < o->prompt.n; i++)
        if (o->prompt.value[i] > 0) out[n++] = (shape){o->prompt.value[i], 0};
    for (size_t i = 0; i < o->gen.n; i++)
        if (o->gen.value[i] > 0) out[n++] = (shape){0, o->gen.value[i]};
    for (size_t i = 0; i + 1 < o->both.n; i += 2)
        out[n++] = (shape){o->both.value[i], o->both.value[i + 1]};
    return n;
}

static int64_t longest(const int64_t *values, size_t n)
{
    int64_t most = 0;
    for (size_t i = 0; i < n; i++)
        if (values[i] > most) most = values[i];
    return most;
}

/* Tokens that the longest test holds. */
static int64_t context_of(const bench_options *o)
{
    shape shapes[3 * BENCH_MOST];
    const size_t n = shapes_of(o, shapes);
    int64_t most = o->kl;
    for (size_t i = 0; i < n; i++)
        if (shapes[i].prompt + shapes[i].gen > most) most = shapes[i].prompt + shapes[i].gen;
    return longest(o->depth.value, o->depth.n) + most + 64;
}

static void keep(bench_run *run, const json_t *record)
{
    if (run->kept == NULL) return;
    json_dumpf(record, run->kept, JSON_COMPACT);
    fputc('\n', run->kept);
    fflush(run->kept);
}

static int one_test(bench_run *run, const test_bed *bed, const record_model *model,
                    const test_what *what, const record_kl *kl)
{
    test_result *result = calloc(1, sizeof *result);
    pewter_error err = {.message = "no memory for a result"};
    const pewter_status status =
        result != NULL ? test_run(bed, what, result, &err) : PEWTER_E_MEMORY;
    int code = EXIT_FINE;
    tell_end();
    if (status == PEWTER_OK) {
        json_t *record = record_of(model, what, bed, result, kl);
        if (record != NULL) {
            write_record(run->o->format, record, run->records++, stdout);
            keep(run, record);
        }
        for (size_t i = 0; i < bed->n_rivals; i++) {
            const char *error = result->rivals[i].error;
            if (error[0] == 0) continue;
            code = EXIT_FAILED;
            if (strcmp(error, run->said[i]) == 0) continue;
            snprintf(run->said[i], sizeof run->said[i], "%s", error);
            fprintf(stderr, "pewter: %s\n", error);
        }
        json_decref(record);
    } else {
        code = common_failed(status, &err);
    }
    if (result != NULL) test_result_free(result);
    free(result);
    return code;
}

static int all_tests(bench_run *run, const test_bed *bed, const record_model *model,
                     const record_kl *kl)
{
    const bench_options *o = run->o;
    shape shapes[3 * BENCH_MOST];
    const size_t n_shapes = shapes_of(o, shapes), n = o->sequences.n * n_shapes;
    int code = EXIT_FINE;
    progress.tests = o->depth.n * n;
    for (size_t i = 0; i < progress.tests; i++) {
        const shape *s = &shapes[i % n_shapes];
        const test_what what = {.prompt = s->prompt,
                                .gen = s->gen,
                                .depth = o->depth.value[i / n],
                                .sequences = o->sequences.value[i % n / n_shapes],
                                .repeats = o->repeats,
                                .warm_up = !o->no_warmup,
                                .profile = o->profile,
                                .profile_to = o->profile ? stderr : NULL,
                                .trace_path = o->trace};
        progress.test = i + 1;
        progress.begin = time(NULL);
        tell(&what, 0);
        const int one = one_test(run, bed, model, &what, kl);
        if (one == EXIT_INTERRUPTED || common_interrupted()) return EXIT_INTERRUPTED;
        if (one != EXIT_FINE) code = one;
    }
    return code;
}

/* ---- Models ---------------------------------------------------------------------------------- */

static int load(const bench_run *run, const setting *s, bool exact, pewter_engine **engine,
                pewter_model **model)
{
    common c = {.threads = s->threads, .verbose = run->o->verbose};
    common_options(&c);
    c.threads = s->threads;
    c.batch = s->batch;
    c.kv = exact ? "f32" : s->kv;
    c.exact = exact;
    c.cpu_features = run->o->cpu_features;
    c.device = run->o->device;
    c.context = s->context * s->sequences;
    pewter_load_options options = pewter_load_defaults();
    return common_start(&c, s->path, &options, engine, model);
}

/* Rows of the exact model, which is loaded for it and freed. */
static int exact_rows(const bench_run *run, const setting *s, float **rows)
{
    pewter_engine *engine = NULL;
    pewter_model *model = NULL;
    pewter_error err;
    int code = load(run, s, true, &engine, &model);
    if (code == EXIT_FINE) {
        const pewter_status status = kl_rows(model, run->o->kl, rows, &err);
        if (status != PEWTER_OK) code = common_failed(status, &err);
    }
    pewter_unload(model);
    pewter_close(engine);
    return code;
}

static int compare_exact(const bench_run *run, const setting *s, pewter_model *model, record_kl *kl)
{
    if (run->o->kl == 0) return EXIT_FINE;
    float *exact = NULL, *own = NULL;
    pewter_model_info info = {.size = sizeof info};
    pewter_error err;
    const int code = exact_rows(run, s, &exact);
    if (code != EXIT_FINE) return code;
    pewter_status status = kl_rows(model, run->o->kl, &own, &err);
    if (status == PEWTER_OK) status = pewter_model_get(model, &info, &err);
    if (status == PEWTER_OK) *kl = kl_between(exact, own, run->o->kl, info.vocab);
    free(exact);
    free(own);
    return status == PEWTER_OK ? EXIT_FINE : common_failed(status, &err);
}

static int with_model(bench_run *run, const setting *s, pewter_engine *engine, pewter_model *model)
{
    test_bed bed = {
        .engine = engine, .model = model, .root = run->root, .stop = stop, .told = tell};
    record_model about = {.path = s->path,
                          .kv =
                              strcmp(s->kv, "auto") == 0 ? (run->o->exact ? "f32" : "bf16") : s->kv,
                          .cpu_features = run->o->cpu_features,
                          .batch = s->batch,
                          .card = run->card,
                          .info = {.size = sizeof about.info}};
    record_kl kl = {.n = 0};
    pewter_error err;
    about.device.size = sizeof about.device;
    pewter_status status = pewter_model_get(model, &about.info, &err);
    if (status == PEWTER_OK) status = pewter_device_get(engine, 0, &about.device, &err);
    bed.elsewhere = strcmp(about.device.backend, "cpu") != 0;
    if (status == PEWTER_OK) status = open_peak(engine, &bed, &err);
    about.threads = bed.threads;
    for (size_t i = 0; i < run->o->n_rivals && status == PEWTER_OK; i++)
        status = open_rival(run->o->rival[i], s, &bed, &err);
    int code =
        status == PEWTER_OK ? compare_exact(run, s, model, &kl) : common_failed(status, &err);
    if (code == EXIT_FINE) code = all_tests(run, &bed, &about, &kl);
    for (size_t i = 0; i < bed.n_rivals; i++) peer_close(bed.rivals[i].peer);
    peak_close(bed.peak);
    return code;
}

static int one_setting(bench_run *run, const setting *s)
{
    pewter_engine *engine = NULL;
    pewter_model *model = NULL;
    int code = load(run, s, run->o->exact, &engine, &model);
    if (code == EXIT_FINE) code = with_model(run, s, engine, model);
    pewter_unload(model);
    pewter_close(engine);
    return code;
}

static int all_settings(bench_run *run)
{
    const bench_options *o = run->o;
    int code = EXIT_FINE;
    for (int m = 0; m < o->n_models; m++)
        for (size_t t = 0; t < o->threads.n; t++)
            for (size_t b = 0; b < o->batch.n; b++)
                for (size_t k = 0; k < o->n_kv; k++) {
                    const setting s = {.path = o->model[m],
                                       .kv = o->kv[k],
                                       .threads = (int32_t)o->threads.value[t],
                                       .batch = (int32_t)o->batch.value[b],
                                       .context = context_of(o),
                                       .sequences = longest(o->sequences.value, o->sequences.n)};
                    const int one = one_setting(run, &s);
                    if (one == EXIT_INTERRUPTED) return one;
                    if (one != EXIT_FINE) code = one;
                }
    return code;
}

/* A file that cannot be made costs the report its results, not the user the bench. */
static void open_kept(bench_run *run)
{
    pewter_error err;
    const char *commit = json_string_value(json_object_get(run->card, "commit"));
    if (run->o->no_save || run->card == NULL) return;
    if (store_new("models", "jsonl", commit != NULL ? commit : "unknown", run->kept_path,
                  sizeof run->kept_path, &err) == PEWTER_OK) {
        run->kept = fopen(run->kept_path, "we");
        if (run->kept == NULL)
            snprintf(err.message, sizeof err.message, "%.400s: %s", run->kept_path,
                     strerror(errno));
    }
    if (run->kept == NULL) {
        fprintf(stderr, "pewter: results are not kept: %s\n", err.message);
        return;
    }
    json_t *head = json_pack("{s:O}", "card", run->card);
    json_dumpf(head, run->kept, JSON_COMPACT);
    fputc('\n', run->kept);
    json_decref(head);
}

static int write_report(const bench_run *run)
{
    char folder[4096];
    size_t runs = 0;
    pewter_error err;
    pewter_status status = store_folder(folder, sizeof folder, &err);
    if (status == PEWTER_OK) status = report_write(folder, run->o->report, run->card, &runs, &err);
    if (status != PEWTER_OK) return common_failed(status, &err);
    fprintf(stderr, "%s: %zu files of results from %s\n", run->o->report, runs, folder);
    return EXIT_FINE;
}

int cmd_bench(int argc, char **argv)
{
    static bench_options o;
    bool done;
    const int wrong = bench_options_read(argc, argv, &o, &done);
    if (done) return wrong;
    const char *root = getenv("PEWTER_SYS_ROOT"); /* for tests: another machine's proc and sys */
    static bench_run run;
    run = (bench_run){.o = &o, .root = root != NULL && root[0] != 0 ? root : "/"};
    rapl_mark mark;
    pewter_error err;
    const pewter_status status = o.energy ? rapl_now(run.root, &mark, &err) : PEWTER_OK;
    if (status != PEWTER_OK) return common_failed(status, &err);
    run.card = card_json(run.root);
    common_catch(NULL);
    peer_stop_when(common_interrupted);
    if (o.n_models > 0) open_kept(&run);
    int code = all_settings(&run);
    if (o.n_models > 0) write_end(o.format, run.records, stdout);
    if (run.kept != NULL) {
        const bool lost = ferror(run.kept) != 0;
        if ((fclose(run.kept) != 0 || lost) && run.records > 0) {
            fprintf(stderr, "pewter bench: results could not be written whole to %s\n",
                    run.kept_path);
            if (code == EXIT_FINE) code = EXIT_FAILED;
        }
        if (run.records == 0) (void)unlink(run.kept_path);
    }
    common_release();
    if (o.report != NULL && code != EXIT_INTERRUPTED) {
        const int written = write_report(&run);
        if (code == EXIT_FINE) code = written;
    }
    json_decref(run.card);
    return code;
}
