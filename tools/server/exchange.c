/* Replies over a connection: whole, refused, and as a stream. */
#include <stdio.h>
#include <string.h>

#include "tools/server/exchange.h"

enum MHD_Result exchange_send_text(exchange *e, int status, textbuf *t, const char *type)
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

enum MHD_Result exchange_refuse(exchange *e)
{
    textbuf t = {0};
    refusal_write(&e->refused, &t);
    return exchange_send_text(e, e->refused.status, &t, "application/json");
}

enum MHD_Result exchange_send_json(exchange *e, textbuf *t)
{
    return exchange_send_text(e, 200, t, "application/json");
}

static void prepare(void *context)
{
    exchange *e = context;
    e->route->prepare(e);
    e->prepared = true;
    MHD_resume_connection(e->connection);
}

enum MHD_Result exchange_prepare(exchange *e)
{
    e->reading = (reading){.fn = prepare, .context = e};
    MHD_suspend_connection(e->connection);
    if (reader_add(e->http->reader, &e->reading)) return MHD_YES;
    e->prepared = true;
    refuse(&e->refused, 503, NULL, "the service is shutting down");
    MHD_resume_connection(e->connection);
    return MHD_YES;
}

/* ---- Streams --------------------------------------------------------------------------------- */

void exchange_sleep(exchange *e)
{
    e->job->waits = true;
    watch_sleeps(e->http->watch, e->watched, e);
    MHD_suspend_connection(e->connection);
}

void exchange_wake(void *context)
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
    if (e->out.bytes == 0 && !e->reply.closed) exchange_sleep(e);
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

enum MHD_Result exchange_stream(exchange *e)
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
