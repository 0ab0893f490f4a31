"""Fixtures for src/graph from PyTorch: values, gradients, Adam steps, and two models written by torch.onnx.export.

Run:  python tools/oracles/gradients.py        (torch 1.13.1, onnx 1.16, numpy 1.26; CPU, one thread)
Writes test/fixtures/graph/{operators.json, cnn.json, cnn.onnx, zoo.json, zoo.onnx}. Seeded: the same versions give the same numbers.
Tensors are {"shape", "base64"} of little-endian float32. Operator cases are computed in float64 and rounded.
"""
import base64
import json
import pathlib

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(7)
torch.set_num_threads(1)
OUT = pathlib.Path(__file__).resolve().parents[2] / "test" / "fixtures" / "graph"
OUT.mkdir(parents=True, exist_ok=True)


def pack(t):
    a = np.ascontiguousarray(t.detach().numpy().astype("<f4"))
    return {"shape": list(t.shape), "base64": base64.b64encode(a.tobytes()).decode()}


def write(name, data):
    (OUT / name).write_text(json.dumps(data, indent=1, sort_keys=True) + "\n")


cases = {}


def case(name, f, *inputs):
    """y = f(inputs), and the gradient of sum(seed * y) by each input."""
    xs = [x.float().double().requires_grad_() for x in inputs]
    y = f(*xs)
    seed = torch.randn(y.shape).double()
    grads = torch.autograd.grad((y * seed.float().double()).sum(), xs)
    cases[name] = {"inputs": [pack(x) for x in xs], "seed": pack(seed), "output": pack(y), "gradients": [pack(g) for g in grads]}


R = torch.randn
case("conv 3x3 pad 1", lambda x, w, b: F.conv2d(x, w, b, padding=1), R(2, 5, 7, 6), R(4, 5, 3, 3), R(4))
case("conv 5x5 stride 2 pad 2 from rgb", lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=2), R(2, 3, 11, 12), R(4, 3, 5, 5), R(4))
case("conv 3x3 stride 2 dilation 2 groups 2", lambda x, w: F.conv2d(x, w, stride=2, padding=1, dilation=2, groups=2), R(2, 12, 9, 9), R(4, 6, 3, 3))
case("conv 1x1", lambda x, w, b: F.conv2d(x, w, b), R(3, 6, 4, 5), R(2, 6, 1, 1), R(2))
case("maxpool 2x2", lambda x: F.max_pool2d(x, 2), R(2, 3, 6, 8))
case("maxpool 3x3 stride 2 pad 1", lambda x: F.max_pool2d(x, 3, 2, 1), R(2, 3, 7, 8))
# ties everywhere: the gradient goes to the first maximum of each window
case("maxpool 2x2 with ties", lambda x: F.max_pool2d(x, 2), torch.randint(0, 2, (2, 3, 6, 8)))
case("maxpool 3x3 stride 2 pad 1 with ties", lambda x: F.max_pool2d(x, 3, 2, 1), torch.randint(0, 2, (2, 3, 7, 8)))
case("relu then maxpool 2x2 with ties", lambda x: F.max_pool2d(F.relu(x), 2), torch.randint(-2, 2, (2, 3, 6, 8)))
case("avgpool 2x2", lambda x: F.avg_pool2d(x, 2), R(2, 3, 6, 8))
case("avgpool 4x4 ceil existing only", lambda x: F.avg_pool2d(x, 4, 4, 0, ceil_mode=True, count_include_pad=False), R(2, 3, 10, 9))
case("avgpool 3x3 stride 2 pad 1 counting padding", lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=True), R(2, 3, 7, 8))
case("softmax over channels", lambda x: F.softmax(x, 1), R(2, 5, 3))
case("log softmax over channels", lambda x: F.log_softmax(x, 1), R(2, 5, 3))
case("logsumexp over space", lambda x: torch.logsumexp(x, (2, 3)), R(2, 3, 4, 5))
case("clamp at its bounds", lambda x: torch.clamp(x, -1, 1), torch.randint(-2, 3, (4, 5)))
case("maximum with ties", torch.maximum, torch.randint(0, 3, (4, 5)), torch.randint(0, 3, (4, 5)))
case("amax with ties", lambda x: torch.amax(x, (1,)), torch.randint(0, 3, (4, 5)))
case("relu at zero", F.relu, torch.randint(-1, 2, (4, 5)))
case("bilinear resize", lambda x: F.interpolate(x, (5, 9), mode="bilinear", align_corners=False), R(1, 2, 7, 6))
case("bicubic resize", lambda x: F.interpolate(x, (9, 11), mode="bicubic", align_corners=False), R(1, 2, 7, 6))
case("reflect pad", lambda x: F.pad(x, (2, 1, 3, 2), mode="reflect"), R(1, 2, 5, 4))
case("replicate pad", lambda x: F.pad(x, (2, 1, 3, 2), mode="replicate"), R(1, 2, 5, 4))
case("layer norm", lambda x, w, b: F.layer_norm(x, (6,), w, b, 1e-5), R(2, 3, 6), R(6), R(6))
write("operators.json", cases)


class Small(nn.Module):
    """conv 5x5 s2, conv, pool, conv, pool, 1x1 head; image logits = logsumexp over the cells."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 5, 2, 2)
        self.conv2 = nn.Conv2d(8, 12, 3, 1, 1)
        self.conv3 = nn.Conv2d(12, 16, 3, 1, 1)
        self.head = nn.Conv2d(16, 5, 1)

    def forward(self, x):
        x = F.relu(self.conv1((x - 0.5) / 0.25))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.max_pool2d(F.relu(self.conv3(x)), 2)
        return torch.logsumexp(self.head(x), (2, 3))


N, STEPS, RATE = 4, 3, 1e-2
model = Small()
image = torch.rand(N, 3, 24, 24)
labels = torch.tensor([0, 3, 2, 3])
torch.onnx.export(model, image, OUT / "cnn.onnx", opset_version=17, input_names=["image"], output_names=["logits"], dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}})
names = [name for name, _ in model.named_parameters()]
image.requires_grad_()
loss = F.cross_entropy(model(image), labels)
gradients = torch.autograd.grad(loss, [image, *model.parameters()])
record = {"image": pack(image), "labels": labels.tolist(), "rate": RATE, "betas": [0.9, 0.98], "eps": 1e-8, "logits": pack(model(image)), "gradients": {n: pack(g) for n, g in zip(["image", *names], gradients)}, "losses": []}
optimiser = torch.optim.Adam(model.parameters(), lr=RATE, betas=(0.9, 0.98), eps=1e-8)
for _ in range(STEPS):
    optimiser.zero_grad()
    loss = F.cross_entropy(model(image.detach()), labels)
    loss.backward()
    optimiser.step()
    record["losses"].append(float(loss))
record["trained"] = {n: pack(p) for n, p in model.named_parameters()}
write("cnn.json", record)


class Zoo(nn.Module):
    """What exporters write around convolutions: batch norm, dropout, shapes computed at run time, attention, odd activations."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 3, 1, 2, dilation=2, groups=8)
        self.up = nn.ConvTranspose2d(8, 6, 3, 2, 1, output_padding=1)
        self.query = nn.Linear(6, 12)
        self.out = nn.LayerNorm(6)
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(6 * 9, 5)

    def forward(self, x):
        x = F.silu(self.norm(self.stem(F.pad(x, (1, 1, 1, 1), mode="replicate"))))
        a, b = self.depthwise(x).chunk(2, 1)
        x = torch.cat([F.hardswish(b), F.leaky_relu(a, 0.1)], 1)
        x = F.interpolate(self.up(x), scale_factor=0.5, mode="bilinear", align_corners=False)
        n, c, h, w = x.shape
        tokens = x.view(n, c, h * w).permute(0, 2, 1)
        q, k = self.query(tokens).split(6, -1)
        tokens = self.out(tokens + torch.softmax(q @ k.transpose(1, 2) / 6**0.5, -1) @ F.gelu(tokens))
        x = F.avg_pool2d(tokens.permute(0, 2, 1).reshape(n, c, h, w), 4)
        return self.fc(self.dropout(torch.flatten(F.max_pool2d(x, 3, 1, 1), 1)))


zoo = Zoo().eval()
with torch.no_grad():
    zoo.norm.running_mean.normal_()
    zoo.norm.running_var.uniform_(0.5, 2)
    zoo.norm.weight.uniform_(0.5, 2)
x = torch.rand(2, 3, 22, 22)
torch.onnx.export(zoo, x, OUT / "zoo.onnx", opset_version=13, training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False, input_names=["image"], output_names=["logits"], dynamic_axes={"image": {0: "batch"}})
x.requires_grad_()
y = zoo(x)
write("zoo.json", {"image": pack(x), "logits": pack(y), "gradient": pack(torch.autograd.grad((y**2).sum(), x)[0])})
