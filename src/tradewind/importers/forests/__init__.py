"""Ensembles of decision trees: read from files of their own format, written as ONNX."""
