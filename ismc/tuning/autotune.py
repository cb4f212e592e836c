"""Times what the cost model would decide, and its alternatives, and keeps the fastest.

In this order, as long as there is time: the predicted plan; the naive program in its forms; other
places to recompute in full from; other sizes of a tile; other forms of each convolution, heaviest
first. Each finding starts from the best one before. What is found is remembered by machine and
predicted plan; weights are no part of either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from ismc.artifacts.cache import measurements as cache
from ismc.ism.compiled import CompiledISM
from ismc.passes import Form, Program
from ismc.passes.choose_recompute import varying
from ismc.passes.schedule import strategies
from ismc.plan.plan import Measured
from ismc.tuning.calibration import Clock, machine
from ismc.tuning.trials import SEQUENCES, tile_sites

BETTER = 0.97
FAR = 4.0
CLOSE = 2.0
NEAR = 1.5
SHARE = 0.02
TRIES = 6
NAIVE = 0.3
FORMS = ("tf.function", "tf.function jit")
BATCHES = (16, 64, 256)

Assemble = Callable[[Program], tuple[Program, CompiledISM]]


class Timings(Protocol):
    """What a search asks of the device; see `ismc.tuning.trials`."""

    clock: Clock

    def scan(self, compiled: CompiledISM) -> float:
        """Seconds of a saturation of one sequence."""
        ...

    def naive(self, compiled: CompiledISM, form: str, batch: int) -> float:
        """Seconds of the same by the naive program."""
        ...


@dataclass(frozen=True)
class Choice:
    """What a request leaves to the cost model, decided; see `Request`."""

    tile: int = 0
    strategies: tuple[tuple[str, str], ...] = ()
    cut: str | None = None


@dataclass(frozen=True)
class Candidate:
    """A choice, what it compiles to, and what that takes."""

    choice: Choice
    program: Program
    compiled: CompiledISM
    seconds: float


def autotune(
    program: Program, assemble: Assemble, timings: Timings, seconds: float
) -> tuple[Program, CompiledISM]:
    """The program as it is fastest, from memory or by a search of about ``seconds``.

    Args:
        program: a flat program; what its request leaves open is chosen.
        assemble: runs the passes on a program, and makes the compiled form.
        timings: of programs on the device.
        seconds: after which nothing new is tried.

    Returns:
        The program with the choice in its request and its plan, and the compiled form with what was
        measured.
    """
    predicted = assemble(program)
    key = machine() | {
        "plan": predicted[1].plan.to_json(),
        "memory": program.request.memory,
    }
    found = _recalled(cache.recall("plan", key))
    if found is None:
        found = Search(program, assemble, timings, seconds).run(predicted)
        choice, measured = found
        cache.remember("plan", key, asdict(choice) | {"measured": asdict(measured)})
    choice, measured = found
    planned, compiled = predicted if choice == Choice() else assemble(chosen(program, choice))
    return planned, replace(compiled, measured=measured)


def chosen(program: Program, choice: Choice) -> Program:
    """The program with a choice in its request."""
    return program.knowing(request=replace(program.request, **_fields(choice)))


@dataclass
class Search:
    """One search: the best so far, and what was timed already."""

    program: Program
    assemble: Assemble
    timings: Timings
    seconds: float

    def run(self, predicted: tuple[Program, CompiledISM]) -> tuple[Choice, Measured]:
        """The best choice, beside the best form of the naive program."""
        self.begin = self.timings.clock()
        self.last, self.timed = 0.0, set[str]()
        first = self.best = self._timed(Choice(), *predicted)
        naive, form, batch = self._naive()
        self._cuts(naive)
        self._tiles()
        self._forms()
        if self.best is not first:
            self.best = min(self._again(self.best), self._again(first), key=lambda c: c.seconds)
        if NEAR > naive / self.best.seconds > 1 / NEAR:
            self.best = self._again(self.best)
            naive = min(naive, self.timings.naive(self.best.compiled, form, batch))
        return self.best.choice, Measured(self.best.seconds, naive, form, batch)

    def _naive(self) -> tuple[float, str, int]:
        """Seconds, form and batch of the naive program at its best.

        A larger batch is left out once it would take too long, or could hardly be fast enough.
        """
        found: list[tuple[float, str, int]] = []
        plan = self.best.compiled.plan
        mutants = max(1, plan.letters * len(plan.sites))
        begin = self.timings.clock()
        for batch in BATCHES:
            for form in FORMS:
                spent = self.timings.clock() - begin
                if found and spent + 3 * min(found)[0] / mutants * batch > NAIVE * self.seconds:
                    continue
                found.append((self.timings.naive(self.best.compiled, form, batch), form, batch))
            if min(found)[0] > FAR * FAR * self.best.seconds:
                break
        return min(found)

    def _cuts(self, naive: float) -> None:
        """No layer recomputed in full, or all of them, unless that is known to be far slower."""
        layers = varying(self.best.program)
        self._try(replace(self.best.choice, cut=""))
        if layers and naive < FAR * self.best.seconds:
            self._try(replace(self.best.choice, cut=layers[0]))

    def _tiles(self) -> None:
        """Larger tiles, as long as they gain, or else smaller ones."""
        plan, predicted = self.best.compiled.plan, self.best
        most = len(plan.active) * SEQUENCES
        for factor, size in ((2.0, max(1, plan.mutants // plan.letters)), (0.5, tile_sites(plan))):
            for tries in range(TRIES):
                size = int(size * factor)
                before = self.best
                if 1 <= size <= most:
                    self._try(replace(before.choice, tile=size))
                if self.best is before and tries:
                    break
            if self.best is not predicted:
                return

    def _forms(self) -> None:
        """Other forms of each convolution, one at a time, heaviest first."""
        for name, form in _alternatives(self.best.program):
            known = dict(self.best.choice.strategies) | {name: form}
            self._try(replace(self.best.choice, strategies=tuple(sorted(known.items()))))

    def _try(self, choice: Choice) -> None:
        """Times a choice if there is time, and keeps it if it is faster."""
        if self._late():
            return
        program, compiled = self.assemble(chosen(self.program, choice))
        plan, best = compiled.plan, self.best.compiled.plan
        if plan.digest in self.timed or plan.seconds[0] > FAR * best.seconds[0]:
            return
        found = self._timed(choice, program, compiled)
        if found.seconds < BETTER * self.best.seconds:
            self.best = found

    def _again(self, found: Candidate) -> Candidate:
        """Timed once more, for a machine is not as fast at all times; the shorter time counts."""
        if self._late():
            return found
        return replace(found, seconds=min(found.seconds, self.timings.scan(found.compiled)))

    def _late(self) -> bool:
        """Whether another trial like the last would end too late."""
        return self.timings.clock() - self.begin + self.last > self.seconds

    def _timed(self, choice: Choice, program: Program, compiled: CompiledISM) -> Candidate:
        begin = self.timings.clock()
        self.timed.add(compiled.plan.digest)
        found = Candidate(choice, program, compiled, self.timings.scan(compiled))
        self.last = self.timings.clock() - begin
        return found


def _alternatives(program: Program) -> Iterator[tuple[str, str]]:
    """Layers and the forms that are predicted to be close to the chosen one."""
    assert program.plan is not None  # noqa: S101  (its passes have run)
    lines = {line.name: line.strategy for line in program.plan.lines}
    found = []
    for name in varying(program):
        if program.rules[name].layout != "conv" or program.forms[name] is Form.FULL:
            continue
        costs = {form: cost.seconds for form, cost in strategies(program, name).items()}
        here = costs.get(lines[name], 0.0)
        if here >= SHARE * program.plan.seconds[0]:
            close = [f for f, cost in costs.items() if f != lines[name] and cost <= CLOSE * here]
            found.append((here, name, sorted(close, key=lambda f: costs[f])))
    for _, name, forms in sorted(found, key=lambda entry: -entry[0]):
        yield from ((name, form) for form in forms)


def _fields(choice: Choice) -> dict[str, Any]:
    return {"tile": choice.tile, "strategies": choice.strategies, "cut": choice.cut}


def _recalled(value: Mapping[str, Any] | None) -> tuple[Choice, Measured] | None:
    """A choice as it was remembered; nothing if it is not what was written."""
    if value is None:
        return None
    try:
        pairs = tuple((str(name), str(form)) for name, form in value["strategies"])
        measured = value["measured"]
        return Choice(int(value["tile"]), pairs, value["cut"]), Measured(
            float(measured["seconds"]), float(measured["naive"]), str(measured["form"]),
            int(measured["batch"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError):
        return None
