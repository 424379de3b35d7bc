/* The command: picks one of its commands by name. */
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/base/standard.h"
#include "pewter.h"
#include "tools/commands.h"
#include "tools/common.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"run", cmd_run, "a prompt in, text out"},
    {"chat", cmd_chat, "a conversation at the terminal"},
    {"serve", cmd_serve, "an HTTP service for programs written for OpenAI's API"},
    {"info", cmd_info, "what a model file holds"},
    {"devices", cmd_devices, "the machine: cores, caches, memory, limits"},
    {"plan", cmd_plan, "what runs where, by which kernel, in how much memory"},
    {"tokenize", cmd_tokenize, "text to tokens"},
    {"perplexity", cmd_perplexity, "how well a model foresees a text"},
    {"logits", cmd_logits, "the model's raw output"},
    {"bench", cmd_bench, "how fast a model runs, beside limits and rivals"},
    {"synth", cmd_synth, "write a model of random weights"},
};

static void print_usage(FILE *to)
{
    fprintf(to, "usage: pewter COMMAND [options]\n\nPewter runs language models offline, on this "
                "machine.\n\ncommands:\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(to, "  %-12s %s\n", commands[i].name, commands[i].summary);
    fprintf(to, "\npewter COMMAND --help says more, pewter --version which version this is. For "
                "example:\n"
                "  pewter run model.gguf -p \"Summarise this.\" -f document.txt\n");
}

/* Text is UTF-8 here, also where no locale was chosen. Numbers are printed as in the C locale,
 * whatever the user's: programs read them. */
static void choose_locale(void)
{
    if (setlocale(LC_CTYPE, "") == NULL || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
}

static int run_command(int argc, char **argv)
{
    if (argc < 2) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    static char help[] = "--help";
    if (strcmp(name, "help") == 0 && argc == 3) {
        char *swapped[] = {argv[0], argv[2], help, NULL};
        return run_command(3, swapped);
    }
    if (strcmp(name, help) == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_usage(stdout);
        return EXIT_FINE;
    }
    if (strcmp(name, "--version") == 0) {
        printf("pewter %s\n", pewter_version());
        return EXIT_FINE;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(name, commands[i].name) == 0) return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "pewter: no command '%s'; see pewter --help\n", name);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    standard_hold();
    choose_locale();
    const int code = run_command(argc, argv);
    return standard_end("pewter", code);
}
