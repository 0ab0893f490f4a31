"""Weights from a formula, the same in test/rigs/formula-weights.ts, so that fixtures of whole networks hold outputs only and no weights.

u(name, i) in [-1, 1): murmur3's finaliser on (fnv1a(name) + i * 0x9E3779B1) mod 2^32, divided by 2^31, minus 1.
A parameter of fan-in f is sqrt(3 * gain / f) * u (variance gain / f); which gain, offset and scale each gets is decided by its name and rank here
and nowhere else.
"""
import numpy as np


def fnv1a(name: str) -> int:
    value = 0x811C9DC5
    for byte in name.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def uniform(name: str, count: int) -> np.ndarray:
    """float64 in [-1, 1)"""
    with np.errstate(over="ignore"):
        x = np.uint32(fnv1a(name)) + np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B1)
        x ^= x >> np.uint32(16)
        x *= np.uint32(0x85EBCA6B)
        x ^= x >> np.uint32(13)
        x *= np.uint32(0xC2B2AE35)
        x ^= x >> np.uint32(16)
    return x.astype(np.float64) / 2147483648.0 - 1.0


def parameter(name: str, shape) -> np.ndarray:
    """float32; `running_var` and gains stay positive, everything else is centred"""
    shape = tuple(int(n) for n in shape)
    u = uniform(name, int(np.prod(shape)) if shape else 1)
    if name.endswith("running_var"):
        x = 1.0 + 0.5 * u
    elif name.endswith("running_mean"):
        x = 0.2 * u
    elif name.endswith("bias") or len(shape) == 0:
        x = 0.1 * u
    elif name.endswith("bn3.weight"):
        # the last gain of a bottleneck: at 1, thirty blocks would grow to 1e6
        x = 0.25 + 0.05 * u
    elif len(shape) == 1:
        x = 1.0 + 0.2 * u
    else:
        fan_in = int(np.prod(shape[1:]))
        x = np.sqrt(3.0 * 2.0 / fan_in) * u
    return x.reshape(shape).astype(np.float32)


def image(batch: int, size: int) -> np.ndarray:
    """The input of every fixture: float32 [batch, 3, size, size], normalised values about [-1.7, 1.7)"""
    return (1.7 * uniform("image", batch * 3 * size * size)).reshape(batch, 3, size, size).astype(np.float32)


def fill(module) -> None:
    """Gives every parameter and buffer of a torch module its formula value, by its name in the state dict."""
    import torch

    state = module.state_dict()
    for name, value in state.items():
        if value.is_floating_point():
            value.copy_(torch.from_numpy(parameter(name, value.shape)))
    module.load_state_dict(state)
