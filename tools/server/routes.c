/* What the service answers, by method and path. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/server/exchange.h"
#include "tools/server/tokens.h"

/* A job for the body. */
static void start(exchange *e, request_kind kind)
{
    job *j = calloc(1, sizeof *j);
    if (j == NULL) {
        refuse(&e->refused, 503, NULL, "no memory for a request");
        return;
    }
    j->wake = exchange_wake;
    j->context = e;
    const char *body = e->body.data != NULL ? e->body.data : "";
    const request_source from = {.models = e->http->models,
                                 .model = e->model,
                                 .grammars = e->http->grammars,
                                 .share = e->share};
    bool ok = request_read(&j->request, kind, &from, body, e->body.bytes, &e->refused);
    text_wipe(&e->body); /* the job holds what it says */
    if (ok && !reply_new(&e->reply, kind))
        ok = refuse(&e->refused, 503, NULL, "the system has no random numbers now");
    if (ok && queue_add(e->http->queue, j, &e->refused)) {
        e->job = j;
        return;
    }
    request_free(&j->request);
    free(j);
}

static void start_chat(exchange *e)
{
    start(e, REQUEST_CHAT);
}

static void start_completion(exchange *e)
{
    start(e, REQUEST_COMPLETION);
}

static enum MHD_Result answer(exchange *e)
{
    if (e->job->request.stream) return exchange_stream(e);
    textbuf t = {0};
    queue_lock(e->http->queue);
    const bool ended = e->job->ended;
    e->refused = e->job->failed;
    if (!ended)
        exchange_sleep(e);
    else if (e->refused.status == 0)
        reply_whole(&e->reply, e->job, &t);
    queue_unlock(e->http->queue);
    if (!ended) return MHD_YES;
    return e->refused.status != 0 ? exchange_refuse(e) : exchange_send_json(e, &t);
}

static void tokenize(exchange *e)
{
    const char *body = e->body.data != NULL ? e->body.data : "";
    (void)tokens_of(e->http->models, body, e->body.bytes, &e->text, &e->refused);
}

static void detokenize(exchange *e)
{
    const char *body = e->body.data != NULL ? e->body.data : "";
    (void)tokens_to_text(e->http->models, body, e->body.bytes, &e->text, &e->refused);
}

static void tokenizer_info(exchange *e)
{
    const char *name = MHD_lookup_connection_value(e->connection, MHD_GET_ARGUMENT_KIND, "model");
    const served_model *model = name != NULL ? request_model(e->http->models, name, &e->refused)
                                             : &e->http->models->list[0];
    if (model != NULL) (void)tokens_info(model, &e->text, &e->refused);
}

static enum MHD_Result send_prepared(exchange *e)
{
    textbuf t = e->text; /* its memory is the reply's from here on */
    e->text = (textbuf){0};
    return exchange_send_json(e, &t);
}

static enum MHD_Result list_models(exchange *e)
{
    textbuf t = {0};
    reply_models(e->http->models, &t);
    return exchange_send_json(e, &t);
}

static enum MHD_Result show_model(exchange *e)
{
    textbuf t = {0};
    reply_model(e->http->models, e->model, &t);
    return exchange_send_json(e, &t);
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
    return exchange_send_text(e, 200, &t, "text/plain; version=0.0.4; charset=utf-8");
}

static enum MHD_Result health(exchange *e)
{
    textbuf t = {0};
    text_print(&t, "{\"status\":\"ok\"}");
    return exchange_send_json(e, &t);
}

static const route routes[] = {
    {"POST", "/v1/chat/completions", start_chat, answer, false},
    {"POST", "/v1/completions", start_completion, answer, false},
    {"GET", "/v1/models", NULL, list_models, false},
    {"GET", "/v1/models/*", NULL, show_model, false},
    {"POST", "/openai/deployments/*/chat/completions", start_chat, answer, false},
    {"POST", "/openai/deployments/*/completions", start_completion, answer, false},
    {"POST", "/tokenize", tokenize, send_prepared, false},
    {"POST", "/detokenize", detokenize, send_prepared, false},
    {"GET", "/tokenizer_info", tokenizer_info, send_prepared, false},
    {"GET", "/metrics", NULL, metrics, false},
    {"GET", "/health", NULL, health, true},
    {"GET", "/ready", NULL, health, true},
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

bool exchange_find_route(exchange *e, const char *method, const char *path)
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
