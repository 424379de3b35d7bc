/* Lifetimes of activations to offsets in one buffer a device, and the copies between devices. */
#include <stdint.h>
#include <string.h>

#include "pw/num.h"
#include "pw/status.h"
#include "scheduler/lower.h"

enum { ALIGN = 64 };

/* A value on one device, from its first step to its last. */
typedef struct span {
    int32_t value, device;
    int32_t first, last;
    int32_t same_as; /* span whose bytes it takes over; -1: its own */
    size_t bytes, offset;
} span;

typedef struct spans {
    pw_lowering *low;
    span *list;
    int32_t count, cap;
} spans;

static const pw_value *shape_of(const pw_lowering *low, int32_t value)
{
    return &low->graph->values[low->values[value].graph_value];
}

static bool is_activation(const pw_lowering *low, int32_t value)
{
    const pw_role role = shape_of(low, value)->role;
    return role != PW_ROLE_WEIGHT && role != PW_ROLE_STATE;
}

static int32_t find(const spans *s, int32_t value, int32_t device)
{
    for (int32_t i = s->count - 1; i >= 0; i--)
        if (s->list[i].value == value && s->list[i].device == device) return i;
    return -1;
}

static pewter_status add(spans *s, int32_t value, int32_t device, int32_t first, int32_t *out,
                         pewter_error *err)
{
    const pw_value *v = shape_of(s->low, value);
    size_t bytes;
    if (!pw_tensor_bytes(s->low->values[value].dtype, v->n[0] * v->n[1], v->n[2], 1, &bytes) ||
        !pw_align(bytes, ALIGN, &bytes))
        return pw_fail(err, PEWTER_E_MEMORY, "an activation of %lld x %lld x %lld has no size",
                       (long long)v->n[0], (long long)v->n[1], (long long)v->n[2]);
    if (s->count == s->cap)
        return pw_fail(err, PEWTER_E_MEMORY, "the plan has no room for %d activations", s->count);
    s->list[s->count] = (span){.value = value,
                               .device = device,
                               .first = first,
                               .last = first,
                               .same_as = -1,
                               .bytes = bytes};
    *out = s->count++;
    return PEWTER_OK;
}

/* ---- Copies ----------------------------------------------------------------------------------- */

static const pw_segment *segment_of(const pw_plan *plan, int32_t step)
{
    const pw_segment *at = plan->segments;
    while (step >= at->first_step + at->n_steps) at++;
    return at;
}

/* A value is read on a device that did not make it: brought over before that segment begins. */
static pewter_status bring(spans *s, int32_t value, const pw_item *reader, int32_t *out,
                           pewter_error *err)
{
    pw_lowering *low = s->low;
    const int32_t maker = low->values[value].maker;
    const pw_segment *segment = segment_of(low->plan, reader->step);
    PW_TRY(add(s, value, reader->device, segment->first_step, out, err));
    if (maker < 0) { /* inputs are written to every device that reads them, before the first step */
        s->list[*out].first = 0;
        return PEWTER_OK;
    }
    span *from = &s->list[find(s, value, low->items[maker].device)];
    if (segment->first_step > from->last) from->last = segment->first_step;

    const pw_value *v = shape_of(low, value);
    size_t row;
    if (low->values[value].dtype != PW_F32 ||
        !pw_tensor_bytes(PW_F32, v->n[0] * v->n[1], 1, 1, &row))
        return pw_fail(err, PEWTER_E_UNSUPPORTED,
                       "an activation in a private format would have "
                       "to leave its device");
    low->plan->copies[low->plan->n_copies++] =
        (pw_plan_copy){.from = from->device,
                       .to = reader->device,
                       .row_bytes = row,
                       .rows = v->rows,
                       .from_offset = (size_t)value}; /* value, until placed */
    return PEWTER_OK;
}

/* ---- Lifetimes -------------------------------------------------------------------------------- */

static pewter_status read_by(spans *s, const pw_item *item, pewter_error *err)
{
    for (int i = 0; i < PW_MAX_SRC; i++) {
        const int32_t value = item->src[i];
        if (value < 0 || !is_activation(s->low, value)) continue;
        int32_t at = find(s, value, item->device);
        if (at < 0) PW_TRY(bring(s, value, item, &at, err));
        if (item->step > s->list[at].last) s->list[at].last = item->step;
        if (shape_of(s->low, value)->role == PW_ROLE_INPUT) s->list[at].last = INT32_MAX;
    }
    return PEWTER_OK;
}

/* The operand whose place the result may take, -1 where none. */
static int32_t in_place(const pw_item *item)
{
    if (item->op == PW_OP_ROPE) return item->src[0];
    if (item->op == PW_OP_MATMUL && (item->params.epilogues & PW_EPILOGUE_ADD) != 0)
        return item->src[4];
    return -1;
}

/* Whether item `index` is the last to read the value, and no other of its step does. */
static bool dies_here(const spans *s, int32_t value, int32_t index)
{
    const pw_item *here = &s->low->items[index];
    for (int32_t i = 0; i < s->low->n_items; i++) {
        const pw_item *item = &s->low->items[i];
        if (i == index || item->gone || item->step < here->step) continue;
        for (int k = 0; k < PW_MAX_SRC; k++)
            if (item->src[k] == value) return false;
    }
    if (s->low->values[value].graph_value == s->low->graph->logits) return false;
    int reads = 0;
    for (int k = 0; k < PW_MAX_SRC; k++) reads += here->src[k] == value;
    return reads == 1;
}

static pewter_status live(spans *s, pewter_error *err)
{
    const pw_lowering *low = s->low;
    for (int32_t i = 0; i < low->n_items; i++) {
        const pw_item *item = &low->items[i];
        if (item->gone) continue;
        PW_TRY(read_by(s, item, err));
        if (item->dst < 0) continue;
        int32_t at;
        PW_TRY(add(s, item->dst, item->device, item->step, &at, err));
        if (low->values[item->dst].graph_value == low->graph->logits) s->list[at].last = INT32_MAX;

        const int32_t taken = in_place(item);
        if (taken < 0 || !is_activation(low, taken) || !dies_here(s, taken, i)) continue;
        const int32_t from = find(s, taken, item->device);
        if (s->list[from].bytes == s->list[at].bytes &&
            shape_of(low, taken)->role == PW_ROLE_ACTIVATION)
            s->list[at].same_as = from;
    }
    return PEWTER_OK;
}

/* ---- Offsets ---------------------------------------------------------------------------------- */

static bool meet(const span *a, const span *b)
{
    return a->device == b->device && a->first <= b->last && b->first <= a->last;
}

/* The lowest offset where the span meets no other in the same bytes at the same time. */
static size_t lowest(const spans *s, int32_t index)
{
    const span *here = &s->list[index];
    size_t at = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (int32_t i = 0; i < index; i++) {
            const span *other = &s->list[i];
            if (!meet(here, other) || at >= other->offset + other->bytes ||
                other->offset >= at + here->bytes)
                continue;
            at = other->offset + other->bytes;
            moved = true;
        }
    }
    return at;
}

static void settle(spans *s)
{
    /* A chain of values in one place lives as long as its last. */
    for (int32_t i = s->count - 1; i >= 0; i--) {
        span *here = &s->list[i];
        if (here->same_as >= 0 && here->last > s->list[here->same_as].last)
            s->list[here->same_as].last = here->last;
    }
    for (int32_t i = 0; i < s->count; i++) {
        span *here = &s->list[i];
        here->offset = here->same_as >= 0 ? s->list[here->same_as].offset : lowest(s, i);
        pw_plan_device *device = &s->low->plan->devices[here->device];
        if (here->offset + here->bytes > device->activation_bytes)
            device->activation_bytes = here->offset + here->bytes;
    }
}

static void write_offsets(const spans *s)
{
    const pw_lowering *low = s->low;
    pw_plan *plan = low->plan;
    for (int32_t i = 0; i < plan->n_copies; i++) {
        pw_plan_copy *copy = &plan->copies[i];
        const int32_t value = (int32_t)copy->from_offset;
        copy->from_offset = s->list[find(s, value, copy->from)].offset;
        copy->to_offset = s->list[find(s, value, copy->to)].offset;
    }
    int32_t next = 0;
    for (int32_t i = 0; i < low->n_items; i++) {
        const pw_item *item = &low->items[i];
        if (item->gone) continue;
        pw_plan_call *call = &plan->calls[next++];
        if (item->dst >= 0) call->dst.offset = s->list[find(s, item->dst, item->device)].offset;
        for (int k = 0; k < PW_MAX_SRC; k++)
            if (item->src[k] >= 0 && is_activation(low, item->src[k]))
                call->src[k].offset = s->list[find(s, item->src[k], item->device)].offset;
    }
    for (int32_t i = 0; i < s->count; i++) {
        const span *here = &s->list[i];
        const pw_value *v = shape_of(low, here->value);
        if (v->role == PW_ROLE_INPUT)
            plan->devices[here->device].input_offset[v->input] = here->offset;
        if (low->values[here->value].graph_value == low->graph->logits) {
            plan->logits_device = here->device;
            plan->logits_offset = here->offset;
        }
    }
}

pewter_status pw_reuse(pw_lowering *low, pewter_error *err)
{
    const int32_t cap = low->n_values * low->plan->n_devices;
    spans s = {.low = low,
               .cap = cap,
               .list = pw_arena_array(&low->plan->arena, (size_t)cap, sizeof *s.list)};
    if (s.list == NULL) return pw_fail(err, PEWTER_E_MEMORY, "no memory for %d lifetimes", cap);
    PW_TRY(live(&s, err));
    settle(&s);
    write_offsets(&s);
    return PEWTER_OK;
}
