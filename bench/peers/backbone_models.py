"""The backbones of bench/backbones.mjs in plain torch.nn, under the names of their published state dicts, so that any PyTorch can be the peer.

Layers and their order are those of torchvision (AlexNet, VGG-11, ResNet-50) and of OpenAI's CLIP (RN50x4 up to layer4, ViT-B/32 with its projection).
"""
import sys
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools" / "oracles"))
from formula_weights import fill  # noqa: E402


class AlexNet(nn.Module):
    def __init__(self):
        super().__init__()
        conv = [(3, 64, 11, 4, 2), (64, 192, 5, 1, 2), (192, 384, 3, 1, 1), (384, 256, 3, 1, 1), (256, 256, 3, 1, 1)]
        layers = []
        for i, (c, o, k, s, p) in enumerate(conv):
            layers += [nn.Conv2d(c, o, k, s, p), nn.ReLU()]
            if i in (0, 1, 4):
                layers.append(nn.MaxPool2d(3, 2))
        self.features = nn.Sequential(*layers)

    def forward(self, x):
        return self.features(x)


class VGG11(nn.Module):
    def __init__(self):
        super().__init__()
        layers, c = [], 3
        for v in (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"):
            layers += [nn.MaxPool2d(2, 2)] if v == "M" else [nn.Conv2d(c, v, 3, padding=1), nn.ReLU()]
            c = c if v == "M" else v
        self.features = nn.Sequential(*layers)

    def forward(self, x):
        return self.features(x)


class Bottleneck(nn.Module):
    def __init__(self, c, w, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(c, w, 1, bias=False), nn.BatchNorm2d(w)
        self.conv2, self.bn2 = nn.Conv2d(w, w, 3, stride, 1, bias=False), nn.BatchNorm2d(w)
        self.conv3, self.bn3 = nn.Conv2d(w, 4 * w, 1, bias=False), nn.BatchNorm2d(4 * w)
        self.relu = nn.ReLU()
        if stride > 1 or c != 4 * w:
            self.downsample = nn.Sequential(nn.Conv2d(c, 4 * w, 1, stride, bias=False), nn.BatchNorm2d(4 * w))
        else:
            self.downsample = None

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet50(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1, self.relu, self.maxpool = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        c = 64
        for layer, (count, w) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), 1):
            blocks = []
            for i in range(count):
                blocks.append(Bottleneck(c, w, 2 if i == 0 and layer > 1 else 1))
                c = 4 * w
            setattr(self, f"layer{layer}", nn.Sequential(*blocks))

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


class ClipBottleneck(nn.Module):
    def __init__(self, c, w, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(c, w, 1, bias=False), nn.BatchNorm2d(w)
        self.conv2, self.bn2 = nn.Conv2d(w, w, 3, padding=1, bias=False), nn.BatchNorm2d(w)
        self.avgpool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.conv3, self.bn3 = nn.Conv2d(w, 4 * w, 1, bias=False), nn.BatchNorm2d(4 * w)
        self.relu = nn.ReLU()
        self.downsample = None
        if stride > 1 or c != 4 * w:
            pool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
            self.downsample = nn.Sequential()
            self.downsample.add_module("-1", pool)
            self.downsample.add_module("0", nn.Conv2d(c, 4 * w, 1, bias=False))
            self.downsample.add_module("1", nn.BatchNorm2d(4 * w))

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.avgpool(self.relu(self.bn2(self.conv2(y))))
        y = self.bn3(self.conv3(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class ClipResNet(nn.Module):
    """RN50x4: width 80, blocks 4, 6, 10, 6."""

    def __init__(self, width=80, blocks=(4, 6, 10, 6)):
        super().__init__()
        self.visual = v = nn.Module()
        v.conv1, v.bn1 = nn.Conv2d(3, width // 2, 3, 2, 1, bias=False), nn.BatchNorm2d(width // 2)
        v.conv2, v.bn2 = nn.Conv2d(width // 2, width // 2, 3, padding=1, bias=False), nn.BatchNorm2d(width // 2)
        v.conv3, v.bn3 = nn.Conv2d(width // 2, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        v.relu, v.avgpool = nn.ReLU(), nn.AvgPool2d(2)
        c = width
        for layer, count in enumerate(blocks, 1):
            w = width * 2 ** (layer - 1)
            made = []
            for i in range(count):
                made.append(ClipBottleneck(c, w, 2 if i == 0 and layer > 1 else 1))
                c = 4 * w
            setattr(v, f"layer{layer}", nn.Sequential(*made))

    def forward(self, x):
        v = self.visual
        for conv, bn in ((v.conv1, v.bn1), (v.conv2, v.bn2), (v.conv3, v.bn3)):
            x = v.relu(bn(conv(x)))
        return v.layer4(v.layer3(v.layer2(v.layer1(v.avgpool(x)))))


class QuickGELU(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.attn, self.ln_1, self.ln_2 = nn.MultiheadAttention(width, heads, batch_first=True), nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(width, 4 * width))
        self.mlp.add_module("gelu", QuickGELU())
        self.mlp.add_module("c_proj", nn.Linear(4 * width, width))

    def forward(self, x):
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))


class ClipViT(nn.Module):
    """ViT-B/32 of CLIP, tokens first in the batch (the faster order on a CPU)."""

    def __init__(self, width=768, layers=12, heads=12, patch=32, size=224, out=512):
        super().__init__()
        self.visual = v = nn.Module()
        v.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        v.class_embedding = nn.Parameter(torch.zeros(width))
        v.positional_embedding = nn.Parameter(torch.zeros((size // patch) ** 2 + 1, width))
        v.ln_pre, v.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        v.transformer = nn.Module()
        v.transformer.resblocks = nn.Sequential(*[Block(width, heads) for _ in range(layers)])
        v.proj = nn.Parameter(torch.zeros(width, out))

    def forward(self, x):
        v = self.visual
        x = v.conv1(x).flatten(2).transpose(1, 2)
        x = torch.cat([v.class_embedding.expand(x.shape[0], 1, -1), x], 1) + v.positional_embedding
        return v.ln_post(v.transformer.resblocks(v.ln_pre(x))[:, 0]) @ v.proj


MODELS = {"alexnet": AlexNet, "vgg11": VGG11, "resnet50": ResNet50, "clip-rn50x4": ClipResNet, "clip-vit-b-32": ClipViT}


def make(name):
    model = MODELS[name]().eval()
    fill(model)
    return model.requires_grad_(False)


def folded(model):
    """Every batch normalisation folded into the convolution before it, in place."""
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    for module in list(model.modules()):
        children = dict(module.named_children())
        for name, bn in children.items():
            if isinstance(bn, nn.BatchNorm2d):
                before = name.replace("bn", "conv") if name.startswith("bn") else str(int(name) - 1)
                setattr(module, before, fuse_conv_bn_eval(children[before], bn))
                setattr(module, name, nn.Identity())
    return model
