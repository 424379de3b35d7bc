#include "tests/support/malformed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static gb_file *base_of(const char *name)
{
    return strcmp(name, "bpe") == 0 ? gb_tiny_bpe() : gb_tiny(name);
}

gb_bytes mf_sound(const char *base)
{
    gb_file *file = base_of(base);
    const gb_bytes made = gb_make(file);
    gb_free(file);
    return made;
}

/* A test that names what is not there is wrong. */
static void *wanted(void *found, const mf_case *c)
{
    if (found != NULL) return found;
    fprintf(stderr, "%s: %s: there is no '%s' to make malformed\n", c->row, c->name, c->key);
    exit(1);
}

static gb_entry *entry_of(gb_file *file, const mf_case *c)
{
    return wanted(gb_find(file, c->key), c);
}

static gb_tensor *tensor_of(gb_file *file, const mf_case *c)
{
    return wanted(gb_tensor_named(file, c->key), c);
}

/* ---- Arrays: u32 element type, u64 count, elements ---------------------------------------------- */

enum { ARRAY_HEAD = 4 + 8 };

/* Where element i begins; behind the last for i = count. */
static size_t item_at(const gb_entry *entry, uint64_t i)
{
    uint32_t element;
    memcpy(&element, entry->value.data, sizeof element);
    if (element != PW_GGUF_TEXT) return ARRAY_HEAD + 4 * (size_t)i;
    size_t at = ARRAY_HEAD;
    for (; i > 0; i--) {
        uint64_t bytes;
        memcpy(&bytes, entry->value.data + at, sizeof bytes);
        at += sizeof bytes + (size_t)bytes;
    }
    return at;
}

static void cut_array(gb_entry *entry, uint64_t count)
{
    entry->value.bytes = item_at(entry, count);
    memcpy(entry->value.data + 4, &count, sizeof count);
}

static void replace_text(gb_entry *entry, uint64_t i, const char *text)
{
    const size_t begin = item_at(entry, i), end = item_at(entry, i + 1);
    gb_bytes changed = {0};
    gb_put(&changed, entry->value.data, begin);
    gb_put_text(&changed, text, strlen(text));
    gb_put(&changed, entry->value.data + end, entry->value.bytes - end);
    free(entry->value.data);
    entry->value = changed;
}

static void nest(gb_file *file, const char *key, uint64_t depth)
{
    gb_entry *entry = gb_set(file, key, PW_GGUF_ARRAY, NULL, 0);
    for (uint64_t i = 1; i < depth; i++) {
        gb_put_u32(&entry->value, PW_GGUF_ARRAY);
        gb_put_u64(&entry->value, 1);
    }
    gb_put_u32(&entry->value, PW_GGUF_U32);
    gb_put_u64(&entry->value, 0);
}

/* ---- Changes ----------------------------------------------------------------------------------- */

static void set_int(gb_file *file, const mf_case *c)
{
    static const size_t sizes[PW_GGUF_TYPE_COUNT] = {
        [PW_GGUF_U8] = 1,   [PW_GGUF_I8] = 1,  [PW_GGUF_U16] = 2,
        [PW_GGUF_I16] = 2,  [PW_GGUF_U32] = 4, [PW_GGUF_I32] = 4,
        [PW_GGUF_BOOL] = 1, [PW_GGUF_U64] = 8, [PW_GGUF_I64] = 8};
    gb_set(file, c->key, (uint32_t)c->b, &c->a, sizes[c->b]);
}

static void set_twice(gb_file *file, const mf_case *c)
{
    const gb_entry *entry = entry_of(file, c);
    gb_set(file, "twice", entry->type, entry->value.data, entry->value.bytes);
    snprintf(gb_find(file, "twice")->key, sizeof entry->key, "%s", c->key);
}

static void change_entry(gb_file *file, const mf_case *c)
{
    gb_entry *entry;
    const uint32_t narrow = (uint32_t)c->a;
    switch ((int)c->kind) {
    case MF_KEY_BYTES: entry_of(file, c)->key_bytes = (int64_t)c->a; break;
    case MF_KEY:
        entry = entry_of(file, c);
        snprintf(entry->key, sizeof entry->key, "%s", c->text);
        break;
    case MF_INT: set_int(file, c); break;
    case MF_FLOAT: gb_set_f32(file, c->key, (float)c->x); break;
    case MF_TEXT: gb_set_text(file, c->key, c->text); break;
    case MF_TYPE: entry_of(file, c)->type = narrow; break;
    case MF_REMOVE:
        entry_of(file, c);
        gb_remove(file, c->key);
        break;
    case MF_TWICE: set_twice(file, c); break;
    case MF_TEXT_BYTES: memcpy(entry_of(file, c)->value.data, &c->a, sizeof c->a); break;
    case MF_COUNT: memcpy(entry_of(file, c)->value.data + 4, &c->a, sizeof c->a); break;
    case MF_ELEMENT: memcpy(entry_of(file, c)->value.data, &narrow, sizeof narrow); break;
    case MF_CUT: cut_array(entry_of(file, c), c->a); break;
    case MF_ITEM:
        entry = entry_of(file, c);
        memcpy(entry->value.data + item_at(entry, c->b), &narrow, sizeof narrow);
        break;
    case MF_ITEM_BYTES:
        entry = entry_of(file, c);
        memcpy(entry->value.data + item_at(entry, c->b), &c->a, sizeof c->a);
        break;
    case MF_ITEM_TEXT: replace_text(entry_of(file, c), c->b, c->text); break;
    case MF_NEST: nest(file, c->key, c->a); break;
    }
}

static void change_tensor(gb_file *file, const mf_case *c)
{
    gb_tensor *tensor;
    const float real = (float)c->x;
    switch ((int)c->kind) {
    case MF_DIMS: tensor_of(file, c)->n_dims = (uint32_t)c->a; break;
    case MF_DIM: tensor_of(file, c)->n[c->b] = c->a; break;
    case MF_TENSOR_TYPE: tensor_of(file, c)->type = (uint32_t)c->a; break;
    case MF_OFFSET: tensor_of(file, c)->offset = c->a; break;
    case MF_OFFSET_BY: tensor_of(file, c)->offset += c->a; break;
    case MF_NAME:
        tensor = tensor_of(file, c);
        snprintf(tensor->name, sizeof tensor->name, "%s", c->text);
        break;
    case MF_NAME_BYTES: tensor_of(file, c)->name_bytes = (int64_t)c->a; break;
    case MF_NO_TENSOR:
        tensor_of(file, c);
        gb_remove_tensor(file, c->key);
        break;
    case MF_MORE_TENSOR: gb_add_f32(file, c->key, c->a, c->b); break;
    case MF_VALUE: memcpy(tensor_of(file, c)->data.data + 4 * c->b, &real, sizeof real); break;
    }
}

gb_bytes mf_make(const mf_case *c)
{
    gb_file *file = base_of(c->base);
    if (c->kind == MF_MAGIC)
        memcpy(file->magic, c->text, sizeof file->magic);
    else if (c->kind == MF_VERSION)
        file->version = (uint32_t)c->a;
    else if (c->kind == MF_N_ENTRIES)
        file->n_entries_said = (int64_t)c->a;
    else if (c->kind == MF_N_TENSORS)
        file->n_tensors_said = (int64_t)c->a;
    else if (c->kind < MF_DIMS)
        change_entry(file, c);
    else
        change_tensor(file, c);
    gb_bytes made = gb_make(file);
    if (c->kind == MF_SHORTER) made.bytes -= c->a < made.bytes ? (size_t)c->a : made.bytes;
    gb_free(file);
    return made;
}
