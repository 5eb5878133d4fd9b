"""What a search found, told to people: on the terminal and as a page."""

from tradewind.report.page import page
from tradewind.report.terminal import summary

__all__ = ["page", "summary"]
