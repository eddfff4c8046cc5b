"""A user's own images as a task: read, split, trained, assembled; bad folders named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nascurve.benchmarks.image_folder import ImageFolder
from nascurve.benchmarks.table import CurveTable
from nascurve.benchmarks.tasks import create_task
from nascurve.errors import ConfigError, DataFileError
from nascurve.experiments.cli import main


def _paint(folder: Path, n: int, *, suffix: str = ".png", seed: int = 0) -> Path:
    """Two classes of n images each: dark and bright noise, of varying sizes."""
    rng = np.random.default_rng(seed)
    for name, level in (("bright", 160), ("dark", 40)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(n):
            size = (int(rng.integers(9, 20)), int(rng.integers(9, 20)), 3)
            pixels = np.clip(rng.normal(level, 30, size), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i:03}{suffix}")
    return folder


def test_images_are_scaled_labelled_and_split_by_class(tmp_path: Path) -> None:
    task = ImageFolder(folder=_paint(tmp_path, 20), image_px=8, val_fraction=0.2, test_fraction=0.1)
    data = task.load()
    assert data.train.images.shape == (28, 3, 8, 8)
    assert [len(split.labels) for split in (data.train, data.val, data.test)] == [28, 8, 4]
    assert task.metadata()["split_sizes"] == {"train": 28, "val": 8, "test": 4}
    for split in (data.train, data.val, data.test):
        assert set(split.labels) == {0, 1}
        bright = split.images.reshape(len(split.labels), -1).mean(axis=1) > 100
        assert np.array_equal(bright, split.labels == 0)  # classes by name: bright is 0
    assert task.skeleton.n_classes == 2
    assert task.recipe.steps_per_epoch == 1
    again = ImageFolder(folder=tmp_path, image_px=8, val_fraction=0.2, test_fraction=0.1)
    assert again.load().checksum() == data.checksum()


def test_no_image_is_in_two_splits(tmp_path: Path) -> None:
    data = ImageFolder(folder=_paint(tmp_path, 15), image_px=8).load()
    seen = [image.tobytes() for split in (data.train, data.val, data.test) for image in split.images]
    assert len(seen) == len(set(seen)) == 30


def test_own_splits_and_grey(tmp_path: Path) -> None:
    for number, (split, n) in enumerate((("train", 6), ("val", 3), ("test", 2))):
        _paint(tmp_path / split, n, suffix=".jpg", seed=number)
    data = ImageFolder(folder=tmp_path, image_px=12, grey=True).load()
    assert data.train.images.shape == (12, 1, 12, 12)
    assert (len(data.val.labels), len(data.test.labels)) == (6, 4)


def test_unreadable_files_are_all_named(tmp_path: Path) -> None:
    _paint(tmp_path, 8)
    (tmp_path / "dark" / "cut.png").write_bytes((tmp_path / "dark" / "000.png").read_bytes()[:60])
    (tmp_path / "bright" / "page.jpg").write_text("<html>not found</html>")
    with pytest.raises(DataFileError) as caught:
        ImageFolder(folder=tmp_path, image_px=8).load()
    assert "2 are not" in str(caught.value)
    assert "cut.png" in str(caught.value)
    assert "page.jpg" in str(caught.value)


@pytest.mark.parametrize("n_classes", [0, 1])
def test_a_folder_without_classes_says_what_is_expected(tmp_path: Path, n_classes: int) -> None:
    if n_classes:
        _paint(tmp_path, 5)
        for path in (tmp_path / "dark").iterdir():
            path.unlink()
    with pytest.raises(DataFileError, match="at least two classes"):
        ImageFolder(folder=tmp_path)


def test_bad_options(tmp_path: Path) -> None:
    folder = _paint(tmp_path / "images", 5)
    for bad in (
        {"image_px": 4},
        {"val_fraction": 0.0},
        {"epochs": 0},
        {"steps_per_epoch": 0},
        {"grey": 1},
        {"folder": ""},
    ):
        with pytest.raises(ConfigError, match=next(iter(bad))):
            ImageFolder(**{"folder": folder, **bad})
    with pytest.raises(ConfigError, match="multiple of 4"):
        _ = ImageFolder(folder=folder, image_px=10).skeleton
    with pytest.raises(DataFileError, match="no such folder"):
        ImageFolder(folder=tmp_path / "none")
    with pytest.raises(ConfigError, match=r"image-folder.*folder"):
        create_task("image-folder")
    with pytest.raises(DataFileError, match="at least 3 images"):
        ImageFolder(folder=_paint(tmp_path / "few", 2))


def test_collected_and_assembled_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _paint(tmp_path / "images", 12)
    out, table_file = tmp_path / "out", tmp_path / "mine.npz"
    command = ["collect", "task=image-folder", f"task_options.folder={folder}", "task_options.image_px=8"]
    command += ["task_options.epochs=2", "task_options.steps_per_epoch=2", "architectures=22", "processes=1"]
    assert main([*command, f"out={out}"]) == 0, capsys.readouterr().err
    assert main(["assemble", str(out), f"out={table_file}", "benchmark=mine-v1"]) == 0
    table = CurveTable.read(table_file)
    assert table.trained.sum() == 22
    assert (table.meta.benchmark, table.meta.n_val, table.max_epochs) == ("mine", 4, 2)
    assert table.meta.recipe["task_options"]["image_px"] == 8
    assert main(["collect", f"benchmark={table_file}", "--verify", "2", "processes=1"]) == 0
    assert "2 of 2 runs agree" in capsys.readouterr().out
    assert main(["collect", "task=image-folder", "task_options.nothing=1", f"out={out}"]) == 1
    assert "nothing" in capsys.readouterr().err
    assert main(["collect", "task_options=5", f"out={out}"]) == 1
    assert "expected task_options.NAME=VALUE, got 5" in capsys.readouterr().err
