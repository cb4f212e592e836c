"""The four sets of class names that users of fastISM extend.

A name is a Keras class name without its module. The sets are read when a `FastISM` is made:

* a name that is added has that role, where ismc has no rule of its own for the class;
* a name that is added to ``STOP_LAYERS`` is a stop, whatever the other sets say;
* a name that is removed from one of the other three is a stop, unless it is added to another.
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
