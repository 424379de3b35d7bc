#!/bin/bash
# Programs that were written for OpenAI's API against `pewter serve`: `make check-clients`. They are installed into
# build/clients with pip, the first time; after that nothing is fetched. A model of random weights answers, so what
# is checked is the protocol, not the wit. Puts the table of results into docs/SERVER.md.
set -u
cd "$(dirname "$0")/.." || exit 1
b=${B:-build/release}
venv=${CLIENTS_VENV:-build/clients}
python=$venv/bin/python
if ! "$python" -c 'import openai, langchain_openai, litellm, llm, instructor, lm_eval, themefinder' 2>/dev/null; then
    echo "clients: installing into $venv" >&2
    python3 -m venv "$venv" &&
        "$python" -m pip install --quiet --disable-pip-version-check openai==2.54.0 langchain-openai==1.7.3 \
            litellm==1.103.11 llm==0.32.1 instructor==1.17.0 'lm-eval[api]==0.4.13' themefinder==0.7.8 || exit 1
fi
# shellcheck source=tests/service.bash
. tests/service.bash
export PEWTER_URL=$address PEWTER_MODEL=tiny PEWTER_KEY=key PYTHONPATH=tests/clients
export OPENAI_API_KEY=key HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 TIKTOKEN_CACHE_DIR=$PWD/$venv/tiktoken LITELLM_LOCAL_MODEL_COST_MAP=True

# litellm carries the table that OpenAI's tokenizer counter would fetch.
mkdir -p "$TIKTOKEN_CACHE_DIR"
cp -n "$("$python" -c 'import litellm, os; print(os.path.dirname(litellm.__file__))' 2>/dev/null)"/litellm_core_utils/tokenizers/* \
    "$TIKTOKEN_CACHE_DIR" 2>/dev/null

passed=0 failed=0
{
    echo '| client | version | passed | failed |'
    echo '|---|---|---|---|'
} >"$room/table"
one() { # one NAME PACKAGE
    local last
    echo "== $1"
    timeout 600 "$python" -W ignore "tests/clients/$2_client.py" 2>&1 | tee "$room/log"
    last=$(tail -n 1 "$room/log")
    local good=${last%% passed*} bad=${last##*, }
    bad=${bad%% failed*}
    case $good$bad in *[!0-9]* | '') good=0 bad=1 ;; esac
    passed=$((passed + good)) failed=$((failed + bad))
    echo "| $1 | $("$python" -c "import importlib.metadata as m; print(m.version('$1'))") | $good | $bad |" >>"$room/table"
}
one openai openai
one langchain-openai langchain
one litellm litellm
one llm llm
one instructor instructor
one lm-eval lm_eval
one themefinder themefinder
kill -0 "$job" 2>/dev/null || { echo "clients: the service has ended" && failed=$((failed + 1)); }
cat "$room/table"
if [ "${1:-}" != --no-write ]; then
    awk -v table="$room/table" '
        /<!-- clients -->/ { print; while ((getline line < table) > 0) print line; skip = 1; next }
        /<!-- end -->/ { skip = 0 }
        !skip' docs/SERVER.md >"$room/doc" && cp "$room/doc" docs/SERVER.md
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
