"""TensorFlow Lite files, read operator by operator."""

__all__: list[str] = []
