/* Command-line options from one table, so that parsing, help and errors agree. */
#ifndef PW_TOOLS_ARGS_H
#define PW_TOOLS_ARGS_H

#include "pewter.h"

typedef enum arg_kind {
    ARG_FLAG,  /* bool */
    ARG_INT,   /* int32_t */
    ARG_LONG,  /* int64_t */
    ARG_SEED,  /* uint64_t; decimal, or hexadecimal behind 0x */
    ARG_FLOAT, /* float, finite */
    ARG_TEXT,  /* const char *, into argv */
    ARG_TEXTS  /* arg_texts: may be given several times */
} arg_kind;

enum { ARG_MAX_TEXTS = 16, ARG_MAX_PLAIN = 8 };

typedef struct arg_texts {
    const char *text[ARG_MAX_TEXTS];
    size_t count;
} arg_texts;

typedef struct arg_option {
    const char *name;  /* "--temp"; the last option of a table has NULL */
    const char *brief; /* "-n", or NULL */
    arg_kind kind;
    void *value;
    const char *shown; /* what stands behind the name in the help: "T"; NULL for flags */
    const char *help;
} arg_option;

/* One command of the program. */
typedef struct arg_command {
    const char *name, *plain; /* "run", "MODEL" */
    const char *summary;
    const char *examples; /* lines, without the leading blanks */
    int plain_least, plain_most;
} arg_command;

/* What parsing came to. */
typedef enum arg_result { ARGS_OK, ARGS_HELP, ARGS_WRONG } arg_result;

/* Fills the options' values and `plain` from argv[1..]. ARGS_HELP after the help was printed;
 * ARGS_WRONG after a sentence on stderr. "--" ends the options, "-" is a plain argument. Both
 * "--name value" and "--name=value" are taken. */
arg_result args_parse(const arg_command *command, const arg_option *const *tables, int argc,
                      char **argv, const char *plain[ARG_MAX_PLAIN], int *n_plain);

#endif
