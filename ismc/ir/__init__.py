"""The graph that the passes work on, and the algebra of positions: no TensorFlow here."""
