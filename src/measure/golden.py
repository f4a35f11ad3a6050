"""Golden figures for metrics.test.ts, made with scikit-learn and scipy:

    pip install scikit-learn scipy && python golden.py > golden.json

The cases come from a linear congruential generator that the test repeats, so only results are stored.
"""

import json
import sys
import warnings

import numpy as np
import scipy
import sklearn
from scipy.stats import binom, binomtest
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    confusion_matrix,
    log_loss,
    precision_recall_fscore_support,
    roc_auc_score,
    roc_curve,
)

warnings.filterwarnings("ignore")


def case(seed, count, size, levels, bonus, absent=None, unpredicted=None):
    """Labels and scores as in metrics.test.ts: integer scores from few levels, so that many tie."""
    state = seed

    def draw(n):
        nonlocal state
        state = (1664525 * state + 1013904223) % 2**32
        return (state >> 8) % n

    labels, scores = [], []
    for _ in range(count):
        label = draw(size)
        if label == absent:
            label = (label + 1) % size
        row = [1 + draw(levels) for _ in range(size)]
        row[label] += bonus
        if unpredicted is not None:
            row[unpredicted] = 0
        labels.append(label)
        scores.append([value / sum(row) for value in row])
    return np.array(labels), np.array(scores)


def figures(labels, scores):
    size = scores.shape[1]
    predicted = scores.argmax(1)
    macro = precision_recall_fscore_support(labels, predicted, average="macro")[:3]
    weighted = precision_recall_fscore_support(labels, predicted, average="weighted")[:3]
    each = precision_recall_fscore_support(labels, predicted, labels=range(size))
    auc, curves = [], []
    for k in range(size):
        truth = labels == k
        if truth.all() or not truth.any():
            auc.append(None)
            curves.append(None)
            continue
        auc.append(roc_auc_score(truth, scores[:, k]))
        fpr, tpr, _ = roc_curve(truth, scores[:, k], drop_intermediate=False)
        curves.append({"points": len(fpr), "fprSum": fpr.sum(), "tprSum": tpr.sum()})
    return {
        "confusion": confusion_matrix(labels, predicted, labels=range(size)).tolist(),
        "accuracy": accuracy_score(labels, predicted),
        "macro": list(macro),
        "weighted": list(weighted),
        "precision": each[0].tolist(),
        "recall": each[1].tolist(),
        "f1": each[2].tolist(),
        "support": each[3].tolist(),
        "auc": auc,
        "roc": curves,
        "logLoss": log_loss(labels, scores, labels=range(size)),
        "brier": brier(labels, scores),
        "ece": calibration(labels, scores)[0],
        "mce": calibration(labels, scores)[1],
        "aurc": aurc(labels, scores),
    }


def brier(labels, scores):
    if scores.shape[1] == 2:  # one column only, and half of the definition
        return 2 * brier_score_loss(labels, scores[:, 1], labels=[0, 1], pos_label=1, scale_by_half=True)
    return brier_score_loss(labels, scores, labels=range(scores.shape[1]), scale_by_half=False)


def calibration(labels, scores, bins=15):
    """ECE and MCE by their definition: bins open below, closed above."""
    confidence, right = scores.max(1), scores.argmax(1) == labels
    edges = np.linspace(0, 1, bins + 1)
    ece, mce = 0.0, 0.0
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            gap = abs(right[inside].mean() - confidence[inside].mean())
            ece += inside.mean() * gap
            mce = max(mce, gap)
    return ece, mce


def aurc(labels, scores):
    """Mean over the images of the risk at the coverage that their confidence sets."""
    confidence, wrong = scores.max(1), scores.argmax(1) != labels
    return float(np.mean([wrong[confidence >= each].mean() for each in confidence]))


CASES = [
    {"seed": 1, "count": 200, "size": 4, "levels": 6, "bonus": 2},
    {"seed": 2, "count": 500, "size": 8, "levels": 3, "bonus": 1},
    {"seed": 3, "count": 60, "size": 3, "levels": 5, "bonus": 2, "absent": 1},
    {"seed": 4, "count": 60, "size": 3, "levels": 5, "bonus": 2, "unpredicted": 2},
    {"seed": 5, "count": 40, "size": 5, "levels": 4, "bonus": 2, "absent": 0, "unpredicted": 0},
    {"seed": 6, "count": 1, "size": 2, "levels": 9, "bonus": 0},
    {"seed": 7, "count": 30, "size": 2, "levels": 1, "bonus": 0},
]
PAIRS = [(0, 0), (1, 0), (0, 5), (3, 3), (12, 4), (6, 15), (70, 41), (480, 560), (2000, 1500)]

json.dump(
    {
        "versions": {"sklearn": sklearn.__version__, "scipy": scipy.__version__, "numpy": np.__version__},
        "cases": [{"case": arguments, "figures": figures(*case(**arguments))} for arguments in CASES],
        "mcnemar": [
            {
                "onlyA": a,
                "onlyB": b,
                "exact": binomtest(a, a + b).pvalue if a + b else 1.0,
                "midP": float(2 * binom.cdf(min(a, b), a + b, 0.5) - binom.pmf(min(a, b), a + b, 0.5)),
            }
            for a, b in PAIRS
        ],
    },
    sys.stdout,
    indent=1,
)
print()
