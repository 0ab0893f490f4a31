"""Oracle of small numerical parts of the stages: pooling to a grid, Gaussian blur, the backbone's loss. PyTorch in float64, seeded.
Versions used: Python 3.11, torch 1.13.1, numpy 1.26.4. Run: python tools/oracles/stages.py > test/oracles/stages.json
"""
import json
import math

import numpy as np
import torch
import torch.nn.functional as F

r = np.random.default_rng(0)


def pooling(h, w, rows, columns):
    x = torch.tensor(r.standard_normal((1, 1, h, w)))
    return dict(height=h, width=w, rows=rows, columns=columns, map=x.flatten().tolist(), means=F.adaptive_avg_pool2d(x, (rows, columns)).flatten().tolist())


def blur(planes, h, w, sd):
    """the recipe's blur: radius ceil(2.5 sd), replicated border"""
    x = torch.tensor(r.standard_normal((1, planes, h, w)))
    k = math.ceil(2.5 * sd)
    t = torch.arange(-k, k + 1).double()
    g = torch.exp(-t * t / (2 * sd * sd))
    g = g / g.sum()
    y = F.pad(x, (k, k, k, k), mode="replicate")
    y = F.conv2d(y, g.view(1, 1, 1, -1).expand(planes, 1, 1, -1), groups=planes)
    y = F.conv2d(y, g.view(1, 1, -1, 1).expand(planes, 1, -1, 1), groups=planes)
    return dict(height=h, width=w, sd=sd, planes=x.flatten().tolist(), blurred=y.flatten().tolist())


def loss(batch, weight):
    """image class by logsumexp over cells of the six classes that are not background (5), plus the mean cross-entropy of the cells"""
    z = torch.tensor(r.standard_normal((batch, 7, 8, 8)) * 2, requires_grad=True)
    labels = torch.tensor(r.integers(0, 6, batch))
    cells = torch.tensor(r.integers(0, 7, (batch, 8, 8)))
    images = z[:, [0, 1, 2, 3, 4, 6]].flatten(2).logsumexp(2)
    value = F.cross_entropy(images, labels) + weight * F.cross_entropy(z, cells)
    value.backward()
    return dict(batch=batch, weight=weight, logits=z.detach().flatten().tolist(), labels=labels.tolist(), cells=cells.flatten().tolist(),
                loss=value.item(), gradient=z.grad.flatten().tolist())


def rounded(x):
    if isinstance(x, float):
        return float(f"{x:.9g}")
    if isinstance(x, list):
        return [rounded(v) for v in x]
    if isinstance(x, dict):
        return {k: rounded(v) for k, v in x.items()}
    return x


print(json.dumps(rounded(dict(
    pooling=[pooling(16, 16, 4, 4), pooling(7, 5, 3, 2), pooling(13, 13, 4, 4)],
    blur=[blur(2, 9, 12, 1.5), blur(1, 6, 5, 4.0)],
    loss=loss(2, 0.7),
))))
