#include "common.glsl"
#include "kv.glsl"
// softmax(scale q K^T) V of one row of the batch and one query head: a workgroup. Keys are taken a page at a time from
// the first that is seen on, so that the bits do not depend on how a prompt was cut. Milakov and Gimelshein 2018.
layout(local_size_x = 64) in;

shared float q[256], weight[64], reduced[64];

float reduce(float mine, bool largest)
{
    const uint lane = gl_LocalInvocationID.x;
    barrier();
    reduced[lane] = mine;
    barrier();
    for (uint width = 32; width > 0; width /= 2) {
        if (lane < width) {
            const float other = reduced[lane + width];
            reduced[lane] = largest ? max(reduced[lane], other) : reduced[lane] + other;
        }
        barrier();
    }
    return reduced[0];
}

void main()
{
    const uint row = gl_WorkGroupID.x / a.heads, head = gl_WorkGroupID.x % a.heads;
    const uint lane = gl_LocalInvocationID.x, d = a.head_dim, kv_head = head / (a.heads / a.kv_heads);
    Words rows = Words(a.rows), pages = Words(a.pages);
    const uint pos = rows.at[2 * row], first_page = rows.at[2 * row + 1];
    const uint first = a.window > 0 && pos >= a.window ? pos - a.window + 1 : 0;
    Floats from = Floats(row_of(a.src[0], gl_WorkGroupID.x));
    for (uint i = lane; i < d; i += 64) q[i] = from.at[i] * a.scale;
    barrier();

    float largest = -1.0e30, sum = 0.0;
    vec2 answer[2] = vec2[2](vec2(0.0), vec2(0.0)); // values 2 (lane + 64 j) and the next
    for (uint page = first / PAGE; page <= pos / PAGE; page++) {
        const uint number = pages.at[first_page + page], key = page * PAGE + lane;
        const bool seen = key >= first && key <= pos;
        float score = -1.0e30;
        if (seen) {
            Words k = Words(slot_of(a.src[1].data, number, lane, kv_head, false));
            precise float dot_product = 0.0;
            for (uint i = 0; i < d / 2; i++) {
                const vec2 pair = pair_of(k, i);
                dot_product = fma(q[2 * i + 1], pair.y, fma(q[2 * i], pair.x, dot_product));
            }
            score = dot_product;
        }
        const float before = largest;
        largest = max(before, reduce(score, true));
        const float mine = seen ? exponential(score - largest) : 0.0, factor = exponential(before - largest);
        weight[lane] = mine;
        sum = fma(sum, factor, reduce(mine, false));
        answer[0] *= factor;
        answer[1] *= factor;
        const uint begin = max(first, page * PAGE) - page * PAGE, end = min(pos + 1 - page * PAGE, PAGE);
        for (uint slot = begin; slot < end; slot++) {
            Words v = Words(slot_of(a.src[1].data, number, slot, kv_head, true));
            for (uint j = 0; j < 2; j++) {
                const uint i = lane + 64 * j;
                if (i < d / 2) answer[j] = fma(vec2(weight[slot]), pair_of(v, i), answer[j]);
            }
        }
    }
    Result y = Result(row_of(a.dst, gl_WorkGroupID.x));
    for (uint j = 0; j < 2; j++) {
        const uint i = lane + 64 * j;
        if (i >= d / 2) continue;
        y.at[2 * i] = answer[j].x / sum;
        y.at[2 * i + 1] = answer[j].y / sum;
    }
}
