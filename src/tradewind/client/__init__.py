"""Asking servers: HTTP or gRPC, waiting or asynchronous, arrays in and arrays out."""

from tradewind.client.async_client import AsyncClient
from tradewind.client.client import Client
from tradewind.client.errors import Refused, Unanswered
from tradewind.client.retrying import Retries

__all__ = ["AsyncClient", "Client", "Refused", "Retries", "Unanswered"]
