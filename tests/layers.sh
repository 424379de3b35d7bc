#!/bin/sh
# The rule of the floors: a file includes its own floor and the faces of the floors below. Prints
# each breach; fails if there is any.
# shellcheck disable=SC2317  # rules are called by name
set -eu
cd "$(dirname "$0")/.."

# Includes from the root, downwards, and of another room's top-level headers only.
floors() {
    grep -rn '^ *# *include *"' --include='*.[ch]' include kernels backends scheduler runtime |
        awk -F'[:"]' '
        BEGIN { split("include kernels backends scheduler runtime", name, " ")
                for (i in name) floor[name[i]] = i + 0
                floor["pw"] = floor["pewter.h"] = 1 }
        { split($1, from, "/"); n = split($4, to, "/")
          up = !(to[1] in floor) || floor[to[1]] > floor[from[1]]
          inner = to[1] != from[1] && n > 2 && !(from[1] == "backends" && to[3] == "rows.h")
          if (up || inner) { print $1 ":" $2 ": includes " $4; bad = 1 } }
        END { exit bad }'
}

# One backend knows no other; a room of kernels knows no other but the reference.
neighbours() {
    grep -rn '^ *# *include *"' --include='*.[ch]' backends |
        awk -F'[:"]' '
        { n = split($1, from, "/"); m = split($4, to, "/")
          if (n > 2 && m > 2 && to[1] == "backends" && to[2] != from[2]) {
              print $1 ":" $2 ": one backend includes another: " $4; bad = 1 } }
        END { exit bad }'
}

# Programs see pewter.h, the JSON helper and the names of attributes; the command is a user of the library like any other.
tools() {
    grep -rn '^ *# *include *"' --include='*.[ch]' tools docs/examples |
        awk -F'[:"]' '
        $4 != "pewter.h" && $4 != "pw/attr.h" && $4 != "runtime/text/json.h" && $4 !~ /^tools\// &&
        $4 !~ /^bench\/(base|model|report)\// {
            print $1 ":" $2 ": includes " $4; bad = 1 }
        END { exit bad }'
}

# What the bench shares with the command sees no more of the library than the command does, and the
# names of CPU features. pewter-bench itself may look anywhere.
bench() {
    grep -rn '^ *# *include *"' --include='*.[ch]' bench/base bench/model bench/report |
        awk -F'[:"]' '
        $4 != "pewter.h" && $4 !~ /^pw\// && $4 != "runtime/text/json.h" &&
        $4 != "kernels/features.h" && $4 !~ /^bench\/(base|model|report)\// {
            print $1 ":" $2 ": includes " $4; bad = 1 }
        END { exit bad }'
}

# Each third party stays in its room.
parties() {
    grep -rnE '^ *# *include *<(hwloc|pcre2|utf8proc|jansson|histedit|editline|microhttpd|gnutls|vulkan)' --include='*.[ch]' \
        include kernels backends scheduler runtime tools |
        awk -F: '
        $3 ~ /hwloc/ && $1 != "scheduler/machine.c" { bad = 1; print }
        $3 ~ /pcre2|utf8proc/ && $1 !~ /^runtime\/text\// { bad = 1; print }
        $3 ~ /jansson/ && $1 !~ /^runtime\/text\/json\.[ch]$/ { bad = 1; print }
        $3 ~ /edit/ && $1 !~ /^tools\// { bad = 1; print }
        $3 ~ /microhttpd|gnutls/ && $1 !~ /^tools\/server\// { bad = 1; print }
        $3 ~ /vulkan/ && $1 !~ /^backends\/vulkan\// { bad = 1; print }
        END { exit bad }'
}

# Below tools/ nothing ends the process, prints, or reads the environment.
calls() {
    ! grep -rnE '(^|[^_[:alnum:]])(exit|_exit|abort|printf|puts|perror|getenv|setenv|system|popen|alloca|strtok|setlocale)\(' \
        --include='*.[ch]' include kernels backends scheduler runtime
}

# Memory goes through pewter_allocator: malloc stands only where the default one is made.
memory() {
    ! grep -rnE '(^|[^_[:alnum:]])(malloc|calloc|realloc|strdup|aligned_alloc|posix_memalign)\(' \
        --include='*.[ch]' include kernels backends scheduler runtime | grep -v '/memory\.c:'
}

failed=0
for rule in floors neighbours tools bench parties calls memory; do
    if ! $rule; then
        echo "layers: rule '$rule' is broken by the lines above"
        failed=1
    fi
done
exit $failed
