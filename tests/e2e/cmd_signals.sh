#!/bin/bash
# Ctrl-C while a model loads, in the middle of a long prompt, and of an answer: the answer ends, the
# figures are printed, the exit status is 130, the terminal is as it was.
# shellcheck source=tests/e2e/command.bash
. "$(dirname "$0")/command.bash"
set -m # background jobs must not ignore SIGINT
pw synth model.gguf --shape tiny,layers=8,context=16384 --seed 1
slow=(--threads 1 --cpu-features scalar -c 16384)
yes 'A long text that says nothing.' | head -c 14000 | tr '\n' ' ' >long.txt

start() { # start ARGUMENT...: the command in the background
    rm -f out err
    "$pewter" "$@" >out 2>err &
    job=$!
}

# shellcheck disable=SC2317  # called through wait_for
is_gone() { ! kill -0 "$job"; }

# A signal before bash has become the command would meet bash.
# shellcheck disable=SC2317  # called through wait_for
has_begun() { [ "$(cat "/proc/$job/comm")" = pewter ] || is_gone; }

stop() { # stop: Ctrl-C to $job, then its exit status; it may take 20 s
    wait_for 20 has_begun
    kill -INT "$job" 2>/dev/null
    wait_for 20 is_gone || kill -KILL "$job"
    wait "$job" 2>/dev/null
    status=$?
}

# ---- An answer -----------------------------------------------------------------------------------
start run model.gguf -p Hello --ignore-eos "${slow[@]}"
wait_for 60 test -s out
says $? "an answer begins"
stop
[ $status -eq 130 ] && grep -qE '^prompt [0-9]+ tokens.*answer [0-9]+ tokens' err && [ "$(tail -c 1 out | od -An -tx1)" = ' 0a' ]
says $? "Ctrl-C in an answer: exit $status, and figures"
start run model.gguf -p Hello --ignore-eos --json --plan "${slow[@]}"
wait_for 60 test -s err && sleep 0.3
stop
[ $status -eq 130 ] && grep -q '"finish":"cancelled"' out && is_json out
says $? "Ctrl-C in an answer with --json: exit $status, and JSON"
start run model.gguf -p Hello --ignore-eos "${slow[@]}"
wait_for 60 test -s out
kill -TERM "$job"
wait "$job" 2>/dev/null
status=$?
[ $status -eq 130 ] && grep -q '^prompt ' err
says $? "SIGTERM ends it in the same way: exit $status"

trap '' INT
start run model.gguf -p Hello --ignore-eos "${slow[@]}"
wait_for 60 test -s out
kill -INT "$job"
sleep 0.3
kill -0 "$job"
says $? "where SIGINT is ignored it stays so"
kill -TERM "$job"
wait "$job" 2>/dev/null
trap - INT

# ---- A long prompt -------------------------------------------------------------------------------
pw tokenize model.gguf -f long.txt --json
tokens=$(member count)
start run model.gguf --raw -f long.txt --plan "${slow[@]}"
wait_for 60 grep -q ^plan err && sleep 0.3
stop
read_tokens=$(sed -nE 's/^prompt ([0-9]+) tokens.*answer 0 tokens.*/\1/p' err)
[ $status -eq 130 ] && [ "${read_tokens:-$tokens}" -lt "$tokens" ]
says $? "Ctrl-C in a prompt: exit $status, ${read_tokens:-no figures} of $tokens tokens read"
for command in "perplexity model.gguf -f long.txt" "logits model.gguf --ids $("$pewter" tokenize model.gguf -f long.txt --ids)"; do
    # shellcheck disable=SC2086  # words
    start $command "${slow[@]}" --verbose
    sleep 0.5
    stop
    [ $status -eq 130 ]
    says $? "Ctrl-C in ${command%% *}: exit $status"
done

# ---- A load --------------------------------------------------------------------------------------
# The moment is hard to hit: several are tried.
if [ "$(df -Pk . | awk 'END { print $4 }')" -lt 500000 ]; then
    skip "Ctrl-C in a load (500 MB are not free in $room)"
else
    pw synth large.gguf --shape llama-1b-32k,layers=1 --type Q8_0
    hits=0 wrong=
    for delay in 0.01 0.02 0.03 0.05 0.07 0.1 0.15 0.2; do
        "$pewter" run large.gguf -p Hello -n 1 >out 2>err &
        job=$!
        sleep $delay
        stop
        case $status in
        0) ;;
        130) ! grep -q 'loading was cancelled' err || hits=$((hits + 1)) ;;
        *) wrong=$status ;;
        esac
    done
    [ -z "$wrong" ] && [ $hits -gt 0 ]
    says $? "Ctrl-C in a load: $hits times, ${wrong:-no} wrong exit status"
    rm large.gguf
    # synth leaves nothing half written.
    mkdir half
    for delay in 0.005 0.02 0.05; do
        "$pewter" synth half/large.gguf --shape llama-1b-32k,layers=2 --type F32 >out 2>err &
        job=$!
        sleep $delay
        stop
        rm -f half/large.gguf
    done
    [ -z "$(ls -A half)" ]
    says $? "Ctrl-C in synth leaves nothing behind: $(ls -A half)"
fi

# ---- The terminal --------------------------------------------------------------------------------
if ! has_terminal; then
    skip "Ctrl-C at a terminal (script of util-linux is not there, or gets no pseudo-terminal)"
    finish
fi
mkfifo keys
# shellcheck disable=SC2317  # called through wait_for
is_talking() { [ "$(wc -c <typescript)" -gt 300 ]; }
# shellcheck disable=SC2016  # for the shell inside
script -qefc 'stty -g >before; '"$pewter"' run model.gguf -p Hello --ignore-eos --threads 1 --cpu-features scalar -c 16384; echo "exit $?" >code; stty -g >after' typescript <keys >/dev/null 2>&1 &
job=$!
exec 7>keys
wait_for 60 is_talking
printf '\003' >&7
wait_for 20 test -s after
says $? "Ctrl-C at a terminal ends it"
exec 7>&-
wait $job
grep -qx 'exit 130' code && cmp -s before after && grep -qa '^prompt .*answer' typescript
says $? "the terminal is as it was: $(cat code)"
finish
