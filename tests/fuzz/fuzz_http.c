/* Any bytes as what a client sends: a service of one tiny model answers in good time, never with a 5xx but 503 (there is
 * no room), and what it calls JSON is JSON.
 * Input: a letter, which is the route that the rest is the body for ('a' the first), or says that the rest is all of
 * it ('z': the client then sends no more). */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tools/server/http.h"
#include "tools/server/listen.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REPLY_MAX = 1 << 20, PATIENCE_MS = 8000 };

static const char *const routes[] = {
    "POST /v1/chat/completions",
    "POST /v1/completions",
    "POST /openai/deployments/m/chat/completions",
    "POST /openai/deployments/m/completions",
    "POST /tokenize",
    "POST /detokenize",
    "GET /tokenizer_info",
    "GET /v1/models/m",
    "GET /metrics",
};

static struct service {
    pewter_engine *engine;
    served_models models;
    model_metrics metrics;
    keys keys;
    queue *queue;
    http *http;
    struct sockaddr_un address;
} service;

static void must(bool fine, const char *what)
{
    if (fine) return;
    fprintf(stderr, "fuzz_http: %s: %s\n", what, strerror(errno));
    abort();
}

static void clean(void)
{
    unlink(service.address.sun_path);
    *strrchr(service.address.sun_path, '/') = 0;
    rmdir(service.address.sun_path);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    struct service *s = &service;
    char folder[] = "/tmp/pewter-fuzz-......", model[64], name[256];
    memset(strchr(folder, '.'), 'X', 6); /* what mkdtemp replaces */
    must(mkdtemp(folder) != NULL, "mkdtemp");
    snprintf(model, sizeof model, "%s/tiny.gguf", folder);
    s->address.sun_family = AF_UNIX;
    snprintf(s->address.sun_path, sizeof s->address.sun_path, "%s/socket", folder);
    const pewter_synth_options synth = pewter_synth_defaults();
    pewter_config config = pewter_config_defaults();
    pewter_load_options load = pewter_load_defaults();
    config.threads = 1;
    load.context = 256;
    served_model *m = &s->models.list[0];
    *m = (served_model){.id = "m", .metrics = &s->metrics, .info.size = sizeof m->info};
    s->models.count = 1;
    must(pewter_synth(&synth, model, NULL) == PEWTER_OK, "a model");
    must(pewter_open(&config, &s->engine, NULL) == PEWTER_OK, "an engine");
    must(pewter_load(s->engine, model, &load, &m->model, NULL) == PEWTER_OK, "the model");
    must(pewter_model_get(m->model, &m->info, NULL) == PEWTER_OK, "the model's facts");
    const listen_options where = {.path = s->address.sun_path};
    const int fd = listen_open(&where, false, name, sizeof name);
    must(fd >= 0 && listen_begin(fd, name), "a socket");
    s->queue = queue_new(s->engine, 16, 4, &(key_limits){0});
    must(s->queue != NULL, "a queue");
    s->http = http_new(
        &(http_options){.socket = fd, .models = &s->models, .queue = s->queue, .keys = &s->keys});
    must(s->http != NULL, "a service");
    unlink(model);
    must(atexit(clean) == 0, "atexit");
    return 0;
}

/* Takes what comes until the service closes the connection; how many bytes it was. */
static size_t take_reply(int fd, char *reply)
{
    size_t n = 0;
    for (int waited = 0;; waited += 100) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, 100) <= 0) {
            http_look(service.http);
            must(waited < PATIENCE_MS, "no end of the reply");
            continue;
        }
        const ssize_t got = recv(fd, reply + n, REPLY_MAX - 1 - n, 0);
        if (got <= 0) break;
        n += (size_t)got;
        must(n < REPLY_MAX - 1, "a reply of a MiB");
    }
    reply[n] = 0;
    return n;
}

static void check_reply(const char *reply, size_t n, bool raw)
{
    if (n == 0) {
        must(raw, "no reply");
        return;
    }
    must(strncmp(reply, "HTTP/1.", 7) == 0 && n > 12, "no HTTP");
    const int status = atoi(reply + 9);
    /* Of a head that is no HTTP/1.1: libmicrohttpd's own. */
    const bool allowed = status == 503 || (raw && (status == 501 || status == 505));
    must(status < 500 || allowed, reply);
    const char *body = strstr(reply, "\r\n\r\n");
    must(body != NULL, "no end of the head");
    const char *json = strstr(reply, "application/json");
    if (raw || json == NULL || json > body) return;
    json_t *root = json_loads(body + 4, JSON_ALLOW_NUL, NULL);
    must(root != NULL, reply);
    json_decref(root);
}

static void send_all(int fd, const void *data, size_t bytes)
{
    const char *at = data;
    while (bytes > 0) {
        const ssize_t sent = send(fd, at, bytes, MSG_NOSIGNAL);
        if (sent < 0) return; /* it was refused before it was whole */
        at += sent;
        bytes -= (size_t)sent;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char reply[REPLY_MAX];
    const struct service *s = &service;
    if (size < 1) return 0;
    const size_t route = (size_t)(data[0] - 'a');
    const bool raw = data[0] < 'a' || route >= sizeof routes / sizeof *routes;
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0 && connect(fd, (const struct sockaddr *)(const void *)&s->address,
                            sizeof s->address) == 0,
         "connect");
    if (!raw) {
        char head[256];
        const int n = snprintf(head, sizeof head,
                               "%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: "
                               "application/json\r\nContent-Length: %zu\r\n\r\n",
                               routes[route], size - 1);
        send_all(fd, head, (size_t)n);
    }
    send_all(fd, data + 1, size - 1);
    if (raw) shutdown(fd, SHUT_WR);
    check_reply(reply, take_reply(fd, reply), raw);
    close(fd);
    return 0;
}
