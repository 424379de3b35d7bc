/* Models split over files: NAME-00001-of-00003.gguf and so on, each with metadata split.no (from 0)
 * and split.count; the first also says how many tensors there are in all. */
#include <string.h>

#include "runtime/model/gguf_file.h"

enum { TAIL = sizeof "-00001-of-00003.gguf" - 1 };

/* What a part says of itself. */
typedef struct split {
    uint64_t no, count, tensors;
} split;

static pewter_status read_uint(const pw_gguf_head *head, const char *name, const char *key,
                               uint64_t *out, pewter_error *err)
{
    const pw_gguf_value *value = pw_gguf_head_find(head, key);
    if (value == NULL) return PEWTER_OK;
    return pw_gguf_value_uint(value, name, out, err);
}

static pewter_status read_split(const pw_gguf_head *head, const char *name, split *out,
                                pewter_error *err)
{
    *out = (split){.tensors = UINT64_MAX};
    PW_TRY(read_uint(head, name, "split.count", &out->count, err));
    PW_TRY(read_uint(head, name, "split.no", &out->no, err));
    PW_TRY(read_uint(head, name, "split.tensors.count", &out->tensors, err));
    if (out->count > PW_GGUF_MAX_PARTS)
        return pw_fail(err, PEWTER_E_FORMAT, "%s: split.count is %llu, %d are the most", name,
                       (unsigned long long)out->count, PW_GGUF_MAX_PARTS);
    if (out->count > 1 && out->no >= out->count)
        return pw_fail(err, PEWTER_E_FORMAT, "%s: split.no is %llu, split.count %llu", name,
                       (unsigned long long)out->no, (unsigned long long)out->count);
    return PEWTER_OK;
}

static void write_tail(uint64_t no, uint64_t count, char out[TAIL + 1])
{
    snprintf(out, TAIL + 1, "-%05u-of-%05u.gguf", (unsigned)(no + 1) % 100000u,
             (unsigned)count % 100000u);
}

/* The name of the first part without its numbers, in bytes; refused where the numbers in the name
 * are not those in the metadata. */
static pewter_status check_name(const char *path, const split *s, size_t *stem, pewter_error *err)
{
    const char *base = pw_file_base(path);
    const size_t length = strlen(base);
    char tail[TAIL + 1], name[200];
    pw_file_name(path, name, sizeof name);
    write_tail(s->no, s->count, tail);
    if (length < TAIL || strcmp(base + length - TAIL, tail) != 0)
        return pw_fail(err, PEWTER_E_FORMAT,
                       "%s is part %llu of %llu of a split model, so its name must end in %s", name,
                       (unsigned long long)s->no + 1, (unsigned long long)s->count, tail);
    if (s->no != 0) {
        write_tail(0, s->count, tail);
        return pw_fail(err, PEWTER_E_ARG,
                       "%s is part %llu of %llu of a split model: name the first, %.80s%s", name,
                       (unsigned long long)s->no + 1, (unsigned long long)s->count, "...", tail);
    }
    *stem = length - TAIL;
    return PEWTER_OK;
}

static pewter_status open_part(pw_gguf *file, const char *path, const char *name,
                               const split *first, const pw_file_rules *rules, pw_gguf_head *out,
                               pewter_error *err)
{
    const uint32_t no = file->n_files;
    pw_file *opened = &file->files[no];
    PW_TRY(pw_file_open_sibling(path, name, rules, opened, err));
    file->n_files++;
    PW_TRY(pw_gguf_read_head(opened, no, &file->arena, out, err));
    split s;
    PW_TRY(read_split(out, opened->name, &s, err));
    if (s.no != no || s.count != first->count)
        return pw_fail(err, PEWTER_E_FORMAT,
                       "%s says it is part %llu of %llu (split.no, split.count), wanted is part %u "
                       "of %llu",
                       opened->name, (unsigned long long)s.no + 1, (unsigned long long)s.count,
                       no + 1, (unsigned long long)first->count);
    return PEWTER_OK;
}

static pewter_status join(pw_gguf *file, const pw_gguf_head *heads, size_t count, pewter_error *err)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) total += heads[i].n_tensors;
    pw_gguf_tensor *all = pw_arena_array(&file->arena, total, sizeof *all);
    if (all == NULL)
        return pw_fail(err, PEWTER_E_MEMORY, "%s: no memory for %zu tensors", pw_gguf_name(file),
                       total);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (heads[i].n_tensors > 0)
            memcpy(all + at, heads[i].tensors, heads[i].n_tensors * sizeof *all);
        at += heads[i].n_tensors;
    }
    file->head.tensors = all;
    file->head.n_tensors = total;
    return PEWTER_OK;
}

pewter_status pw_gguf_join_parts(pw_gguf *file, const char *path, const pw_file_rules *rules,
                                 pewter_error *err)
{
    split first;
    size_t stem = 0;
    PW_TRY(read_split(&file->head, pw_gguf_name(file), &first, err));
    if (first.count > 1) {
        PW_TRY(check_name(path, &first, &stem, err));
        const size_t count = (size_t)first.count;
        pw_gguf_head *heads = pw_arena_array(&file->arena, count, sizeof *heads);
        char *name = pw_arena_take(&file->arena, stem + TAIL + 1);
        if (heads == NULL || name == NULL)
            return pw_fail(err, PEWTER_E_MEMORY, "%s: no memory for %zu parts", pw_gguf_name(file),
                           count);
        memcpy(name, pw_file_base(path), stem);
        heads[0] = file->head;
        for (size_t i = 1; i < count; i++) {
            write_tail(i, first.count, name + stem);
            PW_TRY(open_part(file, path, name, &first, rules, &heads[i], err));
        }
        PW_TRY(join(file, heads, count, err));
    }
    if (first.tensors != UINT64_MAX && first.tensors != file->head.n_tensors)
        return pw_fail(err, PEWTER_E_FORMAT, "%s: split.tensors.count is %llu, the parts have %zu",
                       pw_gguf_name(file), (unsigned long long)first.tensors, file->head.n_tensors);
    return PEWTER_OK;
}
