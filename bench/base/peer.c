#include "bench/base/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pw/clock.h"
#include "pw/status.h"
#include "runtime/text/json.h"

enum { MOST_BYTES = 16 << 20, READ_BYTES = 65536 };
static const double end_seconds = 1.0; /* that a peer gets to end by itself */

struct peer {
    pid_t pid;
    int fd; /* a socket: its standard input and output */
    char name[128];
    char *buf; /* what came, of it `used` bytes were not taken yet */
    size_t used, cap;
    json_t *hello;
};

extern char **environ;

/* ---- Life ------------------------------------------------------------------------------------ */

static pewter_status spawn(peer *p, char *const argv[], const char *log, int theirs,
                           pewter_error *err)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    sigaddset(&defaults, SIGINT);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&files, theirs, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, theirs, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, log != NULL ? log : "/dev/null",
                                     O_WRONLY | O_CREAT | O_APPEND, 0644);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    const int failed = posix_spawnp(&p->pid, argv[0], &files, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    if (failed == 0) return PEWTER_OK;
    p->pid = 0;
    return pw_fail(err, PEWTER_E_IO, "%s cannot be started: %s", argv[0], strerror(failed));
}

static pewter_status read_answer(peer *p, double seconds, json_t **out, pewter_error *err);

pewter_status peer_open(char *const argv[], const char *log, double seconds, peer **out,
                        pewter_error *err)
{
    int pair[2];
    peer *p = calloc(1, sizeof *p);
    if (p == NULL) return pw_fail(err, PEWTER_E_MEMORY, "no memory to start %s", argv[0]);
    p->fd = -1;
    snprintf(p->name, sizeof p->name, "%s", argv[0]);
    pewter_status status = PEWTER_OK;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        status = pw_fail(err, PEWTER_E_IO, "no socket for %s: %s", argv[0], strerror(errno));
    } else {
        p->fd = pair[0];
        status = spawn(p, argv, log, pair[1], err);
        close(pair[1]);
    }
    if (status == PEWTER_OK) status = read_answer(p, seconds, &p->hello, err);
    const json_t *error = status == PEWTER_OK ? json_object_get(p->hello, "error") : NULL;
    if (error != NULL)
        status = pw_fail(err, PEWTER_E_DEVICE, "%s: %s", argv[0],
                         json_is_string(error) ? json_string_value(error) : "an error");
    if (status != PEWTER_OK) {
        peer_close(p);
        return status;
    }
    *out = p;
    return PEWTER_OK;
}

/* Waits for its end, then ends it and whatever it started. False where it did not end by itself. */
static bool await_end(peer *p, int *how)
{
    const int64_t until = pw_now_ns() + (int64_t)(end_seconds * 1e9);
    pid_t gone = 0;
    while ((gone = waitpid(p->pid, how, WNOHANG)) == 0 && pw_now_ns() < until)
        (void)poll(NULL, 0, 5);
    (void)kill(-p->pid, SIGKILL);
    int killed;
    while (gone == 0 && waitpid(p->pid, &killed, 0) < 0 && errno == EINTR) {
    }
    const bool by_itself = gone == p->pid;
    p->pid = 0;
    return by_itself;
}

void peer_close(peer *p)
{
    if (p == NULL) return;
    if (p->fd >= 0) close(p->fd);
    int how;
    if (p->pid > 0) (void)await_end(p, &how);
    json_decref(p->hello);
    free(p->buf);
    free(p);
}

/* ---- Lines ----------------------------------------------------------------------------------- */

static bool (*stop_now)(void);

void peer_stop_when(bool (*stop)(void))
{
    stop_now = stop;
}

static pewter_status wait_for(const peer *p, short events, int64_t until, pewter_error *err)
{
    for (;;) {
        const int64_t left = (until - pw_now_ns()) / 1000000;
        if (left <= 0) return pw_fail(err, PEWTER_E_TIMEOUT, "%s did not answer in time", p->name);
        if (stop_now != NULL && stop_now())
            return pw_fail(err, PEWTER_E_CANCELLED, "interrupted before %s answered", p->name);
        struct pollfd fd = {.fd = p->fd, .events = events};
        const int ready = poll(&fd, 1, left > 1000 ? 1000 : (int)left);
        if (ready > 0) return PEWTER_OK;
        if (ready < 0 && errno != EINTR)
            return pw_fail(err, PEWTER_E_IO, "%s: %s", p->name, strerror(errno));
    }
}

static pewter_status fill(peer *p, int64_t until, pewter_error *err)
{
    if (p->used + READ_BYTES > p->cap) {
        if (p->cap >= MOST_BYTES)
            return pw_fail(err, PEWTER_E_LIMIT, "%s wrote a line of more than %d bytes", p->name,
                           MOST_BYTES);
        const size_t cap = 2 * p->cap + 2 * (size_t)READ_BYTES;
        char *bigger = realloc(p->buf, cap);
        if (bigger == NULL)
            return pw_fail(err, PEWTER_E_MEMORY, "no memory for what %s writes", p->name);
        p->buf = bigger;
        p->cap = cap;
    }
    PW_TRY(wait_for(p, POLLIN, until, err));
    const ssize_t n = read(p->fd, p->buf + p->used, READ_BYTES);
    if (n > 0) {
        p->used += (size_t)n;
        return PEWTER_OK;
    }
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return PEWTER_OK;
    int how = 0;
    if (p->pid <= 0 || !await_end(p, &how))
        return pw_fail(err, PEWTER_E_DEVICE, "%s closed its output without an answer", p->name);
    if (WIFSIGNALED(how))
        return pw_fail(err, PEWTER_E_DEVICE, "%s was ended by signal %d", p->name, WTERMSIG(how));
    return pw_fail(err, PEWTER_E_DEVICE, "%s ended without an answer, exit code %d", p->name,
                   WEXITSTATUS(how));
}

static pewter_status read_answer(peer *p, double seconds, json_t **out, pewter_error *err)
{
    const int64_t until = pw_now_ns() + (int64_t)(seconds * 1e9);
    size_t searched = 0;
    char *end = NULL;
    for (;;) {
        end = p->used > searched ? memchr(p->buf + searched, '\n', p->used - searched) : NULL;
        if (end != NULL) break;
        searched = p->used;
        PW_TRY(fill(p, until, err));
    }
    const size_t length = (size_t)(end - p->buf);
    json_t *answer = NULL;
    const pewter_status status = pw_json_parse(p->name, p->buf, length, MOST_BYTES, &answer, err);
    p->used -= length + 1;
    memmove(p->buf, end + 1, p->used);
    if (status != PEWTER_OK) return status;
    if (json_is_object(answer)) {
        *out = answer;
        return PEWTER_OK;
    }
    json_decref(answer);
    return pw_fail(err, PEWTER_E_FORMAT, "%s answered with something else than an object", p->name);
}

pewter_status peer_ask(peer *p, const char *line, double seconds, json_t **out, pewter_error *err)
{
    const int64_t until = pw_now_ns() + (int64_t)(seconds * 1e9);
    const size_t length = strlen(line);
    for (size_t at = 0; at <= length;) {
        PW_TRY(wait_for(p, POLLOUT, until, err));
        const bool last = at == length;
        const ssize_t n = send(p->fd, last ? "\n" : line + at, last ? 1 : length - at,
                               MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            at += (size_t)n;
            if (last) break;
        } else if (n < 0 && errno != EINTR && errno != EAGAIN) {
            return pw_fail(err, PEWTER_E_DEVICE, "%s is gone: %s", p->name, strerror(errno));
        }
    }
    return read_answer(p, seconds, out, err);
}

const json_t *peer_hello(const peer *p)
{
    return p->hello;
}

pid_t peer_pid(const peer *p)
{
    return p->pid;
}
