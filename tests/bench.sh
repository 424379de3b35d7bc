#!/bin/bash
# pewter-bench as a user runs it: results, JSON, refusals, the gate's questions. No time is judged.
set -u
cd "$(dirname "$0")/.." || exit 1
bench=$PWD/${B:-build/release}/pewter-bench
tree=$PWD
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
cd "$room" || exit 1
export XDG_CACHE_HOME=$room/cache PEWTER_BENCH_DIR=$room/kept
passed=0 failed=0

says() { # says STATUS WHAT: counts
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAIL %s\n' "$2"
        head -n 10 out err 2>/dev/null | cut -c 1-200 | sed 's/^/     /'
    fi
}

run() { # run ARGUMENT...: into out and err; its exit status is in $status
    timeout -k 5 120 "$bench" "$@" >out 2>err </dev/null
    status=$?
}

quick=(--benchmark_min_time=0.01 --no-rivals)
run --benchmark_filter='add_f32_.*/k576_n1/threads:1' "${quick[@]}"
[ "$status" -eq 0 ] && grep -qE '^add_f32_ref/k576_n1/threads:1 +[0-9.]+ ' out && grep -q 'benchmarks, about' err
says $? "a filter chooses among all cases"
[ "$(find kept -name 'kernels-*.json' | wc -l)" -eq 1 ] && grep -q '"commit": ' kept/*.json && grep -q '"card": ' kept/*.json &&
    grep -q '"limits": ' kept/*.json && grep -q '"share": ' kept/*.json
says $? "results are kept with machine, commit and limits"
run --benchmark_filter='launch_cpu0|copy_to_cpu0/4KiB' "${quick[@]}" --benchmark_out=own.json --benchmark_format=json
[ "$status" -eq 0 ] && grep -q '"name": "launch_cpu0/threads:1"' own.json && grep -q '"name": "launch_cpu0' out && [ "$(head -c 1 out)" = "{" ]
says $? "Google Benchmark's own options work"
(trap '' XFSZ && ulimit -f 1 && run --benchmark_filter='launch_cpu0' "${quick[@]}" --benchmark_out=full.json
    [ "$status" -eq 1 ]) && grep -q 'results in full.json are not whole' err
says $? "results that a full disk lost are missed"
run --benchmark_filter='matmul_any_ref/.*_n1/threads:1' "${quick[@]}" --benchmark_repetitions=3 --no-save
[ "$status" -eq 0 ] && grep -q '_median' out
says $? "repetitions are aggregated"
run --limits --json
[ "$status" -eq 0 ] && grep -q '"name": "read_memory"' out
says $? "the limits as JSON"
run --limits
grep -qE '^f32 +1 +- +[0-9.]+ \[' out
says $? "the limits as a table"
run --class
grep -qE '^[a-z0-9.-]+$' out
says $? "a class of machines"

# Of two cases one is measured: its lower bound stays, its higher one falls; the other is as it was.
share_of() { # share_of CASE: in bounds.json
    grep -A 1 "\"$1\": {" bounds.json | sed -n 's/.*"share": \([0-9.e+-]*\).*/\1/p'
}
printf '{"class":"%s","rivals":{},"cases":{"embed_any_ref/k2048_n1":{"share":9.5,"vs":{"blis":0.25}},
    "embed_any_ref/k2048_n512":{"share":0.0005}}}' "$("$bench" --class)" >bounds.json
run --agree bounds.json --no-rivals --only embed_any_ref/k2048_n1
[ "$status" -eq 0 ] && [ "$(share_of embed_any_ref/k2048_n512)" = 0.0005 ] && grep -q '"blis": 0.25' bounds.json &&
    share_of embed_any_ref/k2048_n1 | grep -qE '^[0-8](\.|$)'
says $? "bounds that are agreed again are the lower ones"
run --agree bounds.json --no-rivals --only embed_any_ref/k2048_n512
[ "$status" -eq 0 ] && [ "$(share_of embed_any_ref/k2048_n512)" = 0.0005 ]
says $? "a bound that is lower than what was measured stays"
echo '{"class":"another","cases":{}}' >bounds.json
run --agree bounds.json --no-rivals --only embed_any_ref/k2048_n1
[ "$status" -eq 2 ] && grep -q 'bounds.json: is of the class another, this machine is ' err && grep -q another bounds.json
says $? "bounds of another class of machines are refused"
echo '{"class":' >bounds.json
run --agree bounds.json --no-rivals --only embed_any_ref/k2048_n1
[ "$status" -eq 2 ] && grep -q 'pewter-bench: bounds.json: ' err
says $? "bounds that are no JSON are refused"

run --benchmark_filter='add_f32_.*/k576_n1/threads:1' "${quick[@]}" --no-save --markdown --slices 7
[ "$status" -eq 0 ] && grep -qE '^\| add_f32_ref/k576_n1/threads:1 +\|( +[-0-9.]+( cached| \[[0-9.]+-[0-9.]+\])? \|){7}$' out
says $? "a table in Markdown, with intervals"
run --card --no-rivals
[ "$status" -eq 0 ] && grep -q '^- cpu: ' out && grep -q '^- compiler: ' out
says $? "the machine's card"
run --all-rivals --rivals "$room/none"
[ "$status" -eq 1 ] && grep -qE 'pewter-bench: (a rival is missing: ggml|no rival is set up: make rivals)' err
says $? "a rival that is missing is named"
PEWTER_RIVALS=$room/none B=$(dirname "$bench") "$tree/bench/full.sh" "$room/full.md" >out 2>err
[ $? -eq 1 ] && [ ! -e full.md ] && grep -q 'not every rival is set up, missing: llama.cpp llama.cpp-avx2 openvino' err
says $? "results are published beside every rival, or not at all"
"$tree/bench/full.sh" --publsh >out 2>err
[ $? -eq 2 ] && grep -q "wanted, found '--publsh" err && [ ! -e "$tree/--publsh" ]
says $? "an option of the full results that is not known is refused"
"$tree/bench/full.sh" --help >out 2>err && grep -q 'bench/full.sh --publish' out && grep -q '^MODELS' out
says $? "the full results explain their options"

run --slices 0
[ "$status" -eq 2 ] && grep -q 'slices: 1 to 200 wanted' err
says $? "slices that are none are refused"
run --benchmark_filter=no_such_kernel "${quick[@]}"
[ "$status" -ne 0 ] && [ "$(wc -l <err)" -eq 1 ] && grep -q 'the filter matches none of' err
says $? "a filter that matches nothing is refused"
run --threads 0
[ "$status" -eq 2 ] && grep -q 'threads: up to 8 numbers' err
says $? "threads that are none are refused"
run --wrong
[ "$status" -eq 2 ] && [ "$(wc -l <err)" -eq 1 ]
says $? "an option that is not known is refused"

printf 'matmul_any_ref/k576_m576_n1 0.01\nno_such 0.01\n' | timeout 60 "$bench" --serve --no-rivals >out 2>err
[ "$(wc -l <out)" -eq 3 ] && sed -n 1p out | grep -q '"cases": *\[' && sed -n 2p out | grep -qE '"seconds": *[0-9]' &&
    sed -n 2p out | grep -qE '"memory_bound": *(true|false)' && sed -n 3p out | grep -q 'no such case'
says $? "it answers a line a question"
printf '%0300d 1\nmatmul_any_ref/k576_m576_n1 nan\nmatmul_any_ref/k576_m576_n1 1e9\nmatmul_any_ref/k576_m576_n1\n' 0 |
    timeout 60 "$bench" --serve --no-rivals >out 2>err
[ "$(wc -l <out)" -eq 5 ] && sed -n 2p out | grep -q 'too long' && [ "$(grep -c '0 to 3600 seconds' out)" -eq 3 ]
says $? "a line that is no question is refused, once"
echo 'matmul_any_ref/k576_m576_n1 0.01' | timeout 60 "$bench" --serve --no-rivals >/dev/full 2>err
[ $? -eq 1 ] && grep -q 'an answer is lost: No space' err
says $? "an answer that is lost is told"
for options in "--limits" "--class" "--card --no-rivals" "--benchmark_filter=add_f32_ref/k576_n1/threads:1 ${quick[*]} --no-save"; do
    # shellcheck disable=SC2086 # words are options
    timeout 60 "$bench" $options >/dev/full 2>err
    [ $? -eq 1 ] && grep -q 'standard output cannot be written: No space' err
    says $? "output that is lost is told: $options"
done
"$bench" --benchmark_filter='add_f32' --benchmark_min_time=0.05 --no-rivals 2>err | head -n 2 >out
[ "${PIPESTATUS[0]}" -eq 1 ] && file=$(sed -n 's/^kept in //p' err) && [ "$(tail -n 1 "$file")" = "}" ] && [ "$(grep -c '"real_time"' "$file")" -lt 10 ]
says $? "a reader that goes away ends the bench, and results are kept whole"
run --gate /nonexistent/pewter-bench
[ "$status" -eq 2 ] && [ "$(wc -l <err)" -eq 1 ] && grep -q nonexistent err
says $? "a gate without its base says so"
run --gate "$bench" --only no_such_case --no-rivals
[ "$status" -eq 1 ] && grep -q 'failed: 0 judged' out
says $? "a gate that judged nothing has not passed"

"$bench" --benchmark_filter='add_f32' --benchmark_min_time=0.5 --no-rivals >out 2>err &
child=$!
for _ in $(seq 200); do
    grep -q '^add_f32' out && break
    sleep 0.05
done
kill -TERM "$child"
wait "$child"
ended=$?
cut=0
for file in kept/*.json; do [ "$(tail -n 1 "$file")" = "}" ] || cut=1; done
[ "$ended" -eq 130 ] && [ "$cut" -eq 0 ]
says $? "what was measured before an interrupt is kept as whole JSON"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
