#!/bin/bash
# Load on `pewter serve`, beside the services of rivals that make rivals set up, as a table of Markdown.
#   bench/serve/run.sh MODEL.gguf [option of load.py...]
# Environment: B (build folder), PEWTER_RIVALS, SERVICES ("pewter llama"; also openvino, which reads Q4_0, Q8_0 and F16),
# CONTEXT (tokens that all answers of a service hold together, 32768), THREADS (2).
set -u
cd "$(dirname "$0")/../.." || exit 1
b=${B:-build/release} rivals=${PEWTER_RIVALS:-build/rivals} context=${CONTEXT:-32768} threads=${THREADS:-2}
model=${1:-}
say() { printf 'bench-serve: %s\n' "$*" >&2; }
case $model in
'' | -h | --help)
    sed -n '2,5s/^# \?//p' bench/serve/run.sh
    python3 bench/serve/load.py --help
    exit $((${#model} == 0 ? 2 : 0))
    ;;
esac
shift
[ -r "$model" ] || { say "$model cannot be read" && exit 1; }

room=$(mktemp -d)
jobs=()
trap 'kill "${jobs[@]}" 2>/dev/null; wait; rm -rf "$room"' EXIT
places=()

start() { # start NAME PORT COMMAND...: a service that answers on that port
    local name=$1 port=$2
    shift 2
    "$@" >"$room/$name" 2>&1 </dev/null &
    jobs+=($!)
    for _ in $(seq 1200); do
        # llama-server answers 503 until its model is loaded; openvino's has no such route.
        if curl -sf "http://127.0.0.1:$port/health" >/dev/null || grep -q '^listening on' "$room/$name"; then
            places+=("$name=http://127.0.0.1:$port,model")
            return 0
        fi
        kill -0 "${jobs[-1]}" 2>/dev/null || break
        sleep 0.1
    done
    say "$name does not start:"
    tail -n 5 "$room/$name" >&2
    exit 1
}

for service in ${SERVICES:-pewter llama}; do
    case $service in
    pewter) start pewter 18090 "$b/pewter" serve "$model" --alias model --port 18090 -c "$context" -t "$threads" ;;
    llama)
        start llama 18091 "$rivals/bin/llama-server" -m "$model" -a model --port 18091 -c "$context" -np 64 \
            --kv-unified -t "$threads" -tb "$threads" --no-webui
        ;;
    openvino)
        start openvino 18092 "$rivals/venv/bin/python" bench/serve/openvino_service.py "$model" --port 18092 \
            --context "$context" --threads "$threads" --tokens http://127.0.0.1:18090,model
        ;;
    *) say "SERVICES: pewter, llama, openvino wanted, found '$service'" && exit 2 ;;
    esac
done
echo "$("$b/pewter" --version), $(basename "$model"), $threads threads, $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1), load $(cut -d ' ' -f 1 /proc/loadavg)"
echo
python3 bench/serve/load.py "${places[@]}" "$@"
