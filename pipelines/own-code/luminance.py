"""How much of each voxel's response is the brightness of the image? NumPy on the .npy of one stage and h5py on the .hdf5 of another."""
import json
import os

import h5py
import numpy as np

with open(os.environ["PIPELINE_JOB"]) as file:
    job = json.load(file)
voxels = job["inputs"]["voxels"]["folder"]
stimuli = os.path.join(job["inputs"]["nsd"]["folder"], "nsddata_stimuli/stimuli/nsd/nsd_stimuli.hdf5")
out = job["outputs"]["luminance"]["folder"]

images = np.load(os.path.join(voxels, "mean_images.npy"))  # nsdIds, ascending
responses = np.load(os.path.join(voxels, "means.npy"))  # [image, voxel]
with h5py.File(stimuli, "r") as file:
    bricks = file["imgBrick"]  # [image, row, column, colour]
    brightness = np.array([bricks[i].mean() for i in images], dtype=np.float64)

x = (brightness - brightness.mean()) / brightness.std()
y = responses - responses.mean(axis=0)
spread = y.std(axis=0)
r = np.divide(x @ y / len(x), spread, out=np.full(y.shape[1], np.nan), where=spread > 0).astype(np.float32)

np.save(os.path.join(out, "luminance.npy"), r)
np.savetxt(os.path.join(out, "luminance.csv"), np.column_stack([np.arange(len(r)), r]), fmt=["%d", "%.6f"], delimiter=",", header="voxel,r", comments="")
with open(job["metrics"], "w") as file:
    json.dump({"median_abs_r": float(np.nanmedian(np.abs(r)))}, file)
print(f"{len(images)} images, {len(r)} voxels")
