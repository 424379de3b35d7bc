#!/bin/bash
# pewter bench: its forms, sweeps, checks and refusals. Times are looked at for their shape only.
# shellcheck source=tests/e2e/command.bash
. "$(dirname "$0")/command.bash"
set -m # background jobs must not ignore SIGINT
make_model
export PEWTER_BENCH_DIR=$room/kept XDG_CACHE_HOME=$room/cache
small=(-p 16 -n 4 -r 2)

fine "bench" '^\| model +\| +size' '\| llama Q8_0 .*\| +pp16 \|' '\| +tg4 \|' -- bench model.gguf "${small[@]}"
says "$(($(find kept -name 'models-*.jsonl' | wc -l) != 1))" "a run leaves one file of results"
is_json "$(echo kept/models-*.jsonl)"
says $? "each line that is kept is JSON"
LC_ALL=C grep -q '^{"card":{' kept/models-*.jsonl
says $? "results that are kept begin with the machine"
json "bench -o jsonl" '"build_commit":".*"n_prompt":16,"n_gen":0,"n_depth":0' '"avg_ts":' '"samples_ns":\[[0-9]+,[0-9]+\]' \
    '"share_roofline":[0-9]' '"itl_p99_ns":[0-9]' '"output_hash":"[0-9a-f]{16}"' -- bench model.gguf "${small[@]}" -o jsonl
hash=$(member output_hash)
pw bench model.gguf -p 0 -n 4 -r 1 -t 1 -o jsonl
[ -n "$hash" ] && [ "$(member output_hash)" = "$hash" ]
says $? "the same tokens whatever the threads"
pw bench model.gguf "${small[@]}" --json
is_json out whole
says $? "bench --json is one value"
pw bench model.gguf "${small[@]}" -o csv
[ "$(wc -l <out)" -eq 3 ] && [ "$(head -n 1 out | tr ',' '\n' | grep -c .)" -gt 60 ]
says $? "bench -o csv: a head and a line a test"
pw bench model.gguf "${small[@]}" -o sql
grep -q '^CREATE TABLE IF NOT EXISTS llama_bench (' out && [ "$(grep -c '^INSERT INTO llama_bench' out)" -eq 2 ]
says $? "bench -o sql: a table and a line a test"
if command -v sqlite3 >/dev/null; then
    sqlite3 a.db <out && [ "$(sqlite3 a.db 'select count(*) from llama_bench where avg_ts > 0')" = 2 ]
    says $? "sqlite3 takes what -o sql writes"
else
    skip "what sqlite3 makes of -o sql: it is not there"
fi

# ---- Sweeps, both at once, depth -----------------------------------------------------------------
pw bench model.gguf -p 8-32*2 -n 0 -d 0,16 -b 8,32 -r 1 -o jsonl --no-warmup
[ "$(wc -l <out)" -eq 12 ] && [ "$(grep -c '"n_depth":16' out)" -eq 6 ] && [ "$(grep -c '"n_batch":8,' out)" -eq 6 ]
says $? "ranges, depths and batches are combined"
fine "bench -pg" '\| +pp8\+tg2 @ d16 \|' -- bench model.gguf -p 0 -n 0 -pg 8,2 -d 16 -r 1
fine "bench -np" '\| +tg4 \|' '\| +tg4 x3 \|' -- bench model.gguf -p 0 -n 4 -np 1,3 -r 1
pw bench model.gguf -p 0 -n 4 -np 1,3 -r 1 -o jsonl --no-save
[ "$(grep -o '"output_hash":"[^"]*"' out | sort -u | wc -l)" -eq 1 ] && grep -q '"n_sequences":3,' out
says $? "bench -np: sequences together have the tokens of one alone"
fine "bench -np above -b" '\| +tg4 x4 \|' -- bench model.gguf -p 0 -n 4 -np 4 -b 2 -r 1 --no-save
fine "bench -pg -np" '\| +pp40\+tg3 @ d16 x4 \|' -- bench model.gguf -p 0 -n 0 -pg 40,3 -d 16 -np 4 -b 16 -r 2 --no-save
fine "bench -o full" '\| t/s \|? *|% of limits \| +memory GB/s \| others' ' tg2 \| +[0-9.]+ \[[0-9.]+-[0-9.]+\] ' -- bench model.gguf -p 0 -n 2 -r 1 --kl 4 -o full --no-save
[ "$(grep -c '^|' out)" -eq 3 ] && grep -q 'KL exact' out
says $? "divergence has a column where it was measured"
fine "bench --kv" '"type_k":"f32"' '"type_k":"q8_0"' -- bench model.gguf -p 8 -n 0 -r 1 --kv f32,q8_0 -o jsonl
fine "bench --cpu-features" '"cpu_features":"scalar"' -- bench model.gguf -p 8 -n 0 -r 1 --cpu-features scalar -o jsonl --no-save
fine "bench --cpu-features, a column" '\| features' '\| scalar ' -- bench model.gguf -p 8 -n 0 -r 1 --cpu-features scalar --no-save
fine "bench, all features" '"cpu_features":null' -- bench model.gguf -p 8 -n 0 -r 1 -o jsonl --no-save
json "bench --kl" '"kl_mean":[0-9.e-]+,"kl_max":[0-9.e-]+,"kl_same_top":[01]' -- bench model.gguf -p 8 -n 0 -r 1 --kl 16 -o jsonl
json "bench --exact --kl" '"kl_mean":0.0,"kl_max":0.0,"kl_same_top":1' -- bench model.gguf -p 8 -n 0 -r 1 --kl 16 --exact --kv f32 -o jsonl

# ---- Profile and energy --------------------------------------------------------------------------
pw bench model.gguf -p 0 -n 4 -r 1 -o none --trace trace.json
grep -qE '^ffn_down +matmul_.* [0-9.]+%' err && grep -qE '^all .*100.0%' err && is_json trace.json whole
says $? "a profile on standard error, and a trace"
rapl=sys/class/powercap/intel-rapl:0
mkdir -p "machine/$rapl" machine/proc && echo 5 >"machine/$rapl/energy_uj" && echo 9 >"machine/$rapl/max_energy_range_uj"
PEWTER_SYS_ROOT=$room/machine pw bench model.gguf -p 8 -n 0 -r 1 -o jsonl --energy
[ "$status" -eq 0 ] && grep -q '"joules_per_token":0.0' out
says $? "energy from a counter that can be read"
PEWTER_SYS_ROOT=$room refused 1 "energy counter" bench model.gguf --energy

# ---- Report --------------------------------------------------------------------------------------
pw bench --report page.html
[ "$status" -eq 0 ] && grep -q 'files of results from' err && grep -q '<title>Pewter: measured' page.html && grep -q '"n_prompt":16' page.html
says $? "a page of what was kept"
refused 1 "/nonexistent/page.html cannot be written" bench --report /nonexistent/page.html

# ---- Refusals ------------------------------------------------------------------------------------
refused 1 "no-such.gguf: No such file" bench no-such.gguf --no-save
refused 2 "--rival: llama.cpp, llama.cpp-avx2, ik_llama.cpp, openvino wanted, found 'x'" bench model.gguf --rival x
PEWTER_RIVALS=$room/none refused 1 "llama.cpp is not set up .*make rivals" bench model.gguf --rival llama.cpp "${small[@]}"
refused 2 "-p: numbers such as .* found '1-'" bench model.gguf -p 1-
refused 2 "-p: numbers" bench model.gguf -p 4-8*1
refused 2 "-p: numbers" bench model.gguf -p 8-4
refused 2 "-p: at most 32 of them" bench model.gguf -p 1-33
refused 2 "-np: 1 to 64 wanted, found 65" bench model.gguf -np 65
refused 2 "-np: numbers" bench model.gguf -np 0
refused 2 "mmx" bench model.gguf --cpu-features mmx
refused 2 "--kv: at most 8 of them" bench model.gguf --kv f32,f32,f32,f32,f32,f32,f32,f32,f32
refused 2 "--rival: at most" bench model.gguf --rival "$(yes llama.cpp | head -n 9 | paste -sd,)"
refused 2 "-b: numbers" bench model.gguf -b 0
refused 2 "-pg: two numbers" bench model.gguf -pg 5
refused 2 "-o: md, full, csv" bench model.gguf -o xml
refused 2 "nothing to measure: -p, -n" bench model.gguf -p 0 -n 0
refused 2 "-r: 1 to" bench model.gguf -r 0
refused 2 "kv: auto|--kv" bench model.gguf --kv ''
refused 2 "" bench
PEWTER_BENCH_DIR=/proc/none pw bench model.gguf -p 8 -n 0 -r 1
[ "$status" -eq 0 ] && grep -q 'results are not kept' err
says $? "a folder that cannot be written is told, and the bench goes on"

# ---- A rival: a peer that answers lines ----------------------------------------------------------
mkdir -p rivals/bin
cat >rivals/bin/llama.cpp-peer <<'PEER'
#!/bin/sh
echo '{"name":"llama.cpp","version":"1"}'
while read -r line; do
    case $line in
    *logits*) printf '{"logits":[%s]}\n' "$(yes 0 | head -n 512 | paste -sd,)" ;;
    *) echo '{"prompt_ns":1000000,"gen_ns":2000000,"gaps_ns":[]}' ;;
    esac
done
PEER
chmod +x rivals/bin/llama.cpp-peer
PEWTER_RIVALS=$room/rivals pw bench model.gguf -p 8 -n 0 -r 3 --rival llama.cpp -o jsonl
[ "$status" -eq 1 ] && grep -q 'computes something else' err && grep -q '"ratio":null' out
says $? "a rival with other results is told, and not timed"

# ---- Ctrl-C keeps what was measured --------------------------------------------------------------
rm -rf kept
"$pewter" bench model.gguf -p 16 -n 100 -r 200 -d 0,16,32,64,128,256 -o jsonl >out 2>err &
child=$!
wait_for 30 grep -q n_prompt out
kill -INT "$child"
wait "$child"
[ $? -eq 130 ] && is_json out && [ "$(grep -c n_prompt kept/models-*.jsonl)" -ge 1 ]
says $? "Ctrl-C ends the bench, and what was measured is kept"
finish
