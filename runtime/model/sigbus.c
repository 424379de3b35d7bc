#include "runtime/model/sigbus.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { GUARDS = 1024 };

/* `begin` 0: free. The handler reads `begin` last written, first cleared. */
typedef struct guard {
    _Atomic uintptr_t begin, end;
    atomic_bool faulted;
} guard;

static guard guards[GUARDS];
static atomic_size_t page_bytes;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of what follows */
static size_t in_use;
static bool installed;
static struct sigaction before; /* read by the handler; written before it is installed */

/* Replaces the page at `address` by zeros if it belongs to a guarded mapping. */
static bool cover(uintptr_t address)
{
    const uintptr_t page = atomic_load(&page_bytes);
    for (size_t i = 0; i < GUARDS; i++) {
        const uintptr_t begin = atomic_load(&guards[i].begin);
        if (begin == 0 || address < begin || address >= atomic_load(&guards[i].end)) continue;
        void *at = (char *)begin + (address - begin) / page * page;
        /* The system call itself: in a handler nobody's wrapper of it has a place. */
        const long mapped =
            syscall(SYS_mmap, at, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        if ((uintptr_t)mapped != (uintptr_t)at) return false;
        atomic_store(&guards[i].faulted, true);
        return true;
    }
    return false;
}

/* To the handler that was there before. A fault that nobody takes happens again at once, now with
 * the default action; a signal that was sent is sent again. */
static void pass_on(int number, siginfo_t *info, void *context)
{
    if ((before.sa_flags & SA_SIGINFO) != 0) {
        before.sa_sigaction(number, info, context);
        return;
    }
    const bool sent = info->si_code <= 0;
    if (before.sa_handler == SIG_IGN && sent) return;
    if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
        before.sa_handler(number);
        return;
    }
    struct sigaction plain;
    memset(&plain, 0, sizeof plain);
    plain.sa_handler = SIG_DFL;
    sigaction(number, &plain, NULL);
    if (sent) raise(number);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    if (info->si_code == BUS_ADRERR && cover((uintptr_t)info->si_addr)) return;
    pass_on(number, info, context);
}

static bool is_ours(const struct sigaction *action)
{
    return (action->sa_flags & SA_SIGINFO) != 0 && action->sa_sigaction == on_fault;
}

/* With the lock held. Somebody else's handler that was put over ours is left alone, here and in
 * uninstall: it may pass its faults on to ours. */
static bool install(void)
{
    struct sigaction now, ours;
    if (sigaction(SIGBUS, NULL, &now) != 0) return false;
    const bool taken = (now.sa_flags & SA_SIGINFO) != 0 ||
                       (now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN);
    if (installed && taken) return true;

    atomic_store(&page_bytes, (size_t)sysconf(_SC_PAGESIZE));
    before = now;
    memset(&ours, 0, sizeof ours);
    ours.sa_sigaction = on_fault;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    if (sigaction(SIGBUS, &ours, NULL) != 0) return false;
    installed = true;
    return true;
}

static void uninstall(void)
{
    struct sigaction now;
    if (sigaction(SIGBUS, NULL, &now) != 0 || !is_ours(&now)) return;
    if (sigaction(SIGBUS, &before, NULL) == 0) installed = false;
}

pewter_status pw_guard_begin(const void *data, size_t bytes, int *out, pewter_error *err)
{
    pthread_mutex_lock(&lock);
    int free_one = 0;
    while (free_one < GUARDS && atomic_load(&guards[free_one].begin) != 0) free_one++;
    const bool ready = free_one < GUARDS && (in_use > 0 || install());
    if (ready) {
        guard *g = &guards[free_one];
        atomic_store(&g->faulted, false);
        atomic_store(&g->end, (uintptr_t)data + bytes);
        atomic_store(&g->begin, (uintptr_t)data);
        in_use++;
    }
    pthread_mutex_unlock(&lock);

    if (free_one == GUARDS)
        return pw_fail(err, PEWTER_E_LIMIT, "%d mapped files are guarded already", GUARDS);
    if (!ready) return pw_fail(err, PEWTER_E_IO, "no handler for SIGBUS can be installed");
    *out = free_one;
    return PEWTER_OK;
}

void pw_guard_end(int index)
{
    if (index < 0 || index >= GUARDS) return;
    pthread_mutex_lock(&lock);
    if (atomic_exchange(&guards[index].begin, 0) != 0 && --in_use == 0) uninstall();
    pthread_mutex_unlock(&lock);
}

bool pw_guard_faulted(int index)
{
    return index >= 0 && index < GUARDS && atomic_load(&guards[index].faulted);
}
