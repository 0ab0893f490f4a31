"""Oracle of cross-validated ridge: scikit-learn, an explicit loop over folds, penalties and targets, float64.
Versions used: Python 3.11, numpy 1.26.4, scikit-learn 1.5.1. Run: python tools/oracles/ridge.py > test/oracles/ridge.json
The matrices are not stored: a linear congruential generator makes the same float32 values here and in the test.
"""
import json

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

ALPHAS = [0.1, 1.0, 10.0, 100.0, 1000.0, 10000.0]


class Lcg:
    def __init__(self, seed):
        self.state = seed

    def draw(self):
        self.state = (1664525 * self.state + 1013904223) % 2**32
        return (self.state >> 8) / 2**24 - 0.5


def matrices(n, p, v, seed):
    g = Lcg(seed)
    u = np.array([[g.draw() for _ in range(p)] for _ in range(n)])
    x = np.array([[u[i, j] * 10.0 ** (j % 3) + j % 7 for j in range(p)] for i in range(n)]).astype("f4")
    x[:, 5] = 3.5  # a constant feature
    # target t follows six features, with more noise the larger t is
    y = np.empty((n, v))
    for i in range(n):
        for t in range(v):
            signal = 0.0
            for k in range(6):
                signal = signal + u[i, (7 * t + 11 * k) % p]
            y[i, t] = signal + (t * t) / 8 * g.draw() + t
    folds = np.array([(i * i + i // 3) % 4 for i in range(n)])
    return x, y.astype("f4"), folds


def run(name, n, p, v, seed, standardize):
    x32, y32, folds = matrices(n, p, v, seed)
    x, y = x32.astype("f8"), y32.astype("f8")
    scaler = lambda: StandardScaler(with_std=standardize)
    scores = {"negative-mse": np.zeros((len(ALPHAS), v)), "r2": np.zeros((len(ALPHAS), v)), "correlation": np.zeros((len(ALPHAS), v))}
    for f in range(4):
        train, held = folds != f, folds == f
        s = scaler().fit(x[train])
        for a, alpha in enumerate(ALPHAS):
            model = Ridge(alpha=alpha, solver="cholesky").fit(s.transform(x[train]), y[train])
            pred, truth = model.predict(s.transform(x[held])), y[held]
            scores["negative-mse"][a] -= ((pred - truth) ** 2).mean(0) / 4
            scores["r2"][a] += (1 - ((pred - truth) ** 2).sum(0) / ((truth - truth.mean(0)) ** 2).sum(0)) / 4
            scores["correlation"][a] += np.array([np.corrcoef(pred[:, t], truth[:, t])[0, 1] for t in range(v)]) / 4
    best = scores["negative-mse"].argmax(0)
    s = scaler().fit(x)
    z = s.transform(x)
    weights, intercept = np.zeros((p, v)), np.zeros(v)
    for t in range(v):
        model = Ridge(alpha=ALPHAS[best[t]], solver="cholesky").fit(z, y[:, t])
        weights[:, t] = model.coef_ / s.scale_ if standardize else model.coef_
        intercept[t] = model.intercept_ - (weights[:, t] * s.mean_).sum()
    r = lambda a: [float(f"{e:.9g}") for e in np.asarray(a).ravel()]
    return {
        "name": name, "rows": n, "features": p, "targets": v, "seed": seed, "standardize": standardize,
        "firstRow": r(x32[0, :4]), "lastTargets": r(y32[-1, -3:]),
        "scores": {k: r(e) for k, e in scores.items()}, "alpha": [ALPHAS[b] for b in best], "weights": r(weights), "intercept": r(intercept),
    }


print(json.dumps({"alphas": ALPHAS, "cases": [
    run("dual, two blocks", 90, 140, 8, 1, True),
    run("dual, three blocks", 210, 260, 6, 2, True),
    run("primal, one block", 120, 40, 8, 3, True),
    run("primal, three blocks", 300, 150, 6, 4, True),
    run("primal, only centred", 130, 70, 6, 5, False),
    run("dual, only centred", 80, 100, 6, 6, False),
]}))
