"""The graph that the passes rewrite, and the algebra of positions; neither needs TensorFlow."""
