/* Unicode normalisation form C, in time linear in the text. Source: Unicode Annex 15. */
#ifndef PW_RUNTIME_TEXT_NFC_H
#define PW_RUNTIME_TEXT_NFC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pewter.h"
#include "pw/attr.h"

/* Memory of one call of the tokenizer; zero-initialise, then set `alloc`. */
typedef struct pw_nfc {
    const pewter_allocator *alloc;
    int32_t *codes; /* [cap] a stretch, decomposed, and as many again to sort marks in */
    size_t cap;
    char *text; /* [text_cap] the result */
    size_t text_cap;
} pw_nfc;

/* Normalises well-formed UTF-8. *out [*size] is `text` itself where it is in form C already, else
 * memory of `nfc`, until the next call. PEWTER_E_MEMORY is its only failure. */
PW_MUST pewter_status pw_nfc_run(pw_nfc *nfc, const char *text, size_t bytes, const char **out,
                                 size_t *size, pewter_error *err);

void pw_nfc_free(pw_nfc *nfc);

#endif
