#include "bench/model/write.h"

#include <string.h>

#include "bench/model/table.h"
#include "runtime/text/json.h"

write_format write_format_of(const char *name, bool *known)
{
    static const char *const names[] = {"md", "full", "csv", "json", "jsonl", "sql", "none"};
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

void write_record(write_format format, const json_t *record, size_t index, FILE *to)
{
    switch (format) {
    case WRITE_MD:
    case WRITE_FULL: table_row(record, index, format == WRITE_FULL, to); break;
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
