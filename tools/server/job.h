/* One request on its way: the poll thread reads it and writes its reply, the engine thread answers it. */
#ifndef PW_TOOLS_SERVER_JOB_H
#define PW_TOOLS_SERVER_JOB_H

#include "tools/server/request.h"

/* One answer. Under the queue's lock. */
typedef struct job_answer {
    textbuf said; /* all of it so far */
    int64_t tokens;
    int64_t cached; /* of the prompt, that were not computed for it */
    pewter_finish finish;
    int64_t last_ns; /* when its last token came; 0: none yet */
    token_log log;   /* where log-probabilities are asked for */
} job_answer;

/* Called by the engine thread under the queue's lock when a job that waits has news. */
typedef void job_wake(void *context);

typedef struct job {
    request request; /* read only from the moment it is queued */
    /* Under the queue's lock. */
    struct job *next;
    job_answer answer[REQUEST_MAX_CHOICES];
    token_log prompt; /* the prompt's, where they are asked for; whole from the first token on */
    refusal failed;   /* what ended it before its answers did */
    bool ended;       /* nothing more will come */
    bool waits;       /* the poll thread wants to be woken */
    bool left;        /* the poll thread holds it no more */
    bool dropped;     /* nobody waits for it */
    job_wake *wake;
    void *context;
    int64_t added_ns;                             /* when it was queued, by queue_now */
    pewter_session *session[REQUEST_MAX_CHOICES]; /* NULL: not begun, or ended */
} job;

#endif
