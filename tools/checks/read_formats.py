"""Opens what tools/checks/write-formats.mjs wrote, with the libraries that users have, and compares every value.

    node tools/checks/write-formats.mjs FOLDER && python tools/checks/read_formats.py FOLDER

Run by hand; needs numpy, scipy, h5py, nibabel, pandas and Pillow.
"""
import json
import struct
import sys
from pathlib import Path

import h5py
import nibabel as nib
import numpy as np
import pandas as pd
import scipy.io
from PIL import Image

folder = Path(sys.argv[1])
value = lambda n: (np.arange(n) * 7919) % 2003 - 1001
betas = value(750 * 60).astype("i2").reshape(750, 3, 4, 5)
floats = value(60).astype("f4").reshape(3, 4, 5)
done = []


def check(name, condition):
    assert condition, name
    done.append(name)


check("npy", np.array_equal(np.load(folder / "floats.npy"), floats) and np.load(folder / "floats.npy").dtype == "f4")

with h5py.File(folder / "betas.hdf5") as f:
    check("hdf5 betas", f["betas"].chunks == (750, 1, 1, 1) and f["betas"].dtype == "i2" and np.array_equal(f["betas"][:], betas))
    check("hdf5 betas, one voxel", np.array_equal(f["betas"][:, 1, 2, 3], betas[:, 1, 2, 3]) and f["betas"].maxshape == f["betas"].shape)
    check("hdf5 group, deflate", f["group/floats"].compression == "gzip" and np.array_equal(f["group/floats"][:], floats))

path = folder / "nsd_stimuli.hdf5"
with h5py.File(path) as f:
    brick = f["imgBrick"]
    check("imgBrick shape", brick.shape == (73000, 425, 425, 3) and brick.dtype == "u1" and brick.chunks == (1, 425, 425, 3))
    check("imgBrick images", all((brick[(k * 365) % 73000] == k).all() for k in range(0, 200, 17)))
    check("imgBrick fancy index", (brick[[365, 730]][1] == 2).all() and (brick[7] == 0).all())
    check("imgBrick chunks", brick.id.get_num_chunks() == 200)
print(f"imgBrick with 200 images: {path.stat().st_size / 1e6:.2f} MB")

image = nib.load(folder / "betas.nii.gz")
check("nifti betas", image.shape == (5, 4, 3, 750) and image.get_data_dtype() == "i2" and np.array_equal(np.asanyarray(image.dataobj), betas.T))
origin = (np.array([1, 1, 1]) + np.array([5, 4, 3])) / 2 - 1
check("nifti affine", np.allclose(image.affine, np.block([[np.eye(3) * 1.8, (-origin * 1.8)[:, None]], [np.zeros(3), np.ones(1)]]), atol=1e-6))
check("nifti header", (image.dataobj.slope, image.dataobj.inter) == (1, 0) and np.isclose(image.header.get_zooms()[3], 4 / 3) and image.header.get_xyzt_units() == ("mm", "sec"))
for name in ["roi.nii.gz", "plain.nii"]:
    roi = nib.load(folder / name)
    check(name, roi.get_data_dtype() == "f4" and np.array_equal(np.asanyarray(roi.dataobj).ravel(order="F"), np.resize([-1, 0, 1, 2, 5], 60)))

mat = scipy.io.loadmat(folder / "design.mat")
check("mat doubles", mat["masterordering"].shape == (1, 30000) and np.array_equal(mat["masterordering"][0], 1 + np.arange(30000) * 7919 % 10000))
check("mat column-major", np.array_equal(mat["subjectim"].ravel(order="F"), 1 + np.arange(80) * 7919 % 73000))
check("mat others", np.array_equal(mat["fractions"].ravel(order="F"), np.arange(6) / 3) and mat["tiny"].tolist() == [[1, 2, 3]])
check("mat logical, int64", mat["mask"].tolist() == [[1, 0], [0, 1]] and mat["ids"].tolist() == [[-5, 2**60]])
check("mat classes", {n: c for n, _, c in scipy.io.whosmat(folder / "design.mat")} == {"masterordering": "double", "subjectim": "double", "fractions": "double", "tiny": "double", "mask": "logical", "ids": "int64"})

frame = pd.read_csv(folder / "info.csv", index_col=0)
check("csv", frame.cropBox[3] == "(0.0, 0.3, 0.1, 0.2)" and frame.flagged.dtype == bool and frame.note[0] == 'say "x"\nthen' and list(frame.nsdId) == list(range(10)))

check("png", np.array_equal(np.asarray(Image.open(folder / "picture.png")).ravel(), np.arange(240) % 251))

raw = (folder / "weights.safetensors").read_bytes()
length = struct.unpack("<Q", raw[:8])[0]
header = json.loads(raw[8 : 8 + length])
start, stop = header["w"]["data_offsets"]
check("safetensors", np.array_equal(np.frombuffer(raw[8 + length + start : 8 + length + stop], "f4"), floats.ravel()) and header["__metadata__"] == {"made": "by check"})

print(f"{len(done)} checks passed: {', '.join(done)}")
