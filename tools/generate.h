/* Making an answer and its figures: what `run` and `chat` share. */
#ifndef PW_TOOLS_GENERATE_H
#define PW_TOOLS_GENERATE_H

#include "tools/common.h"

typedef struct generation {
    pewter_session_options options;
    arg_texts stops;
    const char *schema, *grammar; /* files; NULL: none */
    arg_option table[16];
} generation;

/* Defaults, and the table of options that change them. */
void generation_options(generation *g);

/* The grammar that the options ask for, for a model, into g->options. Returns the exit code; a failure is told on
 * stderr. The caller frees it: pewter_grammar_free(g->options.grammar). */
int generation_grammar(generation *g, const pewter_model *model);

/* Where the pieces of an answer go; false ends the answer. */
typedef bool generate_sink(void *context, const char *text, size_t bytes);

/* An answer to be made: the session holds its prompt, of which prompt_tokens are not computed. */
typedef struct generate_job {
    pewter_engine *engine;
    pewter_session *session;
    size_t prompt_tokens;
    generate_sink *sink;
    void *context;
} generate_job;

/* Steps the engine until the session's answer ends; *finish says why it did. Ctrl-C is caught for the
 * session, and left so. A long prompt shows its progress on a terminal. */
pewter_status generate(const generate_job *job, pewter_finish *finish, pewter_error *err);

/* A sentence on stderr where an answer ended otherwise than the user will expect. */
void explain_finish(pewter_finish finish, const pewter_session_options *options,
                    const pewter_session *session);

const char *finish_name(pewter_finish finish); /* "eos" */

/* One line on stderr, or members of a JSON object on stdout: prompt and generation tokens/s, time to first token, and, where `engine` is not NULL,
 * weight bytes/s as a share of the read bandwidth measured now. */
void print_figures(pewter_engine *engine, const pewter_model *model, const pewter_session *session,
                   bool json);

#endif
