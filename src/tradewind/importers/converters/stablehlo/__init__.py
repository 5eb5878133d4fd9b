"""StableHLO, what JAX compiles to, read operator by operator."""

__all__: list[str] = []
