"""What the peers of a benchmark share: a loop that runs one named piece of work per line on stdin and answers with its time and result.

The benchmark starts a peer once and then asks both sides in turn, so that both see the same machine. A line is {"run": name, ...arguments};
the answer is {"ms": time, ...}. Work is a function of the arguments that returns numbers for the answer; what it prepares before is not timed.
"""
import json
import os
import sys
import time

# only answers go to the pipe: whatever else is printed from here on goes to stderr
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def serve(versions, work):
    def answer(value):
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    answer({"versions": versions, "work": sorted(work)})
    for line in sys.stdin:
        request = json.loads(line)
        name = request.pop("run")
        try:
            began = time.perf_counter()
            result = work[name](**request) or {}
            taken = (time.perf_counter() - began) * 1000
            answer({"ms": taken, **result})
        except Exception as error:  # the benchmark says which work failed and goes on
            answer({"error": f"{type(error).__name__}: {error}"})
