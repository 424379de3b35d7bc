#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pw/rng.h"
#include "runtime/engine/answer.h"
#include "tests/support/limit_alloc.h"

enum { PIECE = 16 };

typedef struct bench {
    limit_alloc counts;
    pewter_allocator alloc;
    pw_arena arena;
    pw_answer answer;
    char all[8192]; /* what came out */
    size_t bytes;
} bench;

static bench *begin(const char *const *stop, size_t n_stop)
{
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->alloc = limit_allocator(&b->counts, 1 << 20, UINT64_MAX);
    b->arena.alloc = &b->alloc;
    assert_int_equal(pw_answer_init(&b->answer, &b->arena, PIECE, stop, n_stop, NULL), PEWTER_OK);
    pw_answer_begin(&b->answer);
    return b;
}

static void end(bench *b)
{
    pw_arena_free(&b->arena);
    assert_int_equal(b->counts.live, 0);
    free(b);
}

static pewter_piece take(bench *b)
{
    pewter_piece piece = {.size = sizeof piece};
    pw_answer_take(&b->answer, &piece);
    assert_true(b->bytes + piece.bytes < sizeof b->all);
    memcpy(b->all + b->bytes, piece.text, piece.bytes);
    b->bytes += piece.bytes;
    b->all[b->bytes] = 0;
    return piece;
}

/* Adds a token's text; what is handed out then is `wanted`. */
static void gives(bench *b, const char *text, const char *wanted)
{
    const size_t before = b->bytes;
    pw_answer_add(&b->answer, 7, text, strlen(text));
    take(b);
    assert_string_equal(b->all + before, wanted);
}

static void test_whole_characters_only(void **state)
{
    (void)state;
    bench *b = begin(NULL, 0);
    gives(b, "a\xe2", "a");
    gives(b, "\x82", "");
    gives(b,
          "\xac"
          "b\xf0\x9f",
          "\xe2\x82\xac"
          "b");
    gives(b, "\x98\x80", "\xf0\x9f\x98\x80");
    gives(b, "\xc3\xa9\xc3", "\xc3\xa9");
    b->answer.finish = PEWTER_FINISH_LENGTH; /* half a character at the end */
    const pewter_piece last = take(b);
    assert_int_equal(last.bytes, 3);
    assert_memory_equal(last.text, "\xef\xbf\xbd", 3);
    assert_int_equal(last.finish, PEWTER_FINISH_LENGTH);
    end(b);
}

static void test_bytes_that_are_no_characters(void **state)
{
    (void)state;
    bench *b = begin(NULL, 0);
    gives(b,
          "a\xff"
          "b",
          "a\xef\xbf\xbd"
          "b");
    gives(b, "\x80", "\xef\xbf\xbd");
    gives(b,
          "\xe2"
          "x",
          "\xef\xbf\xbd"
          "x");
    gives(b, "\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd");                 /* too long a form */
    gives(b, "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* a surrogate */
    end(b);
}

static void test_stop_text_over_pieces(void **state)
{
    (void)state;
    static const char *const stops[] = {"STOP", "halt now"};
    bench *b = begin(stops, 2);
    gives(b, "go S", "go ");
    gives(b, "T", "");
    gives(b, "ART ha", "START ");
    gives(b, "lting", "halting");
    gives(b, " SSTO", " S");
    pw_answer_add(&b->answer, 9, "Pand more", 9);
    const pewter_piece piece = take(b);
    assert_int_equal(piece.finish, PEWTER_FINISH_STOP);
    assert_int_equal(piece.bytes, 0);
    assert_int_equal(piece.token, 9);
    assert_string_equal(b->all, "go START halting S");
    assert_int_equal(take(b).token, -1);

    pw_answer_begin(&b->answer); /* the next answer knows nothing of it */
    assert_int_equal(take(b).finish, PEWTER_FINISH_NONE);
    gives(b, "P halt", "P ");
    gives(b, " now", "");
    assert_int_equal(b->answer.finish, PEWTER_FINISH_STOP);
    end(b);
}

static void test_the_earliest_stop_counts(void **state)
{
    (void)state;
    static const char *const stops[] = {"later", "b"};
    bench *b = begin(stops, 2);
    gives(b, "abclater", "a");
    assert_int_equal(b->answer.finish, PEWTER_FINISH_STOP);
    end(b);
}

static void test_stop_in_the_middle_of_a_character(void **state)
{
    (void)state;
    static const char *const stops[] = {"\xe2\x82\xac"};
    bench *b = begin(stops, 1);
    gives(b, "x\xe2\x82", "x");
    gives(b, "\xad", "\xe2\x82\xad");
    gives(b, "\xe2", "");
    gives(b, "\x82\xac", "");
    assert_int_equal(b->answer.finish, PEWTER_FINISH_STOP);
    end(b);
}

/* Any text in any pieces: what comes out is what went in, up to the first stop. */
static void test_random_pieces(void **state)
{
    (void)state;
    static const char *const stops[] = {"aab", "abab",
                                        ("\xc3\xa9"
                                         "a")};
    static const char *const parts[] = {"a", "b", "ab", "\xc3\xa9", "ba", "aa", "\xc3", "\xa9"};
    pw_rng rng = {.state = 77};
    for (int round = 0; round < 3000; round++) {
        bench *b = begin(stops, 3);
        char whole[512] = "";
        size_t length = 0;
        while (b->answer.finish == PEWTER_FINISH_NONE && length < 40) {
            const char *part = parts[pw_rng_range(&rng, 0, 5)];
            memcpy(whole + length, part, strlen(part) + 1);
            length += strlen(part);
            pw_answer_add(&b->answer, 1, part, strlen(part));
            if (pw_rng_range(&rng, 0, 2) > 0) take(b);
        }
        if (b->answer.finish == PEWTER_FINISH_NONE) b->answer.finish = PEWTER_FINISH_LENGTH;
        take(b);
        size_t first = length;
        for (size_t i = 0; i < 3; i++) {
            const char *found = strstr(whole, stops[i]);
            if (found != NULL && (size_t)(found - whole) < first) first = (size_t)(found - whole);
        }
        assert_int_equal(b->answer.finish == PEWTER_FINISH_STOP, first < length);
        assert_int_equal(b->bytes, first);
        assert_memory_equal(b->all, whole, first);
        end(b);
    }
}

static void test_room(void **state)
{
    (void)state;
    static const char *const stops[] = {"never"};
    bench *b = begin(stops, 1);
    int tokens = 0;
    for (; pw_answer_has_room(&b->answer); tokens++)
        pw_answer_add(&b->answer, 3,
                      "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", PIECE);
    assert_true(tokens >= 4096 / PIECE && tokens < 8192 / PIECE);
    pewter_piece piece = {.size = sizeof piece};
    pw_answer_take(&b->answer, &piece);
    assert_int_equal(piece.bytes, (size_t)tokens * PIECE * 3); /* each a U+FFFD */
    assert_true(pw_answer_has_room(&b->answer));
    end(b);
}

static void test_stop_texts_that_are_none(void **state)
{
    (void)state;
    static char longer[4098];
    memset(longer, 'x', sizeof longer - 1);
    const char *const empty[] = {""}, *const hole[] = {NULL}, *const too_long[] = {longer};
    bench *b = begin(NULL, 0);
    pewter_error err;
    assert_int_equal(pw_answer_init(&b->answer, &b->arena, PIECE, empty, 1, &err), PEWTER_E_ARG);
    assert_int_equal(pw_answer_init(&b->answer, &b->arena, PIECE, hole, 1, &err), PEWTER_E_ARG);
    assert_int_equal(pw_answer_init(&b->answer, &b->arena, PIECE, too_long, 1, &err), PEWTER_E_ARG);
    assert_int_equal(pw_answer_init(&b->answer, &b->arena, PIECE, NULL, 1, &err), PEWTER_E_ARG);
    assert_int_equal(pw_answer_init(&b->answer, &b->arena, PIECE, empty, 65, &err), PEWTER_E_ARG);
    end(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_characters_only),
        cmocka_unit_test(test_bytes_that_are_no_characters),
        cmocka_unit_test(test_stop_text_over_pieces),
        cmocka_unit_test(test_the_earliest_stop_counts),
        cmocka_unit_test(test_stop_in_the_middle_of_a_character),
        cmocka_unit_test(test_random_pieces),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_stop_texts_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
