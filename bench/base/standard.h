/* The three standard files of a process. */
#ifndef PW_BENCH_BASE_STANDARD_H
#define PW_BENCH_BASE_STANDARD_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* First in main. A standard file that the caller closed must not become a file that is opened later:
 * messages would be written into it. It is held the wrong way round, so that its use still fails. A
 * reader that goes away is an error of write(), not the end of the process. */
static inline void standard_hold(void)
{
    signal(SIGPIPE, SIG_IGN);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

/* Last in main, with the exit code so far. What could not be written is a failure of every command;
 * that a reader has seen enough needs no words. The reason of an earlier failure is learned by trying
 * once more. */
static inline int standard_end(const char *program, int code)
{
    if (fflush(stdout) == 0) {
        if (!ferror(stdout)) return code;
        clearerr(stdout);
        errno = 0;
        if (fputc('\n', stdout) == EOF || fflush(stdout) != 0) errno = errno != 0 ? errno : EIO;
    }
    if (errno != EPIPE)
        fprintf(stderr, "%s: standard output cannot be written: %s\n", program,
                strerror(errno != 0 ? errno : EIO));
    return code == 0 ? 1 : code;
}

#endif
