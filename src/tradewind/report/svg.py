"""Elements of SVG in which all text and all attributes are escaped."""

import unicodedata

from markupsafe import Markup, escape

Number = float | int


def element(tag: str, *children: str, **attributes: str | Number) -> Markup:
    """Return one element.

    Args:
        tag: its name.
        children: escaped unless they are Markup already.
        attributes: `class_` stands for class, underscores for hyphens; numbers are rounded.
    """
    written = Markup("").join(
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), _value(value))
        for name, value in attributes.items()
    )
    inside = Markup("").join(escape(child) for child in children)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(tag), written, inside)


def picture(name: str, title: str, desc: str, size: tuple[Number, Number], *parts: str) -> Markup:
    """Return a whole picture that a screen reader can announce.

    Args:
        name: unique on the page; begins the ids that its title and description need.
        title: what it is.
        desc: what it shows.
        size: width and height of the view box.
        parts: what is drawn, first at the bottom.
    """
    width, height = size
    return element(
        "svg",
        element("title", title, id=f"{name}-title"),
        element("desc", desc, id=f"{name}-desc"),
        *parts,
        viewBox=f"0 0 {_value(width)} {_value(height)}",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
    )


def text_width(text: str, font_px: float) -> float:
    """Return about how wide a text is, rather too wide than too narrow."""
    return sum(_em(character) for character in text) * font_px


def shortened(text: str, width: float, font_px: float) -> str:
    """Return a text with its middle left out where it is wider than `width`."""
    if text_width(text, font_px) <= width:
        return text
    keep = len(text) - 1
    while keep > 2 and text_width(_without_middle(text, keep), font_px) > width:
        keep -= 1
    return _without_middle(text, keep)


def _without_middle(text: str, keep: int) -> str:
    return f"{text[: (keep + 1) // 2]}…{text[len(text) - keep // 2 :]}"


def _em(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return 1.05
    if character in "iljtf.,:;|!'-()[] ":
        return 0.42
    return 0.98 if character in "mwMW@%…" else 0.66


def _value(value: str | Number) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
