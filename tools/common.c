#include "tools/common.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/text/json.h"

enum { MAX_FILE = 256 << 20 };

void common_options(common *c)
{
    const arg_option engine[] = {
        {"--threads", "-t", ARG_INT, &c->threads, "N",
         "workers; default: one a core, within the quota"},
        {"--cpu-features", NULL, ARG_TEXT, &c->cpu_features, "MASK",
         "use no more than scalar, avx2, avx512, or names joined by +"},
        {"--cpu-devices", NULL, ARG_INT, &c->cpu_devices, "N", "split the cores into N devices"},
        {"--device", NULL, ARG_TEXT, &c->device, "NAME",
         "cpu, or a GPU by number or part of its name: vulkan:0, vulkan:llvmpipe"},
        {"--topology", NULL, ARG_TEXT, &c->topology, "FILE",
         "plan for another machine: hwloc XML or 'pack:2 core:8 pu:1'"},
        {"--verbose", "-v", ARG_FLAG, &c->verbose, NULL, "say what is done"},
        {NULL, NULL, ARG_FLAG, NULL, NULL, NULL},
    };
    const arg_option model[] = {
        {"--ctx", "-c", ARG_LONG, &c->context, "N",
         "tokens of context; default: as many as the model's, up to 4096"},
        {"--batch", "-b", ARG_INT, &c->batch, "N", "tokens computed at once; default: 512"},
        {"--kv", NULL, ARG_TEXT, &c->kv, "TYPE", "keys and values: auto, f32, f16, bf16, q8_0"},
        {"--exact", NULL, ARG_FLAG, &c->exact, NULL, "activations stay f32"},
        {NULL, NULL, ARG_FLAG, NULL, NULL, NULL},
    };
    const arg_option trust[] = {
        {"--trust-permissions", NULL, ARG_FLAG, &c->trust, NULL,
         "take a model file that others may write"},
        {NULL, NULL, ARG_FLAG, NULL, NULL, NULL},
    };
    _Static_assert(sizeof engine <= sizeof c->engine_table, "room for the engine's options");
    _Static_assert(sizeof model <= sizeof c->model_table, "room for the model's options");
    memcpy(c->engine_table, engine, sizeof engine);
    memcpy(c->model_table, model, sizeof model);
    memcpy(c->trust_table, trust, sizeof trust);
}

static int code_of(pewter_status status)
{
    if (status == PEWTER_OK) return EXIT_FINE;
    if (status == PEWTER_E_CANCELLED) return EXIT_INTERRUPTED;
    return status == PEWTER_E_ARG ? EXIT_USAGE : EXIT_FAILED;
}

int common_failed(pewter_status status, const pewter_error *err)
{
    fputs("pewter: ", stderr);
    common_print_safe(stderr, err->message, strlen(err->message));
    fputc('\n', stderr);
    return code_of(status);
}

static void log_line(void *context, pewter_log_level level, const char *line)
{
    (void)context;
    fprintf(stderr, "pewter: %s", level <= PEWTER_LOG_WARN ? "" : "(info) ");
    common_print_safe(stderr, line, strlen(line));
    fputc('\n', stderr);
}

int common_open(const common *c, pewter_engine **out)
{
    pewter_config config = pewter_config_defaults();
    config.threads = c->threads;
    config.cpu_devices = c->cpu_devices;
    config.cpu_features = c->cpu_features;
    config.topology = c->topology;
    config.device = c->device;
    config.all_devices = c->all_devices;
    config.log = log_line;
    config.log_level = c->verbose ? PEWTER_LOG_DEBUG : PEWTER_LOG_WARN;
    pewter_error err;
    const pewter_status status = pewter_open(&config, out, &err);
    return status == PEWTER_OK ? EXIT_FINE : common_failed(status, &err);
}

/* ---- Progress -------------------------------------------------------------------------------- */

bool common_progress(void *context, const char *what, uint64_t done, uint64_t total)
{
    int *shown = context;
    const int percent = total > 0 ? (int)(100.0 * (double)done / (double)total) : 100;
    if (percent != *shown && isatty(STDERR_FILENO)) {
        *shown = percent;
        fprintf(stderr, percent == 100 ? "\r\033[K" : "\r%s: %d %%", what, percent);
        fflush(stderr);
    }
    return !common_interrupted();
}

void common_progress_end(int shown)
{
    if (shown >= 0 && shown < 100) fputs("\r\033[K", stderr);
}

static bool kv_of(const char *name, pewter_kv *out)
{
    static const char *const names[] = {"auto", "f32", "f16", "bf16", "q8_0"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (name != NULL && strcmp(name, names[i]) != 0) continue;
        *out = (pewter_kv)i;
        return true;
    }
    return false;
}

static pewter_status load(const common *c, pewter_engine *engine, const char *path,
                          pewter_load_options *options, pewter_model **out, pewter_error *err)
{
    int percent = -1;
    options->context = c->context;
    options->batch = c->batch;
    options->exact = c->exact;
    options->trust_permissions = c->trust;
    options->progress = common_progress;
    options->progress_context = &percent;
    const pewter_status status = pewter_load(engine, path, options, out, err);
    common_progress_end(percent);
    return status;
}

int common_load(const common *c, pewter_engine *engine, const char *path,
                pewter_load_options *options, pewter_model **model)
{
    pewter_error err;
    if (!kv_of(c->kv, &options->kv)) {
        snprintf(err.message, sizeof err.message,
                 "--kv: auto, f32, f16, bf16 or q8_0 wanted, found '%.40s'", c->kv);
        return common_failed(PEWTER_E_ARG, &err);
    }
    const pewter_status status = load(c, engine, path, options, model, &err);
    return status == PEWTER_OK ? EXIT_FINE : common_failed(status, &err);
}

int common_start(const common *c, const char *path, pewter_load_options *options,
                 pewter_engine **engine, pewter_model **model)
{
    const int code = common_open(c, engine);
    return code == EXIT_FINE ? common_load(c, *engine, path, options, model) : code;
}

/* ---- Files and texts ------------------------------------------------------------------------- */

static char *read_all(FILE *file, const char *path, size_t *bytes)
{
    size_t cap = 1 << 16, count = 0;
    char *text = malloc(cap);
    while (text != NULL) {
        const size_t got = fread(text + count, 1, cap - 1 - count, file);
        count += got;
        if (got == 0) break;
        if (count + 1 < cap) continue;
        if (cap >= MAX_FILE) {
            fprintf(stderr, "pewter: %s is longer than %d MiB\n", path, MAX_FILE >> 20);
            free(text);
            return NULL;
        }
        cap *= 2;
        char *bigger = realloc(text, cap);
        if (bigger == NULL) free(text);
        text = bigger;
    }
    if (text == NULL || ferror(file)) {
        fprintf(stderr, "pewter: %s: %s\n", path, text == NULL ? "no memory" : strerror(errno));
        free(text);
        return NULL;
    }
    text[count] = 0;
    *bytes = count;
    return text;
}

char *common_read(const char *path, size_t *bytes)
{
    if (strcmp(path, "-") == 0) return read_all(stdin, "standard input", bytes);
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        fprintf(stderr, "pewter: %s: %s\n", path, strerror(errno));
        return NULL;
    }
    char *text = read_all(file, path, bytes);
    fclose(file);
    return text;
}

char *common_text(common_writer *write, void *context, pewter_status *status, pewter_error *err)
{
    size_t need = 0;
    *status = write(context, NULL, 0, &need, err);
    if (*status != PEWTER_OK) return NULL;
    char *text = malloc(need);
    if (text == NULL) {
        snprintf(err->message, sizeof err->message, "no memory for a text of %zu bytes", need);
        *status = PEWTER_E_MEMORY;
        return NULL;
    }
    *status = write(context, text, need, &need, err);
    if (*status == PEWTER_OK) return text;
    free(text);
    return NULL;
}

static pewter_status no_memory(size_t tokens, pewter_error *err)
{
    snprintf(err->message, sizeof err->message, "no memory for %zu tokens", tokens);
    return PEWTER_E_MEMORY;
}

int32_t *common_ids(common_ids_fn *fill, const void *context, size_t guess, size_t *count,
                    pewter_status *status, pewter_error *err)
{
    for (size_t cap = guess + 1;;) {
        size_t need = 0;
        int32_t *ids = malloc(cap * sizeof *ids);
        if (ids == NULL) {
            *status = no_memory(cap, err);
            return NULL;
        }
        *status = fill(context, ids, cap, &need, err);
        if (*status == PEWTER_OK && need <= cap) {
            *count = need;
            return ids;
        }
        explicit_bzero(ids, cap * sizeof *ids);
        free(ids);
        if (*status != PEWTER_OK) return NULL;
        cap = need;
    }
}

typedef struct plain_text {
    const pewter_model *model;
    const char *text;
    size_t bytes;
    bool special, bos;
} plain_text;

static pewter_status fill_text(const void *context, int32_t *ids, size_t cap, size_t *count,
                               pewter_error *err)
{
    const plain_text *t = context;
    return pewter_tokenize(t->model, t->text, t->bytes, t->special, t->bos, ids, cap, count, err);
}

int32_t *common_tokenize(const pewter_model *model, const char *text, size_t bytes, bool special,
                         bool bos, size_t *count, pewter_status *status, pewter_error *err)
{
    const plain_text t = {model, text, bytes, special, bos};
    return common_ids(fill_text, &t, common_ids_guess(bytes), count, status, err);
}

typedef struct conversation {
    const pewter_model *model;
    const pewter_message *messages;
    size_t n;
} conversation;

static pewter_status fill_chat(const void *context, int32_t *ids, size_t cap, size_t *count,
                               pewter_error *err)
{
    const conversation *c = context;
    return pewter_chat_prompt(c->model, c->messages, c->n, true, ids, cap, count, err);
}

int32_t *common_chat_ids(const pewter_model *model, const pewter_message *messages, size_t n,
                         size_t *count, pewter_status *status, pewter_error *err)
{
    const conversation c = {model, messages, n};
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) bytes += strlen(messages[i].content);
    return common_ids(fill_chat, &c, common_ids_guess(bytes), count, status, err);
}

/* ---- Output ---------------------------------------------------------------------------------- */

/* Bytes of the control character that `text` begins with; 0: it begins with none. */
static size_t control_at(const unsigned char *text, size_t bytes)
{
    if (*text == 0x7f || (*text < 0x20 && *text != '\n' && *text != '\t')) return 1;
    return bytes > 1 && text[0] == 0xc2 && text[1] >= 0x80 && text[1] < 0xa0 ? 2 : 0;
}

void common_print_safe(FILE *to, const char *text, size_t bytes)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + bytes;
    while (at < end) {
        const size_t control = control_at(at, (size_t)(end - at));
        if (control == 0) fputc(*at++, to);
        for (size_t i = 0; i < control; i++) fprintf(to, "\\x%02x", *at++);
    }
}

bool common_write(const char *text, size_t bytes)
{
    if (isatty(STDOUT_FILENO))
        common_print_safe(stdout, text, bytes);
    else
        fwrite(text, 1, bytes, stdout);
    return !ferror(stdout) && fflush(stdout) == 0;
}

void common_quote(FILE *to, const char *text, size_t bytes)
{
    const size_t need = pw_json_quote(text, bytes, NULL, 0);
    char *quoted = malloc(need + 1);
    if (quoted == NULL) {
        fputs("null", to);
        return;
    }
    pw_json_quote(text, bytes, quoted, need + 1);
    fputs(quoted, to);
    free(quoted);
}

/* ---- Ctrl-C ---------------------------------------------------------------------------------- */

/* A signal handler has no other way to learn of these. */
static pewter_session *volatile caught_session;
static volatile sig_atomic_t interrupts;

static void on_interrupt(int signal)
{
    if (interrupts++ > 0) _exit(128 + signal);
    pewter_cancel(caught_session);
}

static void on_signals(void (*handler)(int signal))
{
    const struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    static const int ends[] = {SIGINT, SIGTERM};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct sigaction before;
        /* A shell's job in the background is not to hear of the terminal's Ctrl-C; but who has a
         * terminal is to, whatever started it. */
        const bool ignored = sigaction(ends[i], NULL, &before) == 0 && before.sa_handler == SIG_IGN;
        if (!ignored || isatty(STDIN_FILENO)) sigaction(ends[i], &action, NULL);
    }
}

void common_catch(pewter_session *session)
{
    caught_session = session;
    on_signals(on_interrupt);
    if (interrupts > 0) pewter_cancel(session);
}

void common_release(void)
{
    on_signals(SIG_DFL);
    caught_session = NULL;
    interrupts = 0;
}

bool common_interrupted(void)
{
    return interrupts > 0;
}
