#!/bin/bash
# The command and the world around it: standard files that are closed, full or go away, file names of
# all kinds, places that cannot be written, other locales.
# shellcheck source=tests/e2e/command.bash
. "$(dirname "$0")/command.bash"
make_model
printf 'Once upon a time there was a text. ' >text.txt
given() { # given COMMAND: arguments with which it prints something
    case $1 in
    run) echo "model.gguf -p Hello -n 3" ;;
    devices) ;;
    info | plan) echo model.gguf ;;
    tokenize) echo "model.gguf -p Hello" ;;
    perplexity) echo "model.gguf -f text.txt" ;;
    logits) echo "model.gguf --ids 1,2,3" ;;
    chat) echo "model.gguf -n 3" ;;
    synth) echo new.gguf --force ;;
    esac
}
echo Hello >hello.txt

# ---- Standard files ------------------------------------------------------------------------------
for command in run chat info devices plan tokenize perplexity logits synth; do
    read -r -a words < <(given $command) || true
    # shellcheck disable=SC2094  # the chat reads what it is told
    "$pewter" $command "${words[@]}" <hello.txt >/dev/full 2>err
    status=$?
    [ $status -eq 1 ] && [ "$(wc -l <err)" -eq 1 ] && grep -q 'standard output cannot be written: No space' err
    says $? "$command, the output full: exit $status, 1 and a sentence wanted"
    "$pewter" $command "${words[@]}" <hello.txt >&- 2>err
    status=$?
    [ $status -eq 1 ] && [ "$(wc -l <err)" -eq 1 ] && grep -q 'standard output cannot be written: Bad file' err
    says $? "$command, the output closed: exit $status, 1 and a sentence wanted"
    "$pewter" $command "${words[@]}" <hello.txt 2>err | :
    status=${PIPESTATUS[0]}
    { [ "$status" -eq 0 ] || [ "$status" -eq 1 ]; } && [ ! -s err ]
    says $? "$command, the reader gone: exit $status and silence wanted"
    "$pewter" $command "${words[@]}" <hello.txt >out 2>&-
    status=$?
    [ $status -eq 0 ] && [ -s out ]
    says $? "$command, stderr closed: exit $status"
    "$pewter" $command "${words[@]}" <hello.txt >out 2>/dev/full
    status=$?
    [ $status -eq 0 ] && [ -s out ]
    says $? "$command, stderr full: exit $status"
    "$pewter" $command "${words[@]}" <&- >out 2>err
    status=$?
    [ $status -eq 0 ]
    says $? "$command, the input closed: exit $status"
    "$pewter" $command --help >/dev/full 2>err
    status=$?
    [ $status -eq 1 ] && grep -q 'standard output cannot be written' err
    says $? "$command --help, the output full"
done
"$pewter" run model.gguf - <&- >out 2>err
status=$?
[ $status -eq 1 ] && grep -q 'standard input: Bad file descriptor' err
says $? "a prompt from an input that is closed: exit $status"
"$pewter" run model.gguf --json --plan -p Hello -n 3 <&- >&- 2>&-
status=$?
[ $status -eq 1 ]
says $? "everything closed"
"$pewter" logits model.gguf --ids 1 --raw closed.f32 >&- 2>/dev/null
[ "$(stat -c %s closed.f32)" -eq 2048 ]
says $? "with the output closed, a file that is written holds what belongs there and no more"

# A reader that goes away ends an answer that would be long, in silence.
began=$SECONDS
"$pewter" run model.gguf -p Hello --ignore-eos 2>err | head -c 20 >out
[ ! -s err ] && [ -s out ] && [ $((SECONDS - began)) -lt 30 ]
says $? "a reader that has seen enough"

# ---- Names ---------------------------------------------------------------------------------------
for name in 'with blanks' $'a\nnew line' $'no\xff\xfeutf8' 'ünïcödé سلام' '%s%n' "quote'\"" 'back\slash' -dash; do
    shown=$(printf %q "$name")
    cp model.gguf ./"$name.gguf" && cp text.txt ./"$name.txt"
    fine "info of $shown" 'GGUF version 3' -- info -- "$name.gguf"
    json "info --json of $shown" '"hyperparameters"' -- info --json -- "$name.gguf"
    fine "a model $shown" . -- run -n 2 -f "$name.txt" -- "$name.gguf"
    pw run -p x -- "no $name.gguf"
    [ $status -eq 1 ] && LC_ALL=C grep -qa 'No such file or directory$' err
    says $? "no model $shown"
    pw run model.gguf -f "no $name.txt"
    [ $status -eq 1 ] && LC_ALL=C grep -qa 'No such file or directory$' err
    says $? "no document $shown"
    json "synth to $shown" '"bytes":' -- synth --json -- "new $name.gguf"
    json "raw logits to $shown" '"logits_f32":' -- logits model.gguf --ids 1 --raw "$name.f32"
    [ -s ./"new $name.gguf" ] && [ -s ./"$name.f32" ]
    says $? "the files $shown are there"
done
# What steers a terminal is not printed, wherever it stood.
pw info $'a\033]0;b'
[ $status -eq 1 ] && grep -q 'a\\x1b\]0;b: No such file' err
says $? "a name cannot steer the terminal"
long=$(printf 'x%.0s' {1..300})
refused 1 'name too long' info "$long"
ln -s model.gguf link.gguf && ln -s loop.gguf loop.gguf && mkfifo pipe.gguf && mkdir folder.gguf
fine "a link to a model" 'GGUF' -- info link.gguf
refused 1 'Too many levels' info loop.gguf
refused 1 'a file is wanted' run pipe.gguf -p x
refused 1 'is a folder, a file is wanted' run folder.gguf -p x
refused 1 'No such file' run '' -p x
: >empty.gguf
refused 1 'empty.gguf' run empty.gguf -p x
for size in 3 100 10000 1000000 2039999; do
    cp model.gguf cut.gguf && truncate -s $size cut.gguf
    refused 1 'cut.gguf' run cut.gguf -p x
done

# ---- Places that cannot be written ---------------------------------------------------------------
refused 1 'cannot be written: No such file' synth no/folder.gguf
refused 1 'cannot be written' synth hello.txt/x.gguf
refused 1 'no/folder: No such file' logits model.gguf --ids 1 --raw no/folder
refused 1 'Is a directory' logits model.gguf --ids 1 --raw folder.gguf
if [ "$(id -u)" -eq 0 ]; then
    skip "folders without the permission to write (root may)"
else
    mkdir locked && chmod 500 locked
    refused 1 'cannot be written: Permission denied' synth locked/x.gguf
    refused 1 'Permission denied' logits model.gguf --ids 1 --raw locked/x
    cp model.gguf secret.gguf && chmod 000 secret.gguf
    refused 1 'Permission denied' info secret.gguf
fi
(
    ulimit -f 100
    trap '' XFSZ
    "$pewter" synth large.gguf >out 2>err
    echo $? >code
)
[ "$(cat code)" -eq 1 ] && grep -q 'large.gguf.*File too large' err && [ ! -e large.gguf ]
says $? "a disk that is full leaves no half of a model: exit $(cat code)"

# ---- Locales -------------------------------------------------------------------------------------
usual=${LC_ALL:-C.UTF-8}
pw logits model.gguf --ids 1,2 && cp out first
german=$(locale -a 2>/dev/null | grep -iE '^de_DE\.utf-?8$' | head -n 1)
if [ -z "$german" ] && command -v localedef >/dev/null && [ -e /usr/share/i18n/locales/de_DE ]; then
    mkdir locales && localedef -i de_DE -f UTF-8 "$PWD/locales/de_DE.UTF-8" >/dev/null 2>&1
    [ -d locales/de_DE.UTF-8 ] && german=de_DE.UTF-8 && export LOCPATH=$PWD/locales
fi
if [ -n "$german" ]; then
    { export LC_ALL=$german; } 2>/dev/null
    pw logits model.gguf --ids 1,2
    cmp -s out first
    says $? "numbers have a point where the locale has a comma"
    fine "an option with a point" . -- run model.gguf -p Hello -n 2 --temp 0.5
    refused 2 "--temp wants a number, found '0,5'" run model.gguf -p Hello --temp 0,5
    json "JSON" '"finish"' -- run model.gguf -p Hello -n 2 --json --figures
    export LC_ALL=$usual
    unset LOCPATH
else
    skip "a locale with a decimal comma (de_DE.UTF-8 is not there)"
fi
for locale in C POSIX xx_XX.nonsense ''; do
    { export LC_ALL=$locale; } 2>/dev/null
    { pw logits model.gguf --ids 1,2; } 2>/dev/null
    cmp -s out first
    says $? "LC_ALL='$locale'"
    fine "Arabic where LC_ALL='$locale'" '^[0-9]+ tokens' -- tokenize model.gguf -p 'سلام'
done 2>/dev/null
export LC_ALL=$usual
env -i "$pewter" run model.gguf -p Hello -n 2 >out 2>err && [ -s out ] && [ ! -s err ]
says $? "no environment at all"
finish
