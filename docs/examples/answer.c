/* Answers one question with a model: the smallest program around the library.
 *   cc -o answer answer.c $(pkg-config --cflags --libs pewter)
 *   ./answer model.gguf "Why is the sky blue?" */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pewter.h>

/* A question to tokens: by the model's chat template, or as plain text where it has none. With `ids`
 * NULL only counts. */
static pewter_status to_tokens(const pewter_model *model, const char *question, int32_t *ids,
                               size_t cap, size_t *count, pewter_error *err)
{
    const pewter_message message = {.role = "user", .content = question};
    pewter_status status = pewter_chat_prompt(model, &message, 1, true, ids, cap, count, err);
    if (status == PEWTER_E_UNSUPPORTED)
        status =
            pewter_tokenize(model, question, strlen(question), false, true, ids, cap, count, err);
    return status;
}

static pewter_status ask(pewter_model *model, pewter_session *session, const char *question,
                         pewter_error *err)
{
    size_t count = 0;
    pewter_status status = to_tokens(model, question, NULL, 0, &count, err);
    if (status != PEWTER_OK) return status;

    int32_t *ids = calloc(count + 1, sizeof *ids);
    if (ids == NULL) return PEWTER_E_MEMORY;
    status = to_tokens(model, question, ids, count, &count, err);
    if (status == PEWTER_OK) status = pewter_prompt(session, ids, count, err);
    free(ids);
    return status;
}

/* Steps the engine and prints the text as it is made. */
static pewter_status answer(pewter_engine *engine, pewter_session *session, pewter_error *err)
{
    pewter_piece piece = {.size = sizeof piece};
    while (piece.finish == PEWTER_FINISH_NONE) {
        size_t ready = 0;
        pewter_status status = pewter_step(engine, &ready, err);
        if (status == PEWTER_OK) status = pewter_next(session, &piece, err);
        if (status != PEWTER_OK) return status;

        fwrite(piece.text, 1, piece.bytes, stdout);
        fflush(stdout);
    }
    putchar('\n');
    return PEWTER_OK;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s MODEL [QUESTION]\n", argv[0]);
        return 2;
    }
    const char *question = argc > 2 ? argv[2] : "Why is the sky blue?";

    pewter_error err = {""};
    pewter_engine *engine = NULL;
    pewter_model *model = NULL;
    pewter_session *session = NULL;

    const pewter_config config = pewter_config_defaults();
    const pewter_load_options load = pewter_load_defaults();
    pewter_session_options options = pewter_session_defaults();
    options.max_tokens = 64;
    options.temperature = 0;

    pewter_status status = pewter_open(&config, &engine, &err);
    if (status == PEWTER_OK) status = pewter_load(engine, argv[1], &load, &model, &err);
    if (status == PEWTER_OK) status = pewter_session_new(model, &options, &session, &err);
    if (status == PEWTER_OK) status = ask(model, session, question, &err);
    if (status == PEWTER_OK) status = answer(engine, session, &err);
    if (status != PEWTER_OK) fprintf(stderr, "%s: %s\n", pewter_status_name(status), err.message);

    pewter_session_free(session);
    pewter_unload(model);
    pewter_close(engine);
    return status == PEWTER_OK ? 0 : 1;
}
