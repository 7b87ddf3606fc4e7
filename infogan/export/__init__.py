"""Models for other programs: ONNX, a model-hub folder, and the explorer's page as a static site."""
