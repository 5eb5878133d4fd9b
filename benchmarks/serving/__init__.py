"""Tradewind beside other servers of the same ONNX models, under load and under faults."""
