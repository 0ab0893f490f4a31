"""Voxels of all sessions as boldreams (nsdhandling/utils/nsd_orig/load_nsd.py) gets them: load a session whole, flatten, mask, /300, z-score, concatenate.
python voxels.py FORMAT FOLDER SESSIONS. `.hdf5` is read with h5py in the way boldreams reads `.mat` (which is HDF5), because it has no reader for
NSD's own. Prints one line of JSON."""
import json, os, resource, sys, time
import numpy as np

form, folder, sessions = sys.argv[1], sys.argv[2], int(sys.argv[3])
voxels = np.load(os.path.join(folder, "voxels.npy"))          # x + X (y + Y z)
grid = json.load(open(os.path.join(folder, "task.json")))["grid"]
x, y, z = voxels % grid[0], voxels // grid[0] % grid[1], voxels // (grid[0] * grid[1])
versions = {"numpy": np.__version__}
if form == "nii.gz":
    import nibabel
    versions["nibabel"] = nibabel.__version__
    mask = np.zeros(grid, bool)
else:
    import h5py
    versions["h5py"] = h5py.__version__
    mask = np.zeros(grid[::-1], bool)
mask[(x, y, z) if form == "nii.gz" else (z, y, x)] = True

def load(path):
    if form == "nii.gz":
        values = nibabel.load(path).get_fdata().transpose((3, 0, 1, 2))
    else:
        with h5py.File(path, "r") as file:
            values = np.copy(file["betas"])
    beta = values.reshape((len(values), -1))[:, mask.flatten()].astype(np.float32) / 300.0
    mean, deviation = np.mean(beta, axis=0, keepdims=True), np.std(beta, axis=0, keepdims=True)
    return np.nan_to_num((beta - mean) / (deviation + 1e-6))

began = time.perf_counter()
betas = np.concatenate([load(os.path.join(folder, f"session{s + 1:02d}.{form}")) for s in range(sessions)])
seconds = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
# ours runs through the volume with x fastest, numpy's mask of a NIfTI array with z fastest
order = np.argsort(voxels[np.lexsort((z, y, x))]) if form == "nii.gz" else slice(None)
np.save(os.path.join(folder, f"rows.peer.{form}.npy"), betas[[0, -1]][:, order].astype("float64"))
print(json.dumps({"seconds": seconds, "peakMiB": peak, "versions": versions}))
