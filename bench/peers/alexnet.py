"""torchvision's AlexNet with seeded random weights, and the same weights as an ONNX file for our side."""
import numpy as np
import onnx
import torch
import torchvision
from onnx import TensorProto, helper, numpy_helper

LAYERS = ["features.2", "features.5", "features.7", "features.9", "features.12"]
MEAN = [0.485, 0.456, 0.406]
STD = [0.229, 0.224, 0.225]


def alexnet(seed=0):
    torch.manual_seed(seed)
    model = torchvision.models.alexnet(weights=None).eval()
    for module in model.features:
        if isinstance(module, torch.nn.Conv2d):
            # He's initialisation: with PyTorch's default the signal dies out over five layers
            torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            torch.nn.init.normal_(module.bias, std=0.05)
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
    return model.requires_grad_(False)


def write_onnx(model, path, size):
    """`features` as plain ONNX nodes, one output a module, named as the module; the batch is symbolic."""
    nodes, constants, name = [], [], "input"
    for index, module in enumerate(model.features):
        out = f"features.{index}"
        if isinstance(module, torch.nn.Conv2d):
            for part in ("weight", "bias"):
                constants.append(numpy_helper.from_array(getattr(module, part).numpy(), f"{out}.{part}"))
            pads = [*module.padding, *module.padding]
            nodes.append(helper.make_node("Conv", [name, f"{out}.weight", f"{out}.bias"], [out], name=out, kernel_shape=module.kernel_size, strides=module.stride, pads=pads))
        elif isinstance(module, torch.nn.ReLU):
            nodes.append(helper.make_node("Relu", [name], [out], name=out))
        elif isinstance(module, torch.nn.MaxPool2d):
            nodes.append(helper.make_node("MaxPool", [name], [out], name=out, kernel_shape=[module.kernel_size] * 2, strides=[module.stride] * 2))
        name = out
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, size, size])
    last = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "alexnet", [image], [last], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


class Layers(torch.nn.Module):
    """Images in [0, 1] to the activations of LAYERS."""

    def __init__(self, model):
        super().__init__()
        self.features = model.features
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])
        self.register_buffer("std", torch.tensor(STD)[:, None, None])

    def forward(self, image):
        x = (image - self.mean) / self.std
        kept = []
        for index, module in enumerate(self.features):
            x = module(x)
            if f"features.{index}" in LAYERS:
                kept.append(x)
        return kept


def templates(seed, size):
    """One random template a layer, scaled so that layers matter alike. float32 [channel, height, width]"""
    generator = np.random.default_rng(seed)
    with torch.no_grad():
        maps = Layers(alexnet())(torch.rand(1, 3, size, size))
    return [(generator.standard_normal(m.shape[1:]) / m[0].numel() ** 0.5).astype(np.float32) for m in maps]
