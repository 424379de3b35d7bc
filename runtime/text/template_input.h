/* What a rendering starts from: variables made of JSON texts and messages, each marked as the user's or
 * as trusted. */
#ifndef PW_RUNTIME_TEXT_TEMPLATE_INPUT_H
#define PW_RUNTIME_TEXT_TEMPLATE_INPUT_H

#include "runtime/text/json.h"
#include "runtime/text/template.h"
#include "runtime/text/template_value.h"

/* JSON values whose strings the machine borrows: freed after it. Zero-initialise. */
typedef struct pw_tpl_texts {
    json_t *json[4];
    size_t count;
} pw_tpl_texts;

/* Bytes of all texts of the input. */
size_t pw_tpl_input_bytes(const pw_template_input *input);
/* Gives the machine its functions and variables. `texts` is to be freed whatever the result. */
PW_MUST pewter_status pw_tpl_input_set(pw_tpl_vm *vm, const pw_template_input *input,
                                       pw_tpl_texts *texts);
void pw_tpl_texts_free(pw_tpl_texts *texts);

#endif
