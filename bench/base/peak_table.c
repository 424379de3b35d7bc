/* The table of all limits: measured in rounds, kept, shown. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "bench/base/peak_room.h"
#include "bench/base/stats.h"
#include "bench/base/store.h"
#include "kernels/features.h"
#include "pw/status.h"
#include "runtime/text/json.h"

enum { REPEATS = 9, CACHE_FILE_BYTES = 1 << 20 };
static const double each_seconds = 0.005;

/* ---- What the machine is --------------------------------------------------------------------- */

static bool read_line(const char *path, char *buf, size_t cap)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) return false;
    const bool got = fgets(buf, (int)cap, file) != NULL;
    fclose(file);
    if (got) buf[strcspn(buf, "\n")] = 0;
    return got;
}

/* Whether `cpu` is in a list such as "0-3,8". */
static bool in_list(const char *list, int32_t cpu)
{
    while (*list != 0) {
        char *end;
        const long first = strtol(list, &end, 10);
        if (end == list) return false;
        const long last = *end == '-' ? strtol(end + 1, &end, 10) : first;
        if (cpu >= first && cpu <= last) return true;
        if (*end != ',') return false;
        list = end + 1;
    }
    return false;
}

void peak_see_caches(peak *p, int32_t cpu)
{
    for (int i = 0; i < 8; i++) {
        char path[128], type[32], size[32], shared[256];
        const char *const base = "/sys/devices/system/cpu/cpu%d/cache/index%d/%s";
        snprintf(path, sizeof path, base, cpu, i, "type");
        if (!read_line(path, type, sizeof type)) return;
        if (strcmp(type, "Instruction") == 0 || p->n_caches == 4) continue;
        snprintf(path, sizeof path, base, cpu, i, "size");
        if (!read_line(path, size, sizeof size)) continue;
        char *unit;
        const unsigned long n = strtoul(size, &unit, 10);
        p->caches[p->n_caches] = n << (*unit == 'M' ? 20 : *unit == 'K' ? 10 : 0);
        snprintf(path, sizeof path, base, cpu, i, "shared_cpu_list");
        int32_t sharers = 1;
        if (read_line(path, shared, sizeof shared)) {
            sharers = 0;
            for (int32_t t = 0; t < p->n; t++) sharers += in_list(shared, p->threads[t].cpu);
        }
        p->sharers[p->n_caches++] = sharers > 0 ? sharers : 1;
    }
}

void peak_machine(const peak *p, char *buf, size_t cap)
{
    char cpu[64], features[128], microcode[64] = "";
    struct utsname name;
    pw_cpu_name(cpu, sizeof cpu);
    pw_cpu_words(pw_cpu_detect(), features, sizeof features);
    FILE *info = fopen("/proc/cpuinfo", "re");
    char line[256];
    while (info != NULL && fgets(line, sizeof line, info) != NULL)
        if (sscanf(line, "microcode : %60s", microcode) == 1) break;
    if (info != NULL) fclose(info);
    if (uname(&name) != 0) name.release[0] = 0;
    snprintf(buf, cap, "%.60s, %d threads, %.80s, microcode %.20s, Linux %.50s", cpu, p->n,
             features, microcode[0] != 0 ? microcode : "unknown", name.release);
}

/* ---- Measuring ------------------------------------------------------------------------------- */

/* What one line of the table measures. */
typedef struct item {
    enum { MATH, READ_CACHE, COPY_CACHE, READ_MEMORY, COPY_MEMORY } kind;
    peak_math math;
    int buffer; /* PEAK_HUGE, PEAK_SMALL */
} item;

/* Loops over a small part again and again. */
static void cache_loop(peak *p, peak_thread *self, bool copy)
{
    const size_t part = p->part_bytes, turns = ((size_t)128 << 10) / part + 1;
    char *data = p->touched->data + p->touched->bytes / (size_t)p->n * (size_t)self->index;
    for (int warm = 0; warm < 2; warm++) self->sum += p->read(data, part);
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    const double begin = (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
    double done = 0.0, now;
    do {
        for (size_t i = 0; i < turns; i++) {
            if (copy)
                p->copy(data + part / 2, data, part / 2);
            else
                self->sum += p->read(data, part);
        }
        done += (double)(turns * part);
        clock_gettime(CLOCK_MONOTONIC, &t);
        now = (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
    } while (now - begin < each_seconds);
    self->rate = done / (now - begin);
}

static void read_cache(peak *p, peak_thread *self)
{
    cache_loop(p, self, false);
}

static void copy_cache(peak *p, peak_thread *self)
{
    cache_loop(p, self, true);
}

static double measure(peak *p, const item *it, const peak_limit *limit)
{
    if (it->kind == MATH) return peak_rate(p, it->math, limit->threads, each_seconds);
    peak_buffer *buffer = &p->buffers[it->buffer];
    if (buffer->data == NULL &&
        !peak_buffer_make(p, buffer, peak_memory_bytes(p), it->buffer == PEAK_HUGE))
        return 0.0;
    p->touched = buffer;
    p->part_bytes = limit->bytes;
    if (it->kind == READ_MEMORY) return peak_read_buffer(p, buffer, limit->threads, each_seconds);
    peak_run(p, limit->threads, it->kind == READ_CACHE ? read_cache : copy_cache);
    double sum = 0.0;
    for (int32_t i = 0; i < p->active; i++) sum += p->threads[i].rate;
    return sum;
}

static void add(peak_table *t, item *items, const item *it, const char *name, int32_t threads,
                size_t bytes)
{
    if (t->n == PEAK_MOST_LIMITS) return;
    items[t->n] = *it;
    peak_limit *limit = &t->limits[t->n++];
    *limit = (peak_limit){.threads = threads, .bytes = bytes, .repeats = REPEATS};
    snprintf(limit->name, sizeof limit->name, "%s", name);
    snprintf(limit->unit, sizeof limit->unit, "%s", it->kind == MATH ? "OP/s" : "B/s");
}

static void add_for(const peak *p, peak_table *t, item *items, int32_t threads)
{
    char name[32];
    for (int m = 0; m < PEAK_MATHS; m++)
        if (p->math[m] != NULL)
            add(t, items, &(item){.kind = MATH, .math = (peak_math)m}, peak_math_name((peak_math)m),
                threads, 0);
    for (size_t c = 0; c < p->n_caches; c++) {
        const int32_t sharers = p->sharers[c] < threads ? p->sharers[c] : threads;
        /* Half of what a thread has of the cache, in whole loops of the copy. */
        const size_t part = p->caches[c] / 2 / (size_t)sharers / 8192 * 8192;
        if (part == 0) continue;
        for (int copy = 0; copy < 2; copy++) {
            snprintf(name, sizeof name, "%s_l%zu", copy ? "copy" : "read", c + 1);
            add(t, items, &(item){.kind = copy ? COPY_CACHE : READ_CACHE}, name, threads, part);
        }
    }
    for (int small = 0; small < 2; small++) {
        const size_t part = peak_memory_bytes(p) / (size_t)p->n;
        const int buffer = small ? PEAK_SMALL : PEAK_HUGE;
        const char *pages = small ? "_small_pages" : "";
        snprintf(name, sizeof name, "read_memory%s", pages);
        add(t, items, &(item){.kind = READ_MEMORY, .buffer = buffer}, name, threads, part);
        snprintf(name, sizeof name, "copy_memory%s", pages);
        add(t, items, &(item){.kind = COPY_MEMORY, .buffer = buffer}, name, threads,
            part / 8192 * 8192);
    }
}

/* All limits once, then all again: what the machine does meanwhile is spread over all of them. */
static pewter_status measure_all(peak *p, pewter_progress_fn *progress, void *context,
                                 peak_table *t, pewter_error *err)
{
    item items[PEAK_MOST_LIMITS];
    memset(t, 0, sizeof *t);
    peak_machine(p, t->machine, sizeof t->machine);
    const time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc) != NULL) strftime(t->date, sizeof t->date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    for (int32_t threads = 1; threads < p->n; threads *= 2) add_for(p, t, items, threads);
    add_for(p, t, items, p->n);

    double(*values)[REPEATS] = calloc((size_t)t->n, sizeof *values);
    if (values == NULL) return pw_fail(err, PEWTER_E_MEMORY, "no memory for the limits");
    const uint64_t total = (uint64_t)t->n * REPEATS;
    for (uint64_t i = 0; i < total; i++) {
        const size_t at = i % (uint64_t)t->n;
        if (progress != NULL && !progress(context, t->limits[at].name, i, total)) {
            free(values);
            return pw_fail(err, PEWTER_E_CANCELLED, "cancelled");
        }
        values[at][i / (uint64_t)t->n] = measure(p, &items[at], &t->limits[at]);
    }
    if (progress != NULL) (void)progress(context, "limits", total, total);
    for (int32_t i = 0; i < t->n; i++) {
        const stats s = stats_of(values[i], REPEATS);
        t->limits[i].median = s.median;
        t->limits[i].least = s.least;
        t->limits[i].most = s.most;
    }
    free(values);
    return PEWTER_OK;
}

/* ---- Keeping --------------------------------------------------------------------------------- */

json_t *peak_table_json(const peak_table *table)
{
    json_t *limits = json_array();
    for (int32_t i = 0; i < table->n; i++) {
        const peak_limit *l = &table->limits[i];
        json_array_append_new(limits,
                              json_pack("{s:s, s:s, s:i, s:I, s:f, s:f, s:f, s:i}", "name", l->name,
                                        "unit", l->unit, "threads", l->threads, "bytes",
                                        (json_int_t)l->bytes, "median", l->median, "least",
                                        l->least, "most", l->most, "repeats", l->repeats));
    }
    return json_pack("{s:s, s:s, s:o}", "machine", table->machine, "date", table->date, "limits",
                     limits);
}

static bool take_limit(json_t *from, peak_limit *to)
{
    const char *name, *unit;
    json_int_t bytes;
    if (json_unpack(from, "{s:s, s:s, s:i, s:I, s:F, s:F, s:F, s:i}", "name", &name, "unit", &unit,
                    "threads", &to->threads, "bytes", &bytes, "median", &to->median, "least",
                    &to->least, "most", &to->most, "repeats", &to->repeats) != 0)
        return false;
    if (!(to->least > 0.0 && to->least <= to->median && to->median <= to->most &&
          isfinite(to->most)))
        return false;
    snprintf(to->name, sizeof to->name, "%s", name);
    snprintf(to->unit, sizeof to->unit, "%s", unit);
    to->bytes = bytes > 0 ? (size_t)bytes : 0;
    return true;
}

/* The kept table, where it is sound and this machine's. */
static bool load(const char *path, const char *machine, peak_table *out)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) return false;
    char *text = malloc(CACHE_FILE_BYTES);
    const size_t bytes = text != NULL ? fread(text, 1, CACHE_FILE_BYTES, file) : 0;
    fclose(file);
    json_t *all = NULL, *limits, *value;
    const char *whose, *date;
    bool good = text != NULL &&
                pw_json_parse("limits", text, bytes, CACHE_FILE_BYTES, &all, NULL) == PEWTER_OK &&
                json_unpack(all, "{s:s, s:s, s:o}", "machine", &whose, "date", &date, "limits",
                            &limits) == 0 &&
                strcmp(whose, machine) == 0 && json_array_size(limits) <= PEAK_MOST_LIMITS;
    free(text);
    memset(out, 0, sizeof *out);
    size_t i;
    if (good) {
        json_array_foreach(limits, i, value) good = good && take_limit(value, &out->limits[i]);
        out->n = (int32_t)json_array_size(limits);
        snprintf(out->machine, sizeof out->machine, "%s", whose);
        snprintf(out->date, sizeof out->date, "%s", date);
    }
    json_decref(all);
    return good && out->n > 0;
}

/* A reader finds the old file or the new one. */
static void keep(const char *path, const peak_table *table)
{
    char temporary[4200];
    snprintf(temporary, sizeof temporary, "%s.%d", path, (int)getpid());
    json_t *all = peak_table_json(table);
    errno = 0;
    if (all == NULL || json_dump_file(all, temporary, JSON_INDENT(1)) != 0 ||
        rename(temporary, path) != 0) {
        fprintf(stderr, "the limits are not kept in %s%s%s\n", path, errno != 0 ? ": " : "",
                errno != 0 ? strerror(errno) : "");
        (void)unlink(temporary);
    }
    json_decref(all);
}

pewter_status peak_table_get(peak *p, const char *path, bool again, pewter_progress_fn *progress,
                             void *context, peak_table *out, pewter_error *err)
{
    char own[4096], machine[256];
    if (path == NULL && store_cache_file("limits.json", own, sizeof own, NULL) == PEWTER_OK)
        path = own;
    peak_machine(p, machine, sizeof machine);
    if (!again && path != NULL && load(path, machine, out)) return PEWTER_OK;
    PW_TRY(measure_all(p, progress, context, out, err));
    if (path != NULL) keep(path, out);
    return PEWTER_OK;
}

const peak_limit *peak_find(const peak_table *table, const char *name, int32_t threads)
{
    for (int32_t i = 0; i < table->n; i++)
        if (table->limits[i].threads == threads && strcmp(table->limits[i].name, name) == 0)
            return &table->limits[i];
    return NULL;
}

void peak_table_print(const peak_table *table, FILE *to)
{
    fprintf(to, "%s\nmeasured %s, median [least - most] of %d\n\n", table->machine, table->date,
            table->n > 0 ? table->limits[0].repeats : 0);
    fprintf(to, "%-26s %7s %11s   %s\n", "limit", "threads", "bytes each", "rate");
    for (int32_t i = 0; i < table->n; i++) {
        const peak_limit *l = &table->limits[i];
        char bytes[32] = "-";
        if (l->bytes > 0) snprintf(bytes, sizeof bytes, "%zu", l->bytes);
        fprintf(to, "%-26s %7d %11s   %8.1f [%.1f - %.1f] G%s\n", l->name, l->threads, bytes,
                l->median * 1e-9, l->least * 1e-9, l->most * 1e-9, l->unit);
    }
}
