/* The inside of an automaton, for match.c and automaton.c alone. */
#ifndef PW_RUNTIME_GRAMMAR_AUTOMATON_H
#define PW_RUNTIME_GRAMMAR_AUTOMATON_H

#include "runtime/grammar/match.h"

enum {
    PW_STATE_DEAD = -1,
    PW_STATE_UNKNOWN = -2,
    PW_STATE_ITEMS = 2048, /* places in one state at most */
};

/* What a call returns to. Equal frames are one. */
typedef struct pw_frame {
    int32_t edge;   /* the call */
    int32_t count;  /* how often its rule was over before */
    int32_t parent; /* frame; -1: the grammar's root */
} pw_frame;

/* A place in the rules. */
typedef struct pw_item {
    int32_t node, frame;
} pw_item;

typedef struct pw_state {
    int32_t items, n_items; /* into the list of all items */
    uint32_t *mask;         /* NULL: not made */
    bool accepts;
} pw_state;

/* A list that grows. */
typedef struct pw_list {
    void *data;
    int32_t count, cap;
} pw_list;

/* Open addressing; what equal means is the caller's business. -1: free. */
typedef struct pw_index {
    int32_t *slots;
    int32_t cap, used;
} pw_index;

struct pw_automaton {
    const pw_rules *rules;
    const pewter_allocator *alloc;
    uint8_t class_of[256]; /* bytes that no edge tells apart */
    uint8_t byte_of[256];  /* one byte of a class */
    bool alone[256];       /* the class has one byte */
    int32_t n_classes;
    pw_list frames, items, states,
        steps; /* pw_frame, pw_item, pw_state, int32_t [states][classes] */
    pw_index frame_index, state_index;
    int32_t *seen; /* [SEEN_SLOTS]: index of the set under way, by item; stamped */
    uint32_t *stamps, stamp;
    pw_item set[PW_STATE_ITEMS];
    int32_t n_set;
    bool set_accepts;
    size_t mask_bytes, n_masks;
    pw_match *matches;
};

/* The state behind `state` by a byte of class `class`. */
PW_MUST pewter_status pw_automaton_step(pw_automaton *a, int32_t state, int32_t class, int32_t *out,
                                        pewter_error *err);

/* The state in front of everything. */
PW_MUST pewter_status pw_automaton_start(pw_automaton *a, int32_t *out, pewter_error *err);

/* Forgets all states but those of matches under way, where they have become too many. */
PW_MUST pewter_status pw_automaton_tidy(pw_automaton *a, pewter_error *err);

static inline pw_state *pw_state_at(const pw_automaton *a, int32_t state)
{
    return (pw_state *)a->states.data + state;
}

#endif
