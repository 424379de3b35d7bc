#include "bench/model/table.h"

#include <string.h>

/* ---- Cells ----------------------------------------------------------------------------------- */

static double number(const json_t *record, const char *key)
{
    return json_number_value(json_object_get(record, key));
}

static bool is_known(const json_t *record, const char *key)
{
    const json_t *value = json_object_get(record, key);
    return value != NULL && !json_is_null(value);
}

static bool has(const json_t *record, const char *key)
{
    return json_is_number(json_object_get(record, key));
}

static void features(const json_t *r, char *text, size_t cap)
{
    snprintf(text, cap, "%s", json_string_value(json_object_get(r, "cpu_features")));
}

static void model(const json_t *r, char *text, size_t cap)
{
    snprintf(text, cap, "%s", json_string_value(json_object_get(r, "model_type")));
}

static void size(const json_t *r, char *text, size_t cap)
{
    snprintf(text, cap, "%.2f MiB", number(r, "model_size") / 1048576.0);
}

static void params(const json_t *r, char *text, size_t cap)
{
    snprintf(text, cap, "%.2f M", number(r, "model_n_params") * 1e-6);
}

static void backend(const json_t *r, char *text, size_t cap)
{
    snprintf(text, cap, "%s", json_string_value(json_object_get(r, "backends")));
}

static void threads(const json_t *r, char *text, size_t cap)
{
    snprintf(text, cap, "%d", (int)number(r, "n_threads"));
}

static void test(const json_t *r, char *text, size_t cap)
{
    const int p = (int)number(r, "n_prompt"), n = (int)number(r, "n_gen");
    const int d = (int)number(r, "n_depth");
    int at;
    if (p > 0 && n > 0)
        at = snprintf(text, cap, "pp%d+tg%d", p, n);
    else
        at = snprintf(text, cap, "%s%d", p > 0 ? "pp" : "tg", p > 0 ? p : n);
    if (d > 0) at += snprintf(text + at, cap - (size_t)at, " @ d%d", d);
    const int s = (int)number(r, "n_sequences");
    if (s > 1) snprintf(text + at, cap - (size_t)at, " x%d", s);
}

static void mean_speed(const json_t *r, char *text, size_t cap)
{
    snprintf(text, cap, "%.2f ± %.2f", number(r, "avg_ts"), number(r, "stddev_ts"));
}

/* A median with its interval, after a factor. */
static void between(const json_t *r, const char *const keys[3], double factor, int decimals,
                    char *text, size_t cap)
{
    if (!has(r, keys[0])) return;
    snprintf(text, cap, "%.*f [%.*f-%.*f]", decimals, factor * number(r, keys[0]), decimals,
             factor * number(r, keys[1]), decimals, factor * number(r, keys[2]));
}

static void median_speed(const json_t *r, char *text, size_t cap)
{
    between(r, (const char *const[]){"median_ts", "low_ts", "high_ts"}, 1.0, 1, text, cap);
}

static void memory(const json_t *r, char *text, size_t cap)
{
    static const char *const keys[] = {"memory_gbs", "memory_low_gbs", "memory_high_gbs"};
    between(r, keys, 1.0, 1, text, cap);
}

static void load(const json_t *r, char *text, size_t cap)
{
    if (has(r, "load_others"))
        snprintf(text, cap, "%.1f %%",
                 100.0 * (number(r, "load_others") + number(r, "load_stolen")));
}

static void milliseconds(const json_t *r, const char *key, char *text, size_t cap)
{
    if (number(r, key) > 0.0) snprintf(text, cap, "%.2f ms", number(r, key) * 1e-6);
}

static void first(const json_t *r, char *text, size_t cap)
{
    milliseconds(r, "ttft_ns", text, cap);
}

static void next(const json_t *r, char *text, size_t cap)
{
    milliseconds(r, "itl_p99_ns", text, cap);
}

static void bandwidth(const json_t *r, char *text, size_t cap)
{
    snprintf(text, cap, "%.2f", number(r, "gbs"));
}

static void share(const json_t *r, char *text, size_t cap)
{
    if (number(r, "share_roofline") > 0.0)
        snprintf(text, cap, "%.1f %%%s", 100.0 * number(r, "share_roofline"),
                 json_is_true(json_object_get(r, "unreliable")) ? " ?" : "");
}

static void share_between(const json_t *r, char *text, size_t cap)
{
    static const char *const keys[] = {"share_roofline", "share_low", "share_high"};
    between(r, keys, 100.0, 0, text, cap);
    if (json_is_true(json_object_get(r, "unreliable")))
        snprintf(text + strlen(text), cap - strlen(text), " ?");
}

static void joules(const json_t *r, char *text, size_t cap)
{
    if (has(r, "joules_per_token")) snprintf(text, cap, "%.4f", number(r, "joules_per_token"));
}

static void divergence(const json_t *r, char *text, size_t cap)
{
    if (has(r, "kl_mean")) snprintf(text, cap, "%.5f", number(r, "kl_mean"));
}

/* ---- Columns --------------------------------------------------------------------------------- */

typedef struct column {
    const char *head;
    int width; /* below 0: to the left */
    void (*write)(const json_t *record, char *text, size_t cap);
    const char *only_with; /* the key without which the whole column is left out; NULL: always */
} column;

static const column brief_columns[] = {{"model", -24, model, NULL},
                                       {"size", 10, size, NULL},
                                       {"params", 8, params, NULL},
                                       {"backend", -7, backend, NULL},
                                       {"threads", 7, threads, NULL},
                                       {"features", -8, features, "cpu_features"},
                                       {"test", 15, test, NULL},
                                       {"t/s", 18, mean_speed, NULL},
                                       {"first", 10, first, NULL},
                                       {"next p99", 10, next, NULL},
                                       {"GB/s", 8, bandwidth, NULL},
                                       {"limit", 7, share, NULL},
                                       {"J/token", 8, joules, "joules_per_token"},
                                       {"KL exact", 8, divergence, "kl_mean"}};
static const column full_columns[] = {{"model", -16, model, NULL},
                                      {"params", 9, params, NULL},
                                      {"threads", 7, threads, NULL},
                                      {"features", -8, features, "cpu_features"},
                                      {"test", 13, test, NULL},
                                      {"t/s", 22, median_speed, NULL},
                                      {"% of limits", 12, share_between, NULL},
                                      {"memory GB/s", 18, memory, NULL},
                                      {"others", 6, load, NULL},
                                      {"J/token", 8, joules, "joules_per_token"},
                                      {"KL exact", 8, divergence, "kl_mean"}};

/* Columns of characters that a text takes: bytes that do not continue one. */
static int shown_width(const char *text)
{
    int width = 0;
    for (; *text != 0; text++) width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void put(const char *text, int width, FILE *to)
{
    const int most = width < 0 ? -width : width, blank = most - shown_width(text);
    fprintf(to, " %*s%s%*s |", width < 0 || blank < 0 ? 0 : blank, "", text,
            width < 0 && blank > 0 ? blank : 0, "");
}

static void put_rule(int width, FILE *to)
{
    const int most = width < 0 ? -width : width;
    fputc(' ', to);
    for (int i = 1; i < most; i++) fputc('-', to);
    fputs(width < 0 ? "- |" : ": |", to);
}

static const char *rival_name(const json_t *rivals, size_t i)
{
    return json_string_value(json_object_get(json_array_get(rivals, i), "name"));
}

enum { RIVAL_SPEED = 13, RIVAL_RATIO = 16 };

static void put_head(const json_t *record, const column *columns, size_t n, FILE *to)
{
    const json_t *rivals = json_object_get(record, "rivals");
    fputc('|', to);
    for (size_t i = 0; i < n; i++) put(columns[i].head, columns[i].width, to);
    for (size_t i = 0; i < json_array_size(rivals); i++) {
        char text[64];
        snprintf(text, sizeof text, "%s t/s", rival_name(rivals, i));
        put(text, RIVAL_SPEED, to);
        put("ratio", RIVAL_RATIO, to);
    }
    fputs("\n|", to);
    for (size_t i = 0; i < n; i++) put_rule(columns[i].width, to);
    for (size_t i = 0; i < json_array_size(rivals); i++) {
        put_rule(RIVAL_SPEED, to);
        put_rule(RIVAL_RATIO, to);
    }
    fputc('\n', to);
}

static void put_rivals(const json_t *record, FILE *to)
{
    static const char *const keys[] = {"ratio", "ratio_low", "ratio_high"};
    const json_t *rivals = json_object_get(record, "rivals");
    for (size_t i = 0; i < json_array_size(rivals); i++) {
        const json_t *v = json_array_get(rivals, i);
        char speed[32] = "-", ratio[64] = "-";
        if (has(v, "median_ts")) snprintf(speed, sizeof speed, "%.2f", number(v, "median_ts"));
        between(v, keys, 1.0, 2, ratio, sizeof ratio);
        put(speed, RIVAL_SPEED, to);
        put(ratio, RIVAL_RATIO, to);
    }
}

void table_row(const json_t *record, size_t index, bool full, FILE *to)
{
    const column *from = full ? full_columns : brief_columns;
    const size_t most = full ? sizeof full_columns / sizeof *full_columns
                             : sizeof brief_columns / sizeof *brief_columns;
    column columns[sizeof brief_columns / sizeof *brief_columns + 4];
    size_t n = 0;
    for (size_t i = 0; i < most; i++)
        if (from[i].only_with == NULL || is_known(record, from[i].only_with))
            columns[n++] = from[i];
    if (index == 0) put_head(record, columns, n, to);
    fputc('|', to);
    for (size_t i = 0; i < n; i++) {
        char text[96] = "";
        columns[i].write(record, text, sizeof text);
        put(text, columns[i].width, to);
    }
    put_rivals(record, to);
    fputs(json_is_true(json_object_get(record, "busy")) ? " busy machine\n" : "\n", to);
}
