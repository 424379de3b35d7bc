#include "runtime/grammar/automaton.h"

#include <string.h>

#include "pw/status.h"

enum {
    SEEN_SLOTS = 2 * PW_STATE_ITEMS,
    TIDY_BYTES = 8 << 20,  /* states are forgotten from here on */
    LIMIT_BYTES = 48 << 20 /* the grammar is refused */
};

/* ---- Lists and indices ----------------------------------------------------------------------- */

static pewter_status no_memory(pewter_error *err)
{
    return pw_fail(err, PEWTER_E_MEMORY, "no memory for the states of a grammar");
}

/* Room for `more` elements of `size` bytes behind those that are there. */
static bool reserve(const pewter_allocator *alloc, pw_list *list, int32_t more, size_t size)
{
    if (list->count + more <= list->cap) return true;
    int32_t cap = list->cap == 0 ? 256 : list->cap;
    while (cap < list->count + more) cap *= 2;
    void *larger = pw_alloc(alloc, (size_t)cap * size);
    if (larger == NULL) return false;
    if (list->count > 0) memcpy(larger, list->data, (size_t)list->count * size);
    pw_free(alloc, list->data, (size_t)list->cap * size);
    list->data = larger;
    list->cap = cap;
    return true;
}

static void free_list(const pewter_allocator *alloc, pw_list *list, size_t size)
{
    pw_free(alloc, list->data, (size_t)list->cap * size);
    *list = (pw_list){0};
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static uint64_t hash_frame(const pw_frame *f)
{
    return mix(mix(mix(1, (uint32_t)f->edge), (uint32_t)f->count), (uint32_t)f->parent);
}

static uint64_t hash_items(const pw_item *items, int32_t n, bool accepts)
{
    uint64_t hash = accepts;
    for (int32_t i = 0; i < n; i++)
        hash = mix(hash, (uint64_t)(uint32_t)items[i].node << 32 | (uint32_t)items[i].frame);
    return hash;
}

static uint64_t hash_of(const pw_automaton *a, const pw_index *index, int32_t at)
{
    if (index == &a->frame_index) return hash_frame((const pw_frame *)a->frames.data + at);
    const pw_state *s = pw_state_at(a, at);
    if (s->n_items == 0) return hash_items(NULL, 0, s->accepts);
    return hash_items((const pw_item *)a->items.data + s->items, s->n_items, s->accepts);
}

static void put(pw_index *index, uint64_t hash, int32_t value)
{
    int32_t slot = (int32_t)(hash & (uint64_t)(index->cap - 1));
    while (index->slots[slot] >= 0) slot = (slot + 1) & (index->cap - 1);
    index->slots[slot] = value;
    index->used++;
}

/* Room for one more: at most half of the slots are used. */
static bool reserve_slot(const pw_automaton *a, pw_index *index)
{
    if (index->used * 2 < index->cap) return true;
    const pw_index before = *index;
    const int32_t cap = before.cap == 0 ? 512 : before.cap * 2;
    int32_t *slots = pw_alloc(a->alloc, (size_t)cap * sizeof *slots);
    if (slots == NULL) return false;
    memset(slots, 0xff, (size_t)cap * sizeof *slots);
    *index = (pw_index){.slots = slots, .cap = cap};
    for (int32_t i = 0; i < before.cap; i++)
        if (before.slots[i] >= 0) put(index, hash_of(a, index, before.slots[i]), before.slots[i]);
    pw_free(a->alloc, before.slots, (size_t)before.cap * sizeof *slots);
    return true;
}

size_t pw_automaton_bytes(const pw_automaton *a)
{
    return sizeof *a + (size_t)a->frames.cap * sizeof(pw_frame) +
           (size_t)a->items.cap * sizeof(pw_item) + (size_t)a->states.cap * sizeof(pw_state) +
           (size_t)(a->steps.cap + a->frame_index.cap + a->state_index.cap) * sizeof(int32_t) +
           a->n_masks * a->mask_bytes;
}

/* ---- Sets of places -------------------------------------------------------------------------- */

static pewter_status find_frame(pw_automaton *a, pw_frame wanted, int32_t *out, pewter_error *err)
{
    if (!reserve_slot(a, &a->frame_index) || !reserve(a->alloc, &a->frames, 1, sizeof wanted))
        return no_memory(err);
    const pw_frame *frames = a->frames.data;
    const uint64_t hash = hash_frame(&wanted);
    const int32_t mask = a->frame_index.cap - 1;
    for (int32_t slot = (int32_t)(hash & (uint64_t)mask);; slot = (slot + 1) & mask) {
        const int32_t at = a->frame_index.slots[slot];
        if (at < 0) break;
        if (frames[at].edge != wanted.edge || frames[at].count != wanted.count ||
            frames[at].parent != wanted.parent)
            continue;
        *out = at;
        return PEWTER_OK;
    }
    *out = a->frames.count++;
    ((pw_frame *)a->frames.data)[*out] = wanted;
    put(&a->frame_index, hash, *out);
    return PEWTER_OK;
}

static void begin_set(pw_automaton *a)
{
    a->n_set = 0;
    a->set_accepts = false;
    if (++a->stamp != 0) return;
    memset(a->stamps, 0, SEEN_SLOTS * sizeof *a->stamps);
    a->stamp = 1;
}

static pewter_status add_item(pw_automaton *a, int32_t node, int32_t frame, pewter_error *err)
{
    uint32_t slot = (uint32_t)mix((uint32_t)node, (uint32_t)frame) & (SEEN_SLOTS - 1);
    for (; a->stamps[slot] == a->stamp; slot = (slot + 1) & (SEEN_SLOTS - 1)) {
        const pw_item *there = &a->set[a->seen[slot]];
        if (there->node == node && there->frame == frame) return PEWTER_OK;
    }
    if (a->n_set == PW_STATE_ITEMS)
        return pw_fail(err, PEWTER_E_LIMIT,
                       "the grammar is too ambiguous: more than %d readings of one text",
                       PW_STATE_ITEMS);
    a->stamps[slot] = a->stamp;
    a->seen[slot] = a->n_set;
    a->set[a->n_set++] = (pw_item){.node = node, .frame = frame};
    return PEWTER_OK;
}

/* The rule of a frame is over: back to the caller, or once more. */
static pewter_status leave_rule(pw_automaton *a, int32_t frame, pewter_error *err)
{
    if (frame < 0) {
        a->set_accepts = true;
        return PEWTER_OK;
    }
    const pw_frame f = ((const pw_frame *)a->frames.data)[frame];
    const pw_rule_edge *e = &a->rules->edges[f.edge];
    const int32_t count = f.count + 1;
    if (count >= e->least) PW_TRY(add_item(a, e->to, f.parent, err));
    if (count >= e->most) return PEWTER_OK;
    /* Without an upper bound, all counts that are enough are the same. */
    pw_frame again = f;
    again.count = e->most == PW_REPEAT_MAX && count > e->least ? e->least : count;
    int32_t at;
    PW_TRY(find_frame(a, again, &at, err));
    return add_item(a, a->rules->rules[e->rule].start, at, err);
}

static pewter_status call_rule(pw_automaton *a, int32_t edge, int32_t frame, pewter_error *err)
{
    const pw_rule_edge *e = &a->rules->edges[edge];
    const pw_rule_node *to = &a->rules->nodes[e->to];
    if (e->least == 0) PW_TRY(add_item(a, e->to, frame, err));
    if (e->most < 1) return PEWTER_OK;
    /* Where the caller has nothing left to do, its caller is returned to. */
    const bool last = e->least == 1 && e->most == 1 && to->edges < 0 && to->ends >= 0;
    int32_t at = frame;
    if (!last) PW_TRY(find_frame(a, (pw_frame){.edge = edge, .parent = frame}, &at, err));
    return add_item(a, a->rules->rules[e->rule].start, at, err);
}

/* All that is reached without a byte; then only the places that can take one stay. */
static pewter_status close_set(pw_automaton *a, pewter_error *err)
{
    const pw_rules *g = a->rules;
    int32_t kept = 0;
    bool takes[PW_STATE_ITEMS];
    for (int32_t i = 0; i < a->n_set; i++) {
        const pw_item item = a->set[i];
        takes[i] = false;
        if (g->nodes[item.node].ends >= 0) PW_TRY(leave_rule(a, item.frame, err));
        for (int32_t at = g->nodes[item.node].edges; at >= 0; at = g->edges[at].next) {
            const pw_rule_edge *e = &g->edges[at];
            if (e->kind == PW_EDGE_EMPTY) PW_TRY(add_item(a, e->to, item.frame, err));
            if (e->kind == PW_EDGE_CALL) PW_TRY(call_rule(a, at, item.frame, err));
            takes[i] = takes[i] || e->kind == PW_EDGE_BYTES;
        }
    }
    for (int32_t i = 0; i < a->n_set; i++)
        if (takes[i]) a->set[kept++] = a->set[i];
    a->n_set = kept;
    return PEWTER_OK;
}

static bool before(pw_item x, pw_item y)
{
    return x.node != y.node ? x.node < y.node : x.frame < y.frame;
}

/* Shell sort: sets are small, and no qsort, it may allocate. */
static void sort_set(pw_item *items, int32_t n)
{
    for (int32_t gap = n > 8 ? n / 2 : 1; gap > 0; gap = gap > 2 ? gap * 5 / 11 : gap - 1) {
        for (int32_t i = gap; i < n; i++) {
            const pw_item item = items[i];
            int32_t at = i;
            for (; at >= gap && before(item, items[at - gap]); at -= gap)
                items[at] = items[at - gap];
            items[at] = item;
        }
    }
}

/* ---- States ---------------------------------------------------------------------------------- */

/* The state of the set, a new one where there is none yet. */
static pewter_status find_state(pw_automaton *a, int32_t *out, pewter_error *err)
{
    *out = PW_STATE_DEAD;
    if (a->n_set == 0 && !a->set_accepts) return PEWTER_OK;
    sort_set(a->set, a->n_set);
    const size_t bytes = (size_t)a->n_set * sizeof *a->set;
    const uint64_t hash = hash_items(a->set, a->n_set, a->set_accepts);
    if (!reserve_slot(a, &a->state_index)) return no_memory(err);
    const int32_t mask = a->state_index.cap - 1;
    for (int32_t slot = (int32_t)(hash & (uint64_t)mask);; slot = (slot + 1) & mask) {
        const int32_t at = a->state_index.slots[slot];
        if (at < 0) break;
        const pw_state *s = pw_state_at(a, at);
        if (s->n_items != a->n_set || s->accepts != a->set_accepts ||
            (bytes > 0 && memcmp((const pw_item *)a->items.data + s->items, a->set, bytes) != 0))
            continue;
        *out = at;
        return PEWTER_OK;
    }
    if (pw_automaton_bytes(a) > LIMIT_BYTES)
        return pw_fail(err, PEWTER_E_LIMIT, "the grammar needs more than %d MiB for its states",
                       LIMIT_BYTES >> 20);
    if (!reserve(a->alloc, &a->items, a->n_set, sizeof *a->set) ||
        !reserve(a->alloc, &a->states, 1, sizeof(pw_state)) ||
        !reserve(a->alloc, &a->steps, a->n_classes, sizeof(int32_t)))
        return no_memory(err);
    *out = a->states.count++;
    *pw_state_at(a, *out) =
        (pw_state){.items = a->items.count, .n_items = a->n_set, .accepts = a->set_accepts};
    if (bytes > 0) memcpy((pw_item *)a->items.data + a->items.count, a->set, bytes);
    a->items.count += a->n_set;
    int32_t *steps = (int32_t *)a->steps.data + a->steps.count;
    for (int32_t i = 0; i < a->n_classes; i++) steps[i] = PW_STATE_UNKNOWN;
    a->steps.count += a->n_classes;
    put(&a->state_index, hash, *out);
    return PEWTER_OK;
}

pewter_status pw_automaton_start(pw_automaton *a, int32_t *out, pewter_error *err)
{
    begin_set(a);
    PW_TRY(add_item(a, a->rules->rules[a->rules->root].start, -1, err));
    PW_TRY(close_set(a, err));
    return find_state(a, out, err);
}

pewter_status pw_automaton_step(pw_automaton *a, int32_t state, int32_t class, int32_t *out,
                                pewter_error *err)
{
    const int32_t slot = state * a->n_classes + class;
    *out = ((const int32_t *)a->steps.data)[slot];
    if (*out != PW_STATE_UNKNOWN) return PEWTER_OK;
    const pw_rules *g = a->rules;
    const uint8_t byte = a->byte_of[class];
    const pw_state s = *pw_state_at(a, state);
    begin_set(a);
    for (int32_t i = 0; i < s.n_items; i++) {
        const pw_item item = ((const pw_item *)a->items.data)[s.items + i];
        for (int32_t at = g->nodes[item.node].edges; at >= 0; at = g->edges[at].next) {
            const pw_rule_edge *e = &g->edges[at];
            if (e->kind == PW_EDGE_BYTES && byte >= e->lo && byte <= e->hi)
                PW_TRY(add_item(a, e->to, item.frame, err));
        }
    }
    PW_TRY(close_set(a, err));
    PW_TRY(find_state(a, out, err));
    ((int32_t *)a->steps.data)[slot] = *out;
    return PEWTER_OK;
}

/* ---- Life ------------------------------------------------------------------------------------ */

static void forget(pw_automaton *a)
{
    for (int32_t i = 0; i < a->states.count; i++)
        pw_free(a->alloc, pw_state_at(a, i)->mask, a->mask_bytes);
    a->n_masks = 0;
    free_list(a->alloc, &a->frames, sizeof(pw_frame));
    free_list(a->alloc, &a->items, sizeof(pw_item));
    free_list(a->alloc, &a->states, sizeof(pw_state));
    free_list(a->alloc, &a->steps, sizeof(int32_t));
    pw_free(a->alloc, a->frame_index.slots, (size_t)a->frame_index.cap * sizeof(int32_t));
    pw_free(a->alloc, a->state_index.slots, (size_t)a->state_index.cap * sizeof(int32_t));
    a->frame_index = a->state_index = (pw_index){0};
}

/* The frames of another automaton's table that its matches need, in this one: `moved` [n] says where to. Parents
 * stand before their children. */
static pewter_status move_frames(pw_automaton *to, const pw_frame *frames, int32_t n,
                                 int32_t *moved, pewter_error *err)
{
    for (int32_t i = n - 1; i >= 0; i--)
        if (moved[i] >= 0 && frames[i].parent >= 0) moved[frames[i].parent] = 0;
    for (int32_t i = 0; i < n; i++) {
        if (moved[i] < 0) continue;
        pw_frame f = frames[i];
        if (f.parent >= 0) f.parent = moved[f.parent];
        PW_TRY(find_frame(to, f, &moved[i], err));
    }
    return PEWTER_OK;
}

/* Puts the states of matches under way, which `old` holds, into the emptied automaton. */
static pewter_status move_matches(pw_automaton *a, const pw_automaton *old, int32_t *moved,
                                  pewter_error *err)
{
    memset(moved, 0xff, (size_t)old->frames.count * sizeof *moved);
    const pw_item *items = old->items.data;
    for (const pw_match *m = a->matches; m != NULL; m = m->next) {
        if (m->state < 0) continue;
        const pw_state *s = pw_state_at(old, m->state);
        for (int32_t i = 0; i < s->n_items; i++)
            if (items[s->items + i].frame >= 0) moved[items[s->items + i].frame] = 0;
    }
    PW_TRY(move_frames(a, old->frames.data, old->frames.count, moved, err));
    for (pw_match *m = a->matches; m != NULL; m = m->next) {
        if (m->state < 0) continue;
        const pw_state *s = pw_state_at(old, m->state);
        begin_set(a);
        a->set_accepts = s->accepts;
        for (int32_t i = 0; i < s->n_items; i++) {
            const pw_item item = items[s->items + i];
            PW_TRY(add_item(a, item.node, item.frame < 0 ? -1 : moved[item.frame], err));
        }
        m->state = PW_STATE_DEAD;
        PW_TRY(find_state(a, &m->state, err));
    }
    return PEWTER_OK;
}

pewter_status pw_automaton_tidy(pw_automaton *a, pewter_error *err)
{
    if (pw_automaton_bytes(a) < TIDY_BYTES) return PEWTER_OK;
    const size_t bytes = (size_t)(a->frames.count + 1) * sizeof(int32_t);
    int32_t *moved = pw_alloc(a->alloc, bytes);
    pw_automaton *old = pw_alloc(a->alloc, sizeof *old);
    pewter_status status = PEWTER_OK;
    if (moved == NULL || old == NULL) {
        status = no_memory(err);
    } else {
        *old = *a;
        a->frames = a->items = a->states = a->steps = (pw_list){0};
        a->frame_index = a->state_index = (pw_index){0};
        a->n_masks = 0;
        status = move_matches(a, old, moved, err);
        for (pw_match *m = a->matches; status != PEWTER_OK && m != NULL; m = m->next)
            m->state = PW_STATE_DEAD;
        forget(old);
    }
    pw_free(a->alloc, moved, bytes);
    pw_free(a->alloc, old, sizeof *old);
    return status;
}

/* Bytes that every edge takes together are one class. */
static void find_classes(pw_automaton *a)
{
    bool cut[257] = {true};
    for (int32_t i = 0; i < a->rules->n_edges; i++) {
        const pw_rule_edge *e = &a->rules->edges[i];
        if (e->kind != PW_EDGE_BYTES) continue;
        cut[e->lo] = true;
        cut[e->hi + 1] = true;
    }
    cut[256] = true;
    int32_t class = -1;
    for (int32_t byte = 0; byte < 256; byte++) {
        if (cut[byte]) {
            a->byte_of[++class] = (uint8_t)byte;
            a->alone[class] = cut[byte + 1];
        }
        a->class_of[byte] = (uint8_t) class;
    }
    a->n_classes = class + 1;
}

pewter_status pw_automaton_new(const pw_rules *rules, const pewter_allocator *alloc,
                               pw_automaton **out, pewter_error *err)
{
    pw_automaton *a = pw_alloc(alloc, sizeof *a);
    if (a == NULL) return no_memory(err);
    *a = (pw_automaton){.rules = rules, .alloc = alloc};
    a->seen = pw_alloc(alloc, SEEN_SLOTS * sizeof *a->seen);
    a->stamps = pw_alloc(alloc, SEEN_SLOTS * sizeof *a->stamps);
    if (a->seen == NULL || a->stamps == NULL) {
        pw_automaton_free(a);
        return no_memory(err);
    }
    memset(a->stamps, 0, SEEN_SLOTS * sizeof *a->stamps);
    find_classes(a);
    *out = a;
    return PEWTER_OK;
}

void pw_automaton_free(pw_automaton *a)
{
    if (a == NULL) return;
    const pewter_allocator *alloc = a->alloc;
    forget(a);
    pw_free(alloc, a->seen, SEEN_SLOTS * sizeof *a->seen);
    pw_free(alloc, a->stamps, SEEN_SLOTS * sizeof *a->stamps);
    pw_free(alloc, a, sizeof *a);
}
