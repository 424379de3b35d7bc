/* What the commands share: the engine and model options, files, progress, figures. */
#ifndef PW_TOOLS_COMMON_H
#define PW_TOOLS_COMMON_H

#include "pewter.h"
#include "tools/args.h"

/* Exit codes of every command. */
enum { EXIT_FINE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 };

/* What the tables below fill. Zero-initialise, then common_options. */
typedef struct common {
    int32_t threads, cpu_devices, batch;
    const char *cpu_features, *topology, *kv;
    int64_t context;
    bool exact, verbose, trust;
    arg_option engine_table[8], model_table[8];
} common;

/* Fills the two tables of options: of the engine, and of loading a model. */
void common_options(common *c);

/* Opens an engine; a failure is told on stderr. */
pewter_status common_open(const common *c, pewter_engine **out);

/* Loads a model with a progress bar on a terminal; a failure is told on stderr. */
pewter_status common_load(const common *c, pewter_engine *engine, const char *path,
                          pewter_load_options *options, pewter_model **out);

/* "pewter: <message>" on stderr. Returns the exit code. */
int common_failed(pewter_status status, const pewter_error *err);

/* A whole file ("-": standard input), with a NUL behind it; the caller frees it. NULL after a
 * sentence on stderr. Files over 256 MiB are refused. */
char *common_read(const char *path, size_t *bytes);

/* Calls one of the writers of pewter.h until its text fits. NULL: *status says why. */
typedef pewter_status common_writer(void *context, char *buf, size_t cap, size_t *need,
                                    pewter_error *err);
char *common_text(common_writer *write, void *context, pewter_status *status, pewter_error *err);

/* Tokens of a text; the caller frees them. NULL: *status says why. */
int32_t *common_tokenize(const pewter_model *model, const char *text, size_t bytes, bool special,
                         bool bos, size_t *count, pewter_status *status, pewter_error *err);

/* Writes to stdout; false once it is closed or full, after a sentence on stderr the first time. */
bool common_write(const char *text, size_t bytes);

/* Writes JSON text's quoted form to stdout. */
void common_quote(const char *text, size_t bytes);

/* True once Ctrl-C was pressed; from common_catch on, the first one cancels the session (NULL:
 * none) and the second ends the program. */
void common_catch(pewter_session *session);
bool common_interrupted(void);

#endif
