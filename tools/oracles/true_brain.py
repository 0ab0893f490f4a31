"""Fixtures for test/stages/simulate/brain.test.ts, test/stages/truth-attribute and test/math/resample.test.ts, from PyTorch and Pillow.

An independent statement of the true brain: dense two-dimensional Gabor kernels, explicit padding, torch's own pooling and antialiased resize,
where the product uses separable filters and matrices. Inputs are formulas, so that only results are stored.
usage: python true_brain.py OUTPUT_FOLDER      (made with Python 3.11, numpy 1.26, torch 1.13.1, pillow)
"""
import json
import math
import sys

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

out = sys.argv[1]
torch.set_num_threads(1)
ROWS = [(0, 12), (0, 7), (5, 12), (0, 12), (0, 7), (5, 12)] + [(0, 12)] * 5
AREA = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3]
N = 11


def gabor(wavelength):
    sigma = 0.5 * wavelength
    k = math.ceil(2.5 * sigma)
    y, x = np.mgrid[-k:k + 1, -k:k + 1].astype(float)
    g = np.exp(-(x * x + y * y) / (2 * sigma * sigma))
    kernels = []
    for phase in (0, np.pi / 2):
        for i in range(6):
            theta = np.pi * i / 6
            w = g * np.cos(2 * np.pi * (x * np.cos(theta) + y * np.sin(theta)) / wavelength + phase)
            w -= g * (w.sum() / g.sum())
            kernels.append(w / np.sqrt((w * w).sum()))
    return torch.tensor(np.stack(kernels)[:, None])


def blur(x, sigma):
    k = math.ceil(2.5 * sigma)
    t = torch.arange(-k, k + 1, dtype=torch.float64)
    g = torch.exp(-t * t / (2 * sigma * sigma))
    g /= g.sum()
    c = x.shape[1]
    x = F.pad(x, (k, k, k, k), mode="replicate")
    x = F.conv2d(x, g.view(1, 1, 1, -1).expand(c, 1, 1, -1), groups=c)
    return F.conv2d(x, g.view(1, 1, -1, 1).expand(c, 1, -1, 1), groups=c)


def resize(x, size):
    return x if x.shape[-1] == size else F.interpolate(x, size=(size, size), mode="bilinear", align_corners=False, antialias=True)


def early(x):
    light = x.mean(1, keepdim=True)
    red_green = x[:, :1] - x[:, 1:2]
    blue = x[:, 2:] - 0.5 * (x[:, :1] + x[:, 1:2])
    maps, raw = [], []
    for wavelength in (4, 8):
        w = gabor(wavelength)
        r = F.conv2d(F.pad(light, (w.shape[-1] // 2,) * 4, mode="replicate"), w)
        e = F.avg_pool2d(torch.sqrt(r[:, :6] ** 2 + r[:, 6:] ** 2 + 1e-6), 4, ceil_mode=True)
        raw.append(e)
        maps.append(e / (0.15 + blur(e.mean(1, keepdim=True), 2.0)))
    low = F.avg_pool2d(torch.cat([light, red_green, blue], 1), 4, ceil_mode=True)
    d = low - blur(low, 4.0)
    maps.append(0.75 * d / torch.sqrt(blur((d * d).mean(1, keepdim=True), 4.0) + 0.05**2))
    return torch.cat(maps, 1), torch.cat(raw, 1)


# --- inputs by formula: the test states the same ones
y, x = np.mgrid[0:128, 0:128].astype(float)
image = np.stack([
    [0.5 + 0.25 * np.sin((x * (0.11 + 0.05 * c) + y * 0.07) * (1 + 0.8 * k)) + 0.2 * np.cos(x * y * 0.003 * (c + 1 + k)) for c in range(3)] for k in range(4)
])
image = torch.tensor(image.astype(np.float32).astype(float), requires_grad=True)
i = np.arange(N * 15 * 144, dtype=float)
templates = np.sin(1.3 * i + 0.001 * i * i).reshape(N, 15, 12, 12)
masks = np.zeros((N, 1, 12, 12))
for t, (a, b) in enumerate(ROWS):
    masks[t, :, a:b] = 1
templates *= masks
templates /= np.sqrt((templates**2).sum((1, 2, 3), keepdims=True))
mean = torch.tensor([0.05 * c for c in range(15)], dtype=torch.float64).view(1, 15, 1, 1)
sd = torch.tensor([0.2 + 0.02 * c for c in range(15)], dtype=torch.float64).view(1, 15, 1, 1)
threshold = torch.tensor([0.01 + 0.002 * t for t in range(N)], dtype=torch.float64).view(1, N, 1, 1)
gain = torch.tensor([20 + 3.0 * t for t in range(N)], dtype=torch.float64).view(1, N, 1, 1)
templates, masks = torch.tensor(templates), torch.tensor(masks)

energy, amplitudes = 0, None
for size in (128, 90, 64, 45):
    maps, raw = early(resize(image, size))
    amplitudes = raw if size == 128 else amplitudes
    f = F.pad((maps - mean) / sd, (6, 5, 6, 5))
    floor = 1e-3 + 0.1 * masks.sum((1, 2, 3)).view(1, -1, 1, 1) * 15
    match = F.conv2d(f, templates) / torch.sqrt(F.conv2d((f * f).sum(1, keepdim=True), masks) + floor)
    r = torch.relu(match - threshold)
    by_area = torch.stack([r[:, [k for k in range(N) if AREA[k] == q]].mean(1) for q in range(4)], 1)
    others = torch.stack([by_area.sum(1) - by_area[:, q] for q in AREA], 1)
    e = torch.relu(r - 0.6 * others) ** 2 * gain
    energy = energy + F.adaptive_avg_pool2d(resize(e, 32), 8)
bank = torch.cat([torch.sqrt(energy + 0.02) - math.sqrt(0.02), F.avg_pool2d(amplitudes, 4)], 1)
np.save(f"{out}/bank.npy", bank.detach().reshape(-1).numpy().astype(np.float32))

# --- a linear functional of the bank, and its derivative by the image along directions that are formulas too
template = torch.cos(0.37 * torch.arange(1472, dtype=torch.float64)).float().double()
response = bank.reshape(4, -1) @ template
(gradient,) = torch.autograd.grad(response.sum(), image)
flat = np.arange(3 * 128 * 128, dtype=float)
directions = np.stack([np.sin(0.013 * (j + 1) * flat + j) for j in range(8)])
json.dump({"response": response.tolist(), "norm": gradient.reshape(4, -1).norm(dim=1).tolist(), "slopes": (gradient.reshape(4, -1).numpy() @ directions.T).tolist()},
          open(f"{out}/brain-gradient.json", "w"))

# --- resampling: sizes up and down, square and not
cases = []
for height, width, to_height, to_width in ((7, 9, 3, 4), (12, 10, 25, 17), (45, 30, 13, 30), (5, 5, 5, 5)):
    k = np.arange(3 * height * width)
    pixels = ((k * 7919 + (k // 5) * 104729) % 256).astype(np.uint8).reshape(height, width, 3)
    planes = torch.tensor(pixels.transpose(2, 0, 1).astype(float))[None]
    a = F.interpolate(planes, size=(to_height, to_width), mode="bilinear", align_corners=False, antialias=True)[0].numpy()
    b = np.stack([np.asarray(Image.fromarray(pixels[..., c].astype(np.float32), mode="F").resize((to_width, to_height), Image.BILINEAR)) for c in range(3)])
    assert np.abs(a - b).max() < 1e-3
    cases.append({"from": [height, width], "to": [to_height, to_width], "planes": [round(float(v), 4) for v in a.ravel()]})
json.dump(cases, open(f"{out}/resample.json", "w"), separators=(",", ":"))
