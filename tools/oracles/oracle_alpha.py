"""Oracle of the validation curve of ridge regression and of the oracle's penalty: scikit-learn, one fit a penalty. Seeded.
Versions used: Python 3.11, numpy 1.26.4, scikit-learn 1.5.1. Run: python tools/oracles/oracle_alpha.py > test/oracles/oracle-alpha.json
"""
import json

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

r = np.random.default_rng(0)
ALPHAS = [0.1, 1.0, 10.0, 100.0, 1000.0]


def problem(train, test, features, voxels):
    x = (r.standard_normal((train + test, features)) * r.uniform(0.5, 3, features) + r.uniform(-2, 2, features)).astype(np.float32)
    weights = r.standard_normal((features, voxels)) * r.uniform(0, 1, (features, 1)) ** 4
    signal = StandardScaler().fit_transform(x @ weights).astype(np.float32)
    measured = (signal + r.standard_normal(signal.shape) * r.uniform(0.3, 3, voxels)).astype(np.float32)
    scaler = StandardScaler().fit(x[:train].astype(float))
    a, b = scaler.transform(x[:train].astype(float)), scaler.transform(x[train:].astype(float))
    noiseless, found = [], []
    for alpha in ALPHAS:
        predicted = Ridge(alpha=alpha).fit(a, measured[:train].astype(float)).predict(b)
        agree = lambda y: [float(np.corrcoef(predicted[:, v], y[train:, v].astype(float))[0, 1]) for v in range(voxels)]
        noiseless.append(agree(signal))
        found.append(agree(measured))
    best = np.argmax(noiseless, axis=0)
    return dict(train=train, test=test, features=features, voxels=voxels, x=x.ravel().tolist(), signal=signal.ravel().tolist(), measured=measured.ravel().tolist(),
                noiseless=noiseless, found=found, alpha=[ALPHAS[i] for i in best], atAlpha=[found[i][v] for v, i in enumerate(best)])


def rounded(x):
    if isinstance(x, float):
        return float(f"{x:.9g}")
    if isinstance(x, list):
        return [rounded(v) for v in x]
    if isinstance(x, dict):
        return {k: rounded(v) for k, v in x.items()}
    return x


print(json.dumps(rounded(dict(alphas=ALPHAS, problems=[problem(25, 9, 6, 4), problem(12, 7, 20, 3)]))))
