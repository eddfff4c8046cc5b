"""The task `image-folder`: a user's own images, one folder a class."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve import options
from nascurve.benchmarks.skeleton import Skeleton
from nascurve.benchmarks.task import Recipe, Split, TaskData
from nascurve.errors import ConfigError, DataFileError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
_SPLITS = ("train", "val", "test")
_MAX_COUNT = 2**16 - 1
"""Tables count correct images in 16 bits."""
_NAMED = 10


class ImageFolder:
    """Images under `folder/<class>/…`, split at random, or under `folder/{train,val,test}/<class>/…`.

    Classes are the sub-folders in the order of their names. Images are scaled to a square with Pillow
    (bilinear with antialiasing) and kept as bytes; each split is in memory. Everything is decided by the
    options and the files: the same ones give the same data on every machine with the same Pillow.

    folder: where the images lie.
    image_px: side of the square, a multiple of 4, at least 8.
    grey: one channel instead of three.
    channels: width of the first stage, a multiple of 4.
    val_fraction, test_fraction: shares of each class, where `folder` has no train, val and test of its own.
    epochs, batch_size, peak_lr, weight_decay: see `Recipe`. steps_per_epoch: None for as many as one pass
        over the training images takes.

    Raises ConfigError for options, DataFileError for a folder without such images and, with their names, for
    files that are no readable images.
    """

    name = "image-folder"
    version = 1

    def __init__(
        self,
        *,
        folder: str | os.PathLike[str],
        image_px: int = 32,
        grey: bool = False,
        channels: int = 8,
        val_fraction: float = 0.15,
        test_fraction: float = 0.15,
        epochs: int = 32,
        steps_per_epoch: int | None = None,
        batch_size: int = 64,
        peak_lr: float = 0.1,
        weight_decay: float = 5e-4,
    ) -> None:
        self._folder = options.path("folder", folder)
        self._px = options.integer("image_px", image_px, at_least=8)
        self._grey = options.flag("grey", grey)
        self._channels = options.integer("channels", channels, at_least=4)
        self._fractions = (
            options.real("val_fraction", val_fraction, above=0, at_most=0.5),
            options.real("test_fraction", test_fraction, above=0, at_most=0.49),
        )
        self.options: dict[str, Any] = {
            "folder": str(self._folder),
            "image_px": self._px,
            "grey": self._grey,
            "channels": self._channels,
            "val_fraction": self._fractions[0],
            "test_fraction": self._fractions[1],
            "epochs": options.integer("epochs", epochs, at_least=1),
            "steps_per_epoch": steps_per_epoch,
            "batch_size": options.integer("batch_size", batch_size, at_least=2),
            "peak_lr": options.real("peak_lr", peak_lr, above=0),
            "weight_decay": options.real("weight_decay", weight_decay, at_least=0),
        }
        if steps_per_epoch is not None:
            options.integer("steps_per_epoch", steps_per_epoch, at_least=1)
        self._files = _listed(self._folder, self._fractions)
        self._classes = sorted({path.parent.name for path in self._files["train"]})

    @functools.cached_property
    def recipe(self) -> Recipe:
        given = self.options
        batch_size = given["batch_size"]
        one_pass = -(-len(self._files["train"]) // batch_size)
        return Recipe(
            epochs=given["epochs"],
            steps_per_epoch=given["steps_per_epoch"] or one_pass,
            batch_size=batch_size,
            peak_lr=given["peak_lr"],
            weight_decay=given["weight_decay"],
        )

    @property
    def skeleton(self) -> Skeleton:
        return Skeleton(
            image_px=self._px,
            in_channels=1 if self._grey else 3,
            channels=self._channels,
            n_classes=len(self._classes),
        )

    def load(self) -> TaskData:
        """Read and scale all images. Raises DataFileError that names the files which are no images."""
        number = {name: i for i, name in enumerate(self._classes)}
        unreadable: list[str] = []
        splits = {}
        for split, files in self._files.items():
            images = np.zeros((len(files), 1 if self._grey else 3, self._px, self._px), dtype=np.uint8)
            for row, path in enumerate(files):
                try:
                    images[row] = self._read(path)
                except Exception as error:  # Pillow's readers raise whatever their formats suggest
                    unreadable.append(f"{path} ({error or type(error).__name__})")
            labels = np.array([number[path.parent.name] for path in files], dtype=np.int64)
            splits[split] = Split(images=images, labels=labels)
        if unreadable:
            more = f" and {len(unreadable) - _NAMED} more" if len(unreadable) > _NAMED else ""
            raise DataFileError(
                f"{self._folder}: expected readable images; {len(unreadable)} are not: "
                f"{'; '.join(unreadable[:_NAMED])}{more}. Replace or remove them."
            )
        return TaskData(**splits)

    def _read(self, path: Path) -> NDArray[np.uint8]:
        from PIL import Image

        with Image.open(path) as image:
            scaled = image.convert("L" if self._grey else "RGB").resize(
                (self._px, self._px), Image.Resampling.BILINEAR
            )
        pixels = np.asarray(scaled, dtype=np.uint8)
        return pixels[np.newaxis] if self._grey else pixels.transpose(2, 0, 1)

    def metadata(self) -> dict[str, Any]:
        return {
            "data": f"images of the folder {self._folder.name}",
            "labels": self._classes,
            "licence": "that of the images; the curves are yours",
            "citation": "",
            "split_sizes": {split: len(files) for split, files in self._files.items()},
        }


def _listed(folder: Path, fractions: tuple[float, float]) -> dict[str, list[Path]]:
    """The image files of each split, in a fixed order. Raises DataFileError."""
    if not folder.is_dir():
        raise DataFileError(f"{folder}: no such folder; expected one with a sub-folder of images per class.")
    inside = {path.name for path in folder.iterdir() if path.is_dir()}
    if inside >= set(_SPLITS):
        files = {split: _images(folder / split) for split in _SPLITS}
    else:
        files = _split(_images(folder), fractions)
    classes = {split: {path.parent.name for path in paths} for split, paths in files.items()}
    if len(classes["train"]) < 2 or not classes["train"] >= classes["val"] | classes["test"]:
        found = ", ".join(f"{split}: {len(names)} classes" for split, names in classes.items())
        raise DataFileError(
            f"{folder}: expected at least two classes (sub-folders of images: {', '.join(SUFFIXES)}), and in "
            f"val and test none that train lacks; found {found}."
        )
    for split in ("val", "test"):
        if not 1 <= len(files[split]) <= _MAX_COUNT:
            raise ConfigError(
                f"{folder}: expected 1 to {_MAX_COUNT} images for {split}, got {len(files[split])}. Change "
                f"{split}_fraction, or the folder."
            )
    return files


def _images(folder: Path) -> list[Path]:
    found = [path for path in folder.glob("*/*") if path.suffix.lower() in SUFFIXES and path.is_file()]
    return sorted(found, key=lambda path: (path.parent.name, path.name))


def _split(paths: list[Path], fractions: tuple[float, float]) -> dict[str, list[Path]]:
    """Each class by itself, at random with a fixed generator; at least one image to each split where there
    are three."""
    files: dict[str, list[Path]] = {split: [] for split in _SPLITS}
    rng = np.random.default_rng(0)
    for name in sorted({path.parent.name for path in paths}):
        own = [path for path in paths if path.parent.name == name]
        order = [own[i] for i in rng.permutation(len(own))]
        n_val, n_test = (max(1, round(fraction * len(own))) for fraction in fractions)
        if len(own) < n_val + n_test + 1:
            raise DataFileError(f"{own[0].parent}: expected at least 3 images of the class, got {len(own)}.")
        files["val"] += order[:n_val]
        files["test"] += order[n_val : n_val + n_test]
        files["train"] += order[n_val + n_test :]
    return files
