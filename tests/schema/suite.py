"""JSON Schema's own tests (the folder tests/draft2020-12 of its public suite) for the keywords that are kept: what is
taken of valid values and what of invalid ones. An invalid value that is taken is a failure; a valid one that is not
is counted, for a text has one form here.
  suite.py FITS FOLDER [--markdown]    FITS: the program of tests/schema/fits.c"""
import json
import pathlib
import subprocess
import sys

KEYWORDS = ["additionalProperties", "allOf", "anyOf", "boolean_schema", "const", "default", "enum", "exclusiveMaximum",
            "exclusiveMinimum", "items", "maxItems", "maxLength", "maxProperties", "maximum", "minItems", "minLength",
            "minProperties", "minimum", "oneOf", "pattern", "prefixItems", "properties", "ref", "required", "type",
            "optional/format/date", "optional/format/time", "optional/format/date-time", "optional/format/duration",
            "optional/format/email", "optional/format/hostname", "optional/format/ipv4", "optional/format/ipv6",
            "optional/format/uri", "optional/format/uuid"]


def order(value, schema):
    """The value with properties in the order of its schema, as far as that is easily told."""
    if isinstance(value, dict) and isinstance(schema, dict):
        first = [k for k in schema.get("properties", {}) if k in value]
        keys = first + [k for k in value if k not in first]
        return {k: order(value[k], schema.get("properties", {}).get(k, {})) for k in keys}
    return value


def main():
    fits = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    total = {"valid": 0, "taken": 0, "invalid": 0, "kept out": 0, "refused": 0, "schemas": 0}
    failed = 0
    markdown = "--markdown" in sys.argv
    if markdown:
        print("| keyword | schemas | refused | valid values taken | invalid values kept out |\n|---|---|---|---|---|")
    for keyword in KEYWORDS:
        row = dict.fromkeys(total, 0)
        for group in json.loads((pathlib.Path(sys.argv[2]) / (keyword + ".json")).read_text()):
            row["schemas"] += 1
            texts = [json.dumps(order(t["data"], group["schema"]), ensure_ascii=False) for t in group["tests"]]
            fits.stdin.write(json.dumps({"kind": "schema", "grammar": group["schema"], "texts": texts}) + "\n")
            fits.stdin.flush()
            reply = json.loads(fits.stdout.readline())
            if reply["status"] != "ok":
                # A schema that nothing fits is told when it is compiled: right where all its tests say so.
                none = "nothing fits it" in reply["message"]
                if none and not any(t["valid"] for t in group["tests"]):
                    row["invalid"] += len(texts)
                    row["kept out"] += len(texts)
                else:
                    row["refused"] += 1
                    if "--all" in sys.argv:
                        print("refused:", keyword, group["description"], reply["message"])
                continue
            for test, fit in zip(group["tests"], reply["fits"]):
                row["valid" if test["valid"] else "invalid"] += 1
                if test["valid"] and fit:
                    row["taken"] += 1
                elif not test["valid"] and not fit:
                    row["kept out"] += 1
                elif fit:
                    failed += 1
                    print("taken and invalid:", keyword, "|", group["description"], "|", json.dumps(test["data"]))
                elif "--all" in sys.argv:
                    print("not taken:", keyword, "|", group["description"], "|", json.dumps(test["data"]))
        if markdown:
            print(f"| {keyword} | {row['schemas']} | {row['refused']} | {row['taken']} of {row['valid']} "
                  f"| {row['kept out']} of {row['invalid']} |")
        for k in total:
            total[k] += row[k]
    fits.stdin.close()
    print(f"{total['schemas']} schemas, {total['refused']} refused; of {total['valid']} valid values {total['taken']} "
          f"are taken, of {total['invalid']} invalid ones {total['kept out']} kept out")
    print(f"{total['kept out']} passed, {failed} failed")
    return failed != 0


sys.exit(main())
