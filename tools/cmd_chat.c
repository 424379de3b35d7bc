/* A conversation at the terminal. Lines come through libedit where the input is a terminal. */
#include <errno.h>
#include <histedit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/text/json.h"
#include "tools/commands.h"
#include "tools/generate.h"

enum { MAX_MESSAGES = 512 };

static const arg_command command = {
    .name = "chat",
    .plain = "MODEL",
    .summary = "A conversation. /system TEXT sets what the system says, /reset forgets, /save FILE "
               "writes the\nmessages as JSON, /stats prints figures, /quit leaves. Ctrl-C ends an "
               "answer, Ctrl-D the conversation.",
    .examples = "pewter chat model.gguf\npewter chat model.gguf --system \"Answer in Persian.\"",
    .plain_least = 1,
    .plain_most = 1,
};

typedef struct chat {
    common common;
    generation generation;
    const char *system_option;
    bool json;
    pewter_engine *engine;
    pewter_model *model;
    pewter_session *session;
    char *role_text[MAX_MESSAGES];
    pewter_message messages[MAX_MESSAGES];
    size_t n_messages;
    int32_t *ids; /* of the conversation so far, as the session holds them */
    size_t n_ids;
    char *answer;
    size_t answer_bytes, answer_cap;
} chat;

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
    if (*text != 0) add_message(c, "system", text);
    printf("(a new conversation%s)\n", *text != 0 ? "" : " without a system message");
}

static void save(const chat *c, const char *path)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < c->n_messages; i++) {
        json_t *message = json_pack("{s:s, s:s}", "role", c->messages[i].role, "content",
                                    c->messages[i].content);
        if (json_array_append_new(list, message) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    char *text = NULL;
    size_t bytes = 0;
    pewter_error err = {"no memory"};
    FILE *file = NULL;
    if (list == NULL || pw_json_dump(list, 1, &text, &bytes, &err) != PEWTER_OK)
        fprintf(stderr, "pewter: %s\n", err.message);
    else if ((file = fopen(path, "wbe")) == NULL || fwrite(text, 1, bytes, file) != bytes ||
             fputc('\n', file) == EOF)
        fprintf(stderr, "pewter: %s: %s\n", path, strerror(errno));
    else
        printf("(%zu messages in %s)\n", c->n_messages, path);
    if (file != NULL && fclose(file) != 0) fprintf(stderr, "pewter: %s: %s\n", path, strerror(errno));
    pw_json_text_free(text);
    json_decref(list);
}

/* ---- An answer ------------------------------------------------------------------------------- */

static bool take_piece(void *context, const char *text, size_t bytes)
{
    chat *c = context;
    if (c->answer_bytes + bytes + 1 > c->answer_cap) {
        const size_t cap = 2 * (c->answer_bytes + bytes) + 4096;
        char *bigger = realloc(c->answer, cap);
        if (bigger == NULL) return false;
        c->answer = bigger;
        c->answer_cap = cap;
    }
    memcpy(c->answer + c->answer_bytes, text, bytes);
    c->answer_bytes += bytes;
    c->answer[c->answer_bytes] = 0;
    return common_write(text, bytes);
}

/* Gives the session the conversation: what it holds already is kept, as far as the tokens agree. */
static pewter_status prompt(chat *c, pewter_error *err)
{
    size_t count = 0;
    pewter_status status = pewter_chat_prompt(c->model, c->messages, c->n_messages, true, NULL, 0,
                                              &count, err);
    if (status != PEWTER_OK) return status;
    int32_t *ids = malloc((count + 1) * sizeof *ids);
    if (ids == NULL) {
        snprintf(err->message, sizeof err->message, "no memory for %zu tokens", count);
        return PEWTER_E_MEMORY;
    }
    status = pewter_chat_prompt(c->model, c->messages, c->n_messages, true, ids, count, &count, err);
    if (status == PEWTER_OK) {
        size_t same = 0;
        while (same < c->n_ids && same + 1 < count && ids[same] == c->ids[same]) same++;
        status = pewter_session_rewind(c->session, (int64_t)same, err);
        if (status == PEWTER_OK)
            status = pewter_prompt(c->session, ids + same, count - same, err);
    }
    free(c->ids);
    c->ids = ids;
    c->n_ids = status == PEWTER_OK ? count : 0;
    if (status != PEWTER_OK) (void)pewter_session_reset(c->session, NULL);
    return status;
}

static bool say(chat *c, const char *line)
{
    const size_t before = c->n_messages;
    if (!add_message(c, "user", line)) return true;
    pewter_error err;
    pewter_finish finish = PEWTER_FINISH_NONE;
    c->answer_bytes = 0;
    pewter_status status = prompt(c, &err);
    if (status == PEWTER_OK) {
        common_catch(c->session);
        status = generate(c->engine, c->session, take_piece, c, &finish, &err);
    }
    if (status != PEWTER_OK) {
        common_failed(status, &err);
        drop_messages(c, before);
        return true;
    }
    printf("\n");
    if (finish == PEWTER_FINISH_CANCELLED || common_interrupted()) {
        printf("(ended)\n");
        print_figures(NULL, c->model, c->session, false);
    }
    if (finish == PEWTER_FINISH_LENGTH) printf("(the answer was cut: length)\n");
    common_catch(NULL);
    add_message(c, "assistant", c->answer_bytes > 0 ? c->answer : "");
    return fflush(stdout) == 0;
}

/* ---- Lines ----------------------------------------------------------------------------------- */

/* One line of input; false ends the conversation. */
static bool take_line(chat *c, char *line)
{
    line[strcspn(line, "\r\n")] = 0;
    if (*line == 0) return true;
    if (*line != '/') return say(c, line);

    const size_t length = strcspn(line, " ");
    const char *rest = line + length + strspn(line + length, " ");
    if (strncmp(line, "/quit", length) == 0 && length > 1) return false;
    if (strncmp(line, "/system", length) == 0 && length > 2)
        set_system(c, rest);
    else if (strncmp(line, "/reset", length) == 0 && length > 1)
        reset(c);
    else if (strncmp(line, "/save", length) == 0 && length > 2 && *rest != 0)
        save(c, rest);
    else if (strncmp(line, "/stats", length) == 0 && length > 2)
        print_figures(c->engine, c->model, c->session, false);
    else
        printf("(/system TEXT, /save FILE, /reset, /stats, /quit)\n");
    fflush(stdout);
    return true;
}

static char *show_prompt(EditLine *line)
{
    (void)line;
    static char text[] = "> ";
    return text;
}

/* libedit keeps the terminal raw while it reads only, so an answer is printed as usual. */
static void edit_lines(chat *c)
{
    History *past = history_init();
    EditLine *edit = el_init("pewter", stdin, stdout, stderr);
    if (past == NULL || edit == NULL) {
        fprintf(stderr, "pewter: no line editing here\n");
    } else {
        HistEvent event;
        history(past, &event, H_SETSIZE, 500);
        el_set(edit, EL_PROMPT, show_prompt);
        el_set(edit, EL_EDITOR, "emacs");
        el_set(edit, EL_SIGNAL, 0);
        el_set(edit, EL_HIST, history, past);
        for (bool more = true; more;) {
            int count;
            signal(SIGINT, SIG_IGN);
            const char *line = el_gets(edit, &count);
            if (line == NULL || count <= 0) break;
            char *copy = strdup(line);
            if (copy == NULL) break;
            if (count > 1) history(past, &event, H_ENTER, line);
            common_catch(NULL);
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

static int converse(chat *c, const char *path)
{
    pewter_load_options options = pewter_load_defaults();
    pewter_error err;
    common_catch(NULL);
    if (common_open(&c->common, &c->engine) != PEWTER_OK ||
        common_load(&c->common, c->engine, path, &options, &c->model) != PEWTER_OK)
        return EXIT_FAILED;
    pewter_model_info info = {.size = sizeof info};
    pewter_status status = pewter_model_get(c->model, &info, &err);
    if (status == PEWTER_OK && !info.has_template) {
        fprintf(stderr, "pewter: %s has no chat template: pewter run --raw continues a text\n",
                path);
        return EXIT_FAILED;
    }
    if (status == PEWTER_OK)
        status = pewter_session_new(c->model, &c->generation.options, &c->session, &err);
    if (status != PEWTER_OK) return common_failed(status, &err);
    if (c->system_option != NULL && !add_message(c, "system", c->system_option))
        return EXIT_FAILED;
    if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
        edit_lines(c);
    else
        read_lines(c);
    if (c->json) save(c, "/dev/stdout");
    return fflush(stdout) == 0 ? EXIT_FINE : EXIT_FAILED;
}

int cmd_chat(int argc, char **argv)
{
    chat *c = calloc(1, sizeof *c);
    if (c == NULL) return EXIT_FAILED;
    common_options(&c->common);
    generation_options(&c->generation);
    const arg_option own[] = {
        {"--system", NULL, ARG_TEXT, &c->system_option, "TEXT", "what the system says first"},
        {"--json", NULL, ARG_FLAG, &c->json, NULL, "print the messages as JSON at the end"},
        {NULL, NULL, ARG_FLAG, NULL, NULL, NULL},
    };
    const arg_option *const tables[] = {own, c->generation.table, c->common.model_table,
                                        c->common.engine_table, NULL};
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
    free(c->answer);
    free(c);
    return code;
}
