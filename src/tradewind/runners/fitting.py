"""Confidence rules fitted to answers, without labels: what counts is the original's answer."""

import numpy as np

from tradewind.runners.confidence import (
    AgreementPredictor,
    Margin,
    Scores,
    sigmoid,
    softmax,
    traits,
)
from tradewind.tensors import Array

_LEAST_T, _MOST_T = 0.05, 20.0
_STEPS = 60
_CLOSE_ENOUGH = 1e-9
_RIDGE = 1e-2  # keeps weights finite where a threshold separates perfectly


def fit_margin(scores: Scores, logits: Array, wanted: Array) -> Margin:
    """Return the margin rule whose temperature makes a stage's probabilities most truthful.

    Args:
        scores: where the stage puts its scores.
        logits: float64[n, classes], the stage's.
        wanted: int64[n], the class that the original names for the same examples.

    Returns:
        The rule with a threshold of 1, which hardly any answer reaches.
    """
    return Margin(scores, 1.0, fit_temperature(logits, wanted))


def fit_temperature(logits: Array, wanted: Array) -> float:
    """Return the T for which softmax(logits / T) makes the wanted classes likeliest.

    The negative log-likelihood is convex in 1 / T, so that Newton's steps inside a shrinking
    bracket find its least value, from 0.05 to 20.

    Args:
        logits: float64[n, classes].
        wanted: int64[n].

    Source: Guo et al., On calibration of modern neural networks, ICML 2017.
    """
    centred = logits - logits.max(axis=1, keepdims=True)
    reached = centred[np.arange(len(wanted)), wanted]
    low, high = 1.0 / _MOST_T, 1.0 / _LEAST_T
    beta = 1.0
    for _ in range(_STEPS):
        shares = softmax(centred * beta)
        mean = (shares * centred).sum(axis=1)
        slope = float((mean - reached).mean())
        bend = float(((shares * centred**2).sum(axis=1) - mean**2).mean())
        low, high = (low, beta) if slope > 0 else (beta, high)
        step = beta - slope / bend if bend > 0 else np.inf
        # outside the bracket Newton's step is no good; half of it always is
        step = step if low < step < high else (low + high) / 2
        if abs(step - beta) < _CLOSE_ENOUGH:
            break
        beta = step
    return float(1.0 / beta)


def fit_agreement(scores: Scores, logits: Array, agrees: Array) -> AgreementPredictor:
    """Return the rule that predicts best whether the original answers alike.

    A logistic regression by Newton's method, with a small ridge on standardized traits.

    Args:
        scores: where the stage puts its scores.
        logits: float64[n, classes], the stage's.
        agrees: bool[n], whether the original names the same class.

    Returns:
        The rule with a threshold of 1, which no answer reaches.
    """
    found = traits(logits)
    centre, scale = found.mean(axis=0), np.maximum(found.std(axis=0), 1e-9)
    design = np.concatenate([np.ones((len(found), 1)), (found - centre) / scale], axis=1)
    weights = _logistic(design, agrees.astype(np.float64))
    slopes = weights[1:] / scale
    bias = float(weights[0] - slopes @ centre)
    return AgreementPredictor(scores, 1.0, tuple(slopes.tolist()), bias)


def _logistic(design: Array, target: Array) -> Array:
    """Return the ridge solution, float64[columns], by Newton's method with halved steps."""
    penalty = np.full(design.shape[1], _RIDGE * len(design) / 100)
    weights = np.zeros(design.shape[1])
    loss = _loss(design, target, penalty, weights)
    for _ in range(_STEPS):
        shares = sigmoid(design @ weights)
        slope = design.T @ (shares - target) + penalty * weights
        bend = (design * (shares * (1 - shares))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(bend, slope)
        for _ in range(30):
            lower = _loss(design, target, penalty, weights - step)
            if lower <= loss:
                break
            step = step / 2
        if loss - lower < _CLOSE_ENOUGH * max(1.0, loss):
            break
        weights, loss = weights - step, lower
    return weights


def _loss(design: Array, target: Array, penalty: Array, weights: Array) -> float:
    logits = design @ weights
    likelihood = (target * logits - np.logaddexp(0.0, logits)).sum()
    return float((penalty * weights**2).sum() / 2 - likelihood)
