"""StableHLO, what JAX compiles to, read operator by operator."""
