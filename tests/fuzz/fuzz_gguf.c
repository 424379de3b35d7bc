/* Any bytes as a model file: opened, its metadata and tensors walked, its hyperparameters read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/model/hparams.h"
#include "tests/support/limit_alloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Uses a value so that reading it is not left out. */
static void use(uint64_t value)
{
    static volatile uint64_t sink;
    sink = sink + value;
}

static void walk_values(const pw_gguf *file)
{
    size_t count;
    const pw_gguf_value *values = pw_gguf_values(file, &count);
    for (size_t i = 0; i < count; i++) {
        const char *key = values[i].key, *text;
        char shown[40];
        uint64_t whole = 0;
        double real = 0.0;
        bool flag = false;
        size_t bytes = 0;
        pw_gguf_texts texts = {0};
        pw_gguf_numbers numbers = {0};
        if (pw_gguf_find(file, key) != &values[i]) abort();
        pw_gguf_print(&values[i], shown, sizeof shown);
        if (pw_gguf_get_uint(file, key, &whole, NULL, NULL) == PEWTER_OK) use(whole);
        if (pw_gguf_get_float(file, key, &real, NULL, NULL) == PEWTER_OK) use(real > 0.0);
        if (pw_gguf_get_bool(file, key, &flag, NULL, NULL) == PEWTER_OK) use(flag);
        if (pw_gguf_get_text(file, key, &text, &bytes, NULL, NULL) == PEWTER_OK)
            pw_gguf_show(text, bytes, shown, sizeof shown);
        if (pw_gguf_get_texts(file, key, &texts, NULL, NULL) == PEWTER_OK) {
            const uint64_t all = texts.count;
            uint64_t seen = 0;
            while (pw_gguf_next_text(&texts, &text, &bytes)) seen++;
            if (seen != all) abort();
        }
        if (pw_gguf_get_ints(file, key, &numbers, NULL, NULL) == PEWTER_OK)
            for (uint64_t k = 0; k < numbers.count; k++) use((uint64_t)pw_gguf_int_at(&numbers, k));
        if (pw_gguf_get_floats(file, key, &numbers, NULL, NULL) == PEWTER_OK)
            for (uint64_t k = 0; k < numbers.count; k++) use(pw_gguf_float_at(&numbers, k) > 0.0);
    }
}

static void walk_tensors(const pw_gguf *file)
{
    size_t count;
    const pw_gguf_tensor *tensors = pw_gguf_tensors(file, &count);
    for (size_t i = 0; i < count; i++) {
        const pw_gguf_tensor *t = &tensors[i];
        const unsigned char *data = t->data;
        if (pw_gguf_tensor_named(file, t->name) != t || t->bytes == 0) abort();
        use((uint64_t)data[0] + data[t->bytes - 1]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || (size > 0 && write(fd, data, size) != (ssize_t)size)) abort();
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);

    limit_alloc counts;
    const pewter_allocator alloc = limit_allocator(&counts, (1u << 20) + 64 * size, UINT64_MAX);
    const pw_gguf_options options = {.trust_permissions = true};
    pewter_error err = {{0}};
    pw_gguf *file = NULL;
    pewter_status status = pw_gguf_open(path, &options, &alloc, &file, &err);
    if (status == PEWTER_E_MEMORY) abort(); /* out of proportion to the input */
    if (status == PEWTER_OK) {
        pw_hparams h;
        walk_values(file);
        walk_tensors(file);
        status = pw_hparams_read(file, &h, &err);
        if (status == PEWTER_OK) status = pw_hparams_check(file, &h, &err);
        pw_gguf_close(file);
    }
    if (status != PEWTER_OK && strlen(err.message) == 0) abort();
    if (counts.live != 0) abort();
    close(fd);
    return 0;
}
