/* A folder that stands for "/": what tests want /proc and /sys to say. */
#ifndef PW_TESTS_SUPPORT_FAKE_ROOT_H
#define PW_TESTS_SUPPORT_FAKE_ROOT_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct fake_root {
    char path[64];
} fake_root;

static inline fake_root fake_root_new(void)
{
    fake_root root = {"/tmp/pewter-root-"};
    memset(root.path + strlen(root.path), 'X', 6); /* what mkdtemp replaces */
    if (mkdtemp(root.path) == NULL) abort();
    return root;
}

/* Writes `text` to a file below the root; folders are made. */
static inline void fake_root_write(const fake_root *root, const char *path, const char *text)
{
    char full[512];
    snprintf(full, sizeof full, "%s/%s", root->path, path);
    for (char *at = full + strlen(root->path) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = 0;
        mkdir(full, 0755);
        *at = '/';
    }
    FILE *file = fopen(full, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) abort();
}

static inline int fake_root_remove(const char *path, const struct stat *st, int type,
                                   struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static inline void fake_root_free(fake_root *root)
{
    nftw(root->path, fake_root_remove, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
