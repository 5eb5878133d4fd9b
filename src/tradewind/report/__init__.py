"""What a search found, told to people: on the terminal and as a page."""

from tradewind.report.numbers import setting
from tradewind.report.page import page
from tradewind.report.sentences import concluded
from tradewind.report.terminal import summary

__all__ = ["concluded", "page", "setting", "summary"]
