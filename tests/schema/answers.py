"""Answers of a server under random schemas, each looked at by the jsonschema package.
  answers.py PORT MODEL FROM TO [--jobs N]   schemas of seeds FROM to TO - 1"""
import concurrent.futures
import json
import sys
import urllib.error
import urllib.request

import jsonschema

import draw

# The formats of this draft: the package's plain checker knows "time" as draft 3 had it, without an offset.
CHECKER = getattr(jsonschema.Draft202012Validator, "FORMAT_CHECKER", None) or jsonschema.draft202012_format_checker
PORT, MODEL, FROM, TO = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])


def ask(seed):
    schema = draw.schema(seed)
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Write a record."}], "seed": seed,
            "max_tokens": 400, "temperature": 1.0 if seed % 2 else 0.6,
            "response_format": {"type": "json_schema", "json_schema": {"name": "r", "strict": True, "schema": schema}}}
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}/v1/chat/completions", json.dumps(body).encode())
    try:
        with urllib.request.urlopen(request, timeout=300) as reply:
            choice = json.load(reply)["choices"][0]
    except urllib.error.HTTPError as error:
        message = json.load(error)["error"]["message"]
        # Two of the drawn parts may exclude each other: then it is right to say so.
        return ("none" if "nothing fits it" in message else "failed"), f"{error.code}: {message}"
    if choice["finish_reason"] == "length":
        return "cut", ""
    try:
        value = json.loads(choice["message"]["content"])
        jsonschema.Draft202012Validator(schema, format_checker=CHECKER).validate(value)
    except (ValueError, jsonschema.ValidationError) as error:
        return "failed", f"{choice['message']['content']!r}: {str(error).splitlines()[0]}"
    return ("valid" if choice["finish_reason"] == "stop" else "failed"), choice["finish_reason"]


def main():
    counts = {"valid": 0, "cut": 0, "none": 0, "failed": 0}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for seed, (what, why) in zip(range(FROM, TO), pool.map(ask, range(FROM, TO))):
            counts[what] += 1
            if what == "failed":
                print(f"schema {seed}: {json.dumps(draw.schema(seed))}: {why}")
    print(f"{counts['valid']} answers valid, {counts['cut']} cut off, {counts['none']} schemas that nothing fits, "
          f"{counts['failed']} failed")
    return counts["failed"] != 0 or counts["valid"] * 2 < TO - FROM


sys.exit(main())
