/* What the service has done, by model, for Prometheus. */
#ifndef PW_TOOLS_SERVER_METRICS_H
#define PW_TOOLS_SERVER_METRICS_H

#include "pewter.h"
#include "tools/textbuf.h"

enum { METRICS_BUCKETS = 16 };

/* Values counted by ranges. */
typedef struct histogram {
    uint64_t counts[METRICS_BUCKETS + 1]; /* the last one: above all bounds */
    double sum;
} histogram;

/* One model's. Under the queue's lock. */
typedef struct model_metrics {
    histogram first_token, next_token, whole, waited; /* seconds */
    histogram prompt, answer;                         /* tokens */
    uint64_t ends[PEWTER_FINISH_ERROR + 1];           /* answers by why they ended */
    uint64_t prompt_tokens, generated_tokens;
    size_t running, waiting; /* requests */
    pewter_kv_use kv;
} model_metrics;

void metrics_seconds(histogram *h, double seconds);
void metrics_tokens(histogram *h, double tokens);

/* The text format of Prometheus, version 0.0.4: `names` [n] and what belongs to them. */
void metrics_write(const char *const *names, const model_metrics *const *metrics, size_t n,
                   textbuf *t);

#endif
