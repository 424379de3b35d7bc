/* Mapped files that become shorter while they are read: the only process-wide state of the library.
 *
 * A read behind the new end of a mapped file raises SIGBUS. The one handler here, installed while
 * any mapping is guarded, maps a page of zeros over such a place and sets the mapping's flag, so
 * that the reader goes on and the owner finds out. Faults anywhere else are passed to the handler
 * that was there before. A thread that reads guarded mappings must not block SIGBUS: the system
 * ends a process whose blocked thread faults. */
#ifndef PW_RUNTIME_MODEL_SIGBUS_H
#define PW_RUNTIME_MODEL_SIGBUS_H

#include "pw/status.h"

enum { PW_NO_GUARD = -1 };

/* Guards `bytes` > 0 mapped at `data`, a page's begin, until pw_guard_end; *guard names it.
 * PEWTER_E_LIMIT where 1024 mappings are guarded already. Any thread. */
PW_MUST pewter_status pw_guard_begin(const void *data, size_t bytes, int *guard, pewter_error *err);

/* Ends a guard, before its mapping is unmapped. PW_NO_GUARD is allowed. */
void pw_guard_end(int guard);

/* Whether a read of the mapping met a page that the file no longer has. Any thread. */
bool pw_guard_faulted(int guard);

#endif
