"""Models of torchvision, timm and open_clip as both exporters of PyTorch write them, with outputs and image gradients to compare with.

Run:  python tools/oracles/export_models.py OUT [--tiny] [--only NAME,...] [--exporter torchscript11,torchscript17,dynamo18,...]
      (torch 2.15, torchvision 0.29, timm 1.0.31, open_clip 3.3, onnxscript; CPU, one thread)
Random weights, seeded; batch-norm statistics, gains, biases and layer scales are perturbed, so that none of them is the identity. No file is
downloaded. --tiny: narrow members of the families, for test/fixtures/graph/exported. Every export has a symbolic batch. Writes OUT/<model>-<exporter><opset>.onnx and OUT/<model>.json: image seed, output and the gradient of
sum(seed * output) by the image, computed in float64 and float32, plain lists of sampled elements (see `sample`). `near_ties` is how far that gradient
moves in float64 when the image does by the rounding of a float32 network, 1e-6: ReLUs and maxima that are decided in the last bit.
"""
import argparse
import gc
import json
import pathlib
import time
import warnings

import numpy as np
import torch
import torch.nn as nn

import formula_weights

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
SAMPLES = 64


def perturb(model):
    g = torch.Generator().manual_seed(11)
    draw = lambda t: torch.randn(t.shape, generator=g, dtype=t.dtype)
    with torch.no_grad():
        for name, p in list(model.named_parameters()) + list(model.named_buffers()):
            if not p.is_floating_point():
                continue
            if p.ndim > 1 and not p.any():
                p.copy_(0.02 * draw(p))  # torchvision's ViT starts with a head of zeros
            elif name.endswith("running_var"):
                p.copy_(1 + 0.3 * torch.rand(p.shape, generator=g))
            elif name.endswith("running_mean"):
                p.copy_(0.1 * draw(p))
            elif "layer_scale" in name or name.endswith(("gamma",)):
                p.copy_(0.4 + 0.1 * draw(p))
            elif name.endswith("bias") and p.ndim == 1:
                p.copy_(0.1 * draw(p))
            elif name.endswith("weight") and p.ndim == 1:
                p.copy_(1 + 0.2 * draw(p))
    return model.eval()


def torchvision(name):
    def build():
        import torchvision

        return getattr(torchvision.models, name)(weights=None)

    return build


def timm(name, **options):
    def build():
        import timm

        return timm.create_model(name, pretrained=False, **options)

    return build


def clip(name):
    def build():
        import open_clip

        return open_clip.create_model(name, pretrained=None).visual

    return build


FULL = {
    "alexnet": (torchvision("alexnet"), 224),
    "vgg11_bn": (torchvision("vgg11_bn"), 224),
    "resnet50": (torchvision("resnet50"), 224),
    "densenet121": (torchvision("densenet121"), 224),
    "squeezenet1_1": (torchvision("squeezenet1_1"), 224),
    "mobilenet_v2": (torchvision("mobilenet_v2"), 224),
    "mobilenet_v3_small": (torchvision("mobilenet_v3_small"), 224),
    "efficientnet_b0": (torchvision("efficientnet_b0"), 224),
    "shufflenet_v2_x1_0": (torchvision("shufflenet_v2_x1_0"), 224),
    "swin_t": (torchvision("swin_t"), 224),
    "regnet_y_400mf": (torchvision("regnet_y_400mf"), 224),
    "convnext_tiny": (torchvision("convnext_tiny"), 224),
    "vit_b_32": (torchvision("vit_b_32"), 224),
    "timm_dinov2_s": (timm("vit_small_patch14_dinov2", img_size=224), 224),
    "clip_rn50": (clip("RN50"), 224),
    "clip_vit_b_32": (clip("ViT-B-32"), 224),
}


class TinyResNet(nn.Module):
    """Two residual blocks of torchvision, a pool that needs padding, a head."""

    def __init__(self):
        super().__init__()
        from torchvision.models.resnet import BasicBlock

        self.conv1 = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(BasicBlock(8, 8))
        self.layer2 = nn.Sequential(BasicBlock(8, 12, 2, nn.Sequential(nn.Conv2d(8, 12, 1, 2, bias=False), nn.BatchNorm2d(12))))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(12, 5)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.fc(torch.flatten(self.avgpool(self.layer2(self.layer1(x))), 1))


def tiny_models():
    """Narrow members of the families: (build, side, exports, half precision)."""
    from torchvision.models import ShuffleNetV2, SwinTransformer, VisionTransformer
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt
    from torchvision.models.mobilenetv3 import InvertedResidualConfig, MobileNetV3

    convnext = lambda: ConvNeXt([CNBlockConfig(8, 12, 1), CNBlockConfig(12, None, 1)], num_classes=5)
    return {
        "resnet": (TinyResNet, 32, "torchscript11,dynamo18", False),
        "mobilenet_v3": (lambda: MobileNetV3([InvertedResidualConfig(8, 3, 16, 8, True, "HS", 1, 1, 1)], last_channel=16, num_classes=5), 32, "dynamo20", False),
        "shufflenet": (lambda: ShuffleNetV2([1, 2, 1], [8, 8, 16, 16, 16], num_classes=5), 32, "torchscript11", False),
        "convnext": (convnext, 32, "torchscript11", False),
        "convnext_half": (convnext, 32, "dynamo20", True),
        "vit": (lambda: VisionTransformer(image_size=16, patch_size=8, num_layers=1, num_heads=2, hidden_dim=8, mlp_dim=16, num_classes=5), 16, "torchscript17,dynamo23", False),
        "swin": (lambda: SwinTransformer([4, 4], 8, [2], [2], [4, 4], num_classes=5), 32, "dynamo18", False),
    }


def slim(path):
    """Leaves of the dynamo exporter's metadata what names layers; paths of the machine are in the rest."""
    import onnx

    model = onnx.load(path)
    for node in model.graph.node:
        kept = [p for p in node.metadata_props if p.key == "pkg.torch.onnx.name_scopes"]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
        node.doc_string = ""
    for value in list(model.graph.input) + list(model.graph.output):
        del value.metadata_props[:]
    for tensor in model.graph.initializer:
        del tensor.metadata_props[:]
    del model.graph.value_info[:]
    del model.graph.metadata_props[:]
    del model.metadata_props[:]
    onnx.save(model, path)


def sample(t):
    """Up to SAMPLES elements at evenly spread places, with the mean and the norm of all."""
    flat = t.detach().double().reshape(-1).numpy()
    at = np.unique(np.linspace(0, flat.size - 1, SAMPLES).astype(np.int64))
    return {"shape": list(t.shape), "at": at.tolist(), "values": [float(f"{v:.9g}") for v in flat[at]], "norm": float(np.linalg.norm(flat)), "mean": float(flat.mean())}


def reference(model, size, batch=2):
    """The seed of the gradient is formula_weights.uniform('seed', elements of the output)."""
    result = {"batch": batch, "size": size}
    for name, dtype in (("float64", torch.float64), ("float32", torch.float32)):
        m = model.to(dtype)
        image = torch.from_numpy(formula_weights.image(batch, size)).to(dtype).requires_grad_()
        y = m(image)
        seed = torch.from_numpy(formula_weights.uniform("seed", y.numel())).reshape(y.shape).to(dtype)
        (gradient,) = torch.autograd.grad((y * seed).sum(), image)
        result[name] = {"output": sample(y), "gradient": sample(gradient)}
        if name == "float64":
            kept = (y.detach(), gradient.detach())
            near_ties = 0.0
            for draw in range(3):
                noise = torch.from_numpy(formula_weights.uniform(f"rounding {draw}", image.numel())).reshape(image.shape)
                moved = (image.detach() * (1 + 1.73e-6 * noise)).requires_grad_()
                (other,) = torch.autograd.grad((m(moved) * seed).sum(), moved)
                near_ties = max(near_ties, float((other - gradient).norm() / gradient.norm()))
            result["near_ties"] = near_ties
        else:
            result["float32_error"] = {
                "output": float((y.detach().double() - kept[0]).norm() / kept[0].norm()),
                "gradient": float((gradient.double() - kept[1]).norm() / kept[1].norm()),
            }
    return result


def export(model, size, path, exporter, opset):
    image = torch.from_numpy(formula_weights.image(2, size)).to(next(model.parameters()).dtype)
    if exporter == "torchscript":
        torch.onnx.export(model, (image,), str(path), dynamo=False, opset_version=opset, input_names=["image"], output_names=["output"], dynamic_axes={"image": {0: "batch"}, "output": {0: "batch"}})
    else:
        torch.onnx.export(model, (image,), str(path), dynamo=True, external_data=False, opset_version=opset, input_names=["image"], output_names=["output"], dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=64)},), verbose=False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--exporter", default="torchscript17,dynamo18")
    parser.add_argument("--no-reference", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    models = tiny_models() if args.tiny else FULL
    wanted = [n for n in args.only.split(",") if n] or list(models)
    for name in wanted:
        build, size, exporters, half = models[name] if args.tiny else (*models[name], args.exporter, False)
        torch.manual_seed(7)
        model = perturb(build())
        if half:
            model = model.half()
        if not args.no_reference:
            result = reference(model, size)
            (args.out / f"{name}.json").write_text(json.dumps(result, sort_keys=True) + "\n")
        model = model.half() if half else model.float()
        for which in [e for e in exporters.split(",") if e]:
            exporter, opset = which.rstrip("0123456789"), int(which[len(which.rstrip("0123456789")):])
            start = time.time()
            try:
                export(model, size, args.out / f"{name}-{which}.onnx", exporter, opset)
                if args.tiny:
                    slim(args.out / f"{name}-{which}.onnx")
                print(f"{name} {which}: {time.time() - start:.0f} s", flush=True)
            except Exception as error:  # noqa: BLE001
                print(f"{name} {which}: not exported: {type(error).__name__}: {str(error)[:200]}", flush=True)
            gc.collect()


if __name__ == "__main__":
    main()
