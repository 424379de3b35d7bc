#include "bench/agree.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/base/card.h"

static const double seconds = 0.4; /* of a case, ours alone */
/* On a shared machine the same program's medians differed by 18 % within minutes; what is closer is
 * found by comparing with the base. */
static const double margin = 0.75;

/* Of what was measured now, rounded down to three places: a bound is no measurement. `before`, what the
 * file held, stays where it is lower; NULL: nothing. */
static json_t *bound(double low, const json_t *before)
{
    const double now = floor(margin * low * 1e3) / 1e3;
    return json_real(before != NULL ? fmin(now, json_number_value(before)) : now);
}

/* A share is agreed where a limit that was probed beside it is what holds the case up. */
static bool is_held(const measure_result *m)
{
    return (m->memory_bound || m->math_bound) && m->share.low > 0.0 && m->share.median <= 1.05;
}

/* `before`: what the file holds for the case, NULL: nothing. */
static json_t *bounds_of(const measure_room *room, const measure_result *m, const json_t *before)
{
    const json_t *share = json_object_get(before, "share");
    json_t *bounds = json_object(), *ratios = json_object();
    if (before == NULL ? is_held(m) : share != NULL && m->share.low > 0.0)
        json_object_set_new(bounds, "share", bound(m->share.low, share));
    json_object_update(ratios, json_object_get(before, "vs"));
    for (size_t i = 0; i < room->n_rivals; i++) {
        const char *name = room->rivals[i]->name;
        if (m->ratio[i].n > 0)
            json_object_set_new(ratios, name,
                                bound(m->ratio[i].low, json_object_get(ratios, name)));
    }
    if (json_object_size(ratios) > 0) json_object_set(bounds, "vs", ratios);
    json_decref(ratios);
    return bounds;
}

/* What the file holds for this class of machines, NULL where there is none. False: it cannot be read,
 * or is of another class. */
static bool read_before(const char *path, json_t **out)
{
    char class[64];
    card_class(class, sizeof class);
    json_error_t where;
    *out = NULL;
    if (access(path, F_OK) != 0) return true;
    *out = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
    const char *theirs = json_string_value(json_object_get(*out, "class"));
    if (theirs != NULL && strcmp(theirs, class) == 0) return true;
    if (*out == NULL)
        fprintf(stderr, "pewter-bench: %s: %s\n", path, where.text);
    else
        fprintf(stderr, "pewter-bench: %s: is of the class %s, this machine is %s\n", path,
                theirs != NULL ? theirs : "(none)", class);
    json_decref(*out);
    return false;
}

static bool measure(const measure_subject *subject, measure_result *out)
{
    static measure_run run; /* too large for the stack */
    pewter_error err;
    pewter_status status = measure_prepare(subject, &err);
    double spent = 0.0, turn;
    if (status == PEWTER_OK) measure_begin(subject, &run);
    while (status == PEWTER_OK && spent < seconds) {
        status = measure_turn(&run, &turn, &err);
        spent += turn;
    }
    if (status == PEWTER_OK) {
        measure_end(&run, out);
        return true;
    }
    fprintf(stderr, "pewter-bench: %s: %s\n", subject->what->name, err.message);
    return false;
}

static int write_all(json_t *cases, const json_t *before, const measure_room *room,
                     const char *path)
{
    char class[64];
    card_class(class, sizeof class);
    json_t *rivals = json_object(), *card = card_json("/");
    json_object_update(rivals, json_object_get(before, "rivals"));
    for (size_t i = 0; i < room->n_rivals; i++)
        json_object_set_new(rivals, room->rivals[i]->name, json_string(room->rivals[i]->version));
    json_t *all = json_pack("{s:s, s:O, s:O, s:O, s:O}", "class", class, "date",
                            json_object_get(card, "date"), "commit",
                            json_object_get(card, "commit"), "rivals", rivals, "cases", cases);
    const int failed =
        all == NULL || json_dump_file(all, path, JSON_INDENT(1) | JSON_REAL_PRECISION(4)) != 0;
    if (failed) fprintf(stderr, "pewter-bench: %s could not be written\n", path);
    json_decref(all);
    json_decref(rivals);
    json_decref(card);
    return failed;
}

int agree(measure_room *room, const bench_device *device, const char *path, const char *only,
          const volatile sig_atomic_t *stop)
{
    size_t count = 0;
    json_t *before;
    if (!read_before(path, &before)) return 2;
    bench_case *cases = cases_of(device, &count);
    json_t *all = json_object();
    const size_t n_rivals = room->n_rivals;
    bool whole = cases != NULL && all != NULL;
    for (size_t i = 0; i < count && whole && *stop == 0; i++) {
        const measure_subject subject = {.room = room, .what = &cases[i], .on = device};
        measure_result result;
        const json_t *known = json_object_get(json_object_get(before, "cases"), cases[i].name);
        if (!cases[i].standard || cases[i].slow) continue;
        if (only != NULL && strstr(cases[i].name, only) == NULL) {
            if (known != NULL) json_object_set_new(all, cases[i].name, json_deep_copy(known));
            continue;
        }
        room->n_rivals = cases[i].beside ? n_rivals : 0;
        whole = measure(&subject, &result);
        json_t *bounds = whole ? bounds_of(room, &result, known) : NULL;
        if (bounds != NULL) json_object_set(all, cases[i].name, bounds);
        json_decref(bounds);
        fprintf(stderr, "%s\n", cases[i].name);
        measure_drop(room);
    }
    room->n_rivals = n_rivals;
    int code = 1;
    if (whole && *stop == 0) code = write_all(all, before, room, path);
    json_decref(all);
    json_decref(before);
    free(cases);
    return *stop != 0 ? 130 : code;
}
