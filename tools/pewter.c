/* The command: picks one of its commands by name. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

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
    {"info", cmd_info, "what a model file holds"},
    {"devices", cmd_devices, "the machine: cores, caches, memory, limits"},
    {"plan", cmd_plan, "what runs where, by which kernel, in how much memory"},
    {"tokenize", cmd_tokenize, "text to tokens"},
    {"perplexity", cmd_perplexity, "how well a model foresees a text"},
    {"logits", cmd_logits, "the model's raw output"},
    {"synth", cmd_synth, "write a model of random weights"},
};

static void print_usage(FILE *to)
{
    fprintf(to, "usage: pewter COMMAND [options]\n\nPewter runs language models offline, on this "
                "machine.\n\ncommands:\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(to, "  %-12s %s\n", commands[i].name, commands[i].summary);
    fprintf(to, "\npewter COMMAND --help says more. For example:\n"
                "  pewter run model.gguf -p \"Summarise this.\" -f document.txt\n");
}

int main(int argc, char **argv)
{
    /* A reader that goes away is an error of write(), not the end of the process. Numbers are
     * printed as in the C locale, whatever the user's: programs read them. */
    signal(SIGPIPE, SIG_IGN);
    setlocale(LC_CTYPE, "");
    if (argc < 2) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_usage(stdout);
        return EXIT_FINE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("pewter %s\n", pewter_version());
        return EXIT_FINE;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0) return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "pewter: no command '%s'; see pewter --help\n", argv[1]);
    return EXIT_USAGE;
}
