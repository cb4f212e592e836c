"""Architectures of current toolkits, scaled down: even kernels, recurrence, squeeze-excite."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from tests.zoo.weights import scaled


def danq(length: int = 1000, width: float = 1.0) -> keras.Model:
    """DanQ (Quang 2016): a bidirectional LSTM in the middle; to ``[B, 919]``."""
    x = sequence = keras.Input((length, 4), name="sequence")
    x = layers.Conv1D(scaled(320, width), 26, activation="relu")(x)
    x = layers.Dropout(0.2)(layers.MaxPooling1D(13)(x))
    x = layers.Bidirectional(layers.LSTM(scaled(320, width), return_sequences=True))(x)
    x = layers.Flatten()(layers.Dropout(0.5)(x))
    x = layers.Dense(scaled(925, width), activation="relu")(x)
    return keras.Model(sequence, layers.Dense(scaled(919, width), "sigmoid")(x), name="danq")


def topic_lstm(length: int = 500, width: float = 1.0) -> keras.Model:
    """A topic model: overlapping pooling, TimeDistributed Dense, LSTM; to ``[B, 24]``."""
    x = sequence = keras.Input((length, 4), name="sequence")
    x = layers.Conv1D(scaled(300, width), 30, activation="relu")(x)
    x = layers.Dropout(0.3)(layers.MaxPooling1D(15, strides=5)(x))
    x = layers.TimeDistributed(layers.Dense(scaled(128, width), activation="relu"))(x)
    x = layers.Bidirectional(layers.LSTM(scaled(128, width)))(x)
    return keras.Model(sequence, layers.Dense(24, "sigmoid")(x), name="topic_lstm")


def topic_cnn(length: int = 500, width: float = 1.0) -> keras.Model:
    """A topic model: residual blocks, even kernels, same pooling, gelu; to ``[B, 24]``."""
    channels = scaled(256, width)
    x = sequence = keras.Input((length, 4), name="sequence")
    x = layers.Conv1D(channels, 18, padding="same")(x)
    x = layers.Activation("gelu")(layers.BatchNormalization()(x))
    for _ in range(2):
        x = layers.MaxPooling1D(4, padding="same")(x)
        y = layers.Conv1D(channels, 10, padding="same")(x)
        y = layers.Activation("gelu")(layers.BatchNormalization()(y))
        x = layers.Add()([x, y])
    x = layers.Dense(scaled(512, width), activation="gelu")(layers.Flatten()(x))
    return keras.Model(sequence, layers.Dense(24, "sigmoid")(x), name="topic_cnn")


def legnet(length: int = 150, width: float = 1.0) -> keras.Model:
    """LegNet (Penzar 2023): grouped convolutions, squeeze-excite, concatenated residuals."""
    groups = 4
    channels = groups * scaled(32, width)
    x = sequence = keras.Input((length, 4), name="sequence")
    x = layers.Conv1D(channels, 7, padding="same", activation="swish")(x)
    for _ in range(2):
        y = layers.Conv1D(channels, 7, padding="same", groups=groups)(x)
        y = layers.Activation("swish")(layers.BatchNormalization()(y))
        weight = layers.Dense(channels, "sigmoid")(ops.mean(y, axis=1, keepdims=True))
        x = layers.Concatenate()([x, layers.Multiply()([y, weight])])
        x = layers.Conv1D(channels, 1, activation="swish")(x)
        x = layers.MaxPooling1D(2)(x)
    x = layers.GlobalAveragePooling1D()(layers.Conv1D(18, 1)(x))
    return keras.Model(sequence, layers.Softmax()(x), name="legnet")


def _swish_gelu(x: Any) -> Any:
    return x * ops.sigmoid(1.702 * x)


def basenji(length: int = 1024, width: float = 1.0, crop: int = 4) -> keras.Model:
    """Basenji (Kelley 2018): activation before convolution, dilation rounded, a crop."""
    channels = scaled(64, width)
    x = sequence = keras.Input((length, 4), name="sequence")
    for kernel in (15, 5, 5):
        x = layers.Conv1D(channels, kernel, padding="same", use_bias=False)(_swish_gelu(x))
        x = layers.MaxPooling1D(2, padding="same")(layers.BatchNormalization()(x))
    rate = 1.0
    for _ in range(4):
        y = layers.Conv1D(channels, 3, padding="same", dilation_rate=round(rate))(_swish_gelu(x))
        y = layers.Conv1D(channels, 1)(_swish_gelu(layers.BatchNormalization()(y)))
        x = layers.Add()([x, layers.Dropout(0.3)(y)])
        rate *= 1.5
    x = layers.Cropping1D(crop)(_swish_gelu(x))
    return keras.Model(sequence, layers.Dense(10, "softplus")(x), name="basenji")


def spliceai(length: int = 1000, width: float = 1.0, context: int = 200) -> keras.Model:
    """SpliceAI (Jaganathan 2019): dilated residual blocks, to ``[B, length - context, 3]``."""
    channels = scaled(32, width)
    sequence = keras.Input((length, 4), name="sequence")
    x = layers.Conv1D(channels, 1)(sequence)
    skip = layers.Conv1D(channels, 1)(x)
    for kernel, dilation in ((11, 1), (11, 4)):
        y = x
        for _ in range(2):
            y = layers.Activation("relu")(layers.BatchNormalization()(y))
            y = layers.Conv1D(channels, kernel, padding="same", dilation_rate=dilation)(y)
        x = layers.Add()([x, y])
        skip = layers.Add()([skip, layers.Conv1D(channels, 1)(x)])
    x = layers.Cropping1D(context // 2)(skip)
    return keras.Model(sequence, layers.Conv1D(3, 1, activation="softmax")(x), name="spliceai")


def mtsplice(length: int = 400, width: float = 1.0) -> keras.Model:
    """MTSplice (Cheng 2021): two sequences through shared layers, joined along the length."""
    first = keras.Input((length, 4), name="acceptor")
    second = keras.Input((length, 4), name="donor")
    shared = [
        layers.Conv1D(scaled(64, width), 9, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.Conv1D(scaled(64, width), 3, padding="same", dilation_rate=2, activation="relu"),
    ]
    values = []
    for x in (first, second):
        for layer in shared:
            x = layer(x)
        values.append(layers.PReLU()(x))
    x = layers.GlobalAveragePooling1D()(layers.Concatenate(axis=1)(values))
    return keras.Model([first, second], layers.Dense(56)(x), name="mtsplice")
