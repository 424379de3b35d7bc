#include "tests/support/gguf_build.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pw/rng.h"

static void *grow(void *old, size_t bytes)
{
    void *grown = realloc(old, bytes == 0 ? 1 : bytes);
    if (grown == NULL) {
        fprintf(stderr, "no memory for a test's file\n");
        exit(1);
    }
    return grown;
}

/* ---- Bytes ------------------------------------------------------------------------------------- */

void gb_put(gb_bytes *to, const void *data, size_t bytes)
{
    if (bytes == 0) return;
    if (to->bytes + bytes > to->cap) {
        to->cap = 2 * (to->bytes + bytes);
        to->data = grow(to->data, to->cap);
    }
    memcpy(to->data + to->bytes, data, bytes);
    to->bytes += bytes;
}

void gb_put_u32(gb_bytes *to, uint32_t value)
{
    gb_put(to, &value, sizeof value);
}

void gb_put_u64(gb_bytes *to, uint64_t value)
{
    gb_put(to, &value, sizeof value);
}

void gb_put_text(gb_bytes *to, const char *text, size_t bytes)
{
    gb_put_u64(to, bytes);
    gb_put(to, text, bytes);
}

/* ---- Parts ------------------------------------------------------------------------------------- */

gb_file *gb_new(void)
{
    gb_file *file = grow(NULL, sizeof *file);
    *file = (gb_file){.magic = {'G', 'G', 'U', 'F'},
                      .version = 3,
                      .n_entries_said = GB_HONEST,
                      .n_tensors_said = GB_HONEST,
                      .alignment = 32};
    return file;
}

void gb_free(gb_file *file)
{
    if (file == NULL) return;
    for (size_t i = 0; i < file->n_entries; i++) free(file->entries[i].value.data);
    for (size_t i = 0; i < file->n_tensors; i++) free(file->tensors[i].data.data);
    free(file->entries);
    free(file->tensors);
    free(file);
}

gb_entry *gb_find(gb_file *file, const char *key)
{
    for (size_t i = 0; i < file->n_entries; i++)
        if (strcmp(file->entries[i].key, key) == 0) return &file->entries[i];
    return NULL;
}

gb_entry *gb_set(gb_file *file, const char *key, uint32_t type, const void *value, size_t bytes)
{
    gb_entry *entry = gb_find(file, key);
    if (entry == NULL) {
        file->entries = grow(file->entries, (file->n_entries + 1) * sizeof *file->entries);
        entry = &file->entries[file->n_entries++];
        *entry = (gb_entry){.key_bytes = GB_HONEST};
        snprintf(entry->key, sizeof entry->key, "%s", key);
    }
    entry->type = type;
    entry->value.bytes = 0;
    gb_put(&entry->value, value, bytes);
    return entry;
}

void gb_set_u32(gb_file *file, const char *key, uint32_t value)
{
    gb_set(file, key, PW_GGUF_U32, &value, sizeof value);
}

void gb_set_f32(gb_file *file, const char *key, float value)
{
    gb_set(file, key, PW_GGUF_F32, &value, sizeof value);
}

void gb_set_bool(gb_file *file, const char *key, bool value)
{
    const unsigned char byte = value;
    gb_set(file, key, PW_GGUF_BOOL, &byte, 1);
}

void gb_set_text(gb_file *file, const char *key, const char *text)
{
    gb_entry *entry = gb_set(file, key, PW_GGUF_TEXT, NULL, 0);
    gb_put_text(&entry->value, text, strlen(text));
}

void gb_set_array(gb_file *file, const char *key, uint32_t element, uint64_t count,
                  const void *elements, size_t bytes)
{
    gb_entry *entry = gb_set(file, key, PW_GGUF_ARRAY, NULL, 0);
    gb_put_u32(&entry->value, element);
    gb_put_u64(&entry->value, count);
    gb_put(&entry->value, elements, bytes);
}

void gb_remove(gb_file *file, const char *key)
{
    gb_entry *entry = gb_find(file, key);
    if (entry == NULL) return;
    free(entry->value.data);
    const size_t at = (size_t)(entry - file->entries);
    memmove(entry, entry + 1, (--file->n_entries - at) * sizeof *entry);
}

gb_tensor *gb_tensor_named(gb_file *file, const char *name)
{
    for (size_t i = 0; i < file->n_tensors; i++)
        if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
    return NULL;
}

gb_tensor *gb_add_f32(gb_file *file, const char *name, uint64_t n0, uint64_t n1)
{
    file->tensors = grow(file->tensors, (file->n_tensors + 1) * sizeof *file->tensors);
    gb_tensor *tensor = &file->tensors[file->n_tensors++];
    *tensor = (gb_tensor){.name_bytes = GB_HONEST,
                          .n_dims = n1 == 0 ? 1 : 2,
                          .n = {n0, n1 == 0 ? 1 : n1, 1, 1, 1},
                          .offset = file->data_end};
    snprintf(tensor->name, sizeof tensor->name, "%s", name);

    pw_rng rng = {.state = file->n_tensors};
    for (uint64_t i = 0; i < n0 * tensor->n[1]; i++) {
        const float x = (float)pw_rng_unit(&rng) - 0.5f;
        gb_put(&tensor->data, &x, sizeof x);
    }
    const uint64_t end = tensor->offset + tensor->data.bytes, align = file->alignment;
    file->data_end = (end + align - 1) / align * align;
    return tensor;
}

void gb_remove_tensor(gb_file *file, const char *name)
{
    gb_tensor *tensor = gb_tensor_named(file, name);
    if (tensor == NULL) return;
    free(tensor->data.data);
    const size_t at = (size_t)(tensor - file->tensors);
    memmove(tensor, tensor + 1, (--file->n_tensors - at) * sizeof *tensor);

    const uint64_t align = file->alignment;
    file->data_end = 0;
    for (size_t i = 0; i < file->n_tensors; i++) {
        file->tensors[i].offset = file->data_end;
        const uint64_t end = file->data_end + file->tensors[i].data.bytes;
        file->data_end = (end + align - 1) / align * align;
    }
}

/* ---- The whole --------------------------------------------------------------------------------- */

/* A name whose length may be a lie. */
static void put_name(gb_bytes *to, const char *name, int64_t bytes)
{
    gb_put_u64(to, bytes == GB_HONEST ? strlen(name) : (uint64_t)bytes);
    gb_put(to, name, strlen(name));
}

gb_bytes gb_make(const gb_file *file)
{
    gb_bytes out = {0};
    gb_put(&out, file->magic, sizeof file->magic);
    gb_put_u32(&out, file->version);
    gb_put_u64(&out, file->n_tensors_said == GB_HONEST ? file->n_tensors
                                                       : (uint64_t)file->n_tensors_said);
    gb_put_u64(&out, file->n_entries_said == GB_HONEST ? file->n_entries
                                                       : (uint64_t)file->n_entries_said);
    for (size_t i = 0; i < file->n_entries; i++) {
        const gb_entry *entry = &file->entries[i];
        put_name(&out, entry->key, entry->key_bytes);
        gb_put_u32(&out, entry->type);
        gb_put(&out, entry->value.data, entry->value.bytes);
    }
    for (size_t i = 0; i < file->n_tensors; i++) {
        const gb_tensor *tensor = &file->tensors[i];
        put_name(&out, tensor->name, tensor->name_bytes);
        gb_put_u32(&out, tensor->n_dims);
        for (uint32_t k = 0; k < tensor->n_dims && k < 5; k++) gb_put_u64(&out, tensor->n[k]);
        gb_put_u32(&out, tensor->type);
        gb_put_u64(&out, tensor->offset);
    }
    const unsigned char zero = 0;
    while (out.bytes % file->alignment != 0) gb_put(&out, &zero, 1);
    for (size_t i = 0; i < file->n_tensors; i++) {
        gb_put(&out, file->tensors[i].data.data, file->tensors[i].data.bytes);
        while (out.bytes % file->alignment != 0) gb_put(&out, &zero, 1);
    }
    return out;
}

/* ---- Files ------------------------------------------------------------------------------------- */

void gb_make_folder(char out[64])
{
    const int length = snprintf(out, 64 - 6, "/tmp/pewter-test-");
    memset(out + length, 'X', 6); /* what mkdtemp replaces */
    out[length + 6] = 0;
    if (mkdtemp(out) == NULL) {
        perror(out);
        exit(1);
    }
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

void gb_remove_folder(const char *folder)
{
    if (nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0) perror(folder);
}

void gb_write(const char *path, const void *data, size_t bytes)
{
    unlink(path);
    FILE *file = fopen(path, "wb");
    const bool done = file != NULL && (bytes == 0 || fwrite(data, 1, bytes, file) == bytes);
    if (file == NULL || fclose(file) != 0 || !done || chmod(path, 0644) != 0) {
        perror(path);
        exit(1);
    }
}

void gb_save(const gb_file *file, const char *path)
{
    gb_bytes made = gb_make(file);
    gb_write(path, made.data, made.bytes);
    free(made.data);
}

bool gb_give_to_others(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) return false;
    return st.st_gid != (gid_t)st.st_uid || chown(path, (uid_t)-1, (gid_t)(st.st_uid + 1)) == 0;
}
