#!/bin/bash
# pewter chat: through pipes, and at a terminal that `script` makes: commands, history, right-to-left
# text, Ctrl-C in a line and in an answer, Ctrl-D.
# shellcheck source=tests/e2e/command.bash
. "$(dirname "$0")/command.bash"
make_model
talk() { # talk ARGUMENT...: a conversation of the lines on standard input
    cat >lines
    input=lines pw chat model.gguf "$@"
}

# ---- Through pipes -------------------------------------------------------------------------------
talk -n 5 --temp 0 <<<Hello
[ $status -eq 0 ] && [ -s out ] && [ ! -s err ] && ! grep -q '^> ' out
says $? "a line in, an answer out, no prompt"
cp out first
printf 'Hello' | "$pewter" chat model.gguf -n 5 --temp 0 2>err | cmp -s - first
says $? "a last line without its end"
printf 'Hello\r\n' | "$pewter" chat model.gguf -n 5 --temp 0 2>err | cmp -s - first
says $? "lines that end as on Windows"
pw run model.gguf -p Hello -n 5 --temp 0
cmp -s out first
says $? "the first answer is that of run"
talk -n 5 <<<''
[ $status -eq 0 ] && [ ! -s out ]
says $? "an empty line is nothing"
talk -n 5 </dev/null
[ $status -eq 0 ] && [ ! -s out ] && [ ! -s err ]
says $? "nothing at all"

talk -n 5 --temp 0 <<'END'
/save none.json
/system Be brief.
Hello
سلام دنیا "quoted" \ back
/save two.json
/save two.json
/save no/folder.json
/help
/frobnicate
/save
/stats
/reset
/save system.json
/system
/save cleared.json
/quit
never reached
END
[ $status -eq 0 ]
says $? "the commands: exit $status"
grep -q '0 messages in none.json' out && [ "$(cat none.json)" = '[]' ]
says $? "/save of nothing"
is_json two.json whole && grep -q '"role":"system","content":"Be brief."' two.json &&
    grep -qF '"role":"user","content":"سلام دنیا \"quoted\" \\ back"' two.json && [ "$(grep -c '"assistant"' two.json)" -eq 2 ]
says $? "/save writes what was said, letter by letter"
grep -q 'no/folder.json: No such file' err
says $? "/save where nothing can be written"
grep -q 'two.json: File exists' err
says $? "/save never replaces a file"
grep -q '^(/system TEXT.*Ctrl-C' out
says $? "/help"
grep -q 'no command /frobnicate: /system TEXT' out && grep -q 'no command /save:' out
says $? "an unknown command"
grep -qE '^prompt [0-9]+ tokens' err
says $? "/stats"
[ "$(cat system.json)" = '[{"role":"system","content":"Be brief."}]' ]
says $? "/reset keeps the system's message"
[ "$(cat cleared.json)" = '[]' ] && grep -q 'without a system message' out
says $? "/system alone takes it away"
! grep -q 'never reached' two.json out
says $? "/quit leaves"

talk -n 5 --temp 0 --json <<<$'Hello\n/frobnicate\nAgain\n/save json.json'
[ $status -eq 0 ] && [ "$(wc -l <out)" -eq 2 ] && is_json out && grep -q '^{"role":"assistant","content":".*","finish":"length"}$' out
says $? "--json: an object for each answer, and nothing else"
talk -n 5 --temp 0 --system "Be brief." <<<$'Hello\n/save option.json'
head -n 1 option.json | grep -q '"system","content":"Be brief."'
says $? "--system"
printf 'caf\xe9 \xff\n/save bytes.json\n' | "$pewter" chat model.gguf -n 3 >out 2>err
is_json bytes.json whole
says $? "bytes that are no UTF-8 are saved as JSON"

# What is said is counted: the second prompt reads only what is new, and the answers are those of one
# that is told all at once.
talk -n 5 --temp 0 --json <<<$'Hello\nAgain' && tail -n 1 out >second
talk -n 5 --temp 0 --json -b 3 <<<$'Hello\nAgain' && tail -n 1 out | cmp -s - second
says $? "a second answer does not depend on batches"
talk -n 5 --temp 0 --json <<<$'Other\n/reset\nHello\nAgain' && tail -n 1 out | cmp -s - second
says $? "/reset forgets"

long=$(printf 'word %.0s' {1..150})
printf '%s\nHello\n' "$long" | "$pewter" chat model.gguf -n 3 -c 64 >out 2>err
status=$?
[ $status -eq 0 ] && grep -q 'the prompt has [0-9]* tokens with all that was said, the context has room for 64' err && grep -q '/reset begins anew' out && [ "$(wc -l <out)" -ge 2 ]
says $? "a message that does not fit is refused with both numbers, and the talk goes on: exit $status"
printf '%s\n' "$long" | "$pewter" chat model.gguf -c 64 --json >out 2>err
grep -q '^{"error":"the prompt has' out && is_json out
says $? "with --json the refusal is JSON"
LC_ALL=C sed 's/tokenizer\.chat_template/tokenizer.chat_templatE/' model.gguf >plain.gguf
refused 1 'no chat template: pewter run --raw' chat plain.gguf
refused 1 'No such file' chat no-such.gguf
refused 2 'temperature: 0 to 100 wanted, 101 found' chat model.gguf --temp 101

# ---- At a terminal -------------------------------------------------------------------------------
if ! has_terminal; then
    skip "chat at a terminal (script of util-linux is not there, or gets no pseudo-terminal)"
    finish
fi
# libedit keeps the name of a key's function that is added: no leak of ours.
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
pw synth slow.gguf --shape tiny,layers=8,context=16384 --seed 1
mkfifo keys
seen=0
keys() { printf '%b' "$1" >&7; }
# shellcheck disable=SC2317  # called through wait_for
is_shown() { tail -c +$((seen + 1)) typescript | LC_ALL=C grep -qaE -- "$1"; }
# Waits until the terminal shows a pattern behind what was seen before.
shows() {
    wait_for 20 is_shown "$1"
    says $? "the terminal shows: $1"
    seen=$(wc -c <typescript)
}
export PEWTER_COMMAND="$pewter chat slow.gguf --temp 0 --ignore-eos --threads 1 --cpu-features scalar"
# shellcheck disable=SC2016  # for the shell inside
script -qefc 'stty rows 30 cols 200; stty -g >before; LC_ALL= LANG= $PEWTER_COMMAND -n 3; echo "exit $?" >code; stty -g >after' typescript <keys >/dev/null 2>&1 &
job=$!
exec 7>keys
shows '/quit; Ctrl-C ends an answer'
keys 'سلام דניאל'
shows 'سلام דניאל'
keys '\r'
shows '> '
keys 'forget me\003second\r'
shows '> '
keys '\033[A\033[A\r' # up, up: the first line again
shows '> '
keys '/save terminal.json\r'
shows '6 messages in terminal.json'
keys '\004'
wait_for 20 test -s after
says $? "Ctrl-D leaves"
exec 7>&-
wait $job
grep -qx 'exit 0' code && cmp -s before after
says $? "the terminal is as it was: $(cat code)"
sed -nE 's/.*"user","content":"(.*)"\}.*/\1/p' terminal.json >said
printf 'سلام דניאל\nsecond\nسلام דניאל\n' | cmp -s - said
says $? "right-to-left text is untouched, Ctrl-C empties a line, the history holds lines: $(tr '\n' '|' <said)"

seen=0
rm -f typescript code after
# shellcheck disable=SC2016  # for the shell inside
script -qefc 'stty -g >before; $PEWTER_COMMAND -c 16384; echo "exit $?" >code; stty -g >after' typescript <keys >/dev/null 2>&1 &
job=$!
exec 7>keys
shows 'Ctrl-D the conversation'
keys 'Hello\r'
wait_for 20 is_shown '(.|\r|\n){200}'
keys '\003'
shows 'prompt [0-9]+ tokens.*answer [0-9]+ tokens'
keys '/save ended.json\r'
shows '2 messages in ended.json'
keys '/quit\r'
wait_for 20 test -s after
says $? "/quit leaves"
exec 7>&-
wait $job
grep -qx 'exit 0' code && cmp -s before after && grep -qa '(ended)' typescript && is_json ended.json whole
says $? "Ctrl-C ends an answer and no more: $(cat code)"
finish
