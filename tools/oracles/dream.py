"""Oracle of the dream's parameterisation, its gradient, the affine view and Adam: PyTorch in float64, seeded.
Versions used: Python 3.11, torch 1.13.1, numpy 1.26.4. Run: python tools/oracles/dream.py > test/oracles/dream.json
"""
import json
import math

import numpy as np
import torch
import torch.nn.functional as F

COLOUR = torch.tensor([[.26, .09, .02], [.27, 0, -.05], [.27, -.09, .03]], dtype=torch.float64) / 0.4619524


def scale(h, w, decay):
    fy = np.fft.fftfreq(h)[:, None]
    fx = np.fft.fftfreq(w)[: w // 2 + 1][None]
    f = np.sqrt(fx * fx + fy * fy)
    return torch.tensor(1 / np.maximum(f, 1 / max(h, w)) ** decay)


def decode(p, h, w, decay):
    x = torch.fft.irfft2(torch.complex(p[:, :, 0], p[:, :, 1]) * scale(h, w, decay), s=(h, w), norm="ortho") / 4
    return torch.sigmoid(torch.einsum("bchw,dc->bdhw", x, COLOUR))


def case(h, w, decay, seed):
    r = np.random.default_rng(seed)
    n = 2
    p = torch.tensor(r.standard_normal((n, 3, 2, h, w // 2 + 1)), requires_grad=True)
    g = torch.tensor(r.standard_normal((n, 3, h, w)))
    x = decode(p, h, w, decay)
    x.backward(g)
    return dict(height=h, width=w, decay=decay, parameters=p.detach().flatten().tolist(), gradient=g.flatten().tolist(),
                image=x.detach().flatten().tolist(), parameterGradient=p.grad.flatten().tolist())


def affine_case(h, w, matrix, seed):
    r = np.random.default_rng(seed)
    x = torch.tensor(r.standard_normal((1, 1, h, w)), requires_grad=True)
    g = torch.tensor(r.standard_normal((1, 1, h, w)))
    grid = F.affine_grid(torch.tensor(matrix, dtype=torch.float64).view(1, 2, 3), (1, 1, h, w), align_corners=False)
    y = F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    y.backward(g)
    return dict(height=h, width=w, matrix=matrix, image=x.detach().flatten().tolist(), view=y.detach().flatten().tolist(),
                gradient=g.flatten().tolist(), imageGradient=x.grad.flatten().tolist())


def adam_case(seed):
    r = np.random.default_rng(seed)
    p = torch.tensor(r.standard_normal(5), requires_grad=True)
    start = p.detach().tolist()
    o = torch.optim.Adam([p], lr=.05)
    gradients, steps = [], []
    for _ in range(4):
        g = torch.tensor(r.standard_normal(5)); g[2] = 0
        p.grad = g
        o.step()
        gradients.append(g.tolist()); steps.append(p.detach().tolist())
    return dict(start=start, gradients=gradients, steps=steps, learningRate=.05)


def window_case(c, h, w, sigma, seed):
    r = np.random.default_rng(seed)
    template = r.standard_normal((c, h, w))
    y, x = np.meshgrid((np.arange(h) + .5) / h - .5, (np.arange(w) + .5) / w - .5, indexing="ij")
    g = np.exp(-(x * x + y * y) / (2 * sigma * sigma))
    return dict(map=[c, h, w], sigma=sigma, template=template.ravel().tolist(), windowed=(template * g / g.mean()).ravel().tolist())


def rounded(x):
    if isinstance(x, float):
        return float(f"{x:.12g}")
    if isinstance(x, list):
        return [rounded(v) for v in x]
    if isinstance(x, dict):
        return {k: rounded(v) for k, v in x.items()}
    return x


c, s = math.cos(.2) / 1.1, math.sin(.2) / 1.1
print(json.dumps(rounded(dict(
    fourier=[case(8, 8, 1.0, 0), case(6, 10, 1.5, 1), case(7, 9, 1.25, 2)],
    affine=[affine_case(6, 6, [c, -s, .1, s, c, -.25], 3), affine_case(5, 8, [1.4, 0.3, .9, -.3, 1.4, -.8], 4), affine_case(4, 4, [1, 0, 0, 0, 1, 0], 5)],
    adam=adam_case(6),
    window=[window_case(2, 4, 4, .12, 7), window_case(1, 3, 5, .4, 8)],
))))
