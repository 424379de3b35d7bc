#include "runtime/text/nfc.h"

#include <string.h>

#include <utf8proc.h>

#include "pw/arena.h"
#include "pw/status.h"
#include "runtime/text/utf8.h"

enum {
    SAFE = 0x300,   /* characters below compose with nothing before them and are in form C */
    STRETCH = 1024, /* characters after which a stretch ends at the next safe one */
    DECOMPOSED = 4, /* characters that one becomes at most by canonical decomposition */
    GROWTH = 3      /* times that UTF-8 grows at most in form C; UAX 15, section 15 */
};

static bool room_codes(pw_nfc *nfc, size_t count)
{
    if (count <= nfc->cap) return true;
    pw_free(nfc->alloc, nfc->codes, nfc->cap * 2 * sizeof *nfc->codes);
    nfc->cap = 0;
    size_t bytes;
    if (!pw_mul(count, 2 * sizeof *nfc->codes, &bytes)) return false;
    nfc->codes = pw_alloc(nfc->alloc, bytes);
    if (nfc->codes != NULL) nfc->cap = count;
    return nfc->codes != NULL;
}

static bool room_text(pw_nfc *nfc, size_t bytes)
{
    if (bytes <= nfc->text_cap) return true;
    pw_free(nfc->alloc, nfc->text, nfc->text_cap);
    nfc->text_cap = 0;
    nfc->text = pw_alloc(nfc->alloc, bytes);
    if (nfc->text != NULL) nfc->text_cap = bytes;
    return nfc->text != NULL;
}

void pw_nfc_free(pw_nfc *nfc)
{
    pw_free(nfc->alloc, nfc->codes, nfc->cap * 2 * sizeof *nfc->codes);
    pw_free(nfc->alloc, nfc->text, nfc->text_cap);
    nfc->codes = NULL;
    nfc->text = NULL;
    nfc->cap = nfc->text_cap = 0;
}

static unsigned mark_class(int32_t code)
{
    return (unsigned)utf8proc_get_property(code)->combining_class & 0xff;
}

/* Whether form C may change a character or what stands before it. */
static bool active(uint32_t code)
{
    if (code < SAFE) return false;
    const utf8proc_property_t *p = utf8proc_get_property((utf8proc_int32_t)code);
    const bool hangul = (code >= 0x1100 && code <= 0x11ff) || (code >= 0xac00 && code <= 0xd7a3);
    return p->combining_class != 0 || p->decomp_seqindex != UINT16_MAX ||
           p->comb_index != UINT16_MAX || hangul;
}

/* Sorts a run of marks by class, equal classes in their order: counting, so linear. */
static void sort_marks(int32_t *codes, size_t n, int32_t *spare)
{
    size_t start[257] = {0};
    for (size_t i = 0; i < n; i++) start[mark_class(codes[i]) + 1]++;
    for (size_t c = 1; c < 257; c++) start[c] += start[c - 1];
    for (size_t i = 0; i < n; i++) spare[start[mark_class(codes[i])]++] = codes[i];
    memcpy(codes, spare, n * sizeof *codes);
}

static void order_marks(int32_t *codes, size_t n, int32_t *spare)
{
    for (size_t at = 0; at < n;) {
        size_t end = at;
        bool sorted = true;
        for (unsigned last = 0; end < n; end++) {
            const unsigned class = mark_class(codes[end]);
            if (class == 0) break;
            sorted = sorted && class >= last;
            last = class;
        }
        if (!sorted) sort_marks(codes + at, end - at, spare);
        at = end + 1;
    }
}

/* The bytes of a stretch: up to a safe character past STRETCH others. *plain: nothing to do. */
static size_t stretch(const char *text, size_t bytes, size_t *count, bool *plain)
{
    size_t at = 0, n = 0;
    bool found = false;
    while (at < bytes) {
        const size_t size = pw_utf8_char(text + at, bytes - at);
        const uint32_t code = pw_utf8_code(text + at, size);
        if (n >= STRETCH && code < SAFE) break;
        found = found || active(code);
        at += size;
        n++;
    }
    *count = n;
    *plain = !found;
    return at;
}

/* Decomposes, orders, composes and writes one stretch; returns the bytes written. */
static size_t normalise(pw_nfc *nfc, const char *text, size_t bytes, char *out)
{
    size_t n = 0;
    int state = 0;
    for (size_t at = 0; at < bytes;) {
        const size_t size = pw_utf8_char(text + at, bytes - at);
        const utf8proc_int32_t code = (utf8proc_int32_t)pw_utf8_code(text + at, size);
        const utf8proc_ssize_t made =
            utf8proc_decompose_char(code, nfc->codes + n, (utf8proc_ssize_t)(nfc->cap - n),
                                    UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, &state);
        n += made > 0 ? (size_t)made : 0;
        at += size;
    }
    order_marks(nfc->codes, n, nfc->codes + nfc->cap);
    const utf8proc_ssize_t left = utf8proc_normalize_utf32(nfc->codes, (utf8proc_ssize_t)n,
                                                           UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    size_t written = 0;
    for (utf8proc_ssize_t i = 0; i < left; i++)
        written += pw_utf8_put((uint32_t)nfc->codes[i], out + written);
    return written;
}

pewter_status pw_nfc_run(pw_nfc *nfc, const char *text, size_t bytes, const char **out,
                         size_t *size, pewter_error *err)
{
    size_t count, done = 0, from = 0;
    bool plain = true;
    while (from < bytes && plain) from += stretch(text + from, bytes - from, &count, &plain);
    if (plain) {
        *out = text;
        *size = bytes;
        return PEWTER_OK;
    }

    size_t most;
    if (!pw_mul(bytes, GROWTH, &most) || !room_text(nfc, most))
        return pw_fail(err, PEWTER_E_MEMORY, "text: no memory to normalise %zu bytes", bytes);
    for (from = 0; from < bytes;) {
        const size_t part = stretch(text + from, bytes - from, &count, &plain);
        if (plain) {
            memcpy(nfc->text + done, text + from, part);
            done += part;
        } else {
            size_t codes;
            if (!pw_mul(count, DECOMPOSED, &codes) || !room_codes(nfc, codes))
                return pw_fail(err, PEWTER_E_MEMORY, "text: no memory to normalise %zu bytes",
                               bytes);
            done += normalise(nfc, text + from, part, nfc->text + done);
        }
        from += part;
    }
    *out = nfc->text;
    *size = done;
    return PEWTER_OK;
}
