#include "bench/show.h"

#include <math.h>
#include <stdio.h>

static const measure_room *room;
static bool markdown;

/* A figure in a column; a dash where there is none. */
static void cell(int width, double value, int decimals, const char *unit)
{
    char text[32] = "-";
    if (!isnan(value)) snprintf(text, sizeof text, "%.*f%s", decimals, value, unit);
    printf(markdown ? " %*s |" : " %*s", width, text);
}

/* A median and its interval. */
static void cell_between(int width, double middle, double low, double high, int decimals)
{
    char text[64] = "-";
    if (!isnan(middle))
        snprintf(text, sizeof text, "%.*f [%.*f-%.*f]", decimals, middle, decimals, low, decimals,
                 high);
    printf(markdown ? " %*s |" : " %*s", width, text);
}

static void head_markdown(void)
{
    printf("| %-50s | %11s | %8s | %8s | %18s | %8s | %8s | %8s |", "kernel/shape/threads",
           "time us", "GOP/s", "GB/s", "share %", "limit GOP/s", "limit GB/s", "x plain");
    for (size_t i = 0; i < room->n_rivals; i++) printf(" x %-16s |", room->rivals[i]->name);
    printf("\n|---|---:|---:|---:|---:|---:|---:|---:|");
    for (size_t i = 0; i < room->n_rivals; i++) printf("---:|");
    printf("\n");
}

void show_begin(const measure_room *of, bool as_markdown, bool head)
{
    room = of;
    markdown = as_markdown;
    if (!head) return;
    if (markdown) {
        head_markdown();
        return;
    }
    printf("%-58s %11s %8s %8s %8s %8s", "kernel/shape/threads", "time us", "GOP/s", "GB/s",
           "share", "x plain");
    for (size_t i = 0; i < room->n_rivals; i++) printf(" %9s%-8s", "x ", room->rivals[i]->name);
    printf("\n");
}

static void show_rivals(const bench_line *line)
{
    for (size_t i = 0; i < room->n_rivals; i++) {
        char name[64];
        snprintf(name, sizeof name, "vs_%s", room->rivals[i]->name);
        const double ratio = line->counter(line, name);
        snprintf(name, sizeof name, "vs_%s_low", room->rivals[i]->name);
        const double low = line->counter(line, name);
        snprintf(name, sizeof name, "vs_%s_high", room->rivals[i]->name);
        cell_between(17, ratio, low, line->counter(line, name), 2);
    }
}

static void line_markdown(const bench_line *line)
{
    const double share = line->counter(line, "share");
    printf("| %-50s |", line->name);
    cell(11, line->seconds * 1e6, 2, "");
    cell(8, line->counter(line, "GOP/s"), 1, "");
    cell(8, line->counter(line, "GB/s"), 2, "");
    cell_between(18, 100.0 * share, 100.0 * line->counter(line, "share_low"),
                 100.0 * line->counter(line, "share_high"), 0);
    cell(8, line->counter(line, "limit_GOP/s"), 0, "");
    cell(8, line->counter(line, "limit_GB/s"), 1,
         line->counter(line, "cached") > 0.0 ? " cached" : "");
    cell(8, line->counter(line, "vs_reference"), 1, "");
    show_rivals(line);
    printf("%s\n", share > 1.05 ? " unreliable" : "");
}

void show_line(const bench_line *line)
{
    if (line->error != NULL) {
        printf(markdown ? "| %s | %s |\n" : "%-58s %s\n", line->name, line->error);
    } else if (markdown) {
        line_markdown(line);
    } else {
        const double share = line->counter(line, "share");
        printf("%-58s", line->name);
        cell(11, line->seconds * 1e6, 2, "");
        cell(8, line->counter(line, "GOP/s"), 1, "");
        cell(8, line->counter(line, "GB/s"), 2, "");
        cell(8, 100.0 * share, 1, "%");
        cell(8, line->counter(line, "vs_reference"), 1, "");
        show_rivals(line);
        if (share > 1.05) printf(" unreliable");
        if (line->counter(line, "cached") > 0.0) printf(" cached");
        printf("\n");
    }
    fflush(stdout);
}
