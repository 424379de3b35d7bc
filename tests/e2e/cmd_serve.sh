#!/bin/bash
# The service over loopback: answers whole and in a stream, the routes of OpenAI and Azure, keys, refusals
# in OpenAI's shape, and an end that lets what is under way finish.
# shellcheck source=tests/e2e/command.bash
. "$(dirname "$0")/command.bash"
make_model

serve() { # serve ARGUMENT...: starts it; its port is in $port
    rm -f served
    "$pewter" serve "$@" >served 2>serve_err &
    job=$!
    wait_for 30 grep -q '^listening on ' served
    port=$(sed -n 's/.*:\([0-9]*\)$/\1/p' served)
}

stopped() { # stopped: SIGTERM, and its exit status
    kill -TERM "$job"
    wait "$job"
}

# One request; the head of the reply goes to head, its body to out, whatever its framing.
ask() { # ask METHOD PATH [BODY [HEADER...]]
    local method=$1 path=$2 body=${3:-} line
    shift 2
    [ $# -eq 0 ] || shift
    exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
    {
        printf '%s %s HTTP/1.0\r\nHost: here\r\nContent-Length: %d\r\n' "$method" "$path" "$(LC_ALL=C; echo ${#body})"
        for line in "$@"; do printf '%s\r\n' "$line"; done
        printf '\r\n%s' "$body"
    } >&3
    timeout 200 cat <&3 >reply
    exec 3>&-
    tr -d '\r' <reply | sed '/^$/q' >./head
    tr -d '\r' <reply | sed '1,/^$/d' >out
    status=$(sed -n '1s/^HTTP[^ ]* \([0-9]*\).*/\1/p' ./head)
}

gives() { # gives STATUS PATTERN METHOD PATH [BODY [HEADER...]]
    local wanted=$1 pattern=$2
    shift 2
    ask "$@"
    [ "$status" = "$wanted" ] && LC_ALL=C grep -qaE -- "$pattern" out
    says $? "$1 $2 ${3:-}: $status, $wanted wanted and: $pattern"
}

hello='"messages":[{"role":"user","content":"Hello"}],"temperature":0,"max_tokens":4'

# ---- Options --------------------------------------------------------------------------------------
refused 2 "MODEL... is wanted" serve
refused 2 "--port wants 0 to 65535, found 70000" serve model.gguf --port 70000
refused 1 "--keys FILE says who may ask" serve model.gguf --host 0.0.0.0 --port 0
refused 1 "--host wants an address such as 127.0.0.1" serve model.gguf --host nowhere.example
echo secret >open.txt && chmod 644 open.txt
refused 1 "only its owner may read is wanted .mode 0400., 0644 found" serve model.gguf --keys open.txt
refused 2 "two models of the name 'model'" serve model.gguf model.gguf

# ---- Answers --------------------------------------------------------------------------------------
serve model.gguf --port 0 --alias tiny
says $? "it says where it listens"
refused 1 "port $port: Address already in use" serve model.gguf --port "$port"
gives 200 '"status":"ok"' GET /health
gives 200 '"data":\[\{"id":"tiny","object":"model"' GET /v1/models
gives 200 '"id":"tiny"' GET /v1/models/tiny
gives 200 '"object":"chat.completion",.*"role":"assistant","content":".*"finish_reason":"length".*"completion_tokens":4' \
    POST /v1/chat/completions "{\"model\":\"tiny\",$hello}"
is_json out whole
says $? "a whole answer is JSON"
content=$(sed -E 's/.*"content":"(([^"\\]|\\.)*)".*/\1/' out)
gives 200 '^data: \[DONE\]' POST /v1/chat/completions \
    "{\"model\":\"tiny\",$hello,\"stream\":true,\"stream_options\":{\"include_usage\":true}}"
grep -q '"delta":{"role":"assistant","content":""}' out && grep -q '"choices":\[\],"usage":{"prompt_tokens"' out
says $? "a stream begins with the role and ends with the usage"
[ "$(sed -nE 's/.*"delta":\{"content":"(([^"\\]|\\.)*)"\}.*/\1/p' out | tr -d '\n')" = "$content" ]
says $? "a stream says what the whole answer says"
gives 200 '"object":"text_completion".*"text":' POST /v1/completions '{"model":"tiny","prompt":[1,2,3],"max_tokens":3}'
gives 200 '"index":1' POST /v1/chat/completions "{\"model\":\"tiny\",$hello,\"n\":2}"
gives 200 '"logprobs":\{"content":\[\{"token":".*","logprob":-[0-9.]+,"bytes":\[[0-9,]+\],"top_logprobs":\[\{.*\},\{.*\}\]\}' \
    POST /v1/chat/completions "{\"model\":\"tiny\",$hello,\"logprobs\":true,\"top_logprobs\":2}"
gives 200 '"delta":\{"content":.*"logprobs":\{"content":\[\{"token"' \
    POST /v1/chat/completions "{\"model\":\"tiny\",$hello,\"logprobs\":true,\"stream\":true}"
gives 200 '"token_logprobs":\[null,-[0-9.]+,-[0-9.]+,-[0-9.]+\],"top_logprobs":\[null,\{".*":-.*\}\],"text_offset":\[0,' \
    POST /v1/completions '{"model":"tiny","prompt":[41,42,43],"max_tokens":1,"echo":true,"logprobs":1,"temperature":0}'
scores=$(sed -E 's/.*"token_logprobs":\[null,(-[0-9.]+,-[0-9.]+),.*/\1/' out)
gives 200 "\"token_logprobs\":\\[null,$scores\\].*\"completion_tokens\":0" \
    POST /v1/completions '{"model":"tiny","prompt":[41,42,43],"max_tokens":0,"echo":true,"logprobs":0}'
ids=''
for i in $(seq 200); do ids="$ids,$((i % 400 + 20))"; done
for cached in 0 192; do
    gives 200 "\"prompt_tokens\":200,.*\"cached_tokens\":$cached\\}" POST /v1/completions \
        "{\"model\":\"tiny\",\"prompt\":[${ids#,}],\"max_tokens\":5,\"temperature\":0}"
    sed 's/.*"choices"//; s/"usage".*//' out >cached.$cached
done
cmp -s cached.0 cached.192
says $? "a beginning that was found again makes the same answer"
gives 200 '"text":"(.*)\1"' POST /v1/completions \
    '{"model":"tiny","prompt":[41],"max_tokens":2,"temperature":0,"logit_bias":{"77":100}}'
gives 200 '"object":"chat.completion"' POST '/openai/deployments/tiny/chat/completions?api-version=2024-10-21' "{$hello}"

gives 200 '"count":[0-9]+,"max_model_len":[0-9]+,"tokens":\[[0-9,]+\],"token_strs":\["<s>",.*\]' POST /tokenize \
    '{"model":"tiny","prompt":"Hello","return_token_strs":true}'
tokens=$(sed -E 's/.*"tokens":\[[0-9]+,([0-9,]+)\].*/\1/' out)
gives 200 '"prompt":" Hello"' POST /detokenize "{\"model\":\"tiny\",\"tokens\":[$tokens]}"
gives 200 '"tokens":\[[0-9,]+\],"token_strs":null' POST /tokenize "{$hello}"
gives 200 '"bos_token":"<s>","eos_token":"</s>",.*"chat_template":"' GET /tokenizer_info
gives 200 '^vllm:generation_tokens_total\{model_name="tiny"\} [1-9][0-9]*$' GET /metrics
for name in vllm:num_requests_running vllm:num_requests_waiting vllm:kv_cache_usage_perc; do
    grep -qx "$name{model_name=\"tiny\"} 0" out
    says $? "$name is 0 where nothing is under way"
done
awk '/^[a-z]/ && !/^[a-zA-Z0-9_:]+\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\} [0-9.e+-]+$/ { bad = 1; print } END { exit bad }' out
says $? "every line of the metrics has the form that Prometheus reads"

# ---- Refusals -------------------------------------------------------------------------------------
chat=/v1/chat/completions
gives 404 '"code":"model_not_found"' POST $chat "{\"model\":\"gpt\",$hello}"
gives 404 'no such route' GET /v2
gives 405 'no such route' GET $chat
grep -qix 'allow: POST' ./head
says $? "a 405 says which methods there are"
gives 400 'JSON breaks at line 1' POST $chat '{'
gives 400 '"param":"temperature"' POST $chat "{\"model\":\"tiny\",\"messages\":[],\"temperature\":\"hot\"}"
gives 400 'n: a whole number from 1 to 8 wanted, 1000000 found' POST $chat "{\"model\":\"tiny\",$hello,\"n\":1000000}"
gives 400 'logit_bias: a token from 0 to 511 wanted, .x. found' POST $chat "{\"model\":\"tiny\",$hello,\"logit_bias\":{\"x\":1}}"
gives 400 'logit_bias: a number from -100 to 100 wanted, 101 found' POST $chat "{\"model\":\"tiny\",$hello,\"logit_bias\":{\"5\":101}}"
gives 400 'top_logprobs: a whole number from 0 to 20 wanted, 21 found' POST $chat "{\"model\":\"tiny\",$hello,\"logprobs\":true,\"top_logprobs\":21}"
gives 400 'top_logprobs wants logprobs' POST $chat "{\"model\":\"tiny\",$hello,\"top_logprobs\":2}"
gives 400 'max_tokens: 1 or more wanted, 0 found' POST $chat "{\"model\":\"tiny\",$hello,\"max_tokens\":0}"
gives 400 'tokens\[0\]: a token from 0 to 511 wanted, -1 found' POST /detokenize '{"tokens":[-1]}'
gives 400 'prompt: a text wanted, nothing found' POST /tokenize '{}'
gives 404 '"code":"model_not_found"' GET '/tokenizer_info?model=other'
gives 400 'messages: a list of 1 to 4096 wanted, 0 found' POST $chat '{"model":"tiny"}'
gives 400 '"code":"context_length_exceeded"' POST /v1/completions \
    "{\"model\":\"tiny\",\"prompt\":\"$(yes word | head -n 2000 | tr '\n' ' ')\"}"
gives 400 'a token from 0 to 511 wanted, 512 found' POST /v1/completions '{"model":"tiny","prompt":[512]}'
gives 200 '"finish_reason":"(length|stop)"' POST $chat "{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"max_tokens\":1000000000}"

# ---- Many at once, a client that leaves, the end ---------------------------------------------------
for i in 1 2 3 4 5 6 7 8; do
    (exec 3<>"/dev/tcp/127.0.0.1/$port"
     body="{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello $i\"}],\"temperature\":0,\"max_tokens\":150,\"ignore_eos\":true}"
     printf 'POST %s HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s' $chat ${#body} "$body" >&3
     timeout 200 cat <&3 >many.$i) &
    many[i]=$!
done
wait "${many[@]}"
[ "$(grep -l '"completion_tokens":150' many.* | wc -l)" -eq 8 ]
says $? "eight at once, beyond what the context holds together, are all answered whole"
answer_of() { sed 's/.*"choices"//; s/"prompt_tokens_details":{[^}]*}//' "$1"; } # what was found says when it was asked
same=0
for i in 1 2 3 4 5 6 7 8; do
    ask POST $chat "{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello $i\"}],\"temperature\":0,\"max_tokens\":150,\"ignore_eos\":true}"
    [ "$(answer_of out)" = "$(tr -d '\r' <many.$i | sed '1,/^$/d' | answer_of -)" ] && same=$((same + 1))
done
[ $same -eq 8 ]
says $? "an answer is the same alone and in company: $same of 8"
exec 3<>"/dev/tcp/127.0.0.1/$port"
body="{\"model\":\"tiny\",$hello,\"stream\":true}"
printf 'POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s' $chat ${#body} "$body" >&3
exec 3>&-
gives 200 '"status":"ok"' GET /health
stopped
says $? "SIGTERM ends it: exit status $?"
[ ! -s serve_err ]
says $? "it says nothing on stderr"

# ---- Keys -----------------------------------------------------------------------------------------
(umask 077 && printf 'first-key\nsha256:%s\n' "$(printf second | sha256sum | cut -d ' ' -f 1)" >keys.txt)
serve model.gguf --port 0 --keys keys.txt --log log.jsonl
gives 401 'an API key is wanted' GET /v1/models
gives 401 '"code":"invalid_api_key"' GET /v1/models '' 'Authorization: Bearer wrong'
gives 200 '"object":"list"' GET /v1/models '' 'Authorization: Bearer first-key'
gives 200 '"object":"list"' GET /v1/models '' 'api-key: second'
gives 200 '"status":"ok"' GET /health
(umask 077 && echo third >>keys.txt)
kill -HUP "$job"
wait_for 5 grep -q '3 keys may ask' serve_err
gives 200 '"object":"list"' GET /v1/models '' 'api-key: third'
gives 200 '"completion_tokens":4' POST /v1/chat/completions "{\"model\":\"model\",$hello}" 'api-key: third'
stopped
says $? "SIGTERM ends it, keys and all"
grep -qE '^\{"time":"20[^"]*Z","id":"chatcmpl-[0-9a-f]+","route":"/v1/chat/completions","model":"model","key":"[0-9a-f]{16}","status":200,"reason":"(length|stop)","prompt_tokens":[1-9][0-9]*,"cached_tokens":0,"completion_tokens":4,"seconds":[0-9.]+\}$' log.jsonl
says $? "a line of the log for a chat: $(tail -n 1 log.jsonl)"
[ "$(stat -c %a log.jsonl)" = 600 ] && ! grep -q 'Hello\|third' log.jsonl && grep -q '"status":401' log.jsonl
says $? "the log is its owner's alone, and holds no text and no key"

# ---- Limits of a key ------------------------------------------------------------------------------
serve model.gguf --port 0 --alias tiny --keys keys.txt --key-requests 1 --key-tokens 50 --key-context 100
long='"messages":[{"role":"user","content":"Hi"}],"max_tokens":60,"ignore_eos":true'
gives 400 'this key may hold 100' POST $chat "{\"model\":\"tiny\",$hello,\"max_tokens\":200}" 'api-key: third'
gives 200 '"completion_tokens":60' POST $chat "{\"model\":\"tiny\",$long}" 'api-key: third'
gives 429 'had its 50 tokens a minute' POST $chat "{\"model\":\"tiny\",$long}" 'api-key: third'
grep -qi '^retry-after: [1-9]' ./head
says $? "a 429 says when to ask again"
gives 200 '"completion_tokens":60' POST $chat "{\"model\":\"tiny\",$long}" 'api-key: second'
stopped
says $? "SIGTERM ends it, limits and all"

# ---- Other addresses ------------------------------------------------------------------------------
if command -v curl >/dev/null; then
    "$pewter" serve model.gguf --socket "$room/s" >served 2>serve_err &
    job=$!
    wait_for 30 grep -q '^listening on unix:' served
    [ "$(curl -s --unix-socket s http://here/health)" = '{"status":"ok"}' ] && [ "$(stat -c %a s)" = 700 ]
    says $? "a Unix socket answers, and is its owner's alone: $(stat -c %a s)"
    kill -9 "$job"
    wait "$job" 2>/dev/null
    "$pewter" serve model.gguf --socket "$room/s" >served 2>serve_err &
    job=$!
    wait_for 30 grep -q '^listening on unix:' served
    says $? "a socket that a killed service left is taken over"
    stopped
    [ ! -e s ]
    says $? "the socket is gone at the end"
else
    skip "Unix sockets (curl is not there)"
fi
if command -v openssl >/dev/null && command -v curl >/dev/null; then
    openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost 2>/dev/null
    serve model.gguf --port 0 --alias tiny --tls-cert cert.pem --tls-key key.pem
    [ "$(curl -s --cacert cert.pem "https://localhost:$port/health")" = '{"status":"ok"}' ]
    says $? "TLS answers under its certificate"
    curl -s --cacert cert.pem "https://localhost:$port/v1/completions" \
        -d '{"model":"tiny","prompt":"a","max_tokens":3,"stream":true}' | grep -q 'DONE'
    says $? "a stream over TLS"
    stopped
    refused 2 'TLS wants --tls-cert and --tls-key' serve model.gguf --tls-cert cert.pem
    refused 1 'must be PEM' serve model.gguf --port 0 --tls-cert key.pem --tls-key key.pem
else
    skip "TLS (openssl or curl is not there)"
fi

# ---- Clients that leave ----------------------------------------------------------------------------
pw synth slow.gguf --shape tiny,layers=8,embedding=512,ffn=2048,context=8192 --seed 1
serve slow.gguf --port 0 --alias slow -c 8192
# shellcheck disable=SC2317 # wait_for calls it
running() { ask GET /metrics && grep -q "^vllm:num_requests_running{model_name=\"slow\"} $1\$" out; }
for stream in true false; do
    exec 4<>"/dev/tcp/127.0.0.1/$port"
    body="{\"model\":\"slow\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"max_tokens\":8000,\"ignore_eos\":true,\"stream\":$stream}"
    printf 'POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s' $chat ${#body} "$body" >&4
    wait_for 10 running 1
    says $? "an answer that takes long is under way (stream $stream)"
    exec 4>&-
    wait_for 2 running 0
    says $? "a client that leaves ends its answer within two seconds (stream $stream)"
done
stopped
says $? "SIGTERM ends it after that"
finish
