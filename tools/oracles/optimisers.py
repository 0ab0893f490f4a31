"""Training steps of torch.optim, clipping of torch.nn.utils, batch norm in both modes and learning-rate schedules: the oracle of src/graph/training.

Run:  python tools/oracles/optimisers.py        (torch 2.15; CPU, one thread)
Writes test/fixtures/graph/optimisers.json. Seeded: the same version gives the same numbers. A small network (smooth, so that no decision flips in
the last bit) is trained for five steps on five batches, in float64 and in float32; the fixture holds weights, batches, every loss and what the
weights and running statistics are in the end. Tensors are {"shape", "base64"} of little-endian float32 (inputs) or float64 (results).
"""
import base64
import json
import pathlib

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(11)
torch.set_num_threads(1)
OUT = pathlib.Path(__file__).resolve().parents[2] / "test" / "fixtures" / "graph" / "optimisers.json"
STEPS, BATCH = 5, 4


def pack(t, kind="<f4"):
    a = np.ascontiguousarray(t.detach().numpy().astype(kind))
    return {"shape": list(t.shape), "base64": base64.b64encode(a.tobytes()).decode()}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 6, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(6, momentum=0.3)
        self.fc = nn.Linear(6 * 3 * 3, 2)

    def forward(self, x):
        x = torch.tanh(self.bn1(self.conv1(x)))
        x = torch.tanh(self.bn2(self.conv2(x)))
        return self.fc(torch.flatten(x, 1))


start = Net()
with torch.no_grad():
    for name, p in start.named_parameters():
        if "bn" in name:
            p.add_(0.2 * torch.randn_like(p))
    for bn in (start.bn1, start.bn2):
        bn.running_mean.normal_(0, 0.3)
        bn.running_var.uniform_(0.5, 1.5)
weights = {k: v.clone() for k, v in start.state_dict().items() if v.dtype == torch.float32}
images = torch.randn(STEPS, BATCH, 3, 6, 6)
targets = 2 * torch.randn(STEPS, BATCH, 2)


def train(dtype, make, clip, mode, frozen, rate):
    net = Net().to(dtype)
    net.load_state_dict(weights, strict=False)
    net.train(mode == "training")
    for name, p in net.named_parameters():
        p.requires_grad_(not any(name.startswith(f) for f in frozen))
    optimiser = make(net)
    losses = []
    for t in range(STEPS):
        optimiser.zero_grad()
        loss = F.mse_loss(net(images[t].to(dtype)), targets[t].to(dtype))
        losses.append(float(loss))
        loss.backward()
        live = [p for p in net.parameters() if p.requires_grad]
        if "value" in clip:
            torch.nn.utils.clip_grad_value_(live, clip["value"])
        if "norm" in clip:
            torch.nn.utils.clip_grad_norm_(live, clip["norm"])
        optimiser.step()
    return losses, net


cases = []


def case(name, spec, make, clip=None, mode="evaluation", frozen=(), rate=0.05, decay=0.0):
    clip = clip or {}
    losses, net = train(torch.float64, make, clip, mode, frozen, rate)
    single, _ = train(torch.float32, make, clip, mode, frozen, rate)
    after = {k: v for k, v in net.state_dict().items() if v.dtype == torch.float64 and not (mode == "evaluation" and "running" in k)}
    cases.append({"name": name, "optimiser": spec, "rate": rate, "weightDecay": decay, "clip": clip, "mode": mode, "frozen": list(frozen),
                  "losses": losses, "losses32": single, "after": {k: pack(v, "<f8") for k, v in after.items()}})


def live(net):
    return [p for p in net.parameters() if p.requires_grad]


O = torch.optim
case("SGD", {"kind": "sgd"}, lambda n: O.SGD(live(n), lr=0.05))
case("SGD with weight decay", {"kind": "sgd"}, lambda n: O.SGD(live(n), lr=0.05, weight_decay=0.1), decay=0.1)
case("SGD with momentum", {"kind": "sgd", "momentum": 0.9}, lambda n: O.SGD(live(n), lr=0.05, momentum=0.9))
case("SGD with momentum and dampening", {"kind": "sgd", "momentum": 0.8, "dampening": 0.3}, lambda n: O.SGD(live(n), lr=0.05, momentum=0.8, dampening=0.3))
case("SGD with Nesterov momentum and decay", {"kind": "sgd", "momentum": 0.9, "nesterov": True}, lambda n: O.SGD(live(n), lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01), decay=0.01)
case("Adam", {"kind": "adam"}, lambda n: O.Adam(live(n), lr=0.01), rate=0.01)
case("Adam with other betas, epsilon and decay", {"kind": "adam", "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3}, lambda n: O.Adam(live(n), lr=0.01, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1), rate=0.01, decay=0.1)
case("AdamW", {"kind": "adamw"}, lambda n: O.AdamW(live(n), lr=0.01, weight_decay=0.1), rate=0.01, decay=0.1)
case("SGD, clipped by global norm", {"kind": "sgd"}, lambda n: O.SGD(live(n), lr=0.05), clip={"norm": 0.5})
case("SGD, a norm above what there is", {"kind": "sgd"}, lambda n: O.SGD(live(n), lr=0.05), clip={"norm": 1000})
case("Adam, clipped by value", {"kind": "adam"}, lambda n: O.Adam(live(n), lr=0.01), clip={"value": 0.05}, rate=0.01)
case("frozen affine in evaluation mode", {"kind": "sgd", "momentum": 0.9}, lambda n: O.SGD(live(n), lr=0.05, momentum=0.9), frozen=("bn1", "bn2"))
case("batch norm in training mode", {"kind": "sgd", "momentum": 0.9}, lambda n: O.SGD(live(n), lr=0.05, momentum=0.9), mode="training")
case("batch norm in training mode, frozen affine", {"kind": "adam"}, lambda n: O.Adam(live(n), lr=0.01), mode="training", frozen=("bn1", "bn2"), rate=0.01)


def grouped(net):
    named = dict(net.named_parameters())
    vector = [p for k, p in named.items() if not k.startswith("fc") and p.ndim <= 1]
    matrix = [p for k, p in named.items() if not k.startswith("fc") and p.ndim > 1]
    head = [p for k, p in named.items() if k.startswith("fc")]
    return O.AdamW([{"params": matrix, "lr": 0.001, "weight_decay": 0.1}, {"params": vector, "lr": 0.001, "weight_decay": 0.0}, {"params": head, "lr": 0.01, "weight_decay": 0.05}])


case("groups with rates and decays of their own, clipped together", {"kind": "adamw"}, grouped, clip={"norm": 0.7}, rate=0.01)


def rates(make, steps, each):
    """Rates of `steps` steps; `each`: the scheduler is stepped once in so many steps."""
    p = nn.Parameter(torch.zeros(1))
    optimiser = O.SGD([p], lr=1.0)
    scheduler = make(optimiser)
    out = []
    for t in range(steps):
        out.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        if (t + 1) % each == 0:
            scheduler.step()
    return out


S = O.lr_scheduler
EPOCH, TOTAL = 3, 24
schedules = [
    {"schedule": {"kind": "constant"}, "warmup": 1, "rates": rates(lambda o: S.ConstantLR(o, factor=1.0), TOTAL, 1)},
    {"schedule": {"kind": "step", "every": 2, "gamma": 0.5}, "warmup": 1, "rates": rates(lambda o: S.StepLR(o, 2, 0.5), TOTAL, EPOCH)},
    {"schedule": {"kind": "multi-step", "milestones": [2, 3, 4, 5, 6, 7], "gamma": 0.8}, "warmup": 1, "rates": rates(lambda o: S.MultiStepLR(o, [2, 3, 4, 5, 6, 7], 0.8), TOTAL, EPOCH)},
    {"schedule": {"kind": "multi-step", "milestones": [2, 2, 5], "gamma": 0.5}, "warmup": 1, "rates": rates(lambda o: S.MultiStepLR(o, [2, 2, 5], 0.5), TOTAL, EPOCH)},
    {"schedule": {"kind": "exponential", "gamma": 0.9}, "warmup": 1, "rates": rates(lambda o: S.ExponentialLR(o, 0.9), TOTAL, EPOCH)},
    {"schedule": {"kind": "linear"}, "warmup": 1, "rates": rates(lambda o: S.LinearLR(o, 1.0, 0.0, TOTAL), TOTAL, 1)},
    {"schedule": {"kind": "linear", "lowest": 0.2}, "warmup": 5, "rates": rates(lambda o: S.ChainedScheduler([S.LinearLR(o, 1 / 5, 1.0, 4), S.LinearLR(o, 1.0, 0.2, TOTAL)]), TOTAL, 1)},
    {"schedule": {"kind": "cosine"}, "warmup": 1, "rates": rates(lambda o: S.CosineAnnealingLR(o, TOTAL), TOTAL, 1)},
    {"schedule": {"kind": "cosine", "lowest": 0.1}, "warmup": 1, "rates": rates(lambda o: S.CosineAnnealingLR(o, TOTAL, eta_min=0.1), TOTAL, 1)},
    {"schedule": {"kind": "cosine"}, "warmup": 6, "rates": rates(lambda o: S.ChainedScheduler([S.LinearLR(o, 1 / 6, 1.0, 5), S.CosineAnnealingLR(o, TOTAL)]), TOTAL, 1)},
]

OUT.write_text(json.dumps({
    "torch": torch.__version__, "weights": {k: pack(v) for k, v in weights.items()}, "images": pack(images), "targets": pack(targets),
    "cases": cases, "stepsPerEpoch": EPOCH, "total": TOTAL, "schedules": schedules,
}, indent=1, sort_keys=True) + "\n")
print(OUT.name, OUT.stat().st_size, torch.__version__)
