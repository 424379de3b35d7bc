/* A thread that reads what requests say: texts become tokens, schemas become grammars, which may take a second. The
 * poll thread, which serves all connections, does not wait for it. */
#ifndef PW_TOOLS_SERVER_READER_H
#define PW_TOOLS_SERVER_READER_H

#include <stdbool.h>

typedef struct reader reader;

/* Memory of the caller's, until the function has been called. */
typedef struct reading {
    struct reading *next;
    void (*fn)(void *context);
    void *context;
} reading;

/* NULL: no memory, or no thread. */
reader *reader_new(void);

/* Calls what it holds on the reader's thread, behind all that came before. False: the reader was stopped. Any thread. */
bool reader_add(reader *r, reading *what);

/* Ends the thread, behind all that came before. */
void reader_stop(reader *r);

/* Frees a reader, stopped or not. NULL is allowed. */
void reader_free(reader *r);

#endif
