"""How much carbon dioxide a kilowatt-hour costs, by region."""

import csv
import math
from dataclasses import dataclass
from importlib import resources

from tradewind.errors import SettingError

WORLD = "world"


@dataclass(frozen=True)
class Region:
    """Where electricity comes from."""

    name: str
    g_per_kwh: float  # grams of CO2 equivalents
    source: str


def region_of(text: str) -> Region:
    """Return a region by its code of two or three letters, or grams per kWh as they were given.

    Raises:
        SettingError: it is neither.
    """
    stated = _number(text)
    if stated is not None:
        return Region(f"{stated:g} g/kWh", stated, "as stated")
    for row in _rows():
        if text.strip().lower() in (row["alpha2"].lower(), row["alpha3"].lower()):
            source = f"yearly mean of {row['year']}"
            return Region(row["name"], float(row["g_per_kwh"]), source)
    raise SettingError(
        "--region",
        "the code of a country such as DE or DEU, `world`, or grams per kWh from 0 to 2000",
        repr(text),
        "a number suits a grid or hour of your own.",
    )


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) and 0 <= found <= 2000 else None


def _rows() -> list[dict[str, str]]:
    text = (resources.files(__package__) / "regions.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
