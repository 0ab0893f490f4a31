"""Fixture for test/math/resample.test.ts: antialiased bicubic resizing, from PyTorch (exact) and Pillow (rounded to 8 bits after each axis).

Run:  python tools/oracles/bicubic.py        (torch 2.15, Pillow 13.0)
Writes test/oracles/bicubic.json. Pixels are those of the bilinear cases (true_brain.py).
"""
import json
import pathlib

import numpy as np
import torch
from PIL import Image

cases = []
for (h, w), (th, tw) in [((7, 9), (3, 4)), ((5, 4), (11, 9)), ((40, 30), (13, 12)), ((16, 16), (16, 16))]:
    k = np.arange(3 * h * w)
    pixels = ((k * 7919 + (k // 5) * 104729) % 256).astype(np.uint8).reshape(h, w, 3)
    planes = torch.from_numpy(pixels).permute(2, 0, 1).double()[None]
    exact = torch.nn.functional.interpolate(planes, size=(th, tw), mode="bicubic", antialias=True, align_corners=False)[0].clamp(0, 255)
    pillow = np.asarray(Image.fromarray(pixels).resize((tw, th), Image.Resampling.BICUBIC)).transpose(2, 0, 1)
    cases.append({"from": [h, w], "to": [th, tw], "planes": [round(float(x), 4) for x in exact.flatten()], "pillow": [int(x) for x in pillow.flatten()]})
out = pathlib.Path(__file__).resolve().parents[2] / "test" / "oracles" / "bicubic.json"
out.write_text("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n")
