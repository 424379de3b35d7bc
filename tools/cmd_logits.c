#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/commands.h"
#include "tools/common.h"

static const arg_command command = {
    .name = "logits",
    .plain = "MODEL",
    .summary =
        "The logits at every position of the given tokens, a JSON line each:\n"
        "{\"pos\":i,\"logits\":[...]}. With --raw FILE they go there as little-endian float32 "
        "[n][vocabulary],\nand one line {\"logits_f32\":\"FILE\"} is printed. --greedy N adds "
        "{\"case\":\"greedy\",\"tokens\":[...]}.",
    .examples = "pewter logits model.gguf --ids 1,2,3\n"
                "pewter logits model.gguf --ids 1,2,3 --raw logits.f32 --greedy 16",
    .plain_least = 1,
    .plain_most = 1,
};

typedef struct sink {
    pewter_session *session;
    FILE *raw;
    int failed; /* an errno */
} sink;

static void put_row(void *context, int64_t pos, const float *logits, int64_t vocab)
{
    sink *s = context;
    if (common_interrupted() || ferror(stdout)) pewter_cancel(s->session);
    if (s->raw != NULL) {
        if (s->failed == 0 &&
            fwrite(logits, sizeof *logits, (size_t)vocab, s->raw) != (size_t)vocab)
            s->failed = errno;
        return;
    }
    printf("{\"pos\":%lld,\"logits\":[", (long long)pos);
    for (int64_t i = 0; i < vocab; i++) {
        /* JSON has no words for what is not a number. */
        if (logits[i] - logits[i] == 0.0f)
            printf("%s%.9g", i > 0 ? "," : "", (double)logits[i]);
        else
            printf("%snull", i > 0 ? "," : "");
    }
    printf("]}\n");
}

/* "1,2,3" to numbers; the caller frees them. NULL after a sentence on stderr. */
static int32_t *parse_ids(const char *text, size_t *count)
{
    int32_t *ids = malloc((strlen(text) / 2 + 1) * sizeof *ids);
    size_t n = 0;
    const char *at = text;
    if (ids == NULL) fprintf(stderr, "pewter: no memory for tokens\n");
    while (ids != NULL) {
        char *end;
        errno = 0;
        const long id = strtol(at, &end, 10);
        if (end == at || isspace((unsigned char)*at) || errno != 0 || id < INT32_MIN ||
            id > INT32_MAX || (*end != ',' && *end != 0)) {
            fprintf(stderr, "pewter logits: --ids wants numbers joined by commas, found '%.40s'\n",
                    at);
            free(ids);
            return NULL;
        }
        ids[n++] = (int32_t)id;
        if (*end == 0) break;
        at = end + 1;
    }
    *count = n;
    return ids;
}

static void keep_best(void *context, int64_t pos, const float *logits, int64_t vocab)
{
    (void)pos;
    int32_t *best = context;
    *best = 0;
    for (int64_t i = 1; i < vocab; i++)
        if (logits[i] > logits[*best]) *best = (int32_t)i;
}

/* The likeliest token again and again; the end of an answer is no stop here. The session holds the
 * tokens before but the last, which is computed first. */
static pewter_status greedy(pewter_session *session, int32_t last, int64_t count, pewter_error *err)
{
    printf("{\"case\":\"greedy\",\"tokens\":[");
    int32_t next = last;
    pewter_status status = PEWTER_OK;
    for (int64_t i = 0; i < count && status == PEWTER_OK && !common_interrupted(); i++) {
        const int32_t given = next;
        status = pewter_logits(session, &given, 1, keep_best, &next, err);
        if (status == PEWTER_OK) printf("%s%d", i > 0 ? "," : "", next);
    }
    printf("]}\n");
    if (status == PEWTER_OK && common_interrupted()) {
        snprintf(err->message, sizeof err->message, "cancelled");
        status = PEWTER_E_CANCELLED;
    }
    return status;
}

static pewter_status print_all(pewter_model *model, const int32_t *ids, size_t count,
                               const char *raw, int64_t n_greedy, pewter_error *err)
{
    pewter_session *session = NULL;
    sink s = {0};
    if (raw != NULL && (s.raw = fopen(raw, "wbe")) == NULL) {
        snprintf(err->message, sizeof err->message, "%s: %s", raw, strerror(errno));
        return PEWTER_E_IO;
    }
    pewter_status status = pewter_session_new(model, NULL, &session, err);
    s.session = session;
    common_catch(session);
    if (status == PEWTER_OK) status = pewter_logits(session, ids, count, put_row, &s, err);
    if (s.raw != NULL && fclose(s.raw) != 0 && s.failed == 0) s.failed = errno;
    if (s.failed != 0 && status == PEWTER_OK) {
        snprintf(err->message, sizeof err->message, "%s: %s", raw, strerror(s.failed));
        status = PEWTER_E_IO;
    }
    if (status == PEWTER_OK && raw != NULL) {
        printf("{\"logits_f32\":");
        common_quote(stdout, raw, strlen(raw));
        printf("}\n");
    }
    if (status == PEWTER_OK && n_greedy > 0)
        status = pewter_session_rewind(session, (int64_t)count - 1, err);
    if (status == PEWTER_OK && n_greedy > 0)
        status = greedy(session, ids[count - 1], n_greedy, err);
    common_catch(NULL);
    pewter_session_free(session);
    return status;
}

int cmd_logits(int argc, char **argv)
{
    common c = {0};
    const char *text = NULL, *raw = NULL;
    int64_t n_greedy = 0;
    bool json = false;
    common_options(&c);
    const arg_option own[] = {
        {"--ids", NULL, ARG_TEXT, &text, "1,2,3", "the tokens"},
        {"--greedy", NULL, ARG_LONG, &n_greedy, "N",
         "then N likeliest tokens, one after the other"},
        {"--raw", NULL, ARG_TEXT, &raw, "FILE", "float32 to a file instead of JSON"},
        {"--json", NULL, ARG_FLAG, &json, NULL, "the output is JSON, with or without this"},
        {NULL, NULL, ARG_FLAG, NULL, NULL, NULL},
    };
    const arg_option *const tables[] = {own, c.model_table, c.trust_table, c.engine_table, NULL};
    const char *plain[ARG_MAX_PLAIN];
    int n_plain;
    const arg_result result = args_parse(&command, tables, argc, argv, plain, &n_plain);
    if (result != ARGS_OK) return result == ARGS_HELP ? EXIT_FINE : EXIT_USAGE;
    if (text == NULL) {
        fprintf(stderr,
                "pewter logits: tokens are wanted: --ids 1,2,3; see pewter logits --help\n");
        return EXIT_USAGE;
    }
    if (n_greedy < 0) {
        fprintf(stderr, "pewter logits: --greedy wants 0 or more, found %lld\n",
                (long long)n_greedy);
        return EXIT_USAGE;
    }
    size_t count = 0;
    int32_t *ids = parse_ids(text, &count);
    if (ids == NULL) return EXIT_USAGE;

    pewter_engine *engine = NULL;
    pewter_model *model = NULL;
    pewter_load_options options = pewter_load_defaults();
    common_catch(NULL);
    int code = common_start(&c, plain[0], &options, &engine, &model);
    if (code == EXIT_FINE) {
        pewter_error err;
        const pewter_status status = print_all(model, ids, count, raw, n_greedy, &err);
        code = status == PEWTER_OK ? EXIT_FINE : common_failed(status, &err);
    }
    pewter_unload(model);
    pewter_close(engine);
    free(ids);
    return code;
}
