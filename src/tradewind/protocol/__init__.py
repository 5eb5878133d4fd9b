"""The Open Inference Protocol as bytes, for who asks and for who answers.

Tensors travel as `binary_tensors`, over REST and over gRPC; `infer_messages` are what gRPC wraps
around them, and `schema` has every other message.
"""

__all__: list[str] = []  # each module is asked for by its own name
