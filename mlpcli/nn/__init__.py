"""The mathematics, in NumPy alone: every array is (..., rows, columns), leading axes are lanes."""
