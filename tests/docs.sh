#!/bin/bash
# What the documents show is true: every line of a block that begins ```sh run is run, with a small
# model at hand; every file that is named exists; every option that is named is known to --help.
# shellcheck disable=SC2013,SC2016  # backquotes are searched for; options are words
set -u
cd "$(dirname "$0")/.." || exit 1
B=${B:-build/release}
root=$PWD
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
passed=0 failed=0
documents=(README.md CONTRIBUTING.md NEWS.md docs/*.md)

says() { # says STATUS WHAT: counts
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "docs: $2"
    fi
}

# Paths of files of ours, in backquotes or links. What is built or fetched is not looked for.
while IFS=: read -r document path; do
    base=.
    [[ $path == *\(* ]] && base=$(dirname "$document")
    path=${path//[\`()\[\]]/}
    [ -e "$path" ] || [ -e "$base/$path" ]
    says $? "$document names $path, which does not exist"
done < <(grep -oHE '`(include|kernels|backends|scheduler|runtime|tools|tests|docs|bench|pw)/[a-zA-Z0-9_/.-]*`|\]\([a-zA-Z0-9_/.-]+\)' \
    "${documents[@]}" | sed 's/`pw\//`include\/pw\//' | sort -u)

# The options in running text, against those that the commands explain.
pewter=$root/$B/pewter
for command in '' run chat serve info devices plan tokenize perplexity logits bench synth; do
    # shellcheck disable=SC2086  # no command is no word
    "$pewter" $command --help </dev/null
done >"$room/help" 2>&1
"$root/$B/pewter-bench" --help >>"$room/help"
"$root/bench/full.sh" --help >>"$room/help"
for option in $(grep -ohE '(^|[ `(])--[a-z][a-z-]+' "${documents[@]}" | grep -oE -- '--[a-z-]+' | sort -u); do
    case $option in
    --cflags | --libs | --have | --help | --version) continue ;;
    esac
    grep -qE -- "$option([^a-z-]|\$)" "$room/help"
    says $? "$option is named in the documents, and in no --help"
done

# Every option beside a command, in a document or among the examples of its --help, is one of its own.
while read -r command option; do
    "$pewter" "$command" --help </dev/null 2>&1 | sed '/^examples:/,$d' | grep -qE -- "(^|[ ,])$option([^a-z-]|\$)"
    says $? "pewter $command is shown with $option, which it does not explain"
done < <(cat "${documents[@]}" "$room/help" |
    grep -oE '(^|[ `/])pewter (run|chat|serve|info|devices|plan|tokenize|perplexity|logits|bench|synth) [^`|;#]*' |
    while read -r _ command words; do
        grep -oE -- '(^| )--[a-z][a-z-]+' <<<"$words" | grep -vE -- '--(help|version)$' | sed "s/^ */$command /"
    done | sort -u)

cd "$room" || exit 1
export PATH=$root/$B:$PATH PEWTER_BENCH_DIR=$room/kept XDG_CACHE_HOME=$room/cache
if ! pewter synth model.gguf --shape tiny --type Q8_0 --seed 1 >"$room/log" 2>&1; then
    cat "$room/log"
    echo "docs: no model could be written"
    echo "$passed passed, $((failed + 1)) failed"
    exit 1
fi
head -c 300 "$root/docs/sample/consultation.txt" >document.txt
for document in "${documents[@]}"; do
    awk '/^```sh run$/ { on = 1; next } /^```/ { on = 0 } on' "$root/$document"
done >lines
while IFS= read -r line; do
    timeout 60 bash -o pipefail -c "$line" </dev/null >out 2>&1
    status=$?
    [ -s out ] || status=1
    says $status "this fails, or says nothing: $line"
    [ $status -eq 0 ] || cat out
done <lines
[ -s lines ] || says 1 "no block to run was found"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
