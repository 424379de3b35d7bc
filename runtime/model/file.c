#include "runtime/model/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/model/sigbus.h"

/* O_NONBLOCK: opening a FIFO returns at once. */
enum { OPEN_FLAGS = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY };

pw_file pw_file_none(void)
{
    return (pw_file){.fd = -1, .guard = PW_NO_GUARD};
}

const char *pw_file_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

void pw_file_name(const char *path, char *out, size_t cap)
{
    assert(cap > 4);
    const size_t length = strlen(path);
    if (length < cap)
        memcpy(out, path, length + 1);
    else
        snprintf(out, cap, "...%s", path + length - (cap - 4));
}

/* The folder of `path`, open for openat; -1 with errno. */
static int open_folder(const char *path)
{
    char folder[PATH_MAX];
    const size_t length = (size_t)(pw_file_base(path) - path);
    if (length >= sizeof folder) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(folder, path, length);
    folder[length] = 0;
    return open(length == 0 ? "." : folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Whether others than the owner may write. A group counts unless it has the number of the owner: such
 * a group is a user's own, as Debian and Ubuntu make them. */
static bool others_may_write(const struct stat *st)
{
    const bool shared = (st->st_mode & S_IWGRP) != 0 && st->st_gid != (gid_t)st->st_uid;
    return shared || (st->st_mode & S_IWOTH) != 0;
}

static pewter_status check_folder(const char *path, pewter_error *err)
{
    const int fd = open_folder(path);
    struct stat st;
    const bool known = fd >= 0 && fstat(fd, &st) == 0;
    const int why = errno;
    if (fd >= 0) close(fd);
    char name[sizeof((pw_file *)0)->name];
    pw_file_name(path, name, sizeof name);
    if (!known)
        return pw_fail(err, PEWTER_E_IO, "%s: its folder cannot be opened: %s", name,
                       strerror(why));
    if (others_may_write(&st) && (st.st_mode & S_ISVTX) == 0)
        return pw_fail(
            err, PEWTER_E_IO,
            "%s: others may write its folder (mode %03o) and so exchange the file: chmod "
            "go-w the folder, or take it as it is (--trust-permissions)",
            name, (unsigned)st.st_mode & 0777);
    return PEWTER_OK;
}

/* Checks what was opened, maps and guards it. On failure the caller closes `file`. */
static pewter_status take(const pw_file_rules *rules, pw_file *file, pewter_error *err)
{
    struct stat st;
    if (fstat(file->fd, &st) != 0)
        return pw_fail(err, PEWTER_E_IO, "%s: %s", file->name, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return pw_fail(err, PEWTER_E_IO, "%s is a folder, a file is wanted", file->name);
    if (!S_ISREG(st.st_mode))
        return pw_fail(err, PEWTER_E_IO, "%s is a device, a pipe or a socket, a file is wanted",
                       file->name);
    if (!rules->trust_permissions && others_may_write(&st))
        return pw_fail(
            err, PEWTER_E_IO,
            "%s: others may write this file (mode %03o): chmod go-w %s, or take it as it "
            "is (--trust-permissions)",
            file->name, (unsigned)st.st_mode & 0777, file->name);
    if (st.st_size <= 0) return pw_fail(err, PEWTER_E_FORMAT, "%s is empty", file->name);
    if ((uintmax_t)st.st_size > SIZE_MAX)
        return pw_fail(err, PEWTER_E_LIMIT, "%s: too long to be mapped here", file->name);

    const size_t bytes = (size_t)st.st_size;
    void *data = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, file->fd, 0);
    if (data == MAP_FAILED)
        return pw_fail(err, errno == ENOMEM ? PEWTER_E_MEMORY : PEWTER_E_IO,
                       "%s: its %zu bytes cannot be mapped: %s", file->name, bytes,
                       strerror(errno));
    file->data = data;
    file->bytes = bytes;
    return rules->guard ? pw_guard_begin(data, bytes, &file->guard, err) : PEWTER_OK;
}

static pewter_status take_or_close(const char *path, int fd, int why, const pw_file_rules *rules,
                                   pw_file *out, pewter_error *err)
{
    pw_file file = pw_file_none();
    file.fd = fd;
    pw_file_name(path, file.name, sizeof file.name);
    if (fd < 0) return pw_fail(err, PEWTER_E_IO, "%s: %s", file.name, strerror(why));
    const pewter_status status = take(rules, &file, err);
    if (status != PEWTER_OK)
        pw_file_close(&file);
    else
        *out = file;
    return status;
}

pewter_status pw_file_open(const char *path, const pw_file_rules *rules, pw_file *out,
                           pewter_error *err)
{
    const int fd = open(path, OPEN_FLAGS);
    const int why = errno;
    if (fd >= 0 && !rules->trust_permissions) {
        const pewter_status status = check_folder(path, err);
        if (status != PEWTER_OK) {
            close(fd);
            return status;
        }
    }
    return take_or_close(path, fd, why, rules, out, err);
}

/* Below `folder`, through no symbolic link. Kernels before 5.6 and some sandboxes know no openat2:
 * for a name without a slash O_NOFOLLOW promises the same. */
static int open_below(int folder, const char *name)
{
    const struct open_how how = {.flags = OPEN_FLAGS,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    const long fd = syscall(SYS_openat2, folder, name, &how, sizeof how);
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return (int)fd;
    return openat(folder, name, OPEN_FLAGS | O_NOFOLLOW);
}

pewter_status pw_file_open_sibling(const char *path, const char *name, const pw_file_rules *rules,
                                   pw_file *out, pewter_error *err)
{
    assert(strchr(name, '/') == NULL);
    const int folder = open_folder(path);
    if (folder < 0) return take_or_close(name, -1, errno, rules, out, err);
    const int fd = open_below(folder, name);
    const int why = errno;
    close(folder);
    return take_or_close(name, fd, why, rules, out, err);
}

void pw_file_close(pw_file *file)
{
    pw_guard_end(file->guard);
    if (file->data != NULL) munmap((void *)(uintptr_t)file->data, file->bytes);
    if (file->fd >= 0) close(file->fd);
    *file = pw_file_none();
}

bool pw_file_faulted(const pw_file *file)
{
    return pw_guard_faulted(file->guard);
}
