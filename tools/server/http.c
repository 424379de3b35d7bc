#include "tools/server/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/server/clock.h"
#include "tools/server/exchange.h"

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
    refuse(&e->refused, 401, NULL,
           key != NULL ? "the API key is not one that may ask here"
                       : "an API key is wanted: Authorization: Bearer KEY, or "
                         "api-key: KEY");
    e->refused.code = "invalid_api_key";
    return false;
}

/* Takes in a piece of a body. */
static void take(exchange *e, const char *data, size_t bytes)
{
    http *h = e->http;
    if (e->refused.status != 0) return;
    if (e->body.bytes + bytes > HTTP_MAX_BODY) {
        refuse(&e->refused, 413, NULL, "the body has more than %d bytes", HTTP_MAX_BODY);
    } else if (h->bodies + bytes > HTTP_MAX_BODIES) {
        refuse(&e->refused, 503, NULL, "too many long requests at once: ask again");
        e->refused.retry_after = 1;
    } else {
        text_add(&e->body, data, bytes);
        h->bodies += bytes;
        e->counted += bytes;
    }
}

/* The body is read, or will not be. */
static void forget_body(exchange *e)
{
    e->http->bodies -= e->counted;
    e->counted = 0;
    text_wipe(&e->body);
}

/* ---- Connections ----------------------------------------------------------------------------- */

static exchange *begin(http *h, struct MHD_Connection *connection, const char *method,
                       const char *path)
{
    exchange *e = calloc(1, sizeof *e);
    if (e == NULL) return NULL;
    e->began_ns = clock_ns();
    e->http = h;
    e->connection = connection;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    e->watched = info != NULL ? info->socket_context : NULL;
    watch_head(h->watch, e->watched);
    atomic_fetch_add(&h->busy, 1);
    refusal unknown = {0};
    if (!exchange_find_route(e, method, path)) unknown = e->refused;
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
        take(e, data, *bytes);
        *bytes = 0;
        return MHD_YES;
    }
    if (!e->prepared) watch_body(e->http->watch, e->watched);
    if (e->body.failed) refuse(&e->refused, 503, NULL, "no memory for the body");
    if (e->refused.status == 0 && e->route->prepare != NULL && !e->prepared)
        return exchange_prepare(e);
    forget_body(e);
    if (e->refused.status != 0) return exchange_refuse(e);
    return e->route->handle(e);
}

/* Under the queue's lock where there is a job: what it holds may still change. */
static void note_line(exchange *e)
{
    const job *j = e->job;
    if (e->http->journal == NULL) return;
    journal_line line = {.route = e->route != NULL ? e->route->path : NULL,
                         .model = e->model != NULL ? e->model->id : NULL,
                         .share = e->share,
                         .status = e->status,
                         .seconds = clock_seconds_since(e->began_ns)};
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
    forget_body(e);
    reply_free(&e->reply);
    text_wipe(&e->text);
    text_wipe(&e->out);
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
    reader_free(h->reader);
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
                .reader = reader_new(),
                .grammars = grammar_cache_new(),
                .watch = watch_new()};
    pthread_mutex_init(&h->keys_lock, NULL);
    const unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL |
                           MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | (tls != NULL ? MHD_USE_TLS : 0);
    const struct MHD_OptionItem secure[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, tls != NULL ? (void *)(uintptr_t)tls->certificate : NULL},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, tls != NULL ? (void *)(uintptr_t)tls->private_key : NULL},
        {MHD_OPTION_END, 0, NULL}};
    const struct MHD_OptionItem plain[] = {{MHD_OPTION_END, 0, NULL}};
    if (h->reader != NULL && h->grammars != NULL && h->watch != NULL)
        h->daemon = MHD_start_daemon(flags, 0, NULL, NULL, handle, h, MHD_OPTION_LISTEN_SOCKET,
                                     o->socket, MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
                                     MHD_OPTION_NOTIFY_CONNECTION, connected, h,
                                     MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_MAX_CONNECTIONS,
                                     MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)WATCH_IDLE_SECONDS,
                                     MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_MAX_HEADERS,
                                     MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY,
                                     tls != NULL ? secure : plain, MHD_OPTION_END);
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
    reader_stop(h->reader); /* no connection sleeps for it any more */
    MHD_stop_daemon(h->daemon);
    free_http(h);
}
