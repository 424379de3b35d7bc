#include "runtime/model/gguf_write.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "runtime/model/file.h"

enum { BUFFER = 1 << 20, NAMES_TRIED = 100 };

/* Opens a name beside `path` that nobody has. */
static int open_part(const char *path, char *part, size_t cap)
{
    for (unsigned i = 0; i < NAMES_TRIED; i++) {
        snprintf(part, cap, "%s.part-%ld-%u", path, (long)getpid(), i);
        const int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd >= 0 || errno != EEXIST) return fd;
    }
    return -1;
}

pewter_status pw_writer_open(const char *path, const pewter_allocator *alloc, pw_writer *out,
                             pewter_error *err)
{
    char name[200];
    pw_file_name(path, name, sizeof name);
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return pw_fail(err, PEWTER_E_ARG, "%s is there and is no regular file", name);

    pw_writer writer = {.path = path, .fd = -1, .arena.alloc = alloc};
    const size_t cap = strlen(path) + 48;
    writer.part = pw_arena_take(&writer.arena, cap);
    writer.buffer = pw_arena_take(&writer.arena, BUFFER);
    if (writer.part == NULL || writer.buffer == NULL) {
        pw_arena_free(&writer.arena);
        return pw_fail(err, PEWTER_E_MEMORY, "no memory to write %s", name);
    }
    writer.fd = open_part(path, writer.part, cap);
    if (writer.fd < 0) {
        const int why = errno;
        pw_arena_free(&writer.arena);
        return pw_fail(err, PEWTER_E_IO, "%s cannot be written: %s", name, strerror(why));
    }
    *out = writer;
    return PEWTER_OK;
}

pewter_status pw_writer_expect(const pw_writer *w, uint64_t bytes, pewter_error *err)
{
    struct statvfs fs;
    if (fstatvfs(w->fd, &fs) != 0 || fs.f_blocks == 0) return PEWTER_OK; /* it does not tell */
    const uint64_t have = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (bytes <= have) return PEWTER_OK;
    char name[200];
    pw_file_name(w->path, name, sizeof name);
    return pw_fail(err, PEWTER_E_IO, "%s cannot be written: it takes %llu bytes, %llu are free",
                   name, (unsigned long long)bytes, (unsigned long long)have);
}

static void put(pw_writer *w, const unsigned char *data, size_t bytes)
{
    while (bytes > 0 && w->failed == 0) {
        const ssize_t done = write(w->fd, data, bytes);
        if (done > 0) {
            data += done;
            bytes -= (size_t)done;
        } else if (done == 0) {
            w->failed = EIO;
        } else if (errno != EINTR) {
            w->failed = errno;
        }
    }
}

static void flush(pw_writer *w)
{
    put(w, w->buffer, w->at);
    w->at = 0;
}

pewter_status pw_writer_finish(pw_writer *w, pewter_error *err)
{
    flush(w);
    if (close(w->fd) != 0 && w->failed == 0) w->failed = errno;
    w->fd = -1;
    if (w->failed == 0 && rename(w->part, w->path) != 0) w->failed = errno;
    const int why = w->failed;
    char name[200];
    pw_file_name(w->path, name, sizeof name);
    if (why != 0) unlink(w->part);
    pw_arena_free(&w->arena);
    return why == 0 ? PEWTER_OK
                    : pw_fail(err, PEWTER_E_IO, "%s cannot be written: %s", name, strerror(why));
}

void pw_writer_abandon(pw_writer *w)
{
    if (w->fd >= 0) {
        close(w->fd);
        unlink(w->part);
    }
    w->fd = -1;
    pw_arena_free(&w->arena);
}

void pw_write(pw_writer *w, const void *data, size_t bytes)
{
    w->bytes += bytes;
    if (bytes > BUFFER - w->at) flush(w);
    if (bytes > BUFFER) {
        put(w, data, bytes);
    } else if (bytes > 0) {
        memcpy(w->buffer + w->at, data, bytes);
        w->at += bytes;
    }
}

void pw_write_zeros(pw_writer *w, size_t bytes)
{
    static const unsigned char zeros[64];
    for (; bytes > sizeof zeros; bytes -= sizeof zeros) pw_write(w, zeros, sizeof zeros);
    pw_write(w, zeros, bytes);
}

void pw_write_u32(pw_writer *w, uint32_t value)
{
    pw_write(w, &value, sizeof value);
}

void pw_write_u64(pw_writer *w, uint64_t value)
{
    pw_write(w, &value, sizeof value);
}

void pw_write_text(pw_writer *w, const char *text, size_t bytes)
{
    pw_write_u64(w, bytes);
    pw_write(w, text, bytes);
}

void pw_write_head(pw_writer *w, uint64_t n_tensors, uint64_t n_values)
{
    pw_write(w, "GGUF", 4);
    pw_write_u32(w, 3);
    pw_write_u64(w, n_tensors);
    pw_write_u64(w, n_values);
}

static void write_key(pw_writer *w, const char *key, pw_gguf_type type)
{
    pw_write_text(w, key, strlen(key));
    pw_write_u32(w, type);
}

void pw_write_key_u32(pw_writer *w, const char *key, uint32_t value)
{
    write_key(w, key, PW_GGUF_U32);
    pw_write_u32(w, value);
}

void pw_write_key_f32(pw_writer *w, const char *key, float value)
{
    write_key(w, key, PW_GGUF_F32);
    pw_write(w, &value, sizeof value);
}

void pw_write_key_bool(pw_writer *w, const char *key, bool value)
{
    const unsigned char byte = value;
    write_key(w, key, PW_GGUF_BOOL);
    pw_write(w, &byte, 1);
}

void pw_write_key_text(pw_writer *w, const char *key, const char *text)
{
    write_key(w, key, PW_GGUF_TEXT);
    pw_write_text(w, text, strlen(text));
}

void pw_write_key_array(pw_writer *w, const char *key, pw_gguf_type element, uint64_t count)
{
    write_key(w, key, PW_GGUF_ARRAY);
    pw_write_u32(w, element);
    pw_write_u64(w, count);
}

void pw_write_tensor(pw_writer *w, const char *name, pw_dtype dtype, const int64_t *n,
                     uint32_t n_dims, uint64_t offset)
{
    pw_write_text(w, name, strlen(name));
    pw_write_u32(w, n_dims);
    for (uint32_t i = 0; i < n_dims; i++) pw_write_u64(w, (uint64_t)n[i]);
    pw_write_u32(w, (uint32_t)pw_dtype_get(dtype)->ggml_type);
    pw_write_u64(w, offset);
}
