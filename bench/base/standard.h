/* The three standard files of a process. */
#ifndef PW_BENCH_BASE_STANDARD_H
#define PW_BENCH_BASE_STANDARD_H

#include <fcntl.h>
#include <unistd.h>

/* A standard file that the caller closed must not become a file that is opened later: messages would
 * be written into it. First in main. Each is held the wrong way round, so that its use still fails. */
static inline void standard_hold(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

#endif
