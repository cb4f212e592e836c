"""A described model built with PyTorch: any graph for tangermeme, a chain of layers for yuzu."""

# pyright: reportMissingImports=false, reportMissingTypeStubs=false
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from benchmarks.sides.description import weights_of
from benchmarks.sides.serving import Record

ACTIVATIONS: dict[str, Callable[[], nn.Module] | None] = {
    "linear": None,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "softplus": nn.Softplus,
    "gelu": nn.GELU,
    "swish": nn.SiLU,
    "silu": nn.SiLU,
}


class Transposed(nn.Module):
    """``[B, C, L]`` to ``[B, L * C]`` in the order of Keras."""

    def forward(self, x: Any) -> Any:
        return x.permute(0, 2, 1).flatten(1)


class Mean(nn.Module):
    """The average over positions."""

    def forward(self, x: Any) -> Any:
        return x.mean(-1)


class Sum(nn.Module):
    """The sum of two values."""

    def forward(self, x: Any, y: Any) -> Any:
        return x + y


class Cropped(nn.Module):
    """Positions ``[before, L - after)``."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.before, self.after = before, after

    def forward(self, x: Any) -> Any:
        return x[:, :, self.before : x.shape[-1] - self.after]


class Recurrent(nn.Module):
    """A bidirectional LSTM over positions, ``[B, C, L]`` to ``[B, 2 * units, L]``."""

    def __init__(self, weights: list[Any]) -> None:
        super().__init__()
        channels, units = weights[0].shape[0], weights[1].shape[0]
        self.lstm = nn.LSTM(channels, units, batch_first=True, bidirectional=True)
        for (kernel, recurrent, bias), end in zip(
            (weights[:3], weights[3:]), ("", "_reverse"), strict=True
        ):
            given = {"weight_ih": kernel.T, "weight_hh": recurrent.T, "bias_ih": bias}
            for name, value in {**given, "bias_hh": 0 * bias}.items():
                getattr(self.lstm, f"{name}_l0{end}").data = torch.tensor(value)

    def forward(self, x: Any) -> Any:
        return self.lstm(x.permute(0, 2, 1))[0].permute(0, 2, 1)


class Graph(nn.Module):
    """Any described model; several outputs are a tuple."""

    def __init__(self, description: Record, weights: Any) -> None:
        super().__init__()
        self.outputs, self.parts = description["outputs"], nn.ModuleList()
        self.steps: list[tuple[str, list[str]]] = []
        for layer in description["layers"]:
            self.steps.append((layer["name"], layer["inputs"]))
            self.parts.append(nn.Sequential(*modules(layer, weights)))

    def forward(self, x: Any) -> Any:
        values: dict[str, Any] = {}
        for (name, inputs), part in zip(self.steps, self.parts, strict=True):
            if len(inputs) == 2:
                values[name] = values[inputs[0]] + values[inputs[1]]
            else:
                values[name] = part(values[inputs[0]] if inputs else x)
        found = [_channels_last(values[name]) for name in self.outputs]
        return tuple(found) if len(found) > 1 else found[0]


def _channels_last(y: Any) -> Any:
    """``[B, C, L]`` as Keras answers it, ``[B, L, C]``; other shapes as they are."""
    return y.permute(0, 2, 1) if y.dim() == 3 else y


def chain(description: Record, weights: Any) -> list[nn.Module]:
    """The layers of a model in which each follows the one before.

    Raises:
        ValueError: when the model is no chain.
    """
    layers = description["layers"]
    names = [layer["name"] for layer in layers]
    follows = all(layer["inputs"] == [name] for layer, name in zip(layers[1:], names, strict=False))
    if not follows or description["outputs"] != names[-1:]:
        raise ValueError("Its layers do not follow one another in one chain, which yuzu requires.")
    return [module for layer in layers for module in modules(layer, weights)]


def modules(layer: Record, weights: Any) -> list[nn.Module]:
    """The modules of one layer, activation last; nothing for layers that do nothing.

    Raises:
        ValueError: when PyTorch is not taught this layer here.
    """
    kind, config = layer["kind"], layer["config"]
    given = weights_of(layer["name"], weights)
    found: list[nn.Module] = []
    if kind == "TimeDistributed":
        inner = config["layer"]
        kind, config = f"{kind}({inner['class_name']})", inner["config"]
    match kind:
        case "InputLayer" | "Dropout" | "Activation" | "ReLU" | "Add":
            pass
        case "Conv1D":
            found.append(_conv(config, given))
        case "TimeDistributed(Dense)":
            found.append(_conv({}, [given[0][None], *given[1:]]))
        case "Dense":
            found.append(
                _filled(nn.Linear(*given[0].shape, bias=len(given) > 1), given[0].T, given)
            )
        case "BatchNormalization":
            found.append(_norm(config, given))
        case "MaxPooling1D" if config["padding"] == "valid":
            found.append(nn.MaxPool1d(config["pool_size"][0], config["strides"][0]))
        case "Flatten":
            found.append(Transposed())
        case "GlobalAveragePooling1D":
            found.append(Mean())
        case "Cropping1D":
            found.append(Cropped(*config["cropping"]))
        case "Bidirectional" if config["layer"]["class_name"] == "LSTM" and len(given) == 6:
            return [Recurrent(given)]
        case _:
            raise ValueError(f"The layer {kind!r} is not built in PyTorch here.")
    name = "relu" if kind == "ReLU" else config.get("activation", "linear")
    if name not in ACTIVATIONS:
        raise ValueError(f"The activation {name!r} is not built in PyTorch here.")
    made = ACTIVATIONS[name]
    return [*found, made()] if made else found


def _conv(config: Record, given: list[Any]) -> nn.Module:
    kernel, channels, filters = given[0].shape
    dilation = config.get("dilation_rate", [1])[0]
    odd = kernel % 2 == 1
    padding: Any = 0
    if config.get("padding", "valid") == "same":
        padding = dilation * (kernel - 1) // 2 if odd else "same"
    made = nn.Conv1d(
        channels,
        filters,
        kernel,
        config.get("strides", [1])[0],
        padding,
        dilation,
        bias=len(given) > 1,
    )
    return _filled(made, given[0].transpose(2, 1, 0), given)


def _filled(made: Any, kernel: Any, given: list[Any]) -> nn.Module:
    made.weight.data = torch.tensor(kernel.copy())
    if len(given) > 1:
        made.bias.data = torch.tensor(given[1])
    return made


def _norm(config: Record, given: list[Any]) -> nn.Module:
    made: Any = nn.BatchNorm1d(len(given[0]), eps=config["epsilon"])
    made.weight.data, made.bias.data = torch.tensor(given[0]), torch.tensor(given[1])
    made.running_mean.data, made.running_var.data = torch.tensor(given[2]), torch.tensor(given[3])
    return made
