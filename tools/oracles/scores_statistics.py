"""Oracle of src/math/{statistics*,bootstrap}: numpy, scipy and scikit-learn on seeded data, and NSD's noise-ceiling procedure written out.
Versions used: Python 3.11, numpy 1.26.4, scipy 1.13.1, scikit-learn 1.5.1. Run: python tools/oracles/scores_statistics.py > test/oracles/statistics.json
"""
import json

import numpy as np
from scipy import stats
from sklearn.metrics import r2_score

g = np.random.default_rng(0)
out = {}


def plain(a):
    a = np.asarray(a, dtype="f8")
    return [None if np.isnan(e) else ("inf" if np.isinf(e) else float(e)) for e in a.ravel()]


values = g.standard_normal(41)
values[[3, 17, 40]] = np.nan
values[5] = values[9]
qs = [0, 0.025, 0.31, 0.5, 0.975, 1]
out["quantiles"] = {"values": plain(values), "q": qs, "expected": plain(np.nanquantile(values, qs)), "median": float(np.nanmedian(values))}
scores = [float(values[5]), -9.0, 9.0, 0.1]
kept = values[~np.isnan(values)]
out["percentiles"] = {"scores": scores, "expected": [float(stats.percentileofscore(kept, s, kind="mean")) for s in scores]}

rows, columns = 23, 6
x = g.standard_normal((rows, columns))
y = 0.6 * x + g.standard_normal((rows, columns)) + 1000 * np.arange(columns)  # large means must cost no digits
x[:, 2] = 4.25
y[:, 3] = -1.0
y[11, 4] = np.nan
r = [np.nan if (np.ptp(x[:, j]) == 0 or not np.ptp(y[:, j]) > 0) else stats.pearsonr(x[:, j], y[:, j])[0] for j in range(columns)]
d = [np.nan if not np.ptp(y[:, j]) > 0 else r2_score(y[:, j], x[:, j]) for j in range(columns)]
out["agreement"] = {"columns": columns, "predicted": plain(x), "measured": plain(y), "pearson": plain(r), "determination": plain(d)}

# NSD: images with exactly three trials, in the order of their ids; splits take every other one of that list.
images, voxels = 60, 8
truth = np.linspace(0, 2, voxels)
signal = g.standard_normal((images, 1, voxels)) * truth / np.sqrt(1 + truth**2)
trials = (signal + g.standard_normal((images, 3, voxels)) / np.sqrt(1 + truth**2)).astype("f4")
trials[7, 1, 2] = np.nan
trials[:, :, 5] = np.nan


def ncsnr(t):
    with np.errstate(all="ignore"):
        v = np.sqrt(np.nanmean(np.var(t.astype("f8"), axis=1, ddof=1), axis=0))
        return np.sqrt(np.maximum(0, 1 - v**2)) / v


import warnings

warnings.simplefilter("ignore")
whole = ncsnr(trials)
A, B, C = 12, 5, 3
out["ncsnr"] = {
    "images": images, "voxels": voxels, "trials": plain(trials), "expected": plain(whole), "split1": plain(ncsnr(trials[0::2])), "split2": plain(ncsnr(trials[1::2])),
    "counts": [A, B, C], "ceiling3": plain(whole**2 / (whole**2 + 1 / 3)), "ceilingMixed": plain(whole**2 / (whole**2 + (A / 3 + B / 2 + C) / (A + B + C))), "ceiling1": plain(whole**2 / (whole**2 + 1)),
}

p = np.concatenate([g.uniform(0, 1, 20), g.uniform(0, 0.01, 10)])
out["fdr"] = {"p": plain(p), "expected": plain(stats.false_discovery_control(p, method="bh")), "yekutieli": plain(stats.false_discovery_control(p, method="by"))}

null = g.standard_normal(99)
out["permutation"] = {"null": plain(null), "observed": [0.5, -5.0, 5.0], "expected": [(1 + int((null >= o).sum())) / 100 for o in (0.5, -5.0, 5.0)]}

# weighted correlation: a resample counted by weights equals the resample written out
n = 15
bx, by = g.standard_normal((n, 3)).astype("f4"), g.standard_normal((n, 3)).astype("f4")
draws = g.integers(0, n, (4, n))
out["bootstrap"] = {
    "images": n, "predicted": plain(bx), "measured": plain(by), "counts": [np.bincount(row, minlength=n).tolist() for row in draws],
    "expected": [[float(np.corrcoef(bx[row, j], by[row, j])[0, 1]) for j in range(3)] for row in draws],
}
# Later parts draw from a generator of their own, so that what stands above keeps its numbers.
g = np.random.default_rng(1)

# one-way random-effects analysis of variance with unequal repeats, written out
repeats = g.integers(1, 4, 14)
y = [g.standard_normal((n, 3)) + g.standard_normal(3) for n in repeats]
within = sum(((t - t.mean(0)) ** 2).sum(0) for t in y) / (repeats - 1).sum()
means = np.array([t.mean(0) for t in y])
out["repeatCeiling"] = {
    "repeats": repeats.tolist(), "means": plain(means), "squares": plain(np.array([(t**2).mean(0) for t in y])),
    "expected": plain(1 - within * np.mean(1 / repeats) / means.var(0, ddof=1)),
}

# largest standardised statistic of a family
nulls = g.standard_normal((50, 4)) * [1, 2, 0.1, 5] + [0, 1, 0, -2]
seen = np.array([2.5, 3.0, 0.01, 9.0])
t = (nulls - nulls.mean(0)) / nulls.std(0)
out["largestStatistic"] = {"observed": plain(seen), "nulls": plain(nulls), "expected": [float((1 + (t.max(1) >= z).sum()) / 51) for z in (seen - nulls.mean(0)) / nulls.std(0)]}
print(json.dumps(out))
