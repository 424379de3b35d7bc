#include "tools/server/watch.h"

#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "tools/server/clock.h"

typedef enum stage { STAGE_FIRST, STAGE_HEAD, STAGE_BODY, STAGE_REPLY } stage;

struct watched {
    watched *next, **back;
    int fd;
    stage stage;
    int64_t since_ns; /* when the stage began */
    void *sleeps;     /* the request that waits for news */
    bool halted;      /* at the last look nothing more could come */
    bool ended;
};

struct watch {
    pthread_mutex_t lock;
    watched *list;
};

watch *watch_new(void)
{
    watch *w = calloc(1, sizeof *w);
    if (w != NULL) pthread_mutex_init(&w->lock, NULL);
    return w;
}

void watch_free(watch *w)
{
    if (w == NULL) return;
    pthread_mutex_destroy(&w->lock);
    free(w);
}

watched *watch_opened(watch *w, int fd)
{
    watched *c = calloc(1, sizeof *c);
    if (c == NULL) return NULL;
    pthread_mutex_lock(&w->lock);
    *c = (watched){.next = w->list, .back = &w->list, .fd = fd, .since_ns = clock_ns()};
    if (w->list != NULL) w->list->back = &c->next;
    w->list = c;
    pthread_mutex_unlock(&w->lock);
    return c;
}

void watch_closed(watch *w, watched *c)
{
    if (c == NULL) return;
    pthread_mutex_lock(&w->lock);
    *c->back = c->next;
    if (c->next != NULL) c->next->back = c->back;
    pthread_mutex_unlock(&w->lock);
    free(c);
}

static void enter(watch *w, watched *c, stage now)
{
    if (c == NULL) return;
    pthread_mutex_lock(&w->lock);
    c->stage = now;
    c->since_ns = clock_ns();
    c->sleeps = NULL;
    c->halted = false;
    pthread_mutex_unlock(&w->lock);
}

void watch_head(watch *w, watched *c)
{
    enter(w, c, STAGE_BODY);
}

void watch_body(watch *w, watched *c)
{
    enter(w, c, STAGE_REPLY);
}

void watch_replied(watch *w, watched *c)
{
    enter(w, c, STAGE_HEAD);
}

void watch_sleeps(watch *w, watched *c, void *asked)
{
    if (c == NULL) return;
    pthread_mutex_lock(&w->lock);
    c->sleeps = asked;
    pthread_mutex_unlock(&w->lock);
}

static bool is_late(const watched *c, int64_t now)
{
    static const int seconds[] = {[STAGE_FIRST] = WATCH_HEAD_SECONDS,
                                  [STAGE_HEAD] = WATCH_IDLE_SECONDS + WATCH_HEAD_SECONDS,
                                  [STAGE_BODY] = WATCH_BODY_SECONDS};
    return c->stage != STAGE_REPLY && now - c->since_ns >= seconds[c->stage] * INT64_C(1000000000);
}

/* A client that sends no more has left: nobody who wants an answer does that before it is there. */
static bool has_left(const watched *c)
{
    struct pollfd at = {.fd = c->fd, .events = POLLRDHUP};
    return poll(&at, 1, 0) > 0 && (at.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* A client that has left amid a request, all of which was read: libmicrohttpd, told of a last piece and the end at once,
 * may wait for more. At the first look it may not have come to that piece yet. */
static bool is_cut_off(watched *c)
{
    char next;
    const bool before = c->halted;
    c->halted = c->stage != STAGE_REPLY && has_left(c) &&
                recv(c->fd, &next, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
    return before && c->halted;
}

void watch_look(watch *w, watch_left *left)
{
    const int64_t now = clock_ns();
    pthread_mutex_lock(&w->lock);
    for (watched *c = w->list; c != NULL; c = c->next) {
        if (c->ended) continue;
        if (is_late(c, now) || is_cut_off(c)) {
            c->ended = true;
            (void)shutdown(c->fd, SHUT_RDWR);
        } else if (c->sleeps != NULL && has_left(c)) {
            c->ended = true;
            left(c->sleeps);
        }
    }
    pthread_mutex_unlock(&w->lock);
}
