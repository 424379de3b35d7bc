/* Replies in OpenAI's shapes. */
#ifndef PW_TOOLS_SERVER_REPLY_H
#define PW_TOOLS_SERVER_REPLY_H

#include "tools/server/calls.h"
#include "tools/server/job.h"
#include "tools/server/pairs.h"

/* What a reply begins with. */
typedef struct reply {
    char id[48];                           /* "chatcmpl-..." */
    int64_t created;                       /* Unix seconds */
    size_t sent[REQUEST_MAX_CHOICES];      /* bytes of the answers that went out already */
    size_t told[REQUEST_MAX_CHOICES];      /* tokens whose log-probabilities did */
    size_t offset[REQUEST_MAX_CHOICES];    /* characters of their texts */
    size_t calls[REQUEST_MAX_CHOICES];     /* of tools, that were begun */
    size_t arguments[REQUEST_MAX_CHOICES]; /* bytes of the last one's arguments that went out */
    bool begun[REQUEST_MAX_CHOICES], ended[REQUEST_MAX_CHOICES], closed;
    textbuf pairs[REQUEST_MAX_CHOICES]; /* answers whose calls had to be put into JSON */
} reply;

/* An id of 128 random bits. False: the system has none. */
bool reply_new(reply *out, request_kind kind);

/* Overwrites and frees what it holds. */
void reply_free(reply *re);

/* The whole answer of a job that ended. Under the queue's lock. */
void reply_whole(reply *re, const job *j, textbuf *t);

/* What a stream has to say since the last call, as server-sent events; behind the last one re->closed.
 * Under the queue's lock. */
void reply_news(reply *re, const job *j, textbuf *t);

/* Why an answer ended, in a word: "stop". */
const char *reply_reason(pewter_finish finish);

/* GET /v1/models, and one of them. */
void reply_models(const served_models *models, textbuf *t);
void reply_model(const served_models *models, const served_model *model, textbuf *t);

#endif
