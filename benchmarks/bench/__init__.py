"""What the benchmarks share: the implementations, processes to time them in, and their output."""
