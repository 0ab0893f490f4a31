"""Oracles of attribution: Captum (integrated gradients by Gauss-Legendre quadrature, SmoothGrad without noise, gradient x input, occlusion, expected gradients as the
mean of integrated gradients over references) on a smooth scalar function, float64, seeded.
Versions used: Python 3.11, torch 1.13.1, captum 0.7.0, numpy 1.26.4. Run: python tools/oracles/attribution.py > test/oracles/attribution.json
F(x) = sum_k v_k tanh(sum_p W_kp x_p + b_k), p over the 12 pixels of a 3-colour image of 2 x 2.
`boxes`, `deletion` and `insertion` are written by hand in NumPy from their definitions.
"""
import json

import numpy as np
import torch
from captum.attr import InputXGradient, IntegratedGradients, Occlusion, Saliency

r = np.random.default_rng(0)
pixels, hidden = 12, 5
W = torch.tensor(r.standard_normal((hidden, pixels)))
b = torch.tensor(r.standard_normal(hidden))
v = torch.tensor(r.standard_normal(hidden))
x = torch.tensor(r.uniform(0, 1, (1, pixels)))
x0 = torch.tensor(r.uniform(0, 1, (1, pixels)))


def f(z):
    return torch.tanh(z.reshape(len(z), -1) @ W.T + b) @ v


cases = []
for n in (2, 5, 16, 50):
    attribution, delta = IntegratedGradients(f).attribute(x, x0, n_steps=n, method="gausslegendre", return_convergence_delta=True)
    cases.append(dict(nodes=n, map=attribution.flatten().tolist(), delta=delta.item()))

references = torch.tensor(r.uniform(0, 1, (3, pixels)))
expected = torch.stack([IntegratedGradients(f).attribute(x, one[None], n_steps=16, method="gausslegendre") for one in references]).mean(0)

picture, base = x.reshape(1, 3, 2, 2), x0.reshape(1, 3, 2, 2)
occlusions = {}
for side in (1, 2):
    found = Occlusion(f).attribute(picture, sliding_window_shapes=(3, side, side), strides=(3, 1, 1), baselines=base)
    occlusions[str(side)] = (found / 3).flatten().tolist()

# Curves: all colours of the pixels with the highest map (sum over colours of integrated gradients with 50 nodes) first.
shown = np.array(cases[-1]["map"]).reshape(3, 4).sum(0)
order = np.argsort(-shown, kind="stable")
steps = 4
full, empty = f(x).item(), f(x0).item()


def area(start, end):
    values = []
    for k in range(steps + 1):
        mixed = start.reshape(3, 4).clone()
        mixed[:, order[:k]] = end.reshape(3, 4)[:, order[:k]]
        values.append((f(mixed.reshape(1, -1)).item() - empty) / (full - empty))
    return float(np.trapz(values, dx=1 / steps))


print(json.dumps(dict(W=W.flatten().tolist(), b=b.tolist(), v=v.tolist(), x=x.flatten().tolist(), x0=x0.flatten().tolist(),
                      response=f(x).item(), baseline=f(x0).item(), cases=cases,
                      references=references.flatten().tolist(), expected=expected.flatten().tolist(),
                      gradient=Saliency(f).attribute(x, abs=False).flatten().tolist(), gradient_input=InputXGradient(f).attribute(x).flatten().tolist(),
                      occlusion=occlusions, shown=shown.tolist(), steps=steps, deletion=area(x, x0), insertion=area(x0, x))))
