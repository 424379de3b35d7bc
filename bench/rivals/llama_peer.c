/* llama.cpp, or its fork ik_llama.cpp (RIVAL_IK), as a peer of the bench: see bench/base/peer.h for the
 * lines, docs/BENCHMARKS.md for the questions. Compiled by tools/rivals.sh against what it built.
 *   llama.cpp-peer MODEL --threads N --context C --sequences S --batch B --kv f16|bf16|f32|q8_0
 * C: tokens of each of the S sequences. */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "llama.h"

enum { MOST_LINE = 8 << 20, MOST_SEQUENCES = 64 };

typedef struct options {
    const char *model, *kv;
    int threads, context, sequences, batch;
} options;

static struct llama_model *model;
static struct llama_context *context;
static struct llama_batch batch; /* what is to be computed next */
static int batch_size, n_sequences;
static llama_token next[MOST_SEQUENCES]; /* the likeliest token behind each sequence */

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
#ifdef RIVAL_IK
    m.repack_tensors = true; /* its faster forms; llama.cpp takes them by itself */
#endif
    model = llama_model_load_from_file(o->model, m);
    if (model == NULL) return "the model does not load";
    struct llama_context_params c = llama_context_default_params();
    c.n_ctx = (uint32_t)(o->context * o->sequences);
    c.n_seq_max = (uint32_t)o->sequences;
    c.n_batch = c.n_ubatch = (uint32_t)o->batch;
    c.n_threads = c.n_threads_batch = o->threads;
    c.type_k = c.type_v = kv_type(o->kv);
#ifdef RIVAL_IK
    c.flash_attn = true;
#else
    c.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_ENABLED;
    c.no_perf = true;
#endif
    batch_size = o->batch;
    n_sequences = o->sequences;
    batch = llama_batch_init(batch_size, 0, 1);
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

static llama_token best(const float *logits, int vocab)
{
    int at = 0;
    for (int i = 1; i < vocab; i++)
        if (logits[i] > logits[at]) at = i;
    return at;
}

/* The depth that every sequence has computed; NULL: none. */
static struct {
    llama_token *ids;
    int count, sequences;
} held;

static void forget(void)
{
    batch.n_tokens = 0;
    free(held.ids);
    held.ids = NULL;
#ifdef RIVAL_IK
    llama_kv_cache_clear(context);
#else
    llama_memory_clear(llama_get_memory(context), true);
#endif
}

/* Computes the batch; the likeliest tokens behind its last ones are in `next`. */
static int compute(void)
{
    const int vocab = llama_vocab_n_tokens(llama_model_get_vocab(model));
    if (batch.n_tokens == 0) return 0;
    if (llama_decode(context, batch) != 0) return -1;
    llama_synchronize(context);
    for (int i = 0; i < batch.n_tokens; i++)
        if (batch.logits[i] != 0)
            next[batch.seq_id[i][0]] = best(llama_get_logits_ith(context, i), vocab);
    batch.n_tokens = 0;
    return 0;
}

/* Adds a token to the batch, which is computed when it is full. */
static int push(llama_token token, int pos, int sequence, bool last)
{
    const int at = batch.n_tokens++;
    batch.token[at] = token;
    batch.pos[at] = pos;
    batch.n_seq_id[at] = 1;
    batch.seq_id[at][0] = sequence;
    batch.logits[at] = last;
    return batch.n_tokens == batch_size ? compute() : 0;
}

/* Computes tokens at `pos` of every sequence. */
static int prompt_all(const llama_token *ids, int count, int pos, int sequences)
{
    int bad = 0;
    for (int s = 0; s < sequences; s++)
        for (int i = 0; i < count && !bad; i++) bad = push(ids[i], pos + i, s, i == count - 1);
    return bad || compute();
}

static json_t *failed(const char *why)
{
    return json_pack("{s:s}", "error", why);
}

/* Cuts every sequence back to its depth; false where it is another one. */
static bool rewind_to(const llama_token *depth, int count, int sequences)
{
    if (held.ids == NULL || held.count != count || held.sequences != sequences ||
        memcmp(held.ids, depth, (size_t)count * sizeof *depth) != 0)
        return false;
    bool cut = true;
    batch.n_tokens = 0;
    for (int s = 0; s < sequences && cut; s++)
#ifdef RIVAL_IK
        cut = llama_kv_cache_seq_rm(context, s, count, -1);
#else
        cut = llama_memory_seq_rm(llama_get_memory(context), s, count, -1);
#endif
    return cut;
}

/* Every sequence holds the depth and nothing else. Takes the list. */
static int go_to(llama_token *depth, int count, int sequences)
{
    if (count > 0 && rewind_to(depth, count, sequences)) {
        free(depth);
        return 0;
    }
    forget();
    const int bad = prompt_all(depth, count, 0, sequences);
    held.ids = depth;
    held.count = count;
    held.sequences = sequences;
    return bad;
}

static json_t *run(const json_t *question)
{
    const int gen = (int)json_integer_value(json_object_get(question, "gen"));
    const int sequences = (int)json_integer_value(json_object_get(question, "sequences"));
    int n_depth, n_prompt;
    if (sequences < 1 || sequences > n_sequences) return failed("more sequences than were set up");
    llama_token *depth = tokens_of(json_object_get(question, "depth"), &n_depth);
    llama_token *prompt = tokens_of(json_object_get(question, "prompt"), &n_prompt);
    json_t *gaps = json_array();
    int bad = go_to(depth, n_depth, sequences);
    for (int s = 0; s < sequences; s++) next[s] = 1;
    const int64_t begin = now_ns();
    bad = bad || prompt_all(prompt, n_prompt, n_depth, sequences);
    const int64_t prompted = now_ns();
    int64_t last = prompted;
    for (int i = 0; i < gen && !bad; i++) {
        for (int s = 0; s < sequences && !bad; s++)
            bad = push(next[s], n_depth + n_prompt + i, s, true);
        bad = bad || compute();
        const int64_t now = now_ns();
        json_array_append_new(gaps, json_integer(now - last));
        last = now;
    }
    free(prompt);
    if (bad) {
        forget();
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
    forget();
    const int bad = count == 0 || count > batch_size;
    for (int i = 0; i < count && !bad; i++) (void)push(ids[i], i, 0, i == count - 1);
    const bool computed = !bad && (batch.n_tokens == 0 || llama_decode(context, batch) == 0);
    free(ids);
    if (!computed) return failed("llama_decode failed");
    const float *values = llama_get_logits_ith(context, count - 1);
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
    options o = {.kv = "f16", .threads = 1, .context = 4096, .sequences = 1, .batch = 512};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--threads") == 0)
            o.threads = atoi(value), i++;
        else if (strcmp(argv[i], "--context") == 0)
            o.context = atoi(value), i++;
        else if (strcmp(argv[i], "--sequences") == 0)
            o.sequences = atoi(value), i++;
        else if (strcmp(argv[i], "--batch") == 0)
            o.batch = atoi(value), i++;
        else if (strcmp(argv[i], "--kv") == 0)
            o.kv = value, i++;
        else
            o.model = argv[i];
    }
    const bool sound = o.sequences >= 1 && o.sequences <= MOST_SEQUENCES && o.batch >= o.sequences;
    const char *why = o.model == NULL ? "no model was named"
                      : !sound        ? "1 to 64 sequences are wanted, no more than the batch"
                                      : start(&o);
    if (why != NULL) {
        answer(failed(why));
        return 1;
    }
    answer(json_pack("{s:s, s:s, s:i}", "name", RIVAL_NAME, "version", RIVAL_VERSION, "threads",
                     o.threads));
    char *line = malloc(MOST_LINE);
    while (line != NULL && fgets(line, MOST_LINE, stdin) != NULL) answer(respond(line));
    free(line);
    forget();
    llama_batch_free(batch);
    llama_free(context);
#ifdef RIVAL_IK
    llama_free_model(model);
#else
    llama_model_free(model);
#endif
    return 0;
}
