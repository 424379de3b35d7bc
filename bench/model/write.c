#include "bench/model/write.h"

#include <string.h>

#include "runtime/text/json.h"

write_format write_format_of(const char *name, bool *known)
{
    static const char *const names[] = {"md", "csv", "json", "jsonl", "sql", "none"};
    *known = true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) return (write_format)i;
    *known = false;
    return WRITE_NONE;
}

/* ---- Tables ---------------------------------------------------------------------------------- */

/* Text with each quote twice, as CSV and SQL have it. */
static void put_quoted(const char *text, char quote, FILE *to)
{
    fputc(quote, to);
    for (; *text != 0; text++) {
        if (*text == quote) fputc(quote, to);
        fputc(*text, to);
    }
    fputc(quote, to);
}

/* Numbers and truths as they are; `null` where there is nothing. */
static void put_value(const json_t *value, char quote, const char *null, FILE *to)
{
    if (json_is_string(value))
        put_quoted(json_string_value(value), quote, to);
    else if (json_is_integer(value))
        fprintf(to, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        fprintf(to, "%.9g", json_real_value(value));
    else if (json_is_boolean(value))
        fputs(json_is_true(value) ? "1" : "0", to);
    else
        fputs(null, to);
}

/* Arrays stand in JSON only. */
static bool is_column(const json_t *value)
{
    return !json_is_array(value) && !json_is_object(value);
}

static json_t *without_const(const json_t *record)
{
    return json_incref((json_t *)(uintptr_t)record);
}

static void put_csv(const json_t *record, size_t index, FILE *to)
{
    json_t *r = without_const(record), *value;
    const char *key, *comma = "";
    if (index == 0) {
        json_object_foreach(r, key, value)
        {
            if (!is_column(value)) continue;
            fprintf(to, "%s%s", comma, key);
            comma = ",";
        }
        fputc('\n', to);
        comma = "";
    }
    json_object_foreach(r, key, value)
    {
        if (!is_column(value)) continue;
        fputs(comma, to);
        put_value(value, '"', "", to);
        comma = ",";
    }
    fputc('\n', to);
    json_decref(r);
}

static const char *sql_type(const char *key, const json_t *value)
{
    if (json_is_string(value) || strcmp(key, "output_hash") == 0) return "TEXT";
    return json_is_integer(value) || json_is_boolean(value) ? "INTEGER" : "REAL";
}

static void put_sql(const json_t *record, size_t index, FILE *to)
{
    json_t *r = without_const(record), *value;
    const char *key, *comma = "";
    if (index == 0) {
        fputs("CREATE TABLE IF NOT EXISTS llama_bench (", to);
        json_object_foreach(r, key, value)
        {
            if (!is_column(value)) continue;
            fprintf(to, "%s\n  %s %s", comma, key, sql_type(key, value));
            comma = ",";
        }
        fputs("\n);\n", to);
        comma = "";
    }
    fputs("INSERT INTO llama_bench (", to);
    json_object_foreach(r, key, value)
    {
        if (!is_column(value)) continue;
        fprintf(to, "%s%s", comma, key);
        comma = ", ";
    }
    fputs(") VALUES (", to);
    comma = "";
    json_object_foreach(r, key, value)
    {
        if (!is_column(value)) continue;
        fputs(comma, to);
        put_value(value, '\'', "NULL", to);
        comma = ", ";
    }
    fputs(");\n", to);
    json_decref(r);
}

/* ---- For people ------------------------------------------------------------------------------ */

static double number(const json_t *record, const char *key)
{
    return json_number_value(json_object_get(record, key));
}

/* "12.3 ms", or nothing. */
static void put_time(const json_t *record, const char *key, FILE *to)
{
    char text[32] = "";
    const double ns = number(record, key);
    if (ns > 0.0) snprintf(text, sizeof text, "%.2f ms", ns * 1e-6);
    fprintf(to, " %10s |", text);
}

static void name_of(const json_t *record, char *name, size_t cap)
{
    const int p = (int)number(record, "n_prompt"), n = (int)number(record, "n_gen");
    const int d = (int)number(record, "n_depth");
    int at = 0;
    if (p > 0 && n > 0)
        at = snprintf(name, cap, "pp%d+tg%d", p, n);
    else
        at = snprintf(name, cap, "%s%d", p > 0 ? "pp" : "tg", p > 0 ? p : n);
    if (d > 0) snprintf(name + at, cap - (size_t)at, " @ d%d", d);
}

static void put_head(const json_t *record, FILE *to)
{
    fprintf(to, "| %-24s | %10s | %8s | %-7s | %7s | %15s | %18s | %10s | %10s | %8s | %7s |",
            "model", "size", "params", "backend", "threads", "test", "t/s", "first", "next p99",
            "GB/s", "limit");
    const json_t *rivals = json_object_get(record, "rivals");
    for (size_t i = 0; i < json_array_size(rivals); i++)
        fprintf(to, " %9s t/s | %16s |",
                json_string_value(json_object_get(json_array_get(rivals, i), "name")), "ratio");
    fprintf(to,
            "\n| %.24s | %.9s: | %.7s: | %.7s | %.6s: | %.14s: | %.17s: | %.9s: | %.9s: | %.7s: "
            "| %.6s: |",
            "------------------------", "---------", "-------", "-------", "------",
            "--------------", "-----------------", "---------", "---------", "-------", "------");
    for (size_t i = 0; i < json_array_size(rivals); i++)
        fprintf(to, " ------------: | ---------------: |");
    fputc('\n', to);
}

static void put_rivals(const json_t *record, FILE *to)
{
    const json_t *rivals = json_object_get(record, "rivals");
    for (size_t i = 0; i < json_array_size(rivals); i++) {
        const json_t *v = json_array_get(rivals, i);
        char ratio[48] = "";
        if (number(v, "ratio") > 0.0)
            snprintf(ratio, sizeof ratio, "%.2f [%.2f-%.2f]", number(v, "ratio"),
                     number(v, "ratio_low"), number(v, "ratio_high"));
        fprintf(to, " %13.2f | %16s |", number(v, "median_ts"), ratio);
    }
}

static void put_md(const json_t *record, size_t index, FILE *to)
{
    char name[64], speed[48], size[32], params[32], share[24] = "";
    if (index == 0) put_head(record, to);
    name_of(record, name, sizeof name);
    snprintf(speed, sizeof speed, "%.2f ± %.2f", number(record, "avg_ts"),
             number(record, "stddev_ts"));
    snprintf(size, sizeof size, "%.2f MiB", number(record, "model_size") / 1048576.0);
    snprintf(params, sizeof params, "%.2f M", number(record, "model_n_params") * 1e-6);
    if (number(record, "share_roofline") > 0.0)
        snprintf(share, sizeof share, "%.1f %%%s", 100.0 * number(record, "share_roofline"),
                 json_is_true(json_object_get(record, "unreliable")) ? " ?" : "");
    /* The sign of the deviation is two bytes wide. */
    fprintf(to, "| %-24s | %10s | %8s | %-7s | %7d | %15s | %19s |",
            json_string_value(json_object_get(record, "model_type")), size, params,
            json_string_value(json_object_get(record, "backends")),
            (int)number(record, "n_threads"), name, speed);
    put_time(record, "ttft_ns", to);
    put_time(record, "itl_p99_ns", to);
    fprintf(to, " %8.2f | %7s |", number(record, "gbs"), share);
    put_rivals(record, to);
    fputs(json_is_true(json_object_get(record, "busy")) ? " busy machine\n" : "\n", to);
}

void write_record(write_format format, const json_t *record, size_t index, FILE *to)
{
    switch (format) {
    case WRITE_MD: put_md(record, index, to); break;
    case WRITE_CSV: put_csv(record, index, to); break;
    case WRITE_JSON:
        fputs(index == 0 ? "[\n" : ",\n", to);
        json_dumpf(record, to, JSON_INDENT(2));
        break;
    case WRITE_JSONL:
        json_dumpf(record, to, JSON_COMPACT);
        fputc('\n', to);
        break;
    case WRITE_SQL: put_sql(record, index, to); break;
    case WRITE_NONE: break;
    }
    fflush(to);
}

void write_end(write_format format, size_t count, FILE *to)
{
    if (format == WRITE_JSON) fputs(count == 0 ? "[]\n" : "\n]\n", to);
}
