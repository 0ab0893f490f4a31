"""One step of a dream in PyTorch, two ways. Usage: dream_step.py FOLDER THREADS [BOLDREAMS]

folded     our own formulation written as well as we can: frozen weights, one template a layer, torch.fft, grid_sample, fused Adam
boldreams  the modules of a checkout of github.com/uhussai7/boldreams as they are published: every voxel multiplied out, then the region's mean

FOLDER gets the model, the templates and a test image with its response and gradient, so that both sides can be compared. Without a checkout only
`folded` runs, with random templates.
"""
import os
import sys

import numpy as np
import torch
import torchvision

from alexnet import LAYERS, MEAN, STD, Layers, alexnet, templates, write_onnx
from serve import serve

SIZE, VOXELS, REGION = 224, 15000, 800
folder, threads = sys.argv[1], int(sys.argv[2])
checkout = sys.argv[3] if len(sys.argv) > 3 else None
torch.set_num_threads(threads)
model = alexnet()
write_onnx(model, f"{folder}/alexnet.onnx", SIZE)
layers = Layers(model)
region = np.sort(np.random.default_rng(3).permutation(VOXELS)[:REGION])
mean, std = (torch.tensor(x)[:, None, None] for x in (MEAN, STD))


def published_encoder(path):
    """boldreams' Encoder and dream_wrapper with seeded weights; its configuration reads these variables when it is imported."""
    for name in ("NSD_ROOT_PATH", "NSD_PREPROC_PATH", "NSD_ENCODER_PATH"):
        os.environ.setdefault(name, folder)
    os.environ["BACKBONE_ROOT_PATH"] = f"{folder}/"
    os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"  # it loads a whole module, which we have just written
    sys.path.insert(0, path)
    from configs.config import get_cfg_defaults
    from dreams.wrappers import dream_wrapper
    from models.modules import Encoder

    torch.save(model, f"{folder}/alexnet.pt")
    cfg = get_cfg_defaults()
    cfg.merge_from_list(["BACKBONE.INPUT_SIZE", (SIZE, SIZE), "BACKBONE.LAYERS_TO_EXTRACT", LAYERS])
    torch.manual_seed(4)
    with torch.no_grad():
        encoder = Encoder(cfg, imgs=torch.rand(8, 3, SIZE, SIZE), Nv=VOXELS)
        for parameter in (encoder.readout.w, *encoder.rfs.rfs):
            parameter.normal_(0, 0.02)
    return encoder.eval(), dream_wrapper(encoder, {"area": torch.from_numpy(region)}).eval()


def folded_templates(encoder):
    out, start = [], 0
    for name in LAYERS:
        channels = encoder.channel_basis[name]
        w = encoder.readout.w[start:start + len(channels)][:, region]
        field = encoder.rfs.rfs[encoder.rfs.layer_to_rf_size[name]][region]
        template = torch.empty(len(channels), *field.shape[1:])
        template[channels] = torch.einsum("cv,vhw->chw", w, field) / REGION
        start += len(channels)
        out.append(template.detach().numpy())
    return out


encoder, published = published_encoder(checkout) if checkout else (None, None)
weights = folded_templates(encoder) if encoder else templates(1, SIZE)
for name, template in zip(LAYERS, weights):
    np.save(f"{folder}/{name}.npy", template)
tensors = [torch.from_numpy(np.ascontiguousarray(t)) for t in weights]


class FourierImage:
    """lucid's parameterisation: x = sigmoid(C irfft2(s z)/4)."""

    def __init__(self, batch, decay=1.5):
        fy, fx = np.fft.fftfreq(SIZE)[:, None], np.fft.rfftfreq(SIZE)
        scale = 1 / np.maximum(np.hypot(fy, fx), 1 / SIZE) ** decay
        self.scale = torch.from_numpy(scale.astype(np.float32))[..., None]
        self.z = (torch.randn(batch, 3, SIZE, SIZE // 2 + 1, 2) * 0.01).requires_grad_()
        colour = np.array([[0.26, 0.09, 0.02], [0.27, 0, -0.05], [0.27, -0.09, 0.03]]) / 0.4619524
        self.colour = torch.from_numpy(colour.astype(np.float32))

    def plain(self):
        return torch.fft.irfft2(torch.view_as_complex(self.z * self.scale), s=(SIZE, SIZE), norm="ortho") / 4

    def image(self):
        v = self.plain()
        return torch.sigmoid((self.colour @ v.flatten(2)).view_as(v))

    @torch.no_grad()
    def bound(self, contrast=1.5):
        sd = self.plain().flatten(1).std(1)
        self.z.mul_((contrast / sd).clamp(max=1)[:, None, None, None, None])


def random_view(images, rotation=15, zoom=0.3, shift=16, noise=0.1):
    batch = images.shape[0]
    angle = torch.empty(batch).uniform_(-rotation, rotation) * (torch.pi / 180)
    scale = 1 / (1 + torch.empty(batch).uniform_(-zoom, zoom))
    move = torch.empty(2, batch).uniform_(-2 * shift / SIZE, 2 * shift / SIZE)
    cos, sin = scale * angle.cos(), scale * angle.sin()
    matrix = torch.stack([torch.stack([cos, -sin, move[0]], 1), torch.stack([sin, cos, move[1]], 1)], 1)
    grid = torch.nn.functional.affine_grid(matrix, images.shape, align_corners=False)
    seen = torch.nn.functional.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return seen + noise * torch.randn_like(seen)


def folded_response(images):
    return sum((m * t).sum((1, 2, 3)) for m, t in zip(layers(images), tensors))


running = {}


def folded(batch, steps, channels_last=False):
    key = ("folded", batch)
    if key not in running:
        image = FourierImage(batch)
        running[key] = image, torch.optim.Adam([image.z], lr=0.05, fused=True)
    image, optimiser = running[key]
    layers.to(memory_format=torch.channels_last if channels_last else torch.contiguous_format)
    for _ in range(steps):
        optimiser.zero_grad()
        seen = random_view(image.image())
        if channels_last:
            seen = seen.contiguous(memory_format=torch.channels_last)
        (-folded_response(seen).sum()).backward()
        optimiser.step()
        image.bound()


def boldreams(batch, steps, frozen=False):
    """As its scripts dream: lucent's parameterisation, RandomAffine, minus the mean over region and batch, Adam. Parameters of the readout keep requires_grad."""
    key = ("boldreams", batch)
    if key not in running:
        image = FourierImage(batch, decay=1)
        running[key] = image, torch.optim.Adam([image.z], lr=5e-3), torchvision.transforms.RandomAffine(1.0, translate=(0.1, 0.1), scale=(1, 1), fill=0.0)
    image, optimiser, jitter = running[key]
    for parameter in (encoder.readout.w, encoder.readout.b, *encoder.rfs.rfs):
        parameter.requires_grad_(not frozen)
    for _ in range(steps):
        optimiser.zero_grad()
        seen = (jitter(image.image()) - mean) / std
        (-published(seen)["area"].mean()).backward()
        optimiser.step()


def check():
    """Response and gradient of one image by every formulation, for the comparison of numbers."""
    out = {}
    start = torch.from_numpy(np.random.default_rng(5).random((1, 3, SIZE, SIZE), dtype=np.float32))
    np.save(f"{folder}/image.npy", start.numpy())
    ways = {"folded": lambda x: folded_response(x).sum()}
    if encoder:
        ways["boldreams"] = lambda x: (published((x - mean) / std)["area"] - encoder.readout.b[region]).mean()
    for name, way in ways.items():
        image = start.clone().requires_grad_()
        value = way(image)
        value.backward()
        np.save(f"{folder}/gradient-{name}.npy", image.grad.numpy())
        out[name] = float(value)
    return {"responses": out}


work = {"check": check, "folded": folded}
if encoder:
    work["boldreams"] = boldreams
serve({"torch": torch.__version__, "torchvision": torchvision.__version__}, work)
