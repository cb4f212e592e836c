"""A Keras 3 model as plain data: layers in order, what each reads, its options and weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

Record = dict[str, Any]


def described(model: keras.Model) -> tuple[Record, dict[str, Any]]:
    """Layers and outputs by name, and weights as ``"layer/0"``, ``"layer/1"``, ..

    Raises:
        ValueError: when a layer is called twice, which no side but ours needs.
    """
    import keras

    names: dict[int, str] = {}
    layers, weights = [], {}
    for step in model.operations:
        nodes = step._inbound_nodes  # noqa: SLF001  (Keras has no public name for them)
        if len(nodes) != 1:
            raise ValueError(f"The layer {step.name} is called {len(nodes)} times.")
        inputs = [names[id(x)] for x in nodes[0].input_tensors]
        for y in nodes[0].output_tensors:
            names[id(y)] = step.name
        is_layer = isinstance(step, keras.Layer)
        layers.append(
            {
                "name": step.name,
                "kind": type(step).__name__ if is_layer else f"keras.ops.{step.name}",
                "config": step.get_config() if is_layer else {},
                "inputs": inputs,
            }
        )
        if is_layer:
            weights |= {f"{step.name}/{i}": w for i, w in enumerate(step.get_weights())}
    outputs = [names[id(y)] for y in keras.tree.flatten(model.output)]
    return {"layers": layers, "outputs": outputs, "length": model.inputs[0].shape[1]}, weights


def weights_of(name: str, weights: Any) -> list[Any]:
    """The weights of one layer, in order."""
    return [weights[key] for key in sorted(weights, key=_order) if key.rpartition("/")[0] == name]


def _order(key: str) -> tuple[str, int]:
    name, _, index = key.rpartition("/")
    return name, int(index)
