"""Writes test/fixtures/formats: small files in every format, made by the libraries that users read and write them with.

    python tools/oracles/formats.py

Pinned: numpy 1.26.4, scipy 1.13.1, h5py 3.11.0, nibabel 5.2.1, pandas 2.2.2, Pillow 10.4.0. Nothing is random: element i of every array is
(7919 i mod 2003) - 1001 taken modulo the range of its type, so the tests know the values without a second file. What cannot be known by
formula (affines, pixels of a JPEG) is in expected.json.
"""
import gzip
import json
import struct
import zlib
from pathlib import Path

import h5py
import nibabel as nib
import numpy as np
import pandas as pd
import scipy.io
import scipy.sparse
from PIL import Image

OUT = Path(__file__).resolve().parents[2] / "test" / "fixtures" / "formats"
expected = {}


def ramp(shape, dtype):
    n = int(np.prod(shape))
    values = (np.arange(n, dtype=np.int64) * 7919) % 2003 - 1001
    dtype = np.dtype(dtype)
    if dtype.kind in "iu" and dtype.itemsize == 1:
        values = values % 128
    if dtype.kind == "u":
        values = np.abs(values)
    if dtype.kind == "b":
        values = values % 2
    return values.astype(dtype).reshape(shape)


def npy():
    folder = OUT / "npy"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ["f4", "f8", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "b1"]:
        np.save(folder / f"2d.{name}.npy", ramp((3, 5), name))
    np.save(folder / "fortran.f4.npy", np.asfortranarray(ramp((2, 3, 4), "f4")))
    np.save(folder / "big-endian.i4.npy", ramp((7,), "i4").astype(">i4"))
    np.save(folder / "scalar.f8.npy", np.float64(2.5))
    np.save(folder / "empty.f4.npy", ramp((0, 3), "f4"))
    np.save(folder / "4d.i2.npy", ramp((6, 2, 3, 2), "i2"))
    for version in [(2, 0), (3, 0)]:
        with open(folder / f"version{version[0]}.f4.npy", "wb") as file:
            np.lib.format.write_array(file, ramp((4, 2), "f4"), version=version)
    np.save(folder / "object.npy", np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    np.save(folder / "structured.npy", np.zeros(3, dtype=[("a", "f4"), ("b", "i4")]))
    np.save(folder / "complex.npy", np.zeros(3, dtype="c16"))


def hdf5():
    folder = OUT / "hdf5"
    folder.mkdir(parents=True, exist_ok=True)
    betas = ramp((30, 3, 4, 5), "i2")
    with h5py.File(folder / "betas.h5", "w") as f:
        f.create_dataset("betas", data=betas, chunks=(30, 1, 1, 1))
    with h5py.File(folder / "betas.blocks.h5", "w") as f:
        f.create_dataset("betas", data=betas, chunks=(7, 2, 2, 3), compression="gzip", shuffle=True, fletcher32=True)
    with h5py.File(folder / "betas.contiguous.h5", "w") as f:
        f.create_dataset("betas", data=betas)
    brick = ramp((6, 9, 9, 3), "u1")
    with h5py.File(folder / "brick.gzip-shuffle.h5", "w") as f:
        f.create_dataset("imgBrick", data=brick, chunks=(1, 9, 9, 3), compression="gzip", shuffle=True)
    with h5py.File(folder / "brick.sparse.h5", "w") as f:
        d = f.create_dataset("imgBrick", (73000, 9, 9, 3), "u1", chunks=(1, 9, 9, 3))
        d[72999] = brick[5]
    with h5py.File(folder / "types.h5", "w") as f:
        for name in ["f4", "f8", "i1", "u1", "i2", "u2", "i4", "u4", "i8"]:
            f[name] = ramp((3, 5), name)
        f["big-endian"] = ramp((7,), "f8").astype(">f8")
        f["bool"] = ramp((9,), "b1")
        f["group/inner"] = ramp((4,), "i4")
        f["scalar"] = np.float32(2.5)
        f["empty"] = ramp((0, 3), "f4")
        f["text"] = "words"
        f["half"] = np.zeros(3, "f2")
        f["u8"] = np.zeros(3, "u8")
        f["complex"] = np.zeros(3, "c16")
        f["null"] = h5py.Empty("f4")
    with h5py.File(folder / "latest.h5", "w", libver="latest") as f:
        f.create_dataset("betas", data=betas, chunks=(30, 1, 1, 1))
    with h5py.File(folder / "userblock.h5", "w", userblock_size=512) as f:
        f["a"] = ramp((4,), "i4")

    hostile = folder / "hostile"
    hostile.mkdir(exist_ok=True)
    (hostile / "secret.bin").write_bytes(bytes(range(64)))
    with h5py.File(hostile / "secret.h5", "w") as f:
        f["a"] = ramp((4,), "i4")
    with h5py.File(hostile / "external-link.h5", "w") as f:
        f["a"] = h5py.ExternalLink("secret.h5", "/a")
        f["group"] = h5py.ExternalLink("secret.h5", "/")
    for name, target in [("secret", "secret.bin"), ("urandom", "/dev/urandom"), ("self", "/file-0.h5"), ("stdin", "/dev/stdin"), ("fd", "/proc/self/fd/3")]:
        with h5py.File(hostile / f"external-storage.{name}.h5", "w") as f:
            f.create_dataset("a", (64,), "u1", external=[(target, 0, 64)])
    layout = h5py.VirtualLayout(shape=(4,), dtype="i4")
    layout[:] = h5py.VirtualSource("secret.h5", "a", shape=(4,))
    with h5py.File(hostile / "virtual.h5", "w") as f:
        f.create_virtual_dataset("a", layout)
    with h5py.File(hostile / "soft-links.h5", "w") as f:
        f["a"] = h5py.SoftLink("/b")
        f["b"] = h5py.SoftLink("/a")
        f["broken"] = h5py.SoftLink("/nowhere")
        f["there"] = h5py.SoftLink("/data")
        f["data"] = ramp((4,), "i4")
    with h5py.File(hostile / "lzf.h5", "w") as f:
        f.create_dataset("a", data=ramp((64,), "i4"), chunks=(32,), compression="lzf")
    with h5py.File(hostile / "bomb.h5", "w") as f:
        f.create_dataset("a", (2**40, 2**10), "f8", chunks=(1, 1))
    with h5py.File(hostile / "corrupt-chunk.h5", "w") as f:
        f.create_dataset("a", data=ramp((512,), "i4"), chunks=(256,), compression="gzip", fletcher32=True)
        where = f["a"].id.get_chunk_info(1).byte_offset
    bytes_ = bytearray((hostile / "corrupt-chunk.h5").read_bytes())
    bytes_[where + 20] ^= 0x10
    (hostile / "corrupt-chunk.h5").write_bytes(bytes_)


def nifti():
    folder = OUT / "nifti"
    folder.mkdir(parents=True, exist_ok=True)
    shape = (5, 4, 3)
    origin = (np.array([1, 1, 1]) + np.array(shape)) / 2 - 1
    affine = np.diag([1.8, 1.8, 1.8, 1.0])
    affine[:3, 3] = -origin * 1.8
    expected["nsd-affine"] = affine.astype("f4").astype("f8").ravel().tolist()

    def save(name, data, scale=(None, None), endian="<", codes=("qform", "sform"), matrix=affine):
        header = nib.Nifti1Header(endianness=endian)
        header.set_data_dtype(data.dtype)
        image = nib.Nifti1Image(data, None, header)
        image.header.set_sform(matrix if "sform" in codes else None, code=1 if "sform" in codes else 0)
        image.header.set_qform(matrix if "qform" in codes else None, code=1 if "qform" in codes else 0)
        if "none" in codes:
            image.header["pixdim"][1:4] = [2, 3, 4]
        image.to_filename(folder / name)
        # nibabel chooses a scale itself and refuses 0; what is wanted is put into the bytes
        if scale != (None, None):
            raw = (folder / name).read_bytes()
            plain = bytearray(gzip.decompress(raw) if name.endswith(".gz") else raw)
            plain[112:120] = struct.pack(endian + "2f", *scale)
            (folder / name).write_bytes(gzip.compress(bytes(plain), mtime=0) if name.endswith(".gz") else bytes(plain))

    def fortran(shape, dtype):
        return ramp(shape[::-1], dtype).T

    save("3d.i2.nii", fortran(shape, "i2"))
    save("4d.i2.nii.gz", fortran((*shape, 6), "i2"))
    save("4d.i2.scaled.nii.gz", fortran((*shape, 6), "i2"), scale=(1 / 300, 0.5))
    save("3d.i2.slope0.nii", fortran(shape, "i2"), scale=(0.0, 0.0))
    save("3d.f4.nii.gz", fortran(shape, "f4"))
    save("3d.f8.nii", fortran(shape, "f8"))
    save("3d.u1.nii", fortran(shape, "u1"))
    save("3d.i4.big-endian.nii", fortran(shape, ">i4"), endian=">")
    save("4d.i2.big-endian.nii.gz", fortran((*shape, 6), ">i2"), endian=">")
    roi = np.full(shape, -1, "f4")
    roi[1:4, 1:3, :] = 0
    roi[2, 2, :] = [1, 2, 5]
    save("roi.f4.nii.gz", roi)
    expected["roi"] = roi.ravel(order="F").tolist()
    rotation = np.array([[0.0, -2.0, 0.0, 3.0], [1.5, 0.0, 0.0, -4.0], [0.0, 0.0, -2.5, 5.0], [0, 0, 0, 1]])
    save("3d.qform.nii", fortran(shape, "u1"), codes=("qform",), matrix=rotation)
    expected["qform"] = nib.load(folder / "3d.qform.nii").affine.ravel().tolist()
    save("3d.no-form.nii", fortran(shape, "u1"), codes=("none",))
    pair = nib.Nifti1Pair(fortran(shape, "u1"), affine)
    pair.to_filename(folder / "pair.hdr")
    (folder / "pair.img").unlink()
    nib.Nifti2Image(fortran(shape, "u1"), affine).to_filename(folder / "version2.nii")

    mgh = OUT / "mgh"
    mgh.mkdir(exist_ok=True)
    nib.MGHImage(fortran((10, 1, 1, 4), "f4"), np.eye(4)).to_filename(mgh / "surface.f4.mgh")
    nib.MGHImage(fortran((10, 1, 1, 4), "f4"), np.eye(4)).to_filename(mgh / "surface.f4.mgz")
    nib.MGHImage(fortran((5, 4, 3), "i4"), np.eye(4)).to_filename(mgh / "volume.i4.mgz")
    nib.MGHImage(fortran((5, 4, 3), "u1"), np.eye(4)).to_filename(mgh / "volume.u1.mgh")


def mat():
    folder = OUT / "mat"
    folder.mkdir(parents=True, exist_ok=True)
    numbers = {
        "masterordering": ramp((1, 40), "u2").astype("f8"),
        "subjectim": ramp((8, 10), "f8"),
        "cube": ramp((2, 3, 4), "f8"),
        "single": ramp((2, 3), "f4"),
        **{name: ramp((2, 3), name) for name in ["i1", "u1", "i2", "u2", "i4", "u4", "i8"]},
        "one": np.array([[7.0]]),
        "empty": np.zeros((0, 3)),
    }
    scipy.io.savemat(folder / "numbers.mat", numbers, do_compression=False)
    scipy.io.savemat(folder / "numbers.compressed.mat", numbers, do_compression=True)
    scipy.io.savemat(folder / "logical.mat", {"a": ramp((2, 3), "b1")})
    scipy.io.savemat(folder / "sparse.mat", {"a": scipy.sparse.csc_matrix(np.eye(3))})
    scipy.io.savemat(folder / "struct.mat", {"a": {"b": 1.0}, "c": np.eye(2)})
    scipy.io.savemat(folder / "text.mat", {"a": "words"})
    scipy.io.savemat(folder / "complex.mat", {"a": np.array([[1 + 2j]])})
    scipy.io.savemat(folder / "cell.mat", {"a": np.array([[1], ["x"]], dtype=object)})
    scipy.io.savemat(folder / "level4.mat", {"a": np.eye(6)}, format="4")
    with h5py.File(folder / "version73.mat", "w", userblock_size=512) as f:
        f["a"] = np.eye(3)
    with open(folder / "version73.mat", "r+b") as f:
        f.write(b"MATLAB 7.3 MAT-file".ljust(124) + struct.pack("<H", 0x0200) + b"IM")

    # What MATLAB itself writes and SciPy never does: doubles stored as uint16 (and as uint8 inside the tag), in both byte orders.
    def narrowed(order, compress):
        def element(code, data):
            if len(data) <= 4:
                first = struct.pack(order + "HH", code, len(data)) if order == "<" else struct.pack(order + "HH", len(data), code)
                return first + data.ljust(4, b"\0")
            return struct.pack(order + "II", code, len(data)) + data + b"\0" * (-len(data) % 8)

        def variable(name, shape, code, data):
            body = element(6, struct.pack(order + "II", 6, 0)) + element(5, struct.pack(f"{order}{len(shape)}i", *shape))
            body += element(1, name) + element(code, data)
            whole = struct.pack(order + "II", 14, len(body)) + body
            if compress:
                whole = zlib.compress(whole)
                whole = struct.pack(order + "II", 15, len(whole)) + whole
            return whole

        header = b"MATLAB 5.0 MAT-file".ljust(116) + b"\0" * 8 + struct.pack(order + "H", 0x0100) + (b"IM" if order == "<" else b"MI")
        wide = ramp((3, 4), "u2")
        text = variable(b"wide", (3, 4), 4, wide.ravel(order="F").astype(order + "u2").tobytes())
        text += variable(b"tiny", (1, 3), 2, bytes([1, 2, 3]))
        return header + text

    (folder / "narrowed.mat").write_bytes(narrowed("<", True))
    (folder / "narrowed.big-endian.mat").write_bytes(narrowed(">", False))
    # SciPy notes the time in the header.
    for path in folder.glob("*.mat"):
        raw = path.read_bytes()
        if raw.startswith(b"MATLAB 5.0 MAT-file Platform"):
            path.write_bytes(b"MATLAB 5.0 MAT-file Platform: posix".ljust(116) + raw[116:])
    for name in ["narrowed.mat", "narrowed.big-endian.mat"]:
        loaded = scipy.io.loadmat(folder / name)
        assert np.array_equal(loaded["wide"], ramp((3, 4), "u2")) and loaded["tiny"].tolist() == [[1, 2, 3]]


def text():
    folder = OUT / "csv"
    folder.mkdir(parents=True, exist_ok=True)
    n = 12
    frame = pd.DataFrame(
        {
            "cocoId": np.arange(n) * 7919 % 2003,
            "cocoSplit": ["train2017", "val2017"] * (n // 2),
            "cropBox": [str((0.0, round(i / 100, 4), 0.1, 0.25)) for i in range(n)],
            "loss": np.arange(n) / 3,
            "nsdId": np.arange(n),
            "flagged": [i % 3 == 0 for i in range(n)],
            "note": ['plain', 'with "quotes"', 'two\nlines', '', 'comma, here', 'ünïcode', *[str(i) for i in range(n - 6)]],
        }
    )
    frame.to_csv(folder / "stim_info.csv")
    frame.to_csv(folder / "stim_info.crlf.csv", lineterminator="\r\n")
    ctab = OUT / "ctab"
    ctab.mkdir(exist_ok=True)
    (ctab / "nsd.ctab").write_text("0 Unknown\n1 OFA\n2 FFA-1\n3 FFA-2\n4 mTL-faces\n5 aTL-faces\n")
    (ctab / "freesurfer.ctab").write_text("# a comment\n  0  Unknown                0   0   0   0\n  1  V1v                  120  18 134   0\n\n 10  V1d                   0 118  14   0\n")


def images():
    folder = OUT / "image"
    folder.mkdir(parents=True, exist_ok=True)
    rgb = ramp((8, 10, 3), "u1")
    Image.fromarray(rgb).save(folder / "rgb.png")
    Image.fromarray(rgb[:, :, 0]).save(folder / "grey.png")
    Image.fromarray(np.dstack([rgb, np.full((8, 10), 255, "u1")])).save(folder / "opaque.png")
    Image.fromarray(np.dstack([rgb, ramp((8, 10), "u1")])).save(folder / "transparent.png")
    Image.fromarray(rgb).save(folder / "rgb.tiff")
    Image.fromarray(rgb).save(folder / "picture.gif")
    gradient = np.stack(np.meshgrid(np.arange(32) * 8, np.arange(24) * 10), -1)
    smooth = np.dstack([gradient, np.full((24, 32), 128)]).astype("u1")
    image = Image.fromarray(smooth)
    image.save(folder / "smooth.jpg", quality=95, subsampling=0)
    expected["smooth"] = np.asarray(Image.open(folder / "smooth.jpg")).ravel().tolist()
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(folder / "rotated.jpg", quality=95, subsampling=0, exif=exif)
    (folder / "truncated.jpg").write_bytes((folder / "smooth.jpg").read_bytes()[:-200])
    frames = [Image.fromarray(np.roll(rgb, i, 0)) for i in range(3)]
    frames[0].save(folder / "animated.webp", save_all=True, append_images=frames[1:], lossless=True)
    Image.new("1", (16000, 16000)).save(folder / "bomb.png", optimize=True)


def safetensors():
    folder = OUT / "safetensors"
    folder.mkdir(parents=True, exist_ok=True)

    def file(header, data):
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + data

    a, b = ramp((2, 3), "f4").tobytes(), ramp((5,), "i8").tobytes()
    good = {"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [40, 64]}, "b": {"dtype": "I64", "shape": [5], "data_offsets": [0, 40]}}
    (folder / "good.safetensors").write_bytes(file(good, b + a))
    (folder / "gap.safetensors").write_bytes(file({"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [8, 32]}}, bytes(8) + a))
    (folder / "overlap.safetensors").write_bytes(file({**good, "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [32, 56]}}, b + a))
    (folder / "length.safetensors").write_bytes(file({"a": {"dtype": "F32", "shape": [2, 4], "data_offsets": [0, 24]}}, a))
    (folder / "trailing.safetensors").write_bytes(file({"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}, a + b"x"))
    (folder / "half.safetensors").write_bytes(file({"a": {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]}}, bytes(4)))
    entry = b'{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}'
    (folder / "twice.safetensors").write_bytes(file(b'{"a":' + entry + b',"a":' + entry + b"}", a))
    (folder / "header.safetensors").write_bytes(struct.pack("<Q", 2**40) + b"{}")


for make in [npy, hdf5, nifti, mat, text, images, safetensors]:
    make()
(OUT / "expected.json").write_text(json.dumps(expected))
print(sum(path.stat().st_size for path in OUT.rglob("*") if path.is_file()), "bytes")
