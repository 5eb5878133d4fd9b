"""The shapes that stand for variants, told apart without colours."""

from markupsafe import Markup

from tradewind.report.standing import Role
from tradewind.report.svg import element

RADIUS = 6.0

MEANINGS: dict[Role, str] = {
    "chosen": "chosen",
    "original": "the original",
    "certified": "certified",
    "other": "not certified",
}


def mark(role: Role, x: float, y: float, tip: str = "") -> Markup:
    """Return the shape of a role around a point, with a tooltip."""
    inside = [element("title", tip)] if tip else []
    if role == "original":
        side = RADIUS * 1.7
        return element(
            "rect",
            *inside,
            x=x - side / 2,
            y=y - side / 2,
            width=side,
            height=side,
            class_="mark original",
        )
    if role == "chosen":
        reach = RADIUS * 1.45
        points = ((x, y - reach), (x + reach, y), (x, y + reach), (x - reach, y))
        path = " ".join(f"{a:.2f},{b:.2f}" for a, b in points)
        return element("polygon", *inside, points=path, class_="mark chosen")
    radius = RADIUS if role == "certified" else RADIUS * 0.8
    return element("circle", *inside, cx=x, cy=y, r=radius, class_=f"mark {role}")
