"""Captum's IntegratedGradients of a folded readout on AlexNet. Usage: integrated_gradients.py FOLDER THREADS (FOLDER gets the model and templates)."""
import sys

import captum
import numpy as np
import torch
from captum.attr import IntegratedGradients

from alexnet import LAYERS, Layers, alexnet, templates, write_onnx
from serve import serve

SIZE = 224
folder, threads = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(threads)
model = alexnet()
write_onnx(model, f"{folder}/alexnet.onnx", SIZE)
layers = Layers(model)
weights = templates(1, SIZE)
for name, template in zip(LAYERS, weights):
    np.save(f"{folder}/{name}.npy", template)
rng = np.random.default_rng(2)
image = torch.from_numpy(rng.random((1, 3, SIZE, SIZE), dtype=np.float32))
baseline = torch.nn.functional.avg_pool2d(image, 31, 1, 15)
np.save(f"{folder}/image.npy", image.numpy())
np.save(f"{folder}/baseline.npy", baseline.numpy())
tensors = [torch.from_numpy(t) for t in weights]


def response(images):
    return sum((m * t).sum((1, 2, 3)) for m, t in zip(layers(images), tensors))


explainer = IntegratedGradients(response)


def explain(steps, batch):
    found = explainer.attribute(image, baseline, n_steps=steps, method="gausslegendre", internal_batch_size=batch)
    np.save(f"{folder}/captum.npy", found.detach().float().numpy())


serve({"torch": torch.__version__, "captum": captum.__version__}, {"captum": explain})
