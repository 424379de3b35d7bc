/* devices, plan and synth: short commands around one call each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
        common_quote(d->name, strlen(d->name));
        printf(",\"backend\":\"%s\",\"detail\":", d->backend);
        common_quote(d->detail, strlen(d->detail));
        printf(",\"threads\":%d,\"memory\":%llu}", d->threads, (unsigned long long)d->memory);
        return;
    }
    printf("%-9s %d workers, %.1f GB; %s\n", d->name, d->threads, (double)d->memory * 1e-9,
           d->detail);
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
    if (common_open(&c, &engine) != PEWTER_OK) return EXIT_FAILED;
    double bandwidth = 0.0;
    if (measure) (void)pewter_measure(engine, 0.2, &bandwidth, NULL);
    const int code = print_devices(engine, json, bandwidth);
    pewter_close(engine);
    return fflush(stdout) == 0 ? code : EXIT_FAILED;
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
    const arg_option *const tables[] = {own, c.model_table, c.engine_table, NULL};
    const char *plain[ARG_MAX_PLAIN];
    int n_plain;
    const arg_result result = args_parse(&plan_command, tables, argc, argv, plain, &n_plain);
    if (result != ARGS_OK) return result == ARGS_HELP ? EXIT_FINE : EXIT_USAGE;

    pewter_load_options options = pewter_load_defaults();
    options.plan_only = true;
    shown s = {.form = json ? PEWTER_JSON : PEWTER_TEXT};
    int code = EXIT_FAILED;
    if (common_open(&c, &s.engine) == PEWTER_OK &&
        common_load(&c, s.engine, plain[0], &options, &s.model) == PEWTER_OK) {
        pewter_status status;
        pewter_error err;
        char *text = common_text(write_plan, &s, &status, &err);
        if (text != NULL) printf("%s%s", text, json ? "\n" : "");
        code = text != NULL ? EXIT_FINE : common_failed(status, &err);
        free(text);
    }
    pewter_unload(s.model);
    pewter_close(s.engine);
    return fflush(stdout) == 0 ? code : EXIT_FAILED;
}

/* ---- synth ----------------------------------------------------------------------------------- */

static const arg_command synth_command = {
    .name = "synth",
    .plain = "FILE",
    .summary = "Writes a GGUF model of random weights, for benches and tests. Same seed, same bytes.\n"
               "Shapes: tiny, smollm2-135m, llama-1b-32k, llama-3.2-1b, llama-8b; values may be "
               "changed:\n\"tiny,layers=4,ffn=512\".",
    .examples = "pewter synth tiny.gguf\n"
                "pewter synth bench.gguf --shape llama-1b-32k --type Q4_0 --seed 7",
    .plain_least = 1,
    .plain_most = 1,
};

static bool show_writing(void *context, const char *what, uint64_t done, uint64_t total)
{
    (void)context;
    if (isatty(STDERR_FILENO) && total > 0)
        fprintf(stderr, done == total ? "\r\033[K" : "\r%s: %.0f %%", what,
                100.0 * (double)done / (double)total);
    return !common_interrupted();
}

int cmd_synth(int argc, char **argv)
{
    pewter_synth_options options = pewter_synth_defaults();
    bool json = false;
    const arg_option own[] = {
        {"--shape", NULL, ARG_TEXT, &options.shape, "SHAPE", "default: tiny"},
        {"--type", NULL, ARG_TEXT, &options.type, "TYPE", "of the matrices: F32, Q4_0, Q8_0, Q4_K, ..."},
        {"--seed", NULL, ARG_SEED, &options.seed, "N", "default: 0"},
        {"--json", NULL, ARG_FLAG, &json, NULL, "as JSON"},
        {NULL, NULL, ARG_FLAG, NULL, NULL, NULL},
    };
    const arg_option *const tables[] = {own, NULL};
    const char *plain[ARG_MAX_PLAIN];
    int n_plain;
    const arg_result result = args_parse(&synth_command, tables, argc, argv, plain, &n_plain);
    if (result != ARGS_OK) return result == ARGS_HELP ? EXIT_FINE : EXIT_USAGE;
    common_catch(NULL);
    options.progress = show_writing;
    pewter_error err;
    const pewter_status status = pewter_synth(&options, plain[0], &err);
    if (status != PEWTER_OK) return common_failed(status, &err);
    if (json) printf("{\"file\":");
    if (json) common_quote(plain[0], strlen(plain[0]));
    if (json) printf("}\n");
    return fflush(stdout) == 0 ? EXIT_FINE : EXIT_FAILED;
}
