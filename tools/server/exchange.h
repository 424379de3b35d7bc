/* A request on its way through HTTP: what the files of the service share. */
#ifndef PW_TOOLS_SERVER_EXCHANGE_H
#define PW_TOOLS_SERVER_EXCHANGE_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "tools/server/http.h"
#include "tools/server/reader.h"
#include "tools/server/reply.h"
#include "tools/server/watch.h"

struct http {
    struct MHD_Daemon *daemon;
    const served_models *models;
    queue *queue;
    pthread_mutex_t keys_lock;
    const keys *keys; /* under the lock: others may take their place */
    reader *reader;
    grammar_cache *grammars; /* the reader's thread alone looks at it */
    size_t bodies;           /* bytes of bodies that were not read yet; the poll thread's */
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
    size_t counted;  /* of it, in http.bodies */
    reading reading; /* while the reader has it, nothing here is the poll thread's */
    bool prepared;
    textbuf text; /* what a route has prepared to send */
    refusal refused;
    int64_t began_ns;
    int status;     /* of the reply; 0: none yet */
    char allow[32]; /* methods of the path; "": none */
    job *job;
    reply reply;
    textbuf out; /* of a stream: what was not sent yet, from `sent` on */
    size_t sent;
} exchange;

/* What takes long of a request whose body is there, on the reader's thread: the result in `refused`, `job` or `text`. */
typedef void prepare_fn(exchange *e);

/* The reply, on the poll thread. */
typedef enum MHD_Result handle_fn(exchange *e);

typedef struct route {
    const char *method, *path; /* a '*' stands for a model's name */
    prepare_fn *prepare;       /* NULL: nothing takes long */
    handle_fn *handle;
    bool open; /* without a key */
} route;

/* Replies. The text's memory is theirs. */
enum MHD_Result exchange_send_text(exchange *e, int status, textbuf *t, const char *type);
enum MHD_Result exchange_send_json(exchange *e, textbuf *t);
enum MHD_Result exchange_refuse(exchange *e);

/* The news of a job as they come. */
enum MHD_Result exchange_stream(exchange *e);

/* The connection sleeps until the reader has prepared the request. */
enum MHD_Result exchange_prepare(exchange *e);

/* The connection sleeps until the job has news. Under the queue's lock, which the engine thread wants for waking
 * it. */
void exchange_sleep(exchange *e);

/* A job_wake: the context is the exchange. */
void exchange_wake(void *context);

/* routes.c: finds the route of a method and path, and the model that the path names. */
bool exchange_find_route(exchange *e, const char *method, const char *path);

#endif
