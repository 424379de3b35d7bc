/* Connections that a service must not wait for: heads and bodies that come too slowly, clients that have left. */
#ifndef PW_TOOLS_SERVER_WATCH_H
#define PW_TOOLS_SERVER_WATCH_H

#include <stdbool.h>

enum {
    WATCH_HEAD_SECONDS = 10, /* for the head of a connection's first request, */
    WATCH_BODY_SECONDS = 30, /* and the body of any */
    WATCH_IDLE_SECONDS = 60  /* between requests; a head may take as long as the first again */
};

typedef struct watch watch;

/* A connection under watch. */
typedef struct watched watched;

/* Called by watch_look, within it: the client of a request that sleeps has left. */
typedef void watch_left(void *asked);

/* NULL: no memory. */
watch *watch_new(void);
void watch_free(watch *w);

/* A connection was made, on that descriptor; NULL: no memory. watch_closed comes before the descriptor is closed. */
watched *watch_opened(watch *w, int fd);
void watch_closed(watch *w, watched *c);

/* What a connection's request has come to. Any thread. */
void watch_head(watch *w, watched *c);                /* its head is there */
void watch_body(watch *w, watched *c);                /* its body too */
void watch_sleeps(watch *w, watched *c, void *asked); /* it waits for news; NULL: no more */
void watch_replied(watch *w, watched *c);             /* the next head may come */

/* Ends connections whose time is over, and tells of clients that have left. To be called every 100 ms or so. */
void watch_look(watch *w, watch_left *left);

#endif
