"""A surrogate's folder: what comes back of it, and what becomes of damaged and hostile ones."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
import zipfile

import numpy as np
import pytest

import nascurve.benchmarks.surrogate.folder as folder_module
from nascurve.benchmarks.cell201 import Cell201Space
from nascurve.benchmarks.surrogate.curve_data import CurveData
from nascurve.benchmarks.surrogate.folder import (
    MANIFEST,
    is_surrogate_folder,
    load_surrogate_folder,
    save_surrogate,
)
from nascurve.benchmarks.surrogate.surrogate import Surrogate
from nascurve.errors import ConfigError, DataFileError

SPACE = Cell201Space()
SMALL = {"models": ["extratrees"], "n_members": 2, "n_components": 2}


def made_up_runs(n=40, epochs=10, seed=0):
    """Two runs of each of n cells: more convolutions are better."""
    rng = np.random.default_rng(seed)
    archs = [SPACE.sample(rng) for _ in range(n)]
    final = np.array([0.3 + 0.08 * sum("conv" in op for op in arch.ops) for arch in archs])
    curves = final[:, None] * (1 - 0.6 * np.exp(-np.arange(epochs) / 3))
    both = np.concatenate([curves, curves]) + rng.normal(0, 0.01, (2 * n, epochs))
    return CurveData.of(SPACE, archs * 2, np.clip(both, 0, 1), epoch_s=np.linspace(1, 2, 2 * n))


@pytest.fixture(scope="module")
def surrogate():
    return Surrogate.fit(made_up_runs(), SMALL, seed=0)


@pytest.fixture
def folder(surrogate, tmp_path):
    return save_surrogate(surrogate, tmp_path / "fitted", evaluation={"final_tau": 0.7})


def _answers(surrogate):
    archs = [SPACE.sample(np.random.default_rng(i)) for i in range(7)]
    return surrogate.mean_curves(archs), surrogate.curves(archs, range(7)), surrogate.epoch_s(archs)


def _rewritten(folder, **changes):
    """The manifest with changes, and with a digest that fits them: as a forger would do."""
    manifest = json.loads((folder / MANIFEST).read_text()) | changes
    rest = {name: value for name, value in manifest.items() if name != "sha256"}
    text = json.dumps(rest, sort_keys=True)
    manifest["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest))


def _accept(folder, path):
    """Let the manifest state what the file now is."""
    files = json.loads((folder / MANIFEST).read_text())["files"]
    data = path.read_bytes()
    files[path.name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    _rewritten(folder, files=files)


def test_what_is_loaded_answers_as_what_was_saved(surrogate, folder):
    loaded, manifest = load_surrogate_folder(folder)
    for ours, theirs in zip(_answers(loaded), _answers(surrogate), strict=True):
        assert np.array_equal(ours, theirs)
    assert manifest["evaluation"] == {"final_tau": 0.7}
    assert loaded.facts == surrogate.facts
    assert manifest["facts"]["training"]["n_runs"] == 80


def test_loading_takes_less_than_a_second(folder):
    load_surrogate_folder(folder)
    start = time.perf_counter()
    load_surrogate_folder(folder)
    assert time.perf_counter() - start < 1


def test_there_is_no_pickle_and_no_array_of_objects(folder):
    for path in folder.iterdir():
        assert path.suffix in (".json", ".npz", ".txt", ".bin")
    with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
        for name in arrays.files:
            assert arrays[name].dtype.kind in "biufU"


def test_saving_again_replaces_a_surrogate_and_nothing_else(surrogate, folder, tmp_path):
    before = (folder / MANIFEST).read_bytes()
    save_surrogate(surrogate, folder, evaluation={"final_tau": 0.8})
    assert load_surrogate_folder(folder)[1]["evaluation"] == {"final_tau": 0.8}
    assert (folder / MANIFEST).read_bytes() != before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fitted"]  # no temporary folders
    other = tmp_path / "results"
    other.mkdir()
    (other / "table.csv").write_text("mine")
    with pytest.raises(DataFileError, match=r"table\.csv"):
        save_surrogate(surrogate, other)
    assert [path.name for path in other.iterdir()] == ["table.csv"]
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DataFileError, match="expected a folder"):
        save_surrogate(surrogate, tmp_path / "file")


def test_a_save_that_fails_leaves_the_old_surrogate(surrogate, folder, tmp_path, monkeypatch):
    monkeypatch.setattr("nascurve.benchmarks.surrogate.folder._write_npz", _disk_full)
    with pytest.raises(DataFileError, match="disk full"):
        save_surrogate(surrogate, folder)
    monkeypatch.undo()
    load_surrogate_folder(folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fitted"]


def test_a_space_without_an_id_could_not_be_loaded_again(surrogate, tmp_path, monkeypatch):
    monkeypatch.setattr(Cell201Space, "name", "my space")
    with pytest.raises(ConfigError, match=r"nascurve\.search_spaces"):
        save_surrogate(surrogate, tmp_path / "fitted")
    assert not list(tmp_path.iterdir())


def _disk_full(*_):
    raise OSError("disk full")


def test_the_same_surrogate_gives_the_same_files(surrogate, folder, tmp_path):
    again = save_surrogate(Surrogate.fit(made_up_runs(), SMALL, seed=0), tmp_path / "again")
    for path in folder.iterdir():
        if path.name != MANIFEST:
            assert path.read_bytes() == (again / path.name).read_bytes()


def test_each_missing_altered_cut_or_extra_file_is_named(folder):
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        middle = len(whole) // 2
        flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
        for damaged in (whole[:middle], b"", whole + b"x", flipped):
            path.write_bytes(damaged)
            with pytest.raises(DataFileError, match=path.name) as caught:
                load_surrogate_folder(folder)
            assert "surrogate fit" in str(caught.value)
        path.unlink()
        with pytest.raises(DataFileError, match=path.name):
            load_surrogate_folder(folder)
        path.write_bytes(whole)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(DataFileError, match=r"notes\.txt.*Remove it"):
        load_surrogate_folder(folder)
    (folder / "notes.txt").unlink()
    load_surrogate_folder(folder)


@pytest.mark.parametrize("where", ["nothing", "empty", "file"])
def test_what_is_no_folder_of_a_surrogate(tmp_path, where):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    assert not is_surrogate_folder(tmp_path / where)
    with pytest.raises(DataFileError, match=MANIFEST):
        load_surrogate_folder(tmp_path / where)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"format": "other"}, "another JSON document"),
        ({"format_version": 2}, "Upgrade nascurve"),
        ({"format_version": "1"}, "format_version"),
        ({"space": "cell999"}, "cell999"),
        ({"space": 5}, "space"),
        ({"parts": {}}, "models"),
        ({"parts": {"mean": 1}}, "models"),
        ({"facts": {}}, "models"),
        ({"files": {"../../etc/passwd": {"bytes": 1, "sha256": ""}}}, "plain names|no such file|not part"),
        ({"files": []}, "files"),
    ],
)
def test_a_forged_manifest_is_one_clear_error(folder, changes, text):
    _rewritten(folder, **changes)
    with pytest.raises(DataFileError, match=text):
        load_surrogate_folder(folder)


def test_an_altered_manifest_is_noticed(folder):
    path = folder / MANIFEST
    path.write_text(path.read_text().replace('"final_tau": 0.7', '"final_tau": 0.9'))
    with pytest.raises(DataFileError, match=r"manifest\.json.*altered"):
        load_surrogate_folder(folder)


def test_a_forged_number_of_epochs_takes_no_memory(folder):
    manifest = json.loads((folder / MANIFEST).read_text())
    parts, facts = manifest["parts"], manifest["facts"]
    parts["mean"]["settings"]["early_epochs"] = facts["settings"]["early_epochs"] = 10**9
    facts["training"]["n_epochs"] = 10**10
    _rewritten(folder, parts=parts)
    with pytest.raises(DataFileError, match="other settings than the surrogate's"):
        load_surrogate_folder(folder)
    _rewritten(folder, parts=parts, facts=facts)
    with pytest.raises(DataFileError, match="out of range"):
        load_surrogate_folder(folder)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda facts: facts["training"].update(diverged_after=[[1]]), "whole numbers"),
        (lambda facts: facts["training"].update(diverged_after=["1"]), "whole numbers"),
        (lambda facts: facts["settings"].update(noise="kde"), "another noise model"),
    ],
)
def test_forged_facts_are_refused(folder, change, text):
    facts = json.loads((folder / MANIFEST).read_text())["facts"]
    change(facts)
    _rewritten(folder, facts=facts)
    with pytest.raises(DataFileError, match=text):
        load_surrogate_folder(folder)


def test_a_source_that_is_no_utf8_is_kept(surrogate, tmp_path):
    """The name of a file that was not written in UTF-8 gets there."""
    odd = dataclasses.replace(surrogate, facts={**surrogate.facts, "source": "l\udcffgs"})
    assert load_surrogate_folder(save_surrogate(odd, tmp_path / "odd"))[0].facts["source"] == "l\udcffgs"


def test_a_folder_that_is_replaced_while_it_is_read_is_not_mixed(surrogate, folder, monkeypatch):
    arrays = folder / "arrays.npz"

    def replaced_now(data):
        arrays.write_bytes(b"of another surrogate")
        return read(data)

    read = folder_module._read_npz
    monkeypatch.setattr(folder_module, "_read_npz", replaced_now)
    loaded, _ = load_surrogate_folder(folder)
    for one, other in zip(_answers(loaded), _answers(surrogate), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_a_forged_setting_of_a_model_never_crashes(folder):
    """Each leaf of the models' settings replaced by something else: an error, or a surrogate that answers."""
    parts = json.loads((folder / MANIFEST).read_text())["parts"]
    for path in _leaves(parts):
        for value in (None, -1, 10**9, "x", [], 1e300):
            forged = json.loads(json.dumps(parts))
            place = forged
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = value
            _rewritten(folder, parts=forged)
            try:
                loaded, _ = load_surrogate_folder(folder)
                means, curves, _ = _answers(loaded)
            except DataFileError:
                continue
            for answer in (means, curves):
                assert ((answer >= 0) & (answer <= 1)).all()


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("code of a file was run",)


def test_hostile_arrays_are_refused(folder, monkeypatch):
    path = folder / "arrays.npz"
    with np.load(path) as file:
        arrays = dict(file)
    name = next(iter(arrays))
    np.savez(path, **{**arrays, name: np.array([Bomb()])}, allow_pickle=True)
    _accept(folder, path)
    with pytest.raises(DataFileError, match="allow_pickle"):
        load_surrogate_folder(folder)
    header = b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999,)}"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.npy", header.ljust(127) + b"\n")
    _accept(folder, path)
    with pytest.raises(DataFileError, match="fitted"):
        load_surrogate_folder(folder)
    monkeypatch.setattr("nascurve.benchmarks.surrogate.folder._MAX_FILE", 2**20)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.npy", bytes(2**20 + 1))
    _accept(folder, path)
    with pytest.raises(DataFileError, match="more than"):
        load_surrogate_folder(folder)


@pytest.mark.slow
def test_forged_arrays_never_crash(folder):
    """Each array replaced, with every SHA-256 made to fit: an error, or a surrogate that answers."""
    path = folder / "arrays.npz"
    with np.load(path) as file:
        arrays = dict(file)
    rng = np.random.default_rng(0)
    for name, array in arrays.items():
        for forged in _forgeries(array, rng):
            np.savez(path, **{**arrays, name: forged})
            _accept(folder, path)
            try:
                loaded, _ = load_surrogate_folder(folder)
            except DataFileError:
                continue
            with np.errstate(all="ignore"):
                answers = _answers(loaded)[:2]
            for answer in answers:
                assert ((answer >= 0) & (answer <= 1)).all()


def _forgeries(array, rng):
    yield array[:0]
    yield array[..., None]
    yield np.concatenate([array, array])
    yield array.astype(np.float32 if array.dtype.kind == "f" else np.int64)
    yield rng.permutation(array)
    yield np.full_like(array, -1)
    yield np.full_like(array, np.nan if array.dtype.kind == "f" else np.iinfo(array.dtype).max)
    if array.dtype.kind == "f":
        yield array * 1e300
        yield array + 0.5
    else:
        yield array + 1
        yield array * 0


def _leaves(value, path=()):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [leaf for key, inner in items for leaf in _leaves(inner, (*path, key))]
    return found or [path]
