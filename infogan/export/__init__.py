"""Exports a run: as ONNX graphs, as a Hugging Face model folder, and as a static web page."""
