"""The demo finds the motifs of a real enhancer, exactly."""

from __future__ import annotations

import re
from pathlib import Path

import keras
import numpy as np
import pytest

import ismc
from ismc import demo
from ismc.demo import train
from ismc.errors import InputError

KNOWN = {("AP-1", 848): "TGAGTCA", ("AP-1", 1269): "TGACTCA", ("HNF4", 949): "CAAAGTCCA"}


@pytest.fixture(scope="module")
def scores() -> np.ndarray:
    ism = ismc.compile(demo.load_model(), score=lambda r, m: m - r, verify=False)
    return ism.predict(demo.load_sequence().one_hot, verbose=0)[0]


def test_the_strongest_sites_are_the_known_ones(scores: np.ndarray) -> None:
    one_hot = demo.load_sequence().one_hot[0]
    found = demo.strongest(scores, one_hot, demo.TASKS)
    top = {(site.task, site.start): site.sequence for site in found[:3]}
    assert top == KNOWN
    assert found[3].score < found[2].score / 3


def test_the_scan_equals_the_oracle(scores: np.ndarray) -> None:
    sites = [0, 1, 848, 851, 949, 953, 1269, 1275, 1600, 1998, 1999]
    naive = ismc.NaiveISM(demo.load_model(), sites=sites)
    x = demo.load_sequence().one_hot
    want = naive.saturate(x).numpy()[0] - naive.reference(x).numpy()[0]
    span = np.abs(naive.reference(x).numpy()).max()
    np.testing.assert_allclose(scores[sites], want, rtol=1e-4, atol=1e-5 * span)


def test_the_model_is_small_and_the_one_of_the_script() -> None:
    path = demo.FOLDER / "model.keras"
    assert path.stat().st_size < 1_000_000
    shipped, built = demo.load_model(), train.build(train.SCAN_LENGTH)
    assert [w.shape for w in shipped.weights] == [w.shape for w in built.weights]
    assert shipped.count_params() == built.count_params()


def test_training_learns_from_what_it_draws() -> None:
    rng = np.random.default_rng(0)
    x, y = train.draw(rng, 64)
    assert x.shape == (64, train.TRAIN_LENGTH, 4)
    assert (x.sum(-1) == 1).all()
    again, _ = train.draw(np.random.default_rng(0), 64)
    assert np.array_equal(x, again)
    text = ["".join("ACGT"[i] for i in row) for row in x.argmax(-1)]
    carries = [bool(re.search("TGA[CG]TCA", row)) for row in text]
    assert np.mean(carries == y[:, 0]) > 0.9  # a later decoy may be written over a motif
    model, shipped = train.build(train.TRAIN_LENGTH), demo.load_model()
    model.set_weights(shipped.get_weights())
    kernel, bias = shipped.get_layer("logits").get_weights()
    shrunk = kernel * (train.TRAIN_LENGTH / train.SCAN_LENGTH)
    model.get_layer("logits").set_weights([shrunk, bias])
    said = keras.ops.convert_to_numpy(model(x)) > 0
    assert (said == y).mean() > 0.9


def test_strongest_on_made_up_scores() -> None:
    scores, one_hot = np.zeros((60, 4, 1)), np.eye(4)[np.arange(60) % 4]
    scores[20:26, 1] = -3.0
    scores[40:44, 2] = 1.0
    first, second = demo.strongest(scores, one_hot, ["task"], 2)
    assert (first.start, first.stop, first.sequence) == (20, 26, "ACGTAC")
    assert (second.start, second.stop) == (40, 44)


def test_the_slope_of_a_site_is_no_site() -> None:
    scores, one_hot = np.zeros((80, 4, 1)), np.eye(4)[np.arange(80) % 4]
    scores[30:41, 1, 0] = 3.0
    scores[15:30, 2, 0] = np.linspace(0.01, 1.0, 15)
    scores[70:73, 2, 0] = 0.1
    first, second = demo.strongest(scores, one_hot, ["task"], 2)
    assert (first.start, first.stop) == (30, 41)
    assert (second.start, second.stop) == (70, 73)


def test_run_writes_its_files_and_refuses_to_write_them_again(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    sites = demo.run(tmp_path / "out")
    printed = capsys.readouterr().out
    assert {(s.task, s.start) for s in sites} >= set(KNOWN)
    assert "times faster" in printed
    assert all(word in printed for word in ("848", "949", "1269"))
    stored = np.load(tmp_path / "out" / "scores.npz")
    assert stored["scores"].shape == (1, 2000, 4, 2)
    assert (tmp_path / "out" / "enhancer.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match="exists"):
        demo.run(tmp_path / "out")
    with pytest.raises(InputError, match="is a file, expected a folder"):
        demo.run(tmp_path / "out" / "scores.npz")
