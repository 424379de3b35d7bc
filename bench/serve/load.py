"""Load on services that speak OpenAI's API, one beside the other: requests/s, tokens/s, time to first token and between
tokens.
  load.py NAME=URL,MODEL ... [--work map,free,summary,minutes,translate,stream,beside] [--flight 1,4,16,64]
          [--seconds N] [--rounds N] [--json]
Work: rows of a consultation held to a schema (map), and as many tokens without one (free); summaries of long texts; one
transcript asked about again and again (minutes); Arabic (translate); short questions with long answers (stream), and
the same beside one more client that sends long texts (beside: that client's requests are not in the figures).
Rounds go in turn over the services, so that a mood of the machine meets all of them. A request that fails is counted,
and its service's figures are void. Of prompts, the share that a service found computed already stands beside the share
that it could have: as many tokens as the prompt begins with in common with an earlier one (asked of the first service
that has /tokenize for messages)."""
import argparse
import asyncio
import json
import random
import statistics
import sys
import time
import urllib.parse
import urllib.request

WORDS = ("the council plans homes flood river parking footbridge school residents library meeting cost station meadow "
         "social rent letter reply answer because should would could never always about street yard house garden").split()
ARABIC = ("يقترح المجلس بناء ثمانية وثلاثين منزلا في الساحة القديمة ويطلب السكان أن تبقى الضفة خالية من البناء وأن تفتح الحديقة "
          "للجميع وأن يراجع المرور بعد عام").split()
SCHEMA = {"type": "object", "additionalProperties": False, "required": ["responses"], "properties": {"responses": {
    "type": "array", "minItems": 4, "maxItems": 4, "items": {
        "type": "object", "additionalProperties": False, "required": ["response_id", "labels", "stance"], "properties": {
            "response_id": {"type": "integer", "minimum": 1, "maximum": 99},
            "labels": {"type": "array", "items": {"enum": list("ABCDEFGHIJKLM")}, "minItems": 1, "maxItems": 3},
            "stance": {"enum": ["agreement", "disagreement", "unclear"]}}}}}}


FREE_TOKENS = 127  # what an answer of the schema has in the median


def words(r, n, source=WORDS):
    return " ".join(r.choice(source) for _ in range(n))


INSTRUCTIONS = words(random.Random(1), 380)  # of a consultation: every call has them
TRANSCRIPT = words(random.Random(2), 1100)   # of a meeting: asked about again and again


def body_of(work, r):
    """The fields of one request; see docs/SERVER.md for where the sizes come from."""
    if work in ("map", "free"):
        text = INSTRUCTIONS + " Replies: " + " ".join(f"{i}: {words(r, 15)}." for i in range(1, 21))
        more = {"max_tokens": 300} if work == "map" else {"max_tokens": FREE_TOKENS, "ignore_eos": True}
        if work == "map":
            more["response_format"] = {"type": "json_schema", "json_schema": {"name": "m", "strict": True, "schema": SCHEMA}}
        return {"messages": [{"role": "user", "content": text}]} | more
    if work == "summary":
        return {"messages": [{"role": "system", "content": words(r, 1500)}, {"role": "user", "content": "Summarise."}],
                "max_tokens": 100, "ignore_eos": True}
    if work in ("stream", "beside"):
        return {"messages": [{"role": "user", "content": words(r, 20)}], "max_tokens": 200, "ignore_eos": True}
    if work == "long":
        return {"messages": [{"role": "user", "content": words(r, 1500)}], "max_tokens": 1}
    if work == "minutes":
        return {"messages": [{"role": "system", "content": TRANSCRIPT}, {"role": "user", "content": words(r, 12)}],
                "max_tokens": 60, "ignore_eos": True}
    return {"messages": [{"role": "user", "content": "Translate: " + words(r, 40, ARABIC)}], "max_tokens": 120,
            "ignore_eos": True}


async def ask(host, port, body):
    """One streamed request; (times of pieces, tokens, cached) of it."""
    data = json.dumps(body).encode()
    began = time.perf_counter()
    reader, writer = await asyncio.open_connection(host, port, limit=1 << 20)
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
                 b"Content-Length: %d\r\n\r\n" % len(data) + data)
    times, tokens, prompt, cached, status = [], 0, 0, 0, None
    while True:
        line = await asyncio.wait_for(reader.readline(), 600)
        if not line:
            break
        if status is None:
            status = int(line.split()[1])
        if not line.startswith(b"data: {"):
            continue
        event = json.loads(line[6:])
        if event.get("usage"):
            tokens, prompt = event["usage"]["completion_tokens"], event["usage"]["prompt_tokens"]
            cached = (event["usage"].get("prompt_tokens_details") or {}).get("cached_tokens", 0)
        if event.get("choices") and (event["choices"][0]["delta"].get("content") or ""):
            times.append(time.perf_counter() - began)
    writer.close()
    if status != 200 or tokens == 0 or not times:
        raise RuntimeError(f"status {status}, {tokens} tokens")
    return times, tokens, prompt, cached


async def load(url, model, work, flight, seconds, seed):
    place = urllib.parse.urlsplit(url)
    results, failures, began = [], 0, time.perf_counter()

    async def client(n, work, counted=True):
        nonlocal failures
        r = random.Random(f"{work} {flight} {seed} {n}")
        while time.perf_counter() - began < seconds:
            body = body_of(work, r) | {"model": model, "stream": True, "stream_options": {"include_usage": True},
                                       "temperature": 0, "seed": 1}
            try:
                answer = await ask(place.hostname, place.port, body)
                if counted:
                    results.append(answer)
            except (OSError, RuntimeError, ValueError, asyncio.TimeoutError) as error:
                failures += 1
                print(f"{url}: {error}", file=sys.stderr)
                await asyncio.sleep(0.2)
    beside = [client(flight, "long", counted=False)] if work == "beside" else []
    await asyncio.gather(*[client(n, work) for n in range(flight)], *beside)
    took = time.perf_counter() - began
    gaps = [b - a for times, *_ in results for a, b in zip(times, times[1:])]
    return {"requests": len(results), "seconds": took, "tokens": sum(t for _, t, _, _ in results), "failures": failures,
            "first": [t[0] for t, *_ in results], "gaps": gaps, "prompt": sum(p for _, _, p, _ in results),
            "cached": sum(c for *_, c in results)}


def shareable(services, work):
    """Tokens that two prompts of a kind begin with in common; None where no service says."""
    for _, url, model in services:
        lists = []
        for seed in (1, 2):
            body = {"model": model, "messages": body_of(work, random.Random(seed))["messages"]}
            request = urllib.request.Request(url + "/tokenize", json.dumps(body).encode(), {"Content-Type": "application/json"})
            try:
                lists.append(json.load(urllib.request.urlopen(request, timeout=60)).get("tokens", []))
            except (OSError, ValueError):
                break
        if len(lists) == 2 and all(lists):
            return next((i for i, (a, b) in enumerate(zip(*lists)) if a != b), 0)
    return None


def point(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


def row(name, work, flight, rounds, common):
    """Medians over rounds; latencies over all requests of all rounds."""
    first = [x for r in rounds for x in r["first"]]
    gaps = [x for r in rounds for x in r["gaps"]]
    prompt = sum(r["prompt"] for r in rounds)
    return {"service": name, "work": work, "in_flight": flight, "requests": sum(r["requests"] for r in rounds),
            "failures": sum(r["failures"] for r in rounds),
            "requests_s": statistics.median(r["requests"] / r["seconds"] for r in rounds),
            "tokens_s": statistics.median(r["tokens"] / r["seconds"] for r in rounds),
            "first_s": [point(first, p) for p in (0.5, 0.95, 0.99)],
            "between_ms": [1000 * point(gaps, p) for p in (0.5, 0.95, 0.99)],
            "prompt_tokens": prompt, "cached": sum(r["cached"] for r in rounds) / prompt if prompt else 0.0,
            "shareable": common * sum(r["requests"] for r in rounds) / prompt if prompt and common is not None else None}


def share(value):
    return "?" if value is None else f"{100 * value:.0f} %"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("services", nargs="+", metavar="NAME=URL,MODEL")
    parser.add_argument("--work", default="map,free,summary,minutes,translate")
    parser.add_argument("--flight", default="1,4,16,64")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    services = [(name, *place.rsplit(",", 1)) for name, place in (s.split("=", 1) for s in args.services)]
    if not args.json:
        print("| work | in flight | service | requests/s | tokens/s | first token s, p50 p95 p99 | between tokens ms, p50 p95 p99 "
              "| found | to be found | failed |\n|---|---|---|---|---|---|---|---|---|---|")
    for work in args.work.split(","):
        common = shareable(services, work)
        for flight in map(int, args.flight.split(",")):
            rounds = {name: [] for name, _, _ in services}
            for i in range(args.rounds):
                for name, url, model in services:
                    rounds[name].append(asyncio.run(load(url, model, work, flight, args.seconds, i)))
            for name, _, _ in services:
                r = row(name, work, flight, rounds[name], common)
                if args.json:
                    print(json.dumps(r))
                else:
                    three = [" ".join(f"{x:.3g}" for x in r[k]) for k in ("first_s", "between_ms")]
                    print(f"| {work} | {flight} | {name} | {r['requests_s']:.2f} | {r['tokens_s']:.1f} | {three[0]} | {three[1]} "
                          f"| {100 * r['cached']:.0f} % | {share(r['shareable'])} | {r['failures']} |")
                sys.stdout.flush()


main()
