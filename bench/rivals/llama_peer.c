/* llama.cpp as a peer of the bench: see bench/base/peer.h for the lines, docs/BENCHMARKS.md for the
 * questions. Compiled by tools/rivals.sh against the llama.cpp that it built.
 *   llama.cpp-peer MODEL --threads N --context C --batch B --kv f16|bf16|f32|q8_0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "llama.h"

enum { MOST_LINE = 8 << 20, TOP = 20 };

typedef struct options {
    const char *model, *kv;
    int threads, context, batch;
} options;

static struct llama_model *model;
static struct llama_context *context;
static int batch_size;

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void answer(json_t *what)
{
    json_dumpf(what, stdout, JSON_COMPACT);
    printf("\n");
    fflush(stdout);
    json_decref(what);
}

static void quiet(enum ggml_log_level level, const char *text, void *data)
{
    (void)data;
    if (level >= GGML_LOG_LEVEL_WARN) fputs(text, stderr);
}

static enum ggml_type kv_type(const char *name)
{
    if (strcmp(name, "f32") == 0) return GGML_TYPE_F32;
    if (strcmp(name, "bf16") == 0) return GGML_TYPE_BF16;
    return strcmp(name, "q8_0") == 0 ? GGML_TYPE_Q8_0 : GGML_TYPE_F16;
}

/* NULL, or why it does not work. */
static const char *start(const options *o)
{
    llama_log_set(quiet, NULL);
    llama_backend_init();
    struct llama_model_params m = llama_model_default_params();
    model = llama_model_load_from_file(o->model, m);
    if (model == NULL) return "the model does not load";
    struct llama_context_params c = llama_context_default_params();
    c.n_ctx = (uint32_t)o->context;
    c.n_batch = c.n_ubatch = (uint32_t)o->batch;
    c.n_threads = c.n_threads_batch = o->threads;
    c.type_k = c.type_v = kv_type(o->kv);
    c.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_ENABLED;
    c.no_perf = true;
    batch_size = o->batch;
    context = llama_init_from_model(model, c);
    return context != NULL ? NULL : "no context of that size";
}

/* Tokens of a question; NULL where there are none. */
static llama_token *tokens_of(const json_t *list, int *count)
{
    *count = (int)json_array_size(list);
    llama_token *ids = calloc((size_t)*count + 1, sizeof *ids);
    for (int i = 0; ids != NULL && i < *count; i++)
        ids[i] = (llama_token)json_integer_value(json_array_get(list, (size_t)i));
    return ids;
}

/* Computes tokens behind those that are there, in batches. */
static int compute(llama_token *ids, int count)
{
    for (int at = 0; at < count; at += batch_size) {
        const int n = count - at < batch_size ? count - at : batch_size;
        if (llama_decode(context, llama_batch_get_one(ids + at, n)) != 0) return -1;
    }
    llama_synchronize(context);
    return 0;
}

static llama_token best(const float *logits, int vocab)
{
    int at = 0;
    for (int i = 1; i < vocab; i++)
        if (logits[i] > logits[at]) at = i;
    return at;
}

static json_t *failed(const char *why)
{
    return json_pack("{s:s}", "error", why);
}

static json_t *run(const json_t *question)
{
    const int gen = (int)json_integer_value(json_object_get(question, "gen"));
    const int vocab = llama_vocab_n_tokens(llama_model_get_vocab(model));
    int n_depth, n_prompt;
    llama_token *depth = tokens_of(json_object_get(question, "depth"), &n_depth);
    llama_token *prompt = tokens_of(json_object_get(question, "prompt"), &n_prompt);
    json_t *gaps = json_array();
    llama_memory_clear(llama_get_memory(context), true);
    int bad = compute(depth, n_depth);
    const int64_t begin = now_ns();
    bad = bad != 0 || compute(prompt, n_prompt) != 0;
    const int64_t prompted = now_ns();
    int64_t last = prompted;
    llama_token token =
        n_prompt + n_depth > 0 && !bad ? best(llama_get_logits_ith(context, -1), vocab) : 1;
    for (int i = 0; i < gen && !bad; i++) {
        bad = compute(&token, 1) != 0;
        if (!bad) token = best(llama_get_logits_ith(context, -1), vocab);
        const int64_t now = now_ns();
        json_array_append_new(gaps, json_integer(now - last));
        last = now;
    }
    free(depth);
    free(prompt);
    if (bad) {
        json_decref(gaps);
        return failed("llama_decode failed: is the context large enough?");
    }
    return json_pack("{s:I, s:I, s:o}", "prompt_ns", (json_int_t)(prompted - begin), "gen_ns",
                     (json_int_t)(last - prompted), "gaps_ns", gaps);
}

/* All logits of the last token. */
static json_t *logits(const json_t *question)
{
    const int vocab = llama_vocab_n_tokens(llama_model_get_vocab(model));
    int count;
    llama_token *ids = tokens_of(json_object_get(question, "tokens"), &count);
    llama_memory_clear(llama_get_memory(context), true);
    const int bad = count == 0 || compute(ids, count) != 0;
    free(ids);
    if (bad) return failed("llama_decode failed");
    const float *values = llama_get_logits_ith(context, -1);
    json_t *list = json_array();
    for (int i = 0; i < vocab; i++) json_array_append_new(list, json_real((double)values[i]));
    return json_pack("{s:o}", "logits", list);
}

static json_t *respond(const char *line)
{
    json_t *question = json_loads(line, 0, NULL);
    const char *what = json_string_value(json_object_get(question, "do"));
    json_t *result = failed("no such question");
    if (what != NULL && (strcmp(what, "run") == 0 || strcmp(what, "logits") == 0)) {
        json_decref(result);
        result = strcmp(what, "run") == 0 ? run(question) : logits(question);
    }
    json_decref(question);
    return result;
}

int main(int argc, char **argv)
{
    options o = {.kv = "f16", .threads = 1, .context = 4096, .batch = 512};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--threads") == 0)
            o.threads = atoi(value), i++;
        else if (strcmp(argv[i], "--context") == 0)
            o.context = atoi(value), i++;
        else if (strcmp(argv[i], "--batch") == 0)
            o.batch = atoi(value), i++;
        else if (strcmp(argv[i], "--kv") == 0)
            o.kv = value, i++;
        else
            o.model = argv[i];
    }
    const char *why = o.model != NULL ? start(&o) : "no model was named";
    if (why != NULL) {
        answer(failed(why));
        return 1;
    }
    answer(json_pack("{s:s, s:s, s:i}", "name", RIVAL_NAME, "version", RIVAL_VERSION, "threads",
                     o.threads));
    char *line = malloc(MOST_LINE);
    while (line != NULL && fgets(line, MOST_LINE, stdin) != NULL) answer(respond(line));
    free(line);
    llama_free(context);
    llama_model_free(model);
    return 0;
}
