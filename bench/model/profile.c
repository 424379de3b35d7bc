#include "bench/model/profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pw/status.h"

static double floor_of(const pewter_profile_op *op, const profile_limits *limits)
{
    double rate = limits->f32;
    if (strcmp(op->arithmetic, "int8") == 0) rate = limits->int8;
    if (strcmp(op->arithmetic, "int8_short") == 0) rate = limits->int8_short;
    if (strcmp(op->arithmetic, "bf16") == 0) rate = limits->bf16;
    const double math = rate > 0.0 ? op->operations / rate : 0.0;
    const double bytes = limits->bytes > 0.0 ? op->bytes / limits->bytes : 0.0;
    return math > bytes ? math : bytes;
}

static bool get(const pewter_model *model, size_t index, pewter_profile_op *op)
{
    *op = (pewter_profile_op){.size = sizeof *op};
    return pewter_profile_get(model, index, op, NULL) == PEWTER_OK && op->calls > 0;
}

profile_sum profile_total(const pewter_model *model, const profile_limits *limits)
{
    profile_sum sum = {.seconds = 0.0};
    pewter_profile_op op;
    for (size_t i = 0; i < pewter_profile_count(model); i++) {
        if (!get(model, i, &op)) continue;
        sum.seconds += op.seconds;
        sum.operations += op.operations;
        sum.bytes += op.bytes;
        sum.floor_seconds += floor_of(&op, limits);
    }
    return sum;
}

/* ---- Table ----------------------------------------------------------------------------------- */

typedef struct line {
    pewter_profile_op op;
    double floor_seconds;
} line;

static int slowest_first(const void *a, const void *b)
{
    const double x = ((const line *)a)->op.seconds, y = ((const line *)b)->op.seconds;
    return (x < y) - (x > y);
}

static void add(line *lines, size_t *count, const pewter_profile_op *op, double least)
{
    size_t i = 0;
    while (i < *count &&
           (strcmp(lines[i].op.name, op->name) != 0 || strcmp(lines[i].op.kernel, op->kernel) != 0))
        i++;
    if (i == *count) {
        lines[(*count)++] = (line){*op, least};
        return;
    }
    lines[i].op.calls += op->calls;
    lines[i].op.seconds += op->seconds;
    lines[i].op.busy_seconds += op->busy_seconds;
    lines[i].op.operations += op->operations;
    lines[i].op.bytes += op->bytes;
    lines[i].floor_seconds += least;
}

void profile_print(const pewter_model *model, const profile_limits *limits, FILE *to)
{
    const size_t most = pewter_profile_count(model);
    line *lines = calloc(most + 1, sizeof *lines);
    if (lines == NULL) return;
    size_t count = 0;
    pewter_profile_op op;
    for (size_t i = 0; i < most; i++)
        if (get(model, i, &op)) add(lines, &count, &op, floor_of(&op, limits));
    qsort(lines, count, sizeof *lines, slowest_first);
    const profile_sum sum = profile_total(model, limits);
    fprintf(to, "%-14s %-32s %8s %10s %6s %9s %8s %7s\n", "op", "kernel", "calls", "ms", "time",
            "GOP/s", "GB/s", "limit");
    for (size_t i = 0; i <= count; i++) {
        const bool total = i == count;
        const pewter_profile_op all = {.name = "all",
                                       .kernel = "",
                                       .seconds = sum.seconds,
                                       .operations = sum.operations,
                                       .bytes = sum.bytes};
        const pewter_profile_op *o = total ? &all : &lines[i].op;
        const double least = total ? sum.floor_seconds : lines[i].floor_seconds;
        const double seconds = o->seconds > 0.0 ? o->seconds : 1e-9;
        fprintf(to, "%-14s %-32s %8llu %10.3f %5.1f%% %9.1f %8.2f %6.1f%%\n", o->name, o->kernel,
                (unsigned long long)o->calls, 1e3 * o->seconds, 100.0 * o->seconds / sum.seconds,
                o->operations / seconds * 1e-9, o->bytes / seconds * 1e-9, 100.0 * least / seconds);
    }
    free(lines);
}

json_t *profile_json(const pewter_model *model, const profile_limits *limits)
{
    json_t *all = json_array();
    pewter_profile_op op;
    for (size_t i = 0; i < pewter_profile_count(model) && all != NULL; i++) {
        if (!get(model, i, &op)) continue;
        json_array_append_new(
            all, json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:I, s:f, s:f, s:f, s:f, s:f}", "name",
                           op.name, "op", op.op, "kernel", op.kernel, "arithmetic", op.arithmetic,
                           "layer", op.layer, "device", op.device, "calls", (json_int_t)op.calls,
                           "seconds", op.seconds, "busy_seconds", op.busy_seconds, "operations",
                           op.operations, "bytes", op.bytes, "share",
                           op.seconds > 0.0 ? floor_of(&op, limits) / op.seconds : 0.0));
    }
    return all;
}

/* ---- Trace ----------------------------------------------------------------------------------- */

typedef struct tracer {
    const pewter_model *model;
    FILE *file;
    int64_t first_ns;
} tracer;

static void write_span(void *context, const pewter_span *span)
{
    tracer *t = context;
    pewter_profile_op op;
    if (!get(t->model, span->op, &op)) return;
    if (t->first_ns == 0) t->first_ns = span->begin_ns;
    fprintf(t->file,
            ",\n{\"name\":\"%s\",\"cat\":\"%s\",\"ph\":\"X\",\"pid\":%d,\"tid\":%d,\"ts\":%.3f,"
            "\"dur\":%.3f,\"args\":{\"layer\":%d,\"kernel\":\"%s\"}}",
            op.name, op.op, span->device, span->worker,
            (double)(span->begin_ns - t->first_ns) * 1e-3,
            (double)(span->end_ns - span->begin_ns) * 1e-3, op.layer, op.kernel);
}

pewter_status profile_trace(const pewter_model *model, const char *path, pewter_error *err)
{
    tracer t = {.model = model, .file = fopen(path, "we")};
    if (t.file == NULL)
        return pw_fail(err, PEWTER_E_IO, "the trace %s cannot be written: %s", path,
                       strerror(errno));
    fprintf(t.file, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n{\"name\":\"process_name\","
                    "\"ph\":\"M\",\"pid\":0,\"tid\":0,\"args\":{\"name\":\"device 0\"}}");
    pewter_status status = pewter_profile_spans(model, write_span, &t, NULL, err);
    fprintf(t.file, "\n]}\n");
    const bool bad = ferror(t.file) != 0;
    if ((fclose(t.file) != 0 || bad) && status == PEWTER_OK)
        status = pw_fail(err, PEWTER_E_IO, "the trace %s could not be written: %s", path,
                         strerror(errno));
    return status;
}
