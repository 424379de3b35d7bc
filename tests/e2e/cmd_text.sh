#!/bin/bash
# pewter tokenize, logits and perplexity. The forms of the first two are fixed: others read them.
# shellcheck source=tests/e2e/command.bash
. "$(dirname "$0")/command.bash"
make_model
printf 'Once upon a time there was a text. ' >text.txt
for _ in 1 2 3; do cat text.txt; done >long.txt

# ---- tokenize ------------------------------------------------------------------------------------
fine "tokenize" '^ +1  "<s>"$' '^[0-9]+ tokens$' -- tokenize model.gguf -p Hello
fine "tokenize --ids" '^1(,[0-9]+)+$' -- tokenize model.gguf -p Hello --ids
[ "$(wc -l <out)" -eq 1 ]
says $? "the ids are one line"
ids=$(cat out)
printf Hello >hello.txt
fine "tokenize -f" "^$ids\$" -- tokenize model.gguf -f hello.txt --ids
input=hello.txt fine "tokenize -f -" "^$ids\$" -- tokenize model.gguf -f - --ids
fine "tokenize --hex" "^$ids\$" -- tokenize model.gguf --hex 48656c6C6F --ids
fine "tokenize --no-special adds no BOS" "^${ids#1,}\$" -- tokenize model.gguf -p Hello --no-special --ids
fine "a control token by name" '^1,2$' -- tokenize model.gguf -p '</s>' --ids
pw tokenize model.gguf -p '</s>' --no-special --ids
[ "$status" -eq 0 ] && ! grep -qE '(^|,)2(,|$)' out
says $? "--no-special: the name of a control token is text"
json "tokenize --json" '^\{"tokens":\[\{"id":1,"text":"<s>"\},' '"count":[0-9]+\}$' -- tokenize model.gguf -p "He \"\\" --json
fine "no text is BOS alone" '^1$' -- tokenize model.gguf -p '' --ids
fine "no text at all" '^$' -- tokenize model.gguf --hex '' --no-special --ids
fine "bytes that are no UTF-8" '^1(,[0-9]+)+$' -- tokenize model.gguf --hex ff00fe --ids
json "their texts are JSON" U\|\\\\u0000\|� -- tokenize model.gguf --hex ff00fe --json
refused 2 "--hex wants an even number of hexadecimal digits, found '4'" tokenize model.gguf --hex 4
refused 2 "--hex wants .*, found '0x41'" tokenize model.gguf --hex 0x41
refused 2 "one of -p, -f and --hex is wanted" tokenize model.gguf
refused 2 "one of -p, -f and --hex is wanted" tokenize model.gguf -p a --hex 41
refused 1 "no-such.txt: No such file" tokenize model.gguf -f no-such.txt
cp model.gguf open.gguf && chmod 666 open.gguf
refused 1 "others may write this file" tokenize open.gguf -p Hello
fine "tokenize --trust-permissions" "^$ids\$" -- tokenize open.gguf -p Hello --ids --trust-permissions
vocabularies=(${PEWTER_SHARED:+"$PEWTER_SHARED"/tokenizers/ggml-vocab-*.gguf})
if [ -e "${vocabularies[0]:-}" ]; then
    some=0
    for file in "${vocabularies[@]}"; do
        pw tokenize "$file" -p "Hello world" --no-special --ids
        [ "$status" -eq 0 ] && grep -qE '^[0-9]+(,[0-9]+)*$' out && some=$((some + 1))
        [ "$status" -eq 0 ] || grep -qE '^pewter: .+' err
        says $? "$file is tokenised, or refused in words"
    done
    [ $some -ge 1 ]
    says $? "some vocabulary-only files load"
else
    skip "vocabulary-only files (PEWTER_SHARED names no folder with them)"
fi

# ---- logits --------------------------------------------------------------------------------------
json "logits" '^\{"pos":0,"logits":\[-?[0-9.]+,' '^\{"pos":2,' -- logits model.gguf --ids 1,300,301
[ "$(wc -l <out)" -eq 3 ] && [ "$(head -n 1 out | tr -cd , | wc -c)" -eq 512 ]
says $? "a line for each position, a number for each of the vocabulary"
cp out rows
json "logits --greedy" '^\{"case":"greedy","tokens":\[[0-9]+(,[0-9]+){4}\]\}$' -- logits model.gguf --ids 1,300,301 --greedy 5
head -n 3 out | cmp -s - rows && [ "$(wc -l <out)" -eq 4 ]
says $? "--greedy adds its line behind the same rows"
best=$(tail -n 1 out | sed 's/.*\[\([0-9]*\),.*/\1/')
tail -n 1 rows | sed 's/.*\[//; s/\].*//' | tr , '\n' | sort -rg | head -n 1 >most
[ "$(tail -n 1 rows | sed 's/.*\[//; s/\].*//' | tr , '\n' | sed -n $((best + 1))p)" = "$(cat most)" ]
says $? "the first greedy token is the likeliest one of the last row"
json "logits --raw" '^\{"logits_f32":"raw.f32"\}$' -- logits model.gguf --ids 1,300,301 --raw raw.f32
[ "$(stat -c %s raw.f32)" -eq $((3 * 512 * 4)) ]
says $? "float32 [n][vocabulary]"
awk '{ gsub(/.*\[|\].*/, ""); n = split($0, v, ","); for (i = 1; i <= n; i++) print v[i] }' rows >text.values
od -An -v -w4 -t fF raw.f32 | paste - text.values | awk '{ d = $1 - $2; if (d < 0) d = -d; if (d > 1e-5 + 1e-6 * ($1 < 0 ? -$1 : $1)) bad = 1 } END { exit bad || NR != 1536 }'
says $? "the file holds the numbers of the lines"
json "logits --raw --greedy" '"logits_f32"' '"case":"greedy"' -- logits model.gguf --ids 1,300 --raw raw.f32 --greedy 2
json "logits --json is the same" '"pos":0' -- logits model.gguf --ids 1 --json
fine "one token" '"pos":0' -- logits model.gguf --ids 1
for ids in '' x '1,' ',1' 1,,2 '1 ,2' '1, 2' 1.5 99999999999999999999; do
    refused 2 "--ids wants numbers joined by commas" logits model.gguf --ids "$ids"
done
refused 2 "0 to 511 wanted, 512 found" logits model.gguf --ids 1,512
refused 2 "0 to 511 wanted, -1 found" logits model.gguf --ids -1
refused 2 "tokens are wanted: --ids" logits model.gguf
refused 1 "the prompt has 5 tokens, the context has room for 4:" logits model.gguf --ids 1,1,1,1,1 -c 4
refused 1 "no/folder.f32: No such file" logits model.gguf --ids 1 --raw no/folder.f32
refused 1 "/dev/full: No space" logits model.gguf --ids 1 --raw /dev/full
pw logits model.gguf --ids 1,2 --greedy 5 -c 4
[ "$status" -eq 1 ] && grep -q 'the context has room' err && is_json out
says $? "--greedy past the context fails in words, what was printed is JSON"

# ---- perplexity ----------------------------------------------------------------------------------
fine "perplexity" '^perplexity [0-9.]+ \(mean -log p [0-9.]+ over [0-9]+ tokens, windows: 1\)$' -- perplexity model.gguf -f long.txt
json "perplexity --json" '"perplexity":[0-9.]+' '"nll":' '"windows":1' -- perplexity model.gguf -f long.txt --json
tokens=$(member tokens)
input=long.txt fine "perplexity -f -" "over $tokens tokens" -- perplexity model.gguf -f -

# Each window begins with BOS, so that every token but BOS itself is counted once; the sum over
# windows is that of the windows by hand.
json "windows" '"windows":[2-9]' -- perplexity model.gguf -f long.txt -c 20 --exact --json
nll=$(member nll) windows=$(member windows)
[ "$(member tokens)" -eq "$tokens" ] && [ "$windows" -eq $(((tokens + 18) / 19)) ]
says $? "every token is counted once, however many windows"
pw tokenize model.gguf -f long.txt --no-special --ids
tr , '\n' <out >plain.ids
while mapfile -t -n 19 window && [ ${#window[@]} -gt 0 ]; do
    ids=1$(printf ',%s' "${window[@]}")
    pw logits model.gguf --ids "$ids" --exact
    LC_ALL=C awk -v ids="$ids" 'BEGIN { n = split(ids, id, ",") }
        { gsub(/.*\[|\].*/, ""); m = split($0, v, ","); if (NR >= n) next
          s = 0; for (i = 1; i <= m; i++) s += exp(v[i]); printf "%.9f\n", log(s) - v[id[NR + 1] + 1] }' out
done <plain.ids >scores
awk -v nll="$nll" -v tokens="$tokens" '{ s += $1 } END { d = s / NR - nll; exit !(NR == tokens && d < 1e-4 && d > -1e-4) }' scores
says $? "windows by hand give the same: $(awk '{ s += $1 } END { print s / NR, NR }' scores), $nll wanted over $tokens"
patch_value no-bos.gguf tokenizer.ggml.add_bos_token '\0'
json "without BOS a window's first token is not counted" '"windows":' -- perplexity no-bos.gguf -f long.txt -c 20 --json
[ $(($(member tokens) + $(member windows))) -eq "$tokens" ]
says $? "tokens and windows are those of the text"
: >empty.txt
refused 2 "at least 2 tokens and a context of 2 wanted, 1 and 512 found" perplexity model.gguf -f empty.txt
refused 2 "at least 2 tokens and a context of 2 wanted, .* and 1 found" perplexity model.gguf -f long.txt -c 1
refused 2 "a text is wanted: -f FILE" perplexity model.gguf
refused 1 "no-such.txt: No such file" perplexity model.gguf -f no-such.txt
stories=${PEWTER_SHARED:-/nowhere}/models/stories260K
if [ -e "$stories/stories260K-f32.gguf" ]; then
    pw perplexity "$stories/stories260K-f32.gguf" -f "$stories/ppl_text.txt" --exact --json
    member perplexity | awk '{ exit !($1 > 2.2380 && $1 < 2.2390) }'
    says $? "stories260K: 2.2385 wanted, $(member perplexity) found"
else
    skip "the perplexity of stories260K (PEWTER_SHARED names no folder with it)"
fi
finish
