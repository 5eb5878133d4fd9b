"""OpenVINO's graphs rewritten as ONNX, operator by operator."""
