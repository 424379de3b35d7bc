/* The header of a part: counts, metadata, tensors, and where their data lie. */
#include <string.h>

#include "runtime/model/gguf_file.h"

enum {
    MAX_VALUES = 1 << 16,
    MAX_TENSORS = 1 << 18,
    MAX_KEY = 65535,
    MAX_TEXT = 64 << 20,
    MAX_ALIGNMENT = 1 << 20,
    DEFAULT_ALIGNMENT = 32,
    LEAST_ENTRY = 8 + 1 + 4 + 1,         /* key of one byte, type, a value of one byte */
    LEAST_TENSOR = 8 + 1 + 4 + 8 + 4 + 8 /* name of one byte, count, dimension, type, offset */
};

static const size_t scalar_bytes[PW_GGUF_TYPE_COUNT] = {
    [PW_GGUF_U8] = 1,  [PW_GGUF_I8] = 1,  [PW_GGUF_U16] = 2, [PW_GGUF_I16] = 2,
    [PW_GGUF_U32] = 4, [PW_GGUF_I32] = 4, [PW_GGUF_F32] = 4, [PW_GGUF_BOOL] = 1,
    [PW_GGUF_U64] = 8, [PW_GGUF_I64] = 8, [PW_GGUF_F64] = 8};

/* A place in the mapped bytes. */
typedef struct reader {
    const pw_file *file;
    size_t at;
    pw_arena *arena;
    char *names, *names_end; /* room for short names, many to a block */
    pewter_error *err;
} reader;

static pewter_status ends_early(const reader *r, const char *what, uint64_t wanted)
{
    return pw_fail(r->err, PEWTER_E_FORMAT, "%s ends early: %s wants %llu bytes, %zu are left",
                   r->file->name, what, (unsigned long long)wanted, r->file->bytes - r->at);
}

static pewter_status take(reader *r, const char *what, uint64_t bytes, const unsigned char **out)
{
    if (bytes > r->file->bytes - r->at) return ends_early(r, what, bytes);
    *out = r->file->data + r->at;
    r->at += (size_t)bytes;
    return PEWTER_OK;
}

/* A number of `bytes` bytes, little-endian as this machine. */
static pewter_status take_number(reader *r, const char *what, void *out, size_t bytes)
{
    if (bytes > r->file->bytes - r->at) return ends_early(r, what, bytes);
    memcpy(out, r->file->data + r->at, bytes);
    r->at += bytes;
    return PEWTER_OK;
}

static pewter_status take_u32(reader *r, const char *what, uint32_t *out)
{
    return take_number(r, what, out, sizeof *out);
}

static pewter_status take_u64(reader *r, const char *what, uint64_t *out)
{
    return take_number(r, what, out, sizeof *out);
}

/* Room for `bytes` bytes; short names share a block. */
static char *name_room(reader *r, size_t bytes)
{
    enum { BLOCK = 16 * 1024 };
    if (bytes > BLOCK / 4) return pw_arena_take(r->arena, bytes);
    if ((size_t)(r->names_end - r->names) < bytes) {
        r->names = pw_arena_take(r->arena, BLOCK);
        r->names_end = r->names == NULL ? NULL : r->names + BLOCK;
        if (r->names == NULL) return NULL;
    }
    char *room = r->names;
    r->names += bytes;
    return room;
}

/* A key or the name of a tensor: printable ASCII, copied with a final NUL. */
static pewter_status take_name(reader *r, const char *what, const char **out)
{
    uint64_t length = 0;
    const unsigned char *from = r->file->data;
    PW_TRY(take_u64(r, what, &length));
    if (length == 0 || length > MAX_KEY)
        return pw_fail(r->err, PEWTER_E_FORMAT, "%s: %s is %llu bytes long, 1 to %d are allowed",
                       r->file->name, what, (unsigned long long)length, MAX_KEY);
    PW_TRY(take(r, what, length, &from));
    char *name = name_room(r, (size_t)length + 1);
    if (name == NULL)
        return pw_fail(r->err, PEWTER_E_MEMORY, "%s: no memory for names", r->file->name);
    memcpy(name, from, (size_t)length);
    name[length] = 0;
    for (size_t i = 0; i < length; i++)
        if (name[i] < 0x20 || name[i] > 0x7e)
            return pw_fail(r->err, PEWTER_E_FORMAT,
                           "%s: %s holds byte 0x%02x, printable ASCII is wanted", r->file->name,
                           what, (unsigned)(unsigned char)name[i]);
    *out = name;
    return PEWTER_OK;
}

/* ---- Metadata ---------------------------------------------------------------------------------- */

static pewter_status take_text(reader *r, const char *key, const unsigned char **out,
                               uint64_t *length)
{
    PW_TRY(take_u64(r, key, length));
    if (*length > MAX_TEXT && *length <= r->file->bytes - r->at)
        return pw_fail(r->err, PEWTER_E_FORMAT, "%s: %.80s: a text of %llu bytes, %d are the most",
                       r->file->name, key, (unsigned long long)*length, MAX_TEXT);
    return take(r, key, *length, out);
}

static pewter_status take_array(reader *r, pw_gguf_value *value)
{
    uint32_t element = 0;
    PW_TRY(take_u32(r, value->key, &element));
    PW_TRY(take_u64(r, value->key, &value->count));
    if (element == PW_GGUF_ARRAY)
        return pw_fail(r->err, PEWTER_E_UNSUPPORTED, "%s: %.80s: arrays of arrays are not read",
                       r->file->name, value->key);
    if (element >= PW_GGUF_TYPE_COUNT)
        return pw_fail(r->err, PEWTER_E_FORMAT,
                       "%s: %.80s: array elements are of type %u, the last known is %d",
                       r->file->name, value->key, element, PW_GGUF_TYPE_COUNT - 1);
    value->element = (pw_gguf_type)element;

    const size_t least = element == PW_GGUF_TEXT ? sizeof(uint64_t) : scalar_bytes[element];
    if (value->count > (r->file->bytes - r->at) / least)
        return pw_fail(r->err, PEWTER_E_FORMAT,
                       "%s: %.80s: an array of %llu elements does not fit into the %zu bytes left",
                       r->file->name, value->key, (unsigned long long)value->count,
                       r->file->bytes - r->at);
    if (element != PW_GGUF_TEXT) return take(r, value->key, value->count * least, &value->data);

    value->data = r->file->data + r->at;
    for (uint64_t i = 0; i < value->count; i++) {
        const unsigned char *text;
        uint64_t length;
        PW_TRY(take_text(r, value->key, &text, &length));
    }
    return PEWTER_OK;
}

static pewter_status take_value(reader *r, pw_gguf_value *value)
{
    uint32_t type = 0;
    PW_TRY(take_name(r, "a metadata key", &value->key));
    PW_TRY(take_u32(r, value->key, &type));
    if (type >= PW_GGUF_TYPE_COUNT)
        return pw_fail(r->err, PEWTER_E_FORMAT, "%s: %.80s is of type %u, the last known is %d",
                       r->file->name, value->key, type, PW_GGUF_TYPE_COUNT - 1);
    value->type = value->element = (pw_gguf_type)type;
    value->count = 1;

    if (type == PW_GGUF_ARRAY) {
        PW_TRY(take_array(r, value));
    } else if (type == PW_GGUF_TEXT) {
        PW_TRY(take_text(r, value->key, &value->data, &value->count));
    } else {
        PW_TRY(take(r, value->key, scalar_bytes[type], &value->data));
    }
    value->bytes = r->at - (size_t)(value->data - r->file->data);
    if (type == PW_GGUF_BOOL && value->data[0] > 1)
        return pw_fail(r->err, PEWTER_E_FORMAT, "%s: %.80s: a bool is 0 or 1, not %u",
                       r->file->name, value->key, (unsigned)value->data[0]);
    return PEWTER_OK;
}

static pewter_status take_values(reader *r, pw_gguf_head *head)
{
    head->values = pw_arena_array(r->arena, head->n_values, sizeof *head->values);
    if (head->values == NULL)
        return pw_fail(r->err, PEWTER_E_MEMORY, "%s: no memory for %zu keys", r->file->name,
                       head->n_values);
    for (size_t i = 0; i < head->n_values; i++) PW_TRY(take_value(r, &head->values[i]));
    return pw_gguf_index_values(head, r->file->name, r->arena, r->err);
}

static pewter_status take_alignment(const reader *r, pw_gguf_head *head)
{
    head->alignment = DEFAULT_ALIGNMENT;
    const pw_gguf_value *value = pw_gguf_head_find(head, "general.alignment");
    if (value == NULL) return PEWTER_OK;
    uint32_t alignment;
    if (value->type != PW_GGUF_U32)
        return pw_fail(r->err, PEWTER_E_FORMAT,
                       "%s: general.alignment is of type %s, u32 is wanted", r->file->name,
                       pw_gguf_type_name(value->type));
    memcpy(&alignment, value->data, sizeof alignment);
    if (alignment == 0 || alignment > MAX_ALIGNMENT || (alignment & (alignment - 1)) != 0)
        return pw_fail(r->err, PEWTER_E_FORMAT,
                       "%s: general.alignment is %u, a power of two from 1 to %d is wanted",
                       r->file->name, alignment, MAX_ALIGNMENT);
    head->alignment = alignment;
    return PEWTER_OK;
}

/* ---- Tensors ----------------------------------------------------------------------------------- */

static pewter_status take_shape(reader *r, pw_gguf_tensor *tensor)
{
    uint32_t n_dims = 0;
    PW_TRY(take_u32(r, tensor->name, &n_dims));
    if (n_dims < 1 || n_dims > 4)
        return pw_fail(r->err, PEWTER_E_FORMAT,
                       "%s: tensor '%.80s' has %u dimensions, 1 to 4 are allowed", r->file->name,
                       tensor->name, n_dims);
    tensor->n_dims = (int32_t)n_dims;
    for (uint32_t i = 0; i < 4; i++) {
        uint64_t n = 1;
        if (i < n_dims) PW_TRY(take_u64(r, tensor->name, &n));
        if (n < 1 || n > INT64_MAX)
            return pw_fail(r->err, PEWTER_E_FORMAT,
                           "%s: tensor '%.80s': dimension %u is %llu, 1 to 2^63 - 1 is allowed",
                           r->file->name, tensor->name, i, (unsigned long long)n);
        tensor->n[i] = (int64_t)n;
    }
    return PEWTER_OK;
}

static pewter_status take_dtype(reader *r, pw_gguf_tensor *tensor)
{
    uint32_t type = 0;
    PW_TRY(take_u32(r, tensor->name, &type));
    tensor->dtype = type <= INT32_MAX ? pw_dtype_from_ggml(type) : PW_DTYPE_COUNT;
    if (tensor->dtype == PW_DTYPE_COUNT || pw_dtype_get(tensor->dtype)->block_bytes == 0)
        return pw_fail(r->err, PEWTER_E_UNSUPPORTED,
                       "%s: tensor '%.80s' is of ggml type %u, which is not known", r->file->name,
                       tensor->name, type);

    const pw_dtype_info *info = pw_dtype_get(tensor->dtype);
    if (tensor->n[0] % info->block != 0)
        return pw_fail(r->err, PEWTER_E_FORMAT,
                       "%s: tensor '%.80s': rows of %lld values are no multiple of the %lld of a "
                       "%s block",
                       r->file->name, tensor->name, (long long)tensor->n[0], (long long)info->block,
                       info->name);
    size_t bytes;
    if (!pw_dtype_row_bytes(tensor->dtype, tensor->n[0], &tensor->row_bytes) ||
        !pw_mul(tensor->row_bytes, (size_t)tensor->n[1], &bytes) ||
        !pw_mul(bytes, (size_t)tensor->n[2], &bytes) ||
        !pw_mul(bytes, (size_t)tensor->n[3], &tensor->bytes))
        return pw_fail(r->err, PEWTER_E_FORMAT,
                       "%s: tensor '%.80s': its dimensions %lld x %lld x %lld x %lld overflow",
                       r->file->name, tensor->name, (long long)tensor->n[0],
                       (long long)tensor->n[1], (long long)tensor->n[2], (long long)tensor->n[3]);
    return PEWTER_OK;
}

static pewter_status take_tensor(reader *r, pw_gguf_tensor *tensor)
{
    PW_TRY(take_name(r, "the name of a tensor", &tensor->name));
    PW_TRY(take_shape(r, tensor));
    PW_TRY(take_dtype(r, tensor));
    return take_u64(r, tensor->name, &tensor->offset);
}

/* From the offset in the data to the offset in the file, inside the file and aligned. */
static pewter_status place_tensor(const reader *r, size_t data, size_t alignment,
                                  pw_gguf_tensor *tensor)
{
    size_t offset;
    if (tensor->offset % alignment != 0)
        return pw_fail(r->err, PEWTER_E_FORMAT,
                       "%s: tensor '%.80s': offset %llu is no multiple of the alignment %zu",
                       r->file->name, tensor->name, (unsigned long long)tensor->offset, alignment);
    if (tensor->offset > SIZE_MAX || !pw_add(data, (size_t)tensor->offset, &offset) ||
        offset > r->file->bytes || tensor->bytes > r->file->bytes - offset)
        return pw_fail(r->err, PEWTER_E_FORMAT,
                       "%s: tensor '%.80s': %zu bytes at offset %llu of the data pass the end of "
                       "the file, which has %zu bytes of data",
                       r->file->name, tensor->name, tensor->bytes,
                       (unsigned long long)tensor->offset,
                       data < r->file->bytes ? r->file->bytes - data : 0);
    const size_t scalar = tensor->dtype == PW_F32 ? 4 : 2;
    if (offset % scalar != 0)
        return pw_fail(r->err, PEWTER_E_FORMAT,
                       "%s: tensor '%.80s': its data begin at byte %zu, no multiple of %zu",
                       r->file->name, tensor->name, offset, scalar);
    tensor->offset = offset;
    tensor->data = r->file->data + offset;
    return PEWTER_OK;
}

static pewter_status take_tensors(reader *r, uint32_t part, pw_gguf_head *head)
{
    head->tensors = pw_arena_array(r->arena, head->n_tensors, sizeof *head->tensors);
    uint32_t *room = pw_arena_array(r->arena, head->n_tensors, sizeof *room);
    if (head->tensors == NULL || room == NULL)
        return pw_fail(r->err, PEWTER_E_MEMORY, "%s: no memory for %zu tensors", r->file->name,
                       head->n_tensors);
    for (size_t i = 0; i < head->n_tensors; i++) PW_TRY(take_tensor(r, &head->tensors[i]));

    size_t data;
    if (!pw_align(r->at, head->alignment, &data))
        return pw_fail(r->err, PEWTER_E_FORMAT, "%s: too long", r->file->name);
    for (size_t i = 0; i < head->n_tensors; i++) {
        pw_gguf_tensor *tensor = &head->tensors[i];
        PW_TRY(place_tensor(r, data, head->alignment, tensor));
        tensor->part = part;
        tensor->fd = r->file->fd;
    }
    return pw_gguf_check_apart(head, r->file->name, room, r->err);
}

/* ---- The whole --------------------------------------------------------------------------------- */

static pewter_status take_count(reader *r, const char *what, size_t least, size_t most, size_t *out)
{
    uint64_t count = 0;
    PW_TRY(take_u64(r, what, &count));
    if (count > most)
        return pw_fail(r->err, PEWTER_E_FORMAT, "%s: %s is %llu, %zu are the most", r->file->name,
                       what, (unsigned long long)count, most);
    const size_t left = r->file->bytes - r->at;
    if (count > left / least)
        return pw_fail(r->err, PEWTER_E_FORMAT,
                       "%s: %s is %llu, more than fit into the %zu bytes left", r->file->name, what,
                       (unsigned long long)count, left);
    *out = (size_t)count;
    return PEWTER_OK;
}

static pewter_status take_version(reader *r, uint32_t *out)
{
    const unsigned char *magic = r->file->data;
    PW_TRY(take(r, "the magic", 4, &magic));
    if (memcmp(magic, "GGUF", 4) != 0)
        return pw_fail(r->err, PEWTER_E_FORMAT,
                       "%s is no GGUF file: it begins with bytes %02x %02x %02x %02x",
                       r->file->name, (unsigned)magic[0], (unsigned)magic[1], (unsigned)magic[2],
                       (unsigned)magic[3]);
    PW_TRY(take_u32(r, "the version", out));
    if (*out >= 1u << 16 && *out % (1u << 16) == 0)
        return pw_fail(r->err, PEWTER_E_UNSUPPORTED, "%s: big-endian, version 0x%08x of GGUF",
                       r->file->name, *out);
    if (*out < 2 || *out > 3)
        return pw_fail(r->err, PEWTER_E_UNSUPPORTED,
                       "%s: version %u of GGUF, versions 2 and 3 are read", r->file->name, *out);
    return PEWTER_OK;
}

pewter_status pw_gguf_read_head(const pw_file *file, uint32_t part, pw_arena *arena,
                                pw_gguf_head *out, pewter_error *err)
{
    reader r = {.file = file, .arena = arena, .err = err};
    pw_gguf_head head = {0};
    PW_TRY(take_version(&r, &head.version));
    PW_TRY(take_count(&r, "the count of tensors", LEAST_TENSOR, MAX_TENSORS, &head.n_tensors));
    PW_TRY(take_count(&r, "the count of keys", LEAST_ENTRY, MAX_VALUES, &head.n_values));
    PW_TRY(take_values(&r, &head));
    PW_TRY(take_alignment(&r, &head));
    PW_TRY(take_tensors(&r, part, &head));
    *out = head;
    return PEWTER_OK;
}
