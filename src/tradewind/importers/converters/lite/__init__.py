"""TensorFlow Lite files, read operator by operator."""
