#include "bench/gate.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "bench/base/load.h"
#include "pw/clock.h"
#include "pw/num.h"
#include "pw/status.h"
#include "runtime/text/json.h"

enum { FIRST_ROUNDS = 7, SECOND_ROUNDS = 24, TRIES = 7, CONFIRMATIONS = 4, MOST_COPIED = 1 << 30 };
static const double turn_seconds = 0.06; /* of a side in a round */
static const double answer_seconds = 120.0;

typedef struct gate {
    const gate_options *options;
    peer *base, *self, *rivals; /* rivals: this program beside them, NULL: not looked at */
    json_t *refs;
    json_t *found; /* array of what is not fine */
    int64_t end_ns;
    size_t judged, slower, wrong, below, busy, skipped;
    gate_row row; /* of the cases that are being walked */
} gate;

static bool stopped(const gate *g)
{
    return g->options->stop != NULL && *g->options->stop != 0;
}

/* ---- Programs -------------------------------------------------------------------------------- */

static pewter_status start(const char *program, const char *rivals, peer **out, pewter_error *err)
{
    char name[4096], folder[4096];
    char serve[] = "--serve", none[] = "--no-rivals", from[] = "--rivals";
    snprintf(name, sizeof name, "%s", program);
    snprintf(folder, sizeof folder, "%s", rivals != NULL ? rivals : "");
    char *const alone[] = {name, serve, none, NULL};
    char *const beside[] = {name, serve, from, folder, NULL};
    return peer_open(rivals != NULL ? beside : alone, NULL, answer_seconds, out, err);
}

/* A program's code lies on the pages that the kernel keeps of its file, the same for every process:
 * between two files of the same code 4 to 10 % in a loop was seen. So each side runs a copy in memory,
 * new with each process; the file itself, said so, where a copy does not run. */
static pewter_status start_copy(const char *program, peer **out, pewter_error *err)
{
    const int from = open(program, O_RDONLY | O_CLOEXEC);
    if (from < 0) return start(program, NULL, out, err);
    char path[64];
    const int to = memfd_create("pewter-bench", MFD_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", to);
    ssize_t n = -1;
    while (to >= 0 && (n = sendfile(to, from, NULL, MOST_COPIED)) > 0) {
    }
    pewter_status status = n == 0 ? start(path, NULL, out, NULL) : PEWTER_E_IO;
    if (to >= 0) close(to);
    close(from);
    if (status == PEWTER_OK) return status;
    status = start(program, NULL, out, err);
    if (status == PEWTER_OK)
        fprintf(stderr,
                "pewter-bench: a copy of %s does not run: the place of its file's pages counts\n",
                program);
    return status;
}

/* New processes have their operands and their code on other pages: a difference that belongs to those
 * goes with them. Where none can be started, the old ones go on. */
static void renew(gate *g)
{
    peer *base = NULL, *self = NULL;
    pewter_error err;
    if (start_copy(g->options->base, &base, &err) == PEWTER_OK &&
        start_copy(g->options->self, &self, &err) == PEWTER_OK) {
        peer_close(g->base);
        peer_close(g->self);
        g->base = base;
        g->self = self;
        return;
    }
    peer_close(base);
    peer_close(self);
}

/* ---- Measuring ------------------------------------------------------------------------------- */

/* One side's figure of a round. False where it answered an error. */
static bool ask(peer *p, const char *side, double seconds, json_t **out, gate_case *c)
{
    char line[256];
    pewter_error err;
    snprintf(line, sizeof line, "%s %.3f", c->name, seconds);
    if (peer_ask(p, line, answer_seconds, out, &err) == PEWTER_OK) return true;
    snprintf(c->error, sizeof c->error, "%s: %.230s", side, err.message);
    return false;
}

/* Seconds a turn, or 1 / share. */
static double figure(const json_t *answer, bool memory_bound)
{
    const double share = json_number_value(json_object_get(answer, "share"));
    if (memory_bound) return share > 0.0 ? 1.0 / share : 0.0;
    return json_number_value(json_object_get(answer, "seconds"));
}

/* Base and self in turns; who is first changes with every round. */
static void measure(gate *g, gate_case *c, size_t rounds)
{
    const int32_t pids[] = {peer_pid(g->base), peer_pid(g->self),
                            g->rivals != NULL ? peer_pid(g->rivals) : peer_pid(g->self)};
    const int32_t n_pids = g->rivals != NULL ? 3 : 2;
    c->n = 0;
    c->error[0] = 0;
    load_mark begin = {.known = false};
    for (size_t i = 0; i <= rounds && i < GATE_MOST_ROUNDS && !stopped(g); i++) {
        /* The first round makes both sides ready, and does not count. */
        if (i == 1) begin = load_now("/", pids, n_pids);
        json_t *answers[2] = {NULL, NULL}; /* base, self */
        bool good = true;
        for (int side = 0; side < 2 && good; side++) {
            const bool self = ((size_t)side + i) % 2 == 0;
            good = ask(self ? g->self : g->base, self ? "this build" : "the base", turn_seconds,
                       &answers[self ? 1 : 0], c);
        }
        const json_t *error = json_object_get(answers[1], "error");
        if (error != NULL)
            c->wrong = json_is_true(json_object_get(answers[1], "wrong"));
        else
            error = json_object_get(answers[0], "error");
        if (good && error != NULL)
            snprintf(c->error, sizeof c->error, "%.250s", json_string_value(error));
        good = good && error == NULL;
        /* What bounds a case is settled once: figures of the two kinds cannot be compared. */
        if (good && i == 0)
            c->memory_bound = json_is_true(json_object_get(answers[1], "memory_bound"));
        if (good && i > 0) {
            c->base[c->n] = figure(answers[0], c->memory_bound);
            c->self[c->n] = figure(answers[1], c->memory_bound);
            for (int side = 0; side < 2; side++)
                c->seconds[side][c->n] = figure(answers[side], false);
            c->shares[c->n++] = json_number_value(json_object_get(answers[1], "share"));
        }
        json_decref(answers[0]);
        json_decref(answers[1]);
        if (!good) return;
    }
    const load_mark end = load_now("/", pids, n_pids);
    const load_share share = load_between(&begin, &end);
    c->others = share.others;
    c->stolen = share.stolen;
    c->busy = 100.0 * (fmax(share.others, 0.0) + fmax(share.stolen, 0.0)) > LOAD_LIMIT_PERCENT;
}

/* ---- Judging --------------------------------------------------------------------------------- */

static void tell(gate *g, const gate_case *c, const char *what, const char *words, double ratio,
                 double p)
{
    json_array_append_new(g->found, json_pack("{s:s, s:s, s:s, s:f, s:f}", "case", c->name, "what",
                                              what, "words", words, "ratio", ratio, "p", p));
    if (!g->options->json) printf("%-7s %s: %s\n", what, c->name, words);
    fflush(stdout);
}

/* A case is looked at again before it is called slower, each time by new processes, and when the
 * machine was busy: rounds of one pair of processes do not show what the places of its pages cost. */
static void judge(gate *g, gate_case *c)
{
    char words[320];
    int confirmed = 0;
    measure(g, c, FIRST_ROUNDS);
    gate_verdict v = gate_judge(c, true);
    for (int i = 0; i < TRIES && c->error[0] == 0 && !stopped(g); i++) {
        if (!c->busy && (!v.slower || confirmed == CONFIRMATIONS)) break;
        if (v.slower) renew(g);
        measure(g, c, SECOND_ROUNDS);
        v = gate_judge(c, false);
        if (!c->busy) confirmed++;
    }
    v.slower = v.slower && confirmed == CONFIRMATIONS;
    if (stopped(g)) return;
    if (c->error[0] != 0) {
        if (c->wrong)
            g->wrong++;
        else
            g->skipped++;
        tell(g, c, c->wrong ? "wrong" : "failed", c->error, 0.0, 1.0);
        return;
    }
    if (c->busy) {
        g->busy++;
        snprintf(words, sizeof words,
                 "not judged: others took %.1f %% of the CPUs, the host %.1f %%", 100.0 * c->others,
                 100.0 * c->stolen);
        tell(g, c, "busy", words, v.ratio, v.p);
        return;
    }
    g->judged++;
    if (!v.slower) return;
    g->slower++;
    g->row.found = true;
    snprintf(words, sizeof words, "%.1f %% slower%s (p %.1g, %zu rounds)", 100.0 * (v.ratio - 1.0),
             c->memory_bound ? " as a share of the bandwidth" : "", v.p, c->n);
    tell(g, c, "slower", words, v.ratio, v.p);
}

/* The row's cases once more, by new processes. False where there was no time for all of them. */
static bool measure_row(gate *g, const gate_row *row, gate_row *again)
{
    *again = (gate_row){.n = 0};
    snprintf(again->name, sizeof again->name, "%s", row->name);
    renew(g);
    for (size_t i = 0; i < row->n_cases; i++) {
        gate_case c = {.name = row->cases[i]};
        if (stopped(g) || pw_now_ns() > g->end_ns) return false;
        measure(g, &c, SECOND_ROUNDS);
        gate_row_add(again, &c);
    }
    return true;
}

/* All cases of the row together, if none of them alone was slower. */
static void judge_row(gate *g)
{
    static gate_row again;
    gate_row *row = &g->row;
    if (row->found || stopped(g) || !gate_row_judge(row, true).slower) return;
    gate_verdict v = {.slower = true};
    for (int i = 0; i < CONFIRMATIONS && v.slower; i++) {
        if (!measure_row(g, row, &again)) return;
        v = gate_row_judge(&again, false);
    }
    if (!v.slower || stopped(g)) return;
    char words[128];
    const gate_case whole = {.name = again.name};
    g->slower++;
    snprintf(words, sizeof words, "%.1f %% slower over its %zu cases (p %.1g, %zu rounds)",
             100.0 * (v.ratio - 1.0), again.n_cases, v.p, again.n);
    tell(g, &whole, "slower", words, v.ratio, v.p);
}

/* The row of a case is behind the last one's: judges that, and begins anew. */
static void change_row(gate *g, const char *name)
{
    const size_t length = strcspn(name, "/");
    if (strlen(g->row.name) == length && strncmp(g->row.name, name, length) == 0) return;
    judge_row(g);
    g->row = (gate_row){.n = 0};
    snprintf(g->row.name, sizeof g->row.name, "%.*s", (int)length, name);
}

/* What was agreed: the share of the rounds that were measured, ratios beside the rivals. A share that
 * is too low is measured once more. */
static void compare_agreed(gate *g, gate_case *c)
{
    const json_t *agreed = gate_agreed(g->refs, c->name);
    if (agreed == NULL || c->error[0] != 0 || c->busy || stopped(g)) return;
    char words[320];
    for (int i = 0; i < 2; i++) {
        json_t *beside = NULL;
        if (g->rivals != NULL && json_object_get(agreed, "vs") != NULL &&
            !ask(g->rivals, "beside the rivals", 5.0 * turn_seconds, &beside, c))
            return;
        gate_below(agreed, stats_of(c->shares, c->n).median, json_object_get(beside, "vs"), words,
                   sizeof words);
        json_decref(beside);
        if (words[0] == 0) return;
        if (i == 0) measure(g, c, SECOND_ROUNDS);
        if (c->busy || c->error[0] != 0) return;
    }
    g->below++;
    tell(g, c, "below", words, 0.0, 1.0);
}

/* ---- The whole ------------------------------------------------------------------------------- */

static bool has(const json_t *names, const char *name)
{
    size_t i;
    json_t *value;
    json_array_foreach(names, i, value)
    {
        if (strcmp(json_string_value(value), name) == 0) return true;
    }
    return false;
}

static void walk(gate *g)
{
    /* Names outlive the processes that said them. */
    json_t *ours = json_incref(json_object_get(peer_hello(g->self), "cases"));
    json_t *theirs = json_incref(json_object_get(peer_hello(g->base), "cases"));
    size_t i;
    json_t *value;
    json_array_foreach(ours, i, value)
    {
        gate_case c = {.name = json_string_value(value)};
        if (stopped(g)) break;
        if (g->options->filter != NULL && strstr(c.name, g->options->filter) == NULL) continue;
        if (!has(theirs, c.name)) {
            tell(g, &c, "new", "the base has no such case", 1.0, 1.0);
            continue;
        }
        if (pw_now_ns() > g->end_ns) {
            g->skipped++;
            tell(g, &c, "failed", "no time was left: give more --seconds", 1.0, 1.0);
            continue;
        }
        if (isatty(STDERR_FILENO))
            fprintf(stderr, "\r\033[K%zu of %zu %s", i + 1, json_array_size(ours), c.name);
        change_row(g, c.name);
        judge(g, &c);
        gate_row_add(&g->row, &c);
        compare_agreed(g, &c);
    }
    change_row(g, "");
    json_decref(ours);
    json_decref(theirs);
    if (isatty(STDERR_FILENO)) fprintf(stderr, "\r\033[K");
}

static int verdict(const gate *g)
{
    const char *word = "passed";
    int code = GATE_FINE;
    if (g->busy > 0) {
        word = "not judged: the machine is busy";
        code = GATE_BUSY;
    }
    if (g->slower + g->wrong + g->below + g->skipped > 0 || (g->judged == 0 && code == GATE_FINE)) {
        word = "failed";
        code = GATE_FAILED;
    }
    if (stopped(g)) {
        word = "interrupted";
        code = GATE_INTERRUPTED;
    }
    const char *base = json_string_value(json_object_get(peer_hello(g->base), "version"));
    const char *self = json_string_value(json_object_get(peer_hello(g->self), "version"));
    if (g->options->json) {
        json_t *all = json_pack("{s:s, s:s, s:s, s:I, s:O}", "verdict", word, "base",
                                base != NULL ? base : "?", "self", self != NULL ? self : "?",
                                "judged", (json_int_t)g->judged, "found", g->found);
        json_dumpf(all, stdout, JSON_INDENT(2));
        printf("\n");
        json_decref(all);
        return code;
    }
    printf("gate: %s against %s: %s: %zu judged, %zu slower, %zu wrong, %zu below what was agreed, "
           "%zu not measured, %zu on a busy machine\n",
           self != NULL ? self : "?", base != NULL ? base : "?", word, g->judged, g->slower,
           g->wrong, g->below, g->skipped, g->busy);
    return code;
}

static pewter_status open_all(gate *g, pewter_error *err)
{
    const gate_options *o = g->options;
    if (o->refs != NULL) {
        json_error_t where;
        g->refs = json_load_file(o->refs, JSON_REJECT_DUPLICATES, &where);
        if (g->refs == NULL) return pw_fail(err, PEWTER_E_FORMAT, "%s: %s", o->refs, where.text);
    }
    PW_TRY(start_copy(o->base, &g->base, err));
    PW_TRY(start_copy(o->self, &g->self, err));
    if (o->rivals != NULL && g->refs != NULL) PW_TRY(start(o->self, o->rivals, &g->rivals, err));
    g->found = json_array();
    return g->found != NULL ? PEWTER_OK : pw_fail(err, PEWTER_E_MEMORY, "no memory");
}

int gate_run(const gate_options *o)
{
    static gate g; /* too large for the stack */
    g = (gate){.options = o, .end_ns = pw_now_ns() + (int64_t)(o->seconds * 1e9)};
    pewter_error err;
    int code = 2;
    if (open_all(&g, &err) == PEWTER_OK) {
        walk(&g);
        code = verdict(&g);
    } else {
        fprintf(stderr, "pewter-bench: %s\n", err.message);
    }
    peer_close(g.base);
    peer_close(g.self);
    peer_close(g.rivals);
    json_decref(g.refs);
    json_decref(g.found);
    return code;
}
