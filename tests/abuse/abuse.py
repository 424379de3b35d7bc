"""Requests that nobody should send, to a service with a tiny model: each must be answered with its 4xx, in OpenAI's shape,
within five seconds, and the service must live and not grow.
  abuse.py PORT PID MODEL [--sanitized]"""
import concurrent.futures
import json
import socket
import sys
import time

PORT, PID, MODEL = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
SECONDS = 60 if "--sanitized" in sys.argv else 5  # a request that takes longer hangs
CHAT, DEEP = "/v1/chat/completions", 100000
passed, failed = 0, 0


def says(good, what):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print("FAIL", what)


def rss():
    with open(f"/proc/{PID}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def raw(data, seconds=SECONDS):
    """Sends bytes; the status and body of the reply, (0, b"") where the connection is closed without one."""
    with socket.create_connection(("127.0.0.1", PORT), timeout=seconds) as s:
        try:
            s.sendall(data)
        except OSError:
            pass
        reply, until = b"", time.monotonic() + seconds
        while True:
            s.settimeout(max(0.01, until - time.monotonic()))
            try:
                part = s.recv(65536)
            except ConnectionResetError:
                break
            if not part:
                break
            reply += part
    head, _, body = reply.partition(b"\r\n\r\n")
    return (int(head.split()[1]), body) if head else (0, b"")


def post(body, path=CHAT, head=""):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return raw(f"POST {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)


def refused(what, answer, least=400, most=499, json_wanted=True):
    try:
        status, body = answer()
    except OSError as error:
        return says(False, f"{what}: {error!r}")
    good = least <= status <= most
    if good and json_wanted:
        try:
            error = json.loads(body)["error"]
            good = {"message", "type", "param", "code"} <= set(error)
        except (ValueError, KeyError, TypeError):
            good = False
    says(good, f"{what}: {status} {body[:200]!r}")


def chat(**fields):
    return {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4} | fields


def schema(s):
    return chat(response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": s}})


# ---- Bodies that are no JSON, or not the JSON that is wanted
for i, body in enumerate([b"", b"{", b"[]", b"1", b"null", b'"x"', b"\xff\xfe", b'{"a":\x00}', b"{" * DEEP, b"[" * DEEP,
                          b'{"model":"' + b"a" * 1000000, b'{"model":1e999}', b'{"messages":[],"messages":{}}', b"NaN",
                          '{"model":"\\ud800"}'.encode()]):
    refused(f"body {i}", lambda: post(body))

# ---- Every field with every wrong type
FIELDS = {"temperature": 0.5, "top_p": 0.5, "min_p": 0.1, "top_k": 5, "presence_penalty": 0.1, "frequency_penalty": 0.1,
          "repetition_penalty": 1.1, "seed": 1, "n": 1, "max_tokens": 3, "max_completion_tokens": 3, "stream": False,
          "ignore_eos": False, "stop": "x", "logprobs": True, "top_logprobs": 2, "logit_bias": {"5": 1},
          "stream_options": {"include_usage": True}, "messages": 0, "tools": 0, "tool_choice": 0, "response_format": 0}
for name, good in FIELDS.items():
    for wrong in ["text", [1], {"a": 1}, [[[]]], 10**30, -10**30]:
        if isinstance(wrong, type(good)) and name in ("stop", "logit_bias", "stream_options"):
            continue
        if isinstance(wrong, int) and isinstance(good, int) and name in ("seed",):
            continue
        status, body = post(chat(**{name: wrong}))
        says(400 <= status <= 499, f"{name} = {str(wrong)[:40]}: {status} {body[:120]!r}")
for name, values in {"n": [0, -1, 9, 10**9], "temperature": [-1, 3], "top_p": [-0.1, 1.1], "stop": [[""], ["x" * 300], ["a"] * 17],
                     "logit_bias": [{"999999": 1}, {"-1": 1}, {"x": 1}, {"5": 1000}], "top_logprobs": [21, -1]}.items():
    for value in values:
        refused(f"{name} = {str(value)[:40]}", lambda: post(chat(**{name: value})))

# ---- Messages
for i, messages in enumerate([[], "x", [1], [None], [{}], [{"role": "user"}], [{"role": 1, "content": "a"}],
                              [{"role": "user", "content": 1}], [{"role": "user", "content": "a\x00b"}],
                              [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/"}}]}],
                              [{"role": "user", "content": "x " * 400000}], [{"role": "u" * 100, "content": "x"}],
                              [{"role": "assistant", "tool_calls": 1}], [{"role": "assistant", "tool_calls": [1]}],
                              [{"role": "user", "content": "a"}] * 5000]):
    refused(f"messages {i}", lambda: post(chat(messages=messages)))
for i, prompt in enumerate([None, 1, {}, [-1], [10**12], ["a", "b"], [1.5], [[1], [2]], ["x" * 5000000]]):
    refused(f"prompt {i}", lambda: post({"model": MODEL, "prompt": prompt}, "/v1/completions"))

# ---- Schemas, patterns and grammars that explode
nested = {}
for _ in range(60):
    nested = {"type": "object", "properties": {"a": nested}, "required": ["a"]}
for i, s in enumerate([
        {"$ref": "#/a/b"}, {"$ref": "http://example.org/"}, {"$ref": "file:///etc/passwd"}, {"anyOf": [{"$ref": "#"}]},
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}, {"not": {}},
        {"pattern": "(" * 50000 + ")" * 50000}, {"type": "string", "pattern": "((((a{1000}){1000}){1000}){1000})"},
        {"type": "string", "pattern": "(a|b)*a" + "(a|b)" * 200}, {"type": "string", "pattern": "(?=a)"},
        {"type": "string", "pattern": "["}, {"allOf": [{"allOf": [{"pattern": "(a|b)*a(a|b){12}"}] * 60}]},
        {"anyOf": [{"anyOf": [{"anyOf": [{"type": "x"}]}]}]}, {"type": "string", "minLength": 10**18},
        {"properties": {f"p{i}": {} for i in range(3000)}}, {"enum": ["x" * 200] * 20000},
        {"type": "integer", "minimum": 5, "maximum": 4}, {"required": ["a"], "additionalProperties": False, "type": "object"}]):
    refused(f"schema {i}", lambda: post(schema(s)))
for i, g in enumerate(["", "root", "root := \"a\"", 'root ::= root "a"', "root ::= x", 'root ::= "a', "root ::= [z-a]",
                       "root ::= " + "(" * 60000 + '"a"' + ")" * 60000, 'root ::= ("a"?){1000}', 'root ::= "a" root',
                       "\x00", 'root ::= ("a" | "b"){100000,3}']):
    refused(f"grammar {i}", lambda: post(chat(grammar=g)))
for i, g in enumerate(["(", "[", "a{99999}", "\\1", "(?<!x)", "*", "(((a{1000}){1000}){1000})", "\\q"]):
    refused(f"regex {i}", lambda: post(chat(guided_regex=g)))
for i, t in enumerate([[1], [{}], [{"type": "function"}], [{"type": "function", "function": {"name": ""}}],
                       [{"type": "function", "function": {"name": "a b"}}], [{"type": "x", "function": {"name": "a"}}],
                       [{"type": "function", "function": {"name": "a", "parameters": {"not": {}}}}] * 2,
                       [{"type": "function", "function": {"name": "a"}}] * 200]):
    refused(f"tools {i}", lambda: post(chat(tools=t)))

# ---- HTTP that is none, or two
body = json.dumps(chat()).encode()
for i, data in enumerate([
        b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"GET /%00 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        b"POST " + CHAT.encode() + b" HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
        b"POST " + CHAT.encode() + b" HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST " + CHAT.encode() + b" HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nab\r\n",
        b"POST " + CHAT.encode() + b" HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        b"GET /health HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 100000 + b"\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: h\r\n" + b"A: b\r\n" * 20000 + b"\r\n",
        b"GET /../../etc/passwd HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"]):
    try:
        status, _ = raw(data)
        says(status == 0 or 400 <= status <= 499 or status == 505, f"http {i}: {status}")
    except OSError as error:
        says(isinstance(error, TimeoutError) and i in (0, 3), f"http {i}: {error!r}")  # a head that goes on is waited for
for i, path in enumerate(["/", "/v1", "/v1/chat", "/v1/models/none", "/v1/models/../../x", "/openai/deployments//chat/completions",
                          "/" + "a" * 20000]):
    refused(f"path {i}", lambda: raw(f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode()), json_wanted=i < 6)
refused("a body of 9 MB", lambda: post(b"x" * (9 << 20)))
for method in ["PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"]:
    refused(method, lambda: raw(f"{method} {CHAT} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode()))

# ---- Tokens
for i, b in enumerate([{"tokens": "x"}, {"tokens": [10**9]}, {"tokens": [None]}, {}, {"tokens": {"a": 1}}]):
    refused(f"detokenize {i}", lambda: post(b, "/detokenize"))

# ---- Many at once, slow ones, and those that leave
status, _ = post(chat())
says(status == 200, f"an honest request after all that: {status}")
before = rss()
with concurrent.futures.ThreadPoolExecutor(200) as pool:
    got = list(pool.map(lambda i: raw(b"POST " + CHAT.encode() + b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body, 12 * SECONDS), range(200)))
says(all(s == 200 or s in (429, 503) for s, _ in got), f"200 at once: {sorted({s for s, _ in got})}")
slow = [socket.create_connection(("127.0.0.1", PORT)) for _ in range(200)]
for s in slow:
    s.sendall(b"POST " + CHAT.encode() + b" HTTP/1.1\r\nHost: h\r\nContent-Le")
began = time.monotonic()
status, _ = post(chat())
says(status == 200 and time.monotonic() - began < SECONDS, f"an honest request beside 200 slow ones: {status}, {time.monotonic() - began:.2f} s")
streamed = json.dumps(chat(stream=True, max_tokens=400, ignore_eos=True)).encode()
for _ in range(500):
    with socket.create_connection(("127.0.0.1", PORT)) as s:
        s.sendall(b"POST " + CHAT.encode() + b" HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(streamed) + streamed)
began = time.monotonic()
while post(chat())[0] != 200 and time.monotonic() - began < 4 * SECONDS:
    time.sleep(0.1)
says(time.monotonic() - began < SECONDS, f"an honest request behind 500 that left: {time.monotonic() - began:.2f} s")
time.sleep(max(0.0, 12 - (time.monotonic() - began)))
closed = 0
for s in slow:
    s.settimeout(0.2)
    try:
        closed += s.recv(1) == b""
    except ConnectionResetError:
        closed += 1
    except TimeoutError:
        pass
    s.close()
says(closed == 200, f"slow heads are ended: {closed} of 200")
grown = (rss() - before) / 1024
if "--sanitized" not in sys.argv:  # sanitizers keep what was freed
    says(grown <= 64, f"memory grew by {grown:.1f} MB")
print(f"{passed} passed, {failed} failed")
sys.exit(failed != 0)
