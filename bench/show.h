/* The table of results, for a terminal or as Markdown. */
#ifndef PW_BENCH_SHOW_H
#define PW_BENCH_SHOW_H

#include "bench/measure.h"
#include "bench/shim.h"

/* Writes the head, if one is wanted. Markdown has intervals and the limits of each case's own slices beside its figures:
 * what a published figure needs. */
void show_begin(const measure_room *room, bool markdown, bool head);
void show_line(const bench_line *line);

#endif
