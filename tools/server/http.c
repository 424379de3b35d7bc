#include "tools/server/http.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/server/reply.h"
#include "tools/server/tokens.h"
#include "tools/server/watch.h"

struct http {
    struct MHD_Daemon *daemon;
    const served_models *models;
    queue *queue;
    pthread_mutex_t keys_lock;
    const keys *keys; /* under the lock: others may take their place */
    grammar_cache *grammars;
    watch *watch;
    journal *journal;
    atomic_size_t busy; /* requests that have no whole reply yet */
};

/* What a route is called with. */
typedef struct exchange {
    http *http;
    struct MHD_Connection *connection;
    watched *watched;
    const struct route *route;
    const served_model *model; /* that the path names */
    uint64_t share;            /* what goes with it: keys_salt */
    textbuf body;
    refusal refused;
    struct timespec began;
    int status;     /* of the reply; 0: none yet */
    char allow[32]; /* methods of the path; "": none */
    job *job;
    reply reply;
    textbuf out; /* of a stream: what was not sent yet, from `sent` on */
    size_t sent;
} exchange;

typedef enum MHD_Result handle_fn(exchange *e);

typedef struct route {
    const char *method, *path; /* a '*' stands for a model's name */
    handle_fn *handle;
    bool open; /* without a key */
} route;

/* ---- Replies --------------------------------------------------------------------------------- */

static enum MHD_Result send_text(exchange *e, int status, textbuf *t, const char *type)
{
    if (t->failed) return MHD_NO;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(t->bytes, t->data, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        text_free(t);
        return MHD_NO;
    }
    char seconds[16];
    MHD_add_response_header(response, "Content-Type", type);
    if (e->refused.retry_after > 0) {
        snprintf(seconds, sizeof seconds, "%d", e->refused.retry_after);
        MHD_add_response_header(response, "Retry-After", seconds);
    }
    if (status == 405) MHD_add_response_header(response, "Allow", e->allow);
    if (status == 401) MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
    e->status = status;
    const enum MHD_Result result = MHD_queue_response(e->connection, (unsigned)status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_refusal(exchange *e)
{
    textbuf t = {0};
    refusal_write(&e->refused, &t);
    return send_text(e, e->refused.status, &t, "application/json");
}

static enum MHD_Result send_json(exchange *e, textbuf *t)
{
    return send_text(e, 200, t, "application/json");
}

/* ---- Streams --------------------------------------------------------------------------------- */

/* The connection sleeps until the job has news. Under the queue's lock, which the engine thread wants for
 * waking it. */
static void sleep_for_news(exchange *e)
{
    e->job->waits = true;
    watch_sleeps(e->http->watch, e->watched, e);
    MHD_suspend_connection(e->connection);
}

static void wake(void *context)
{
    exchange *e = context;
    watch_sleeps(e->http->watch, e->watched, NULL);
    MHD_resume_connection(e->connection);
}

/* What is new of the stream goes to e->out. Nothing new: the connection sleeps until there is. */
static void take_news(exchange *e)
{
    e->out.bytes = e->sent = 0;
    queue_lock(e->http->queue);
    reply_news(&e->reply, e->job, &e->out);
    if (e->out.bytes == 0 && !e->reply.closed) sleep_for_news(e);
    queue_unlock(e->http->queue);
}

static ssize_t read_stream(void *context, uint64_t at, char *to, size_t most)
{
    (void)at;
    exchange *e = context;
    if (e->sent == e->out.bytes) {
        if (e->reply.closed) return MHD_CONTENT_READER_END_OF_STREAM;
        take_news(e);
        if (e->out.failed) return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    const size_t left = e->out.bytes - e->sent, bytes = left < most ? left : most;
    if (bytes > 0) memcpy(to, e->out.data + e->sent, bytes);
    e->sent += bytes;
    return (ssize_t)bytes;
}

static enum MHD_Result send_stream(exchange *e)
{
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16 << 10, read_stream, e, NULL);
    if (response == NULL) return MHD_NO;
    MHD_add_response_header(response, "Content-Type", "text/event-stream; charset=utf-8");
    MHD_add_response_header(response, "Cache-Control", "no-cache");
    e->status = 200;
    const enum MHD_Result result = MHD_queue_response(e->connection, 200, response);
    MHD_destroy_response(response);
    return result;
}

/* ---- Routes ---------------------------------------------------------------------------------- */

/* A job for the body; false after a refusal. */
static bool start(exchange *e, request_kind kind)
{
    job *j = calloc(1, sizeof *j);
    if (j == NULL) return refuse(&e->refused, 503, NULL, "no memory for a request");
    j->wake = wake;
    j->context = e;
    const char *body = e->body.data != NULL ? e->body.data : "";
    const request_source from = {.models = e->http->models,
                                 .model = e->model,
                                 .grammars = e->http->grammars,
                                 .share = e->share};
    bool ok = request_read(&j->request, kind, &from, body, e->body.bytes, &e->refused);
    if (e->body.data != NULL) explicit_bzero(e->body.data, e->body.cap);
    if (ok && !reply_new(&e->reply, kind))
        ok = refuse(&e->refused, 503, NULL, "the system has no random numbers now");
    if (!ok || !queue_add(e->http->queue, j, &e->refused)) {
        request_free(&j->request);
        free(j);
        return false;
    }
    e->job = j;
    return true;
}

static enum MHD_Result answer(exchange *e, request_kind kind)
{
    if (e->job == NULL && !start(e, kind)) return send_refusal(e);
    if (e->job->request.stream) return send_stream(e);
    textbuf t = {0};
    queue_lock(e->http->queue);
    const bool ended = e->job->ended;
    e->refused = e->job->failed;
    if (!ended)
        sleep_for_news(e);
    else if (e->refused.status == 0)
        reply_whole(&e->reply, e->job, &t);
    queue_unlock(e->http->queue);
    if (!ended) return MHD_YES;
    return e->refused.status != 0 ? send_refusal(e) : send_json(e, &t);
}

static enum MHD_Result chat(exchange *e)
{
    return answer(e, REQUEST_CHAT);
}

static enum MHD_Result completion(exchange *e)
{
    return answer(e, REQUEST_COMPLETION);
}

static enum MHD_Result list_models(exchange *e)
{
    textbuf t = {0};
    reply_models(e->http->models, &t);
    return send_json(e, &t);
}

static enum MHD_Result show_model(exchange *e)
{
    textbuf t = {0};
    reply_model(e->http->models, e->model, &t);
    return send_json(e, &t);
}

static enum MHD_Result send_tokens(exchange *e, bool (*write)(const served_models *, const char *, size_t,
                                                              textbuf *, refusal *))
{
    textbuf t = {0};
    const char *body = e->body.data != NULL ? e->body.data : "";
    if (write(e->http->models, body, e->body.bytes, &t, &e->refused)) return send_json(e, &t);
    text_free(&t);
    return send_refusal(e);
}

static enum MHD_Result tokenize(exchange *e)
{
    return send_tokens(e, tokens_of);
}

static enum MHD_Result detokenize(exchange *e)
{
    return send_tokens(e, tokens_to_text);
}

static enum MHD_Result tokenizer_info(exchange *e)
{
    textbuf t = {0};
    const char *name = MHD_lookup_connection_value(e->connection, MHD_GET_ARGUMENT_KIND, "model");
    const served_model *model = name != NULL ? request_model(e->http->models, name, &e->refused)
                                             : &e->http->models->list[0];
    if (model != NULL && tokens_info(model, &t, &e->refused)) return send_json(e, &t);
    text_free(&t);
    return send_refusal(e);
}

static enum MHD_Result metrics(exchange *e)
{
    textbuf t = {0};
    const char *names[REQUEST_MAX_MODELS];
    const model_metrics *all[REQUEST_MAX_MODELS];
    const size_t n = e->http->models->count;
    for (size_t i = 0; i < n; i++) {
        names[i] = e->http->models->list[i].id;
        all[i] = e->http->models->list[i].metrics;
    }
    queue_lock(e->http->queue);
    metrics_write(names, all, n, &t);
    queue_unlock(e->http->queue);
    return send_text(e, 200, &t, "text/plain; version=0.0.4; charset=utf-8");
}

static enum MHD_Result health(exchange *e)
{
    textbuf t = {0};
    text_print(&t, "{\"status\":\"ok\"}");
    return send_json(e, &t);
}

static const route routes[] = {
    {"POST", "/v1/chat/completions", chat, false},
    {"POST", "/v1/completions", completion, false},
    {"GET", "/v1/models", list_models, false},
    {"GET", "/v1/models/*", show_model, false},
    {"POST", "/openai/deployments/*/chat/completions", chat, false},
    {"POST", "/openai/deployments/*/completions", completion, false},
    {"POST", "/tokenize", tokenize, false},
    {"POST", "/detokenize", detokenize, false},
    {"GET", "/tokenizer_info", tokenizer_info, false},
    {"GET", "/metrics", metrics, false},
    {"GET", "/health", health, true},
    {"GET", "/ready", health, true},
};

/* Whether a path is the route's; the name that stands for its '*' goes to `name`. */
static bool matches(const char *pattern, const char *path, char *name, size_t cap)
{
    const char *star = strchr(pattern, '*');
    if (star == NULL) return strcmp(pattern, path) == 0;
    const size_t before = (size_t)(star - pattern), after = strlen(star + 1);
    const size_t bytes = strlen(path);
    if (bytes <= before + after || strncmp(pattern, path, before) != 0) return false;
    if (strcmp(path + bytes - after, star + 1) != 0) return false;
    /* Within a path a name ends at a slash; at its end it may hold some. */
    if (after > 0 && memchr(path + before, '/', bytes - before - after) != NULL) return false;
    snprintf(name, cap, "%.*s", (int)(bytes - before - after), path + before);
    return true;
}

/* Finds the route and the model of the path. */
static bool find_route(exchange *e, const char *method, const char *path)
{
    char name[256] = "";
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (!matches(routes[i].path, path, name, sizeof name)) continue;
        if (strcmp(routes[i].method, method) == 0) e->route = &routes[i];
        snprintf(e->allow + strlen(e->allow), sizeof e->allow - strlen(e->allow), "%s%s",
                 e->allow[0] != 0 ? ", " : "", routes[i].method);
    }
    if (e->route == NULL)
        return refuse(&e->refused, e->allow[0] != 0 ? 405 : 404, NULL, "%s %.200s: no such route",
                      method, path);
    if (strchr(e->route->path, '*') == NULL) return true;
    e->model = request_model(e->http->models, name, &e->refused);
    return e->model != NULL;
}

static bool allowed(exchange *e)
{
    const char *bearer =
        MHD_lookup_connection_value(e->connection, MHD_HEADER_KIND, "Authorization");
    const char *key = MHD_lookup_connection_value(e->connection, MHD_HEADER_KIND, "api-key");
    if (bearer != NULL && strncasecmp(bearer, "Bearer ", 7) == 0) key = bearer + 7;
    pthread_mutex_lock(&e->http->keys_lock);
    const keys *k = e->http->keys;
    const int found = key != NULL && k->count > 0 ? keys_find(k, key, strlen(key)) : -1;
    e->share = keys_salt(k, found);
    const bool fine = found >= 0 || k->count == 0 || (e->route != NULL && e->route->open);
    pthread_mutex_unlock(&e->http->keys_lock);
    if (fine) return true;
    refuse(&e->refused, 401, NULL, key != NULL ? "the API key is not one that may ask here"
                                               : "an API key is wanted: Authorization: Bearer KEY, or "
                                                 "api-key: KEY");
    e->refused.code = "invalid_api_key";
    return false;
}

/* ---- Connections ----------------------------------------------------------------------------- */

static exchange *begin(http *h, struct MHD_Connection *connection, const char *method,
                       const char *path)
{
    exchange *e = calloc(1, sizeof *e);
    if (e == NULL) return NULL;
    clock_gettime(CLOCK_MONOTONIC, &e->began);
    e->http = h;
    e->connection = connection;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    e->watched = info != NULL ? info->socket_context : NULL;
    watch_head(h->watch, e->watched);
    atomic_fetch_add(&h->busy, 1);
    refusal unknown = {0};
    if (!find_route(e, method, path)) unknown = e->refused;
    if (allowed(e)) e->refused = unknown; /* who has no key learns of no route */
    return e;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *data,
                              size_t *bytes, void **state)
{
    (void)version;
    exchange *e = *state;
    if (e == NULL) {
        e = begin(context, connection, method, path);
        *state = e;
        return e != NULL ? MHD_YES : MHD_NO;
    }
    if (*bytes > 0) {
        if (e->refused.status == 0 && e->body.bytes + *bytes > HTTP_MAX_BODY)
            refuse(&e->refused, 413, NULL, "the body has more than %d bytes", HTTP_MAX_BODY);
        if (e->refused.status == 0) text_add(&e->body, data, *bytes);
        *bytes = 0;
        return MHD_YES;
    }
    if (e->job == NULL) watch_body(e->http->watch, e->watched);
    if (e->body.failed) refuse(&e->refused, 503, NULL, "no memory for the body");
    if (e->refused.status != 0) return send_refusal(e);
    return e->route->handle(e);
}

/* Under the queue's lock where there is a job: what it holds may still change. */
static void note_line(exchange *e)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const job *j = e->job;
    if (e->http->journal == NULL) return;
    journal_line line = {.route = e->route != NULL ? e->route->path : NULL,
                         .model = e->model != NULL ? e->model->id : NULL,
                         .share = e->share,
                         .status = e->status,
                         .seconds = (double)(now.tv_sec - e->began.tv_sec) +
                                    (double)(now.tv_nsec - e->began.tv_nsec) * 1e-9};
    if (j != NULL) {
        queue_lock(e->http->queue);
        line.id = e->reply.id;
        line.model = j->request.model->id;
        line.prompt_tokens = (int64_t)j->request.n_ids;
        line.cached_tokens = j->answer[0].cached;
        for (int32_t i = 0; i < j->request.choices; i++) line.answer_tokens += j->answer[i].tokens;
        line.reason = j->ended ? reply_reason(j->answer[0].finish) : NULL;
        queue_unlock(e->http->queue);
    }
    journal_write(e->http->journal, &line);
}

static void completed(void *context, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode code)
{
    (void)context, (void)connection, (void)code;
    exchange *e = *state;
    if (e == NULL) return;
    watch_replied(e->http->watch, e->watched);
    note_line(e);
    atomic_fetch_sub(&e->http->busy, 1);
    if (e->job != NULL) queue_leave(e->http->queue, e->job);
    if (e->body.data != NULL) explicit_bzero(e->body.data, e->body.cap);
    if (e->out.data != NULL) explicit_bzero(e->out.data, e->out.cap);
    text_free(&e->body);
    text_free(&e->out);
    free(e);
    *state = NULL;
}

static void connected(void *context, struct MHD_Connection *connection, void **state,
                      enum MHD_ConnectionNotificationCode what)
{
    http *h = context;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        watch_closed(h->watch, *state);
        *state = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    *state = info != NULL ? watch_opened(h->watch, info->connect_fd) : NULL;
}

/* ---- The service ----------------------------------------------------------------------------- */

static void free_http(http *h)
{
    grammar_cache_free(h->grammars);
    watch_free(h->watch);
    pthread_mutex_destroy(&h->keys_lock);
    free(h);
}

http *http_new(const http_options *o)
{
    const http_tls *tls = o->tls;
    http *h = calloc(1, sizeof *h);
    if (h == NULL) {
        fprintf(stderr, "pewter serve: no memory for a server\n");
        return NULL;
    }
    *h = (http){.models = o->models,
                .queue = o->queue,
                .keys = o->keys,
                .journal = o->journal,
                .grammars = grammar_cache_new(),
                .watch = watch_new()};
    pthread_mutex_init(&h->keys_lock, NULL);
    const unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL |
                           MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC |
                           (tls != NULL ? MHD_USE_TLS : 0);
    const struct MHD_OptionItem secure[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, tls != NULL ? (void *)(uintptr_t)tls->certificate : NULL},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, tls != NULL ? (void *)(uintptr_t)tls->private_key : NULL},
        {MHD_OPTION_END, 0, NULL}};
    const struct MHD_OptionItem plain[] = {{MHD_OPTION_END, 0, NULL}};
    if (h->grammars != NULL && h->watch != NULL)
        h->daemon = MHD_start_daemon(
            flags, 0, NULL, NULL, handle, h, MHD_OPTION_LISTEN_SOCKET, o->socket,
            MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_NOTIFY_CONNECTION, connected, h,
            MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_MAX_CONNECTIONS,
            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)WATCH_IDLE_SECONDS,
            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_MAX_HEADERS,
            MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, tls != NULL ? secure : plain,
            MHD_OPTION_END);
    if (h->daemon != NULL) return h;
    fprintf(stderr, "pewter serve: the server could not be started%s\n",
            tls != NULL ? ": the certificate and its key must be PEM, and fit each other" : "");
    free_http(h);
    return NULL;
}

/* Under the queue's lock, and within watch_look. */
static void drop(void *context)
{
    queue_drop(((exchange *)context)->job);
}

void http_look(http *h)
{
    queue_lock(h->queue);
    watch_look(h->watch, drop);
    queue_unlock(h->queue);
}

void http_set_keys(http *h, const keys *k)
{
    pthread_mutex_lock(&h->keys_lock);
    h->keys = k;
    pthread_mutex_unlock(&h->keys_lock);
}

size_t http_busy(http *h)
{
    return atomic_load(&h->busy);
}

void http_close(http *h)
{
    MHD_quiesce_daemon(h->daemon);
}

void http_free(http *h)
{
    if (h == NULL) return;
    MHD_stop_daemon(h->daemon);
    free_http(h);
}
