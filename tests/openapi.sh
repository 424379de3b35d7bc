#!/bin/bash
# schemathesis asks the service what docs/openapi.json describes, and what it does not: `make check-openapi`. Its virtual
# environment is that of `make check-clients`. That a request of the right form is taken is not asked: a model's name and its
# tokens are none of the form.
set -u
cd "$(dirname "$0")/.." || exit 1
b=${B:-build/release}
venv=${CLIENTS_VENV:-build/clients}
if [ ! -x "$venv/bin/schemathesis" ]; then
    python3 -m venv "$venv" &&
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check schemathesis==4.32.5 || exit 1
fi
# shellcheck source=tests/service.bash
. tests/service.bash
"$venv/bin/schemathesis" run docs/openapi.json --url "$address" --max-examples "${EXAMPLES:-100}" --seed "${SEED:-1}" \
    --request-timeout 10 --exclude-checks positive_data_acceptance >"$room/log" 2>&1
status=$?
[ $status -eq 0 ] || cat "$room/log"
grep -E 'generated' "$room/log"
if kill -0 "$job" 2>/dev/null && [ $status -eq 0 ]; then
    echo '1 passed, 0 failed'
else
    echo '0 passed, 1 failed'
    exit 1
fi
