#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/check/check.h"

enum { NEIGHBOURS = 3 };

bool compare_values(const pw_tensor *got, const double *want, const double *slack)
{
    const int64_t d = got->n[0];
    for (int64_t row = 0; row < pw_rows(got); row++) {
        const float *y = pw_row(got, row);
        for (int64_t i = 0; i < d; i++) {
            const double error = fabs((double)y[i] - want[row * d + i]);
            if (error <= slack[row * d + i]) continue;

            printf("  first wrong at [%lld, %lld] of [%lld, %lld]: error %.3g, allowed %.3g\n",
                   (long long)i, (long long)row, (long long)d, (long long)pw_rows(got), error,
                   slack[row * d + i]);
            for (int64_t j = i - NEIGHBOURS; j <= i + NEIGHBOURS; j++) {
                if (j < 0 || j >= d) continue;
                printf("  %s[%lld] got %.9g want %.9g\n", j == i ? "> " : "  ", (long long)j,
                       (double)y[j], want[row * d + j]);
            }
            return false;
        }
    }
    return true;
}

bool compare_bits(const void *got, const void *want, size_t bytes, bool floats)
{
    if (memcmp(got, want, bytes) == 0) return true;

    const unsigned char *a = got, *b = want;
    size_t at = 0;
    while (a[at] == b[at]) at++;
    if (!floats) {
        printf("  first wrong at byte %zu of %zu:", at, bytes);
        for (size_t i = at; i < bytes && i < at + 8; i++) printf(" %02x/%02x", a[i], b[i]);
        printf(" (got/want)\n");
        return false;
    }
    const size_t element = at / sizeof(float);
    printf("  first bits that differ at element %zu of %zu:\n", element, bytes / sizeof(float));
    for (size_t i = element > NEIGHBOURS ? element - NEIGHBOURS : 0;
         i <= element + NEIGHBOURS && i < bytes / sizeof(float); i++) {
        float x, y;
        memcpy(&x, a + i * sizeof x, sizeof x);
        memcpy(&y, b + i * sizeof y, sizeof y);
        printf("  %s[%zu] got %.9g (%a) want %.9g (%a)\n", i == element ? "> " : "  ", i, (double)x,
               (double)x, (double)y, (double)y);
    }
    return false;
}
