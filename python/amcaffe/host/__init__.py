"""Caffe trees, the toolchains that build them, and the built pycaffe."""
