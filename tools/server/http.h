/* HTTP: routes, limits, bodies and streams, behind libmicrohttpd. */
#ifndef PW_TOOLS_SERVER_HTTP_H
#define PW_TOOLS_SERVER_HTTP_H

#include "tools/server/journal.h"
#include "tools/server/keys.h"
#include "tools/server/queue.h"

enum {
    HTTP_MAX_BODY = 8 << 20,
    HTTP_MAX_BODIES = 256 << 20, /* of all requests that were not read yet */
    HTTP_MAX_HEADERS = 32 << 10, /* memory of a connection: the head of a request must fit */
    HTTP_MAX_CONNECTIONS = 1024
};

typedef struct http http;

/* PEM texts, that must outlive the service. */
typedef struct http_tls {
    const char *certificate, *private_key;
} http_tls;

/* What a service is made of; all but the socket must outlive it. */
typedef struct http_options {
    int socket; /* its own from here on */
    const served_models *models;
    queue *queue;
    const keys *keys;    /* none: everybody may ask */
    const http_tls *tls; /* NULL: no TLS */
    journal *journal;    /* NULL: none */
} http_options;

/* Serves on a socket that listens, in a thread of its own. NULL after a sentence on stderr. */
http *http_new(const http_options *options);

/* Looks for connections whose time is over and clients that have left. To be called every 100 ms or so, by any
 * thread. */
void http_look(http *h);

/* From here on these keys may ask; they must outlive the service. Those before are looked at no more. */
void http_set_keys(http *h, const keys *k);

/* Requests that have no whole reply yet. Any thread. */
size_t http_busy(http *h);

/* Takes no new connections. */
void http_close(http *h);

/* Ends all connections and the thread. NULL is allowed. */
void http_free(http *h);

#endif
