"""An ONNX graph run as a torch module."""
