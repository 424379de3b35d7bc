/* Files of models: opened with suspicion, mapped read-only, never longer or shorter than first seen
 * without somebody noticing. */
#ifndef PW_RUNTIME_MODEL_FILE_H
#define PW_RUNTIME_MODEL_FILE_H

#include "pw/status.h"

typedef struct pw_file {
    int fd;                    /* for pread; -1: not open */
    const unsigned char *data; /* [bytes], mapped read-only; NULL: not mapped */
    size_t bytes;              /* the size at the time of opening, at least 1 */
    int guard;                 /* see sigbus.h; PW_NO_GUARD: none */
    char name[200];            /* for messages: the path, or its end */
} pw_file;

typedef struct pw_file_rules {
    bool trust_permissions; /* take what the group or others may write */
    bool guard;             /* a file that becomes shorter sets a flag instead of raising SIGBUS */
} pw_file_rules;

/* A file that is not open: what pw_file_close takes in peace. */
pw_file pw_file_none(void);

/* Opens and maps a regular file that is not empty. Refused are other kinds (a FIFO does not hang),
 * and, unless trusted, files that the group or others may write and files in folders that they may
 * write and that are not sticky. */
PW_MUST pewter_status pw_file_open(const char *path, const pw_file_rules *rules, pw_file *out,
                                   pewter_error *err);

/* The same for a file called `name` (no slash) in the folder of the file at `path`; symbolic links
 * are refused. */
PW_MUST pewter_status pw_file_open_sibling(const char *path, const char *name,
                                           const pw_file_rules *rules, pw_file *out,
                                           pewter_error *err);

/* Unmaps and closes. */
void pw_file_close(pw_file *file);

/* Whether a read of the map met a page that the file no longer has. */
bool pw_file_faulted(const pw_file *file);

/* The name behind the last slash of a path. */
const char *pw_file_base(const char *path);

/* The last up to cap - 1 bytes of `path` into `out`, with "..." in front where it was cut. */
void pw_file_name(const char *path, char *out, size_t cap);

#endif
