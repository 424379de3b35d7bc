/* What the commands share: the engine and model options, files, output, progress, Ctrl-C. */
#ifndef PW_TOOLS_COMMON_H
#define PW_TOOLS_COMMON_H

#include <stdio.h>

#include "pewter.h"
#include "tools/args.h"

/* Exit codes of every command. */
enum { EXIT_FINE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 };

/* What the tables below fill. Zero-initialise, then common_options. */
typedef struct common {
    int32_t threads, cpu_devices, batch;
    const char *cpu_features, *device, *topology, *kv;
    bool all_devices; /* found, too, where they are not used */
    int64_t context;
    bool exact, verbose, trust;
    arg_option engine_table[8], model_table[8], trust_table[2];
} common;

/* Fills the tables of options: of the engine, of a model's weights, and of any model file. */
void common_options(common *c);

/* Opens an engine. Returns the exit code; a failure is told on stderr. */
int common_open(const common *c, pewter_engine **out);

/* Opens an engine and loads a model into it, with progress on a terminal. Returns the exit code; a
 * failure is told on stderr. What *engine and *model hold afterwards is the caller's to free. */
int common_start(const common *c, const char *path, pewter_load_options *options,
                 pewter_engine **engine, pewter_model **model);

/* The same into an engine that is open. */
int common_load(const common *c, pewter_engine *engine, const char *path,
                pewter_load_options *options, pewter_model **model);

/* "pewter: <message>" on stderr. Returns the exit code. */
int common_failed(pewter_status status, const pewter_error *err);

/* A pewter_progress_fn that shows a percentage on stderr where that is a terminal. `context` is an
 * int that begins at -1. Returns false once Ctrl-C was pressed. */
bool common_progress(void *context, const char *what, uint64_t done, uint64_t total);

/* Takes the percentage off the terminal, where one was shown. */
void common_progress_end(int shown);

/* ---- Files and texts ------------------------------------------------------------------------- */

/* A whole file ("-": standard input), with a NUL behind it; the caller frees it. NULL after a
 * sentence on stderr. Files over 256 MiB are refused. */
char *common_read(const char *path, size_t *bytes);

/* Calls one of the writers of pewter.h until its text fits. NULL: *status says why. */
typedef pewter_status common_writer(void *context, char *buf, size_t cap, size_t *need,
                                    pewter_error *err);
char *common_text(common_writer *write, void *context, pewter_status *status, pewter_error *err);

/* Calls what writes tokens as pewter_tokenize does until they fit, once where `guess` is enough: a long prompt is not
 * made twice. The caller frees them. NULL: *status says why. */
typedef pewter_status common_ids_fn(const void *context, int32_t *ids, size_t cap, size_t *count,
                                    pewter_error *err);
int32_t *common_ids(common_ids_fn *fill, const void *context, size_t guess, size_t *count,
                    pewter_status *status, pewter_error *err);

/* A guess for a text of so many bytes: most have fewer tokens. */
static inline size_t common_ids_guess(size_t bytes)
{
    return bytes / 2 + 256;
}

/* Tokens of a text; the caller frees them. NULL: *status says why. */
int32_t *common_tokenize(const pewter_model *model, const char *text, size_t bytes, bool special,
                         bool bos, size_t *count, pewter_status *status, pewter_error *err);

/* Tokens of a conversation through the model's template; the caller frees them. NULL: *status. */
int32_t *common_chat_ids(const pewter_model *model, const pewter_message *messages, size_t n,
                         size_t *count, pewter_status *status, pewter_error *err);

/* ---- Output ---------------------------------------------------------------------------------- */

/* A model's text to stdout, at once; on a terminal without what would steer it. False once stdout is
 * closed or full; main() says so. */
bool common_write(const char *text, size_t bytes);

/* Text with control characters, also those of C1, as \xNN. Lines and tabs stay. */
void common_print_safe(FILE *to, const char *text, size_t bytes);

/* Writes JSON text's quoted form to a file. */
void common_quote(FILE *to, const char *text, size_t bytes);

/* ---- Ctrl-C ---------------------------------------------------------------------------------- */

/* From here on the first Ctrl-C cancels the session (NULL: none), also if it was pressed already,
 * and the second ends the program. Before a session is freed: common_catch(NULL). */
void common_catch(pewter_session *session);

/* Ctrl-C ends the program again, and that it was pressed is forgotten. */
void common_release(void);

/* True once Ctrl-C was pressed. */
bool common_interrupted(void);

#endif
