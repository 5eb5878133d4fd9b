"""OpenVINO's graphs rewritten as ONNX, operator by operator."""

__all__: list[str] = []
