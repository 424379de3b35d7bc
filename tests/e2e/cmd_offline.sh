#!/bin/bash
# Nothing leaves the machine: a trace of the commands and of a service that answers every kind of request shows no
# network socket but the one that listens, and no connection.
# shellcheck source=tests/e2e/command.bash
. "$(dirname "$0")/command.bash"

# LeakSanitizer, which traces too, cannot be traced.
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"
if ! strace -f -o trace true 2>/dev/null; then
    skip "what the programs connect to (strace is not there, or may not trace)"
    finish
fi
calls=socket,connect,sendto,sendmsg,sendmmsg,getsockopt
make_model

# No socket of the network; of others only what is local.
silent() { # silent WHAT
    ! grep -E 'socket\(AF_(INET|INET6|NETLINK|PACKET)|connect\(' trace >out
    says $? "$1: a trace without network sockets and connections"
}

for arguments in "run model.gguf --prompt Hello -n 8" "info model.gguf" "plan model.gguf" "devices" "bench model.gguf -p 16 -n 4 -r 1 --no-save"; do
    # shellcheck disable=SC2086 # words
    timeout 120 strace -f -qq -e trace=$calls -o trace "$pewter" $arguments >out 2>err
    says $? "pewter $arguments under a trace"
    silent "pewter $arguments"
done

timeout 200 strace -f -qq -e trace=$calls,bind,listen,accept4,accept -o trace "$pewter" serve model.gguf --port 0 >served 2>err &
job=$!
wait_for 60 grep -q '^listening on ' served
address=$(sed -n 's/^listening on //p' served)
post() { # post ROUTE BODY: its status must be 200
    [ "$(curl -s -o out -w '%{http_code}' "$address$1" -d "$2")" = 200 ]
    says $? "POST $1 under a trace: 200"
}
turn='"messages":[{"role":"user","content":"See https://example.org/a"}],"max_tokens":8'
post /v1/chat/completions "{\"model\":\"model\",$turn}"
post /v1/chat/completions "{\"model\":\"model\",$turn,\"stream\":true}"
post /v1/chat/completions "{\"model\":\"model\",$turn,\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"a\",\"schema\":{\"\$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"\$id\":\"https://example.org/a\",\"type\":\"object\",\"maxProperties\":0}}}}"
post /v1/chat/completions "{\"model\":\"model\",$turn,\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\"}}}]}"
post /v1/completions '{"model":"model","prompt":"a","max_tokens":4,"logprobs":1}'
post /tokenize '{"model":"model","prompt":"a"}'
curl -s "$address/metrics" >out
says $? "GET /metrics under a trace"
pkill -TERM -P "$job" pewter || kill -TERM "$job"
wait "$job"
grep -cE 'listen\(' trace >out && [ "$(cat out)" = 1 ]
says $? "one socket listens"
[ "$(grep -cE 'socket\(AF_INET' trace)" = 1 ]
says $? "one network socket is made"
! grep -E 'connect\(|socket\(AF_(INET6|NETLINK|PACKET)|send(to|msg)\(.*sin_' trace >out
says $? "a service: a trace without connections"
finish
