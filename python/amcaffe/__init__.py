"""Margin-softmax face recognition in Caffe: layers, installer, training, evaluation."""

__version__ = "0.9.0"
