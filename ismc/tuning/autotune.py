"""Times the choices of the cost model and their alternatives, and keeps the fastest.

The search tries, in this order and until its time is up: the predicted plan; the naive program in
its forms; other layers to recompute in full from; other tile sizes; other forms of each
convolution, heaviest first. Each trial changes the best choice so far. The result is cached under
the machine and the predicted plan, and is valid for any weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from ismc.artifacts.cache import measurements as cache
from ismc.ism.program import CompiledProgram
from ismc.passes import Form, Program
from ismc.passes.choose_recompute import varying
from ismc.passes.schedule import strategies
from ismc.plan.plan import Measured
from ismc.tuning.calibration import Clock, machine
from ismc.tuning.trials import MAX_SEQUENCES, tile_sites

MAX_TIME_RATIO = 0.97  # a choice replaces the best one at this share of its time
HOPELESS_RATIO = 4.0  # times the best: slower choices are not tried
MAX_COST_RATIO = 2.0  # of an alternative form, to the chosen one
RETIME_RATIO = 1.5  # between the best choice and the naive program: closer ones are timed again
MIN_LAYER_SHARE = 0.02  # of the predicted time: lighter layers are not varied
MAX_TILE_SIZES = 6
NAIVE_SHARE = 0.3  # of the search
FORMS = ("tf.function", "tf.function jit")
BATCHES = (16, 64, 256)

Assemble = Callable[[Program], tuple[Program, CompiledProgram]]


class Timings(Protocol):
    """The timings that a search needs; see `ismc.tuning.trials`."""

    clock: Clock

    def scan(self, compiled: CompiledProgram) -> float:
        """Seconds to saturate one sequence."""
        ...

    def naive(self, compiled: CompiledProgram, form: str, batch: int) -> float:
        """Seconds of the naive program for the same."""
        ...


@dataclass(frozen=True)
class Choice:
    """Values for the fields that a `Request` leaves to the cost model."""

    tile: int = 0
    strategies: tuple[tuple[str, str], ...] = ()
    cut: str | None = None


@dataclass(frozen=True)
class Candidate:
    """A choice, its compiled program, and the seconds to saturate one sequence."""

    choice: Choice
    program: Program
    compiled: CompiledProgram
    seconds: float


def autotune(
    program: Program, assemble: Assemble, timings: Timings, seconds: float
) -> tuple[Program, CompiledProgram]:
    """The fastest program, from the cache or by a search of about ``seconds``.

    Args:
        program: a flat program; autotuning sets the fields that its request leaves open.
        assemble: runs the passes on a program and returns it with its compiled form.
        timings: times programs on the device.
        seconds: the time after which no new trial starts.

    Returns:
        The program with the choice in its request and plan, and the compiled form with the
        measured times.
    """
    predicted = assemble(program)
    key = machine() | {
        "plan": predicted[1].plan.to_json(),
        "memory": program.request.memory,
    }
    result = _decode(cache.recall("plan", key))
    if result is None:
        result = Search(program, assemble, timings, seconds).run(predicted)
        choice, measured = result
        cache.remember("plan", key, asdict(choice) | {"measured": asdict(measured)})
    choice, measured = result
    planned, compiled = predicted if choice == Choice() else assemble(with_choice(program, choice))
    return planned, replace(compiled, measured=measured)


def with_choice(program: Program, choice: Choice) -> Program:
    """The program with this choice in its request."""
    return program.knowing(request=replace(program.request, **_request_fields(choice)))


@dataclass
class Search:
    """A search: the best candidate so far, and the plans already timed."""

    program: Program
    assemble: Assemble
    timings: Timings
    seconds: float

    def run(self, predicted: tuple[Program, CompiledProgram]) -> tuple[Choice, Measured]:
        """The best choice, and the measured times of it and of the best naive form."""
        self.begin = self.timings.clock()
        self.last, self.timed = 0.0, set[str]()
        first = self.best = self._timed(Choice(), *predicted)
        naive, form, batch = self._naive()
        self._cuts(naive)
        self._tiles()
        self._forms()
        if self.best is not first:
            self.best = min(self._retimed(self.best), self._retimed(first), key=lambda c: c.seconds)
        if RETIME_RATIO > naive / self.best.seconds > 1 / RETIME_RATIO:
            self.best = self._retimed(self.best)
            naive = min(naive, self.timings.naive(self.best.compiled, form, batch))
        return self.best.choice, Measured(self.best.seconds, naive, form, batch)

    def _naive(self) -> tuple[float, str, int]:
        """Seconds, form and batch size of the fastest naive program.

        Larger batches are skipped if they would take too long or are unlikely to be fast enough.
        """
        runs: list[tuple[float, str, int]] = []
        plan = self.best.compiled.plan
        mutants = max(1, plan.letters * len(plan.sites))
        begin = self.timings.clock()
        for batch in BATCHES:
            for form in FORMS:
                spent = self.timings.clock() - begin
                if runs and spent + 3 * min(runs)[0] / mutants * batch > NAIVE_SHARE * self.seconds:
                    continue
                runs.append((self.timings.naive(self.best.compiled, form, batch), form, batch))
            if min(runs)[0] > HOPELESS_RATIO * HOPELESS_RATIO * self.best.seconds:
                break
        return min(runs)

    def _cuts(self, naive: float) -> None:
        """Tries to recompute no layer in full, or all, unless the naive program is far slower."""
        layers = varying(self.best.program)
        self._try(replace(self.best.choice, cut=""))
        if layers and naive < HOPELESS_RATIO * self.best.seconds:
            self._try(replace(self.best.choice, cut=layers[0]))

    def _tiles(self) -> None:
        """Tries larger tiles while they are faster, otherwise smaller ones."""
        plan, predicted = self.best.compiled.plan, self.best
        largest = len(plan.active) * MAX_SEQUENCES
        for factor, size in ((2.0, max(1, plan.mutants // plan.letters)), (0.5, tile_sites(plan))):
            for tries in range(MAX_TILE_SIZES):
                size = int(size * factor)
                before = self.best
                if 1 <= size <= largest:
                    self._try(replace(before.choice, tile=size))
                if self.best is before and tries:
                    break
            if self.best is not predicted:
                return

    def _forms(self) -> None:
        """Tries other forms of each convolution, one at a time, heaviest first."""
        for name, form in _alternatives(self.best.program):
            forms = dict(self.best.choice.strategies) | {name: form}
            self._try(replace(self.best.choice, strategies=tuple(sorted(forms.items()))))

    def _try(self, choice: Choice) -> None:
        """Times a choice if there is time, and makes it the best if it is faster."""
        if self._is_late():
            return
        program, compiled = self.assemble(with_choice(self.program, choice))
        plan, best = compiled.plan, self.best.compiled.plan
        if plan.digest in self.timed or plan.seconds[0] > HOPELESS_RATIO * best.seconds[0]:
            return
        candidate = self._timed(choice, program, compiled)
        if candidate.seconds < MAX_TIME_RATIO * self.best.seconds:
            self.best = candidate

    def _retimed(self, candidate: Candidate) -> Candidate:
        """The candidate, timed once more since timings vary; the shorter time counts."""
        if self._is_late():
            return candidate
        return replace(
            candidate, seconds=min(candidate.seconds, self.timings.scan(candidate.compiled))
        )

    def _is_late(self) -> bool:
        """Whether another trial as long as the last would end too late."""
        return self.timings.clock() - self.begin + self.last > self.seconds

    def _timed(self, choice: Choice, program: Program, compiled: CompiledProgram) -> Candidate:
        begin = self.timings.clock()
        self.timed.add(compiled.plan.digest)
        candidate = Candidate(choice, program, compiled, self.timings.scan(compiled))
        self.last = self.timings.clock() - begin
        return candidate


def _alternatives(program: Program) -> Iterator[tuple[str, str]]:
    """Convolutions and their forms whose predicted cost is close to the chosen form's."""
    assert program.plan is not None  # noqa: S101  (its passes have run)
    lines = {line.name: line.strategy for line in program.plan.lines}
    alternatives = []
    for name in varying(program):
        if program.rules[name].layout != "conv" or program.forms[name] is Form.FULL:
            continue
        costs = {form: cost.seconds for form, cost in strategies(program, name).items()}
        base = costs.get(lines[name], 0.0)
        if base >= MIN_LAYER_SHARE * program.plan.seconds[0]:
            close = [
                f for f, cost in costs.items() if f != lines[name] and cost <= MAX_COST_RATIO * base
            ]
            alternatives.append((base, name, sorted(close, key=lambda f: costs[f])))
    for _, name, forms in sorted(alternatives, key=lambda entry: -entry[0]):
        yield from ((name, form) for form in forms)


def _request_fields(choice: Choice) -> dict[str, Any]:
    return {"tile": choice.tile, "strategies": choice.strategies, "cut": choice.cut}


def _decode(value: Mapping[str, Any] | None) -> tuple[Choice, Measured] | None:
    """A choice and its times from the cache; ``None`` if missing or malformed."""
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
