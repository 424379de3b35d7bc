/* tokenize and perplexity: a text and a model, no answer. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/commands.h"
#include "tools/common.h"

/* ---- tokenize -------------------------------------------------------------------------------- */

static const arg_command tokenize_command = {
    .name = "tokenize",
    .plain = "MODEL",
    .summary = "Text to tokens. MODEL may hold a vocabulary only.",
    .examples = "pewter tokenize model.gguf -p \"Hello, world\"\n"
                "pewter tokenize model.gguf -f text.txt --ids\n"
                "pewter tokenize model.gguf --hex 48656c6c6f --no-special --ids",
    .plain_least = 1,
    .plain_most = 1,
};

typedef struct tokenize_options {
    common common;
    const char *text, *file, *hex;
    bool no_special, ids, json;
} tokenize_options;

/* Hexadecimal digits to bytes; the caller frees them. NULL after a sentence on stderr. */
static char *from_hex(const char *hex, size_t *bytes)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const size_t length = strlen(hex);
    char *text = malloc(length / 2 + 1);
    bool right = text != NULL && length % 2 == 0;
    for (size_t i = 0; right && i < length; i += 2) {
        const char *high = strchr(digits, hex[i]), *low = strchr(digits, hex[i + 1]);
        right = high != NULL && low != NULL;
        if (right) text[i / 2] = (char)(((high - digits) % 16) * 16 + (low - digits) % 16);
    }
    if (!right) {
        fprintf(stderr, "pewter tokenize: --hex wants an even number of hexadecimal digits\n");
        free(text);
        return NULL;
    }
    *bytes = length / 2;
    text[*bytes] = 0;
    return text;
}

static void print_tokens(const pewter_model *model, const int32_t *ids, size_t count,
                         const tokenize_options *o)
{
    if (o->ids && !o->json) {
        for (size_t i = 0; i < count; i++) printf("%s%d", i > 0 ? "," : "", ids[i]);
        printf("\n");
        return;
    }
    if (o->json) printf("{\"tokens\":[");
    for (size_t i = 0; i < count; i++) {
        char piece[4096];
        size_t bytes = 0;
        if (pewter_detokenize(model, &ids[i], 1, true, piece, sizeof piece, &bytes, NULL) != PEWTER_OK)
            bytes = 0;
        if (bytes > sizeof piece) bytes = sizeof piece;
        printf(o->json ? "%s{\"id\":%d,\"text\":" : "%s%8d  ", o->json && i > 0 ? "," : "", ids[i]);
        common_quote(piece, bytes);
        printf(o->json ? "}" : "\n");
    }
    if (o->json)
        printf("],\"count\":%zu}\n", count);
    else
        printf("%zu tokens\n", count);
}

static int tokenize(const tokenize_options *o, const char *path, const char *text, size_t bytes)
{
    pewter_engine *engine = NULL;
    pewter_model *model = NULL;
    pewter_load_options options = pewter_load_defaults();
    options.vocab_only = true;
    int code = EXIT_FAILED;
    if (common_open(&o->common, &engine) == PEWTER_OK &&
        common_load(&o->common, engine, path, &options, &model) == PEWTER_OK) {
        pewter_status status;
        pewter_error err;
        size_t count = 0;
        int32_t *ids = common_tokenize(model, text, bytes, !o->no_special, !o->no_special, &count,
                                       &status, &err);
        if (ids != NULL) print_tokens(model, ids, count, o);
        code = ids == NULL ? common_failed(status, &err) : EXIT_FINE;
        free(ids);
    }
    pewter_unload(model);
    pewter_close(engine);
    return fflush(stdout) == 0 ? code : EXIT_FAILED;
}

int cmd_tokenize(int argc, char **argv)
{
    tokenize_options o = {0};
    common_options(&o.common);
    const arg_option own[] = {
        {"--prompt", "-p", ARG_TEXT, &o.text, "TEXT", "the text"},
        {"--file", "-f", ARG_TEXT, &o.file, "FILE", "a file of text; -: standard input"},
        {"--hex", NULL, ARG_TEXT, &o.hex, "HEX", "the text's bytes in hexadecimal"},
        {"--no-special", NULL, ARG_FLAG, &o.no_special, NULL,
         "names of control tokens are plain text, and no BOS is added"},
        {"--ids", NULL, ARG_FLAG, &o.ids, NULL, "only the ids, comma separated"},
        {"--json", NULL, ARG_FLAG, &o.json, NULL, "ids and texts as JSON"},
        {NULL, NULL, ARG_FLAG, NULL, NULL, NULL},
    };
    const arg_option *const tables[] = {own, o.common.engine_table, NULL};
    const char *plain[ARG_MAX_PLAIN];
    int n_plain;
    const arg_result result = args_parse(&tokenize_command, tables, argc, argv, plain, &n_plain);
    if (result != ARGS_OK) return result == ARGS_HELP ? EXIT_FINE : EXIT_USAGE;
    if ((o.text != NULL) + (o.file != NULL) + (o.hex != NULL) != 1) {
        fprintf(stderr, "pewter tokenize: one of -p, -f and --hex is wanted\n");
        return EXIT_USAGE;
    }
    size_t bytes = o.text != NULL ? strlen(o.text) : 0;
    char *read = o.file != NULL  ? common_read(o.file, &bytes)
                 : o.hex != NULL ? from_hex(o.hex, &bytes)
                                 : NULL;
    if (o.text == NULL && read == NULL) return o.hex != NULL ? EXIT_USAGE : EXIT_FAILED;
    const int code = tokenize(&o, plain[0], o.text != NULL ? o.text : read, bytes);
    free(read);
    return code;
}

/* ---- perplexity ------------------------------------------------------------------------------ */

static const arg_command perplexity_command = {
    .name = "perplexity",
    .plain = "MODEL",
    .summary = "exp(mean of -log p of every token given those before), over windows of the context.\n"
               "Each window begins with BOS where the model has one; its first token is not counted.",
    .examples = "pewter perplexity model.gguf -f text.txt\n"
                "pewter perplexity model.gguf -f text.txt -c 512 --exact --json",
    .plain_least = 1,
    .plain_most = 1,
};

typedef struct perplexity_result {
    double nll;
    size_t counted, windows;
} perplexity_result;

static bool tick(void *context, const char *what, uint64_t done, uint64_t total)
{
    (void)context, (void)what, (void)done, (void)total;
    return !common_interrupted();
}

/* Windows one behind the other, each in a fresh session. */
static pewter_status score_windows(pewter_model *model, const int32_t *ids, size_t count,
                                   perplexity_result *out, pewter_error *err)
{
    pewter_model_info info = {.size = sizeof info};
    pewter_status status = pewter_model_get(model, &info, err);
    pewter_session *session = NULL;
    if (status == PEWTER_OK) status = pewter_session_new(model, NULL, &session, err);
    double *scores = malloc((size_t)info.context * sizeof *scores + 1);
    const size_t window = (size_t)info.context;
    for (size_t at = 0; status == PEWTER_OK && scores != NULL && at + 1 < count; at += window) {
        const size_t length = count - at < window ? count - at : window;
        status = pewter_session_reset(session, err);
        if (status == PEWTER_OK)
            status = pewter_score(session, ids + at, length, scores, tick, NULL, err);
        if (status != PEWTER_OK) break;
        for (size_t i = 1; i < length; i++) out->nll -= scores[i];
        out->counted += length - 1;
        out->windows++;
    }
    if (scores == NULL && status == PEWTER_OK) status = PEWTER_E_MEMORY;
    free(scores);
    pewter_session_free(session);
    return status;
}

static int perplexity(const common *c, const char *path, const char *text, size_t bytes, bool json)
{
    pewter_engine *engine = NULL;
    pewter_model *model = NULL;
    pewter_load_options options = pewter_load_defaults();
    int code = EXIT_FAILED;
    common_catch(NULL);
    if (common_open(c, &engine) == PEWTER_OK &&
        common_load(c, engine, path, &options, &model) == PEWTER_OK) {
        pewter_status status;
        pewter_error err = {"no memory"};
        size_t count = 0;
        perplexity_result r = {0};
        int32_t *ids = common_tokenize(model, text, bytes, false, true, &count, &status, &err);
        if (ids != NULL) status = score_windows(model, ids, count, &r, &err);
        if (status != PEWTER_OK) {
            code = common_failed(status, &err);
        } else if (r.counted == 0) {
            fprintf(stderr, "pewter perplexity: at least 2 tokens wanted, %zu found\n", count);
        } else {
            printf(json ? "{\"perplexity\":%.6f,\"nll\":%.6f,\"tokens\":%zu,\"windows\":%zu}\n"
                        : "perplexity %.4f (mean -log p %.6f over %zu tokens in %zu windows)\n",
                   exp(r.nll / (double)r.counted), r.nll / (double)r.counted, r.counted, r.windows);
            code = EXIT_FINE;
        }
        free(ids);
    }
    pewter_unload(model);
    pewter_close(engine);
    return code;
}

int cmd_perplexity(int argc, char **argv)
{
    common c = {0};
    const char *file = NULL;
    bool json = false;
    common_options(&c);
    const arg_option own[] = {
        {"--file", "-f", ARG_TEXT, &file, "FILE", "a file of text; -: standard input"},
        {"--json", NULL, ARG_FLAG, &json, NULL, "as JSON"},
        {NULL, NULL, ARG_FLAG, NULL, NULL, NULL},
    };
    const arg_option *const tables[] = {own, c.model_table, c.engine_table, NULL};
    const char *plain[ARG_MAX_PLAIN];
    int n_plain;
    const arg_result result = args_parse(&perplexity_command, tables, argc, argv, plain, &n_plain);
    if (result != ARGS_OK) return result == ARGS_HELP ? EXIT_FINE : EXIT_USAGE;
    if (file == NULL) {
        fprintf(stderr, "pewter perplexity: a text is wanted: -f FILE\n");
        return EXIT_USAGE;
    }
    size_t bytes;
    char *text = common_read(file, &bytes);
    if (text == NULL) return EXIT_FAILED;
    const int code = perplexity(&c, plain[0], text, bytes, json);
    free(text);
    return code;
}
