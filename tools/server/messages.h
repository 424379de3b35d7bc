/* The messages of a chat, checked and put as templates take them. */
#ifndef PW_TOOLS_SERVER_MESSAGES_H
#define PW_TOOLS_SERVER_MESSAGES_H

#include "runtime/text/json.h"
#include "tools/server/refusal.h"

enum { MESSAGES_MOST = 4096 };

/* A JSON array for pewter_chat_prompt_json, the caller's. Parts of a content become one text, the arguments of
 * calls the object that they hold. `tools` (NULL: none): where the model's template does not tell of them, the
 * first message does. NULL after a refusal. */
json_t *messages_read(const json_t *list, const json_t *tools, const pewter_tool_format *format,
                      refusal *r);

#endif
