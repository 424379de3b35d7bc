/* Statistics of repeated measurements: robust, and without a distribution assumed. */
#ifndef PW_BENCH_BASE_STATS_H
#define PW_BENCH_BASE_STATS_H

#include <stddef.h>

/* Of n values: the middle, the smallest, the largest, and a confidence interval of the median. */
typedef struct stats {
    size_t n;
    double median, least, most;
    double low, high; /* interval that holds the true median with 95 %: order statistics (Conover
                       * 1999, 3.2); all of the values where n is under 6 */
    double mean, deviation; /* of the sample, n - 1 */
} stats;

/* `values` are sorted in place. n of 0 gives zeros. */
stats stats_of(double *values, size_t n);

/* The q-quantile, 0 to 1, of sorted values: linear between neighbours. */
double stats_quantile(const double *sorted, size_t n, double q);

/* Mann-Whitney U of two independent samples (Mann and Whitney 1947): the probability, under no
 * difference, that `a` tends to be larger than `b` by as much as it was seen, one-sided. Exact up to
 * 12 values each without ties, else the normal approximation with ties and continuity corrected.
 * 1 where a sample is empty. */
double stats_larger(const double *a, size_t n_a, const double *b, size_t n_b);

#endif
