#!/bin/bash
# tools/setup.sh on machines of all kinds: nothing is installed here, apt-get and sudo are stand-ins.
# shellcheck disable=SC2015,SC2016  # scripts of stand-ins are quoted on purpose
set -u
cd "$(dirname "$0")/.." || exit 1
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
passed=0 failed=0

# Never written through a link: the machine's own command is at its other end.
stand_in() { # stand_in NAME <script
    rm -f "$room/bin/$1"
    { echo '#!/bin/sh' && cat; } >"$room/bin/$1"
    chmod +x "$room/bin/$1"
}

# A machine with the basic tools of Debian and nothing to compile with.
fresh() {
    rm -rf "${room:?}/bin" && mkdir "$room/bin"
    for tool in sh env cat rm mktemp tail grep dirname nproc dpkg; do
        ln -s "$(command -v $tool)" "$room/bin/$tool"
    done
    stand_in id <<<'echo 0'
    : >"$room/calls"
}

setup() { env -i PATH="$room/bin" HOME="$room" CALLS="$room/calls" "$@" >"$room/out" 2>&1; }

expect() { # expect WHAT STATUS_WANTED STATUS TEXT...: every TEXT is said, or was called
    local what=$1 wanted=$2 status=$3 text bad=0
    shift 3
    [ "$wanted" -eq "$status" ] || bad=1
    for text; do grep -qF -- "$text" "$room/out" "$room/calls" || bad=1; done
    if [ "$bad" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "setup: $what: exit $status, $wanted wanted, with: $*"
        cat "$room/out" "$room/calls"
    fi
}

fresh
stand_in apt-get <<<'echo apt-get "$@" >>"$CALLS"'
setup NO_INSTALL=1 tools/setup.sh build
expect "lists what is missing" 1 $? "NO_INSTALL=1: gcc libc6-dev make pkg-config libhwloc-dev" libedit-dev
[ -s "$room/calls" ] && expect "installs nothing" 1 0 "-"

setup tools/setup.sh build
expect "installs what is missing as root" 0 $? "installing by apt: gcc libc6-dev" \
    "apt-get install -y --no-install-recommends gcc libc6-dev make"

fresh
setup tools/setup.sh build
expect "names what to install where there is no apt" 1 $? "not a Debian or Ubuntu system" libhwloc-dev

fresh
stand_in apt-get <<<'echo "E: Temporary failure resolving" >&2; exit 100'
setup tools/setup.sh build
expect "says that there is no network" 1 $? "is there a network?"

fresh
stand_in id <<<'echo 1000'
stand_in apt-get <<<'exit 0'
setup tools/setup.sh build
expect "without root and sudo says what to run" 1 $? "as root: apt-get install gcc"
stand_in sudo <<<'echo sudo "$@" >>"$CALLS"'
setup tools/setup.sh build
expect "goes through sudo when not root" 0 $? "sudo env DEBIAN_FRONTEND=noninteractive apt-get install"

fresh
setup tools/setup.sh unheard-of
expect "refuses an unknown purpose" 2 $? "unknown purpose 'unheard-of'"

# This machine has built what is being tested, so it lacks nothing for that.
fresh
tools/setup.sh build >"$room/out" 2>&1
expect "leaves a complete machine alone" 0 $?
[ -s "$room/out" ] && expect "is silent where nothing is missing" 1 0 "-"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
