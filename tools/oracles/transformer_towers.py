"""Fixtures of vision and text transformers: test/oracles/transformers.json, and of interpolated position embeddings: test/oracles/positions.json.

Versions: Python 3.11, torch 2.15, torchvision 0.29, timm 1.0.31, open_clip_torch 3.3, transformers 5.23, and the source of facebookresearch/dinov2 at commit
b8931f7bf91576930313be2c6d6af376033b35f0 (only dinov2/models and dinov2/layers are imported).
Run: OMP_NUM_THREADS=1 python tools/oracles/transformer_towers.py <folder that holds the package dinov2> [case …]

Every model is made by its own library and filled with formula weights (formula_weights.py) under its own names, those that its files have: Hugging
Face models are saved by save_pretrained, the file is filled and loaded again. Position embeddings are given at the published size and brought to the
size of the case by the library's own function where it has one. Values at some layers and the gradient of sum(w * last output) by the image (text: by
the position embedding) are computed in float64; `float32` tells how far torch in float32 is from that. Of each array 48 values stand here, at
the places int(frac(k * 2654435761 / 2^32) * size), with the norm of all.
"""
import json
import math
import os
import re
import sys
import tempfile

from formula_weights import image as formula_image
from formula_weights import parameter

HERE = os.path.dirname(os.path.abspath(__file__))

import numpy as np
import torch

sys.path.insert(0, sys.argv[1])
os.environ["XFORMERS_DISABLED"] = "1"
TARGET = os.path.join(HERE, "..", "..", "test", "oracles", "transformers.json")
PROBES = 48
BATCH = 2


def probes(array):
    flat = array.detach().double().reshape(-1).numpy()
    places = [int(((k * 2654435761) % 2**32) / 2**32 * flat.size) for k in range(PROBES)]
    return {"shape": list(array.shape), "norm": float(np.linalg.norm(flat)), "values": [float("%.9g" % flat[p]) for p in places]}


def distance(found, expected):
    return float("%.3g" % ((found.double() - expected).norm() / expected.norm()))


def compact(names):
    """Blocks are alike: one line for all of them."""
    out = {}
    for name, shape in names.items():
        out.setdefault(re.sub(r"(blocks\.|layers?\.|encoder_layer_)(\d+)", r"\1*", name), list(shape))
    return [[name, shape] for name, shape in out.items()]


def formula_state(shapes):
    return {name: torch.from_numpy(parameter(name, shape)) for name, shape in shapes.items()}


def shapes_of(model):
    return {name: tuple(value.shape) for name, value in model.state_dict().items() if value.is_floating_point()}


def resampled(positions, side, how):
    """[1, 1 + n*n, channel] to [1, 1 + side*side, channel], as the native library of the architecture does"""
    n = int(math.sqrt(positions.shape[1] - 1))
    if n == side:
        return positions
    grid = positions[:, 1:].reshape(1, n, n, -1).permute(0, 3, 1, 2)
    if how == "corners":
        grid = torch.nn.functional.interpolate(grid, size=(side, side), mode="bicubic", align_corners=True)
    elif how == "antialias":
        grid = torch.nn.functional.interpolate(grid, size=(side, side), mode="bicubic", antialias=True)
    else:
        factor = (side + 0.1) / n
        grid = torch.nn.functional.interpolate(grid, scale_factor=(factor, factor), mode="bicubic")
    return torch.cat([positions[:, :1], grid.permute(0, 2, 3, 1).reshape(1, side * side, -1)], 1)


def evaluate(model, forward, hooks, x, wrt=None):
    """values by our layer names, gradient; hooks: our name -> (module, function of its output) """
    results = {}
    for dtype in (torch.float64, torch.float32):
        model.to(dtype).eval()
        taken = {}
        handles = [module.register_forward_hook(lambda _m, _i, out, name=name, pick=pick: taken.__setitem__(name, pick(out))) for name, (module, pick) in hooks.items()]
        given = x.to(dtype) if x.is_floating_point() else x
        if wrt is None:
            given.requires_grad_(True)
        target = given if wrt is None else wrt()
        last_name, last = forward(given)
        taken[last_name] = last
        weights = torch.from_numpy(parameter("objective", [last.shape[-1]])).to(dtype)
        (gradient,) = torch.autograd.grad((last * weights).sum(), target)
        for handle in handles:
            handle.remove()
        results[dtype] = ({name: value.detach() for name, value in taken.items()}, gradient)
    values, gradient = results[torch.float64]
    single, single_gradient = results[torch.float32]
    return {
        "layers": {name: {**probes(value), "float32": distance(single[name], value)} for name, value in values.items()},
        "gradient": {**probes(gradient), "float32": distance(single_gradient, gradient)},
    }


same = lambda out: out
first = lambda out: out[0] if isinstance(out, tuple) else out


def vit_hooks_timm(model):
    return {"blocks.0": (model.blocks[0], same), "blocks.11": (model.blocks[11], same), "norm": (model.norm, same), "fc_norm": (model.fc_norm, same)}


def timm_vit(name, size):
    import timm
    from timm.models.vision_transformer import checkpoint_filter_fn

    shapes = shapes_of(timm.create_model(name))
    model = timm.create_model(name, img_size=size)
    model.load_state_dict(checkpoint_filter_fn(formula_state(shapes), model))
    return model, shapes


def case_timm_small(size):
    model, shapes = timm_vit("vit_small_patch16_224", size)
    return shapes, evaluate(model, lambda x: ("head", model(x)), vit_hooks_timm(model), torch.from_numpy(formula_image(BATCH, size)))


def torchvision_vit(patch, size, renamed=False):
    from torchvision.models import vision_transformer as tv

    make = {16: tv.vit_b_16, 32: tv.vit_b_32}[patch]
    shapes = shapes_of(make())
    if renamed:
        shapes = {name.replace("mlp.0.", "mlp.linear_1.").replace("mlp.3.", "mlp.linear_2."): shape for name, shape in shapes.items()}
    model = make(image_size=size)
    state = tv.interpolate_embeddings(size, patch, formula_state(shapes))
    if renamed:
        # as before 0.13: no version of the MLP is in the metadata, so torchvision itself renames
        from collections import OrderedDict
        state = OrderedDict(state)
        state._metadata = OrderedDict()
    model.load_state_dict(state)
    hooks = {f"encoder.layers.encoder_layer_{i}": (model.encoder.layers[i], same) for i in (0, 11)}
    hooks["encoder.layers.encoder_layer_0.self_attention"] = (model.encoder.layers[0].self_attention, first)
    hooks["encoder.ln"] = (model.encoder.ln, same)
    hooks["encoder.dropout"] = (model.encoder.dropout, same)
    return shapes, evaluate(model, lambda x: ("heads.head", model(x)), hooks, torch.from_numpy(formula_image(BATCH, size)))


def case_timm_base(patch, size):
    """timm's names, torchvision's rule for the positions"""
    import timm

    name = f"vit_base_patch{patch}_224"
    shapes = shapes_of(timm.create_model(name))
    state = formula_state(shapes)
    state["pos_embed"] = resampled(state["pos_embed"], size // patch, "corners")
    model = timm.create_model(name, img_size=size)
    model.load_state_dict(state)
    hooks = {f"encoder.layers.encoder_layer_{i}": (model.blocks[i], same) for i in (0, 11)}
    hooks["encoder.ln"] = (model.norm, same)
    return shapes, evaluate(model, lambda x: ("heads.head", model(x)), hooks, torch.from_numpy(formula_image(BATCH, size)))


def hugging_face(make, positions, side, how):
    """A model at the size of the case from a file of the published size that save_pretrained laid out."""
    from safetensors import safe_open
    from safetensors.torch import save_file

    with tempfile.TemporaryDirectory() as folder:
        make(None).save_pretrained(folder)
        path = os.path.join(folder, "model.safetensors")
        with safe_open(path, "pt") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}
        state = formula_state(shapes)
        if positions is not None:
            state[positions] = resampled(state[positions], side, how)
        small = make(side)
        small.save_pretrained(folder)
        save_file(state, path, {"format": "pt"})
        return type(small).from_pretrained(folder, attn_implementation="eager"), shapes


def case_hf_vit(width, heads, patch, size, how, names):
    from transformers import ViTConfig, ViTForImageClassification

    def make(side):
        return ViTForImageClassification(ViTConfig(hidden_size=width, num_attention_heads=heads, intermediate_size=4 * width, patch_size=patch, image_size=224 if side is None else side * patch, num_labels=1000, layer_norm_eps=1e-6))

    model, shapes = hugging_face(make, "vit.embeddings.position_embeddings", size // patch, how)
    block, norm, head = names
    hooks = {block % i: (model.vit.layers[i], first) for i in (0, 11)}
    hooks[norm] = (model.vit.layernorm, same)
    return shapes, evaluate(model, lambda x: (head, model(x).logits), hooks, torch.from_numpy(formula_image(BATCH, size)))


def case_dinov2(letter, registers, size):
    from dinov2.models import vision_transformer as vits

    options = dict(img_size=518, patch_size=14, init_values=1.0, ffn_layer="mlp", block_chunks=0, num_register_tokens=registers, interpolate_antialias=registers > 0, interpolate_offset=0.0 if registers else 0.1)
    model = {"s": vits.vit_small, "b": vits.vit_base}[letter](**options)
    shapes = shapes_of(model)
    model.load_state_dict(formula_state(shapes))
    hooks = {f"blocks.{i}": (model.blocks[i], same) for i in (0, 11)}
    hooks["blocks.0.ls1"] = (model.blocks[0].ls1, same)
    hooks["norm"] = (model.norm, same)
    return shapes, evaluate(model, lambda x: ("head", model(x)), hooks, torch.from_numpy(formula_image(BATCH, size)))


def case_timm_registers(size):
    import timm

    name = "vit_small_patch14_reg4_dinov2"
    shapes = shapes_of(timm.create_model(name))
    state = formula_state(shapes)
    with_class = torch.cat([torch.zeros(1, 1, state["pos_embed"].shape[-1]), state["pos_embed"]], 1)
    state["pos_embed"] = resampled(with_class, size // 14, "antialias")[:, 1:]
    model = timm.create_model(name, img_size=size)
    model.load_state_dict(state)
    hooks = {f"blocks.{i}": (model.blocks[i], same) for i in (0, 11)}
    hooks["norm"] = (model.norm, same)
    return shapes, evaluate(model, lambda x: ("head", model(x)), hooks, torch.from_numpy(formula_image(BATCH, size)))


def case_hf_dinov2(registers, size):
    import transformers as hf

    def make(side):
        common = dict(image_size=518 if side is None else side * 14, patch_size=14, hidden_size=384, num_attention_heads=6)
        return hf.Dinov2WithRegistersModel(hf.Dinov2WithRegistersConfig(**common)) if registers else hf.Dinov2Model(hf.Dinov2Config(**common))

    model, shapes = hugging_face(make, "embeddings.position_embeddings", size // 14, "antialias" if registers else "offset")
    hooks = {"norm": (model.layernorm, same)}
    return shapes, evaluate(model, lambda x: ("head", model(x).pooler_output), hooks, torch.from_numpy(formula_image(BATCH, size)))


def open_clip_model(name, size=None):
    import open_clip

    shapes = shapes_of(open_clip.create_model(name))
    model = open_clip.create_model(name, **({} if size is None else {"force_image_size": size}))
    state = formula_state(shapes)
    if size is not None:
        open_clip.model.resize_pos_embed(state, model)
    model.load_state_dict(state)
    return model, shapes


def case_clip_image(name, size):
    model, shapes = open_clip_model(name, size)
    visual = model.visual
    hooks = {f"visual.transformer.resblocks.{i}": (visual.transformer.resblocks[i], same) for i in (0, 11)}
    hooks["visual.ln_pre"] = (visual.ln_pre, same)
    hooks["visual.transformer.resblocks.3.mlp"] = (visual.transformer.resblocks[3].mlp, same)
    return shapes, evaluate(model, lambda x: ("visual", model.encode_image(x)), hooks, torch.from_numpy(formula_image(BATCH, size)))


def tokens():
    """Two texts: one padded with zeros, one that fills the context. The end is the largest number."""
    out = np.zeros((BATCH, 77), np.int64)
    out[:, 0] = 49406
    for row, length in enumerate((9, 75)):
        out[row, 1 : 1 + length] = [(7919 * (row + 1) * (k + 1)) % 49405 for k in range(length)]
        out[row, 1 + length] = 49407
    return torch.from_numpy(out)


def case_clip_text(name):
    model, shapes = open_clip_model(name)
    hooks = {f"transformer.resblocks.{i}": (model.transformer.resblocks[i], same) for i in (0, 11)}
    hooks["ln_final"] = (model.ln_final, same)
    return shapes, evaluate(model, lambda x: ("encode_text", model.encode_text(x)), hooks, tokens(), lambda: model.positional_embedding)


def hf_clip():
    from transformers import CLIPConfig, CLIPModel

    # what the published openai/clip-vit-base-patch32 has
    return hugging_face(lambda _side: CLIPModel(CLIPConfig(text_config={"eos_token_id": 2})), None, None, None)


def case_hf_clip_image():
    model, shapes = hf_clip()
    hooks = {f"visual.transformer.resblocks.{i}": (model.vision_model.encoder.layers[i], first) for i in (0, 11)}
    features = lambda x: model.visual_projection(model.vision_model(x).pooler_output)
    return shapes, evaluate(model, lambda x: ("visual", features(x)), hooks, torch.from_numpy(formula_image(BATCH, 224)))


def case_hf_clip_text():
    model, shapes = hf_clip()
    hooks = {f"transformer.resblocks.{i}": (model.text_model.encoder.layers[i], first) for i in (0, 11)}
    features = lambda x: model.text_projection(model.text_model(x).pooler_output)
    return shapes, evaluate(model, lambda x: ("encode_text", features(x)), hooks, tokens(), lambda: model.text_model.embeddings.position_embedding.weight)


TIMM = ("blocks.%d", "norm", "head")
TORCHVISION = ("encoder.layers.encoder_layer_%d", "encoder.ln", "heads.head")

# name of the case: (architecture, its dialect or None, size of the image or None, function)
CASES = {
    "vit_small": ("vit_small_patch16_224", None, 64, lambda: case_timm_small(64)),
    "vit_small at the published size": ("vit_small_patch16_224", None, 224, lambda: case_timm_small(224)),
    "vit_small of Hugging Face": ("vit_small_patch16_224", "Hugging Face", 64, lambda: case_hf_vit(384, 6, 16, 64, "antialias", TIMM)),
    "vit_b_16": ("vit_b_16", None, 64, lambda: torchvision_vit(16, 64)),
    "vit_b_32": ("vit_b_32", None, 96, lambda: torchvision_vit(32, 96)),
    "vit_b_32 as in torchvision's files": ("vit_b_32", "torchvision before 0.13", 96, lambda: torchvision_vit(32, 96, True)),
    "vit_b_16 of timm": ("vit_b_16", "timm", 64, lambda: case_timm_base(16, 64)),
    "vit_b_16 of Hugging Face": ("vit_b_16", "Hugging Face", 64, lambda: case_hf_vit(768, 12, 16, 64, "corners", TORCHVISION)),
    "dinov2_vits14": ("dinov2_vits14", None, 56, lambda: case_dinov2("s", 0, 56)),
    "dinov2_vitb14": ("dinov2_vitb14", None, 70, lambda: case_dinov2("b", 0, 70)),
    "dinov2_vits14_reg": ("dinov2_vits14_reg", None, 56, lambda: case_dinov2("s", 4, 56)),
    "dinov2_vitb14_reg": ("dinov2_vitb14_reg", None, 42, lambda: case_dinov2("b", 4, 42)),
    "dinov2_vits14_reg of timm": ("dinov2_vits14_reg", "timm", 56, lambda: case_timm_registers(56)),
    "dinov2_vits14 of Hugging Face": ("dinov2_vits14", "Hugging Face", 56, lambda: case_hf_dinov2(False, 56)),
    "dinov2_vits14_reg of Hugging Face": ("dinov2_vits14_reg", "Hugging Face", 56, lambda: case_hf_dinov2(True, 56)),
    "clip-vit-b-32": ("clip-vit-b-32", None, 96, lambda: case_clip_image("ViT-B-32-quickgelu", 96)),
    "clip-vit-b-16": ("clip-vit-b-16", None, 64, lambda: case_clip_image("ViT-B-16-quickgelu", 64)),
    "openclip-vit-b-32": ("openclip-vit-b-32", None, 96, lambda: case_clip_image("ViT-B-32", 96)),
    "openclip-vit-b-16": ("openclip-vit-b-16", None, 64, lambda: case_clip_image("ViT-B-16", 64)),
    "clip-vit-b-32 of Hugging Face": ("clip-vit-b-32", "Hugging Face", 224, case_hf_clip_image),
    "clip-rn50-text": ("clip-rn50-text", None, None, lambda: case_clip_text("RN50-quickgelu")),
    "clip-rn50x4-text": ("clip-rn50x4-text", None, None, lambda: case_clip_text("RN50x4-quickgelu")),
    "clip-vit-b-32-text": ("clip-vit-b-32-text", None, None, lambda: case_clip_text("ViT-B-32-quickgelu")),
    "clip-vit-b-16-text": ("clip-vit-b-16-text", None, None, lambda: case_clip_text("ViT-B-16-quickgelu")),
    "openclip-vit-b-32-text": ("openclip-vit-b-32-text", None, None, lambda: case_clip_text("ViT-B-32")),
    "openclip-vit-b-16-text": ("openclip-vit-b-16-text", None, None, lambda: case_clip_text("ViT-B-16")),
    "clip-vit-b-32-text of Hugging Face": ("clip-vit-b-32-text", "Hugging Face", None, case_hf_clip_text),
}


def positions():
    """Two extra channels of a 5 x 5 grid to coarser and finer ones, by every rule, in float64"""
    given = torch.from_numpy(parameter("positions", [1, 26, 2])).double()
    cases = [{"rule": how, "side": side, "values": resampled(given, side, how).flatten().tolist()} for how in ("corners", "antialias", "offset") for side in (1, 2, 3, 7, 12)]
    with open(os.path.join(os.path.dirname(TARGET), "positions.json"), "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


def main():
    torch.set_num_threads(1)
    positions()
    if sys.argv[2:] == ["positions"]:
        return
    wanted = sys.argv[2:] or list(CASES)
    out = json.load(open(TARGET)) if os.path.exists(TARGET) and sys.argv[2:] else {}
    for name in wanted:
        architecture, dialect, size, run = CASES[name]
        shapes, values = run()
        out[name] = {"architecture": architecture, "dialect": dialect, "size": size, "state": compact(shapes), **values}
        last = list(values["layers"].values())[-1]
        print(name, "norm", round(last["norm"], 3), "float32", {k: v["float32"] for k, v in values["layers"].items()}, "gradient", values["gradient"]["norm"], values["gradient"]["float32"], flush=True)
    with open(TARGET, "w") as file:
        file.write("{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(out[name])}" for name in CASES if name in out) + "\n}\n")


main()
