#include "runtime/model/gguf.h"

#include "runtime/model/gguf_file.h"

static pewter_status open_all(pw_gguf *file, const char *path, const pw_file_rules *rules,
                              pewter_error *err)
{
    file->files = pw_arena_array(&file->arena, PW_GGUF_MAX_PARTS, sizeof *file->files);
    if (file->files == NULL) return pw_fail(err, PEWTER_E_MEMORY, "no memory for a model file");
    PW_TRY(pw_file_open(path, rules, &file->files[0], err));
    file->n_files = 1;
    PW_TRY(pw_gguf_read_head(&file->files[0], 0, &file->arena, &file->head, err));
    PW_TRY(pw_gguf_join_parts(file, path, rules, err));
    PW_TRY(pw_gguf_index_tensors(file, err));
    if (pw_gguf_faulted(file))
        return pw_fail(err, PEWTER_E_IO, "%s became shorter while it was read", pw_gguf_name(file));
    return PEWTER_OK;
}

pewter_status pw_gguf_open(const char *path, const pw_gguf_options *options,
                           const pewter_allocator *alloc, pw_gguf **out, pewter_error *err)
{
    pw_gguf *file = pw_alloc(alloc, sizeof *file);
    if (file == NULL) return pw_fail(err, PEWTER_E_MEMORY, "no memory for a model file");
    *file = (pw_gguf){.alloc = alloc, .arena.alloc = alloc};

    pw_file_rules rules = {0};
    if (options != NULL) {
        rules.trust_permissions = options->trust_permissions;
        rules.guard = options->guard;
    }
    const pewter_status status = open_all(file, path, &rules, err);
    if (status != PEWTER_OK) {
        pw_gguf_close(file);
        return status;
    }
    *out = file;
    return PEWTER_OK;
}

void pw_gguf_close(pw_gguf *file)
{
    if (file == NULL) return;
    for (uint32_t i = 0; i < file->n_files; i++) pw_file_close(&file->files[i]);
    pw_arena_free(&file->arena);
    pw_free(file->alloc, file, sizeof *file);
}

bool pw_gguf_faulted(const pw_gguf *file)
{
    for (uint32_t i = 0; i < file->n_files; i++)
        if (pw_file_faulted(&file->files[i])) return true;
    return false;
}

const char *pw_gguf_name(const pw_gguf *file)
{
    return file->files[0].name;
}

uint32_t pw_gguf_version(const pw_gguf *file)
{
    return file->head.version;
}

uint32_t pw_gguf_parts(const pw_gguf *file)
{
    return file->n_files;
}

uint64_t pw_gguf_file_bytes(const pw_gguf *file)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < file->n_files; i++) bytes += file->files[i].bytes;
    return bytes;
}

const pw_gguf_value *pw_gguf_values(const pw_gguf *file, size_t *count)
{
    *count = file->head.n_values;
    return file->head.values;
}

const pw_gguf_tensor *pw_gguf_tensors(const pw_gguf *file, size_t *count)
{
    *count = file->head.n_tensors;
    return file->head.tensors;
}
