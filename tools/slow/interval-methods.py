"""Which bootstrap interval covers? Percentile, BCa and (for single voxels) Fisher's z, for r of a voxel and for the median and mean r of a region:
the measurement behind docs/decisions/0007. Data sets of n images; predictions share six latent features, noise is half shared.
Versions used: Python 3.11, numpy 1.26.4, scipy 1.13.1. Run: python tools/slow/interval-methods.py
"""
import numpy as np
from scipy.stats import norm

LEVEL, REPLICATES, LATENTS = 0.95, 500, 6
Z = norm.ppf(0.5 + LEVEL / 2)


def correlations(weights, x, y):
    mx, my = weights @ x, weights @ y
    return (weights @ (x * y) - mx * my) / np.sqrt((weights @ (x * x) - mx**2) * (weights @ (y * y) - my**2))


def percentile(drawn):
    return np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)


def bca(estimate, drawn, jackknife):
    below = np.clip((drawn < estimate).mean(0), 0.5 / len(drawn), 1 - 0.5 / len(drawn))
    z0, d = norm.ppf(below), jackknife.mean(0) - jackknife
    a = (d**3).sum(0) / (6 * (d**2).sum(0) ** 1.5)
    levels = [norm.cdf(z0 + (z0 + z) / (1 - a * (z0 + z))) for z in (-Z, Z)]
    if drawn.ndim == 1:
        return [np.quantile(drawn, q) for q in levels]
    return [np.array([np.quantile(drawn[:, v], q[v]) for v in range(drawn.shape[1])]) for q in levels]


def trial(n, voxels, scores, heavy, data_sets, seed):
    g = np.random.default_rng(seed)
    hits = {}

    def count(name, interval, truth):
        hits.setdefault(name, []).append(np.mean((interval[0] <= truth) & (truth <= interval[1])))

    for _ in range(data_sets):
        rho = {"uniform": lambda: g.uniform(0.1, 0.7, voxels), "skewed": lambda: 0.8 * g.uniform(size=voxels) ** 4, "high": lambda: g.uniform(0.85, 0.99, voxels)}[scores]()
        mixing = g.standard_normal((LATENTS, voxels))
        latents = g.standard_normal((n, LATENTS))
        latents = (latents**2 - 1) / np.sqrt(2) if heavy else latents
        x = latents @ (mixing / np.linalg.norm(mixing, axis=0))
        y = rho * x + np.sqrt(1 - rho**2) * (g.standard_normal((n, voxels)) + g.standard_normal((n, 1))) / np.sqrt(2)
        r = correlations(np.full((1, n), 1 / n), x, y)[0]
        drawn = correlations(g.multinomial(n, np.full(n, 1 / n), size=REPLICATES) / n, x, y)
        jack = correlations((np.ones((n, n)) - np.eye(n)) / (n - 1), x, y)
        count("voxel percentile", percentile(drawn), rho)
        count("voxel BCa", bca(r[:4], drawn[:, :4], jack[:, :4]), rho[:4])
        count("voxel Fisher z", (np.tanh(np.arctanh(r) - Z / np.sqrt(n - 3)), np.tanh(np.arctanh(r) + Z / np.sqrt(n - 3))), rho)
        for name, f in (("median", np.median), ("mean", np.mean)):
            count(f"{name} percentile", percentile(f(drawn, axis=1)), f(rho))
            count(f"{name} BCa", bca(f(r), f(drawn, axis=1), f(jack, axis=1)), f(rho))
    print(f"n={n} voxels={voxels} {scores}{' heavy tails' if heavy else ''} ({data_sets} data sets): " + ", ".join(f"{name} {100 * np.mean(values):.1f}" for name, values in hits.items()), flush=True)


for n, voxels, data_sets in ((30, 20, 400), (100, 20, 400), (100, 200, 200), (400, 20, 300)):
    for scores in ("uniform", "skewed", "high"):
        trial(n, voxels, scores, False, data_sets, 1)
    trial(n, voxels, "uniform", True, data_sets, 2)
