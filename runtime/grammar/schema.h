/* JSON Schema (2020-12, and what drafts 4 to 7 call by other names) to a grammar of the JSON texts that are valid.
 * A text has one form: `", "` and `": "` between its parts, no other white space, properties in the order of the
 * schema, each character of a string in its shortest form. What the schema says and the grammar could not keep is
 * refused. */
#ifndef PW_RUNTIME_GRAMMAR_SCHEMA_H
#define PW_RUNTIME_GRAMMAR_SCHEMA_H

#include "runtime/grammar/rules.h"
#include "runtime/text/json.h"

/* Adds the rules of a schema and gives the first. PEWTER_E_FORMAT for a keyword with a value of a wrong type,
 * PEWTER_E_UNSUPPORTED for what is not kept, PEWTER_E_LIMIT for what is too large. */
PW_MUST pewter_status pw_schema_rules(const json_t *schema, pw_rules *g, int32_t *root,
                                      pewter_error *err);

#endif
