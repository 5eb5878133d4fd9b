"""Coverage-guided bytes for one target; runs in an environment with atheris.

Arguments: the name of the target, then those of libFuzzer.
"""

# mypy: ignore-errors
# what it imports is not installed where the checker runs

import sys

import atheris

with atheris.instrument_imports(
    include=["tradewind.serve", "tradewind.data.pictures", "tradewind.protocol"]
):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Feed the target until the time is over, or until it breaks."""
    name = sys.argv.pop(1)
    [target] = [one for one in TARGETS if one.__name__ == name]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
