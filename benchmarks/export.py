"""Writes programs as StableHLO for runtimes without TensorFlow: ours and the naive one.

    python -m benchmarks.export --models basset bpnet deepstarr --out exported

For each model: our program, which saturates a batch of one-hot sequences, all tiles; and the naive
one, the model on ``[batch, L, C]``, at several batches. ``manifest.json`` names every argument in
order. Weights and inputs are not shipped: the manifest holds how `benchmarks.pjrt` draws them from
the seed. Integers, and the answers of Keras for a few mutants, are in one ``.npz`` per model.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from math import prod
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from tensorflow.compiler.mlir.stablehlo import stablehlo

import ismc
from benchmarks.first_call import first_call
from benchmarks.pjrt import INPUTS, WEIGHTS, draw, mutated
from benchmarks.sides.description import described
from tests.zoo import ZOO, Entry

TARGET = "1.0.0"  # of StableHLO: what every runtime of the last years reads
ANSWERS = 4e6  # bytes of right answers that are shipped

Array = np.ndarray
Record = dict[str, Any]


@dataclass(frozen=True)
class Argument:
    """One argument of a program, and where the other side takes it from.

    ``source`` is ``{"input": name}``, ``{"weight": index}`` or ``{"table": key}``.
    """

    shape: tuple[int, ...]
    dtype: str
    source: Record

    @property
    def spec(self) -> tf.TensorSpec:
        """What the program is traced for."""
        return tf.TensorSpec(self.shape, self.dtype)

    @property
    def record(self) -> Record:
        """Its entry in the manifest."""
        return {"shape": list(self.shape), "dtype": self.dtype, **self.source}


def recipe(value: Array) -> Record:
    """How weights like these are drawn: uniform where all are positive, as variances are.

    >>> recipe(np.float32([0.5, 2.0]))
    {'shape': [2], 'dtype': 'float32', 'draw': 'uniform', 'low': 0.5, 'high': 2.0}
    """
    record = {"shape": list(value.shape), "dtype": value.dtype.name}
    if value.dtype.kind != "f":
        return record | {"draw": "constant", "values": value.tolist()}
    if value.min() > 0:
        return record | {"draw": "uniform", "low": float(value.min()), "high": float(value.max())}
    return record | {"draw": "normal", "mean": float(value.mean()), "deviation": float(value.std())}


def lowered(function: Callable[..., Any], arguments: Sequence[Argument]) -> bytes:
    """StableHLO, as a portable artifact, of a function of flat arguments in their order."""
    traced = tf.function(function, jit_compile=True, autograph=False)
    specs = [argument.spec for argument in arguments]
    module = traced.experimental_get_compiler_ir(*specs)(stage="stablehlo_serialized")
    serialize = stablehlo.serialize_portable_artifact_str  # pyright: ignore[reportAttributeAccessIssue]
    return serialize(module, TARGET)


class Export:
    """The programs of one model, on their way to a folder."""

    def __init__(
        self, name: str, model: keras.Model, entry: Entry, sites: int | None, seed: int
    ) -> None:
        self.name, self.model, self.seed = name, model, seed
        self.variables = list(model.variables)
        self.weights = [recipe(np.asarray(keras.ops.convert_to_numpy(v))) for v in self.variables]
        for i, (variable, how) in enumerate(zip(self.variables, self.weights, strict=True)):
            variable.assign(draw(how, seed, WEIGHTS, i))
        length = model.inputs[entry.sequence_input].shape[1]
        count = min(sites or length, length)
        chosen = range((length - count) // 2, (length + count) // 2)
        options = {"sequence_input": entry.sequence_input, "verify": False, "threads": 1}
        self.ism = ismc.compile(model, sites=chosen, **options)
        self.tables: dict[str, Any] = {}

    def ours(self, sequences: int, tile: int) -> tuple[bytes, Record]:
        """Our program for so many sequences, or as many as one call of it takes.

        ``tile`` is the number of sites of a tile, or 0 for its own choice.
        """
        plan, model = self.ism.plan, self.ism.program.model
        x = self.inputs(sequences)
        nest = keras.tree.map_structure(lambda name: x[name], model.inputs)
        call = first_call(replace(self.ism.program, tile=tile, programs={}), nest)
        batch, letters = call.arguments["x"].shape[0], call.arguments["rotation"].shape[0]
        others = {name: self._input(name, batch) for name, _ in plan.inputs}
        first = others.pop(plan.sequence)
        weights = {
            owner: {name: self._weight(v) for name, v in named.items()}
            for owner, named in model.variables.items()
        }
        known: dict[str, Any] = {"x": first, "context": others, "w": weights}
        tables = {k: v for k, v in call.arguments.items() if k not in known}
        tree = {**known, **{k: keras.tree.map_structure(self._table, v) for k, v in tables.items()}}
        arguments = keras.tree.flatten(tree)

        def flat_call(*flat: tf.Tensor) -> Any:
            return call.program.python_function(**keras.tree.pack_sequence_as(tree, flat))

        return lowered(flat_call, arguments), {
            "kind": "ismc",
            "batch": batch,
            "tiles": call.tiles,
            "tile_sites": call.mutants // (batch * letters),
            "tile_mutants": call.mutants,
            "mutants": batch * len(plan.active) * letters,
            "arguments": [argument.record for argument in arguments],
        }

    def naive(self, batch: int) -> tuple[bytes, Record]:
        """The model on ``batch`` mutants."""
        ism, model = self.ism, self.model
        names = [name for name, _ in ism.plan.inputs]
        inputs = [self._input(name, batch) for name in names]
        split = len(model.trainable_variables)
        variables = [*model.trainable_variables, *model.non_trainable_variables]
        outputs = [
            keras.tree.flatten(ism.program.structure).index(name) for name in ism.program.chosen
        ]
        arguments = [*inputs, *map(self._weight, variables)]

        def call(*flat: tf.Tensor) -> Any:
            given = dict(zip(names, flat, strict=False))
            weights = flat[len(names) :]
            nest = keras.tree.map_structure(lambda name: given[name], ism.program.model.inputs)
            split_weights = weights[:split], weights[split:]
            found = model.stateless_call(*split_weights, nest, training=False)[0]
            return [tf.cast(keras.tree.flatten(found)[i], tf.float32) for i in outputs]

        return lowered(call, arguments), {
            "kind": "naive",
            "batch": batch,
            "mutants": batch,
            "arguments": [argument.record for argument in arguments],
        }

    def inputs(self, count: int) -> dict[str, Array]:
        """The inputs, as the other side draws them."""
        return {name: draw(how, self.seed, INPUTS, i, count) for name, i, how in self._recipes()}

    def sample(self, sequences: int, count: int) -> None:
        """Puts some mutants and Keras' answers for them among the tables."""
        plan = self.ism.plan
        rng = np.random.default_rng(self.seed)
        sites = np.r_[0, len(plan.sites) - 1, rng.integers(len(plan.sites), size=count)][:count]
        rows = rng.integers(sequences, size=count)
        letters = rng.integers(plan.sequence_shape[1], size=count)
        self.tables["sample"] = np.stack([rows, sites, letters], 1).astype(np.int32)
        answer = 4 * sum(prod(shape) for _, shape in plan.outputs)
        few = self.tables["sample"][: max(2, int(ANSWERS / answer))]
        starts = [start for start, _ in plan.sites]
        given = mutated(self.inputs(sequences), plan.sequence, starts, few)
        nest = keras.tree.map_structure(lambda name: given[name], self.ism.program.model.inputs)
        flat = keras.tree.flatten(self.model(nest, training=False))
        names = keras.tree.flatten(self.ism.program.structure)
        for i, name in enumerate(self.ism.program.chosen):
            self.tables[f"expected/{i}"] = np.asarray(flat[names.index(name)], np.float32)

    def record(self) -> Record:
        """The model's entry in the manifest, without its programs."""
        plan = self.ism.plan
        operations = dict(zip(("ismc", "naive"), plan.operations, strict=True))
        return {
            "model": self.name,
            "plan": plan.digest,
            "seed": self.seed,
            "sequence": plan.sequence,
            "inputs": {name: how for name, _, how in self._recipes()},
            "outputs": [[name, list(shape)] for name, shape in plan.outputs],
            "weights": self.weights,
            "parameters": self.model.count_params(),
            "sites": len(plan.sites),
            "starts": [start for start, _ in plan.sites],
            "active_sites": len(plan.active),
            "operations_per_mutant": operations,
            "multiply_adds_per_mutant": {k: v // 2 for k, v in operations.items()},
            "peers": self._peers(),
        }

    def _recipes(self) -> list[tuple[str, int, Record]]:
        """Name, index and recipe of each input."""
        found = []
        for i, (name, shape) in enumerate(self.ism.plan.inputs):
            hot = len(shape) == 2 and shape[1] == self.ism.plan.sequence_shape[1]
            how = {"draw": "one_hot"} if hot else {"draw": "normal", "mean": 0.0, "deviation": 1.0}
            found.append((name, i, {"shape": list(shape), "dtype": "float32", **how}))
        return found

    def _input(self, name: str, count: int) -> Argument:
        shape = dict(self.ism.plan.inputs)[name]
        return Argument((count, *shape), "float32", {"input": name})

    def _weight(self, variable: Any) -> Argument:
        index = next(i for i, v in enumerate(self.variables) if v is variable)
        how = self.weights[index]
        return Argument(tuple(how["shape"]), how["dtype"], {"weight": index})

    def _table(self, value: tf.Tensor) -> Argument:
        """An array that is shipped; equal ones once."""
        made = value.numpy()
        digest = sha256(f"{made.shape} {made.dtype}".encode() + made.tobytes()).hexdigest()[:12]
        self.tables[digest] = made
        return Argument(made.shape, made.dtype.name, {"table": digest})

    def _peers(self) -> Record:
        """What PyTorch builds the model from: its layers, and which weights they have."""
        try:
            description, values = described(self.model)
        except (ValueError, AttributeError) as problem:
            return {"error": str(problem)}
        index = {id(v): i for i, v in enumerate(self.variables)}
        steps = [step for step in self.model.layers if step.weights]
        used = {f"{s.name}/{i}": index[id(v)] for s in steps for i, v in enumerate(s.weights)}
        if set(used) != set(values):
            return {"error": "The layers' weights are not those of the model."}
        return {"description": description, "weights": used}


def export(
    name: str,
    model: keras.Model,
    folder: Path,
    *,
    sites: int | None = None,
    sequences: int = 1,
    tiles: Sequence[int] = (0,),
    batches: Sequence[int] = (32, 128, 512),
    seed: int = 0,
) -> Record:
    """Writes the programs of one model, which gets the weights of the recipe; see `main`."""
    made = Export(name, model, ZOO[name], sites, seed)
    programs: dict[str, Callable[[], tuple[bytes, Record]]] = {
        f"ismc-tile{tile}": partial(made.ours, sequences, tile) for tile in tiles
    }
    programs |= {f"naive-{batch}": partial(made.naive, batch) for batch in batches}
    records = []
    for label, write in programs.items():
        module, found = write()
        file = f"{name}.{label}.mlirbc"
        (folder / file).write_bytes(module)
        records.append({"file": file, **found})
        print(f"{file}: {len(module) / 1e3:.0f} kB, {len(found['arguments'])} arguments")
    held = records[0]["batch"]
    made.sample(held, min(batches))
    np.savez_compressed(folder / f"{name}.npz", **made.tables)
    return {**made.record(), "sequences": held, "tables": f"{name}.npz", "programs": records}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--models", nargs="+", default=["basset"], choices=sorted(ZOO))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sites", type=int, help="this many sites in the middle; all by default")
    parser.add_argument("--sequences", type=int, default=1, help="of one call of our program")
    parser.add_argument("--tiles", type=int, nargs="+", default=[0], help="sites of a tile; 0: own")
    parser.add_argument("--batches", type=int, nargs="+", default=[32, 128, 512])
    parser.add_argument("--small", action="store_true", help="the zoo's small models")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    models = []
    for name in args.models:
        keras.backend.clear_session()
        model = ZOO[name].model(small=args.small)
        options = {
            key: getattr(args, key) for key in ("sites", "sequences", "tiles", "batches", "seed")
        }
        models.append(export(name, model, args.out, **options))
    versions = {"ismc": ismc.__version__, "tensorflow": tf.__version__, "keras": keras.__version__}
    manifest = {"format": 1, "stablehlo": TARGET, "versions": versions, "models": models}
    (args.out / "manifest.json").write_text(json.dumps(manifest, indent=1, default=str) + "\n")


if __name__ == "__main__":
    main()
