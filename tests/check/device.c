/* Rows of a GPU: a call as a program of one step, on copies of its operands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/engine/memory.h"
#include "tests/check/check.h"

/* A block of the heap and its copy on the device. */
typedef struct copy {
    const struct heap_block *block;
    pw_buffer *buffer;
} copy;

static void must(pewter_status status, const pewter_error *err, const char *row)
{
    if (status == PEWTER_OK) return;
    fprintf(stderr, "pwcheck: %s: %s\n", row, err->message);
    exit(2);
}

/* The copy of the block that an operand lies in, made where there is none yet. */
static pw_operand place(check *c, copy *copies, size_t *count, const pw_tensor *t, const char *row)
{
    pewter_error err;
    const char *data = t->data;
    if (data == NULL) return (pw_operand){0};
    for (size_t i = 0; i < *count; i++) {
        const struct heap_block *b = copies[i].block;
        if (data >= b->data && data < b->data + b->bytes)
            return (pw_operand){.buffer = copies[i].buffer, .offset = (size_t)(data - b->data)};
    }
    for (size_t i = 0; i < c->heap.count; i++) {
        const struct heap_block *b = &c->heap.blocks[i];
        if (data < b->data || data >= b->data + b->bytes) continue;
        copy *made = &copies[(*count)++];
        pw_ticket ticket;
        made->block = b;
        must(c->backend->alloc(c->device, b->bytes, b->kind, &made->buffer, &err), &err, row);
        must(c->backend->write(c->device, made->buffer, 0, b->data, b->bytes, &ticket, &err), &err,
             row);
        return (pw_operand){.buffer = made->buffer, .offset = (size_t)(data - b->data)};
    }
    fprintf(stderr, "pwcheck: %s: an operand that is not on the heap\n", row);
    exit(2);
}

void check_run_device(check *c, const pw_kernel *row, const pw_call *call)
{
    copy copies[PW_MAX_SRC + 1];
    size_t count = 0;
    pewter_error err;
    pw_step_call made = {.call = *call, .kernel = row};
    made.dst = place(c, copies, &count, &call->dst, row->name);
    for (int s = 0; s < PW_MAX_SRC; s++)
        if (pw_has(&call->src[s])) made.src[s] = place(c, copies, &count, &call->src[s], row->name);
    pw_bindings bind = {.tokens = 1, .outputs = 1, .batch = call->batch};
    if (call->op ==
        PW_OP_MATMUL) { /* rows may have as many forms as there are numbers of columns */
        bind.tokens = call->dst.n[1];
        made.dst.rows = made.src[1].rows = PW_ROWS_TOKENS;
        made.dst.dim = made.src[1].dim = 1;
    } else if (call->batch != NULL) {
        bind.tokens = call->src[0].n[2];
        made.src[0].rows = PW_ROWS_TOKENS;
        made.src[0].dim = 2;
    }
    const pw_step step = {&made, 1};
    pw_program *program;
    pw_ticket ticket;
    must(c->backend->prepare(c->device, &step, 1, &program, &err), &err, row->name);
    must(c->backend->submit(c->device, program, &bind, &ticket, &err), &err, row->name);
    must(c->backend->wait(c->device, ticket, 0, &err), &err, row->name);
    c->backend->discard(c->device, program);
    for (size_t i = 0; i < count; i++) {
        const struct heap_block *b = copies[i].block;
        must(c->backend->read(c->device, copies[i].buffer, 0, b->data, b->bytes, &ticket, &err),
             &err, row->name);
        c->backend->release(c->device, copies[i].buffer);
    }
}

bool check_open(check *c, const char *name)
{
    pw_device_info found[16];
    pewter_error err;
    const size_t bytes = strcspn(name, ":");
    const char *which = name[bytes] != 0 ? name + bytes + 1 : "";
    for (const pw_backend *const *b = pw_backends(); *b != NULL; b++) {
        size_t count = 0;
        if (strlen((*b)->name) != bytes || memcmp((*b)->name, name, bytes) != 0) continue;
        if ((*b)->probe(NULL, 0, found, 16, &count, &err) != PEWTER_OK) {
            printf("%s\n", err.message);
            return false;
        }
        for (size_t i = 0; i < count; i++) {
            if (strstr(found[i].detail, which) == NULL) continue;
            static const pw_site none;
            must((*b)->open(&found[i], &none, &pw_default_allocator, &c->device, &err), &err, name);
            c->backend = *b;
            c->rows = (*b)->kernels();
            c->features = found[i].features;
            printf("pwcheck: %s: %s\n", found[i].name, found[i].detail);
            return true;
        }
    }
    return false;
}
