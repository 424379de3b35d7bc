#!/bin/bash
# Answers that have a form: of the command by --schema and --grammar, of the service by response_format and its
# relations, and many random schemas whose answers the jsonschema package of Python looks at.
here=$(cd "$(dirname "$0")/../schema" && pwd)
# shellcheck source=tests/e2e/command.bash
. "$(dirname "$0")/command.bash"
pw synth model.gguf --shape tiny,context=4096 --seed 1

cat >person.json <<'END'
{"type": "object", "properties": {"name": {"type": "string", "maxLength": 5},
 "age": {"type": "integer", "minimum": 0, "maximum": 9}}, "required": ["name", "age"]}
END
fine "an answer under a schema" '^\{"name": ".{0,40}", "age": [0-9]\}$' -- run model.gguf -p Hello --schema person.json
cp out first
fine "the same again" . -- run model.gguf -p Hello --schema person.json --threads 1
cmp -s first out
says $? "the same seed and schema give the same text on one thread"
printf 'root ::= ("yes" | "no") "!"\n' >yes.gbnf
fine "an answer under a grammar" '^(yes|no)!$' -- run model.gguf -p Hello --grammar yes.gbnf --raw
fine "as JSON it says why it ended" '"text":"(yes|no)!","finish":"eos"' -- run model.gguf -p Hello --grammar yes.gbnf --json
echo '{"type": "text"}' >bad.json
refused 1 'type: null, boolean, integer' run model.gguf -p Hello --schema bad.json
echo '{"not": {}}' >not.json
refused 1 'not cannot be kept here' run model.gguf -p Hello --schema not.json
refused 1 'No such file' run model.gguf -p Hello --schema nowhere.json
refused 2 '--schema and --grammar are both there' run model.gguf -p Hello --schema person.json --grammar yes.gbnf

# ---- The service -----------------------------------------------------------------------------------
"$pewter" serve model.gguf --alias tiny --port 0 -c 16384 >served 2>serve_err &
job=$!
wait_for 30 grep -q '^listening on ' served
port=$(sed -n 's/.*:\([0-9]*\)$/\1/p' served)

gives() { # gives STATUS PATTERN FIELDS: of a chat with these fields beside its message
    local body="{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}],\"seed\":1,$3}"
    curl -s -o out -w '%{http_code}' "http://127.0.0.1:$port/v1/chat/completions" -d "$body" >code
    [ "$(cat code)" = "$1" ] && LC_ALL=C grep -qaE -- "$2" out
    says $? "$3: $(cat code), $1 wanted and: $2"
}

if ! command -v curl >/dev/null; then
    skip "the service (curl is not there)"
else
    gives 200 '"content":"\{\\"name\\": .*"finish_reason":"stop"' "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"p\",\"schema\":$(cat person.json)}}"
    gives 200 '"content":"(a|b \\"c\\")".*"finish_reason":"stop"' '"guided_choice":["a","b \"c\""]'
    gives 200 '"content":"[0-9]{3}"' '"guided_regex":"[0-9]{3}"'
    gives 200 '"content":"(yes|no)!"' '"grammar":"root ::= (\"yes\" | \"no\") \"!\""'
    gives 200 '"content":"[xy]"' '"structured_outputs":{"regex":"x|y"}'
    gives 200 '"content":"\{' '"response_format":{"type":"json_object"},"max_tokens":5'
    gives 200 '"finish_reason":"(length|stop)"' '"response_format":{"type":"text"},"max_tokens":2'
    gives 200 '"delta":\{"content":"[xy]"' '"guided_regex":"x|y","stream":true'
    gives 400 'not cannot be kept here.*"param":"response_format"' '"response_format":{"type":"json_schema","json_schema":{"schema":{"not":{}}}}'
    gives 400 'json_schema.schema: a JSON schema wanted' '"response_format":{"type":"json_schema"}'
    gives 400 'type: .{0,60} wanted' '"response_format":{"type":"xml"}'
    gives 400 'both there: one form' '"guided_regex":"x","grammar":"root ::= \"x\""'
    gives 400 'a list of texts wanted, 1 found' '"guided_choice":[1]'
    gives 400 'left recursion' '"grammar":"root ::= root \"x\" | \"y\""'
    gives 400 'pattern .{0,40}too (complex|long)' '"guided_json":{"type":"string","pattern":"((a{1000}){1000}){1000}"}'
    tools='"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string","maxLength":5},"unit":{"enum":["C","F"]}},"required":["city","unit"]}}},{"type":"function","function":{"name":"now"}}]'
    gives 200 '"content":null,.*"tool_calls":\[\{"id":"[0-9a-f]{9}","type":"function","function":\{"name":"(weather|now)","arguments":"\{.*\}"\}\}.*"finish_reason":"tool_calls"' "$tools,\"tool_choice\":\"required\""
    gives 200 '"name":"weather","arguments":"\{\\"city\\": \\".{0,40}\\", \\"unit\\": \\"[CF]\\"\}"' "$tools,\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"weather\"}}"
    arguments=$(sed -E 's/.*"arguments":"(([^"\\]|\\.)*)".*/\1/' out)
    gives 200 '"delta":\{"tool_calls":\[\{"index":0,"id":"[0-9a-f]{9}","type":"function","function":\{"name":"weather","arguments":""\}' "$tools,\"stream\":true,\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"weather\"}}"
    streamed=$(sed -nE 's/.*"function":\{"arguments":"(([^"\\]|\\.)*)".*/\1/p' out | tr -d '\n')
    [ -n "$arguments" ] && [ "$streamed" = "$arguments" ]
    says $? "a stream's arguments are those of the whole answer: $streamed, $arguments"
    gives 200 '"finish_reason":"(stop|length|tool_calls)"' "$tools,\"max_tokens\":20"
    gives 200 '"finish_reason":"(stop|length)"' "$tools,\"tool_choice\":\"none\",\"max_tokens\":5"
    gives 400 'no tool has the name' "$tools,\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"other\"}}"
    gives 400 'tool_choice wants tools' '"tool_choice":"required"'
    gives 400 '"none\\", .{0,120} wanted' "$tools,\"tool_choice\":\"maybe\""
    gives 400 'tool weather: the schema: not cannot' '"tools":[{"type":"function","function":{"name":"weather","parameters":{"not":{}}}}]'
    gives 400 'one of them is wanted' "$tools,\"guided_regex\":\"x\""
    gives 200 '"finish_reason":"(stop|length)"' "$tools,\"tool_choice\":\"none\",\"max_tokens\":5,\"messages\":[{\"role\":\"user\",\"content\":\"Weather?\"},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"a1b2c3d4e\",\"type\":\"function\",\"function\":{\"name\":\"weather\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"a1b2c3d4e\",\"content\":\"Sunny\"}]"
    gives 400 'arguments that are a JSON object' "\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"function\":{\"name\":\"w\",\"arguments\":\"[\"}}]}]"
fi
many=1000
[ -z "${PEWTER_QUICK:-}" ] || many=100
if ! /usr/bin/python3 -c 'import jsonschema' 2>/dev/null; then
    skip "$many random schemas (python3-jsonschema is not there)"
else
    /usr/bin/python3 -W ignore "$here/answers.py" "$port" tiny 0 $many >out 2>err
    says $? "answers under $many random schemas are valid"
fi
kill -TERM "$job"
wait "$job"
says $? "SIGTERM ends it"
[ "$(grep -cv 'longer than' serve_err)" -eq 0 ]
says $? "it says nothing on stderr"
finish
