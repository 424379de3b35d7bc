#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/commands.h"
#include "tools/common.h"
#include "tools/server/http.h"
#include "tools/server/listen.h"

static const arg_command command = {
    .name = "serve",
    .plain = "MODEL...",
    .summary = "An HTTP service that programs written for OpenAI's API can call unchanged.",
    .examples = "pewter serve model.gguf\n"
                "pewter serve model.gguf --alias gpt-4o --port 9000 --keys keys.txt\n"
                "curl http://127.0.0.1:8080/v1/chat/completions \\\n"
                "    -d '{\"model\": \"model\", \"messages\": [{\"role\": \"user\", \"content\": "
                "\"Hello\"}]}'",
    .plain_least = 1,
    .plain_most = ARG_MAX_PLAIN,
};

enum { DRAIN_SECONDS = 10, WAITING = 256, RUNNING = 64 };

typedef struct serve_options {
    common common;
    arg_texts aliases;
    listen_options listen;
    const char *keys, *certificate, *private_key, *log;
    key_limits limits;
    bool anybody;
} serve_options;

/* What is open, in the order in which it was opened. */
typedef struct server {
    pewter_engine *engine;
    served_models models;
    keys keys[2]; /* those that may ask, and those that did before */
    int active;
    queue *queue;
    journal *journal;
    http *http;
    char names[REQUEST_MAX_MODELS][256], address[256];
    char *certificate, *private_key; /* PEM texts; NULL: no TLS */
    model_metrics metrics[REQUEST_MAX_MODELS];
} server;

/* ---- Models ---------------------------------------------------------------------------------- */

/* The file's name without its folder and ending. */
static void name_of(const char *path, char *out, size_t cap)
{
    const char *slash = strrchr(path, '/');
    snprintf(out, cap, "%s", slash != NULL ? slash + 1 : path);
    char *dot = strrchr(out, '.');
    if (dot != NULL && dot != out) *dot = 0;
}

/* Names for all models, before the minutes in which they are loaded. */
static bool name_models(server *s, const serve_options *o, const char *const *paths, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        name_of(paths[i], s->names[i], sizeof s->names[i]);
        s->models.list[i].id = i < o->aliases.count ? o->aliases.text[i] : s->names[i];
        for (size_t k = 0; k < i; k++) {
            if (strcmp(s->models.list[k].id, s->models.list[i].id) != 0) continue;
            fprintf(stderr, "pewter serve: two models of the name '%s': --alias gives others\n",
                    s->models.list[i].id);
            return false;
        }
    }
    return true;
}

static int load_models(server *s, const serve_options *o, const char *const *paths, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        served_model *m = &s->models.list[i];
        m->metrics = &s->metrics[i];
        pewter_load_options options = pewter_load_defaults();
        const int code = common_load(&o->common, s->engine, paths[i], &options, &m->model);
        if (code != EXIT_FINE) return code;
        s->models.count++;
        pewter_error err;
        m->info.size = sizeof m->info;
        const pewter_status status = pewter_model_get(m->model, &m->info, &err);
        if (status != PEWTER_OK) return common_failed(status, &err);
    }
    return EXIT_FINE;
}

/* ---- Service --------------------------------------------------------------------------------- */

/* The signals that end the service or bring new keys, from here on only taken by sigtimedwait. */
static sigset_t block_signals(void)
{
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    signal(SIGPIPE, SIG_IGN);
    return ends;
}

/* Reads the keys anew; those before stay where the file cannot be read. */
static void reload_keys(server *s, const serve_options *o)
{
    keys fresh = {0};
    if (o->keys == NULL || !keys_read(o->keys, &fresh)) return;
    s->active = !s->active;
    keys_free(&s->keys[s->active]);
    s->keys[s->active] = fresh;
    http_set_keys(s->http, &s->keys[s->active]);
    fprintf(stderr, "pewter serve: %zu keys may ask\n", fresh.count);
}

/* Looks after connections until a signal ends the service. */
static void look_after(server *s, const serve_options *o, const sigset_t *signals)
{
    const struct timespec tick = {.tv_nsec = 100000000};
    for (;;) {
        const int got = sigtimedwait(signals, NULL, &tick);
        if (got == SIGHUP)
            reload_keys(s, o);
        else if (got > 0)
            return;
        http_look(s->http);
    }
}

/* Until what is under way has ended, ten seconds, or a second signal. */
static void drain(server *s, const sigset_t *ends)
{
    http_close(s->http);
    queue_close(s->queue);
    const struct timespec tick = {.tv_nsec = 20000000};
    for (int i = 0; i < DRAIN_SECONDS * 50 && http_busy(s->http) > 0; i++) {
        if (sigtimedwait(ends, NULL, &tick) > 0) break;
        http_look(s->http);
    }
}

/* Takes requests on the socket, which is closed at the end, until a signal. */
static int serve(server *s, const serve_options *o, int fd)
{
    const sigset_t ends = block_signals();
    s->models.created = (int64_t)time(NULL);
    if (listen_begin(fd, s->address)) s->queue = queue_new(s->engine, WAITING, RUNNING, &o->limits);
    if (s->queue == NULL) {
        close(fd);
        return EXIT_FAILED;
    }
    const http_tls tls = {s->certificate, s->private_key};
    const http_options options = {.socket = fd,
                                  .models = &s->models,
                                  .queue = s->queue,
                                  .keys = &s->keys[0],
                                  .tls = s->certificate != NULL ? &tls : NULL,
                                  .journal = s->journal};
    s->http = http_new(&options);
    int code = EXIT_FAILED;
    if (s->http != NULL) {
        printf("listening on %s\n", s->address);
        fflush(stdout);
        look_after(s, o, &ends);
        drain(s, &ends);
        code = EXIT_FINE;
    }
    queue_stop(s->queue);
    http_free(s->http);
    queue_free(s->queue);
    return code;
}

/* The certificate and its key, where TLS is asked for. */
static int read_tls(server *s, const serve_options *o)
{
    size_t bytes;
    if (o->certificate == NULL && o->private_key == NULL) return EXIT_FINE;
    if (o->certificate == NULL || o->private_key == NULL || o->listen.path != NULL) {
        fprintf(stderr, "pewter serve: TLS wants --tls-cert and --tls-key, and no --socket\n");
        return EXIT_USAGE;
    }
    s->certificate = common_read(o->certificate, &bytes);
    s->private_key = s->certificate != NULL ? common_read(o->private_key, &bytes) : NULL;
    return s->private_key != NULL ? EXIT_FINE : EXIT_FAILED;
}

/* Everything that can be wrong is looked at before the minutes in which models are loaded. */
static int run_service(server *s, serve_options *o, const char *const *paths, size_t count)
{
    int fd = -1, code = read_tls(s, o);
    if (code == EXIT_FINE && o->keys != NULL && !keys_read(o->keys, &s->keys[0]))
        code = EXIT_FAILED;
    if (code == EXIT_FINE && o->log != NULL && (s->journal = journal_open(o->log)) == NULL)
        code = EXIT_FAILED;
    o->listen.guarded = o->keys != NULL || o->anybody;
    if (code == EXIT_FINE) {
        fd = listen_open(&o->listen, s->certificate != NULL, s->address, sizeof s->address);
        if (fd < 0) code = EXIT_FAILED;
    }
    common_catch(NULL);
    if (code == EXIT_FINE) code = common_open(&o->common, &s->engine);
    if (code == EXIT_FINE) code = load_models(s, o, paths, count);
    common_release();
    if (code == EXIT_FINE)
        code = serve(s, o, fd);
    else if (fd >= 0)
        close(fd);
    if (fd >= 0) listen_end(&o->listen);
    journal_close(s->journal);
    for (size_t i = 0; i < s->models.count; i++) pewter_unload(s->models.list[i].model);
    pewter_close(s->engine);
    keys_free(&s->keys[0]);
    keys_free(&s->keys[1]);
    if (s->private_key != NULL) explicit_bzero(s->private_key, strlen(s->private_key));
    free(s->certificate);
    free(s->private_key);
    return code;
}

int cmd_serve(int argc, char **argv)
{
    serve_options o = {.listen = {.host = "127.0.0.1", .port = 8080}};
    common_options(&o.common);
    const arg_option own[] = {
        {"--alias", NULL, ARG_TEXTS, &o.aliases, "NAME",
         "the name that requests give a model; one for each MODEL, in order"},
        {"--host", NULL, ARG_TEXT, &o.listen.host, "H", "address to listen on; default: 127.0.0.1"},
        {"--port", NULL, ARG_INT, &o.listen.port, "N", "port, 0: one that is free; default: 8080"},
        {"--socket", NULL, ARG_TEXT, &o.listen.path, "PATH",
         "listen on a Unix socket of this name, its owner's alone, instead of an address"},
        {"--tls-cert", NULL, ARG_TEXT, &o.certificate, "FILE",
         "speak TLS with this certificate (PEM)"},
        {"--tls-key", NULL, ARG_TEXT, &o.private_key, "FILE", "and its private key (PEM)"},
        {"--log", NULL, ARG_TEXT, &o.log, "FILE",
         "a line of JSON for each request, without its text; -: stderr"},
        {"--keys", NULL, ARG_TEXT, &o.keys, "FILE",
         "keys that may ask, one a line, plain or sha256:HASH; mode 0400; SIGHUP reads it again"},
        {"--key-requests", NULL, ARG_INT, &o.limits.requests, "N",
         "requests of one key that wait or run; default: no limit"},
        {"--key-tokens", NULL, ARG_LONG, &o.limits.tokens, "N",
         "tokens of one key in a minute, of prompts and answers; default: no limit"},
        {"--key-context", NULL, ARG_LONG, &o.limits.context, "N",
         "tokens that running requests of one key may hold together; default: no limit"},
        {"--anybody", NULL, ARG_FLAG, &o.anybody, NULL,
         "take requests without a key from other machines"},
        {NULL, NULL, ARG_FLAG, NULL, NULL, NULL},
    };
    const arg_option *const tables[] = {own, o.common.model_table, o.common.trust_table,
                                        o.common.engine_table, NULL};
    const char *plain[ARG_MAX_PLAIN];
    int n_plain;
    const arg_result result = args_parse(&command, tables, argc, argv, plain, &n_plain);
    if (result != ARGS_OK) return result == ARGS_HELP ? EXIT_FINE : EXIT_USAGE;
    if (o.limits.requests < 0 || o.limits.tokens < 0 || o.limits.context < 0) {
        fprintf(stderr,
                "pewter serve: --key-requests, --key-tokens, --key-context want 0 or more\n");
        return EXIT_USAGE;
    }
    if (o.listen.port < 0 || o.listen.port > 65535) {
        fprintf(stderr, "pewter serve: --port wants 0 to 65535, found %d\n", o.listen.port);
        return EXIT_USAGE;
    }
    server s = {0};
    if (!name_models(&s, &o, plain, (size_t)n_plain)) return EXIT_USAGE;
    return run_service(&s, &o, plain, (size_t)n_plain);
}
