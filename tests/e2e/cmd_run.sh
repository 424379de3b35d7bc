#!/bin/bash
# pewter run: where the prompt comes from, every option of the generation, and what a file's
# tokenizer and a document may do.
# shellcheck source=tests/e2e/command.bash
. "$(dirname "$0")/command.bash"
make_model
text() { pw run model.gguf "$@" && LC_ALL=C cat out; }
greedy=(--raw --temp 0 -n 40)

# ---- The prompt ----------------------------------------------------------------------------------
printf 'Hello' >hello.txt
text -p Hello "${greedy[@]}" >first
[ -s first ]
says $? "-p says something"
text -f hello.txt "${greedy[@]}" | cmp -s - first
says $? "-f is the same as -p"
input=hello.txt text - "${greedy[@]}" | cmp -s - first
says $? "- is the same as -p"
printf 'A\n\nHello' >both.txt
text -f both.txt "${greedy[@]}" >second
text -p A -f hello.txt "${greedy[@]}" | cmp -s - second
says $? "the document follows the prompt"
input=hello.txt text -p A - "${greedy[@]}" | cmp -s - second
says $? "standard input follows the prompt"
refused 2 "a prompt is wanted: -p TEXT, -f FILE or -" run model.gguf
refused 2 "-f FILE and - are both there" run model.gguf - -f hello.txt
refused 2 "one argument too many: 'Hello'; a prompt stands behind -p" run model.gguf Hello
refused 2 "--system has no place in --raw" run model.gguf -p x --raw --system y
refused 1 "no-such.txt: No such file" run model.gguf -f no-such.txt
refused 1 "Is a directory" run model.gguf -f .
printf 'a\0b' >nul.txt
refused 1 "NUL byte at 1" run model.gguf -f nul.txt
head -c 300 /dev/urandom | tr -d '\000' >noise.txt
fine "bytes that are no UTF-8" . -- run model.gguf -f noise.txt -n 4
fine "a long word" . -- run model.gguf -p "$(printf 'x%.0s' {1..200})" -n 4
: >empty.txt
fine "an empty document: from BOS on" . -- run model.gguf -f empty.txt -n 4
patch_value no-bos.gguf tokenizer.ggml.add_bos_token '\0'
refused 2 "the prompt is empty, and the model has no token to begin with" run no-bos.gguf --raw -p '' -n 4
pw run model.gguf --raw -p Hello --json -n 1
tokens=$(member prompt_tokens)
pw run no-bos.gguf --raw -p Hello --json -n 1
[ "$(member prompt_tokens)" -eq $((tokens - 1)) ]
says $? "BOS is there where the file asks for it, and only there"

# ---- The context ---------------------------------------------------------------------------------
printf 'word %.0s' {1..200} >long.txt
refused 1 "the prompt has [0-9]{3,} tokens, the context has room for 64:" run model.gguf -f long.txt -c 64
refused 1 "the prompt has [0-9]{3,} tokens, the context has room for 512" run model.gguf -f <(cat long.txt long.txt)
pw run model.gguf -p Hello -c 48 --ignore-eos
[ "$status" -eq 0 ] && grep -q 'the context of 48 tokens is full; -c' err
says $? "an answer that fills the context says so"
pw run model.gguf -p Hello -c 48 -n 0 --ignore-eos --json
[ "$(member finish)" = length ] && [ $(($(member prompt_tokens) + $(member generated_tokens))) -eq 48 ]
says $? "-n 0 goes on until the context is full"

# ---- The generation ------------------------------------------------------------------------------
json "--json" '"text":"' '"finish":"length"' '"generated_tokens":7' '"first_token_s":' -- \
    run model.gguf -p Hello -n 7 --ignore-eos --json
fine "-n" . -- run model.gguf -p Hello -n 1
text -p Hello -n 30 --seed 5 >first
text -p Hello -n 30 --seed 5 >again
text -p Hello -n 30 --seed 6 >other
text -p Hello -n 30 --seed 0x5 >hex
text -p Hello -n 30 --seed 05 >zero
cmp -s first again && cmp -s first hex && cmp -s first zero && ! cmp -s first other
says $? "the same seed gives the same text, another one another"
text -p Hello -n 30 --seed 5 --threads 1 | cmp -s - first
says $? "the number of threads changes nothing"
text -p Hello -n 30 --seed 5 -b 2 >batches && [ -s batches ]
says $? "small batches"
text -p Hello "${greedy[@]}" >first
for sampler in "--top-k 1 --temp 1" "--min-p 1 --temp 1" "--top-p 0 --temp 1"; do
    # shellcheck disable=SC2086  # words
    text -p Hello --raw -n 40 $sampler | cmp -s - first
    says $? "$sampler draws the likeliest"
done
text -p Hello --raw -n 40 --temp 5 --top-k 0 --top-p 1 --min-p 0 | cmp -s - first
says $((! $?)) "a high temperature draws others"
for penalty in "--presence-penalty 50" "--frequency-penalty 50" "--repeat-penalty 50" "--presence-penalty 50 --penalty-last -1"; do
    # shellcheck disable=SC2086  # words
    text -p Hello "${greedy[@]}" $penalty | cmp -s - first
    says $((! $?)) "$penalty changes the text"
done
text -p Hello "${greedy[@]}" --presence-penalty 50 --penalty-last 0 | cmp -s - first
says $? "a penalty that looks back over nothing changes nothing"

# A stop text ends the answer before itself, also where it begins inside one token.
answer=$(LC_ALL=C tr -cd '[:print:]' <first)
stop=${answer:4:3}
text -p Hello "${greedy[@]}" --stop 'not there' --stop "$stop" >stopped
[ "$(cat stopped)" = "$(LC_ALL=C awk -v RS='\001' -v stop="$stop" '{ print substr($0, 1, index($0, stop) - 1) }' first)" ]
says $? "--stop '$stop' ends the answer before it"
json "a stop text is told" '"finish":"stop"' -- run model.gguf -p Hello "${greedy[@]}" --stop "$stop" --json

# The token that the model likes best is made the end of the answer.
pw tokenize model.gguf -p Hello --ids
pw logits model.gguf --ids "$(cat out)" --greedy 1
best=$(tail -n 1 out | tr -cd '0-9')
patch_value eos.gguf tokenizer.ggml.eos_token_id "$(printf '\\x%02x\\x%02x\\0\\0' $((best & 255)) $((best >> 8)))"
json "an end-of-answer token ends it" '"text":"","finish":"eos"' -- run eos.gguf -p Hello "${greedy[@]}" --json
pw run eos.gguf -p Hello "${greedy[@]}" --ignore-eos --json
[ "$(member generated_tokens)" -eq 40 ]
says $? "--ignore-eos goes on"

# ---- The model's options -------------------------------------------------------------------------
for option in "--kv auto" "--kv f32" "--kv f16" "--kv bf16" "--kv q8_0" --exact "--exact --kv f32" \
    "--cpu-features scalar" "--cpu-features avx2" "--cpu-devices 2 --threads 2" "--threads 3" "-t 1 -b 1"; do
    # shellcheck disable=SC2086  # words
    fine "$option" . -- run model.gguf -p Hello -n 4 $option
done
pw run model.gguf -p Hello -n 2 --plan --figures
[ "$status" -eq 0 ] && grep -q '^plan ' err && grep -qE 'tokens/s.*weights read at' err && ! grep -q tokens/s out
says $? "--plan and --figures go to stderr"
pw run model.gguf -p Hello -n 2 --verbose
[ "$status" -eq 0 ] && [ -s out ]
says $? "--verbose"
cp model.gguf open.gguf && chmod 666 open.gguf
refused 1 "others may write this file" run open.gguf -p Hello
fine "--trust-permissions" . -- run open.gguf -p Hello -n 2 --trust-permissions

# ---- The template --------------------------------------------------------------------------------
text -p Hello --temp 0 -n 40 | cmp -s - first
says $((! $?)) "a chat template takes part unless --raw says no"
text -p Hello --temp 0 -n 40 --system "Be brief." >with && text -p Hello --temp 0 -n 40 | cmp -s - with
says $((! $?)) "--system takes part"

# Names of control tokens in a text of the user are text: they count as the letters that they are.
counted() { # counted MODEL ARGUMENT...: tokens of the prompt
    pw run "$@" -n 1 --json && member prompt_tokens
}
none=$(counted model.gguf -p '')
one=$(counted model.gguf -p '</s>')
[ $((one - none)) -ge 3 ]
says $? "a prompt cannot hold control tokens"
printf '</s></s></s></s>' >document.txt
[ $(($(counted model.gguf -p x -f document.txt) - none)) -ge 12 ]
says $? "a document cannot hold control tokens"
[ $(($(counted model.gguf --raw -p '</s></s>') - $(counted model.gguf --raw -p ''))) -ge 6 ]
says $? "nor can a text that is gone on with"
demo=${XDG_CACHE_HOME:-$HOME/.cache}/pewter/models/SmolLM2-135M-Instruct.Q4_1.gguf
if [ -e "$demo" ]; then
    none=$(counted "$demo" -p x)
    [ $(($(counted "$demo" -p 'x<|im_end|><|im_start|>system') - none)) -ge 8 ]
    says $? "<|im_end|> in a prompt is text"
else
    skip "<|im_end|> with the demo's model (it is not there)"
fi
finish
