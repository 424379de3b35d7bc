#include "runtime/engine/answer.h"

#include <string.h>

#include "pw/status.h"
#include "runtime/text/utf8.h"

enum { TEXT_BYTES = 4096, MAX_STOPS = 64, MAX_STOP_BYTES = 4096 };

pewter_status pw_answer_init(pw_answer *answer, pw_arena *arena, size_t piece,
                             const char *const *stop, size_t n_stop, pewter_error *err)
{
    *answer = (pw_answer){.n_stop = n_stop, .token = -1, .room = piece};
    if (n_stop > MAX_STOPS)
        return pw_fail(err, PEWTER_E_ARG, "at most %d stop texts wanted, %zu found", MAX_STOPS,
                       n_stop);
    if (n_stop > 0 && stop == NULL)
        return pw_fail(err, PEWTER_E_ARG, "%zu stop texts wanted, none found", n_stop);
    const char **copies = pw_arena_array(arena, n_stop, sizeof *copies);
    if (copies == NULL) return pw_fail(err, PEWTER_E_MEMORY, "no memory for stop texts");
    for (size_t i = 0; i < n_stop; i++) {
        const size_t bytes = stop[i] != NULL ? strlen(stop[i]) : 0;
        if (bytes == 0 || bytes > MAX_STOP_BYTES)
            return pw_fail(err, PEWTER_E_ARG, "stop text %zu: 1 to %d bytes wanted, %zu found", i,
                           MAX_STOP_BYTES, bytes);
        copies[i] = pw_arena_text(arena, stop[i], bytes);
        if (copies[i] == NULL) return pw_fail(err, PEWTER_E_MEMORY, "no memory for stop texts");
        if (bytes > answer->longest_stop) answer->longest_stop = bytes;
    }
    answer->stop = copies;
    answer->cap = TEXT_BYTES + 2 * piece + answer->longest_stop;
    answer->text = pw_arena_take(arena, answer->cap);
    answer->out = pw_arena_array(arena, answer->cap, 3);
    if (answer->text == NULL || answer->out == NULL)
        return pw_fail(err, PEWTER_E_MEMORY, "no memory for an answer's text");
    return PEWTER_OK;
}

void pw_answer_begin(pw_answer *answer)
{
    answer->bytes = 0;
    answer->token = -1;
    answer->tokens = 0;
    answer->finish = PEWTER_FINISH_NONE;
}

bool pw_answer_has_room(const pw_answer *answer)
{
    return answer->cap - answer->bytes >= answer->room;
}

void pw_answer_add(pw_answer *answer, int32_t token, const char *piece, size_t bytes)
{
    const size_t before = answer->bytes;
    memcpy(answer->text + before, piece, bytes);
    answer->bytes += bytes;
    answer->token = token;
    answer->tokens++;

    /* A stop text may have begun in what was there. */
    const size_t back = answer->longest_stop > 0 ? answer->longest_stop - 1 : 0;
    for (size_t at = before > back ? before - back : 0; at < answer->bytes; at++) {
        for (size_t i = 0; i < answer->n_stop; i++) {
            const size_t length = strlen(answer->stop[i]);
            if (length > answer->bytes - at) continue;
            if (memcmp(answer->text + at, answer->stop[i], length) != 0) continue;
            answer->bytes = at;
            answer->finish = PEWTER_FINISH_STOP;
            return;
        }
    }
}

/* The longest end of the text that a stop text begins with. */
static size_t begun_stop(const pw_answer *answer)
{
    size_t longest = 0;
    for (size_t i = 0; i < answer->n_stop; i++) {
        size_t length = strlen(answer->stop[i]) - 1;
        if (length > answer->bytes) length = answer->bytes;
        while (length > longest &&
               memcmp(answer->text + answer->bytes - length, answer->stop[i], length) != 0)
            length--;
        if (length > longest) longest = length;
    }
    return longest;
}

/* Copies text, U+FFFD for every byte that belongs to no character: up to three times as long. */
static size_t repair(const char *text, size_t bytes, char *out)
{
    size_t written = 0;
    for (size_t at = 0; at < bytes;) {
        const size_t size = pw_utf8_char(text + at, bytes - at);
        if (size == 0) {
            written += pw_utf8_put(0xfffd, out + written);
            at++;
            continue;
        }
        memcpy(out + written, text + at, size);
        written += size;
        at += size;
    }
    return written;
}

void pw_answer_take(pw_answer *answer, pewter_piece *out)
{
    const bool over = answer->finish != PEWTER_FINISH_NONE;
    size_t ready = answer->bytes;
    if (!over) {
        ready -= begun_stop(answer);
        ready -= pw_utf8_partial(answer->text, ready);
    }
    out->text = answer->out;
    out->bytes = repair(answer->text, ready, answer->out);
    out->token = answer->token;
    out->finish = answer->finish;
    memmove(answer->text, answer->text + ready, answer->bytes - ready);
    answer->bytes -= ready;
    answer->token = -1;
}
