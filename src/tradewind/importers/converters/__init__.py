"""Scripts that run in the environments of other frameworks; none imports Tradewind."""

__all__: list[str] = []
