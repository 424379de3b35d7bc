/* A conversation at the terminal. Lines come through libedit where the input is a terminal. */
#include <errno.h>
#include <histedit.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pw/attr.h"
#include "tools/commands.h"
#include "tools/generate.h"
#include "tools/textbuf.h"

enum { MAX_MESSAGES = 512, HISTORY_LINES = 500 };

static const arg_command command = {
    .name = "chat",
    .plain = "MODEL",
    .summary = "A conversation. /system TEXT sets what the system says, /reset forgets, /save FILE "
               "writes the\nmessages as JSON, /stats prints figures, /quit leaves. Ctrl-C ends an "
               "answer, Ctrl-D the conversation.\nWith --json a line is read and an object "
               "{\"role\":\"assistant\",\"content\":...,\"finish\":...} written, in turn.",
    .examples = "pewter chat model.gguf\npewter chat model.gguf --system \"Answer in Persian.\"\n"
                "echo Hello | pewter chat model.gguf --json",
    .plain_least = 1,
    .plain_most = 1,
};

#define COMMANDS "/system TEXT, /save FILE, /reset, /stats, /quit"

typedef struct chat {
    common common;
    generation generation;
    const char *system_option;
    bool json;
    pewter_engine *engine;
    pewter_model *model;
    pewter_session *session;
    int64_t context;
    char *role_text[MAX_MESSAGES];
    pewter_message messages[MAX_MESSAGES];
    size_t n_messages;
    int32_t *ids; /* of the conversation so far, as the session holds them */
    size_t n_ids;
    textbuf answer;
} chat;

/* A remark that is no part of an answer. */
PW_PRINTF(2, 3)
static void note(const chat *c, const char *format, ...)
{
    FILE *to = c->json ? stderr : stdout;
    va_list args;
    va_start(args, format);
    vfprintf(to, format, args);
    va_end(args);
    fflush(to);
}

/* ---- Messages -------------------------------------------------------------------------------- */

static bool add_message(chat *c, const char *role, const char *text)
{
    if (c->n_messages == MAX_MESSAGES) {
        fprintf(stderr, "pewter: a conversation holds %d messages; /reset begins anew\n",
                MAX_MESSAGES);
        return false;
    }
    char *copy = strdup(text);
    if (copy == NULL) {
        fprintf(stderr, "pewter: no memory for a message\n");
        return false;
    }
    c->role_text[c->n_messages] = copy;
    c->messages[c->n_messages++] = (pewter_message){role, copy};
    return true;
}

static void drop_messages(chat *c, size_t keep)
{
    while (c->n_messages > keep) free(c->role_text[--c->n_messages]);
}

static void reset(chat *c)
{
    const bool system = c->n_messages > 0 && strcmp(c->messages[0].role, "system") == 0;
    drop_messages(c, system ? 1 : 0);
    c->n_ids = 0;
    (void)pewter_session_reset(c->session, NULL);
}

static void set_system(chat *c, const char *text)
{
    drop_messages(c, 0);
    reset(c);
    if (*text != 0 && !add_message(c, "system", text)) return;
    note(c, "(a new conversation%s)\n", *text != 0 ? "" : " without a system message");
}

static void write_message(FILE *to, const pewter_message *message)
{
    fputs("{\"role\":", to);
    common_quote(to, message->role, strlen(message->role));
    fputs(",\"content\":", to);
    common_quote(to, message->content, strlen(message->content));
}

static void save(const chat *c, const char *path)
{
    FILE *file = fopen(path, "wbxe"); /* never over what is there */
    bool failed = file == NULL;
    for (size_t i = 0; !failed && i < c->n_messages; i++) {
        fputs(i > 0 ? ",\n" : "[", file);
        write_message(file, &c->messages[i]);
        fputc('}', file);
    }
    if (!failed) fputs(c->n_messages > 0 ? "]\n" : "[]\n", file);
    failed = failed || fflush(file) != 0 || ferror(file);
    const int why = errno;
    if (file != NULL) fclose(file);
    if (failed)
        fprintf(stderr, "pewter: %s: %s\n", path, strerror(why));
    else
        note(c, "(%zu messages in %s)\n", c->n_messages, path);
}

/* ---- An answer ------------------------------------------------------------------------------- */

static bool take_piece(void *context, const char *text, size_t bytes)
{
    chat *c = context;
    text_add(&c->answer, text, bytes);
    if (c->answer.failed) {
        fprintf(stderr, "pewter: no memory for an answer of %zu bytes\n", c->answer.bytes + bytes);
        return false;
    }
    return c->json || common_write(text, bytes);
}

/* Gives the session the conversation: what it holds already is kept, as far as the tokens agree.
 * *fresh: how many are left to compute. */
static pewter_status prompt(chat *c, size_t *fresh, pewter_error *err)
{
    size_t count = 0, same = 0;
    pewter_status status;
    int32_t *ids = common_chat_ids(c->model, c->messages, c->n_messages, &count, &status, err);
    if (ids == NULL) return status;
    while (same < c->n_ids && same + 1 < count && ids[same] == c->ids[same]) same++;
    status = pewter_session_rewind(c->session, (int64_t)same, err);
    if (status == PEWTER_OK) status = pewter_prompt(c->session, ids + same, count - same, err);
    if (status == PEWTER_E_LIMIT)
        snprintf(err->message, sizeof err->message,
                 "the prompt has %zu tokens with all that was said, the context has room for %lld",
                 count, (long long)c->context);
    free(c->ids);
    c->ids = ids;
    c->n_ids = status == PEWTER_OK ? count : 0;
    *fresh = count - same;
    return status;
}

/* What came of the last message: the answer is whole, or the message is forgotten. */
static void refuse(chat *c, size_t before, pewter_status status, const pewter_error *err)
{
    if (c->json) {
        printf("{\"error\":");
        common_quote(stdout, err->message, strlen(err->message));
        printf("}\n");
    }
    common_failed(status, err);
    if (status == PEWTER_E_LIMIT)
        note(c, "(that message is left out; /reset begins anew, -c N gives more room)\n");
    drop_messages(c, before);
    c->n_ids = 0;
    (void)pewter_session_reset(c->session, NULL);
}

static void end_answer(chat *c, pewter_finish finish)
{
    if (c->json) {
        write_message(stdout, &c->messages[c->n_messages - 1]);
        printf(",\"finish\":\"%s\"}\n", finish_name(finish));
    } else {
        common_write("\n", 1);
    }
    if (common_interrupted()) {
        note(c, "(ended)\n");
        print_figures(NULL, c->model, c->session, false);
    }
    explain_finish(finish, &c->generation.options, c->session);
}

/* One message and its answer; false where the output cannot be written. */
static bool say(chat *c, const char *line)
{
    const size_t before = c->n_messages;
    if (before + 2 > MAX_MESSAGES) {
        note(c, "(a conversation holds %d messages; /reset begins anew)\n", MAX_MESSAGES);
        return true;
    }
    if (!add_message(c, "user", line)) return true;
    pewter_error err;
    pewter_finish finish = PEWTER_FINISH_NONE;
    size_t fresh = 0;
    c->answer.bytes = 0;
    pewter_status status = prompt(c, &fresh, &err);
    const generate_job job = {c->engine, c->session, fresh, take_piece, c};
    if (status == PEWTER_OK) status = generate(&job, &finish, &err);
    if (status != PEWTER_OK)
        refuse(c, before, status, &err);
    else if (add_message(c, "assistant", c->answer.bytes > 0 ? c->answer.data : ""))
        end_answer(c, finish);
    common_release();
    return fflush(stdout) == 0 && !ferror(stdout);
}

/* ---- Lines ----------------------------------------------------------------------------------- */

static bool is_command(const char *line, size_t length, const char *name)
{
    return strlen(name) == length && strncmp(line, name, length) == 0;
}

/* One line of input; false ends the conversation. */
static bool take_line(chat *c, char *line)
{
    line[strcspn(line, "\r\n")] = 0;
    if (*line == 0) return true;
    if (*line != '/') return say(c, line);

    const size_t length = strcspn(line, " ");
    const char *rest = line + length + strspn(line + length, " ");
    if (is_command(line, length, "/quit")) return false;
    if (is_command(line, length, "/system")) {
        set_system(c, rest);
    } else if (is_command(line, length, "/reset")) {
        reset(c);
        note(c, "(a new conversation)\n");
    } else if (is_command(line, length, "/save") && *rest != 0) {
        save(c, rest);
    } else if (is_command(line, length, "/help")) {
        note(c, "(" COMMANDS "; Ctrl-C ends an answer, Ctrl-D the conversation)\n");
    } else if (is_command(line, length, "/stats")) {
        print_figures(c->engine, c->model, c->session, false);
    } else {
        note(c,
             "(no command %s: " COMMANDS "; a message that begins with / needs a blank "
             "before it)\n",
             line);
    }
    return true;
}

static char *show_prompt(EditLine *line)
{
    (void)line;
    static char text[] = "> ";
    return text;
}

/* Ctrl-Z while a line is edited: the shell finds the terminal as it was. */
static unsigned char suspend(EditLine *edit, int key)
{
    (void)key;
    el_set(edit, EL_PREP_TERM, 0);
    raise(SIGTSTP);
    el_set(edit, EL_PREP_TERM, 1);
    return CC_REDISPLAY;
}

/* Keys make no signals while a line is edited, so that Ctrl-C empties it. libedit keeps the terminal
 * raw only while it reads, so that an answer is printed as usual. */
static void set_up(EditLine *edit, History *past)
{
    HistEvent event;
    history(past, &event, H_SETSIZE, HISTORY_LINES);
    el_set(edit, EL_PROMPT, show_prompt);
    el_set(edit, EL_EDITOR, "emacs");
    el_set(edit, EL_SIGNAL, 1);
    el_set(edit, EL_HIST, history, past);
    el_set(edit, EL_SETTY, "-d", "-isig", NULL);
    el_set(edit, EL_BIND, "^C", "em-kill-line", NULL);
    el_set(edit, EL_ADDFN, "suspend", "Leaves the program for a while", suspend);
    el_set(edit, EL_BIND, "^Z", "suspend", NULL);
}

static void edit_lines(chat *c)
{
    History *past = history_init();
    EditLine *edit = el_init("pewter", stdin, stdout, stderr);
    if (past == NULL || edit == NULL) {
        fprintf(stderr, "pewter: no memory for editing lines\n");
    } else {
        set_up(edit, past);
        for (bool more = true; more;) {
            int count;
            const char *line = el_gets(edit, &count);
            if (line == NULL || count <= 0) {
                printf("\n");
                break;
            }
            HistEvent event;
            if (count > 1) history(past, &event, H_ENTER, line);
            char *copy = strdup(line);
            if (copy == NULL) break;
            more = take_line(c, copy);
            free(copy);
        }
    }
    if (edit != NULL) el_end(edit);
    if (past != NULL) history_end(past);
}

static void read_lines(chat *c)
{
    char *line = NULL;
    size_t cap = 0;
    while (getline(&line, &cap, stdin) > 0)
        if (!take_line(c, line)) break;
    free(line);
}

/* A session of the model, with the system's message; an exit code. */
static int begin(chat *c, const char *path)
{
    pewter_error err;
    pewter_model_info info = {.size = sizeof info};
    pewter_status status = pewter_model_get(c->model, &info, &err);
    c->context = info.context;
    if (status == PEWTER_OK && !info.has_template) {
        /* The reason, where the file has a template that does not work. */
        size_t count;
        status = pewter_chat_prompt(c->model, NULL, 0, true, NULL, 0, &count, &err);
        if (status == PEWTER_OK) return EXIT_FAILED;
        fprintf(stderr, "pewter: %s: ", path);
        common_print_safe(stderr, err.message, strlen(err.message));
        fprintf(stderr, ": pewter run --raw continues a text\n");
        return EXIT_FAILED;
    }
    if (status != PEWTER_OK) return common_failed(status, &err);
    const int code = generation_grammar(&c->generation, c->model);
    if (code != EXIT_FINE) return code;
    status = pewter_session_new(c->model, &c->generation.options, &c->session, &err);
    if (status != PEWTER_OK) return common_failed(status, &err);
    return c->system_option == NULL || add_message(c, "system", c->system_option) ? EXIT_FINE
                                                                                  : EXIT_FAILED;
}

static int converse(chat *c, const char *path)
{
    pewter_load_options options = pewter_load_defaults();
    common_catch(NULL);
    int code = common_start(&c->common, path, &options, &c->engine, &c->model);
    if (code == EXIT_FINE) code = begin(c, path);
    if (code == EXIT_FINE && common_interrupted()) code = EXIT_INTERRUPTED;
    if (code != EXIT_FINE) return code;
    common_release();
    if (!c->json && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) {
        note(c, "(a context of %lld tokens)\n", (long long)c->context);
        note(c, "(" COMMANDS "; Ctrl-C ends an answer, Ctrl-D the conversation)\n");
        edit_lines(c);
    } else {
        read_lines(c);
    }
    return EXIT_FINE;
}

int cmd_chat(int argc, char **argv)
{
    chat *c = calloc(1, sizeof *c);
    if (c == NULL) {
        fprintf(stderr, "pewter: no memory\n");
        return EXIT_FAILED;
    }
    common_options(&c->common);
    generation_options(&c->generation);
    const arg_option own[] = {
        {"--system", NULL, ARG_TEXT, &c->system_option, "TEXT", "what the system says first"},
        {"--json", NULL, ARG_FLAG, &c->json, NULL, "a JSON object for each answer"},
        {NULL, NULL, ARG_FLAG, NULL, NULL, NULL},
    };
    const arg_option *const tables[] = {own,
                                        c->generation.table,
                                        c->common.model_table,
                                        c->common.trust_table,
                                        c->common.engine_table,
                                        NULL};
    const char *plain[ARG_MAX_PLAIN];
    int n_plain, code;
    const arg_result result = args_parse(&command, tables, argc, argv, plain, &n_plain);
    if (result == ARGS_OK) {
        c->generation.options.stop = c->generation.stops.text;
        c->generation.options.n_stop = c->generation.stops.count;
        code = converse(c, plain[0]);
    } else {
        code = result == ARGS_HELP ? EXIT_FINE : EXIT_USAGE;
    }
    drop_messages(c, 0);
    pewter_session_free(c->session);
    pewter_unload(c->model);
    pewter_close(c->engine);
    free(c->ids);
    text_free(&c->answer);
    free(c);
    return code;
}
