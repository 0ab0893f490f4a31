"""Oracle of the control features: Gabor amplitudes and low-resolution pixels, by SciPy from the definition (no code shared with ours). Seeded.
Versions used: Python 3.11, numpy 1.26.4, scipy 1.13.1. Run: python tools/oracles/controls.py > test/oracles/controls.json
"""
import json

import numpy as np
from scipy.ndimage import correlate

r = np.random.default_rng(0)
SIZE, ORIENTATIONS, GRID, PIXELS = 32, 3, 4, 2
WAVELENGTHS = [4.0, 6.0, 8.0, 20.0]


def quadrature(wavelength, theta):
    sigma = wavelength / np.pi * np.sqrt(np.log(2) / 2) * 3
    k = int(np.ceil(3 * sigma))
    y, x = np.mgrid[-k:k + 1, -k:k + 1]
    g = np.exp(-(x ** 2 + y ** 2) / (2 * sigma ** 2))
    wave = np.exp(2j * np.pi * (x * np.cos(theta) + y * np.sin(theta)) / wavelength)
    even = g * wave.real
    even = even - g * even.sum() / g.sum()
    odd = g * wave.imag
    return even / np.linalg.norm(even), odd / np.linalg.norm(odd)


def cells(plane, n):
    side = plane.shape[0] // n
    return plane.reshape(n, side, n, side).mean((1, 3)).ravel()


image = r.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
# something smooth and oriented beside the noise
yy, xx = np.mgrid[0:SIZE, 0:SIZE]
image[:, :16] = (127 + 120 * np.sin(2 * np.pi * (xx * np.cos(1.0) + yy * np.sin(1.0)) / 8))[:, :16, None].astype(np.uint8)
rgb = image / 255.0
luma = rgb @ np.array([0.299, 0.587, 0.114])
layers = []
for wavelength in WAVELENGTHS:
    plane, length = luma, wavelength
    while length >= 8:
        plane = plane.reshape(plane.shape[0] // 2, 2, plane.shape[1] // 2, 2).mean((1, 3))
        length /= 2
    rows = []
    for i in range(ORIENTATIONS):
        even, odd = quadrature(length, np.pi * i / ORIENTATIONS)
        energy = correlate(plane, even, mode="nearest") ** 2 + correlate(plane, odd, mode="nearest") ** 2
        rows.append(cells(np.sqrt(energy), GRID).tolist())
    layers.append(dict(wavelength=wavelength, amplitude=rows))
pixels = [cells(rgb[..., c], PIXELS).tolist() for c in range(3)]


def rounded(x):
    if isinstance(x, float):
        return float(f"{x:.9g}")
    if isinstance(x, list):
        return [rounded(v) for v in x]
    if isinstance(x, dict):
        return {k: rounded(v) for k, v in x.items()}
    return x


print(json.dumps(rounded(dict(size=SIZE, orientations=ORIENTATIONS, grid=GRID, pixelGrid=PIXELS, image=image.ravel().tolist(), layers=layers, pixels=pixels))))
