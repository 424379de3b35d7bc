/* A request for text: what the body of /v1/chat/completions or /v1/completions asks for, checked. */
#ifndef PW_TOOLS_SERVER_REQUEST_H
#define PW_TOOLS_SERVER_REQUEST_H

#include "runtime/text/json.h"
#include "tools/server/metrics.h"
#include "tools/server/probs.h"
#include "tools/server/refusal.h"
#include "tools/server/toolbox.h"

enum {
    REQUEST_MAX_MODELS = 8,
    REQUEST_MAX_CHOICES = 8,
    REQUEST_MAX_STOPS = 16,
    REQUEST_MAX_STOP_BYTES = 256
};

typedef struct served_model {
    const char *id;
    model_metrics *metrics; /* under the queue's lock */
    pewter_model *model;
    pewter_model_info info;
} served_model;

typedef struct served_models {
    served_model list[REQUEST_MAX_MODELS];
    size_t count;
    int64_t created; /* Unix seconds */
} served_models;

typedef enum request_kind { REQUEST_CHAT, REQUEST_COMPLETION } request_kind;

typedef struct request {
    request_kind kind;
    const served_model *model;
    json_t *body; /* what the texts below point into */
    int32_t *ids; /* [n_ids]: the prompt */
    size_t n_ids;
    pewter_session_options options; /* its grammar is the request's own */
    toolbox toolbox;
    const char *stops[REQUEST_MAX_STOPS];
    pewter_logit_bias *biases; /* what the options point to */
    int32_t choices;           /* answers to one prompt */
    bool stream, include_usage;
    bool echo;      /* the prompt's text comes first */
    bool no_answer; /* only the prompt is asked about: one token is made and dropped */
} request;

/* The model of that name. A 404 where none has it. */
const served_model *request_model(const served_models *models, const char *name, refusal *r);

/* The tokens of a list of numbers, all in the vocabulary; `field` names it in refusals. *ids is the caller's to free,
 * also after a refusal. */
bool request_ids(const served_model *model, const json_t *list, const char *field, int32_t **ids,
                 size_t *n, refusal *r);

/* The tokens of messages without tools, through the model's template; *ids is the caller's to free. */
bool request_chat_ids(const served_model *model, const json_t *messages, bool generation,
                      int32_t **ids, size_t *n, refusal *r);

/* Where a request comes from, and what it finds there. */
typedef struct request_source {
    const served_models *models;
    const served_model *model; /* that the path names; NULL: the body names it */
    grammar_cache *grammars;
    uint64_t
        share; /* of the caller's key, by keys_salt: beginnings and grammars are found for it alone */
} request_source;

/* Reads the body of a request. What *out holds is freed with request_free, also after a refusal. */
bool request_read(request *out, request_kind kind, const request_source *from, const char *body,
                  size_t bytes, refusal *r);

/* Frees what the request holds; the prompt is overwritten first. */
void request_free(request *q);

#endif
