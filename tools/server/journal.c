#include "tools/server/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/textbuf.h"

struct journal {
    pthread_mutex_t lock;
    int fd;
    bool failed;
};

journal *journal_open(const char *path)
{
    journal *j = calloc(1, sizeof *j);
    if (j == NULL) {
        fprintf(stderr, "pewter serve: no memory for a log\n");
        return NULL;
    }
    j->fd = strcmp(path, "-") == 0 ? dup(STDERR_FILENO)
                                   : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (j->fd < 0) {
        fprintf(stderr, "pewter serve: --log %s: %s\n", path, strerror(errno));
        free(j);
        return NULL;
    }
    pthread_mutex_init(&j->lock, NULL);
    return j;
}

void journal_close(journal *j)
{
    if (j == NULL) return;
    close(j->fd);
    pthread_mutex_destroy(&j->lock);
    free(j);
}

static void add_text(textbuf *t, const char *name, const char *value)
{
    text_print(t, ",\"%s\":", name);
    if (value != NULL)
        text_json(t, value, strlen(value));
    else
        text_print(t, "null");
}

static void fill(textbuf *t, const journal_line *line)
{
    struct timespec now;
    struct tm utc;
    char when[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &utc);
    text_print(t, "{\"time\":\"%s.%03ldZ\"", when, now.tv_nsec / 1000000);
    add_text(t, "id", line->id);
    add_text(t, "route", line->route);
    add_text(t, "model", line->model);
    text_print(t, ",\"key\":");
    if (line->share > 1)
        text_print(t, "\"%016" PRIx64 "\"", line->share);
    else
        text_print(t, "null");
    text_print(t, ",\"status\":%d", line->status);
    add_text(t, "reason", line->reason);
    text_print(t,
               ",\"prompt_tokens\":%lld,\"cached_tokens\":%lld,\"completion_tokens\":%lld,"
               "\"seconds\":%.4f}\n",
               (long long)line->prompt_tokens, (long long)line->cached_tokens,
               (long long)line->answer_tokens, line->seconds);
}

void journal_write(journal *j, const journal_line *line)
{
    if (j == NULL) return;
    textbuf t = {0};
    fill(&t, line);
    pthread_mutex_lock(&j->lock);
    /* One write a line: lines of several services into one file stay whole. */
    const bool good = !t.failed && write(j->fd, t.data, t.bytes) == (ssize_t)t.bytes;
    if (!good && !j->failed)
        fprintf(stderr, "pewter serve: the log cannot be written: %s\n", strerror(errno));
    j->failed = !good;
    pthread_mutex_unlock(&j->lock);
    text_free(&t);
}
