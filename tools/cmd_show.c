/* devices, plan and synth: short commands around one call each. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/commands.h"
#include "tools/common.h"

/* An object and the form it is written in. */
typedef struct shown {
    pewter_engine *engine;
    pewter_model *model;
    pewter_form form;
} shown;

/* ---- devices --------------------------------------------------------------------------------- */

static const arg_command devices_command = {
    .name = "devices",
    .plain = "",
    .summary = "The machine as the scheduler sees it, and the devices made of it.",
    .examples = "pewter devices\npewter devices --measure --json\npewter devices --cpu-devices 2",
    .plain_least = 0,
    .plain_most = 0,
};

static pewter_status write_machine(void *context, char *buf, size_t cap, size_t *need,
                                   pewter_error *err)
{
    const shown *s = context;
    return pewter_machine(s->engine, s->form, buf, cap, need, err);
}

static void print_device(const pewter_device_info *d, bool json, bool first)
{
    if (json) {
        printf("%s{\"name\":", first ? "" : ",");
        common_quote(stdout, d->name, strlen(d->name));
        printf(",\"backend\":\"%s\",\"detail\":", d->backend);
        common_quote(stdout, d->detail, strlen(d->detail));
        printf(",\"threads\":%d,\"memory\":%llu,\"in_use\":%s,\"software\":%s}", d->threads,
               (unsigned long long)d->memory, d->in_use ? "true" : "false",
               d->software ? "true" : "false");
        return;
    }
    char workers[32] = "";
    if (d->threads > 0) snprintf(workers, sizeof workers, "%d workers, ", d->threads);
    printf("%-9s %s%.1f GB; %s%s\n", d->name, workers, (double)d->memory * 1e-9, d->detail,
           d->in_use ? "" : "; not used: --device names it");
}

static int print_devices(pewter_engine *engine, bool json, double bandwidth)
{
    pewter_status status;
    pewter_error err;
    shown s = {.engine = engine, .form = json ? PEWTER_JSON : PEWTER_TEXT};
    char *text = common_text(write_machine, &s, &status, &err);
    if (text == NULL) return common_failed(status, &err);
    printf(json ? "{\"machine\":%s,\"devices\":[" : "%s", text);
    free(text);
    for (size_t i = 0; i < pewter_device_count(engine); i++) {
        pewter_device_info info = {.size = sizeof info};
        status = pewter_device_get(engine, i, &info, &err);
        if (status != PEWTER_OK) return common_failed(status, &err);
        print_device(&info, json, i == 0);
    }
    if (json)
        printf("],\"read_bandwidth\":%.0f}\n", bandwidth);
    else if (bandwidth > 0.0)
        printf("read      %.1f GB/s measured\n", bandwidth * 1e-9);
    return EXIT_FINE;
}

int cmd_devices(int argc, char **argv)
{
    common c = {0};
    bool json = false, measure = false;
    c.all_devices = true;
    common_options(&c);
    const arg_option own[] = {
        {"--measure", NULL, ARG_FLAG, &measure, NULL, "measure the read bandwidth for 0.2 s"},
        {"--json", NULL, ARG_FLAG, &json, NULL, "as JSON"},
        {NULL, NULL, ARG_FLAG, NULL, NULL, NULL},
    };
    const arg_option *const tables[] = {own, c.engine_table, NULL};
    const char *plain[ARG_MAX_PLAIN];
    int n_plain;
    const arg_result result = args_parse(&devices_command, tables, argc, argv, plain, &n_plain);
    if (result != ARGS_OK) return result == ARGS_HELP ? EXIT_FINE : EXIT_USAGE;
    pewter_engine *engine;
    int code = common_open(&c, &engine);
    if (code != EXIT_FINE) return code;
    double bandwidth = 0.0;
    pewter_error err;
    const pewter_status status =
        measure ? pewter_measure(engine, 0.2, &bandwidth, &err) : PEWTER_OK;
    code =
        status == PEWTER_OK ? print_devices(engine, json, bandwidth) : common_failed(status, &err);
    pewter_close(engine);
    return code;
}

/* ---- plan ------------------------------------------------------------------------------------ */

static const arg_command plan_command = {
    .name = "plan",
    .plain = "MODEL",
    .summary = "What runs where, by which kernel and why, and the memory for weights, keys and "
               "values,\nactivations and scratch. Nothing is loaded.",
    .examples = "pewter plan model.gguf\npewter plan model.gguf --exact --json\n"
                "pewter plan model.gguf --cpu-devices 2 -c 32768",
    .plain_least = 1,
    .plain_most = 1,
};

static pewter_status write_plan(void *context, char *buf, size_t cap, size_t *need,
                                pewter_error *err)
{
    const shown *s = context;
    return pewter_explain(s->model, s->form, buf, cap, need, err);
}

int cmd_plan(int argc, char **argv)
{
    common c = {0};
    bool json = false;
    common_options(&c);
    const arg_option own[] = {
        {"--json", NULL, ARG_FLAG, &json, NULL, "as JSON"},
        {NULL, NULL, ARG_FLAG, NULL, NULL, NULL},
    };
    const arg_option *const tables[] = {own, c.model_table, c.trust_table, c.engine_table, NULL};
    const char *plain[ARG_MAX_PLAIN];
    int n_plain;
    const arg_result result = args_parse(&plan_command, tables, argc, argv, plain, &n_plain);
    if (result != ARGS_OK) return result == ARGS_HELP ? EXIT_FINE : EXIT_USAGE;

    pewter_load_options options = pewter_load_defaults();
    options.plan_only = true;
    shown s = {.form = json ? PEWTER_JSON : PEWTER_TEXT};
    common_catch(NULL);
    int code = common_start(&c, plain[0], &options, &s.engine, &s.model);
    if (code == EXIT_FINE) {
        pewter_status status;
        pewter_error err;
        char *text = common_text(write_plan, &s, &status, &err);
        if (text != NULL) printf("%s%s", text, json ? "\n" : "");
        code = text != NULL ? EXIT_FINE : common_failed(status, &err);
        free(text);
    }
    pewter_unload(s.model);
    pewter_close(s.engine);
    return code;
}

/* ---- synth ----------------------------------------------------------------------------------- */

static const arg_command synth_command = {
    .name = "synth",
    .plain = "FILE",
    .summary =
        "Writes a GGUF model of random weights, for benches and tests. Same seed, same bytes.\n"
        "Shapes: tiny, smollm2-135m, llama-1b-32k, llama-3.2-1b, llama-8b; values may be "
        "changed:\n\"tiny,layers=4,ffn=512\" (arch, layers, embedding, heads, kv_heads, head_dim, "
        "ffn, vocab,\ncontext, window, tied, rope_base).",
    .examples = "pewter synth tiny.gguf\n"
                "pewter synth bench.gguf --shape llama-1b-32k --type Q4_0 --seed 7",
    .plain_least = 1,
    .plain_most = 1,
};

/* Says what was written, so that a script can see it. */
static int print_written(const char *path, bool json)
{
    struct stat file;
    if (stat(path, &file) != 0) {
        fprintf(stderr, "pewter: %s: %s\n", path, strerror(errno));
        return EXIT_FAILED;
    }
    if (json) {
        printf("{\"file\":");
        common_quote(stdout, path, strlen(path));
        printf(",\"bytes\":%lld}\n", (long long)file.st_size);
    } else {
        printf("%s: %lld bytes\n", path, (long long)file.st_size);
    }
    return EXIT_FINE;
}

int cmd_synth(int argc, char **argv)
{
    pewter_synth_options options = pewter_synth_defaults();
    bool json = false, force = false;
    const arg_option own[] = {
        {"--shape", NULL, ARG_TEXT, &options.shape, "SHAPE", "default: tiny"},
        {"--type", NULL, ARG_TEXT, &options.type, "TYPE",
         "of the matrices: F32, Q4_0, Q4_K, ...; default: Q8_0"},
        {"--seed", NULL, ARG_SEED, &options.seed, "N", "default: 0"},
        {"--force", NULL, ARG_FLAG, &force, NULL, "replace a file that is there already"},
        {"--json", NULL, ARG_FLAG, &json, NULL, "as JSON"},
        {NULL, NULL, ARG_FLAG, NULL, NULL, NULL},
    };
    const arg_option *const tables[] = {own, NULL};
    const char *plain[ARG_MAX_PLAIN];
    int n_plain;
    const arg_result result = args_parse(&synth_command, tables, argc, argv, plain, &n_plain);
    if (result != ARGS_OK) return result == ARGS_HELP ? EXIT_FINE : EXIT_USAGE;
    struct stat file;
    if (!force && lstat(plain[0], &file) == 0 && S_ISREG(file.st_mode)) {
        fprintf(stderr, "pewter: %s is there already: --force replaces it\n", plain[0]);
        return EXIT_FAILED;
    }
    common_catch(NULL);
    int percent = -1;
    options.progress = common_progress;
    options.progress_context = &percent;
    pewter_error err;
    const pewter_status status = pewter_synth(&options, plain[0], &err);
    common_progress_end(percent);
    return status == PEWTER_OK ? print_written(plain[0], json) : common_failed(status, &err);
}
