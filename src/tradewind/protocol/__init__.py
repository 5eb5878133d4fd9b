"""The Open Inference Protocol as bytes, for who asks and for who answers.

Tensors travel as `binary_tensors`, over REST and over gRPC; `infer_messages` are what gRPC wraps
around them, and `schema` has every other message.
"""
