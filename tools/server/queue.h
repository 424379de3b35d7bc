/* Requests to the engine thread, and pieces of text back. */
#ifndef PW_TOOLS_SERVER_QUEUE_H
#define PW_TOOLS_SERVER_QUEUE_H

#include "tools/server/job.h"
#include "tools/server/shares.h"

typedef struct queue queue;

/* A queue for at most `waiting` jobs that are not running yet and `running` that are, and the thread that steps
 * the engine. NULL after a sentence on stderr. */
queue *queue_new(pewter_engine *engine, size_t waiting, size_t running, const key_limits *limits);

/* Ends what runs and waits, and the thread. */
void queue_stop(queue *q);

/* Frees a queue that was stopped, once nobody holds a job. NULL is allowed. */
void queue_free(queue *q);

/* Hands a job over; the engine thread has it from here on, too. A 429 where the queue is full, a 503 where it
 * is closed, a 429 or 400 past the limits of its key: the job stays the caller's. */
bool queue_add(queue *q, job *j, refusal *r);

/* No new jobs from here on. */
void queue_close(queue *q);

/* What a job holds may be looked at between these two. */
void queue_lock(queue *q);
void queue_unlock(queue *q);

/* Nobody waits for the job's answers any more: they are ended, and the poll thread woken. Under the lock. */
void queue_drop(job *j);

/* The poll thread holds the job no more: what is not answered yet never will be. */
void queue_leave(queue *q, job *j);

#endif
