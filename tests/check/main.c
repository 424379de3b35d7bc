/* pwcheck: every row of a catalogue, the CPU's or a GPU's, against the truth in double, and against its like. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernels/cpu/rows.h"
#include "kernels/features.h"
#include "tests/check/check.h"

enum { ROUNDS = 12, PAGED_ROUNDS = 4 };

/* What a fault in a kernel says; written by the handler, hence ready made. */
static char fault_text[256];
static volatile size_t fault_bytes;

static void on_fault(int number)
{
    (void)number;
    if (write(STDOUT_FILENO, fault_text, fault_bytes) < 0) _exit(3);
    _exit(1);
}

static void watch(const check *c, const pw_kernel *row)
{
    const int length =
        snprintf(fault_text, sizeof fault_text,
                 "FAIL %s: touched memory that is not its own (--filter %s --seed %llu)\n"
                 "pwcheck: stopped by a fault\n",
                 row->name, row->name, (unsigned long long)c->seed);
    fault_bytes = length < (int)sizeof fault_text ? (size_t)length : sizeof fault_text - 1;
}

/* Whether this is the first row that runs of its order. */
static bool is_first(const check *c, const pw_kernel *row)
{
    for (const pw_kernel *other = c->rows.rows; other < row; other++) {
        if (order_same(other, row) && (other->needs & ~c->features) == 0) return false;
    }
    return true;
}

/* All that is asked of one row, and of its order where it is the first of it. */
static bool check_all(check *c, const pw_kernel *row)
{
    const int rounds = row->weight == PW_DTYPE_COUNT ? (int)PW_I32 : 1;
    for (int round = 0; round < c->rounds || round < rounds; round++) {
        if (!check_row(c, row, round)) return false;
    }
    if (row->op == PW_OP_MATMUL && (!check_one_hot(c, row) || !check_product(c, row))) return false;
    /* A filter that names a later row of an order still compares it with the first. */
    if (!is_first(c, row) && c->filter == NULL) return true;
    if (row->op != PW_OP_ATTENTION) return check_order(c, row);
    for (int round = 0; round < PAGED_ROUNDS; round++) {
        if (!check_paged(c, row, round)) return false;
    }
    return true;
}

static int usage(FILE *to, int code)
{
    fprintf(
        to,
        "usage: pwcheck [--seed N] [--filter NAME] [--features MASK] [--rounds N] [--device NAME]\n"
        "               [--list]\n"
        "  --filter NAME    only rows with NAME in their name\n"
        "  --features MASK  as if the CPU had no more: scalar, avx2, avx512, or names\n"
        "                   joined by '+'\n"
        "  --rounds N       random shapes for each row\n"
        "  --device NAME    the rows of a GPU: vulkan, or vulkan:PART OF ITS NAME\n"
        "  --list           names the rows and what they need, runs nothing\n");
    return code;
}

static void list(const check *c)
{
    for (size_t i = 0; i < c->rows.count; i++) {
        char words[128];
        pw_cpu_words(c->rows.rows[i].needs, words, sizeof words);
        printf("%-40s rank %-3d order %-16s %s\n", c->rows.rows[i].name, c->rows.rows[i].rank,
               c->rows.rows[i].order != NULL ? c->rows.rows[i].order : "-", words);
    }
}

/* The number in `text`; ends the program where there is none. */
static uint64_t number(const char *text)
{
    char *end;
    const unsigned long long value = strtoull(text, &end, 10);
    if (*text == '\0' || *end != '\0') exit(usage(stderr, 2));
    return value;
}

static void read_options(check *c, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *option = argv[i], *bad;
        if (strcmp(option, "--list") == 0) {
            list(c);
            exit(0);
        }
        if (strcmp(option, "--help") == 0) exit(usage(stdout, 0));
        if (i + 1 == argc) exit(usage(stderr, 2));
        const char *value = argv[++i];
        if (strcmp(option, "--seed") == 0) {
            c->seed = number(value);
        } else if (strcmp(option, "--rounds") == 0) {
            c->rounds = (int)number(value);
        } else if (strcmp(option, "--device") == 0) {
            if (check_open(c, value)) continue;
            printf("skipped: no device '%s' here\n0 passed, 0 failed, 1 skipped\n", value);
            exit(0);
        } else if (strcmp(option, "--filter") == 0) {
            c->filter = value;
        } else if (strcmp(option, "--features") == 0) {
            if (!pw_cpu_mask(value, c->features, &c->features, &bad)) {
                fprintf(stderr, "pwcheck: no such feature: %s\n", bad);
                exit(2);
            }
        } else {
            exit(usage(stderr, 2));
        }
    }
}

int main(int argc, char **argv)
{
    check c = {
        .rows = pw_cpu_catalogue(),
        .features = pw_cpu_detect(),
        .seed = 1,
        .rounds = ROUNDS,
    };
    c.alloc = heap_allocator(&c.heap);
    read_options(&c, argc, argv);
    signal(SIGSEGV, on_fault);
    signal(SIGBUS, on_fault);
    setvbuf(stdout, NULL, _IOLBF, 0);

    int passed = 0, failed = 0, skipped = 0;
    for (size_t i = 0; i < c.rows.count; i++) {
        const pw_kernel *row = &c.rows.rows[i];
        if (c.filter != NULL && strstr(row->name, c.filter) == NULL) continue;
        const uint64_t missing = row->needs & ~c.features;
        if (missing != 0) {
            char words[128];
            pw_cpu_words(missing, words, sizeof words);
            printf("skipped %s: this CPU lacks, or --features hides, %s\n", row->name, words);
            skipped++;
            continue;
        }
        watch(&c, row);
        if (check_all(&c, row))
            passed++;
        else
            failed++;
    }
    if (c.device != NULL) c.backend->close(c.device);
    printf("pwcheck: %d passed, %d failed", passed, failed);
    if (skipped > 0) printf(", %d skipped", skipped);
    printf("\n");
    return failed > 0 || passed == 0;
}
