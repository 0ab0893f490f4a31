"""Independent implementation of the canonical encoding (docs/cache-key.md) in plain Python.

Writes test/fixtures/keys/canonical.json: values with their encodings and digests, among them 40 random ones from a fixed seed.
Run: python tools/oracles/canonical_keys.py  (Python >= 3.8, no packages; the output does not depend on the version)
"""
import hashlib
import json
import pathlib
import random


def text(s):
    data = s.encode("utf-8")
    return b"s%d:" % len(data) + data


def shortest(x):
    """ECMAScript's Number::toString for a non-integer: Python's repr has the same digits but another way to write exponents."""
    mantissa, _, exponent = repr(x).partition("e")
    if exponent == "":
        return mantissa
    sign = "-" if mantissa.startswith("-") else ""
    digits = mantissa.lstrip("-").replace(".", "")
    power = int(exponent)
    if -7 < power < 0:  # JavaScript writes these without an exponent
        return sign + "0." + "0" * (-power - 1) + digits
    if digits.endswith("0") and len(digits) > 1:
        digits = digits.rstrip("0")
    head = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
    return "%s%se%s%d" % (sign, head, "-" if power < 0 else "+", abs(power))


def encode(value):
    if value is None:
        return b"n"
    if value is True:
        return b"t"
    if value is False:
        return b"f"
    if isinstance(value, int):
        return b"i%d;" % value
    if isinstance(value, float):
        return b"i%d;" % int(value) if value.is_integer() else b"d" + shortest(value).encode() + b";"
    if isinstance(value, str):
        return text(value)
    if isinstance(value, list):
        return b"a%d:" % len(value) + b"".join(encode(item) for item in value)
    items = sorted(value.items(), key=lambda item: item[0].encode("utf-8"))
    return b"o%d:" % len(items) + b"".join(text(key) + encode(item) for key, item in items)


def digest(domain, value):
    return hashlib.sha256(text(domain) + encode(value)).hexdigest()


def random_value(rng, depth=0):
    kind = rng.randrange(7 if depth < 3 else 5)
    if kind == 0:
        return rng.choice([None, True, False])
    if kind == 1:
        return rng.choice([rng.randrange(-100, 100), rng.randrange(-(2**53) + 1, 2**53)])
    if kind == 2:
        x = rng.uniform(-1, 1) * 10.0 ** rng.randrange(-320, 10)
        return x if x != 0 and not x.is_integer() else 0.5
    if kind in (3, 4):
        return "".join(rng.choice("aZ0 ~/\"\\\n\u00e9\u4e2d\uffee\U0001f4a1\U00010000") for _ in range(rng.randrange(6)))
    if kind == 5:
        return [random_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {"k%s" % rng.choice("ab\u00e9\uffee\U0001f4a1") + str(i): random_value(rng, depth + 1) for i in range(rng.randrange(4))}


def main():
    rng = random.Random(20261123)
    material = {
        "format": 1, "type": "readout.ridge", "version": 3, "code": None,
        "params": {"alphas": [1, 10, 100], "folds": 5},
        "inputs": {name: [hashlib.sha256(name.encode()).hexdigest()] for name in ("features", "voxels")},
        "externals": {"nsddata/experiments/nsd/nsd_expdesign.mat": hashlib.sha256(b"design").hexdigest()},
        "services": {"tensor": "onnxruntime-cpu"}, "seed": 7,
    }
    fixed = [None, 0, -7, 0.1, 1e-7, 1.5e-7, 5e-324, 123456.789, 2**53 - 1, "", "Z\u00fcrich", [], {}, [[1], 2], {"\U0001f4a1": 1, "\ufffd": 2}]
    values = fixed + [random_value(rng) for _ in range(40)]
    cases = [{"domain": "oracle/1", "value": value, "encoding": (text("oracle/1") + encode(value)).decode("utf-8"), "digest": digest("oracle/1", value)} for value in values]
    # an input that gathers many artifacts: a list of labels and digests
    gathered = dict(material, type="compare.scores", inputs={"scores": [{"labels": {"name": name, "sessions": n}, "digest": hashlib.sha256(b"%d" % n).hexdigest()} for name in ("other", "own") for n in (4, 10)]})
    output = {"stageKey": {"material": material, "key": digest("stage-key/1", material)}, "gatherKey": {"material": gathered, "key": digest("stage-key/1", gathered)}, "cases": cases}
    path = pathlib.Path(__file__).resolve().parents[2] / "test/fixtures/keys/canonical.json"
    path.write_text(json.dumps(output, indent=1, sort_keys=True) + "\n")


main()
