"""Second oracle of cross-validated ridge: himalaya's RidgeCV, the field's own solver with a penalty per target, in float64.
Versions used: Python 3.11, numpy 2.4.6, himalaya 0.4.11. Run: python tools/oracles/ridge_himalaya.py > test/oracles/ridge-himalaya.json
The matrices are those of ridge.py beside it (himalaya does not standardise, so only centring cases are here).
"""
import json

import numpy as np
from himalaya.backend import set_backend
from himalaya.ridge import RidgeCV

ALPHAS = [0.1, 1.0, 10.0, 100.0, 1000.0, 10000.0]


def matrices(n, p, v, seed):
    state = seed

    def draw():
        nonlocal state
        state = (1664525 * state + 1013904223) % 2**32
        return (state >> 8) / 2**24 - 0.5

    u = np.array([[draw() for _ in range(p)] for _ in range(n)])
    x = np.array([[u[i, j] * 10.0 ** (j % 3) + j % 7 for j in range(p)] for i in range(n)]).astype("f4")
    x[:, 5] = 3.5
    y = np.array([[sum(u[i, (7 * t + 11 * k) % p] for k in range(6)) + (t * t) / 8 * draw() + t for t in range(v)] for i in range(n)])
    return x.astype("f8"), y.astype("f4").astype("f8"), np.array([(i * i + i // 3) % 4 for i in range(n)])


def run(name, n, p, v, seed):
    x, y, folds = matrices(n, p, v, seed)
    rows = np.arange(n)
    model = RidgeCV(alphas=ALPHAS, fit_intercept=True, cv=[(rows[folds != f], rows[folds == f]) for f in range(4)]).fit(x, y)
    r = lambda a: [float(f"{e:.9g}") for e in np.asarray(a).ravel()]
    return {
        "name": name, "rows": n, "features": p, "targets": v, "seed": seed, "standardize": False, "firstRow": r(x[0, :4]), "lastTargets": r(y[-1, -3:]),
        "alpha": [ALPHAS[int(np.argmin(np.abs(np.log(ALPHAS) - np.log(a))))] for a in model.best_alphas_], "score": r(model.cv_scores_), "weights": r(model.coef_), "intercept": r(model.intercept_),
    }


set_backend("numpy")
print(json.dumps({"alphas": ALPHAS, "cases": [run("primal", 130, 70, 6, 77), run("dual", 80, 100, 6, 78)]}))
