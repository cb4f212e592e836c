"""The four sets of layer class names that users of fastISM extend.

A name is a Keras class name without its module. `FastISM` reads the sets when it is created:

* A name added to a set gives the class that role, unless ismc has a rule for the class.
* A name added to ``STOP_LAYERS`` makes the class a stop, regardless of the other sets.
* A name removed from one of the other three sets makes the class a stop, unless it is added to
  another set.
"""

from __future__ import annotations

SEE_THROUGH_LAYERS: set[str] = {
    "Activation",
    "ActivityRegularization",
    "AlphaDropout",
    "BatchNormalization",
    "Dropout",
    "ELU",
    "GaussianDropout",
    "GaussianNoise",
    "Identity",
    "LayerNormalization",
    "LeakyReLU",
    "PReLU",
    "ReLU",
    "Softmax",
    "SpatialDropout1D",
}
AGGREGATE_LAYERS: set[str] = {
    "Add",
    "Average",
    "Concatenate",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
}
STOP_LAYERS: set[str] = {
    "AdditiveAttention",
    "Attention",
    "Bidirectional",
    "Dense",
    "Flatten",
    "GRU",
    "GlobalAveragePooling1D",
    "GlobalMaxPooling1D",
    "LSTM",
    "MultiHeadAttention",
    "Permute",
    "Reshape",
    "SimpleRNN",
}
POOLING_LAYERS: set[str] = {"AveragePooling1D", "MaxPooling1D"}
