#include "tools/server/reader.h"

#include <pthread.h>
#include <stdlib.h>

struct reader {
    pthread_mutex_t lock;
    pthread_cond_t more;
    pthread_t thread;
    reading *first, **last;
    bool stopping, joined;
};

static void *run(void *context)
{
    reader *r = context;
    pthread_mutex_lock(&r->lock);
    for (;;) {
        while (r->first == NULL && !r->stopping) pthread_cond_wait(&r->more, &r->lock);
        reading *what = r->first;
        if (what == NULL) break;
        r->first = what->next;
        if (r->first == NULL) r->last = &r->first;
        pthread_mutex_unlock(&r->lock);
        what->fn(what->context); /* its memory may be gone now */
        pthread_mutex_lock(&r->lock);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

reader *reader_new(void)
{
    reader *r = calloc(1, sizeof *r);
    if (r == NULL) return NULL;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->more, NULL);
    r->last = &r->first;
    if (pthread_create(&r->thread, NULL, run, r) == 0) return r;
    r->joined = true;
    reader_free(r);
    return NULL;
}

bool reader_add(reader *r, reading *what)
{
    pthread_mutex_lock(&r->lock);
    const bool fine = !r->stopping;
    if (fine) {
        what->next = NULL;
        *r->last = what;
        r->last = &what->next;
        pthread_cond_signal(&r->more);
    }
    pthread_mutex_unlock(&r->lock);
    return fine;
}

void reader_stop(reader *r)
{
    if (r->joined) return;
    pthread_mutex_lock(&r->lock);
    r->stopping = true;
    pthread_cond_signal(&r->more);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    r->joined = true;
}

void reader_free(reader *r)
{
    if (r == NULL) return;
    reader_stop(r);
    pthread_cond_destroy(&r->more);
    pthread_mutex_destroy(&r->lock);
    free(r);
}
