/* A line of JSON for each request: who, what, how long, never a word of its text. */
#ifndef PW_TOOLS_SERVER_JOURNAL_H
#define PW_TOOLS_SERVER_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

typedef struct journal journal;

typedef struct journal_line {
    const char *id, *route, *model; /* NULL: not known */
    uint64_t share;     /* the caller's key, by keys_salt: a part of its hash; 1: none */
    int status;         /* of HTTP; 0: the client left before one was sent */
    const char *reason; /* why the first answer ended; NULL: it has none */
    int64_t prompt_tokens, cached_tokens, answer_tokens;
    double seconds;
} journal_line;

/* Appends to a file, made for its owner alone where it is not there; "-": stderr. NULL after a sentence on stderr. */
journal *journal_open(const char *path);
void journal_close(journal *j); /* NULL is allowed */

/* Any thread. A line that cannot be written is told once on stderr. NULL is allowed. */
void journal_write(journal *j, const journal_line *line);

#endif
