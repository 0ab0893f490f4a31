"""Writes test/fixtures/checkpoints/torch-<version>: small checkpoints as the original libraries save them, and what they hold.

    python tools/oracles/checkpoints.py

Run twice, with torch 1.13.1 (numpy 1.26) and with torch 2.15.0 (numpy 2, safetensors 0.8); the folder takes its name from the version. Element i of every tensor is
((7919 i + 31 k) mod 2003 - 1001) / 64 for the k-th tensor made, in the type of the tensor: exact in float16, so nothing is rounded twice. expected.json
holds, for each file, what `torch.load` or `torch.jit.load(...).state_dict()` gives as float64.
"""
import argparse
import collections
import json
import pathlib
import pickle

import numpy as np
import torch
from torch import nn

VERSION = ".".join(torch.__version__.split("+")[0].split(".")[:2])
OUT = pathlib.Path(__file__).resolve().parents[2] / "test" / "fixtures" / "checkpoints" / f"torch-{VERSION}"
NEW = int(VERSION.split(".")[0]) >= 2
expected = {}
made = 0


def ramp(*shape, dtype=torch.float32):
    global made
    made += 1
    count = int(np.prod(shape))
    values = (torch.arange(count, dtype=torch.int64) * 7919 + 31 * made) % 2003 - 1001
    if dtype == torch.bool:
        values = values % 2
    elif dtype in (torch.int8, torch.uint8):
        values = values % 128
    elif not dtype.is_floating_point and not dtype.is_complex:
        pass
    elif dtype == torch.bfloat16:
        values = (values % 128).double() / 64
    else:
        values = values.double() / 64
    return values.to(dtype).reshape(shape)


def note(name, tensors, form):
    expected[name] = {
        "format": form,
        "tensors": {
            key: {"dtype": str(value.dtype).removeprefix("torch."), "shape": list(value.shape), "values": value.detach().double().reshape(-1).tolist()}
            for key, value in tensors.items()
        },
    }


def save(name, value, tensors, legacy=False, protocol=2):
    torch.save(value, OUT / name, _use_new_zipfile_serialization=not legacy, pickle_protocol=protocol)
    note(name, tensors, "torch-legacy" if legacy else "torch")


def every_type():
    types = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]
    named = {str(dtype): ramp(3, 5, dtype=dtype) for dtype in types}
    if NEW:
        for dtype in (torch.uint16, torch.uint32, torch.uint64):
            named[str(dtype)] = ramp(3, 5, dtype=torch.int64).abs().to(dtype)
    named["scalar"] = ramp(1)[0]
    named["empty"] = torch.empty(0, 4)
    return named


def strided():
    whole = ramp(6, 8)
    base = ramp(4, 3, 2, 2)
    return {
        "whole": whole,
        "transposed": whole.t(),
        "column": whole[:, 3],
        "window": whole[1:5:2, 2:7:3],
        "tail": whole[4:],
        "channels_last": base.to(memory_format=torch.channels_last),
        "permuted": base.permute(2, 0, 3, 1),
        "expanded": ramp(1, 3).expand(4, 3),
    }


def shared():
    weight = ramp(5, 4)
    return {"embedding.weight": weight, "head.weight": weight, "half.view": weight[2:]}


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layers = nn.Sequential(nn.Linear(width, 4), nn.GELU(), nn.Linear(4, 2))

    def forward(self, x):
        return self.layers(self.bn1(self.conv1(x)).mean((2, 3)))


class Towers(nn.Module):
    """The shape of OpenAI's archives: nested modules, a parameter of the root, buffers of one element, a plain attribute that is a tensor."""

    def __init__(self):
        super().__init__()
        self.visual = Block(4)
        self.positional_embedding = nn.Parameter(torch.zeros(3, 4))
        self.logit_scale = nn.Parameter(torch.zeros([]))
        self.register_buffer("input_resolution", torch.tensor(224))
        self.token_embedding = nn.Embedding(7, 4)
        self.width = 4
        self.plain = ramp(3)

    def forward(self, image, text):
        mask = torch.tensor([1.0, 2.0], dtype=torch.float32)
        return self.visual(image), self.token_embedding(text) + self.positional_embedding + self.plain.mean(), self.logit_scale.exp() * mask


def fill(module):
    with torch.no_grad():
        for parameter in list(module.parameters()) + [b for b in module.buffers() if b.dtype.is_floating_point]:
            parameter.copy_(ramp(*parameter.shape) if parameter.dim() else ramp(1)[0])
    return module


def torchscript():
    scripted = torch.jit.script(fill(Towers()))
    torch.jit.save(scripted, str(OUT / "scripted.pt"))
    note("scripted.pt", torch.jit.load(str(OUT / "scripted.pt")).state_dict(), "torchscript")
    half = fill(Towers()).half().eval()
    half.plain = half.plain.half()
    traced = torch.jit.script(half)
    torch.jit.save(traced, str(OUT / "half.pt"))
    note("half.pt", torch.jit.load(str(OUT / "half.pt")).state_dict(), "torchscript")
    traced = torch.jit.trace(fill(Block(4)).eval(), torch.zeros(1, 3, 5, 5))
    torch.jit.save(traced, str(OUT / "traced.pt"))
    note("traced.pt", torch.jit.load(str(OUT / "traced.pt")).state_dict(), "torchscript")


def wrapped():
    state = fill(Block(2)).state_dict()
    optimizer = torch.optim.Adam(fill(Block(2)).parameters())
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    args = argparse.Namespace(lr=1e-3, output=pathlib.PurePosixPath("/x"), names=["a", "b"], nested=argparse.Namespace(flag=True), device=torch.device("cpu"))
    value = {
        "epoch": 3, "best_acc1": torch.tensor(76.5), "args": args, "state_dict": state, "optimizer": optimizer.state_dict(),
        "score": np.float64(0.5), "history": np.arange(4, dtype=np.int32), "losses": collections.defaultdict(list, {"a": [0.5]}), "seen": {1, 2}, "raw": b"\x00\xff", "big": 2**70,
        "dtype": torch.float16, "size": torch.Size([1, 2]),
    }
    save("wrapped.pth", value, state)
    save("wrapped-legacy.pth", value, state, legacy=True)
    save("protocol-4.pth", value, state, protocol=4)
    save("protocol-5.pth", value, state, protocol=5)
    save("two.pth", {"teacher": state, "student": fill(Block(2)).state_dict()}, state)
    expected["two.pth"]["mapping"] = "teacher"
    module = fill(Block(2))
    save("parameters.pth", dict(module.named_parameters()), dict(module.named_parameters()))
    save("parameters-legacy.pth", dict(module.named_parameters()), dict(module.named_parameters()), legacy=True)


def refused():
    torch.save({"w": torch.quantize_per_tensor(ramp(2, 3), 0.1, 3, torch.quint8)}, OUT / "quantized.pth")
    torch.save({"w": torch.eye(3).to_sparse()}, OUT / "sparse.pth")
    torch.save({"w": torch.eye(3, dtype=torch.complex64)}, OUT / "complex.pth")
    torch.save(Block(2), OUT / "whole-module.pth")
    with open(OUT / "plain-pickle.pth", "wb") as file:
        pickle.dump({"w": ramp(2)}, file)
    if NEW:
        torch.save({"w": ramp(2).to(torch.float8_e4m3fn)}, OUT / "float8.pth")


def safetensors():
    from safetensors.torch import save_file

    named = {key: value for key, value in every_type().items() if "uint64" not in key}
    save_file(named, OUT / "types.safetensors", metadata={"format": "pt"})
    note("types.safetensors", named, "safetensors")
    save_file({"w": ramp(2).to(torch.float8_e4m3fn)}, OUT / "float8.safetensors")
    state = fill(Block(3)).state_dict()
    keys = list(state)
    shards = {"model-00001-of-00002.safetensors": keys[:4], "model-00002-of-00002.safetensors": keys[4:]}
    for name, part in shards.items():
        save_file({key: state[key].contiguous() for key in part}, OUT / name, metadata={"format": "pt"})
    index = {"metadata": {"total_size": sum(value.numel() * value.element_size() for value in state.values())}, "weight_map": {key: name for name, part in shards.items() for key in part}}
    (OUT / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))
    note("model.safetensors.index.json", state, "sharded")


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    for legacy, suffix in ((False, ""), (True, "-legacy")):
        save(f"types{suffix}.pth", value := every_type(), value, legacy)
        save(f"strided{suffix}.pth", value := strided(), value, legacy)
        save(f"shared{suffix}.pth", value := shared(), value, legacy)
    torchscript()
    wrapped()
    refused()
    if NEW:
        safetensors()
        torch.serialization.set_crc32_options(False)
        save("no-crc.pth", value := shared(), value)
    (OUT / "expected.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")
