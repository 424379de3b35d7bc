/* Verdicts of the gate: no clock, no process, so that they can be tested. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/gate.h"

/* A change below these is not told from noise, and not worth a failure. Memory of a shared machine
 * changes its speed between probe and run. */
static const double least_change = 1.025, least_memory_change = 1.06;
static const double certain = 0.001, suspicious = 0.2;

/* Two processes have probes of their own, on pages of their own: a share that is lower with no turn
 * that is longer is the probe's. */
static bool takes_longer(const gate_case *c)
{
    double base[GATE_MOST_ROUNDS], self[GATE_MOST_ROUNDS];
    memcpy(base, c->seconds[0], c->n * sizeof *base);
    memcpy(self, c->seconds[1], c->n * sizeof *self);
    return stats_of(self, c->n).median > least_change * stats_of(base, c->n).median;
}

gate_verdict gate_judge(const gate_case *c, bool suspicion)
{
    double base[GATE_MOST_ROUNDS], self[GATE_MOST_ROUNDS];
    memcpy(base, c->base, c->n * sizeof *base);
    memcpy(self, c->self, c->n * sizeof *self);
    gate_verdict v = {.p = stats_larger(self, c->n, base, c->n), .ratio = 1.0};
    const stats ours = stats_of(self, c->n), theirs = stats_of(base, c->n);
    if (theirs.median > 0.0) v.ratio = ours.median / theirs.median;
    const double change = c->memory_bound ? least_memory_change : least_change;
    v.slower = v.ratio > (suspicion ? 1.0 + (change - 1.0) / 3.0 : change) &&
               v.p < (suspicion ? suspicious : certain);
    if (c->memory_bound && !suspicion) v.slower = v.slower && takes_longer(c);
    return v;
}

void gate_row_add(gate_row *row, const gate_case *c)
{
    double both[2 * GATE_MOST_ROUNDS];
    if (c->error[0] != 0 || c->busy || c->memory_bound || c->n == 0) return;
    if (row->n_cases == GATE_MOST_CASES) return;
    memcpy(both, c->base, c->n * sizeof *both);
    memcpy(both + c->n, c->self, c->n * sizeof *both);
    const double middle = stats_of(both, 2 * c->n).median;
    if (!(middle > 0.0)) return;
    row->cases[row->n_cases++] = c->name;
    for (size_t i = 0; i < c->n; i++, row->n++) {
        row->base[row->n] = c->base[i] / middle;
        row->self[row->n] = c->self[i] / middle;
    }
}

gate_verdict gate_row_judge(const gate_row *row, bool suspicion)
{
    static double base[GATE_MOST_CASES * GATE_MOST_ROUNDS],
        self[GATE_MOST_CASES * GATE_MOST_ROUNDS];
    memcpy(base, row->base, row->n * sizeof *base);
    memcpy(self, row->self, row->n * sizeof *self);
    gate_verdict v = {.p = stats_larger(self, row->n, base, row->n), .ratio = 1.0};
    if (row->n_cases < 2) return v; /* the case was judged by itself */
    v.ratio = stats_of(self, row->n).median / stats_of(base, row->n).median;
    v.slower = v.ratio > (suspicion ? 1.0 + (least_change - 1.0) / 3.0 : least_change) &&
               v.p < (suspicion ? suspicious : certain);
    return v;
}

const json_t *gate_agreed(const json_t *refs, const char *name)
{
    return json_object_get(json_object_get(refs, "cases"), name);
}

void gate_below(const json_t *agreed, double share, const json_t *vs, char *text, size_t cap)
{
    text[0] = 0;
    const json_t *least = json_object_get(agreed, "share");
    if (least != NULL && share < json_number_value(least)) {
        snprintf(text, cap, "%.1f %% of the limit, %.1f %% agreed", 100.0 * share,
                 100.0 * json_number_value(least));
        return;
    }
    const char *rival;
    json_t *ratio;
    json_object_foreach(json_object_get(agreed, "vs"), rival, ratio)
    {
        const json_t *now = json_object_get(vs, rival);
        if (now == NULL || json_number_value(now) >= json_number_value(ratio)) continue;
        snprintf(text, cap, "%.2f times %s, %.2f agreed", json_number_value(now), rival,
                 json_number_value(ratio));
        return;
    }
}
