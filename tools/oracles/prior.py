"""Oracle of the denoiser of prior.train: forward pass and loss in PyTorch, float64. The weights are a formula, so that they need no file.
Versions used: Python 3.11, torch 1.13.1, numpy 1.26.4. Run: python tools/oracles/prior.py > test/oracles/prior.json
"""
import json

import numpy as np
import torch
import torch.nn.functional as F

# name: out, in, kernel, stride, padding
CONVOLUTIONS = dict(fine=(24, 3, 4, 2, 1), e1=(64, 3, 8, 4, 2), e2=(96, 64, 3, 2, 1), e2b=(96, 96, 3, 1, 1), e3=(128, 96, 3, 2, 1), e3b=(128, 128, 3, 1, 1),
                    u3=(96, 128, 1, 1, 0), d3=(96, 96, 3, 1, 1), u2=(64, 96, 1, 1, 0), d2=(64, 64, 3, 1, 1), u1=(24, 64, 1, 1, 0), d1=(24, 24, 3, 1, 1), out=(12, 24, 3, 1, 1))


def weight(shape, phase, scale):
    i = np.arange(np.prod(shape), dtype=np.float64)
    return torch.tensor(np.float32(scale * np.sin(1.7 * i * i + phase * i + phase)).reshape(shape), dtype=torch.float64)


WEIGHTS = {}
for k, (name, (o, i, n, _, _)) in enumerate(CONVOLUTIONS.items()):
    # sin(quadratic) is spread like noise; 2/sqrt(fan-in) keeps activations of order 1
    WEIGHTS[name] = (weight((o, i, n, n), .1 * (k + 1), 2 / (i * n * n) ** .5), weight((o,), .3 * (k + 1), .1))


def conv(x, name):
    _, _, _, stride, pad = CONVOLUTIONS[name]
    return F.conv2d(x, *WEIGHTS[name], stride=stride, padding=pad)


def denoise(y, sigma):
    s = sigma / .25
    x = (y - .5) / .25 / torch.sqrt(1 + s * s)
    up = lambda v: F.interpolate(v, scale_factor=2, mode="nearest")
    fine, e1 = F.relu(conv(x, "fine")), F.relu(conv(x, "e1"))
    e2 = F.relu(conv(F.relu(conv(e1, "e2")), "e2b"))
    e3 = F.relu(conv(F.relu(conv(e2, "e3")), "e3b"))
    d3 = F.relu(conv(F.relu(up(conv(e3, "u3")) + e2), "d3"))
    d2 = F.relu(conv(F.relu(up(conv(d3, "u2")) + e1), "d2"))
    d1 = F.relu(conv(F.relu(up(conv(d2, "u1")) + fine), "d1"))
    return .5 + .25 * F.pixel_shuffle(conv(d1, "out"), 2)


n, size = 2, 16
r = np.random.default_rng(0)
clean = torch.tensor(np.float32(r.uniform(size=(n, 3, size, size))), dtype=torch.float64)
sigma = torch.tensor([.1, .8], dtype=torch.float64).view(n, 1, 1, 1)
noisy = torch.tensor(np.float32(clean + sigma * torch.tensor(r.standard_normal(clean.shape))), dtype=torch.float64)
w = torch.tensor([2.5, 1.2], dtype=torch.float64).view(n, 1, 1, 1)
d = denoise(noisy, sigma)
loss = ((w * (d - clean)) ** 2).mean() / .25 ** 2
flat = lambda t: [float(f"{x:.9g}") for x in t.flatten().tolist()]
print(json.dumps(dict(batch=n, size=size, clean=flat(clean), noisy=flat(noisy), sigma=flat(sigma), weight=flat(w), denoised=flat(d), loss=float(f"{loss.item():.9g}"))))
