"""What is derived from the model because nobody said it, told to whoever could say it."""

from tradewind.cli.output import told
from tradewind.data import Dataset, Preprocessing, carried
from tradewind.model import Model


def tell_guess(model: Model, dataset: Dataset, preprocess: str | None) -> None:
    """Note what becomes of raw examples; nothing where the model or the caller says it.

    Args:
        model: the examples are for it, and no bundle says what was done to them.
        dataset: the examples.
        preprocess: as given on the command line.
    """
    steps = dataset.preprocessing
    if not isinstance(steps, Preprocessing) or preprocess is not None or carried(model) is not None:
        return
    told().print(
        f"note: raw examples become raw / {steps.scale:g} in the layout {steps.layout}, with no "
        "mean or deviation; if training did otherwise, say so with --preprocess"
    )
