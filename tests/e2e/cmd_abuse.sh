#!/bin/bash
# The service under requests that nobody should send (tests/abuse/abuse.py), and killed at any time: it starts again.
here=$(cd "$(dirname "$0")/../abuse" && pwd)
# shellcheck source=tests/e2e/command.bash
. "$(dirname "$0")/command.bash"
pw synth model.gguf --shape tiny,context=8192 --seed 1

serve() { # serve: on $port
    rm -f served
    "$pewter" serve model.gguf --alias tiny --port "$port" -c 65536 >served 2>serve_err &
    job=$!
    wait_for 30 grep -q '^listening on ' served
    port=$(sed -n 's/.*:\([0-9]*\)$/\1/p' served)
}

if ! command -v python3 >/dev/null; then
    skip "abusive requests (python3 is not there)"
    finish
fi
port=0
serve
options=()
case ${PEWTER_BUILD:-} in *asan* | *tsan*) options=(--sanitized) ;; esac
timeout 800 python3 "$here/abuse.py" "$port" "$job" tiny "${options[@]}" >out 2>err
says $? "abusive requests: $(tail -n 1 out)"
kill -0 "$job" 2>/dev/null
says $? "the service lives"
for when in 0 0.05 0.2; do
    printf 'POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: 113\r\n\r\n%s' \
        '{"model":"tiny","messages":[{"role":"user","content":"Hello"}],"max_tokens":4000,"ignore_eos":true,"stream":true}' \
        >"/dev/tcp/127.0.0.1/$port"
    sleep "$when"
    kill -9 "$job"
    wait "$job" 2>/dev/null
    serve
    says $? "after kill -9 it starts again on its port"
done
kill -TERM "$job"
wait "$job"
says $? "SIGTERM ends it"
finish
