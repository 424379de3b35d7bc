/* Names of a file in order, so that they are found by halving and doubles stand side by side; data in
 * order of place, so that overlaps do. Sorted by heap sort: no order of a file's names is slow. */
#include <string.h>

#include "runtime/model/gguf_file.h"

/* Whether item a stands before item b. */
typedef bool before_fn(const void *items, uint32_t a, uint32_t b);

/* 0 .. count - 1 into `index`, in the order of `before`. Source: Williams 1964, algorithm 232. */
static void sort(const void *items, before_fn *before, uint32_t *index, size_t count)
{
    for (size_t i = 0; i < count; i++) index[i] = (uint32_t)i;
    size_t heap = count / 2, end = count;
    while (end > 1) {
        uint32_t moved;
        if (heap > 0) {
            moved = index[--heap];
        } else {
            moved = index[--end];
            index[end] = index[0];
        }
        size_t at = heap;
        for (size_t child; (child = 2 * at + 1) < end; at = child) {
            if (child + 1 < end && before(items, index[child], index[child + 1])) child++;
            if (!before(items, moved, index[child])) break;
            index[at] = index[child];
        }
        index[at] = moved;
    }
}

static bool key_before(const void *items, uint32_t a, uint32_t b)
{
    const pw_gguf_value *values = items;
    return strcmp(values[a].key, values[b].key) < 0;
}

static bool name_before(const void *items, uint32_t a, uint32_t b)
{
    const pw_gguf_tensor *tensors = items;
    return strcmp(tensors[a].name, tensors[b].name) < 0;
}

static bool place_before(const void *items, uint32_t a, uint32_t b)
{
    const pw_gguf_tensor *tensors = items;
    return tensors[a].offset < tensors[b].offset;
}

pewter_status pw_gguf_index_values(pw_gguf_head *head, const char *name, pw_arena *arena,
                                   pewter_error *err)
{
    head->values_by_key = pw_arena_array(arena, head->n_values, sizeof *head->values_by_key);
    if (head->values_by_key == NULL)
        return pw_fail(err, PEWTER_E_MEMORY, "%s: no memory for %zu keys", name, head->n_values);
    sort(head->values, key_before, head->values_by_key, head->n_values);
    for (size_t i = 1; i < head->n_values; i++) {
        const char *key = head->values[head->values_by_key[i]].key;
        if (strcmp(key, head->values[head->values_by_key[i - 1]].key) == 0)
            return pw_fail(err, PEWTER_E_FORMAT, "%s: the key '%.80s' stands there twice", name,
                           key);
    }
    return PEWTER_OK;
}

pewter_status pw_gguf_index_tensors(pw_gguf *file, pewter_error *err)
{
    const size_t count = file->head.n_tensors;
    const pw_gguf_tensor *tensors = file->head.tensors;
    uint32_t *index = pw_arena_array(&file->arena, count, sizeof *index);
    if (index == NULL)
        return pw_fail(err, PEWTER_E_MEMORY, "%s: no memory for %zu tensors", pw_gguf_name(file),
                       count);
    sort(tensors, name_before, index, count);
    for (size_t i = 1; i < count; i++) {
        const char *name = tensors[index[i]].name;
        if (strcmp(name, tensors[index[i - 1]].name) == 0)
            return pw_fail(err, PEWTER_E_FORMAT, "%s: two tensors are called '%.80s'",
                           pw_gguf_name(file), name);
    }
    file->tensors_by_name = index;
    return PEWTER_OK;
}

pewter_status pw_gguf_check_apart(const pw_gguf_head *head, const char *name, uint32_t *room,
                                  pewter_error *err)
{
    sort(head->tensors, place_before, room, head->n_tensors);
    for (size_t i = 1; i < head->n_tensors; i++) {
        const pw_gguf_tensor *a = &head->tensors[room[i - 1]], *b = &head->tensors[room[i]];
        if (b->offset - a->offset < a->bytes)
            return pw_fail(err, PEWTER_E_FORMAT, "%s: tensors '%.80s' and '%.80s' overlap", name,
                           a->name, b->name);
    }
    return PEWTER_OK;
}

const pw_gguf_value *pw_gguf_head_find(const pw_gguf_head *head, const char *key)
{
    size_t low = 0, high = head->n_values;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const pw_gguf_value *value = &head->values[head->values_by_key[middle]];
        const int order = strcmp(key, value->key);
        if (order == 0) return value;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const pw_gguf_value *pw_gguf_find(const pw_gguf *file, const char *key)
{
    return pw_gguf_head_find(&file->head, key);
}

const pw_gguf_tensor *pw_gguf_tensor_named(const pw_gguf *file, const char *name)
{
    size_t low = 0, high = file->head.n_tensors;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const pw_gguf_tensor *tensor = &file->head.tensors[file->tensors_by_name[middle]];
        const int order = strcmp(name, tensor->name);
        if (order == 0) return tensor;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
