"""Opens a simulated NSD tree as public NSD code opens the published one, and finds the planted values in it.

usage: python open_simulated_nsd.py NSD_ROOT TRUTH_FOLDER   (two folders that export-artifact.mjs wrote: outputs nsd and truth of the stage simulate)
needs: numpy, scipy, pandas, h5py, nibabel. Ends with the line "all checks passed", or with the first assertion that fails.
"""
import glob
import json
import re
import sys

import h5py
import nibabel as nib
import numpy as np
import pandas as pd
from scipy.io import loadmat

root, truth_folder = sys.argv[1:3]
truth = json.load(open(f"{truth_folder}/truth.json"))
subject = truth["subject"]
sub = f"subj{subject:02d}"
func = f"{root}/nsddata/ppdata/{sub}/func1pt8mm"
betas_folder = f"{root}/nsddata_betas/ppdata/{sub}/func1pt8mm/betas_fithrf_GLMdenoise_RR"


def report(what, value):
    print(f"{what:58s} {value}")


# --- design: every index in the .mat counts from 1
exp = loadmat(f"{root}/nsddata/experiments/nsd/nsd_expdesign.mat")
ordering, subjectim, shared = exp["masterordering"].ravel(), exp["subjectim"], exp["sharedix"].ravel()
assert exp["masterordering"].shape == (1, 30000) and subjectim.shape == (8, 10000) and exp["sharedix"].shape == (1, 1000)
assert exp["stimpattern"].shape == (40, 12, 75) and exp["basiccnt"].shape == (3, 40)
assert ordering.min() == 1 and ordering.max() == 10000 and (np.bincount(ordering)[1:] == 3).all()
assert (subjectim[:, :1000] == shared).all() and (np.diff(shared) > 0).all() and 2951 <= shared[0] and shared[-1] <= 72949
assert len(np.unique(np.concatenate([shared, subjectim[:, 1000:].ravel()]))) == 73000
sessions = sorted(f for f in glob.glob(f"{betas_folder}/*") if re.search(r"/betas_session\d\d\.", f))
n_sessions = len({re.search(r"session(\d\d)", f).group(1) for f in sessions})
per_session = int(exp["stimpattern"][0].sum())
trials = n_sessions * per_session
nsd_id = subjectim[subject - 1, ordering[:trials] - 1] - 1
counts = pd.Series(nsd_id).value_counts()
assert (counts == 3).all() and exp["basiccnt"][:, :n_sessions].sum() == trials
report("sessions, trials a session, images", (n_sessions, per_session, len(counts)))

# --- stimulus table: nsdId from 0, trial numbers from 1
info = pd.read_csv(f"{root}/nsddata/experiments/nsd/nsd_stim_info_merged.csv", index_col=0)
assert info.shape == (73000, 40), info.shape
assert (info.nsdId.values == np.arange(73000)).all() and info.cocoId.is_unique and info.shared1000.dtype == bool
assert set(info.cocoSplit) == {"train2017", "val2017"} and (np.flatnonzero(info.shared1000) == shared - 1).all()
assert len(eval(info.cropBox[0], {"__builtins__": {}})) == 4
full = np.concatenate([subjectim[subject - 1, ordering - 1] - 1])
for r in range(3):
    column = info[f"subject{subject}_rep{r}"].values
    shown = np.flatnonzero(column)
    assert len(shown) == 10000 and (full[column[shown] - 1] == shown).all()
report("columns of nsd_stim_info_merged.csv", info.shape[1])

# --- behaviour
responses = pd.read_csv(f"{root}/nsddata/ppdata/{sub}/behav/responses.tsv", sep="\t")
assert responses.shape == (trials, 19) and (responses["73KID"].values == nsd_id + 1).all() and (responses["10KID"].values == ordering[:trials]).all()
assert (responses.SESSION.values == np.arange(trials) // per_session + 1).all()
assert (responses.ISOLD.values == pd.Series(nsd_id).duplicated().values).all()

# --- masks and regions
mask = nib.load(f"{func}/brainmask.nii.gz").get_fdata() > 0
positions = np.array([v["position"] for v in truth["voxels"]])
area = np.array([v["area"] for v in truth["voxels"]])
at = tuple(positions.T)
assert mask[at].all() and len({tuple(p) for p in positions}) == len(positions)
sets = {"face": "floc-faces", "body": "floc-bodies", "place": "floc-places", "word": "floc-words", "early": "prf-visualrois"}
for name, roi_set in sets.items():
    volume = nib.load(f"{func}/roi/{roi_set}.nii.gz").get_fdata()
    ctab = pd.read_csv(f"{root}/nsddata/freesurfer/{sub}/label/{roi_set}.mgz.ctab", sep=" ", header=None, index_col=0)
    assert ctab.loc[0, 1] == "Unknown" and volume.min() == -1 and volume.max() <= ctab.index.max()
    lh, rh = (nib.load(f"{func}/roi/{h}.{roi_set}.nii.gz").get_fdata() for h in ("lh", "rh"))
    assert not ((lh >= 0) & (rh >= 0)).any() and (np.maximum(lh, rh) == volume).all()
    assert set(map(tuple, np.argwhere(volume > 0))) == {tuple(p) for p in positions[area == name]}
    report(f"labels of {roi_set}", {ctab.loc[int(k), 1]: int((volume == k).sum()) for k in np.unique(volume[volume > 0])})
left = np.array([v["prf"]["x"] < 0.5 for v in truth["voxels"]])
angle = nib.load(f"{func}/prf_angle.nii.gz").get_fdata()[at]
assert (left == ((angle > 90) & (angle < 270))).all()

# --- betas: hdf5 (trial, z, y, x), nii.gz (x, y, z, trial), int16 of 300 x percent
z = np.full((trials, len(positions)), np.nan)
for s in range(n_sessions):
    with h5py.File(f"{betas_folder}/betas_session{s + 1:02d}.hdf5") as f:
        stored = f["betas"]
        assert stored.dtype == np.int16 and stored.shape == (per_session, *mask.shape[::-1]) and stored.chunks == (per_session, 1, 1, 1)
        volume = stored[()]
    assert (volume[:, ~mask.T] == 0).all() and volume[:, mask.T].std(0).min() > 0
    for path in glob.glob(f"{betas_folder}/betas_session{s + 1:02d}.nii.gz"):
        image = nib.load(path)
        assert image.get_data_dtype() == np.int16 and (np.asarray(image.dataobj).T == volume).all()
    psc = volume[:, positions[:, 2], positions[:, 1], positions[:, 0]] / 300
    z[s * per_session:(s + 1) * per_session] = (psc - psc.mean(0)) / psc.std(0, ddof=1)
assert np.isfinite(z).all()

# --- ncsnr as NSD computes it
ids = np.unique(nsd_id)
by_image = np.stack([z[nsd_id == i] for i in ids])
v2 = by_image.var(1, ddof=1).mean(0)
ncsnr = np.sqrt(np.maximum(0, 1 - v2)) / np.sqrt(v2)
published = nib.load(f"{betas_folder}/ncsnr.nii.gz").get_fdata()
assert np.isnan(published[~mask]).all() and np.isfinite(published[mask]).all()
assert np.abs(published[at] - ncsnr).max() < 1e-5, np.abs(published[at] - ncsnr).max()
planted = np.array([v["ncsnr"] for v in truth["voxels"]])
if truth["noise"]:
    error = ncsnr - planted
    report("ncsnr: recomputed - planted, mean and sd", (round(error.mean(), 4), round(error.std(), 4)))
    report("correlation of planted and recomputed ncsnr", round(np.corrcoef(planted, ncsnr)[0, 1], 4))
    # the standard error of an ncsnr estimate over n images of three trials is about sqrt((1 + 2 ncsnr^2 + ...) / (2 n))
    assert abs(np.median(error)) < 3 / np.sqrt(len(ids)) and np.abs(error).max() < 12 / np.sqrt(len(ids))
silent = mask.copy()
silent[at] = False
report("median ncsnr of brain voxels without a signal", round(float(np.median(published[silent])), 4))

# --- the planted signal is in the data
signals, images = np.load(f"{truth_folder}/signals.npy"), np.load(f"{truth_folder}/images.npy")
assert (images == ids).all() and signals.shape == (len(ids), len(positions))
ok = signals.std(0) > 0
assert np.abs(signals.mean(0)).max() < 1e-4 and np.abs(signals.std(0)[ok] - 1).max() < 1e-4
means = by_image.mean(1)
r2 = np.array([np.corrcoef(means[:, v], signals[:, v])[0, 1] ** 2 for v in range(len(positions))])
ceiling = planted**2 / (planted**2 + 1 / 3) if truth["noise"] else np.ones(len(planted))
report("median r2 of repeat means with the planted signal / NC", round(float(np.median((r2 / ceiling)[ok])), 4))
assert 0.9 < np.median((r2 / ceiling)[ok]) < 1.1

# --- stimuli
labels = json.load(open(f"{truth_folder}/labels.json"))
with h5py.File(f"{root}/nsddata_stimuli/stimuli/nsd/nsd_stimuli.hdf5") as f:
    brick = f["imgBrick"]
    size = truth["imageSize"]
    assert brick.shape == (73000, size, size, 3) and brick.dtype == np.uint8
    assert brick.id.get_num_chunks() == len(ids)
    pictures = brick[ids[:8]]
    assert (pictures.std((1, 2, 3)) > 5).all()
    hidden = np.setdiff1d(np.arange(73000), ids)[:3]
    assert not brick[hidden].any()
assert {int(k) for k in labels} == set(ids.tolist())

# --- captions and instances
shown = info.loc[ids]
for split in ("train2017", "val2017"):
    captions = json.load(open(f"{root}/coco_anns/captions_{split}.json"))
    instances = json.load(open(f"{root}/coco_anns/instances_{split}.json"))
    expected = set(shown.cocoId[shown.cocoSplit == split])
    assert {i["id"] for i in captions["images"]} == expected and {a["image_id"] for a in captions["annotations"]} == expected
    assert len(captions["annotations"]) == 5 * len(expected) and {a["image_id"] for a in instances["annotations"]} <= expected
print("all checks passed")
