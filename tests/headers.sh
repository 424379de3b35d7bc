#!/bin/bash
# Every header compiles alone; the public one also as older C and as C++.
set -u
cd "$(dirname "$0")/.." || exit 1
CC=${CC:-gcc}
failed=0
flags=(-std=c17 -D_GNU_SOURCE -I. -Iinclude -Wall -Wextra -Werror -Wno-unused-function
    -fsyntax-only)

compiles() { # compiles HEADER COMMAND...
    local header=$1
    shift
    if ! printf '#include "%s"\ntypedef int not_empty;\n' "${header#include/}" | "$@" -; then
        echo "$header does not compile alone: $*"
        failed=1
    fi
}

while IFS= read -r header; do
    isa=()
    case $header in
    kernels/cpu/x86/*)
        [[ $("$CC" -dumpmachine) == x86_64* ]] || continue
        isa=(-mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mavx512bf16 -mavx2 -mfma -mf16c)
        ;;
    esac
    compiles "$header" "$CC" "${flags[@]}" "${isa[@]}" -xc
done < <(find include kernels backends scheduler runtime tools bench tests -name '*.h' | sort)

compiles include/pewter.h "$CC" -std=c99 -pedantic -Iinclude -Wall -Wextra -Werror -fsyntax-only -xc
if command -v g++ >/dev/null; then
    compiles include/pewter.h g++ -std=c++11 -pedantic -Iinclude -Wall -Wextra -Werror -fsyntax-only -xc++
else
    echo "skipped: pewter.h as C++ (no g++ here)"
fi
exit $failed
