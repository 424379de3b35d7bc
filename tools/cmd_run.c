#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/commands.h"
#include "tools/generate.h"
#include "tools/textbuf.h"

static const arg_command command = {
    .name = "run",
    .plain = "MODEL [-]",
    .summary =
        "Prompt in, text out. Where the model has a chat template the prompt is a message of "
        "the user;\nthe text of -f, or of standard input with -, follows it.",
    .examples = "pewter run model.gguf -p \"What is a quorum?\"\n"
                "pewter run model.gguf -p \"Summarise this document.\" -f minutes.txt -n 200\n"
                "cat story.txt | pewter run model.gguf - --raw --temp 0",
    .plain_least = 1,
    .plain_most = 2,
};

typedef struct run_options {
    common common;
    generation generation;
    const char *prompt, *file, *system;
    bool raw, plan, figures, json;
} run_options;

/* What is kept where the answer is printed as JSON at the end. */
typedef struct kept {
    bool json, failed;
    textbuf text;
} kept;

static bool take_piece(void *context, const char *text, size_t bytes)
{
    kept *k = context;
    if (!k->json) {
        k->failed = !common_write(text, bytes);
        return !k->failed;
    }
    text_add(&k->text, text, bytes);
    k->failed = k->text.failed;
    if (k->failed)
        fprintf(stderr, "pewter: no memory for an answer of %zu bytes\n", k->text.bytes + bytes);
    return !k->failed;
}

/* The user's text: the prompt, and the document behind it. The caller frees it. */
static char *user_text(const run_options *o, const char *document, size_t document_bytes,
                       size_t *bytes)
{
    const size_t prompt = o->prompt != NULL ? strlen(o->prompt) : 0;
    const char *between = prompt > 0 && document_bytes > 0 ? "\n\n" : "";
    *bytes = prompt + strlen(between) + document_bytes;
    char *text = malloc(*bytes + 1);
    if (text == NULL) {
        fprintf(stderr, "pewter: no memory for a prompt of %zu bytes\n", *bytes);
        return NULL;
    }
    if (prompt > 0) memcpy(text, o->prompt, prompt);
    memcpy(text + prompt, between, strlen(between));
    if (document_bytes > 0) memcpy(text + *bytes - document_bytes, document, document_bytes);
    text[*bytes] = 0;
    const char *nul = memchr(text, 0, *bytes);
    if (nul == NULL) return text;
    fprintf(stderr,
            "pewter: the text has a NUL byte at %td: UTF-8 text is wanted (UTF-16 perhaps?)\n",
            nul - text);
    free(text);
    return NULL;
}

static int32_t *prompt_ids(const run_options *o, const pewter_model *model, const char *text,
                           size_t bytes, size_t *count, pewter_status *status, pewter_error *err)
{
    pewter_model_info info = {.size = sizeof info};
    *status = pewter_model_get(model, &info, err);
    if (*status != PEWTER_OK) return NULL;
    if (o->raw || !info.has_template)
        return common_tokenize(model, text, bytes, false, true, count, status, err);

    const pewter_message messages[] = {{"system", o->system}, {"user", text}};
    const size_t first = o->system == NULL;
    return common_chat_ids(model, messages + first, 2 - first, count, status, err);
}

static pewter_status explain(void *context, char *buf, size_t cap, size_t *need, pewter_error *err)
{
    return pewter_explain(context, PEWTER_TEXT, buf, cap, need, err);
}

static pewter_status machine(void *context, char *buf, size_t cap, size_t *need, pewter_error *err)
{
    return pewter_machine(context, PEWTER_TEXT, buf, cap, need, err);
}

static void print_plan(pewter_engine *engine, pewter_model *model)
{
    pewter_status status;
    pewter_error err;
    char *text = common_text(machine, engine, &status, &err);
    if (text != NULL) fputs(text, stderr);
    free(text);
    text = common_text(explain, model, &status, &err);
    if (text != NULL) fprintf(stderr, "%s\n", text);
    free(text);
}

static int print_result(const run_options *o, pewter_engine *engine, const pewter_model *model,
                        const pewter_session *session, const kept *k, pewter_finish finish)
{
    pewter_engine *measured = o->figures && !common_interrupted() ? engine : NULL;
    if (o->json) {
        printf("{\"text\":");
        common_quote(stdout, k->text.data != NULL ? k->text.data : "", k->text.bytes);
        printf(",\"finish\":\"%s\"", finish_name(finish));
        print_figures(measured, model, session, true);
        printf("}\n");
    } else if (!k->failed) {
        common_write("\n", 1);
        if (o->figures || common_interrupted()) print_figures(measured, model, session, false);
    }
    explain_finish(finish, &o->generation.options, session);
    if (finish == PEWTER_FINISH_ERROR || k->failed) return EXIT_FAILED;
    return common_interrupted() ? EXIT_INTERRUPTED : EXIT_FINE;
}

static int answer(const run_options *o, pewter_engine *engine, pewter_model *model,
                  const char *text, size_t bytes)
{
    pewter_status status;
    pewter_error err;
    pewter_session *session = NULL;
    pewter_finish finish = PEWTER_FINISH_NONE;
    kept k = {.json = o->json};
    size_t count = 0;
    int32_t *ids = prompt_ids(o, model, text, bytes, &count, &status, &err);
    if (ids != NULL && count == 0) {
        snprintf(err.message, sizeof err.message,
                 "the prompt is empty, and the model has no token to begin with: a text is wanted");
        status = PEWTER_E_ARG;
    }
    if (status == PEWTER_OK)
        status = pewter_session_new(model, &o->generation.options, &session, &err);
    if (status == PEWTER_OK) status = pewter_prompt(session, ids, count, &err);
    const generate_job job = {engine, session, count, take_piece, &k};
    if (status == PEWTER_OK) status = generate(&job, &finish, &err);
    const int code = status == PEWTER_OK ? print_result(o, engine, model, session, &k, finish)
                                         : common_failed(status, &err);
    common_catch(NULL);
    pewter_session_free(session);
    text_free(&k.text);
    free(ids);
    return code;
}

static int run(run_options *o, const char *path, const char *document, size_t document_bytes)
{
    size_t bytes;
    char *text = user_text(o, document, document_bytes, &bytes);
    if (text == NULL) return EXIT_FAILED;
    pewter_engine *engine = NULL;
    pewter_model *model = NULL;
    pewter_load_options options = pewter_load_defaults();
    common_catch(NULL);
    int code = common_start(&o->common, path, &options, &engine, &model);
    if (code == EXIT_FINE) {
        if (o->plan) print_plan(engine, model);
        code = generation_grammar(&o->generation, model);
        if (code == EXIT_FINE) code = answer(o, engine, model, text, bytes);
    }
    pewter_grammar_free(o->generation.options.grammar);
    pewter_unload(model);
    pewter_close(engine);
    free(text);
    return code;
}

/* Whether the prompt's sources go together; a sentence on stderr where they do not. */
static bool has_prompt(const run_options *o, int n_plain, const char *const *plain)
{
    const bool input = n_plain == 2;
    const char *wrong = NULL;
    if (input && strcmp(plain[1], "-") != 0)
        fprintf(stderr, "pewter run: one argument too many: '%s'; a prompt stands behind -p\n",
                plain[1]);
    else if (input && o->file != NULL)
        wrong = "-f FILE and - are both there: one document is wanted";
    else if (!input && o->file == NULL && o->prompt == NULL)
        wrong = "a prompt is wanted: -p TEXT, -f FILE or -";
    else if (o->raw && o->system != NULL)
        wrong = "--system has no place in --raw: no chat template, no system";
    else
        return true;
    if (wrong != NULL) fprintf(stderr, "pewter run: %s; see pewter run --help\n", wrong);
    return false;
}

int cmd_run(int argc, char **argv)
{
    run_options o = {0};
    common_options(&o.common);
    generation_options(&o.generation);
    const arg_option own[] = {
        {"--prompt", "-p", ARG_TEXT, &o.prompt, "TEXT", "what to say"},
        {"--file", "-f", ARG_TEXT, &o.file, "FILE", "a document that follows the prompt"},
        {"--system", NULL, ARG_TEXT, &o.system, "TEXT", "what the system says first"},
        {"--raw", NULL, ARG_FLAG, &o.raw, NULL, "no chat template: go on with the text"},
        {"--plan", NULL, ARG_FLAG, &o.plan, NULL, "print the machine and the plan first"},
        {"--figures", NULL, ARG_FLAG, &o.figures, NULL, "print speeds at the end"},
        {"--json", NULL, ARG_FLAG, &o.json, NULL, "one JSON object at the end"},
        {NULL, NULL, ARG_FLAG, NULL, NULL, NULL},
    };
    const arg_option *const tables[] = {
        own, o.generation.table, o.common.model_table, o.common.trust_table, o.common.engine_table,
        NULL};
    const char *plain[ARG_MAX_PLAIN];
    int n_plain;
    const arg_result result = args_parse(&command, tables, argc, argv, plain, &n_plain);
    if (result != ARGS_OK) return result == ARGS_HELP ? EXIT_FINE : EXIT_USAGE;
    if (!has_prompt(&o, n_plain, plain)) return EXIT_USAGE;
    o.generation.options.stop = o.generation.stops.text;
    o.generation.options.n_stop = o.generation.stops.count;

    char *document = NULL;
    size_t bytes = 0;
    if (n_plain == 2 || o.file != NULL) {
        document = common_read(n_plain == 2 ? "-" : o.file, &bytes);
        if (document == NULL) return EXIT_FAILED;
    }
    const int code = run(&o, plain[0], document, bytes);
    free(document);
    return code;
}
