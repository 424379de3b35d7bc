/* The plan in words and as JSON. */
#include <string.h>

#include "scheduler/plan.h"

/* ---- Words ----------------------------------------------------------------------------------- */

/* The weights of a matmul, the keys of a store, else the result. */
static void print_shape(const pw_plan_call *c, pw_out *out)
{
    const bool reads = c->call.op == PW_OP_MATMUL || c->call.op == PW_OP_KV_STORE;
    const pw_tensor *t = reads ? &c->call.src[0] : &c->call.dst;
    if (c->call.op == PW_OP_MATMUL) pw_print(out, "%s ", pw_dtype_get(t->dtype)->name);
    pw_print(out, "[%lld, %lld", (long long)t->n[0], (long long)t->n[1]);
    pw_print(out, t->n[2] > 1 ? ", %lld]" : "]", (long long)t->n[2]);
}

static void print_epilogues(uint32_t epilogues, pw_out *out)
{
    if (epilogues & PW_EPILOGUE_GLU) pw_print(out, " +glu");
    if (epilogues & PW_EPILOGUE_BIAS) pw_print(out, " +bias");
    if (epilogues & PW_EPILOGUE_ADD) pw_print(out, " +add");
}

static void print_call(const pw_plan_call *c, pw_out *out)
{
    pw_print(out, "    %-12s %-34s", c->name, c->kernel->name);
    print_shape(c, out);
    print_epilogues(c->call.params.epilogues, out);
    if (c->call.dst.dtype != PW_F32 && c->call.dst.dtype != PW_KV_POOL)
        pw_print(out, " -> %s", pw_dtype_get(c->call.dst.dtype)->name);
    if (c->narrow != NULL)
        pw_print(out, "; up to %lld rows: %s", (long long)c->narrow->max_n, c->narrow->name);
    if (c->second != NULL) pw_print(out, "; next best: %s", c->second->name);
    pw_print(out, "\n");
}

/* The calls of a layer: [*begin, *end). */
static void layer_calls(const pw_plan *plan, int32_t layer, int32_t *begin, int32_t *end)
{
    int32_t i = 0;
    while (i < plan->n_calls && plan->calls[i].layer != layer) i++;
    *begin = i;
    while (i < plan->n_calls && plan->calls[i].layer == layer) i++;
    *end = i;
}

/* Whether two layers run the same rows, in the same order, on the same device. */
static bool same_layers(const pw_plan *plan, int32_t a, int32_t b)
{
    int32_t begin_a, end_a, begin_b, end_b;
    layer_calls(plan, a, &begin_a, &end_a);
    layer_calls(plan, b, &begin_b, &end_b);
    if (end_a - begin_a != end_b - begin_b) return false;
    for (int32_t i = 0; i < end_a - begin_a; i++) {
        const pw_plan_call *x = &plan->calls[begin_a + i], *y = &plan->calls[begin_b + i];
        if (x->kernel != y->kernel || x->device != y->device ||
            x->call.params.epilogues != y->call.params.epilogues ||
            x->call.src[0].n[1] != y->call.src[0].n[1])
            return false;
    }
    return true;
}

static void print_layers(const pw_plan *plan, int32_t first, int32_t last, pw_out *out)
{
    int32_t begin, end;
    layer_calls(plan, first, &begin, &end);
    if (begin == end) return;
    const char *device = plan->devices[plan->calls[begin].device].target.info.name;
    if (first < 0)
        pw_print(out, "  before the layers, on %s\n", device);
    else if (first >= plan->layers)
        pw_print(out, "  behind the layers, on %s\n", device);
    else if (first == last)
        pw_print(out, "  layer %d, on %s\n", first, device);
    else
        pw_print(out, "  layers %d to %d, on %s\n", first, last, device);
    for (int32_t i = begin; i < end; i++) print_call(&plan->calls[i], out);
}

static void print_device(const pw_plan *plan, const pw_plan_device *d, pw_out *out)
{
    pw_print(out, "  %s: ", d->target.info.name);
    if (d->activation_bytes == 0) {
        pw_print(out, "not used\n");
        return;
    }
    if (d->last_layer >= d->first_layer)
        pw_print(out, "layers %d to %d, ", d->first_layer, d->last_layer);
    if (d->target.info.threads > 0)
        pw_print(out, "%d worker%s; ", d->target.info.threads,
                 d->target.info.threads == 1 ? "" : "s");
    pw_print(out, "weights ");
    pw_print_bytes(out, (double)d->weight_bytes);
    pw_print(out, " (and ");
    pw_print_bytes(out, (double)d->mapped_bytes);
    pw_print(out, " mapped), keys and values ");
    pw_print_bytes(out, (double)d->page_bytes * (double)plan->pages);
    pw_print(out, ", activations ");
    pw_print_bytes(out, (double)d->activation_bytes);
    pw_print(out, ", scratch ");
    pw_print_bytes(out, (double)d->scratch_bytes);
    pw_print(out, "\n    %s\n", d->target.info.detail);
}

static void print_text(const pw_plan *plan, pw_out *out)
{
    pw_print(out,
             "plan %016llx: %d calls in %d steps, %d segment%s, %d cop%s; up to %lld tokens a "
             "step; %lld positions of %s keys and values%s\n",
             (unsigned long long)plan->hash, plan->n_calls, plan->n_steps, plan->n_segments,
             plan->n_segments == 1 ? "" : "s", plan->n_copies, plan->n_copies == 1 ? "y" : "ies",
             (long long)plan->width, (long long)(plan->pages * PW_PAGE),
             pw_dtype_get(plan->kv)->name, plan->exact ? "; exact: activations stay f32" : "");
    pw_print(out, "a step of one token reads ");
    pw_print_bytes(out, plan->step_bytes);
    pw_print(out, " of weights\n");
    for (int32_t i = 0; i < plan->n_devices; i++) print_device(plan, &plan->devices[i], out);
    pw_print(out, "    %-12s %-34s%s\n", "call", "kernel",
             "shape, with as many tokens as a step takes");
    for (int32_t first = -1; first <= plan->layers;) {
        int32_t last = first;
        while (first >= 0 && last + 1 < plan->layers && same_layers(plan, first, last + 1)) last++;
        print_layers(plan, first, last, out);
        first = last + 1;
    }
    for (int32_t i = 0; i < plan->n_copies; i++) {
        const pw_plan_copy *c = &plan->copies[i];
        pw_print(out, "  copy from %s to %s: %zu bytes a row\n",
                 plan->devices[c->from].target.info.name, plan->devices[c->to].target.info.name,
                 c->row_bytes);
    }
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void print_call_json(const pw_plan *plan, const pw_plan_call *c, pw_out *out)
{
    pw_print(out, "{\"step\":%d,\"layer\":%d,\"device\":", c->step, c->layer);
    pw_print_json(out, plan->devices[c->device].target.info.name);
    pw_print(out, ",\"name\":");
    pw_print_json(out, c->name);
    pw_print(out, ",\"op\":\"%s\",\"kernel\":", pw_op_name(c->call.op));
    pw_print_json(out, c->kernel->name);
    if (c->narrow != NULL) {
        pw_print(out, ",\"narrow\":");
        pw_print_json(out, c->narrow->name);
    }
    if (c->second != NULL) {
        pw_print(out, ",\"second\":");
        pw_print_json(out, c->second->name);
    }
    if (c->kernel->packing != NULL) {
        pw_print(out, ",\"packing\":");
        pw_print_json(out, c->kernel->packing->name);
    }
    pw_print(out, ",\"epilogues\":%u,\"result\":\"%s\"}", c->call.params.epilogues,
             pw_dtype_get(c->call.dst.dtype)->name);
}

static void print_device_json(const pw_plan *plan, const pw_plan_device *d, pw_out *out)
{
    pw_print(out, "{\"name\":");
    pw_print_json(out, d->target.info.name);
    pw_print(out, ",\"backend\":\"%s\",\"detail\":", d->target.backend->name);
    pw_print_json(out, d->target.info.detail);
    pw_print(out, ",\"workers\":%d,\"memory\":%llu", d->target.info.threads,
             (unsigned long long)d->target.info.memory);
    if (d->last_layer >= d->first_layer)
        pw_print(out, ",\"first_layer\":%d,\"last_layer\":%d", d->first_layer, d->last_layer);
    pw_print(out,
             ",\"weight_bytes\":%zu,\"mapped_bytes\":%zu,\"kv_bytes\":%.0f,"
             "\"activation_bytes\":%zu,\"scratch_bytes\":%zu}",
             d->weight_bytes, d->mapped_bytes, (double)d->page_bytes * (double)plan->pages,
             d->activation_bytes, d->scratch_bytes);
}

static void print_json(const pw_plan *plan, pw_out *out)
{
    pw_print(out,
             "{\"hash\":\"%016llx\",\"tokens\":%lld,\"outputs\":%lld,\"positions\":%lld,"
             "\"kv\":\"%s\",\"exact\":%s,\"step_bytes\":%.0f,\"layers\":%d,\"devices\":[",
             (unsigned long long)plan->hash, (long long)plan->width, (long long)plan->outputs,
             (long long)(plan->pages * PW_PAGE), pw_dtype_get(plan->kv)->name,
             plan->exact ? "true" : "false", plan->step_bytes, plan->layers);
    for (int32_t i = 0; i < plan->n_devices; i++) {
        if (i > 0) pw_print(out, ",");
        print_device_json(plan, &plan->devices[i], out);
    }
    pw_print(out, "],\"segments\":[");
    for (int32_t i = 0; i < plan->n_segments; i++) {
        const pw_segment *s = &plan->segments[i];
        pw_print(out, "%s{\"device\":", i > 0 ? "," : "");
        pw_print_json(out, plan->devices[s->device].target.info.name);
        pw_print(out, ",\"first_step\":%d,\"steps\":%d,\"copies\":%d}", s->first_step, s->n_steps,
                 s->n_copies);
    }
    pw_print(out, "],\"copies\":[");
    for (int32_t i = 0; i < plan->n_copies; i++) {
        const pw_plan_copy *c = &plan->copies[i];
        pw_print(out, "%s{\"from\":", i > 0 ? "," : "");
        pw_print_json(out, plan->devices[c->from].target.info.name);
        pw_print(out, ",\"to\":");
        pw_print_json(out, plan->devices[c->to].target.info.name);
        pw_print(out, ",\"row_bytes\":%zu}", c->row_bytes);
    }
    pw_print(out, "],\"calls\":[");
    for (int32_t i = 0; i < plan->n_calls; i++) {
        if (i > 0) pw_print(out, ",");
        print_call_json(plan, &plan->calls[i], out);
    }
    pw_print(out, "]}");
}

void pw_plan_print(const pw_plan *plan, pewter_form form, pw_out *out)
{
    if (form == PEWTER_JSON)
        print_json(plan, out);
    else
        print_text(plan, out);
}
