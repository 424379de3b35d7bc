#include "bench/report/report.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pw/status.h"
#include "runtime/text/json.h"

enum { MOST_BYTES = 64 << 20 };

/* assets.S */
extern const char report_page_html[], report_page_css[], report_page_js[], report_chart_js[];

/* ---- Reading --------------------------------------------------------------------------------- */

static char *read_file(const char *path, size_t *bytes, char *why, size_t cap)
{
    struct stat about;
    FILE *file = stat(path, &about) == 0 && S_ISREG(about.st_mode) ? fopen(path, "re") : NULL;
    if (file == NULL) { /* a pipe would be waited for */
        snprintf(why, cap, "%s", errno != 0 ? strerror(errno) : "it is no regular file");
        return NULL;
    }
    fseek(file, 0, SEEK_END);
    const long size = ftell(file);
    rewind(file);
    char *text = size >= 0 && size <= MOST_BYTES ? malloc((size_t)size + 1) : NULL;
    *bytes = text != NULL ? fread(text, 1, (size_t)size, file) : 0;
    fclose(file);
    if (text == NULL)
        snprintf(why, cap, "%d bytes at most, and %ld are there", MOST_BYTES, size);
    else
        text[*bytes] = 0;
    return text;
}

/* A run of kernels: Google Benchmark's file as it is. */
static json_t *kernels_of(const char *text, size_t bytes, pewter_error *err)
{
    json_t *all = NULL;
    if (pw_json_parse("results", text, bytes, MOST_BYTES, &all, err) != PEWTER_OK) return NULL;
    if (json_is_array(json_object_get(all, "benchmarks"))) return all;
    json_decref(all);
    (void)pw_fail(err, PEWTER_E_FORMAT, "no benchmarks are in it");
    return NULL;
}

/* A run of models: a line with the card, then a line a test. A last line that was cut is left out. */
static json_t *models_of(const char *text, size_t bytes, pewter_error *err)
{
    json_t *run = json_object(), *tests = json_array();
    json_object_set_new(run, "tests", tests);
    const char *end = text + bytes;
    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        const size_t length = (size_t)((stop != NULL ? stop : end) - text);
        json_t *line = NULL;
        if (length > 0 &&
            pw_json_parse("results", text, length, MOST_BYTES, &line, err) != PEWTER_OK) {
            if (stop == NULL) break;
            json_decref(run);
            return NULL;
        }
        json_t *card = json_object_get(line, "card");
        if (card != NULL)
            json_object_set(run, "card", card);
        else if (json_is_object(line))
            json_array_append(tests, line);
        json_decref(line);
        text += length + 1;
    }
    return run;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    /* The date stands behind the kind: "kernels-20260131T..." */
    return strcmp(strchr((*a)->d_name, '-'), strchr((*b)->d_name, '-'));
}

static int is_result(const struct dirent *entry)
{
    return strncmp(entry->d_name, "kernels-", 8) == 0 || strncmp(entry->d_name, "models-", 7) == 0;
}

static void add_run(json_t *runs, json_t *bad, const char *folder, const char *name)
{
    char path[4096];
    pewter_error err = {.message = "no memory"};
    size_t bytes = 0;
    errno = 0;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    char *text = read_file(path, &bytes, err.message, sizeof err.message);
    json_t *run = NULL;
    if (text != NULL)
        run = name[0] == 'k' ? kernels_of(text, bytes, &err) : models_of(text, bytes, &err);
    free(text);
    if (run == NULL) {
        json_array_append_new(bad, json_pack("{s:s, s:s}", "file", name, "why", err.message));
        return;
    }
    json_object_set_new(run, "file", json_string(name));
    json_array_append_new(runs, run);
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* JSON inside a script element: no "<" may end it. */
static void put_data(const json_t *data, FILE *to)
{
    char *text = json_dumps(data, JSON_COMPACT);
    for (const char *at = text; at != NULL && *at != 0; at++) {
        if (*at == '<')
            fputs("\\u003c", to);
        else
            fputc(*at, to);
    }
    free(text);
}

static void put_text(const char *text, FILE *to)
{
    for (; text != NULL && *text != 0; text++) {
        if (*text == '<')
            fputs("&lt;", to);
        else if (*text == '&')
            fputs("&amp;", to);
        else
            fputc(*text, to);
    }
}

/* What a reader without scripts sees: the last run of kernels, and all tests of models. */
static void put_plain(const json_t *runs, FILE *to)
{
    const json_t *last = NULL;
    for (size_t i = 0; i < json_array_size(runs); i++)
        if (json_object_get(json_array_get(runs, i), "benchmarks") != NULL)
            last = json_array_get(runs, i);
    const json_t *list = json_object_get(last, "benchmarks");
    fputs("<noscript><p>With scripts this page has charts and filters.</p><table><thead><tr>"
          "<th>kernel</th><th>time, &micro;s</th><th>GOP/s</th><th>GB/s</th><th>share of the limit"
          "</th></tr></thead><tbody>\n",
          to);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *b = json_array_get(list, i);
        fputs("<tr><td>", to);
        put_text(json_string_value(json_object_get(b, "name")), to);
        fprintf(to, "</td><td>%.2f</td><td>%.1f</td><td>%.2f</td><td>%.1f %%</td></tr>\n",
                json_number_value(json_object_get(b, "real_time")),
                json_number_value(json_object_get(b, "GOP/s")),
                json_number_value(json_object_get(b, "GB/s")),
                100.0 * json_number_value(json_object_get(b, "share")));
    }
    fputs("</tbody></table></noscript>\n", to);
}

static void put_page(const json_t *data, FILE *to)
{
    fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
          "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<title>Pewter: measured</title>\n<style>\n",
          to);
    fputs(report_page_css, to);
    fputs("</style></head>\n<body>\n", to);
    fputs(report_page_html, to);
    put_plain(json_object_get(data, "runs"), to);
    fputs("<script type=\"application/json\" id=\"data\">", to);
    put_data(data, to);
    fputs("</script>\n<script>\n", to);
    fputs(report_chart_js, to);
    fputs("\n</script>\n<script>\n", to);
    fputs(report_page_js, to);
    fputs("</script>\n</body></html>\n", to);
}

pewter_status report_write(const char *folder, const char *path, const json_t *card, size_t *runs,
                           pewter_error *err)
{
    struct dirent **names = NULL;
    const int count = scandir(folder, &names, is_result, by_name);
    if (count < 0)
        return pw_fail(err, PEWTER_E_IO, "the folder of results %s cannot be read: %s", folder,
                       strerror(errno));
    json_t *list = json_array(), *bad = json_array();
    for (int i = 0; i < count; i++) {
        add_run(list, bad, folder, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    *runs = json_array_size(list);
    json_t *data = json_pack("{s:O?, s:o, s:o, s:s}", "card", card, "runs", list, "bad", bad,
                             "folder", folder);
    FILE *to = fopen(path, "we");
    if (to == NULL) {
        json_decref(data);
        return pw_fail(err, PEWTER_E_IO, "the report %s cannot be written: %s", path,
                       strerror(errno));
    }
    put_page(data, to);
    json_decref(data);
    const bool failed = ferror(to) != 0;
    if (fclose(to) != 0 || failed)
        return pw_fail(err, PEWTER_E_IO, "the report %s could not be written", path);
    return PEWTER_OK;
}
