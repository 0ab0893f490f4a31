"""Forward, forward + image gradient and a fine-tuning step of backbones in PyTorch. Usage: backbones.py FOLDER THREADS

FOLDER gets, by the work `make`, the weights of a model (<model>.bin, .json) and, by `check`, its results. Ways of running a model: plain, folded (batch
normalisation folded into convolutions), channels_last, both, compiled (torch.compile). Weights need no gradient; loss = sum(y²).
"""
import gc
import json
import resource
import sys

import numpy as np
import torch

from backbone_models import folded, make
from serve import serve

folder, threads = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(threads)
made = {}


def model_of(name, way):
    """One model is kept at a time: memory is shared with the other side."""
    if made.get("key") != (name, way):
        made.clear()
        gc.collect()
        model = make(name)
        if "folded" in way:
            model = folded(model).requires_grad_(False)
        if "channels_last" in way:
            model = model.to(memory_format=torch.channels_last)
        made.update(key=(name, way), model=torch.compile(model) if way == "compiled" else model)
    return made["model"]


def images(batch, size, way):
    x = torch.from_numpy(np.random.default_rng(5).standard_normal((batch, 3, size, size), dtype=np.float32))
    return x.contiguous(memory_format=torch.channels_last) if "channels_last" in way else x


def export(model):
    state = {k: v.numpy() for k, v in make(model).state_dict().items() if v.is_floating_point()}
    index, offset = {}, 0
    with open(f"{folder}/{model}.bin", "wb") as file:
        for name, value in state.items():
            index[name] = {"shape": list(value.shape), "offset": offset}
            offset += file.write(np.ascontiguousarray(value).tobytes())
    with open(f"{folder}/{model}.json", "w") as file:
        json.dump(index, file)


def forward(model, batch, size, way, times=1):
    net, x = model_of(model, way), images(batch, size, way)
    with torch.inference_mode():
        return timed(lambda: net(x), times)


def loss_and_gradient(net, x):
    x = x.detach().requires_grad_()
    y = net(x)
    (y * y).sum().backward()
    return y, x.grad


def gradient(model, batch, size, way, times=1):
    net, x = model_of(model, way), images(batch, size, way)
    return timed(lambda: loss_and_gradient(net, x), times)


def timed(work, times):
    """One run before each timed one: after a pause threads sleep and caches are cold, which is not how a stage runs."""
    import time

    work()
    began = time.perf_counter()
    for _ in range(times):
        work()
    return {"own": (time.perf_counter() - began) * 1000 / times}


def finetune(batch, size, way, times=1):
    if made.get("key") != ("finetune", way):
        made.clear()
        net = make("alexnet").requires_grad_(True)
        if "channels_last" in way:
            net = net.to(memory_format=torch.channels_last)
        made.update(key=("finetune", way), model=net, optimiser=torch.optim.Adam(net.parameters(), lr=1e-9, **fastest()))
    net, optimiser, x = made["model"], made["optimiser"], images(batch, size, way)

    def step():
        optimiser.zero_grad(set_to_none=True)
        y = net(x)
        (y * y).sum().backward()
        optimiser.step()

    return timed(step, times)


def fastest():
    """Adam in one kernel, where this PyTorch has it for the CPU."""
    try:
        torch.optim.Adam([torch.zeros(1, requires_grad=True)], fused=True)
        return {"fused": True}
    except (TypeError, RuntimeError):
        return {}


def check(model, batch, size):
    y, grad = loss_and_gradient(model_of(model, "plain"), images(batch, size, "plain"))
    x64 = images(batch, size, "plain").double()
    y64, grad64 = loss_and_gradient(make(model).double(), x64)
    np.save(f"{folder}/images.npy", images(batch, size, "plain").numpy())
    for name, value in {"y": y, "gradient": grad, "y64": y64, "gradient64": grad64}.items():
        np.save(f"{folder}/{name}.npy", value.detach().numpy().astype(np.float32))


def peak():
    return {"megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


work = {"export": export, "forward": forward, "gradient": gradient, "finetune": finetune, "check": check, "peak": peak}
serve({"torch": torch.__version__}, work)
