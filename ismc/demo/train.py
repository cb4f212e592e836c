"""Trains the demo model on AP-1 and HNF4 sites planted in random DNA.

``python -m ismc.demo.train`` is seeded and needs no data except two motifs from the literature.
AP-1 is TGASTCA; HNF4 is its specific half-site CAAAGTCCA (Fang et al., BMC Genomics 2012) or the
repeat RGGTCAAAGGTCA (DR1). A sequence without a motif has decoys instead: the motif's letters in
another order, or the motif with two letters changed. The model must therefore learn motifs rather
than composition.

Training sequences have 200 bases. The trunk is convolutional and the head sums over positions, so
the same weights apply to a sequence of any length.
"""

# Keras annotates some arguments as str although it documents objects.
# pyright: reportArgumentType=false
from __future__ import annotations

import argparse
from pathlib import Path

import keras
import numpy as np
from keras import layers

SEED = 7
TRAIN_LENGTH, SCAN_LENGTH = 200, 2000
TASKS = ("AP-1", "HNF4")
MOTIFS = {
    "AP-1": ("TGACTCA", "TGAGTCA"),
    "HNF4": ("CAAAGTCCA", "AGGTCAAAGGTCA", "GGGTCAAAGGTCA", "CAAAGGTCA"),
}
LETTERS = "ACGT"

Array = np.ndarray


def build(length: int) -> keras.Model:
    """The untrained model, from ``[B, length, 4]`` to logits ``[B, 2]`` for `TASKS`.

    The head sums the contributions of all positions, so that every occurrence of a motif counts.
    """
    x = keras.Input((length, 4), name="sequence")
    y = layers.Conv1D(32, 13, padding="same", use_bias=False, name="motifs")(x)
    y = layers.BatchNormalization(name="motifs_norm")(y)
    y = layers.Activation("relu", name="motifs_relu")(y)
    y = layers.MaxPooling1D(2, name="pool")(y)
    y = layers.Conv1D(32, 5, padding="same", activation="relu", name="pairs")(y)
    z = layers.Conv1D(32, 3, dilation_rate=2, padding="same", activation="relu", name="context")(y)
    y = layers.Add(name="residual")([y, z])
    rare = keras.initializers.Constant(-4.0)
    y = layers.Conv1D(len(TASKS), 1, activation="softplus", bias_initializer=rare, name="sites")(y)
    y = layers.GlobalAveragePooling1D(name="found")(y)
    total = keras.initializers.Identity(length / 2)
    y = layers.Dense(len(TASKS), kernel_initializer=total, bias_initializer=rare, name="logits")(y)
    return keras.Model(x, y, name="motifs")


def one_hot(sequences: Array) -> Array:
    """The one-hot ``[B, L, 4]`` of letters 0 to 3, ``[B, L]``."""
    return np.eye(4, dtype=np.float32)[sequences]


def draw(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Random sequences ``[count, L, 4]``, and whether each has each motif, ``[count, 2]``."""
    sequences = np.empty((count, TRAIN_LENGTH), np.int64)
    labels = rng.random((count, len(TASKS))) < 0.4
    for i in range(count):
        gc = rng.uniform(0.35, 0.6)
        sequences[i] = rng.choice(4, TRAIN_LENGTH, p=[(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2])
        for task, present in zip(TASKS, labels[i], strict=True):
            for _ in range(rng.integers(1, 4)):
                motif = _letters(MOTIFS[task][rng.integers(len(MOTIFS[task]))])
                if not present:
                    motif = _decoy(rng, motif)
                if rng.random() < 0.5:
                    motif = 3 - motif[::-1]
                at = rng.integers(0, TRAIN_LENGTH - len(motif) + 1)
                sequences[i, at : at + len(motif)] = motif
    return one_hot(sequences), labels.astype(np.float32)


def train(seed: int = SEED, count: int = 24_000, epochs: int = 12) -> keras.Model:
    """The trained model, for sequences of the length that the demo scans."""
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    model = build(TRAIN_LENGTH)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, epochs * count // 128)),
        keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.AUC(from_logits=True, multi_label=True, num_labels=len(TASKS))],
    )
    x, y = draw(rng, count)
    model.fit(x, y, batch_size=128, epochs=epochs, validation_data=draw(rng, 2000), verbose=2)
    return stretch(model)


def stretch(model: keras.Model) -> keras.Model:
    """The model for longer sequences, with the head rescaled so that its mean remains a sum."""
    longer = build(SCAN_LENGTH)
    longer.set_weights(model.get_weights())
    kernel, bias = longer.get_layer("logits").get_weights()
    longer.get_layer("logits").set_weights([kernel * (SCAN_LENGTH / TRAIN_LENGTH), bias])
    return longer


def _letters(text: str) -> Array:
    """The letters of a text as numbers 0 to 3."""
    return np.array([LETTERS.index(letter) for letter in text])


def _decoy(rng: np.random.Generator, motif: Array) -> Array:
    """A motif with two letters changed, or its letters in another order."""
    if rng.random() < 0.5:
        return rng.permutation(motif)
    changed = motif.copy()
    for at in rng.choice(len(motif), 2, replace=False):
        changed[at] = (changed[at] + rng.integers(1, 4)) % 4
    return changed


def main() -> None:
    """Trains the model and saves it."""
    parser = argparse.ArgumentParser(description="Trains the demo model.")
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).parent / "model.keras")
    train().save(parser.parse_args().out)


if __name__ == "__main__":
    main()
