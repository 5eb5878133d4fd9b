"""The tests that the ONNX package ships, run through Tradewind on every engine."""
