#include "kernels/cpu/x86/attention.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "kernels/cpu/x86/x86.h"
#include "pw/num.h"

/* A sequence of few rows over several parts is split at them, so that many workers can share it: the
 * records wait in the shared buffer, which has no more than MOST_SLOTS slots (rows times parts). */
enum { SPLIT_ROWS = 8, MOST_SLOTS = 512 };

#define LOG2_E 0x1.715476p+0f

/* ---- How a call is cut into units ------------------------------------------------------------ */

/* A sequence's share of the parallel axis: tiles, parts where it is split, KV heads. */
typedef struct piece {
    const pw_sequence *sequence;
    int64_t rows, tiles; /* rows: tokens times heads of a group */
    int64_t first_part, parts;
    int64_t slot; /* its first; -1: not split */
    int64_t units;
} piece;

static int64_t group_of(const pw_call *call)
{
    return call->params.heads / call->params.kv_heads;
}

/* The first position that position `pos` sees. */
static int64_t first_seen(const pw_call *call, int64_t pos)
{
    const int64_t window = call->params.window;
    return window > 0 ? pw_max(pos - window + 1, 0) : 0;
}

static int64_t slots_of(const pw_call *call)
{
    const int64_t most_parts = pw_ceil_div(call->src[1].n[1] * PW_PAGE, PW_PART);
    return most_parts < 2 ? 0 : pw_min(call->src[0].n[2] * most_parts, MOST_SLOTS);
}

/* The piece of one sequence where `used` slots are taken. */
static piece piece_of(const pw_call *call, const pw_sequence *sequence, int64_t used)
{
    piece p = {.sequence = sequence, .parts = 1, .slot = -1};
    p.rows = sequence->count * group_of(call);
    p.tiles = pw_ceil_div(p.rows, PW_TILE);
    p.first_part = first_seen(call, sequence->pos) / PW_PART;
    const int64_t parts = (sequence->pos + sequence->count - 1) / PW_PART - p.first_part + 1;
    if (parts > 1 && sequence->count <= SPLIT_ROWS &&
        used + sequence->count * parts <= slots_of(call)) {
        p.parts = parts;
        p.slot = used;
    }
    p.units = p.tiles * p.parts * call->params.kv_heads;
    return p;
}

static int64_t slots_taken(const piece *p)
{
    return p->slot < 0 ? 0 : p->sequence->count * p->parts;
}

int64_t pw_attention_extent(const pw_call *call)
{
    int64_t units = 0, used = 0;
    for (int64_t i = 0; i < call->batch->n_sequences; i++) {
        const piece p = piece_of(call, &call->batch->sequences[i], used);
        units += p.units;
        used += slots_taken(&p);
    }
    return units;
}

/* Units of merging: a row and head of the split sequences; a row of all where an activation format
 * is made, for that takes whole rows. */
int64_t pw_attention_merge_extent(const pw_call *call)
{
    if (call->dst.dtype != PW_F32) return call->src[0].n[2];
    int64_t rows = 0, used = 0;
    for (int64_t i = 0; i < call->batch->n_sequences; i++) {
        const piece p = piece_of(call, &call->batch->sequences[i], used);
        if (p.slot >= 0) rows += p.sequence->count;
        used += slots_taken(&p);
    }
    return rows * call->params.heads;
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static size_t floats(int64_t count)
{
    return pw_align_up((size_t)count * sizeof(float), 64);
}

/* Floats of the slots, which rows of f32 results may follow. */
static int64_t slot_floats(const pw_call *call)
{
    return slots_of(call) * call->params.heads * pw_record_floats(call->params.head_dim);
}

size_t pw_attention_shared(const pw_call *shape)
{
    const bool act = shape->dst.dtype != PW_F32;
    const int64_t result = shape->params.heads * shape->params.head_dim * shape->src[0].n[2];
    return floats(slot_floats(shape)) + (act ? floats(result) : 0);
}

/* The record of a row of a split sequence: a head, one part. */
static float *record_of(const pw_call *call, const piece *p, int64_t row, int64_t part,
                        int64_t head)
{
    const int64_t slot = p->slot + row * p->parts + part;
    return (float *)call->src[PW_MAX_SRC - 1].data +
           (slot * call->params.heads + head) * pw_record_floats(call->params.head_dim);
}

/* Where the f32 result of a row of the batch and a head goes. */
static float *result_of(const pw_call *call, int64_t row, int64_t head)
{
    const int64_t at = row * call->params.heads + head;
    if (call->dst.dtype == PW_F32) return pw_row(&call->dst, at);
    char *rows = (char *)call->src[PW_MAX_SRC - 1].data + floats(slot_floats(call));
    return (float *)(void *)rows + at * call->params.head_dim;
}

static int64_t tile_rows(const pw_call *call)
{
    return pw_min(call->src[0].n[2] * group_of(call), PW_TILE);
}

static void *take(char **at, int64_t count)
{
    char *taken = *at;
    *at += floats(count);
    return taken;
}

/* Lays a tile of `rows` rows and as many records of totals into scratch; returns its end. */
static char *lay_tile(const pw_call *call, int64_t rows, char *scratch, pw_tile *t, float **total)
{
    const int64_t d = call->params.head_dim, padded = pw_kv_padded(d);
    char *at = scratch;
    *t = (pw_tile){.dtype = call->params.kv->dtype, .d = d};
    t->q = take(&at, rows * padded);
    t->score = take(&at, rows * PW_SCORES);
    t->sum = take(&at, rows * 16);
    t->part = take(&at, rows * pw_record_floats(d));
    t->page = take(&at, PW_PAGE * padded);
    *total = take(&at, rows * pw_record_floats(d));
    return at;
}

size_t pw_attention_scratch(const pw_call *shape)
{
    const int64_t d = shape->params.head_dim, padded = pw_kv_padded(d), rows = tile_rows(shape);
    return floats(rows * padded) + floats(rows * PW_SCORES) + floats(rows * 16) +
           2 * floats(rows * pw_record_floats(d)) + floats(PW_PAGE * padded);
}

/* ---- One tile -------------------------------------------------------------------------------- */

/* A tile at work. */
typedef struct work {
    const pw_call *call;
    const pw_attention_ops *ops;
    const pw_sequence *sequence;
    int64_t kv_head, group;
    int64_t first_row;  /* of the tile, in tokens times group */
    int64_t begin, end; /* positions that some row of the tile sees */
    pw_tile tile;
    float *total; /* [rows] records */
} work;

static int64_t position(const work *w, int64_t row)
{
    return w->sequence->pos + (w->first_row + row) / w->group;
}

/* Keys (or values) of the tile's KV head in the page that holds position `pos`. */
static const char *page_at(const work *w, int64_t pos, bool values)
{
    const pw_tensor *pool = &w->call->src[1];
    const int64_t d = w->tile.d;
    const size_t head = (size_t)w->kv_head * pw_kv_lanes_head(w->tile.dtype, d);
    return (const char *)pool->data +
           (size_t)w->sequence->pages[pos / PW_PAGE] * (size_t)pool->n[0] + head +
           (values ? pw_kv_lanes_keys(w->tile.dtype, d) : 0);
}

static void clear_record(float *record, int64_t d)
{
    memset(record, 0, (size_t)pw_record_floats(d) * sizeof *record);
    record[0] = -INFINITY;
}

static void fill(float *score, int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++) score[i] = -INFINITY;
}

/* Minus infinity for what a row does not see among scores [from, to) of the chunk at `base`. */
static void mask(const work *w, int64_t base, int64_t from, int64_t to)
{
    for (int64_t r = 0; r < w->tile.rows; r++) {
        const int64_t pos = position(w, r), first = first_seen(w->call, pos) - base;
        float *score = w->tile.score + r * PW_SCORES;
        fill(score, from, pw_min(first, to));
        fill(score, pw_max(pos + 1 - base, from), to);
    }
}

/* Adds the keys of one chunk to the part. */
static void add_chunk(const work *w, int64_t base)
{
    const pw_tile *t = &w->tile;
    const int64_t from = pw_max(w->begin - base, 0) / PW_PAGE * PW_PAGE;
    const int64_t end = pw_min(w->end - base, PW_CHUNK), to = (int64_t)pw_align_up((size_t)end, 32);

    for (int64_t at = from; at < end; at += PW_PAGE) {
        const bool last = at + PW_PAGE >= end;
        w->ops->score(t, page_at(w, base + at, false), at, pw_min(end - at, PW_PAGE),
                      page_at(w, base + (last ? from : at + PW_PAGE), last));
    }
    const bool all_seen = from >= first_seen(w->call, position(w, t->rows - 1)) - base &&
                          to <= position(w, 0) + 1 - base;
    if (!all_seen) mask(w, base, from, to);
    w->ops->weigh(t, from, to);
    for (int64_t at = from; at < end; at += PW_PAGE) {
        const bool last = at + PW_PAGE >= end;
        const int64_t next = pw_min(base + at + PW_PAGE, w->end - 1);
        w->ops->gather(t, page_at(w, base + at, true), at, pw_min(end - at, PW_PAGE),
                       page_at(w, next, !last));
    }
}

/* One part of the tile, into its records. */
static void add_part(const work *w, int64_t part)
{
    const pw_tile *t = &w->tile;
    memset(t->sum, 0, (size_t)t->rows * 16 * sizeof *t->sum);
    for (int64_t r = 0; r < t->rows; r++) clear_record(t->part + r * pw_record_floats(t->d), t->d);

    const int64_t begin = pw_max(w->begin, part * PW_PART) / PW_CHUNK * PW_CHUNK;
    const int64_t end = pw_min(w->end, (part + 1) * PW_PART);
    for (int64_t base = begin; base < end; base += PW_CHUNK) add_chunk(w, base);
    for (int64_t r = 0; r < t->rows; r++) w->ops->close(t, r);
}

/* All parts that the tile sees, merged as they come, and the results. */
static void attend(const work *w)
{
    const pw_tile *t = &w->tile;
    const int64_t record = pw_record_floats(t->d);
    for (int64_t r = 0; r < t->rows; r++) clear_record(w->total + r * record, t->d);

    for (int64_t part = w->begin / PW_PART; part * PW_PART < w->end; part++) {
        add_part(w, part);
        for (int64_t r = 0; r < t->rows; r++)
            w->ops->merge(w->total + r * record, t->part + r * record, t->d);
    }
    for (int64_t r = 0; r < t->rows; r++) {
        const int64_t row = w->sequence->first + (w->first_row + r) / w->group;
        const int64_t head = w->kv_head * w->group + (w->first_row + r) % w->group;
        w->ops->finish(w->total + r * record, result_of(w->call, row, head), t->d);
    }
}

/* One part of a split sequence, into the shared records. */
static void attend_part(const work *w, const piece *p, int64_t part)
{
    const pw_tile *t = &w->tile;
    const int64_t record = pw_record_floats(t->d);
    add_part(w, p->first_part + part);
    for (int64_t r = 0; r < t->rows; r++) {
        const int64_t row = (w->first_row + r) / w->group;
        const int64_t head = w->kv_head * w->group + (w->first_row + r) % w->group;
        memcpy(record_of(w->call, p, row, part, head), t->part + r * record,
               (size_t)record * sizeof(float));
    }
}

/* ---- The phases ------------------------------------------------------------------------------ */

static void run_unit(work *w, const piece *p, int64_t unit)
{
    const int64_t kv_heads = w->call->params.kv_heads;
    const int64_t part = unit / kv_heads % p->parts;
    const int64_t tile = p->tiles - 1 - unit / kv_heads / p->parts; /* the longest first */
    w->sequence = p->sequence;
    w->kv_head = unit % kv_heads;
    w->first_row = tile * PW_TILE;
    w->tile.rows = pw_min(p->rows - w->first_row, PW_TILE);
    w->begin = first_seen(w->call, position(w, 0));
    w->end = position(w, w->tile.rows - 1) + 1;

    for (int64_t r = 0; r < w->tile.rows; r++) {
        const int64_t row = p->sequence->first + (w->first_row + r) / w->group;
        const int64_t head = w->kv_head * w->group + (w->first_row + r) % w->group;
        w->ops->query(&w->tile, r, pw_row(&w->call->src[0], row * w->call->params.heads + head),
                      w->call->params.scale * LOG2_E);
    }
    if (p->slot < 0)
        attend(w);
    else
        attend_part(w, p, part);
}

void pw_attention_run(const pw_call *call, int64_t begin, int64_t end, void *scratch,
                      const pw_attention_ops *ops)
{
    work w = {.call = call, .ops = ops, .group = group_of(call)};
    assert(call->params.heads % call->params.kv_heads == 0);
    lay_tile(call, tile_rows(call), scratch, &w.tile, &w.total);

    int64_t first = 0, used = 0;
    for (int64_t i = 0; i < call->batch->n_sequences && first < end; i++) {
        const piece p = piece_of(call, &call->batch->sequences[i], used);
        const int64_t from = pw_max(begin - first, 0), to = pw_min(end - first, p.units);
        for (int64_t unit = from; unit < to; unit++) run_unit(&w, &p, unit);
        first += p.units;
        used += slots_taken(&p);
    }
}

/* Merges the parts of row `row` of a split sequence, one head. */
static void merge_row(const pw_call *call, const pw_attention_ops *ops, const piece *p, int64_t row,
                      int64_t head, float *total)
{
    const int64_t d = call->params.head_dim;
    clear_record(total, d);
    for (int64_t part = 0; part < p->parts; part++)
        ops->merge(total, record_of(call, p, row, part, head), d);
    ops->finish(total, result_of(call, p->sequence->first + row, head), d);
}

/* Rows of a sequence from `begin` to `end` (of its own) in the activation format. */
static void merge_act_rows(const pw_call *call, const pw_attention_ops *ops, const piece *p,
                           int64_t begin, int64_t end, float *total)
{
    const int64_t heads = call->params.heads, k = heads * call->params.head_dim;
    for (int64_t row = begin; row < end; row++) {
        for (int64_t head = 0; head < heads && p->slot >= 0; head++)
            merge_row(call, ops, p, row, head, total);
        ops->act(call->dst.dtype, call->dst.data, k, call->src[0].n[2], p->sequence->first + row,
                 result_of(call, p->sequence->first + row, 0));
    }
}

void pw_attention_merge(const pw_call *call, int64_t begin, int64_t end, void *scratch,
                        const pw_attention_ops *ops)
{
    const bool act = call->dst.dtype != PW_F32;
    const int64_t heads = call->params.heads;
    int64_t first = 0, used = 0;
    for (int64_t i = 0; i < call->batch->n_sequences && first < end; i++) {
        const piece p = piece_of(call, &call->batch->sequences[i], used);
        const int64_t units = act ? p.sequence->count : p.slot < 0 ? 0 : p.sequence->count * heads;
        const int64_t from = pw_max(begin - first, 0), to = pw_min(end - first, units);
        if (act) merge_act_rows(call, ops, &p, from, to, scratch);
        for (int64_t unit = from; unit < to && !act; unit++)
            merge_row(call, ops, &p, unit / heads, unit % heads, scratch);
        first += units;
        used += slots_taken(&p);
    }
}
