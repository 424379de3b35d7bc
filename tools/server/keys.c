#include "tools/server/keys.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_LINE = 1024 };

static int digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* The hash that a line says, or that of the key which it is. */
static bool hash_of(const char *line, size_t bytes, unsigned char out[KEY_BYTES])
{
    static const char prefix[] = "sha256:";
    if (strncmp(line, prefix, sizeof prefix - 1) != 0)
        return gnutls_hash_fast(GNUTLS_DIG_SHA256, line, bytes, out) == 0;
    const char *hex = line + sizeof prefix - 1;
    if (bytes != sizeof prefix - 1 + 2 * KEY_BYTES) return false;
    for (size_t i = 0; i < KEY_BYTES; i++) {
        const int high = digit(hex[2 * i]), low = digit(hex[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static bool read_lines(FILE *file, const char *path, keys *out)
{
    char line[MAX_LINE];
    for (size_t number = 1; fgets(line, sizeof line, file) != NULL; number++) {
        size_t bytes = strlen(line);
        const bool whole = bytes > 0 && line[bytes - 1] == '\n';
        if (!whole && bytes == sizeof line - 1) {
            fprintf(stderr, "pewter serve: %s, line %zu: longer than %d bytes\n", path, number,
                    MAX_LINE - 2);
            return false;
        }
        while (bytes > 0 && isspace((unsigned char)line[bytes - 1])) line[--bytes] = 0;
        if (bytes == 0 || line[0] == '#') continue;
        if (out->count == KEYS_MOST) {
            fprintf(stderr, "pewter serve: %s: more than %d keys\n", path, KEYS_MOST);
            return false;
        }
        if (!hash_of(line, bytes, out->hash[out->count])) {
            fprintf(stderr,
                    "pewter serve: %s, line %zu: 64 hexadecimal digits wanted behind sha256:\n",
                    path, number);
            return false;
        }
        out->count++;
    }
    explicit_bzero(line, sizeof line);
    return ferror(file) == 0;
}

bool keys_read(const char *path, keys *out)
{
    *out = (keys){0};
    struct stat info;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (file == NULL || fstat(fd, &info) != 0) {
        fprintf(stderr, "pewter serve: %s: %s\n", path, strerror(errno));
        if (file != NULL) fclose(file);
        return false;
    }
    bool ok = S_ISREG(info.st_mode) && (info.st_mode & 077) == 0;
    if (!ok)
        fprintf(stderr,
                "pewter serve: %s: a file that only its owner may read is wanted (mode 0400), %04o "
                "found\n",
                path, (unsigned)info.st_mode & 07777);
    if (ok) out->hash = calloc(KEYS_MOST, sizeof *out->hash);
    ok = ok && out->hash != NULL && read_lines(file, path, out);
    fclose(file);
    if (ok && out->count == 0) {
        fprintf(stderr, "pewter serve: %s: at least one key is wanted, none found\n", path);
        ok = false;
    }
    if (!ok) keys_free(out);
    return ok;
}

int keys_find(const keys *k, const char *key, size_t bytes)
{
    unsigned char hash[KEY_BYTES];
    int found = -1;
    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, key, bytes, hash) != 0) return -1;
    for (size_t i = 0; i < k->count; i++)
        if (gnutls_memcmp(hash, k->hash[i], KEY_BYTES) == 0) found = (int)i;
    return found;
}

uint64_t keys_salt(const keys *k, int key)
{
    uint64_t salt = 0;
    if (key >= 0) memcpy(&salt, k->hash[key], sizeof salt);
    return salt | 1;
}

void keys_free(keys *k)
{
    free(k->hash);
    *k = (keys){0};
}
