"""Oracle of integrated gradients: Captum with Gauss-Legendre quadrature on a smooth scalar function, float64, seeded.
Versions used: Python 3.11, torch 1.13.1, captum 0.7.0, numpy 1.26.4. Run: python tools/oracles/attribution.py > test/oracles/attribution.json
F(x) = sum_k v_k tanh(sum_p W_kp x_p + b_k)
"""
import json

import numpy as np
import torch
from captum.attr import IntegratedGradients

r = np.random.default_rng(0)
pixels, hidden = 12, 5
W = torch.tensor(r.standard_normal((hidden, pixels)))
b = torch.tensor(r.standard_normal(hidden))
v = torch.tensor(r.standard_normal(hidden))
x = torch.tensor(r.uniform(0, 1, (1, pixels)))
x0 = torch.tensor(r.uniform(0, 1, (1, pixels)))


def f(z):
    return torch.tanh(z @ W.T + b) @ v


cases = []
for n in (2, 5, 16, 50):
    attribution, delta = IntegratedGradients(f).attribute(x, x0, n_steps=n, method="gausslegendre", return_convergence_delta=True)
    cases.append(dict(nodes=n, map=attribution.flatten().tolist(), delta=delta.item()))
print(json.dumps(dict(W=W.flatten().tolist(), b=b.tolist(), v=v.tolist(), x=x.flatten().tolist(), x0=x0.flatten().tolist(),
                      response=f(x).item(), baseline=f(x0).item(), cases=cases)))
