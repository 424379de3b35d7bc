#include "tools/bench_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const arg_command command = {
    .name = "bench",
    .plain = "[MODEL...]",
    .summary = "How fast a model runs, beside what the machine allows: prompt (pp), generation "
               "(tg) and both\n"
               "at a depth of context. Options and fields are those of llama.cpp's llama-bench, "
               "and more.\n"
               "Lists are combined: 1,2,4 or ranges, 64-512*2 and 0-1024+256.",
    .examples = "pewter bench model.gguf\n"
                "pewter bench model.gguf -p 128,512 -n 128 -d 0,2048 -r 7 -o jsonl\n"
                "pewter bench model.gguf -p 0 -n 32 -np 1-32*2 --rival llama.cpp\n"
                "pewter bench model.gguf --rival llama.cpp --kl 128\n"
                "pewter bench model.gguf --cpu-features avx2 --rival llama.cpp-avx2\n"
                "pewter bench model.gguf -p 0 -n 64 --profile --trace trace.json\n"
                "pewter bench --report report.html",
    .plain_least = 0,
    .plain_most = ARG_MAX_PLAIN,
};

/* One number without a sign. */
static bool read_number(const char **at, int64_t *out)
{
    if (**at < '0' || **at > '9') return false;
    char *end;
    errno = 0;
    *out = strtoll(*at, &end, 10);
    *at = end;
    return errno == 0 && *out <= INT32_MAX;
}

bool bench_list_read(const char *text, int64_t least, bench_list *out)
{
    out->n = 0;
    while (*text != 0) {
        int64_t first, last, step = 1;
        char op = '+';
        if (!read_number(&text, &first)) return false;
        last = first;
        if (*text == '-') {
            text++;
            if (!read_number(&text, &last)) return false;
            if (*text == '+' || *text == '*') {
                op = *text++;
                if (!read_number(&text, &step)) return false;
            }
        }
        const bool sound = first >= least && last >= first && step >= 1 &&
                           (op == '+' || last == first || (step >= 2 && first >= 1));
        if (!sound) {
            out->n = 0;
            return false;
        }
        for (int64_t i = first; i <= last; i = op == '*' ? i * step : i + step) {
            if (out->n == BENCH_MOST) return false;
            out->value[out->n++] = i;
            if (first == last) break;
        }
        if (*text == ',')
            text++;
        else if (*text != 0)
            return false;
    }
    return out->n > 0;
}

/* Words between commas, in place. How many there are; `most` of them are in `out`. */
static size_t split(char *text, const char **out, size_t most)
{
    size_t n = 0;
    for (char *save, *word = strtok_r(text, ",", &save); word != NULL;
         word = strtok_r(NULL, ",", &save)) {
        if (n < most) out[n] = word;
        n++;
    }
    return n;
}

typedef struct texts {
    const char *prompt, *gen, *depth, *sequences, *threads, *batch, *kv, *rival, *output;
    arg_texts both;
    bool json;
} texts;

static int wrong(const char *option, const char *wanted, const char *found)
{
    fprintf(stderr, "pewter bench: %s: %s wanted, found '%.60s'\n", option, wanted, found);
    return EXIT_USAGE;
}

static int too_many(const char *option, size_t most, const char *found)
{
    fprintf(stderr, "pewter bench: %s: at most %zu of them, found '%.60s'\n", option, most, found);
    return EXIT_USAGE;
}

static int read_lists(const texts *t, bench_options *o)
{
    const struct {
        const char *option, *text;
        int64_t least;
        bench_list *list;
    } lists[] = {{"-p", t->prompt, 0, &o->prompt},   {"-n", t->gen, 0, &o->gen},
                 {"-d", t->depth, 0, &o->depth},     {"-np", t->sequences, 1, &o->sequences},
                 {"-t", t->threads, 0, &o->threads}, {"-b", t->batch, 1, &o->batch}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (!bench_list_read(lists[i].text, lists[i].least, lists[i].list))
            return lists[i].list->n == BENCH_MOST
                       ? too_many(lists[i].option, BENCH_MOST, lists[i].text)
                       : wrong(lists[i].option, "numbers such as 512, 1,2,4 or 64-512*2",
                               lists[i].text);
    for (size_t i = 0; i < t->both.count; i++) {
        bench_list pair;
        if (o->both.n + 2 > BENCH_MOST) return too_many("-pg", BENCH_MOST / 2, t->both.text[i]);
        if (!bench_list_read(t->both.text[i], 1, &pair) || pair.n != 2)
            return wrong("-pg", "two numbers such as 512,128", t->both.text[i]);
        for (int k = 0; k < 2; k++) o->both.value[o->both.n++] = pair.value[k];
    }
    return EXIT_FINE;
}

#define RIVALS "llama.cpp, llama.cpp-avx2, ik_llama.cpp, openvino"

static bool is_rival(const char *name)
{
    static const char *const known[] = {"llama.cpp", "llama.cpp-avx2", "ik_llama.cpp", "openvino"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i]) == 0) return true;
    return false;
}

static int read_words(const texts *t, bench_options *o)
{
    const size_t half = sizeof o->words / 2;
    if (strlen(t->kv) >= half) return too_many("--kv", BENCH_MOST_KV, t->kv);
    if (t->rival != NULL && strlen(t->rival) >= half)
        return too_many("--rival", TEST_MOST_RIVALS, t->rival);
    snprintf(o->words, half, "%s", t->kv);
    snprintf(o->words + half, half, "%s", t->rival != NULL ? t->rival : "");
    o->n_kv = split(o->words, o->kv, BENCH_MOST_KV);
    o->n_rivals = split(o->words + half, o->rival, TEST_MOST_RIVALS);
    if (o->n_kv > BENCH_MOST_KV) return too_many("--kv", BENCH_MOST_KV, t->kv);
    if (o->n_rivals > TEST_MOST_RIVALS) return too_many("--rival", TEST_MOST_RIVALS, t->rival);
    if (o->n_kv == 0) return wrong("--kv", "auto, f32, f16, bf16 or q8_0", t->kv);
    for (size_t i = 0; i < o->n_rivals; i++)
        if (!is_rival(o->rival[i])) return wrong("--rival", RIVALS, o->rival[i]);
    for (size_t i = 0; i < o->sequences.n; i++) {
        if (o->sequences.value[i] <= TEST_MOST_SEQUENCES) continue;
        fprintf(stderr, "pewter bench: -np: 1 to %d wanted, found %lld\n", TEST_MOST_SEQUENCES,
                (long long)o->sequences.value[i]);
        return EXIT_USAGE;
    }
    bool known;
    o->format = write_format_of(t->json ? "json" : t->output, &known);
    if (!known) return wrong("-o", "md, full, csv, json, jsonl, sql or none", t->output);
    if (o->repeats < 1 || o->repeats > TEST_MOST_REPEATS) {
        fprintf(stderr, "pewter bench: -r: 1 to %d wanted, found %d\n", TEST_MOST_REPEATS,
                o->repeats);
        return EXIT_USAGE;
    }
    if (o->kl < 0 || o->kl > 65536) {
        fprintf(stderr, "pewter bench: --kl: 0 to 65536 tokens wanted, found %lld\n",
                (long long)o->kl);
        return EXIT_USAGE;
    }
    return EXIT_FINE;
}

static bool measures(const bench_options *o)
{
    bool any = o->both.n > 0;
    for (size_t i = 0; i < o->prompt.n; i++) any = any || o->prompt.value[i] > 0;
    for (size_t i = 0; i < o->gen.n; i++) any = any || o->gen.value[i] > 0;
    return any;
}

int bench_options_read(int argc, char **argv, bench_options *o, bool *done)
{
    memset(o, 0, sizeof *o);
    o->repeats = 5;
    texts t = {.prompt = "512",
               .gen = "128",
               .depth = "0",
               .sequences = "1",
               .threads = "0",
               .batch = "512",
               .kv = "auto",
               .output = "md"};
    const arg_option table[] = {
        {"--n-prompt", "-p", ARG_TEXT, &t.prompt, "LIST", "tokens of the prompt; default: 512"},
        {"--n-gen", "-n", ARG_TEXT, &t.gen, "LIST", "tokens generated; default: 128"},
        {"--prompt-gen", "-pg", ARG_TEXTS, &t.both, "P,N", "a prompt and then a generation"},
        {"--n-depth", "-d", ARG_TEXT, &t.depth, "LIST", "tokens in the context before; default: 0"},
        {"--parallel", "-np", ARG_TEXT, &t.sequences, "LIST",
         "sequences computed together; default: 1"},
        {"--threads", "-t", ARG_TEXT, &t.threads, "LIST", "threads; default 0: one a core"},
        {"--batch", "-b", ARG_TEXT, &t.batch, "LIST", "tokens in a step; default: 512"},
        {"--kv", "-ctk", ARG_TEXT, &t.kv, "LIST", "keys and values: auto, f32, f16, bf16, q8_0"},
        {"--repetitions", "-r", ARG_INT, &o->repeats, "N", "of each test; default: 5"},
        {"--no-warmup", NULL, ARG_FLAG, &o->no_warmup, NULL, "no repetition that does not count"},
        {"--output", "-o", ARG_TEXT, &t.output, "FORM",
         "md, full (intervals, memory, load), csv, json, jsonl, sql, none; default: md"},
        {"--json", NULL, ARG_FLAG, &t.json, NULL, "the same as -o json"},
        {"--rival", NULL, ARG_TEXT, &t.rival, "LIST",
         RIVALS ": in turns with ours (set up by make rivals)"},
        {"--cpu-features", NULL, ARG_TEXT, &o->cpu_features, "MASK",
         "ours uses no more than scalar, avx2, avx512, or names joined by +"},
        {"--device", "-dev", ARG_TEXT, &o->device, "NAME",
         "ours runs on cpu, or on a GPU by number or part of its name: vulkan:0"},
        {"--kl", NULL, ARG_LONG, &o->kl, "N", "divergence from --exact over N tokens"},
        {"--exact", NULL, ARG_FLAG, &o->exact, NULL, "activations stay f32"},
        {"--energy", NULL, ARG_FLAG, &o->energy, NULL, "fail where no energy counter can be read"},
        {"--profile", NULL, ARG_FLAG, &o->profile, NULL, "what each op took, on standard error"},
        {"--trace", NULL, ARG_TEXT, &o->trace, "FILE", "a trace for Perfetto or Chrome"},
        {"--report", NULL, ARG_TEXT, &o->report, "FILE", "a page of all results that were kept"},
        {"--no-save", NULL, ARG_FLAG, &o->no_save, NULL, "keep no results for the report"},
        {"--verbose", "-v", ARG_FLAG, &o->verbose, NULL, "say what the engine does"},
        {NULL, NULL, ARG_FLAG, NULL, NULL, NULL},
    };
    const arg_option *const tables[] = {table, NULL};
    *done = true;
    const arg_result result = args_parse(&command, tables, argc, argv, o->model, &o->n_models);
    if (result != ARGS_OK) return result == ARGS_HELP ? EXIT_FINE : EXIT_USAGE;
    int code = read_lists(&t, o);
    if (code == EXIT_FINE) code = read_words(&t, o);
    if (code == EXIT_FINE && o->n_models == 0 && o->report == NULL) {
        fprintf(stderr, "pewter bench: a model is wanted, or --report FILE; see pewter bench "
                        "--help\n");
        code = EXIT_USAGE;
    }
    if (code == EXIT_FINE && o->n_models > 0 && !measures(o)) {
        fprintf(stderr, "pewter bench: nothing to measure: -p, -n or -pg wants a number above 0\n");
        code = EXIT_USAGE;
    }
    o->profile = o->profile || o->trace != NULL;
    *done = code != EXIT_FINE;
    return code;
}
