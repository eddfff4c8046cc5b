"""Sweeps in TensorBoard."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from nascurve.errors import ConfigError
from nascurve.experiments.callbacks.method_log import (
    final_by_method,
    final_values,
    mean_curves,
    method_settings,
    require_package,
    summary_values,
)
from nascurve.experiments.curves import MethodKey
from nascurve.experiments.methods import method_name

if TYPE_CHECKING:
    import pandas as pd
    from torch.utils.tensorboard import SummaryWriter

_FOLDER = "tensorboard"
_EVENTS = "events.out.tfevents.*"
_LIVE, _END = ".live", ".end"
"""Endings of event files: written as runs end, and once at the end."""


class TensorBoard:
    """One TensorBoard run a method, in `tensorboard` of the folder of results: `tensorboard --logdir FOLDER`.

    As runs end: `final/regret`, `final/test_error`, … of each seed, with the seed as step; the cause where it
    failed, as text. At the end: the mean curve `anytime/regret` (or `anytime/test_error`), with simulated
    milliseconds as step and simulated seconds as wall time (horizontal axis: relative); the distribution of
    final regrets; settings and summary as hparams; figures and configuration. What is written at the end
    replaces what was there, so that nothing stands there twice however often a sweep is interrupted.

    Raises ConfigError without the package, and at `begin` where no results are written.
    """

    def __init__(self) -> None:
        require_package("tensorboard", "tensorboard")
        self._live: dict[MethodKey, SummaryWriter] = {}

    def begin(self, config: Mapping[str, Any], folder: Path | None, total: int, done: int) -> None:
        if folder is None:
            raise ConfigError("callbacks: tensorboard writes into the folder of the results. Give out=…")
        self._config = config
        self._folder = folder / _FOLDER
        if not done:
            self._remove(_LIVE)
            self._remove(_END)

    def run_finished(self, run: Mapping[str, Any]) -> None:
        key = (run["optimizer"], run["lce"])
        if key not in self._live:
            self._live[key] = self._writer(key, _LIVE)
        writer, seed = self._live[key], run["seed"]
        for name, value in final_values(run).items():
            writer.add_scalar(f"final/{name}", value, seed)
        if run["error"]:
            writer.add_text("failed", f"seed {seed}: {run['error']}", seed)

    def end(self, runs: pd.DataFrame, summary: pd.DataFrame, figures: Sequence[Path]) -> None:
        self._remove(_END)
        metric, finals = final_by_method(runs)
        _, curves = mean_curves(runs, float(self._config["experiment"]["run"]["budget_s"]))
        numbers = summary_values(summary)
        for key, settings in method_settings(self._config).items():
            with self._writer(key, _END) as writer:
                for time_s, mean in zip(*curves.get(key, ((), ())), strict=True):
                    writer.add_scalar(f"anytime/{metric}", mean, round(1000 * time_s), walltime=time_s)
                if len(finals.get(key, ())):
                    writer.add_histogram(f"final/{metric} of all seeds", finals[key], 0)
                self._add_hparams(writer, settings, numbers.get(key, {}))
        with self._writer(None, _END) as writer:
            self._add_overview(writer, summary, figures)

    def close(self) -> None:
        while self._live:
            self._live.popitem()[1].close()

    def _writer(self, key: MethodKey | None, ending: str) -> SummaryWriter:
        from torch.utils.tensorboard import SummaryWriter

        name = "" if key is None else quote(method_name(key), safe=" +=,()[]")  # a label may hold a slash
        return SummaryWriter(str(self._folder / name), flush_secs=5, filename_suffix=ending)

    def _add_hparams(
        self, writer: SummaryWriter, settings: Mapping[str, Any], numbers: Mapping[str, float]
    ) -> None:
        from torch.utils.tensorboard.summary import hparams

        metrics = {f"summary/{name}": value for name, value in numbers.items()}
        file_writer: Any = writer.file_writer
        for part in hparams(dict(settings), metrics):  # type: ignore[no-untyped-call]
            file_writer.add_summary(part)
        for name, value in metrics.items():
            writer.add_scalar(name, value, 0)

    def _add_overview(self, writer: SummaryWriter, summary: pd.DataFrame, figures: Sequence[Path]) -> None:
        import yaml
        from matplotlib.image import imread

        for figure in figures:
            writer.add_image(figure.stem, imread(figure)[..., :3], 0, dataformats="HWC")
        text = yaml.safe_dump(dict(self._config), sort_keys=False, allow_unicode=True)
        writer.add_text("config.yaml", "\n".join(f"    {line}" for line in text.splitlines()), 0)
        writer.add_text("summary.csv", _markdown(summary), 0)

    def _remove(self, ending: str) -> None:
        for place in (self._folder, *self._folder.glob("*/")):
            for file in place.glob(f"{_EVENTS}{ending}"):
                file.unlink()


def _markdown(summary: pd.DataFrame) -> str:
    from nascurve.experiments.table import markdown_table

    def text(value: Any) -> str:
        if isinstance(value, float):
            return "" if math.isnan(value) else f"{value:.4g}"
        return str(value)

    rows = [[text(value) for value in row] for row in summary.itertuples(index=False)]
    return markdown_table([str(name) for name in summary.columns], rows, right=range(2, len(summary.columns)))
