"""Fixtures for src/architectures (AlexNet, VGG, ResNet, ConvNeXt, CLIP ResNet): layers and image gradients of the original libraries' own models.

Run:  python tools/oracles/architectures.py        (torch 2.15, torchvision 0.29, timm 1.0.31, transformers 5.23, open_clip 3.3; CPU, one thread)
Writes test/oracles/architectures/{values,parameters}.json. No weights: every model is filled by formula_weights.fill, so the same versions give the
same numbers.

A case is one model at one size. For each layer: the value at 64 places drawn by a hash, mean and norm of the whole, all in float64, and the relative
error ||float32 - float64|| / ||float64|| of PyTorch itself. The gradient is that of sum(seed * objective) by the image, seed = uniform("seed");
`nearTies` is how far it moves in float64 when the image does by the rounding of a float32 network, 1e-6: ReLUs and maxima that are decided in the last bit.
"""
import hashlib
import json
import pathlib

import numpy as np
import open_clip.modified_resnet
import timm
import torch
import torchvision
import transformers
from torchvision.models.feature_extraction import create_feature_extractor

import formula_weights

torch.set_num_threads(1)
OUT = pathlib.Path(__file__).resolve().parents[2] / "test" / "oracles" / "architectures"
OUT.mkdir(parents=True, exist_ok=True)
SAMPLES = 64
ROUNDING = 1e-6
DRAWS = 4


def sample(value: torch.Tensor, exact: torch.Tensor, name: str):
    flat = exact.detach().numpy().reshape(-1)
    places = np.floor((formula_weights.uniform("places:" + name, SAMPLES) + 1) / 2 * flat.size).astype(int)
    error = float(torch.linalg.vector_norm(value.double() - exact) / torch.linalg.vector_norm(exact))
    return {
        "shape": list(exact.shape),
        "values": [float(f"{x:.7g}") for x in flat[places]],
        "mean": float(f"{flat.mean():.7g}"),
        "norm": float(f"{np.linalg.norm(flat):.7g}"),
        "float32Error": float(f"{error:.2g}"),
    }


def evaluate(extract, model, image, objective):
    x = image.clone().requires_grad_()
    values = extract(model, x)
    of = values[objective]
    seed = torch.from_numpy(formula_weights.uniform("seed", of.numel()).reshape(of.shape)).to(of.dtype)
    (gradient,) = torch.autograd.grad((of * seed).sum(), x)
    return values, gradient


def by_graph(layers):
    """Layers by the names that torch.fx gives them."""
    return lambda model, x: create_feature_extractor(model, {name: name for name in layers})(x)


def by_hooks(modules):
    """Layers as outputs of modules: {our name: their module}."""

    def extract(model, x):
        values = {}
        handles = [model.get_submodule(path).register_forward_hook(lambda _, __, y, name=name: values.__setitem__(name, y.clone())) for name, path in modules.items()]
        model(x)
        for handle in handles:
            handle.remove()
        return values

    return extract


def logits(name):
    return lambda model, x: {name: (lambda y: y if torch.is_tensor(y) else y.logits)(model(x))}


cases, parameters = {}, {}


def list_parameters(key, state):
    parameters[key] = {name: list(value.shape) for name, value in state.items()}


def case(name, model, architecture, size, batch, extract, objective, dialect="original", head=True, slow=False):
    """`head` false: the classifier's weights are left out on our side. `slow`: not in the tests that run at every change."""
    model = model.eval()
    for module in model.modules():
        if getattr(module, "inplace", False):
            module.inplace = False  # or a layer would hold what the next one made of it
    formula_weights.fill(model)
    state = model.state_dict()
    list_parameters(f"{architecture}/{dialect}", state)
    image = torch.from_numpy(formula_weights.image(batch, size))
    values, gradient = evaluate(extract, model, image, objective)
    exact_values, exact_gradient = evaluate(extract, model.double(), image.double(), objective)
    near_ties = 0.0
    for draw in range(DRAWS):
        noise = torch.from_numpy(formula_weights.uniform(f"rounding {draw}", image.numel()).reshape(image.shape))
        _, moved = evaluate(extract, model, image.double() * (1 + 1.73 * ROUNDING * noise), objective)
        near_ties = max(near_ties, float((moved - exact_gradient).norm() / exact_gradient.norm()))
    assert near_ties < 5e-2, (name, near_ties)
    model.float()
    for layer in values:
        spread = float(exact_values[layer].std())
        assert 1e-3 < spread < 1e4, (name, layer, spread)
    cases[name] = {
        "architecture": architecture, "dialect": dialect, "size": size, "batch": batch, "objective": objective, "head": head, "slow": slow,
        "layers": {layer: sample(values[layer], exact_values[layer], layer) for layer in values},
        "gradient": {**sample(gradient, exact_gradient, "gradient"), "nearTies": float(f"{near_ties:.2g}")},
    }
    print(name, {layer: (f"{exact_values[layer].std():.3g}", f"{v['float32Error']:.1e}") for layer, v in cases[name]["layers"].items()}, f"gradient {cases[name]['gradient']['float32Error']:.1e}, near ties {near_ties:.1e}", flush=True)


def torchvision_model(name):
    return getattr(torchvision.models, name)(weights=None)


ALEXNET = ["features.2", "features.5", "features.7", "features.9", "features.12", "avgpool", "classifier.5", "classifier.6"]
case("alexnet 96", torchvision_model("alexnet"), "alexnet", 96, 2, by_graph(ALEXNET), "classifier.6")
case("alexnet 224", torchvision_model("alexnet"), "alexnet", 224, 1, by_graph(["features.2", "features.12", "flatten", "classifier.2", "classifier.6"]), "classifier.6", slow=True)

VGG = {"vgg11": (2, 10, 20), "vgg13": (4, 14, 24), "vgg16": (4, 16, 30), "vgg19": (4, 18, 36)}
for plain, places in VGG.items():
    norm = {"vgg11": (3, 14, 28), "vgg13": (6, 20, 34), "vgg16": (6, 23, 43), "vgg19": (6, 26, 52)}[plain]
    for id, at in ((plain, places), (plain + "_bn", norm)):
        layers = [f"features.{n}" for n in at] + ["avgpool", "flatten"]
        if id in ("vgg11", "vgg11_bn"):
            case(f"{id} 64 without classifier", torchvision_model(id), id, 64, 2, by_graph(layers), "flatten", head=False)
        case(f"{id} 64", torchvision_model(id), id, 64, 1, by_graph(layers + ["classifier.4", "classifier.6"]), "classifier.6", slow=True)
case("vgg11 224", torchvision_model("vgg11"), "vgg11", 224, 1, by_graph(["features.2", "features.20", "flatten", "classifier.6"]), "classifier.6", slow=True)
# 10 pixels into 7 cells: neither a multiple nor smaller
case("vgg11 320 without classifier", torchvision_model("vgg11"), "vgg11", 320, 1, by_graph(["features.20", "flatten"]), "flatten", head=False, slow=True)

BASIC = ["relu", "maxpool", "layer1.0.relu", "layer1.0.add", "layer2.0.downsample.1", "layer2.1.relu_1", "layer4.1.relu_1", "avgpool", "flatten", "fc"]
BOTTLENECK = ["relu", "maxpool", "layer1.0.relu_1", "layer1.0.add", "layer2.0.downsample.1", "layer3.5.relu_2", "layer4.2.bn3", "layer4.2.relu_2", "avgpool", "fc"]
case("resnet18 64", torchvision_model("resnet18"), "resnet18", 64, 2, by_graph(BASIC), "fc")
case("resnet18 77", torchvision_model("resnet18"), "resnet18", 77, 1, by_graph(["layer4.1.relu_1", "fc"]), "fc")
case("resnet50 64", torchvision_model("resnet50"), "resnet50", 64, 2, by_graph(BOTTLENECK), "fc")
case("resnet34 64", torchvision_model("resnet34"), "resnet34", 64, 2, by_graph(BASIC[:6] + ["layer4.2.relu_1", "fc"]), "fc", slow=True)
case("resnet101 64", torchvision_model("resnet101"), "resnet101", 64, 2, by_graph(BOTTLENECK[:5] + ["layer3.22.relu_2", "layer4.2.relu_2", "fc"]), "fc", slow=True)
case("resnet50 224", torchvision_model("resnet50"), "resnet50", 224, 1, by_graph(BOTTLENECK), "fc", slow=True)
case("resnet50 64, Hugging Face", transformers.ResNetForImageClassification(transformers.ResNetConfig(num_labels=1000)), "resnet50", 64, 1, logits("fc"), "fc", dialect="Hugging Face")
case("resnet18 64, Hugging Face", transformers.ResNetForImageClassification(transformers.ResNetConfig(num_labels=1000, layer_type="basic", depths=[2, 2, 2, 2], hidden_sizes=[64, 128, 256, 512])), "resnet18", 64, 1, logits("fc"), "fc", dialect="Hugging Face", slow=True)
case("resnet50 64, timm", timm.create_model("resnet50", pretrained=False), "resnet50", 64, 1, logits("fc"), "fc", dialect="timm", slow=True)

CONVNEXT = ["features.0", "features.1.0.block.0", "features.1.0.block.4", "features.1.0.mul", "features.1.2.add", "features.2.1", "features.5.8.add", "features.7.2.add", "avgpool", "classifier.1", "classifier.2"]
case("convnext_tiny 64", torchvision_model("convnext_tiny"), "convnext_tiny", 64, 2, by_graph(CONVNEXT), "classifier.2")
case("convnext_tiny 224", torchvision_model("convnext_tiny"), "convnext_tiny", 224, 1, by_graph(CONVNEXT), "classifier.2", slow=True)
case("convnext_tiny 64, timm", timm.create_model("convnext_tiny", pretrained=False), "convnext_tiny", 64, 1, logits("classifier.2"), "classifier.2", dialect="timm")
case("convnext_tiny 64, Hugging Face", transformers.ConvNextForImageClassification(transformers.ConvNextConfig(num_labels=1000)), "convnext_tiny", 64, 1, logits("classifier.2"), "classifier.2", dialect="Hugging Face")


class Tower(torch.nn.Module):
    """The image tower under the names of the whole model."""

    def __init__(self, blocks, width, embedding, size):
        super().__init__()
        self.visual = open_clip.modified_resnet.ModifiedResNet(blocks, embedding, width * 32 // 64, size, width)

    def forward(self, x):
        return self.visual(x)


def clip_layers(*names):
    return by_hooks({f"visual.{name}": f"visual.{name}".replace("relu", "act") for name in names})


class Maps(Tower):
    """Without the attention pool, at a size that it has no positions for."""

    def forward(self, x):
        v = self.visual
        return v.layer4(v.layer3(v.layer2(v.layer1(v.stem(x)))))


case("small CLIP ResNet 64", Tower([1, 2, 1, 1], 16, 48, 64), "clip-small", 64, 2, clip_layers("relu3", "avgpool", "layer1.0.relu3", "layer2.0.downsample.1", "layer4.0.relu3", "attnpool"), "visual.attnpool")
case("clip-rn50 64", Maps([3, 4, 6, 3], 64, 1024, 224), "clip-rn50", 64, 2, clip_layers("relu1", "avgpool", "layer1.2.relu3", "layer2.0.bn3", "layer4.2.relu3"), "visual.layer4.2.relu3")
case("clip-rn50 224", Tower([3, 4, 6, 3], 64, 1024, 224), "clip-rn50", 224, 1, clip_layers("avgpool", "layer2.3.relu3", "layer4.2.relu3", "attnpool"), "visual.attnpool", slow=True)
case("clip-rn50x4 288", Tower([4, 6, 10, 6], 80, 640, 288), "clip-rn50x4", 288, 1, clip_layers("layer1.3.relu3", "layer2.5.relu3", "layer3.9.relu3", "layer4.5.relu3", "attnpool"), "visual.attnpool", slow=True)
# the names of the whole model, as open_clip saves it
state = open_clip.create_model("RN50", pretrained=None).state_dict()
list_parameters("clip-rn50/open_clip", {name: value for name, value in state.items() if name.startswith("visual.")})


def digest(shapes):
    """Of the parameters that a network reads: counters are not among them."""
    lines = sorted(f"{name} {shape}" for name, shape in ((n, ",".join(map(str, s))) for n, s in shapes.items()) if not name.endswith("num_batches_tracked"))
    return {"count": len(lines), "sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest()}


# Whole lists where a test makes a checkpoint of them, digests for the rest.
listed = {c["architecture"] + "/" + c["dialect"] for c in cases.values() if c["dialect"] not in ("original", "timm") or c["architecture"].startswith("convnext")}
lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(c)}" for name, c in cases.items())
(OUT / "values.json").write_text("{\n" + lines + "\n}\n")
(OUT / "parameters.json").write_text(json.dumps({"digests": {key: digest(value) for key, value in parameters.items()}, "lists": {key: parameters[key] for key in sorted(listed)}}) + "\n")
