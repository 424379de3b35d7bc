#include "tools/server/metrics.h"

#include <string.h>

static const double second_bounds[METRICS_BUCKETS] = {
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300};
static const double token_bounds[METRICS_BUCKETS] = {
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000};

static void count(histogram *h, const double *bounds, double value)
{
    size_t at = 0;
    while (at < METRICS_BUCKETS && value > bounds[at]) at++;
    h->counts[at]++;
    h->sum += value;
}

void metrics_seconds(histogram *h, double seconds)
{
    count(h, second_bounds, seconds);
}

void metrics_tokens(histogram *h, double tokens)
{
    count(h, token_bounds, tokens);
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* The names of the metrics are those of vLLM; where OpenTelemetry's conventions for GenAI name the same, that name
 * stands beside it. */
typedef struct histogram_row {
    const char *name, *other, *help;
    size_t offset;
    const double *bounds;
} histogram_row;

#define AT(member) offsetof(model_metrics, member)
static const histogram_row histograms[] = {
    {"vllm:time_to_first_token_seconds", "gen_ai_server_time_to_first_token_seconds",
     "From a request to its first token.", AT(first_token), second_bounds},
    {"vllm:inter_token_latency_seconds", "gen_ai_server_time_per_output_token_seconds",
     "Between two tokens of an answer.", AT(next_token), second_bounds},
    {"vllm:e2e_request_latency_seconds", "gen_ai_server_request_duration_seconds",
     "From a request to the end of its answers.", AT(whole), second_bounds},
    {"vllm:request_queue_time_seconds", NULL, "From a request to its first step.", AT(waited),
     second_bounds},
    {"vllm:request_prompt_tokens", NULL, "Tokens of a prompt.", AT(prompt), token_bounds},
    {"vllm:request_generation_tokens", NULL, "Tokens of an answer.", AT(answer), token_bounds},
};
#undef AT

/* {model_name="..." with more labels behind it, which may be "". */
static void label(textbuf *t, const char *model)
{
    text_print(t, "{model_name=\"");
    for (const char *c = model; *c != 0; c++) {
        if (*c == '"' || *c == '\\') text_add(t, "\\", 1);
        if (*c == '\n')
            text_add(t, "\\n", 2);
        else
            text_add(t, c, 1);
    }
    text_print(t, "\"");
}

static void write_one(const char *name, const histogram_row *row, const char *model,
                      const model_metrics *m, textbuf *t)
{
    const histogram *h = (const histogram *)(const void *)((const char *)m + row->offset);
    unsigned long long sum = 0;
    for (size_t i = 0; i <= METRICS_BUCKETS; i++) {
        sum += h->counts[i];
        text_print(t, "%s_bucket", name);
        label(t, model);
        text_print(t, ",le=\"");
        if (i < METRICS_BUCKETS)
            text_number(t, row->bounds[i]);
        else
            text_print(t, "+Inf");
        text_print(t, "\"} %llu\n", sum);
    }
    text_print(t, "%s_sum", name);
    label(t, model);
    text_print(t, "} ");
    text_number(t, h->sum);
    text_print(t, "\n%s_count", name);
    label(t, model);
    text_print(t, "} %llu\n", sum);
}

static void head(const char *name, const char *type, const char *help, textbuf *t)
{
    text_print(t, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_value(const char *name, const char *model, const char *more, double value,
                        textbuf *t)
{
    text_print(t, "%s", name);
    label(t, model);
    text_print(t, "%s} ", more);
    text_number(t, value);
    text_print(t, "\n");
}

typedef double value_fn(const model_metrics *m);

static double running(const model_metrics *m)
{
    return (double)m->running;
}
static double waiting(const model_metrics *m)
{
    return (double)m->waiting;
}
static double prompts(const model_metrics *m)
{
    return (double)m->prompt_tokens;
}
static double generated(const model_metrics *m)
{
    return (double)m->generated_tokens;
}
static double asked(const model_metrics *m)
{
    return (double)m->kv.asked;
}
static double found(const model_metrics *m)
{
    return (double)m->kv.found;
}

static double kv_share(const model_metrics *m)
{
    return m->kv.tokens > 0 ? (double)m->kv.held / (double)m->kv.tokens : 0.0;
}

static const struct {
    const char *name, *type, *help;
    value_fn *value;
} values[] = {
    {"vllm:num_requests_running", "gauge", "Requests that answers are made for.", running},
    {"vllm:num_requests_waiting", "gauge", "Requests that wait.", waiting},
    {"vllm:kv_cache_usage_perc", "gauge", "Room for keys and values that is held; 1: all.",
     kv_share},
    {"vllm:prompt_tokens_total", "counter", "Tokens of prompts.", prompts},
    {"vllm:generation_tokens_total", "counter", "Tokens of answers.", generated},
    {"vllm:prefix_cache_queries_total", "counter", "Tokens of prompts that were looked for.",
     asked},
    {"vllm:prefix_cache_hits_total", "counter", "Tokens of prompts that were found.", found},
};

void metrics_write(const char *const *names, const model_metrics *const *metrics, size_t n,
                   textbuf *t)
{
    static const char *const reasons[] = {"none", "stop", "stop", "length", "abort", "error"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        head(values[i].name, values[i].type, values[i].help, t);
        for (size_t m = 0; m < n; m++)
            write_value(values[i].name, names[m], "", values[i].value(metrics[m]), t);
    }
    head("vllm:request_success_total", "counter", "Answers by why they ended.", t);
    for (size_t m = 0; m < n; m++) {
        for (size_t i = PEWTER_FINISH_STOP; i <= PEWTER_FINISH_ERROR; i++) {
            textbuf more = {0};
            const uint64_t eos = i == PEWTER_FINISH_STOP ? metrics[m]->ends[PEWTER_FINISH_EOS] : 0;
            text_print(&more, ",finished_reason=\"%s\"", reasons[i]);
            write_value("vllm:request_success_total", names[m], more.data != NULL ? more.data : "",
                        (double)(metrics[m]->ends[i] + eos), t);
            text_free(&more);
        }
    }
    for (size_t i = 0; i < sizeof histograms / sizeof *histograms; i++) {
        const char *both[] = {histograms[i].name, histograms[i].other};
        for (size_t k = 0; k < 2 && both[k] != NULL; k++) {
            head(both[k], "histogram", histograms[i].help, t);
            for (size_t m = 0; m < n; m++)
                write_one(both[k], &histograms[i], names[m], metrics[m], t);
        }
    }
}
