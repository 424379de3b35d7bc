# shellcheck shell=bash
# What the tests of the command share. They work in an empty folder of their own, on models that the
# command writes, and end with `finish`. Sourced; not a test.
set -u
umask 022
top=$(mktemp -d)
trap '[ "$BASHPID" != $$ ] || rm -rf "$top"' EXIT
# A name without spaces, whatever the project's folder is called.
ln -s "${PEWTER_BUILD:-$PWD/${B:-build/release}}/pewter" "$top/pewter"
pewter=$top/pewter
room=$top/room
mkdir "$room" && cd "$room" || exit 1
passed=0 failed=0 skipped=0 status=0 input=/dev/null
# What drivers of GPUs keep to their end counts as lost once the loader has unloaded them: LeakSanitizer does without
# them, but in cmd_gpu.sh.
export sanitized=''
if LC_ALL=C grep -q __asan_init "$pewter"; then
    sanitized=1
    export VK_ICD_FILENAMES=/nonexistent
fi
export TERM=xterm SHELL=$BASH

says() { # says STATUS WHAT: counts; a failure is told with the last output
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAIL %s\n' "$2"
        for file in out err; do
            [ ! -s "$room/$file" ] || LC_ALL=C cut -c 1-300 "$room/$file" | head -n 20 | LC_ALL=C sed "s/^/     $file: /"
        done
        echo
    fi
}

skip() { # skip WHAT: said in words, and counted
    skipped=$((skipped + 1))
    echo "skipped: $*"
}

# Whether a command can be run at a terminal of its own.
has_terminal() {
    command -v script >/dev/null && timeout 10 script -qefc true /dev/null </dev/null >/dev/null 2>&1
}

finish() {
    echo "$passed passed, $failed failed$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")"
    [ "$failed" -eq 0 ]
    exit
}

pw() { # pw ARGUMENT...: runs the command on $input into out and err; its exit status is in $status
    timeout -k 5 120 "$pewter" "$@" <"$input" >out 2>err
    status=$?
}

# The command succeeds, says nothing on stderr, and every pattern is found in what it prints.
fine() { # fine WHAT PATTERN... -- ARGUMENT...
    local what=$1 bad=0 pattern
    local patterns=()
    shift
    while [ "$1" != -- ]; do patterns+=("$1") && shift; done
    shift
    pw "$@"
    [ "$status" -eq 0 ] && [ ! -s err ] || bad=1
    for pattern in "${patterns[@]}"; do LC_ALL=C grep -qaE -- "$pattern" out || bad=1; done
    says $bad "$what: exit $status, wanted 0 and: ${patterns[*]}"
}

# The command fails with that status and one sentence that matches, and prints nothing else.
refused() { # refused STATUS PATTERN ARGUMENT...
    local wanted=$1 pattern=$2 bad=0
    shift 2
    pw "$@"
    [ "$status" -eq "$wanted" ] && [ ! -s out ] && [ "$(wc -l <err)" -eq 1 ] || bad=1
    LC_ALL=C grep -qaE -- "^pewter.*$pattern" err || bad=1
    says $bad "pewter $*: exit $status, wanted $wanted and: $pattern"
}

# JSON by reduction: strings, then numbers and words, then what is built of them. Each line is one
# value, or the whole file where a second argument is given.
is_json() { # is_json FILE [whole]
    LC_ALL=C awk -v whole="${2:-}" '
        function good(s) {
            gsub(/"([^"\\\001-\037]|\\["\\\/bfnrt]|\\u[0-9a-fA-F][0-9a-fA-F][0-9a-fA-F][0-9a-fA-F])*"/, "S", s)
            gsub(/[ \t\r\n]+/, "", s)
            gsub(/-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/, "V", s)
            gsub(/true|false|null/, "V", s)
            while (gsub(/\[\]|\[[VS](,[VS])*\]|\{\}|\{S:[VS](,S:[VS])*\}/, "V", s)) ;
            return s == "V"
        }
        whole { all = all $0 "\n"; next }
        !good($0) { bad = 1 }
        END { exit bad || NR == 0 || (whole && !good(all)) }' "$1"
}

# The value of a number or a text without escapes in the last line of out.
member() { # member NAME
    tail -n 1 out | LC_ALL=C sed -nE "s/.*\"$1\":(\"([^\"\\]*)\"|(-?[0-9.e+-]+|null|true|false)).*/\2\3/p"
}

json() { # json WHAT PATTERN... -- ARGUMENT...: as fine, and all lines of out are JSON
    fine "$@"
    is_json out
    says $? "$1: this is no JSON"
}

# Writes model.gguf: three layers, 512 tokens, with a chat template.
make_model() {
    pw synth model.gguf --shape tiny --type Q8_0 --seed 1
    [ "$status" -ne 0 ] || return 0
    cat err
    echo "0 passed, 1 failed"
    exit 1
}

# A copy of model.gguf with bytes of metadata written over: those behind KEY and its type.
patch_value() { # patch_value COPY KEY BYTES (as printf has them)
    local at
    cp model.gguf "$1"
    at=$(LC_ALL=C grep -abo -m 1 -- "$2" model.gguf | head -n 1)
    # shellcheck disable=SC2059  # escapes are meant
    printf "$3" | dd of="$1" bs=1 seek=$((${at%%:*} + ${#2} + 4)) conv=notrunc 2>/dev/null
}

wait_for() { # wait_for SECONDS COMMAND...: until it succeeds
    local tries=$(($1 * 50))
    shift
    while ! "$@" 2>/dev/null; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.02
    done
}
