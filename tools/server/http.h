/* HTTP: routes, limits, bodies and streams, behind libmicrohttpd. */
#ifndef PW_TOOLS_SERVER_HTTP_H
#define PW_TOOLS_SERVER_HTTP_H

#include "tools/server/keys.h"
#include "tools/server/queue.h"

enum {
    HTTP_MAX_BODY = 8 << 20,
    HTTP_MAX_HEADERS = 32 << 10, /* memory of a connection: the head of a request must fit */
    HTTP_MAX_CONNECTIONS = 1024
};

typedef struct http http;

/* PEM texts, that must outlive the service. */
typedef struct http_tls {
    const char *certificate, *private_key;
} http_tls;

/* Serves on a socket that listens, in a thread of its own. `models`, `q` and `k` must outlive it; no keys:
 * everybody may ask; `tls` NULL: no TLS. NULL after a sentence on stderr. The socket is its own from here on. */
http *http_new(int socket, const served_models *models, queue *q, const keys *k, const http_tls *tls);

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
