/* The socket that a service listens on. */
#ifndef PW_TOOLS_SERVER_LISTEN_H
#define PW_TOOLS_SERVER_LISTEN_H

#include <stdbool.h>
#include <stdint.h>

typedef struct listen_options {
    const char *host; /* an address, or "localhost" */
    int32_t port;     /* 0: one that is free */
    const char *path; /* of a Unix socket; NULL: host and port */
    bool
        guarded; /* keys say who may ask, or everybody may: addresses that other machines reach are taken */
} listen_options;

/* A socket with the address, so that one that is taken is told before a model is loaded; how it is called goes to
 * `name` ("http://127.0.0.1:8080"). -1 after a sentence on stderr. */
int listen_open(const listen_options *o, bool tls, char *name, int name_bytes);

/* Takes connections from here on. False after a sentence on stderr. */
bool listen_begin(int fd, const char *name);

/* Removes a Unix socket's file. */
void listen_end(const listen_options *o);

#endif
