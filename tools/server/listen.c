#include "tools/server/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool address_of(const listen_options *o, struct sockaddr_storage *out, socklen_t *bytes)
{
    const char *host = strcmp(o->host, "localhost") == 0 ? "127.0.0.1" : o->host;
    struct sockaddr_in *four = (struct sockaddr_in *)(void *)out;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)out;
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons((uint16_t)o->port);
        *bytes = sizeof *four;
        return true;
    }
    if (inet_pton(AF_INET6, host, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons((uint16_t)o->port);
        *bytes = sizeof *six;
        return true;
    }
    fprintf(stderr, "pewter serve: --host wants an address such as 127.0.0.1 or ::1, found '%s'\n",
            o->host);
    return false;
}

static bool is_loopback(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(
            &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
    const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address;
    return ntohl(four->sin_addr.s_addr) >> 24 == 127;
}

static int port_of(const struct sockaddr_storage *address)
{
    return ntohs(address->ss_family == AF_INET6
                     ? ((const struct sockaddr_in6 *)(const void *)address)->sin6_port
                     : ((const struct sockaddr_in *)(const void *)address)->sin_port);
}

static int open_address(const listen_options *o, bool tls, char *name, int name_bytes)
{
    struct sockaddr_storage address;
    socklen_t bytes;
    if (!address_of(o, &address, &bytes)) return -1;
    if (!is_loopback(&address) && !o->guarded) {
        fprintf(
            stderr,
            "pewter serve: %s can be reached from other machines: --keys FILE says who may ask, "
            "--anybody that all may\n",
            o->host);
        return -1;
    }
    const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;
    if (fd >= 0) (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const struct sockaddr *any = (const struct sockaddr *)(const void *)&address;
    if (fd < 0 || bind(fd, any, bytes) != 0 ||
        getsockname(fd, (struct sockaddr *)(void *)&address, &bytes) != 0) {
        fprintf(stderr, "pewter serve: %s, port %d: %s\n", o->host, o->port, strerror(errno));
        if (fd >= 0) close(fd);
        return -1;
    }
    const bool brackets = strchr(o->host, ':') != NULL;
    snprintf(name, (size_t)name_bytes, "%s://%s%s%s:%d", tls ? "https" : "http",
             brackets ? "[" : "", o->host, brackets ? "]" : "", port_of(&address));
    return fd;
}

/* A socket's file that nobody listens on any more, as a killed service leaves it, is taken away. */
static void remove_stale(const struct sockaddr_un *address)
{
    struct stat st;
    if (lstat(address->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode)) return;
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return;
    if (connect(fd, (const struct sockaddr *)(const void *)address, sizeof *address) != 0 &&
        errno == ECONNREFUSED)
        (void)unlink(address->sun_path);
    close(fd);
}

static int open_path(const listen_options *o, char *name, int name_bytes)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(o->path) >= sizeof address.sun_path) {
        fprintf(stderr, "pewter serve: --socket: a path of at most %zu bytes wanted, %zu found\n",
                sizeof address.sun_path - 1, strlen(o->path));
        return -1;
    }
    memcpy(address.sun_path, o->path, strlen(o->path) + 1);
    remove_stale(&address);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const mode_t before = umask(0077); /* its owner alone */
    const int bound =
        fd < 0 ? -1 : bind(fd, (const struct sockaddr *)(const void *)&address, sizeof address);
    umask(before);
    if (bound != 0) {
        fprintf(stderr, "pewter serve: %s: %s\n", o->path, strerror(errno));
        if (fd >= 0) close(fd);
        return -1;
    }
    snprintf(name, (size_t)name_bytes, "unix:%s", o->path);
    return fd;
}

int listen_open(const listen_options *o, bool tls, char *name, int name_bytes)
{
    return o->path != NULL ? open_path(o, name, name_bytes)
                           : open_address(o, tls, name, name_bytes);
}

bool listen_begin(int fd, const char *name)
{
    if (listen(fd, 512) == 0) return true;
    fprintf(stderr, "pewter serve: %s: %s\n", name, strerror(errno));
    return false;
}

void listen_end(const listen_options *o)
{
    if (o->path != NULL) (void)unlink(o->path);
}
