"""One ridge fit by a peer, in a process of its own: python ridge.py PEER FOLDER THREADS. Reads what bench/ridge.mjs wrote, prints one line of JSON.
PEER: himalaya-numpy, himalaya-torch, himalaya-kernel-torch (KernelRidgeCV, linear kernel), sklearn-loo (RidgeCV, leave-one-out: another criterion)."""
import json, os, resource, sys, time

peer, folder, threads = sys.argv[1], sys.argv[2], sys.argv[3]
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = threads
import numpy as np

task = json.load(open(os.path.join(folder, "task.json")))
load = lambda name: np.load(os.path.join(folder, name + ".npy"))
x, y, folds = load("x"), load("y"), load("folds")
alphas = np.array(task["alphas"], "float32")
rows = np.arange(len(x))
splits = [(rows[folds != f], rows[folds == f]) for f in range(folds.max() + 1)]
versions = {"numpy": np.__version__}

if peer.startswith("himalaya"):
    import himalaya
    from himalaya.backend import set_backend
    versions["himalaya"] = himalaya.__version__
    backend = set_backend("torch" if peer.endswith("torch") else "numpy")
    if peer.endswith("torch"):
        import torch
        torch.set_num_threads(int(threads))
        versions["torch"] = torch.__version__
        splits = [(torch.from_numpy(a), torch.from_numpy(b)) for a, b in splits]
        x, y = torch.from_numpy(x), torch.from_numpy(y)
    options = dict(alphas=alphas, cv=splits)
    if "kernel" in peer:
        from himalaya.kernel_ridge import KernelRidgeCV
        model = KernelRidgeCV(kernel="linear", fit_intercept=True, **options)
    else:
        from himalaya.ridge import RidgeCV
        model = RidgeCV(fit_intercept=True, **options)
    fit = lambda: model.fit(x, y)
    chosen = lambda: backend.to_numpy(model.best_alphas_)
    weights = lambda: (backend.to_numpy(model.get_primal_coef() if "kernel" in peer else model.coef_), backend.to_numpy(model.intercept_))
else:
    import sklearn
    from sklearn.linear_model import RidgeCV
    versions["scikit-learn"] = sklearn.__version__
    model = RidgeCV(alphas=alphas, alpha_per_target=True)
    fit = lambda: model.fit(x, y)
    chosen = lambda: model.alpha_
    weights = lambda: (model.coef_.T, model.intercept_)

began, cpu = time.perf_counter(), time.process_time()
fit()
seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
xt, yt = load("x_test"), load("y_test")
w, b = weights()
r2 = np.empty(yt.shape[1], "float64")
for i in range(0, len(r2), 1024):
    part = slice(i, i + 1024)
    t = yt[:, part].astype("float64")
    r2[part] = 1 - ((t - (xt @ w[:, part] + b[part])) ** 2).sum(0) / ((t - t.mean(0)) ** 2).sum(0)
np.save(os.path.join(folder, f"alpha.{peer}.npy"), np.asarray(chosen(), "float64"))
np.save(os.path.join(folder, f"r2.{peer}.npy"), r2)
print(json.dumps({"seconds": seconds, "cpuSeconds": cpu_seconds, "peakMiB": peak, "versions": versions}))
