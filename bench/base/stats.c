#include "bench/base/stats.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double stats_quantile(const double *sorted, size_t n, double q)
{
    if (n == 0) return 0.0;
    const double at = q * (double)(n - 1);
    const size_t low = (size_t)at;
    if (low + 1 >= n) return sorted[n - 1];
    return sorted[low] + (at - (double)low) * (sorted[low + 1] - sorted[low]);
}

/* The rank, from 0, below which the true median lies with at most 2.5 %: of a binomial of n halves. */
static size_t lower_rank(size_t n)
{
    double term = pow(0.5, (double)n), sum = term;
    size_t rank = 0;
    while (sum <= 0.025 && rank + 1 < n) {
        rank++;
        term *= (double)(n - rank + 1) / (double)rank;
        sum += term;
    }
    return rank > 0 ? rank - 1 : 0;
}

stats stats_of(double *values, size_t n)
{
    stats s = {.n = n};
    if (n == 0) return s;
    qsort(values, n, sizeof *values, ascending);
    s.median = stats_quantile(values, n, 0.5);
    s.least = values[0];
    s.most = values[n - 1];
    const size_t rank = n < 6 ? 0 : lower_rank(n);
    s.low = values[rank];
    s.high = values[n - 1 - rank];
    for (size_t i = 0; i < n; i++) s.mean += values[i] / (double)n;
    for (size_t i = 0; i < n; i++) s.deviation += (values[i] - s.mean) * (values[i] - s.mean);
    s.deviation = n > 1 ? sqrt(s.deviation / (double)(n - 1)) : 0.0;
    return s;
}

/* ---- Mann-Whitney ---------------------------------------------------------------------------- */

enum { EXACT = 12 };

/* Of the ways to rank n_a among n_a + n_b values, how many give U = u: the recurrence of Mann and
 * Whitney 1947, by whether the largest is of a or of b. */
static double ways(size_t n_a, size_t n_b, int u)
{
    static double known[EXACT + 1][EXACT + 1][EXACT * EXACT + 1];
    if (u < 0 || (size_t)u > n_a * n_b) return 0.0;
    if (n_a == 0 || n_b == 0) return u == 0 ? 1.0 : 0.0;
    double *at = &known[n_a][n_b][u];
    if (*at == 0.0) *at = 1.0 + ways(n_a - 1, n_b, u - (int)n_b) + ways(n_a, n_b - 1, u);
    return *at - 1.0; /* kept one higher: 0 is not yet known */
}

static double exact(size_t n_a, size_t n_b, double u)
{
    double all = 0.0, as_large = 0.0;
    for (int i = 0; i <= (int)(n_a * n_b); i++) {
        const double w = ways(n_a, n_b, i);
        all += w;
        if ((double)i >= u) as_large += w;
    }
    return as_large / all;
}

/* The sum of t^3 - t over groups of t equal values. */
static double ties_of(const double *a, size_t n_a, const double *b, size_t n_b)
{
    double sum = 0.0;
    for (size_t i = 0; i < n_a + n_b; i++) {
        const double x = i < n_a ? a[i] : b[i - n_a];
        double equal = 0.0;
        for (size_t j = 0; j < n_a + n_b; j++)
            if ((j < n_a ? a[j] : b[j - n_a]) == x) equal += 1.0;
        sum += equal * equal - 1.0; /* each of t members adds t^2 - 1 */
    }
    return sum;
}

double stats_larger(const double *a, size_t n_a, const double *b, size_t n_b)
{
    if (n_a == 0 || n_b == 0) return 1.0;
    double u = 0.0; /* pairs in which a is larger */
    for (size_t i = 0; i < n_a; i++)
        for (size_t j = 0; j < n_b; j++) u += a[i] > b[j] ? 1.0 : a[i] == b[j] ? 0.5 : 0.0;

    const double ties = ties_of(a, n_a, b, n_b);
    if (ties == 0.0 && n_a <= EXACT && n_b <= EXACT) return exact(n_a, n_b, u);

    const double x = (double)n_a, y = (double)n_b, n = x + y;
    const double variance = x * y / 12.0 * (n + 1.0 - ties / (n * (n - 1.0)));
    if (variance <= 0.0) return 1.0;
    return 0.5 * erfc((u - x * y / 2.0 - 0.5) / sqrt(2.0 * variance));
}
