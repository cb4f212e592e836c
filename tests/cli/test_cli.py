"""The command line does what it says, says what is wrong, and leaves nothing half-done."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers
from typer.testing import CliRunner

import ismc
from ismc.cli import main
from ismc.cli.app import app
from ismc.io.sequences.fasta import read_fasta
from ismc.io.stores.store import Store, open_store
from ismc.jobs import program as programs
from tests.support.comparing import assert_same_outputs
from tests.support.models import head_and_track
from tests.zoo import randomise

pytestmark = pytest.mark.as_written

COUNT, LENGTH = 6, 12


def loaded(path: Path) -> dict[str, Any]:
    """All datasets and attributes of a file, by key."""
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file}
    found: dict[str, Any] = {}

    def visit(key: str, value: Any) -> None:
        if isinstance(value, h5py.Dataset):
            text = h5py.check_string_dtype(value.dtype)
            found[key] = value.asstr()[()] if text else value[()]

    with h5py.File(path) as file:
        file.visititems(visit)
        return found | dict(file.attrs)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model and sequences; one position is unknown."""
    folder = tmp_path_factory.mktemp("files")
    head_and_track(LENGTH, 3, 3).save(folder / "model.keras")
    letters = np.random.default_rng(0).choice(list("ACGT"), (COUNT, LENGTH))
    letters[1, 2] = "N"
    text = "".join(f">s{i} gene\n{''.join(row)}\n" for i, row in enumerate(letters))
    (folder / "in.fa").write_text(text)
    return folder


@pytest.fixture
def work(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder with links to the files."""
    monkeypatch.chdir(tmp_path)
    for path in files.iterdir():
        (tmp_path / path.name).symlink_to(path)
    return tmp_path


def _call(*arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    result = CliRunner().invoke(app, arguments)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def _fails(arguments: tuple[str, ...], *words: str, code: int = 1) -> None:
    found, out, err = _call(*arguments)
    assert (found, out) == (code, "")
    if code == 1:
        assert err.startswith("error: ")
        assert "Hint:" in err
    missing = [word for word in words if word not in " ".join(err.split())]
    assert not missing, f"{missing} not in: {err}"
    assert "Traceback" not in err


def _run(*more: str, model: str = "model.keras", fasta: str = "in.fa") -> tuple[str, ...]:
    return ("run", model, "--fasta", fasta, "-o", "out.npz", *more)


@pytest.mark.parametrize("suffix", [".npz", ".h5"])
def test_run_writes_what_python_answers(work: Path, suffix: str) -> None:
    target = f"out{suffix}"
    options = ("--start", "2", "--end", "7", "--batch-size", "4")
    code, out, _ = _call("run", "model.keras", "--fasta", "in.fa", "-o", target, *options)
    assert code == 0
    words = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert (words["sequences"], words["sites"]) == (str(COUNT), "5")
    assert words["mutants"] == str(COUNT * 5 * 3 + 1)
    assert float(words["seconds"].split()[0]) > 0
    assert int(words["mutants/s"].replace(",", "")) > 0
    assert words["file"].startswith(f"{target} (")
    x = read_fasta("in.fa").one_hot
    model = keras.models.load_model("model.keras")
    ism = ismc.compile(model, sites=range(2, 7), score="difference")
    found, reference = loaded(work / target), ism.reference(x)
    for name, scores in ism.saturate(x).items():
        np.testing.assert_allclose(found[f"scores/{name}"], scores, rtol=0, atol=1e-6)
        np.testing.assert_allclose(found[f"reference/{name}"], reference[name], rtol=0, atol=1e-6)
    naive = ismc.NaiveISM(model, sites=range(2, 7), score="difference").saturate(x)
    assert_same_outputs({name: found[f"scores/{name}"] for name in naive}, naive)
    assert str(found["model"]) == "model.keras"


def test_run_for_some_outputs_in_a_batch_of_one(work: Path) -> None:
    assert _call(*_run("--model-output", "head", "--batch-size", "1", "--end", "2"))[0] == 0
    one = loaded(work / "out.npz")
    assert one["scores"].shape == (COUNT, 2, 4, 2)
    both = ("--model-output", "track", "--outputs", "head", "--overwrite", "--end", "2")
    assert _call(*_run(*both))[0] == 0
    two = loaded(work / "out.npz")
    assert two["scores/track"].shape == (COUNT, 2, 4, LENGTH, 3)
    np.testing.assert_allclose(two["scores/head"], one["scores"], rtol=0, atol=1e-6)


def test_former_names_of_options_still_work(work: Path) -> None:
    start = ("run", "model.keras", "--fasta", "in.fa", "--end", "1")
    warning = "warning: --outputs is deprecated; use --model-output."
    code, _, err = _call(*start, "--output", "old.npz", "--outputs", "head")
    assert code == 0
    assert warning in err
    code, _, err = _call(*start, "--output=new.npz", "--model-output", "head")
    assert code == 0
    assert "warning" not in err
    old, new = loaded(work / "old.npz"), loaded(work / "new.npz")
    np.testing.assert_array_equal(old["scores"], new["scores"])
    for command in ("run", "compile", "explain", "convert", "plot", "report", "demo"):
        assert "--output" not in _call(command, "--help")[1]


def test_explain_prints_the_plan(work: Path) -> None:
    assert work
    code, out, _ = _call("explain", "model.keras", "--model-output", "head", "--start", "3")
    assert code == 0
    expected = ismc.compile(
        keras.models.load_model("model.keras"),
        sites=range(3, LENGTH),
        outputs=["head"],
        verify=False,
    )
    assert out.strip() == expected.explain().strip()
    assert "head" in out
    _fails(("explain", "model.keras", "--start", "12"), "--start is 12", "0 to 11")
    _fails(("explain", "none.keras"), "none.keras does not exist")


def test_demo_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    fake: Any = ModuleType("ismc.demo")
    fake.run = lambda directory, overwrite: calls.append((directory, overwrite))
    monkeypatch.setitem(sys.modules, "ismc.demo", fake)
    assert _call("demo", "-o", str(tmp_path))[0] == 0
    assert _call("demo", "-o", str(tmp_path), "--overwrite")[0] == 0
    assert calls == [(tmp_path, False), (tmp_path, True)]


def test_errors_found_before_the_model_is_loaded(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        programs, "load_sequence_model", lambda _: pytest.fail("the model was loaded")
    )
    (work / "there.npz").write_text("older")
    (work / "bad.fa").write_text(">a\nACXT\n")
    run = ("run", "model.keras", "--fasta", "in.fa", "-o")
    _fails((*run, "there.npz"), "there.npz exists", "--overwrite")
    _fails((*run, "none/out.h5"), "none does not exist")
    _fails((*run, "out.csv"), "'.csv'", "expected .zarr, .npz, .h5, .tsv or .tsv.gz")
    _fails(_run(model="none.keras"), "The model none.keras does not exist", "Check the path")
    _fails(_run(model="."), "is a directory", "model.save")
    _fails(_run(fasta="none.fa"), "none.fa does not exist")
    _fails(_run(fasta="bad.fa"), "record 'a'", "'X' at line 2, column 3")
    _fails(_run("--start", "12"), "--start is 12, expected 0 to 11", "count from 0")
    _fails(_run("--start", "-1", "--end", "13"), "--start is -1", "--end is 13, expected 1 to 12")
    _fails(_run("--start", "5", "--end", "5"), "--start is 5 and --end is 5", "no position")
    assert (work / "there.npz").read_text() == "older"
    assert not (work / "out.npz").exists()


def test_options_that_do_not_go_together(work: Path) -> None:
    run = ("run", "model.keras", "-o", "out.zarr")
    _fails(run, "no sequences", "--fasta, --bed, --array, --vcf")
    _fails((*run, "--fasta", "in.fa", "--bed", "x.bed"), "--fasta and --bed")
    _fails((*run, "--bed", "in.fa"), "genome")
    _fails((*run, "--vcf", "in.fa"), "genome")
    _fails((*_run("--shard", "1/2"),), "--shard is out.npz", "a store .zarr")
    _fails((*_run("--sites", "3-2"),), "--sites has '3-2'")
    _fails((*_run("--sites", "3", "--end", "5"),), "--sites is given with --start or --end")
    _fails((*_run("--shifts", "a"),), "--shifts is 'a'")
    _fails((*_run("--score", "differance"),), "'differance'", "difference")
    assert not list(work.glob("*out*"))


def test_scores_convert_plot_and_report(work: Path) -> None:
    assert "log2_ratio" in _call("scores")[1]
    run = ("run", "model.keras", "--fasta", "in.fa", "-o", "out.zarr", "--model-output", "head")
    assert _call(*run, "--sites", "2,4-6")[0] == 0
    assert open_store(work / "out.zarr").sites.tolist() == [[2, 3], [4, 5], [5, 6]]
    assert _call(*run, "--overwrite")[0] == 0
    code, out, _ = _call("convert", "out.zarr", "-o", "attr", "--to", "modisco", "--task", "1")
    assert code == 0
    assert "attr.ohe.npz" in out
    with np.load(work / "attr.attr.npz") as file:
        assert file["arr_0"].shape == (COUNT, 4, LENGTH)
    assert _call("plot", "out.zarr", "-o", "s.png", "--record", "s3", "--task", "0")[0] == 0
    assert _call("report", "out.zarr", "-o", "r.html")[0] == 0
    assert "s5" in (work / "r.html").read_text()
    _fails(("convert", "out.zarr", "-o", "a.h5", "--to", "modisko"), "'modisko'", "modisco")
    _fails(("plot", "out.zarr", "-o", "s.png", "--overwrite", "--record", "s33"), "s33")
    _fails(("report", "none.zarr", "-o", "s.html"), "none.zarr")


def test_the_inputs_are_not_overwritten(work: Path) -> None:
    (work / "in.h5").symlink_to("in.fa")
    before = (work / "in.fa").read_text()
    arguments = ("run", "model.keras", "--fasta", "in.fa", "-o", "in.h5", "--overwrite")
    _fails(arguments, "in.h5 is the input in.fa", "-o")
    assert (work / "in.fa").read_text() == before


def test_models_that_do_not_fit(work: Path) -> None:
    (work / "text.keras").write_text("no model")
    (work / "long.fa").write_text(">a\n" + "A" * 20 + "\n")
    _fails(_run(model="text.keras"), "text.keras cannot be read", "expected a complete", "Copy")
    _fails(_run(fasta="long.fa"), "20 letters, expected 12", "model.keras", "Cut or pad")
    _fails(_run("--model-output", "heat"), "'heat'", "'head', 'track'")
    assert not list(work.glob("*out*"))


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ([(12, 5)], ("[B, 12, 5]", "expected one input [B, L, 4]")),
        ([(12,)], ("[B, 12]", "expected one input [B, L, 4]")),
        ([(12, 4), (3,)], ("[B, 12, 4], [B, 3]", "expected one input", "in Python")),
    ],
)
def test_models_with_other_inputs(work: Path, shapes: list[tuple], words: tuple[str, ...]) -> None:
    inputs = [keras.Input(shape) for shape in shapes]
    parts = [layers.Flatten()(x) for x in inputs]
    y = layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
    randomise(keras.Model(inputs, layers.Dense(1)(y)), 0).save("other.keras")
    _fails(_run(model="other.keras"), "other.keras has the inputs", *words)
    assert not list(work.glob("*out*"))


def test_models_of_open_length(work: Path) -> None:
    sequence = keras.Input((None, 4))
    y = layers.GlobalMaxPooling1D()(layers.Conv1D(2, 3)(sequence))
    randomise(keras.Model(sequence, y), 0).save("open.keras")
    _fails(("explain", "open.keras"), "any length, expected one", "--length")
    assert "12 sites" in _call("explain", "open.keras", "--length", "12")[1]
    assert _call(*_run(model="open.keras"))[0] == 0
    assert list(work.glob("*out*"))


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, ismc.InputError])
def test_a_run_that_fails_keeps_what_is_whole(
    work: Path, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, write, calls = set(work.iterdir()), Store.write, []

    def fail(self: Store, *values: Any) -> None:
        calls.append(values)
        if len(calls) in (1, 3):
            raise error("in the middle")
        write(self, *values)

    monkeypatch.setattr(Store, "write", fail)
    arguments = _run("--model-output", "head", "--end", "1", "--batch-size", "2", "--resume")
    for left in (set(), {work / "out.npz.part.zarr"}):
        with pytest.raises((error, AssertionError)):
            assert _call(*arguments)[0] == 0
        assert set(work.iterdir()) - before == left
    assert open_store(work / "out.npz.part.zarr").done.tolist() == [True, False, False]
    assert _call(*arguments)[0] == 0
    assert set(work.iterdir()) - before == {work / "out.npz"}
    assert len(calls) == 5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run",), ("Missing argument", "MODEL")),
        (("run", "model.keras", "--fasta", "in.fa"), ("Missing option", "--out")),
        (_run("--batch-size", "0"), ("Invalid value", "--batch-size")),
        (_run("--start", "two"), ("Invalid value", "--start")),
        (("walk",), ("walk",)),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    _fails(arguments, *words, code=2)


@pytest.mark.parametrize("module", ["Bio.SeqIO.FastaIO", "rich.console"])
def test_missing_libraries_name_the_extra(
    work: Path, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    library = module.split(".")[0]
    _fails(_run(), f"'{library}' is not installed", "pip install 'ismc[cli]'")
    assert not list(work.glob("*out*"))


def test_missing_typer_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typer", None)
    monkeypatch.delitem(sys.modules, "ismc.cli.app")
    with pytest.raises(SystemExit, match=r"error: (.|\n)*'typer'(.|\n)*ismc\[cli\]") as caught:
        main(["--help"])
    assert isinstance(caught.value.code, str)  # Python prints it on stderr, and exits with 1


def test_version_and_help_without_tensorflow() -> None:
    code = (
        "import sys\n"
        "from ismc.cli import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "finally:\n"
        "    heavy = {'tensorflow', 'keras', 'h5py', 'Bio'} & set(sys.modules)\n"
        "    assert not heavy, heavy\n"
    )
    for arguments, word in ((["--version"], f"ismc {ismc.__version__}"), (["--help"], "explain")):
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert word in done.stdout


def test_a_process_is_quiet(work: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_CPP")}
    environment["PYTHONPATH"] = str(Path(ismc.__file__).parent.parent)
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "ismc.cli", *_run("--end", "2")],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "sequences" in done.stdout
    assert (work / "out.npz").exists()
