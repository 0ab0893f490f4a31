"""The features of a brick of images by h5py, Pillow and PyTorch. Usage: features.py FOLDER THREADS GRID (FOLDER holds or gets alexnet.onnx, and stimuli.hdf5 before work is asked for)."""
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import PIL
import torch
from PIL import Image

from alexnet import LAYERS, MEAN, STD, Layers, alexnet, write_onnx
from serve import serve

SIZE = 224
folder, threads, grid = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
model = alexnet()
write_onnx(model, f"{folder}/alexnet.onnx", SIZE)
layers = Layers(model)


def read(brick, rows):
    out = np.empty((len(rows), 3, SIZE, SIZE), np.float32)
    for i, row in enumerate(rows):
        small = Image.fromarray(brick[row]).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
        np.multiply(np.asarray(small).transpose(2, 0, 1), np.float32(1 / 255), out=out[i])
    return torch.from_numpy(out)


def exactly(brick, rows):
    """Without Pillow's rounding to 8 bits: for the comparison of numbers."""
    images = torch.stack([torch.from_numpy(brick[row]) for row in rows]).permute(0, 3, 1, 2).float() / 255
    return torch.nn.functional.interpolate(images, (SIZE, SIZE), mode="bilinear", antialias=True, align_corners=False)


@torch.inference_mode()
def features(count, batch, ahead=False, exact=False):
    """`ahead`: a thread reads and resizes the next batch while this one runs (h5py and Pillow release the interpreter's lock)."""
    found = [[] for _ in LAYERS]
    how = exactly if exact else read
    with h5py.File(f"{folder}/stimuli.hdf5") as file, ThreadPoolExecutor(1) as pool:
        brick = file["imgBrick"]
        parts = [range(start, min(start + batch, count)) for start in range(0, count, batch)]
        waiting = pool.submit(how, brick, parts[0]) if ahead else None
        for i, part in enumerate(parts):
            images = waiting.result() if ahead else how(brick, part)
            if ahead and i + 1 < len(parts):
                waiting = pool.submit(how, brick, parts[i + 1])
            for kept, maps in zip(found, layers(images)):
                cells = torch.nn.functional.adaptive_avg_pool2d(maps, (min(grid, maps.shape[2]), min(grid, maps.shape[3])))
                kept.append(cells.numpy())
    for name, kept in zip(LAYERS, found):
        path = f"{folder}/torch-{name}.npy"
        np.save(path, np.concatenate(kept))
        with open(path, "rb") as written:
            os.fsync(written.fileno())


versions = {"torch": torch.__version__, "h5py": h5py.__version__, "pillow": PIL.__version__}
serve(versions, {"features": features})
