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
        fprintf(
            stderr,
            "pewter tokenize: --hex wants an even number of hexadecimal digits, found '%.40s'\n",
            hex);
        free(text);
        return NULL;
    }
    *bytes = length / 2;
    text[*bytes] = 0;
    return text;
}

static bool is_ascii(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if ((unsigned char)text[i] >= 0x80) return false;
    return true;
}

/* A token's text as a JSON string; where it is not ASCII, its bytes too, for a token may hold part of
 * a character. */
static void print_piece(const pewter_model *model, int32_t id, bool json)
{
    size_t bytes = 0;
    char *piece = NULL;
    if (pewter_detokenize(model, &id, 1, true, NULL, 0, &bytes, NULL) == PEWTER_OK)
        piece = malloc(bytes + 1);
    if (piece == NULL ||
        pewter_detokenize(model, &id, 1, true, piece, bytes, &bytes, NULL) != PEWTER_OK)
        bytes = 0;
    common_quote(stdout, piece != NULL ? piece : "", bytes);
    if (piece != NULL && !is_ascii(piece, bytes)) {
        printf(json ? ",\"hex\":\"" : "  ");
        for (size_t i = 0; i < bytes; i++) printf("%02x", (unsigned char)piece[i]);
        if (json) printf("\"");
    }
    free(piece);
}

static void print_tokens(const pewter_model *model, const int32_t *ids, size_t count,
                         const tokenize_options *o)
{
    if (o->json) {
        printf("{\"tokens\":[");
        for (size_t i = 0; i < count; i++) {
            printf("%s{\"id\":%d,\"text\":", i > 0 ? "," : "", ids[i]);
            print_piece(model, ids[i], true);
            printf("}");
        }
        printf("],\"count\":%zu}\n", count);
    } else if (o->ids) {
        for (size_t i = 0; i < count; i++) printf("%s%d", i > 0 ? "," : "", ids[i]);
        printf("\n");
    } else {
        for (size_t i = 0; i < count; i++) {
            printf("%8d  ", ids[i]);
            print_piece(model, ids[i], false);
            printf("\n");
        }
        printf("%zu token%s\n", count, count == 1 ? "" : "s");
    }
}

static int tokenize(const tokenize_options *o, const char *path, const char *text, size_t bytes)
{
    pewter_engine *engine = NULL;
    pewter_model *model = NULL;
    pewter_load_options options = pewter_load_defaults();
    options.vocab_only = true;
    int code = common_start(&o->common, path, &options, &engine, &model);
    if (code == EXIT_FINE) {
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
    return code;
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
    const arg_option *const tables[] = {own, o.common.trust_table, o.common.engine_table, NULL};
    const char *plain[ARG_MAX_PLAIN];
    int n_plain;
    const arg_result result = args_parse(&tokenize_command, tables, argc, argv, plain, &n_plain);
    if (result != ARGS_OK) return result == ARGS_HELP ? EXIT_FINE : EXIT_USAGE;
    if ((o.text != NULL) + (o.file != NULL) + (o.hex != NULL) != 1) {
        fprintf(stderr, "pewter tokenize: one of -p, -f and --hex is wanted; see pewter tokenize "
                        "--help\n");
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
    .summary =
        "exp(mean of -log p of every token given those before), over windows of the context.\n"
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

/* Windows of a text that is scored. */
typedef struct scoring {
    pewter_session *session;
    size_t window;  /* tokens of a window at most */
    int32_t bos;    /* what every window begins with; -1: nothing */
    double *scores; /* [window] */
    size_t done, count;
    int shown;
} scoring;

static bool tick(void *context, const char *what, uint64_t done, uint64_t total)
{
    scoring *s = context;
    (void)total;
    return common_progress(&s->shown, what, s->done + done, s->count);
}

/* One window in a fresh session: ids[length], the first of them not counted. */
static pewter_status score_window(scoring *s, const int32_t *ids, size_t length,
                                  perplexity_result *out, pewter_error *err)
{
    pewter_status status = pewter_session_reset(s->session, err);
    if (status == PEWTER_OK)
        status = pewter_score(s->session, ids, length, s->scores, tick, s, err);
    if (status != PEWTER_OK) return status;
    for (size_t i = 1; i < length; i++) out->nll -= s->scores[i];
    out->counted += length - 1;
    out->windows++;
    return PEWTER_OK;
}

/* Windows one behind the other. Where a window's last token was scored, BOS takes its place and
 * begins the next window. */
static pewter_status score_windows(scoring *s, int32_t *ids, perplexity_result *out,
                                   pewter_error *err)
{
    pewter_status status = PEWTER_OK;
    while (status == PEWTER_OK && s->done + 1 < s->count) {
        const size_t left = s->count - s->done, length = left < s->window ? left : s->window;
        status = score_window(s, ids + s->done, length, out, err);
        s->done += length;
        if (s->bos >= 0 && s->done < s->count) ids[--s->done] = s->bos;
    }
    return status;
}

/* Scores a text's tokens, which are overwritten. */
static pewter_status score_text(pewter_model *model, int32_t *ids, size_t count,
                                perplexity_result *out, pewter_error *err)
{
    pewter_model_info info = {.size = sizeof info};
    scoring s = {.count = count, .shown = -1};
    pewter_status status = pewter_model_get(model, &info, err);
    if (status == PEWTER_OK && (count < 2 || info.context < 2)) {
        snprintf(err->message, sizeof err->message,
                 "perplexity: at least 2 tokens and a context of 2 wanted, %zu and %lld found",
                 count, (long long)info.context);
        return PEWTER_E_ARG;
    }
    if (status == PEWTER_OK) status = pewter_session_new(model, NULL, &s.session, err);
    if (status != PEWTER_OK) return status;

    s.window = (size_t)info.context;
    s.bos = ids[0] == info.bos ? info.bos : -1;
    s.scores = malloc(s.window * sizeof *s.scores);
    if (s.scores == NULL) {
        snprintf(err->message, sizeof err->message, "no memory for %zu scores", s.window);
        status = PEWTER_E_MEMORY;
    } else {
        common_catch(s.session);
        status = score_windows(&s, ids, out, err);
        common_progress_end(s.shown);
        common_catch(NULL);
    }
    free(s.scores);
    pewter_session_free(s.session);
    return status;
}

static int perplexity(const common *c, const char *path, const char *text, size_t bytes, bool json)
{
    pewter_engine *engine = NULL;
    pewter_model *model = NULL;
    pewter_load_options options = pewter_load_defaults();
    common_catch(NULL);
    int code = common_start(c, path, &options, &engine, &model);
    if (code == EXIT_FINE) {
        pewter_status status;
        pewter_error err;
        size_t count = 0;
        perplexity_result r = {0};
        int32_t *ids = common_tokenize(model, text, bytes, false, true, &count, &status, &err);
        if (ids != NULL) status = score_text(model, ids, count, &r, &err);
        const double nll = r.nll / (double)r.counted;
        if (status != PEWTER_OK)
            code = common_failed(status, &err);
        else
            printf(json ? "{\"perplexity\":%.6f,\"nll\":%.6f,\"tokens\":%zu,\"windows\":%zu}\n"
                        : "perplexity %.4f (mean -log p %.6f over %zu tokens, windows: %zu)\n",
                   exp(nll), nll, r.counted, r.windows);
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
    const arg_option *const tables[] = {own, c.model_table, c.trust_table, c.engine_table, NULL};
    const char *plain[ARG_MAX_PLAIN];
    int n_plain;
    const arg_result result = args_parse(&perplexity_command, tables, argc, argv, plain, &n_plain);
    if (result != ARGS_OK) return result == ARGS_HELP ? EXIT_FINE : EXIT_USAGE;
    if (file == NULL) {
        fprintf(stderr,
                "pewter perplexity: a text is wanted: -f FILE; see pewter perplexity --help\n");
        return EXIT_USAGE;
    }
    size_t bytes;
    char *text = common_read(file, &bytes);
    if (text == NULL) return EXIT_FAILED;
    const int code = perplexity(&c, plain[0], text, bytes, json);
    free(text);
    return code;
}
