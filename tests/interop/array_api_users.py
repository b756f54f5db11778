"""Calls of SciPy and scikit-learn on arrays and on tensors, which must agree.

A script, since both read the environment when they are imported: SCIPY_ARRAY_API=1 in front of
`python array_api_users.py scipy` prints, as JSON, what went wrong for each call ("" where nothing).
With the array API on, they compute with the functions of `nnx` and give tensors back.
"""

from __future__ import annotations

import importlib
import json
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import nnx
import numpy as np

Convert = Callable[[np.ndarray], Any]
Call = Callable[[Convert], Any]

RNG = np.random.default_rng(0)
X = np.abs(RNG.standard_normal(50)) + 0.1
Y = X * 2 + RNG.standard_normal(50) * 0.1
U = RNG.random(50) * 0.9 + 0.05
M = RNG.standard_normal((20, 3))
UP = np.sort(X)


def names(text: str) -> list[str]:
    return text.split()


def of(module: str, name: str, *arrays: np.ndarray, **more: Any) -> Call:
    """module.name(*arrays)."""

    def call(f: Convert) -> Any:
        return getattr(importlib.import_module(module), name)(*map(f, arrays), **more)

    return call


def scipy_calls() -> dict[str, Call]:
    calls: dict[str, Call] = {}
    one = "erf erfc expit gammaln digamma entr ndtr log_ndtr j0 i0 logsumexp softmax log_softmax"
    for name in names(one):
        calls[f"special.{name}"] = of("scipy.special", name, X)
    for name in ("logit", "ndtri"):
        calls[f"special.{name}"] = of("scipy.special", name, U)
    for name in ("xlogy", "rel_entr", "gammainc", "gammaincc", "chdtr"):
        calls[f"special.{name}"] = of("scipy.special", name, X, U)
    calls["special.betainc"] = of("scipy.special", "betainc", X, Y, U)

    one = (
        "zscore skew kurtosis moment gmean hmean sem variation tmean tvar tstd iqr rankdata "
        "circmean circvar kstat differential_entropy entropy chisquare power_divergence"
    )
    for name in names(one):
        calls[f"stats.{name}"] = of("scipy.stats", name, X)
    calls["stats.pmean"] = of("scipy.stats", "pmean", X, p=2)
    calls["stats.trim_mean"] = of("scipy.stats", "trim_mean", X, proportiontocut=0.1)
    calls["stats.quantile"] = of("scipy.stats", "quantile", X, p=0.3)
    calls["stats.boxcox_llf"] = lambda f: importlib.import_module("scipy.stats").boxcox_llf(
        0.5, f(X)
    )
    for name in ("skewtest", "kurtosistest", "normaltest", "jarque_bera"):
        calls[f"stats.{name}"] = of("scipy.stats", name, X)
    calls["stats.ttest_1samp"] = of("scipy.stats", "ttest_1samp", X, popmean=1.0)
    for name in ("ttest_ind", "ttest_rel", "bartlett", "pearsonr", "spearmanr", "mannwhitneyu"):
        calls[f"stats.{name}"] = of("scipy.stats", name, X, Y)
    for name in ("wilcoxon", "linregress", "zmap", "f_oneway"):
        calls[f"stats.{name}"] = of("scipy.stats", name, X, Y)
    calls["stats.describe"] = lambda f: of("scipy.stats", "describe", X)(f).variance
    calls["stats.combine_pvalues"] = of("scipy.stats", "combine_pvalues", U)

    for name in ("convolve", "correlate"):
        calls[f"signal.{name}"] = of("scipy.signal", name, X, U)
    calls["signal.detrend"] = of("scipy.signal", "detrend", X)
    calls["signal.medfilt"] = of("scipy.signal", "medfilt", X)
    calls["signal.savgol_filter"] = of(
        "scipy.signal", "savgol_filter", X, window_length=7, polyorder=2
    )
    calls["signal.lfilter"] = of("scipy.signal", "lfilter", U[:3], np.array([1.0, 0.5]), X)
    calls["fft.dct"] = of("scipy.fft", "dct", X)

    calls["ndimage.gaussian_filter"] = of("scipy.ndimage", "gaussian_filter", M, sigma=1.0)
    calls["ndimage.uniform_filter"] = of("scipy.ndimage", "uniform_filter", M, size=3)
    calls["ndimage.sobel"] = of("scipy.ndimage", "sobel", M)
    calls["ndimage.rotate"] = of("scipy.ndimage", "rotate", M, angle=30.0)
    calls["ndimage.label"] = of("scipy.ndimage", "label", M > 0)

    calls["cluster.whiten"] = of("scipy.cluster.vq", "whiten", M)
    calls["cluster.vq"] = of("scipy.cluster.vq", "vq", M, M[:3])
    calls["cluster.linkage"] = of("scipy.cluster.hierarchy", "linkage", M)
    calls["optimize.rosen"] = of("scipy.optimize", "rosen", X)
    calls["integrate.trapezoid"] = of("scipy.integrate", "trapezoid", Y, UP)
    calls["integrate.simpson"] = lambda f: of("scipy.integrate", "simpson", Y, x=f(UP))(f)
    calls["integrate.cumulative_trapezoid"] = of("scipy.integrate", "cumulative_trapezoid", Y)
    calls["differentiate.derivative"] = lambda f: importlib.import_module(
        "scipy.differentiate"
    ).derivative(lambda v: v**3, f(X))
    calls["interpolate.PchipInterpolator"] = lambda f: importlib.import_module(
        "scipy.interpolate"
    ).PchipInterpolator(f(UP), f(Y))(f(U))
    calls["interpolate.make_interp_spline"] = lambda f: importlib.import_module(
        "scipy.interpolate"
    ).make_interp_spline(f(UP), f(Y))(f(U))
    calls["spatial.Rotation"] = lambda f: (
        importlib.import_module("scipy.spatial.transform").Rotation.from_rotvec(f(M[0])).as_matrix()
    )
    for name in ("inv", "det", "svdvals", "expm"):
        calls[f"linalg.{name}"] = of("scipy.linalg", name, M[:3])
    calls["linalg.solve"] = of("scipy.linalg", "solve", M[:3], M[0])
    calls["spatial.cdist"] = of("scipy.spatial.distance", "cdist", M, M)
    return calls


CLASSES, GUESSES = RNG.integers(0, 3, 60), RNG.integers(0, 3, 60)
TRUE, SHARE = (CLASSES > 0).astype(int), RNG.random(60) * 0.9 + 0.05
R, S = RNG.random(60) + 0.1, RNG.random(60) + 0.1
P3 = RNG.dirichlet(np.ones(3), 60)
A, B = RNG.random((60, 4)), RNG.random((30, 4))


def fitted(module: str, name: str, *data: np.ndarray, then: str = "transform", **more: Any) -> Call:
    """The class fitted to the data, then applied to the first of it."""

    def call(f: Convert) -> Any:
        model = getattr(importlib.import_module(f"sklearn.{module}"), name)(**more)
        return getattr(model.fit(*map(f, data)), then)(f(data[0]))

    return call


def sklearn_calls() -> dict[str, Call]:
    calls: dict[str, Call] = {}
    metrics, pairwise = "sklearn.metrics", "sklearn.metrics.pairwise"
    for name in names(
        "accuracy_score zero_one_loss balanced_accuracy_score cohen_kappa_score hamming_loss "
        "matthews_corrcoef confusion_matrix multilabel_confusion_matrix"
    ):
        calls[name] = of(metrics, name, CLASSES, GUESSES)
    for name in names("f1_score precision_score recall_score jaccard_score"):
        calls[name] = of(metrics, name, CLASSES, GUESSES, average="macro")
    for name in names(
        "r2_score mean_squared_error root_mean_squared_error mean_absolute_error max_error "
        "mean_squared_log_error median_absolute_error mean_absolute_percentage_error "
        "explained_variance_score mean_poisson_deviance mean_gamma_deviance mean_pinball_loss "
        "d2_tweedie_score d2_absolute_error_score"
    ):
        calls[name] = of(metrics, name, R, S)
    for name in names(
        "roc_auc_score average_precision_score brier_score_loss log_loss roc_curve "
        "precision_recall_curve"
    ):
        calls[name] = of(metrics, name, TRUE, SHARE)
    calls["log_loss of three classes"] = of(metrics, "log_loss", CLASSES, P3)
    for name in names(
        "cosine_similarity euclidean_distances linear_kernel rbf_kernel laplacian_kernel "
        "polynomial_kernel sigmoid_kernel cosine_distances manhattan_distances chi2_kernel"
    ):
        calls[name] = of(pairwise, name, A, B)
    for name in names(
        "StandardScaler MinMaxScaler MaxAbsScaler Normalizer Binarizer PolynomialFeatures "
        "RobustScaler"
    ):
        calls[name] = fitted("preprocessing", name, A)
    calls["LabelEncoder"] = fitted("preprocessing", "LabelEncoder", CLASSES)
    calls["PCA"] = lambda f: np.abs(
        np.asarray(fitted("decomposition", "PCA", A, n_components=2, svd_solver="full")(f))
    )
    calls["Ridge"] = fitted("linear_model", "Ridge", A, R, then="predict", solver="svd")
    calls["LinearRegression"] = fitted("linear_model", "LinearRegression", A, R, then="predict")
    calls["LogisticRegression"] = fitted(
        "linear_model", "LogisticRegression", A, TRUE, then="predict"
    )
    calls["GaussianNB"] = fitted("naive_bayes", "GaussianNB", A, CLASSES, then="predict")
    calls["LinearDiscriminantAnalysis"] = fitted(
        "discriminant_analysis", "LinearDiscriminantAnalysis", A, TRUE, then="predict"
    )
    calls["train_test_split"] = of("sklearn.model_selection", "train_test_split", A, random_state=0)
    return calls


PLAIN = {  # they know arrays alone, and take tensors as such
    "RandomForestClassifier": fitted(
        "ensemble", "RandomForestClassifier", A, CLASSES, then="predict", random_state=0
    ),
    "KNeighborsClassifier": fitted("neighbors", "KNeighborsClassifier", A, CLASSES, then="predict"),
    "SVC": fitted("svm", "SVC", A, CLASSES, then="predict"),
    "KMeans": fitted("cluster", "KMeans", A, then="predict", n_clusters=3, random_state=0),
}


def parts(result: Any) -> list[np.ndarray]:
    several = isinstance(result, (tuple, list)) or hasattr(result, "_fields")
    fields = list(result) if several else [result]
    for name in ("statistic", "pvalue", "df", "slope"):
        if not several and hasattr(result, name):
            fields = [getattr(result, name)]
            break
    return [np.asarray(part) for part in fields]


def disagreement(call: Call) -> str:
    try:
        ours, theirs = parts(call(nnx.asarray)), parts(call(np.asarray))
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:300]} ({last.name}:{last.lineno})"
    return ""


def main(library: str) -> None:
    warnings.simplefilter("ignore")
    if library == "scipy":
        calls = scipy_calls()
    else:
        sklearn = importlib.import_module("sklearn")
        sklearn.set_config(array_api_dispatch=library == "sklearn")
        calls = sklearn_calls() if library == "sklearn" else PLAIN
    print(json.dumps({name: disagreement(call) for name, call in calls.items()}))


if __name__ == "__main__":
    main(sys.argv[1])
