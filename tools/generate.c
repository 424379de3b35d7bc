#include "tools/generate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void generation_options(generation *g)
{
    g->options = pewter_session_defaults();
    pewter_session_options *o = &g->options;
    const arg_option table[] = {
        {"--tokens", "-n", ARG_LONG, &o->max_tokens, "N",
         "tokens generated at most; 0, the default: until the context is full"},
        {"--temp", NULL, ARG_FLOAT, &o->temperature, "T",
         "temperature, 0: always the likeliest; default: 0.8"},
        {"--top-k", NULL, ARG_INT, &o->top_k, "K",
         "draw from the K likeliest, 0: off; default: 40"},
        {"--top-p", NULL, ARG_FLOAT, &o->top_p, "P",
         "draw from the likeliest of total P, 1: off; default: 0.95"},
        {"--min-p", NULL, ARG_FLOAT, &o->min_p, "P",
         "leave out what is less likely than P times the best; default: 0.05"},
        {"--repeat-penalty", NULL, ARG_FLOAT, &o->repetition_penalty, "X",
         "divide logits of recent tokens, 1: off"},
        {"--presence-penalty", NULL, ARG_FLOAT, &o->presence_penalty, "X",
         "subtract from recent tokens, 0: off"},
        {"--frequency-penalty", NULL, ARG_FLOAT, &o->frequency_penalty, "X",
         "the same, for every occurrence"},
        {"--penalty-last", NULL, ARG_INT, &o->penalty_last, "N",
         "how far penalties look back, -1: all; default: 64"},
        {"--seed", NULL, ARG_SEED, &o->seed, "N", "same seed, same text; default: 0"},
        {"--stop", NULL, ARG_TEXTS, &g->stops, "TEXT",
         "end the answer before TEXT; may be repeated"},
        {"--schema", NULL, ARG_TEXT, &g->schema, "FILE",
         "the answer is JSON that is valid under the JSON schema in FILE"},
        {"--grammar", NULL, ARG_TEXT, &g->grammar, "FILE",
         "the answer fits the GBNF grammar in FILE"},
        {"--ignore-eos", NULL, ARG_FLAG, &o->ignore_eos, NULL, "go on past the end of the answer"},
        {NULL, NULL, ARG_FLAG, NULL, NULL, NULL},
    };
    _Static_assert(sizeof table <= sizeof g->table, "room for the generation options");
    memcpy(g->table, table, sizeof table);
}

int generation_grammar(generation *g, const pewter_model *model)
{
    const char *path = g->schema != NULL ? g->schema : g->grammar;
    if (path == NULL) return EXIT_FINE;
    if (g->schema != NULL && g->grammar != NULL) {
        fprintf(stderr, "pewter: --schema and --grammar are both there: one is wanted\n");
        return EXIT_USAGE;
    }
    size_t bytes;
    pewter_error err;
    char *text = common_read(path, &bytes);
    if (text == NULL) return EXIT_FAILED;
    const pewter_status status =
        pewter_grammar_new(model, g->schema != NULL ? PEWTER_GRAMMAR_SCHEMA : PEWTER_GRAMMAR_GBNF,
                           text, bytes, &g->options.grammar, &err);
    free(text);
    return status == PEWTER_OK ? EXIT_FINE : common_failed(status, &err);
}

const char *finish_name(pewter_finish finish)
{
    static const char *const names[] = {"none", "eos", "stop", "length", "cancelled", "error"};
    return (size_t)finish < sizeof names / sizeof *names ? names[finish] : "unknown";
}

static void show_prompt(const generate_job *job, int *shown)
{
    pewter_stats stats = {.size = sizeof stats};
    if (pewter_stats_get(job->session, &stats, NULL) != PEWTER_OK) return;
    const size_t done = (size_t)stats.prompt_tokens;
    if (done < job->prompt_tokens)
        (void)common_progress(shown, "reading the prompt", done, job->prompt_tokens);
}

pewter_status generate(const generate_job *job, pewter_finish *finish, pewter_error *err)
{
    int shown = -1;
    pewter_status status;
    pewter_piece piece = {.size = sizeof piece};
    common_catch(job->session);
    do {
        size_t ready;
        status = pewter_step(job->engine, &ready, err);
        if (status == PEWTER_OK) status = pewter_next(job->session, &piece, err);
        if (status != PEWTER_OK) break;
        const bool quiet = piece.bytes == 0 && piece.finish == PEWTER_FINISH_NONE;
        if (quiet) {
            show_prompt(job, &shown);
        } else {
            common_progress_end(shown);
            shown = -1;
        }
        if (piece.bytes > 0 && !job->sink(job->context, piece.text, piece.bytes))
            pewter_cancel(job->session);
    } while (piece.finish == PEWTER_FINISH_NONE);
    common_progress_end(shown);
    if (status == PEWTER_OK) *finish = piece.finish;
    return status;
}

void explain_finish(pewter_finish finish, const pewter_session_options *options,
                    const pewter_session *session)
{
    pewter_stats stats = {.size = sizeof stats};
    if (finish == PEWTER_FINISH_ERROR)
        fprintf(stderr, "pewter: %s\n",
                options->grammar != NULL
                    ? "no token fits the grammar any more, or the model's logits are not numbers"
                    : "the model's logits are not numbers: its weights are damaged");
    if (finish != PEWTER_FINISH_LENGTH || pewter_stats_get(session, &stats, NULL) != PEWTER_OK)
        return;
    if (options->max_tokens == 0 || stats.generated_tokens < options->max_tokens)
        fprintf(stderr,
                "pewter: the answer ends here because the context of %lld tokens is full; -c makes "
                "it larger\n",
                (long long)stats.tokens);
}

void print_figures(pewter_engine *engine, const pewter_model *model, const pewter_session *session,
                   bool json)
{
    pewter_stats stats = {.size = sizeof stats};
    pewter_model_info info = {.size = sizeof info};
    double limit = 0.0;
    if (pewter_stats_get(session, &stats, NULL) != PEWTER_OK ||
        pewter_model_get(model, &info, NULL) != PEWTER_OK)
        return;
    if (engine != NULL && pewter_measure(engine, 0.2, &limit, NULL) != PEWTER_OK) limit = 0.0;

    const double steps = stats.generated_tokens > 1 ? (double)stats.generated_tokens - 1.0 : 0.0;
    const double prompt =
        stats.prompt_seconds > 0.0 ? (double)stats.prompt_tokens / stats.prompt_seconds : 0.0;
    const double rate = stats.generation_seconds > 0.0 ? steps / stats.generation_seconds : 0.0;
    const double read = rate * (double)info.step_bytes;
    if (json) {
        printf(",\"prompt_tokens\":%lld,\"generated_tokens\":%lld,\"prompt_tokens_per_s\":%.2f,"
               "\"generated_tokens_per_s\":%.2f,\"first_token_s\":%.4f,\"weight_bytes_per_s\":%.0f",
               (long long)stats.prompt_tokens, (long long)stats.generated_tokens, prompt, rate,
               stats.first_token_seconds, read);
        if (limit > 0.0) printf(",\"read_bandwidth\":%.0f", limit);
        return;
    }
    fprintf(stderr, "prompt %lld tokens, %.1f tokens/s; answer %lld tokens",
            (long long)stats.prompt_tokens, prompt, (long long)stats.generated_tokens);
    if (rate > 0.0) fprintf(stderr, ", %.1f tokens/s", rate);
    if (stats.generated_tokens > 0)
        fprintf(stderr, "; first token after %.3f s", stats.first_token_seconds);
    if (limit > 0.0 && rate > 0.0)
        fprintf(stderr, "; weights read at %.1f GB/s, %.0f %% of the %.1f GB/s measured",
                read * 1e-9, 100.0 * read / limit, limit * 1e-9);
    fputc('\n', stderr);
}
