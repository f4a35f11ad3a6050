"""How many planted label errors `soma review` finds, beside cleanlab on the same probabilities:

    soma data flip cells/ --share 0.05 --log flips.jsonl
    soma review cnn-stride2 --data cells/ --folds 3 --pool train --labels flips.jsonl --out review
    pip install cleanlab && python bench/peers/label_review.py review flips.jsonl

Soma's lists and scores are those of review.csv; cleanlab's are made here from predictions.csv.
"""

import csv
import json
import sys
from pathlib import Path

import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores


def average_precision(wrong, scores):
    """Precision at each wrong label, lowest score first, and its mean."""
    hits = wrong[np.argsort(scores, kind="stable")]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return precision[hits].mean()


def main(folder, log):
    with open(log) as lines:
        flipped = {json.loads(line)["image"] for line in lines if line.strip()}
    with open(Path(folder, "predictions.csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    classes = [column[2:] for column in rows[0] if column.startswith("p_")]
    labels = np.array([classes.index(row["label"]) for row in rows])
    scores = np.array([[float(row[f"p_{name}"]) for name in classes] for row in rows])
    with open(Path(folder, "review.csv"), newline="") as file:
        review = {row["image"]: row for row in csv.DictReader(file)}
    ours = [review[row["name"]] for row in rows]
    wrong = np.array([row["name"] in flipped for row in rows])
    print(f"{wrong.sum()} of {len(wrong)} labels are wrong on purpose")

    def show(name, listed):
        found = (listed & wrong).sum()
        print(f"{name:44} listed {listed.sum():5}  precision {found / listed.sum():.4f}  recall {found / wrong.sum():.4f}")

    columns = {"prune_by_noise_rate": ["by_noise_rate"], "prune_by_class": ["by_class"], "both": ["by_noise_rate", "by_class"]}
    for rule, names in columns.items():
        mine = np.array([all(row[name] == "1" for name in names) for row in ours])
        theirs = find_label_issues(labels, scores, filter_by=rule, n_jobs=1)
        show(f"soma      {rule}", mine)
        show(f"cleanlab  {rule}", theirs)
        print(f"{'':10}listed by one of the two only: {(mine != theirs).sum()}")
    show("prediction differs from label", scores.argmax(1) != labels)
    for score in ("self_confidence", "normalized_margin", "confidence_weighted_entropy"):
        mine = np.array([float(row[score]) for row in ours])
        theirs = get_label_quality_scores(labels, scores, method=score, adjust_pred_probs=False)
        print(
            f"{score:44} average precision: soma {average_precision(wrong, mine):.4f}, "
            f"cleanlab {average_precision(wrong, theirs):.4f}; largest difference {np.abs(mine - theirs).max():.1e}"
        )


main(*sys.argv[1:])
