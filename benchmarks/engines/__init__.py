"""The same training by each framework: `train(task)` and `evaluate(task)` of every module.

train     trains for all epochs, calls `task.lap()` at the beginning and after each of them, and
          returns the weights and biases, layer by layer
evaluate  the same for the outputs of all rows, without gradients: returns them

A module imports its framework and NumPy, nothing else that takes time.
"""
