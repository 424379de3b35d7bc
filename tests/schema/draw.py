"""Random JSON schemas of the keywords that docs/STRUCTURED.md lists, the same ones for the same seed."""
import random

WORDS = ["id", "name", "date", "items", "note", "topic", "score", "x", "a b", "é", "quote\"d"]
PATTERNS = ["^[A-Z]{2}[0-9]{3}$", "^a+b*$", "(yes|no)$", "^\\d{4}-\\d{2}$", "^\\w+( \\w+){0,3}$", "[؀-ۿ]"]
FORMATS = ["date", "time", "date-time", "email", "uuid", "ipv4", "hostname", "duration", "uri"]


def number(r, integer):
    schema = {"type": "integer" if integer else "number"}
    low = r.choice([-1000, -10, -1.5, 0, 0.25, 1, 7, 99])
    if integer:
        low = int(low)
    if r.random() < 0.6:
        schema[r.choice(["minimum", "exclusiveMinimum"])] = low
    if r.random() < 0.6:
        schema[r.choice(["maximum", "exclusiveMaximum"])] = low + r.choice([2, 10, 1234])
    return schema


def string(r):
    schema = {"type": "string"}
    kind = r.random()
    if kind < 0.2:
        schema["pattern"] = r.choice(PATTERNS)
    elif kind < 0.4:
        schema["format"] = r.choice(FORMATS)
    elif kind < 0.7:
        schema["minLength"] = r.randint(0, 4)
        schema["maxLength"] = r.randint(4, 12)
    else:
        schema["maxLength"] = 20
    return schema


def array(r, depth, names):
    schema = {"type": "array", "items": draw(r, depth - 1, names), "maxItems": r.randint(1, 4)}
    if r.random() < 0.5:
        schema["minItems"] = r.randint(0, schema["maxItems"])
    if r.random() < 0.2:
        schema["prefixItems"] = [draw(r, depth - 1, names) for _ in range(r.randint(1, 2))]
    return schema


def obj(r, depth, names):
    keys = r.sample(WORDS, r.randint(1, 4))
    schema = {"type": "object", "properties": {k: draw(r, depth - 1, names) for k in keys}}
    schema["required"] = [k for k in keys if r.random() < 0.7]
    schema["additionalProperties"] = False
    if r.random() < 0.1:
        schema["maxProperties"] = max(1, len(schema["required"]))
    return schema


def draw(r, depth, names):
    """A schema of at most that depth; `names` are definitions that may be referred to."""
    kind = r.random()
    if depth <= 0 or kind < 0.45:
        return r.choice([
            lambda: number(r, True), lambda: number(r, False), lambda: string(r),
            lambda: {"type": "boolean"}, lambda: {"type": "null"},
            lambda: {"enum": r.sample(["red", "green", 1, 2.5, None, True, "é\n"], 3)},
            lambda: {"const": r.choice(["fixed", 42, {"a": [1, 2]}])},
            lambda: {"type": ["string", "null"], "maxLength": 8},
        ])()
    if kind < 0.65:
        return array(r, depth, names)
    if kind < 0.85:
        return obj(r, depth, names)
    if kind < 0.93:
        return {"anyOf": [draw(r, depth - 1, names) for _ in range(2)]}
    if kind < 0.97 and names:
        return {"$ref": "#/$defs/" + r.choice(names)}
    return {"allOf": [{"type": "integer", "minimum": r.randint(-5, 0)}, {"maximum": r.randint(0, 9)}]}


def schema(seed):
    r = random.Random(seed)
    names = ["n1", "n2"]
    top = obj(r, 3, names) if r.random() < 0.7 else draw(r, 3, names)
    top["$defs"] = {n: draw(r, 2, []) for n in names}
    if r.random() < 0.15:  # a list of itself
        top["$defs"]["n1"] = {"type": "object", "properties": {
            "next": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/n1"}]}}, "required": ["next"],
            "additionalProperties": False}
    return top
