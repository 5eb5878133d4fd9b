"""The table itself."""

import numpy as np
from tests.cases import networks, oddities, trees
from tests.cases.building import normal
from tests.cases.case import Case

from tradewind.engines import ENGINES, OneDAL, OnnxRuntime

OF_TREES = tuple(kind for kind in ENGINES if kind in (OnnxRuntime, OneDAL))
"""The engines that run trees, of those that are installed."""

DENSE = Case("dense", networks.dense, lambda random, n: {"x": normal(random, n, 16)})
"""The plainest one, for tests that need any model."""

CASES: tuple[Case, ...] = (
    DENSE,
    Case(
        "fixed_batch_of_4", networks.matmul, lambda random, n: {"x": normal(random, n, 16)}, fixed=4
    ),
    Case("residual", networks.residual, lambda random, n: {"image": normal(random, n, 3, 10, 10)}),
    Case(
        "depthwise",
        networks.depthwise,
        lambda random, n: {"image": normal(random, n, 3, 9, 9)},
        fixed=1,
    ),
    Case("attention", networks.attention, lambda random, n: {"x": normal(random, n, 6, 8)}),
    Case("lstm", networks.lstm, lambda random, n: {"x": normal(random, n, 5, 4)}),
    Case("several", oddities.several, oddities.draw_several),
    Case(
        "pixels",
        oddities.pixels,
        lambda random, n: {"image": random.integers(0, 256, (n, 6, 6, 3)).astype(np.uint8)},
    ),
    Case(
        "embedding",
        networks.embedding,
        lambda random, n: {"tokens": random.integers(0, 50, (n, 7))},
    ),
    Case("low_rank", networks.low_rank, lambda random, n: {"x": normal(random, n, 16)}),
    Case("opset11", oddities.opset11, lambda random, n: {"image": normal(random, n, 1, 6, 6)}),
    Case("listed_weights", oddities.listed, lambda random, n: {"x": normal(random, n, 16)}),
    Case("score", networks.score, lambda random, n: {"x": normal(random, n, 6)}),
    Case(
        "half",
        oddities.half,
        lambda random, n: {"x": normal(random, n, 8).astype(np.float16)},
        tolerance=5e-3,  # fp16 keeps 11 bits: 5e-4 for each of a few roundings
    ),
    Case(
        "pooled",
        oddities.pooled,
        lambda random, n: {"x": normal(random, n, 6, 8)},
        # where sums differ by rounding, a value may fall on the next of 255 steps
        tolerance=2e-2,
    ),
    Case("double", oddities.double, lambda random, n: {"x": random.standard_normal((n, 8))}),
    Case("through", oddities.through, oddities.draw_through),
    Case("branch", oddities.branch, oddities.draw_branch),
    Case("encoder", oddities.encoder, oddities.draw_words, engines=(OnnxRuntime,)),
    Case(
        "tree", oddities.tree, lambda random, n: {"x": normal(random, n, 3)}, engines=(OnnxRuntime,)
    ),
    Case(
        "forest",
        trees.forest,
        lambda random, n: {"input": normal(random, n, 4)},
        engines=OF_TREES,
    ),
    Case(
        "boosted_classes",
        trees.boosted_classes,
        trees.draw_columns,
        engines=OF_TREES,
    ),
)
"""Every model; a new one is tried on every engine, pass and runner by being added."""
