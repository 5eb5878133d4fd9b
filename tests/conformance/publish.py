"""Writes the page with what came of the standard's own tests.

python -m tests.conformance.publish
"""

from tests.conformance.page import PAGE, page
from tests.conformance.reviewed import load_review
from tests.conformance.running import run_all


def main() -> None:
    """Run everything on every engine, then write the page."""
    PAGE.write_text(page(run_all(), load_review()), encoding="utf-8")


if __name__ == "__main__":
    main()
