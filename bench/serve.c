#include "bench/serve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/card.h"
#include "runtime/text/json.h"

enum { LINE_BYTES = 256, MOST_SECONDS = 3600 };

static int answer(json_t *what)
{
    char *text;
    size_t bytes;
    pewter_error err;
    const pewter_status status = pw_json_dump(what, 0, &text, &bytes, &err);
    json_decref(what);
    if (status != PEWTER_OK) return 1;
    const bool written = printf("%s\n", text) >= 0 && fflush(stdout) == 0;
    if (!written) fprintf(stderr, "pewter-bench: an answer is lost: %s\n", strerror(errno));
    pw_json_text_free(text);
    return written ? 0 : 1;
}

static json_t *hello(const bench_case *cases, size_t count)
{
    char class[64];
    card_class(class, sizeof class);
    json_t *card = card_json("/");
    json_t *names = json_array();
    for (size_t i = 0; i < count; i++)
        if (cases[i].standard && !cases[i].slow)
            json_array_append_new(names, json_string(cases[i].name));
    json_t *line = json_pack(
        "{s:s, s:O, s:s, s:o}", "name", "pewter-bench", "version",
        json_object_get(card, "commit") != NULL ? json_object_get(card, "commit") : json_null(),
        "class", class, "cases", names);
    json_decref(card);
    return line;
}

static json_t *measured(const measure_subject *subject, double seconds)
{
    static measure_run run; /* too large for the stack */
    pewter_error err;
    pewter_status status = measure_prepare(subject, &err);
    if (status == PEWTER_OK) {
        measure_begin(subject, &run);
        double spent = 0.0, turn;
        while (status == PEWTER_OK && spent < seconds) {
            status = measure_turn(&run, &turn, &err);
            spent += turn;
        }
    }
    if (status != PEWTER_OK)
        return json_pack("{s:s, s:b}", "error", err.message, "wrong", status == PEWTER_E_FORMAT);

    measure_result m;
    measure_end(&run, &m);
    json_t *ratios = json_object();
    for (size_t i = 0; i < subject->room->n_rivals; i++)
        if (m.ratio[i].n > 0)
            json_object_set_new(ratios, subject->room->rivals[i]->name,
                                json_real(m.ratio[i].median));
    return json_pack("{s:f, s:I, s:f, s:b, s:b, s:o}", "seconds", m.seconds, "turns",
                     (json_int_t)m.turns, "share", m.share.median, "cached", m.cached,
                     "memory_bound", m.memory_bound, "vs", ratios);
}

static json_t *refuse(const char *why)
{
    return json_pack("{s:s, s:b}", "error", why, "wrong", 0);
}

/* "CASE SECONDS": */
static json_t *respond(char *line, const measure_subject *subjects, size_t count)
{
    char *space = strchr(line, ' '), *end = NULL;
    const double seconds = space != NULL ? strtod(space + 1, &end) : 0.0;
    if (space == NULL || end == space + 1 || *end != 0 || !(seconds >= 0.0) ||
        seconds > MOST_SECONDS)
        return refuse("a line is a case, a space and 0 to 3600 seconds");
    *space = 0;
    for (size_t i = 0; i < count; i++)
        if (strcmp(subjects[i].what->name, line) == 0) return measured(&subjects[i], seconds);
    return refuse("no such case");
}

/* False at the end of the input. What of a line does not fit is dropped, and `whole` says so. */
static bool next_line(char *line, bool *whole)
{
    if (fgets(line, LINE_BYTES, stdin) == NULL) return false;
    char *end = strchr(line, '\n');
    *whole = end != NULL || feof(stdin);
    if (end != NULL) *end = 0;
    for (int c = *whole ? '\n' : 0; c != '\n' && c != EOF;) c = getchar();
    return true;
}

int serve(measure_room *room, const bench_device *device)
{
    size_t count = 0;
    bench_case *cases = cases_of(device, &count);
    measure_subject *subjects = calloc(count + 1, sizeof *subjects);
    if (cases == NULL || subjects == NULL) {
        free(cases);
        free(subjects);
        fprintf(stderr, "pewter-bench: no memory for the list of cases\n");
        return 1;
    }
    for (size_t i = 0; i < count; i++)
        subjects[i] = (measure_subject){.room = room, .what = &cases[i], .on = device};
    int code = answer(hello(cases, count));
    char line[LINE_BYTES];
    bool whole;
    while (code == 0 && next_line(line, &whole))
        code = answer(whole ? respond(line, subjects, count) : refuse("the line is too long"));
    measure_drop(room);
    free(subjects);
    free(cases);
    return code;
}
