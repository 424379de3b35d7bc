#include "runtime/model/inspect.h"

#include <string.h>

#include "pw/status.h"
#include "runtime/model/hparams.h"
#include "runtime/text/json.h"

enum { LONG_TEXT = 200 };

static void quote(pw_out *out, const char *text, size_t bytes)
{
    const size_t left = out->at < out->cap ? out->cap - out->at : 0;
    out->at += pw_json_quote(text, bytes, left > 0 ? out->buf + out->at : NULL, left);
}

static void print_value(const pw_gguf_value *v, pw_out *out)
{
    char number[64];
    if (v->type == PW_GGUF_ARRAY) {
        pw_print(out, "{\"array\":\"%s\",\"count\":%llu}", pw_gguf_type_name(v->element),
                 (unsigned long long)v->count);
    } else if (v->type == PW_GGUF_TEXT && v->bytes > LONG_TEXT) {
        pw_print(out, "{\"text\":%zu}", v->bytes);
    } else if (v->type == PW_GGUF_TEXT) {
        quote(out, (const char *)v->data, v->bytes);
    } else {
        pw_gguf_print(v, number, sizeof number);
        /* JSON has no words for what is not a number. */
        const bool word = strpbrk(number, "nN") != NULL && strcmp(number, "true") != 0;
        pw_print(out, word ? "\"%s\"" : "%s", number);
    }
}

static void print_metadata(const pw_gguf *file, pw_out *out)
{
    size_t count;
    const pw_gguf_value *values = pw_gguf_values(file, &count);
    pw_print(out, ",\"metadata\":{");
    for (size_t i = 0; i < count; i++) {
        if (i > 0) pw_print(out, ",");
        quote(out, values[i].key, strlen(values[i].key));
        pw_print(out, ":");
        print_value(&values[i], out);
    }
    pw_print(out, "}");
}

static void print_hparams(const pw_gguf *file, pw_out *out)
{
    pw_hparams h;
    pewter_error why;
    if (pw_hparams_read(file, &h, &why) != PEWTER_OK) {
        pw_print(out, ",\"hyperparameters\":null,\"problem\":");
        quote(out, why.message, strlen(why.message));
        return;
    }
    pw_print(out, ",\"hyperparameters\":{\"architecture\":");
    quote(out, h.architecture, strlen(h.architecture));
    pw_print(out,
             ",\"vocabulary\":%lld,\"context\":%lld,\"embedding\":%lld,\"layers\":%lld,"
             "\"ffn\":%lld,\"heads\":%lld,\"kv_heads\":%lld,\"head_size\":%lld,\"window\":%lld,"
             "\"rope_size\":%lld,\"rope_base\":%.9g,\"norm_eps\":%.9g,\"tied\":%s}",
             (long long)h.vocab, (long long)h.context_trained, (long long)h.embedding,
             (long long)h.layers, (long long)h.ffn, (long long)h.heads, (long long)h.kv_heads,
             (long long)h.head_dim, (long long)h.window, (long long)h.rope_dims, h.rope.base,
             (double)h.eps, h.tied ? "true" : "false");
}

static void print_tensors(const pw_gguf *file, pw_out *out)
{
    size_t count;
    const pw_gguf_tensor *t = pw_gguf_tensors(file, &count);
    uint64_t bytes[PW_DTYPE_COUNT] = {0}, tensors[PW_DTYPE_COUNT] = {0};
    pw_print(out, ",\"tensors\":[");
    for (size_t i = 0; i < count; i++) {
        pw_print(out, "%s{\"name\":", i > 0 ? "," : "");
        quote(out, t[i].name, strlen(t[i].name));
        pw_print(out, ",\"type\":\"%s\",\"shape\":[", pw_dtype_get(t[i].dtype)->name);
        for (int32_t d = 0; d < t[i].n_dims; d++)
            pw_print(out, "%s%lld", d > 0 ? "," : "", (long long)t[i].n[d]);
        pw_print(out, "],\"bytes\":%zu}", t[i].bytes);
        bytes[t[i].dtype] += t[i].bytes;
        tensors[t[i].dtype]++;
    }
    pw_print(out, "],\"types\":{");
    const char *comma = "";
    for (int d = 0; d < PW_DTYPE_COUNT; d++) {
        if (tensors[d] == 0) continue;
        pw_print(out, "%s\"%s\":{\"tensors\":%llu,\"bytes\":%llu}", comma,
                 pw_dtype_get((pw_dtype)d)->name, (unsigned long long)tensors[d],
                 (unsigned long long)bytes[d]);
        comma = ",";
    }
    pw_print(out, "}");
}

static pewter_status print_file(const pw_gguf *file, pw_out *out, pewter_error *err)
{
    const char *text;
    size_t bytes;
    bool found;
    pw_print(out, "{\"file\":");
    quote(out, pw_gguf_name(file), strlen(pw_gguf_name(file)));
    pw_print(out, ",\"version\":%u,\"parts\":%u,\"bytes\":%llu", pw_gguf_version(file),
             pw_gguf_parts(file), (unsigned long long)pw_gguf_file_bytes(file));
    print_hparams(file, out);
    print_metadata(file, out);
    print_tensors(file, out);
    pw_print(out, ",\"template\":");
    const pewter_status status =
        pw_gguf_get_text(file, "tokenizer.chat_template", &text, &bytes, &found, err);
    if (status == PEWTER_OK && found)
        quote(out, text, bytes);
    else
        pw_print(out, "null");
    pw_print(out, "}");
    return status;
}

pewter_status pw_inspect(const char *path, const pewter_allocator *alloc, pw_out *out,
                         pewter_error *err)
{
    const pw_gguf_options options = {.trust_permissions = true, .guard = true};
    pw_gguf *file;
    const pewter_status opened = pw_gguf_open(path, &options, alloc, &file, err);
    if (opened != PEWTER_OK) return opened;
    pewter_status status = print_file(file, out, err);
    if (pw_gguf_faulted(file))
        status =
            pw_fail(err, PEWTER_E_IO, "%s became shorter while it was read", pw_gguf_name(file));
    pw_gguf_close(file);
    return status;
}
