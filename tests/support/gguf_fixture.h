/* What tests of files share: a folder, a counting allocator, and the two things to expect. */
#ifndef PW_TESTS_SUPPORT_GGUF_FIXTURE_H
#define PW_TESTS_SUPPORT_GGUF_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "runtime/model/gguf.h"
#include "tests/support/gguf_build.h"
#include "tests/support/limit_alloc.h"

enum { FIXTURE_LIMIT = 64 << 20 };

typedef struct fixture {
    char folder[64], path[128];
    limit_alloc counts;
    pewter_allocator alloc;
    pewter_error err;
} fixture;

static inline int fixture_set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    gb_make_folder(f->folder);
    snprintf(f->path, sizeof f->path, "%s/model.gguf", f->folder);
    f->alloc = limit_allocator(&f->counts, FIXTURE_LIMIT, UINT64_MAX);
    *state = f;
    return 0;
}

/* Fails where memory is left. */
static inline int fixture_tear_down(void **state)
{
    fixture *f = *state;
    gb_remove_folder(f->folder);
    const bool leaked = f->counts.live != 0;
    free(f);
    return leaked ? 1 : 0;
}

#define FIXTURE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

static inline pw_gguf *fixture_open(fixture *f, const char *path)
{
    const pw_gguf_options options = {.guard = true};
    pw_gguf *file = NULL;
    if (pw_gguf_open(path, &options, &f->alloc, &file, &f->err) != PEWTER_OK)
        fail_msg("%s", f->err.message);
    return file;
}

/* Opening fails with that status, and the message holds `says`. */
static inline void fixture_refuse(fixture *f, const char *path, pewter_status wanted,
                                  const char *says)
{
    pw_gguf *file = NULL;
    f->err.message[0] = 0;
    assert_int_equal(pw_gguf_open(path, NULL, &f->alloc, &file, &f->err), wanted);
    assert_null(file);
    if (strstr(f->err.message, says) == NULL) fail_msg("'%s' is not in '%s'", says, f->err.message);
}

#endif
