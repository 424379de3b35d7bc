/* A peer: another program that measures itself when asked, one line a question, one line of JSON an
 * answer. Whole-model rivals are peers, and so is the bench of another revision: they are started
 * once, and asked in turns with ours.
 *
 * The first line that a peer writes says what it is: {"name": "...", "version": "...", ...}, or
 * {"error": "..."}. Each later line answers one question: an object, with "error" where it failed.
 * A peer ends when its input ends. What it writes to stderr goes to a log file. */
#ifndef PW_BENCH_BASE_PEER_H
#define PW_BENCH_BASE_PEER_H

#include <jansson.h>
#include <sys/types.h>

#include "pewter.h"
#include "pw/attr.h"

typedef struct peer peer;

/* What is asked each second while an answer is awaited, by the thread that waits: true ends the wait
 * with PEWTER_E_CANCELLED. For all peers; NULL, the default: never. Set before peers are opened. */
void peer_stop_when(bool (*stop)(void));

/* Starts argv[0] (found in PATH unless it has a slash) in a process group of its own, pinned to the
 * caller's CPUs, and waits for its first line, at most `seconds`. `log`: where stderr goes, NULL:
 * nowhere. PEWTER_E_IO where it cannot be started, PEWTER_E_TIMEOUT, PEWTER_E_DEVICE where it says
 * an error or dies: with its own words. */
PW_MUST pewter_status peer_open(char *const argv[], const char *log, double seconds, peer **out,
                                pewter_error *err);
void peer_close(peer *p); /* ends it: its input, 1 s, then SIGKILL to its group; NULL is allowed */

/* Sends a line (without the newline), waits for the answer. The caller's: json_decref. */
PW_MUST pewter_status peer_ask(peer *p, const char *line, double seconds, json_t **out,
                               pewter_error *err);

const json_t *peer_hello(const peer *p); /* its first line */
pid_t peer_pid(const peer *p);

#endif
