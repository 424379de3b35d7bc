#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/model/write.h"

static void set_text(json_t *r, const char *key, const char *value)
{
    json_object_set_new(r, key, json_string(value != NULL ? value : ""));
}

static void set_int(json_t *r, const char *key, int64_t value)
{
    json_object_set_new(r, key, json_integer(value));
}

static void set_real(json_t *r, const char *key, double value, bool known)
{
    json_object_set_new(r, key, known ? json_real(value) : json_null());
}

static void set_bool(json_t *r, const char *key, bool value)
{
    json_object_set_new(r, key, json_boolean(value));
}

/* The fields of llama-bench (llama-cpp-python 0.3.36) that say what ran. Those that mean nothing here
 * have the value that it gives them on a CPU. */
static void set_setting(json_t *r, const record_model *m)
{
    char type[64];
    snprintf(type, sizeof type, "%.31s %.15s", m->info.architecture, m->info.weights);
    set_text(r, "build_commit", json_string_value(json_object_get(m->card, "commit")));
    set_int(r, "build_number", 0);
    set_text(r, "cpu_info", json_string_value(json_object_get(m->card, "cpu")));
    const bool cpu = strcmp(m->device.backend, "cpu") == 0;
    set_text(r, "gpu_info", cpu ? "" : m->device.detail);
    set_text(r, "backends", cpu ? "CPU" : m->device.backend);
    set_text(r, "model_filename", m->path);
    set_text(r, "model_type", type);
    set_int(r, "model_size", (int64_t)m->info.file_bytes);
    set_int(r, "model_n_params", (int64_t)m->info.parameters);
    set_int(r, "n_batch", m->batch);
    set_int(r, "n_ubatch", m->batch);
    set_int(r, "n_threads", m->threads);
    set_text(r, "cpu_mask", "0x0");
    set_bool(r, "cpu_strict", false);
    set_int(r, "poll", 50);
    set_text(r, "type_k", m->kv);
    set_text(r, "type_v", m->kv);
    set_int(r, "n_gpu_layers", 0);
    set_int(r, "n_cpu_moe", 0);
    set_text(r, "split_mode", "none");
    set_int(r, "main_gpu", 0);
    set_bool(r, "no_kv_offload", false);
    set_int(r, "flash_attn", 1);
    set_text(r, "devices", "auto");
    set_text(r, "tensor_split", "0.00");
    set_text(r, "tensor_buft_overrides", "none");
    set_text(r, "load_mode", "mmap");
    set_text(r, "lazy_mode", "none");
    set_bool(r, "embeddings", false);
    set_int(r, "no_op_offload", 0);
    set_bool(r, "no_host", false);
    set_bool(r, "repack", true);
    set_int(r, "fit_target", 0);
    set_int(r, "fit_min_ctx", 0);
}

static void set_figures(json_t *r, const test_what *w, const test_result *t)
{
    char date[32] = "";
    const time_t now = time(NULL);
    struct tm utc;
    double ns[TEST_MOST_REPEATS];
    memcpy(ns, t->ns, sizeof ns);
    const stats times = stats_of(ns, (size_t)t->n);
    if (gmtime_r(&now, &utc) != NULL) strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    set_int(r, "n_prompt", w->prompt);
    set_int(r, "n_gen", w->gen);
    set_int(r, "n_depth", w->depth);
    set_text(r, "test_time", date);
    set_int(r, "avg_ns", (int64_t)times.mean);
    set_int(r, "stddev_ns", (int64_t)times.deviation);
    set_real(r, "avg_ts", t->speed.mean, true);
    set_real(r, "stddev_ts", t->speed.deviation, true);
}

/* What llama-bench does not have. */
static void set_ours(json_t *r, const record_model *m, const test_what *w, const test_result *t,
                     const record_kl *kl)
{
    char hash[24];
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)t->hash);
    const double seconds = t->n > 0 ? test_tokens(w) / t->speed.median : 1.0;
    const bool share = t->share.n > 0 && t->share.median > 0.0;
    json_object_set_new(r, "cpu_features",
                        m->cpu_features != NULL ? json_string(m->cpu_features) : json_null());
    set_int(r, "n_sequences", w->sequences);
    set_real(r, "median_ts", t->speed.median, true);
    set_real(r, "low_ts", t->speed.low, true);
    set_real(r, "high_ts", t->speed.high, true);
    set_real(r, "ttft_ns", t->first_ns, t->first_ns > 0.0);
    set_real(r, "itl_p50_ns", t->gap_p50, t->gap_p50 > 0.0);
    set_real(r, "itl_p90_ns", t->gap_p90, t->gap_p50 > 0.0);
    set_real(r, "itl_p99_ns", t->gap_p99, t->gap_p50 > 0.0);
    set_real(r, "itl_max_ns", t->gap_max, t->gap_p50 > 0.0);
    set_real(r, "gops", t->sum.operations / seconds * 1e-9, true);
    set_real(r, "gbs", t->sum.bytes / seconds * 1e-9, true);
    set_real(r, "bytes_per_token", t->sum.bytes / test_tokens(w), true);
    set_real(r, "share_roofline", t->share.median, share);
    set_real(r, "share_low", t->share.low, share);
    set_real(r, "share_high", t->share.high, share);
    set_real(r, "memory_gbs", t->memory.median * 1e-9, t->memory.n > 0);
    set_real(r, "memory_low_gbs", t->memory.low * 1e-9, t->memory.n > 0);
    set_real(r, "memory_high_gbs", t->memory.high * 1e-9, t->memory.n > 0);
    set_bool(r, "unreliable", share && t->share.median > 1.05);
    json_object_set_new(r, "output_hash", w->gen > 0 ? json_string(hash) : json_null());
    set_real(r, "kl_mean", kl->mean, kl->n > 0);
    set_real(r, "kl_max", kl->most, kl->n > 0);
    set_real(r, "kl_same_top", kl->same_top, kl->n > 0);
    set_real(r, "joules_per_token", t->joules, t->joules >= 0.0);
    set_real(r, "load_others", t->load.others, t->load.others >= 0.0);
    set_real(r, "load_stolen", t->load.stolen, t->load.stolen >= 0.0);
    set_bool(r, "busy", 100.0 * (t->load.others + t->load.stolen) > LOAD_LIMIT_PERCENT);
}

static void set_rivals(json_t *r, const test_bed *bed, const test_result *t)
{
    json_t *list = json_array();
    for (size_t i = 0; i < bed->n_rivals; i++) {
        const test_rival_result *v = &t->rivals[i];
        json_t *one =
            json_pack("{s:s, s:s}", "name", bed->rivals[i].name, "version", bed->rivals[i].version);
        set_real(one, "median_ts", v->speed.median, v->speed.n > 0);
        set_real(one, "ratio", v->ratio.median, v->ratio.n > 0);
        set_real(one, "ratio_low", v->ratio.low, v->ratio.n > 0);
        set_real(one, "ratio_high", v->ratio.high, v->ratio.n > 0);
        if (v->error[0] != 0) set_text(one, "error", v->error);
        json_array_append_new(list, one);
    }
    json_object_set_new(r, "rivals", list);
}

json_t *record_of(const record_model *model, const test_what *what, const test_bed *bed,
                  const test_result *result, const record_kl *kl)
{
    json_t *r = json_object();
    if (r == NULL) return NULL;
    set_setting(r, model);
    set_figures(r, what, result);
    set_ours(r, model, what, result, kl);
    set_rivals(r, bed, result);
    json_t *ns = json_array(), *ts = json_array();
    for (int i = 0; i < result->n; i++) {
        json_array_append_new(ns, json_integer((json_int_t)result->ns[i]));
        json_array_append_new(ts, json_real(result->speeds[i]));
    }
    json_object_set_new(r, "samples_ns", ns);
    json_object_set_new(r, "samples_ts", ts);
    if (result->profile != NULL) json_object_set(r, "profile", result->profile);
    return r;
}
