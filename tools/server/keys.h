/* The keys that may ask: of each only its SHA-256 is kept. */
#ifndef PW_TOOLS_SERVER_KEYS_H
#define PW_TOOLS_SERVER_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KEYS_MOST = 4096, KEY_BYTES = 32 };

typedef struct keys {
    unsigned char (*hash)[KEY_BYTES];
    size_t count;
} keys;

/* Reads a file of one key a line, plain or "sha256:" and 64 hexadecimal digits; empty lines and those that
 * begin with '#' do not count. The file must be its owner's alone (mode 0400 or 0600). False after a sentence on
 * stderr. */
bool keys_read(const char *path, keys *out);

/* The number of the key, counted from 0; -1: none. All keys are looked at, in the same time. */
int keys_find(const keys *k, const char *key, size_t bytes);

/* A number that goes with the key and no other, not 0; of no key (-1) 1. */
uint64_t keys_salt(const keys *k, int key);

void keys_free(keys *k);

#endif
