/* How many tokens of prompts go beside answers, on machines that keep to a plain rule of cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "pw/num.h"
#include "pw/rng.h"
#include "runtime/engine/pace.h"

/* A step costs what its answers cost, and a token of a prompt that much more. */
static double cost(double token, int64_t answers, int64_t prompts)
{
    return 1e6 * (4.0 + 0.5 * (double)answers) + token * (double)prompts;
}

static void test_steps_stay_within_half_as_much_again(void **state)
{
    (void)state;
    static const double tokens[] = {2e3, 1e5, 4e5};
    for (size_t t = 0; t < sizeof tokens / sizeof *tokens; t++) {
        pw_pace pace = {0};
        pw_rng rng = {.state = t + 1};
        int64_t prompts = 0;
        for (int step = 0; step < 3000; step++) {
            const int64_t answers = INT64_C(1) << (step / 600);
            const int64_t room = pw_pace_room(&pace, answers, 512);
            assert_true(room >= 0 && room <= 512);
            const double alone = cost(tokens[t], answers, 0), ns = cost(tokens[t], answers, room);
            if (step > 100 && room > 2) assert_true(ns <= 1.55 * alone);
            if (step > 100 && room > 0 && room < 512)
                assert_true(ns + tokens[t] * 2 >= 1.4 * alone);
            /* What else the machine does makes steps longer by up to a fiftieth. */
            pw_pace_note(&pace, answers, room,
                         ns * (1.0 + (double)pw_rng_range(&rng, 0, 20) * 1e-3));
            prompts += room;
        }
        assert_true(prompts > 3000);
    }
}

static void test_nothing_is_held_back_where_nobody_waits(void **state)
{
    (void)state;
    pw_pace pace = {0};
    assert_int_equal(pw_pace_room(&pace, 0, 300), 300);
    assert_int_equal(pw_pace_room(&pace, 3, 300), 0); /* how long the answers take is seen first */
    pw_pace_note(&pace, 3, 0, 1e6);
    assert_true(pw_pace_room(&pace, 3, 300) > 0);
    assert_int_equal(pw_pace_room(&pace, 3, 1), 1);
    assert_int_equal(pw_pace_room(&pace, 900000, 5), 0);
    /* Answers are looked at alone now and then, for their context grows. */
    int64_t at_once = 0;
    while (pw_pace_room(&pace, 3, 300) > 0) {
        pw_pace_note(&pace, 3, 1, 1.1e6);
        assert_true(++at_once < 1000);
    }
    assert_true(at_once > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_stay_within_half_as_much_again),
        cmocka_unit_test(test_nothing_is_held_back_where_nobody_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
