"""Golden figures for confident-learning.test.ts, made with cleanlab:

    pip install cleanlab && python label-golden.py > label-golden.json

The cases come from a linear congruential generator that the test repeats, so only results are stored.
"""

import json
import sys

import cleanlab
import numpy as np
from cleanlab.count import compute_confident_joint
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores


def case(seed, count, size, bonus, wrong):
    """Labels and scores as in the test: of `wrong` in a hundred images the label is drawn anew."""
    state = seed

    def draw(n):
        nonlocal state
        state = (1664525 * state + 1013904223) % 2**32
        return (state >> 8) % n

    labels, scores = [], []
    for _ in range(count):
        truth = draw(size)
        row = [1 + draw(100003) for _ in range(size)]
        row[truth] += bonus * (1 + draw(100003))
        label = draw(size) if draw(100) < wrong else truth
        labels.append(label)
        scores.append([value / sum(row) for value in row])
    return np.array(labels), np.array(scores)


def figures(labels, scores):
    quality = {
        name: get_label_quality_scores(labels, scores, method=name, adjust_pred_probs=False)
        for name in ("self_confidence", "normalized_margin", "confidence_weighted_entropy")
    }
    issues = {
        name: np.flatnonzero(find_label_issues(labels, scores, filter_by=name, n_jobs=1)).tolist()
        for name in ("prune_by_noise_rate", "prune_by_class", "both")
    }
    return {
        "sums": {name: float(values.sum()) for name, values in quality.items()},
        "first": {name: values[:5].tolist() for name, values in quality.items()},
        "joint": compute_confident_joint(labels, scores, calibrate=False).tolist(),
        "calibrated": compute_confident_joint(labels, scores).tolist(),
        "issues": issues,
    }


CASES = [
    {"seed": 13, "count": 400, "size": 4, "bonus": 3, "wrong": 10},
    {"seed": 2, "count": 600, "size": 8, "bonus": 8, "wrong": 5},
    {"seed": 3, "count": 300, "size": 3, "bonus": 2, "wrong": 30},
    {"seed": 4, "count": 200, "size": 2, "bonus": 4, "wrong": 15},
    {"seed": 5, "count": 60, "size": 5, "bonus": 6, "wrong": 20},
    {"seed": 6, "count": 250, "size": 6, "bonus": 5, "wrong": 0},
]

json.dump(
    {
        "versions": {"cleanlab": cleanlab.__version__, "numpy": np.__version__},
        "cases": [{"case": arguments, "figures": figures(*case(**arguments))} for arguments in CASES],
    },
    sys.stdout,
)
print()
