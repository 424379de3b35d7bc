/* Fusing: what a matmul can do on the way out, and activations made in the format that is read. */
#include <string.h>

#include "pw/status.h"
#include "scheduler/lower.h"

/* ---- Who reads a value ------------------------------------------------------------------------ */

/* Whether the host reads `value`: then it must be made, and in f32. */
static bool is_logits(const pw_lowering *low, int32_t value)
{
    return low->values[value].graph_value == low->graph->logits;
}

/* The only item that reads `value`, -1 where there are none or several, or the host does. */
static int32_t only_reader(const pw_lowering *low, int32_t value)
{
    int32_t reader = -1;
    if (is_logits(low, value)) return -1;
    for (int32_t i = 0; i < low->n_items; i++) {
        if (low->items[i].gone) continue;
        for (int s = 0; s < PW_MAX_SRC; s++) {
            if (low->items[i].src[s] != value) continue;
            if (reader >= 0) return -1;
            reader = i;
        }
    }
    return reader;
}

static bool is_weight(const pw_lowering *low, int32_t value)
{
    return low->graph->values[low->values[value].graph_value].role == PW_ROLE_WEIGHT;
}

/* ---- Epilogues -------------------------------------------------------------------------------- */

/* Whether `fused` has a row no worse than the matmul alone; picks it if so. */
static bool worth_it(pw_lowering *low, pw_item *fused, const pw_item *alone)
{
    if (pw_lower_pick(low, fused, NULL) != PEWTER_OK) return false;
    return fused->kernel->rank >= alone->kernel->rank && fused->kernel->act == alone->kernel->act;
}

/* act(gate) up, where `first` makes one of the two and another matmul of the same input the other. */
static bool fuse_glu(pw_lowering *low, const pw_item *first, pw_item *glu)
{
    const int32_t gate = low->values[glu->src[0]].maker, up = low->values[glu->src[1]].maker;
    if (gate < 0 || up < 0 || gate == up) return false;
    pw_item *g = &low->items[gate], *u = &low->items[up];
    if ((g != first && u != first) || g->op != PW_OP_MATMUL || u->op != PW_OP_MATMUL) return false;
    if (g->src[1] != u->src[1] || g->params.epilogues != 0 || u->params.epilogues != 0)
        return false;
    if (only_reader(low, g->dst) < 0 || only_reader(low, u->dst) < 0) return false;
    const pw_value *wg = &low->graph->values[low->values[g->src[0]].graph_value];
    const pw_value *wu = &low->graph->values[low->values[u->src[0]].graph_value];
    if (wg->dtype != wu->dtype || wg->n[0] != wu->n[0] || wg->n[1] != wu->n[1]) return false;

    pw_item fused = *g;
    fused.dst = glu->dst;
    fused.src[2] = u->src[0];
    fused.params.epilogues = PW_EPILOGUE_GLU;
    fused.name = "ffn_gate_up";
    if (!worth_it(low, &fused, g)) return false;
    g->gone = u->gone = true;
    *glu = fused;
    return true;
}

static bool fuse_add(pw_lowering *low, pw_item *matmul, pw_item *add)
{
    const int32_t other = add->src[0] == matmul->dst ? add->src[1] : add->src[0];
    if (other == matmul->dst) return false;
    const bool bias = is_weight(low, other);
    if (bias && (matmul->params.epilogues & (PW_EPILOGUE_BIAS | PW_EPILOGUE_ADD)) != 0)
        return false;
    if (!bias && (matmul->params.epilogues & PW_EPILOGUE_ADD) != 0) return false;

    pw_item fused = *matmul;
    fused.dst = add->dst;
    fused.src[bias ? 3 : 4] = other;
    fused.params.epilogues |= bias ? PW_EPILOGUE_BIAS : PW_EPILOGUE_ADD;
    if (!worth_it(low, &fused, matmul)) return false;
    matmul->gone = true;
    *add = fused;
    return true;
}

static void fuse_epilogues(pw_lowering *low)
{
    for (int32_t i = 0; i < low->n_items; i++) {
        pw_item *item = &low->items[i];
        if (item->gone || item->op != PW_OP_MATMUL) continue;
        const int32_t reader = only_reader(low, item->dst);
        if (reader < 0) continue;
        pw_item *next = &low->items[reader];
        if (next->device != item->device) continue;
        const bool fused = next->op == PW_OP_GLU   ? fuse_glu(low, item, next)
                           : next->op == PW_OP_ADD ? fuse_add(low, item, next)
                                                   : false;
        if (fused) low->values[next->dst].maker = reader;
    }
}

/* ---- Activation formats ----------------------------------------------------------------------- */

/* The format that a matmul wants its input in; F32 where it takes it as it is. */
static pw_dtype wanted(const pw_lowering *low, const pw_item *item)
{
    if (item->gone || item->op != PW_OP_MATMUL) return PW_F32;
    return low->values[item->src[1]].dtype == PW_F32 ? item->kernel->act : PW_F32;
}

/* Whether every reader of `value` is a matmul on `device` that wants `act`. */
static bool all_want(const pw_lowering *low, int32_t value, int32_t device, pw_dtype act)
{
    if (is_logits(low, value)) return false;
    for (int32_t i = 0; i < low->n_items; i++) {
        const pw_item *item = &low->items[i];
        if (item->gone) continue;
        for (int s = 0; s < PW_MAX_SRC; s++) {
            if (item->src[s] != value) continue;
            if (s != 1 || item->device != device || wanted(low, item) != act) return false;
        }
    }
    return true;
}

/* Lets every matmul from item `from` on, on that device, that wants `value` in `act` read `made`. */
static void redirect(pw_lowering *low, int32_t from, int32_t value, int32_t device, pw_dtype act,
                     int32_t made)
{
    for (int32_t i = from; i < low->n_items; i++) {
        pw_item *item = &low->items[i];
        if (item->device == device && item->op == PW_OP_MATMUL && item->src[1] == value &&
            wanted(low, item) == act)
            item->src[1] = made;
    }
}

/* Whether the maker of a value writes it in `act` itself from now on. */
static bool make_directly(pw_lowering *low, int32_t value, int32_t device, int32_t made)
{
    const int32_t maker = low->values[value].maker;
    const pw_dtype act = low->values[made].dtype;
    if (maker < 0 || low->items[maker].device != device || !all_want(low, value, device, act))
        return false;
    pw_item direct = low->items[maker];
    direct.dst = made;
    if (pw_lower_pick(low, &direct, NULL) != PEWTER_OK) return false;
    const pw_kernel *before = low->items[maker].kernel;
    if (direct.kernel->rank < before->rank || direct.kernel->kv != before->kv) return false;
    low->items[maker] = direct;
    low->values[made].maker = maker;
    return true;
}

/* Opens a place for an item before number `at`. */
static void make_room(pw_lowering *low, int32_t at)
{
    memmove(&low->items[at + 1], &low->items[at], (size_t)(low->n_items - at) * sizeof *low->items);
    low->n_items++;
    for (int32_t v = 0; v < low->n_values; v++)
        if (low->values[v].maker >= at) low->values[v].maker++;
}

static pewter_status convert(pw_lowering *low, int32_t *at, pw_dtype act, pewter_error *err)
{
    const int32_t value = low->items[*at].src[1], device = low->items[*at].device;
    if (low->n_values == low->cap_values || low->n_items == low->cap_items)
        return pw_fail(err, PEWTER_E_MEMORY, "the plan has no room for its casts");
    const int32_t made = low->n_values++;
    low->values[made] = low->values[value];
    low->values[made].dtype = act;
    if (make_directly(low, value, device, made)) {
        redirect(low, *at, value, device, act, made);
        return PEWTER_OK;
    }

    redirect(low, *at, value, device, act, made);
    pw_item cast = {.op = PW_OP_CAST,
                    .layer = low->items[*at].layer,
                    .device = device,
                    .dst = made,
                    .src = {value, -1, -1, -1, -1},
                    .name = "cast"};
    make_room(low, *at);
    low->values[made].maker = *at;
    low->items[*at] = cast;
    ++*at;
    return pw_lower_pick(low, &low->items[*at - 1], err);
}

pewter_status pw_fuse(pw_lowering *low, pewter_error *err)
{
    fuse_epilogues(low);
    for (int32_t i = 0; i < low->n_items; i++) {
        const pw_dtype act = wanted(low, &low->items[i]);
        if (act != PW_F32) PW_TRY(convert(low, &i, act, err));
    }
    return PEWTER_OK;
}
