"""Protocols: pure functions from features and labels to results that own their rules in words.

NumPy only: no caffe, no cv2, no files. A protocol is a module with a function that returns a
result; the result has `rules`, sentences that say what was compared, and `figures()`, the plain
numbers of a report.json. verification.py is the one to imitate.
"""
