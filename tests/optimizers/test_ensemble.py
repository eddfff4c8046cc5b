from __future__ import annotations

import itertools
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from nascurve.errors import ConfigError
from nascurve.optimizers.ensemble import Ensemble, _Pass
from nascurve.simulator.types import FloatArray

FAITHFUL: dict[str, Any] = {
    "members": 5,
    "depth": 10,
    "width": 20,
    "epochs": 150,
    "max_steps": None,
    "minibatch_size": 32,
    "learning_rate": 0.01,
    "schedule": "constant",
}


def ensemble(**options: Any) -> Ensemble:
    return Ensemble(**{**FAITHFUL, **options})


def data(n: int, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    x = (rng.random((n, 12)) < 0.5).astype(np.float64)
    return x, x[:, 0] - 2 * x[:, 1] * x[:, 2] + 0.5 * x[:, 3]


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_a_fit_equals_each_member_trained_alone_by_autograd_and_torch_adam(schedule: str) -> None:
    import torch

    members, depth, width, batch, epochs, n = 3, 2, 7, 16, 3, 40
    x, y = data(n)
    model = ensemble(
        members=members,
        depth=depth,
        width=width,
        minibatch_size=batch,
        epochs=epochs,
        schedule=schedule,
    )
    model.fit(x, y, np.random.default_rng(1))

    rng = np.random.default_rng(1)  # the same draws: initial weights layer by layer, then orders of each pass
    sizes = [12, width, width, 1]
    weights = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        limit = np.sqrt(6 / (fan_in + fan_out))
        drawn = rng.uniform(-limit, limit, members * fan_in * fan_out)
        weights.append(torch.tensor(drawn.reshape(members, fan_in, fan_out), dtype=torch.float32))
    orders = [rng.permuted(np.tile(np.arange(n), (members, 1)), axis=1) for _ in range(epochs)]
    n_steps = epochs * 3
    for m in range(members):
        net = torch.nn.Sequential()
        for weight in weights:
            linear = torch.nn.Linear(*weight.shape[1:])
            linear.weight.data, linear.bias.data = weight[m].T.clone(), torch.zeros(weight.shape[2])
            net.append(linear)
            net.append(torch.nn.ReLU())
        net = net[:-1]
        adam = torch.optim.Adam(net.parameters(), lr=0.01, betas=(0.9, 0.99))
        step = 0
        for order in orders:
            for rows in (order[m, :16], order[m, 16:32], order[m, 32:]):
                decay = 0.5 * (1 + np.cos(np.pi * step / n_steps)) if schedule == "cosine" else 1.0
                adam.param_groups[0]["lr"] = 0.01 * decay
                adam.zero_grad()
                inputs = torch.tensor(x[rows], dtype=torch.float32)
                targets = torch.tensor(y[rows], dtype=torch.float32)
                (net(inputs)[:, 0] - targets).abs().mean().backward()
                adam.step()
                step += 1
        with torch.no_grad():
            alone = net(torch.tensor(x, dtype=torch.float32))[:, 0].numpy()
        assert model.predict(x)[m] == pytest.approx(alone, abs=2e-4)


def test_it_learns_a_function_and_members_differ() -> None:
    x, y = data(200)
    unseen, truth = data(100, seed=1)
    model = ensemble(max_steps=300, schedule="cosine")
    model.fit(x, y, np.random.default_rng(0))
    predictions = model.predict(unseen)
    assert predictions.shape == (5, 100)
    assert np.abs(predictions.mean(axis=0) - truth).mean() < 0.25 * np.abs(truth - np.median(truth)).mean()
    assert predictions.std(axis=0).mean() > 0.001


def test_the_generator_determines_the_networks_and_a_fit_starts_anew() -> None:
    x, y = data(50)
    model, again = ensemble(epochs=5), ensemble(epochs=5)
    model.fit(x, y, np.random.default_rng(0))
    first = model.predict(x)
    again.fit(x, -y, np.random.default_rng(3))
    again.fit(x, y, np.random.default_rng(0))
    assert np.array_equal(again.predict(x), first)
    again.fit(x, y, np.random.default_rng(1))
    assert not np.array_equal(again.predict(x), first)


@pytest.mark.parametrize("n", [1, 2, 31, 32, 33, 64])
def test_any_number_of_rows(n: int) -> None:
    x, y = data(n)
    model = ensemble(epochs=2)
    model.fit(x, y, np.random.default_rng(0))
    assert np.isfinite(model.predict(x)).all()


def test_max_steps_limits_the_work() -> None:
    x, y = data(64)
    short, limited = ensemble(epochs=2), ensemble(epochs=150, max_steps=4)
    for model in (short, limited):
        model.fit(x, y, np.random.default_rng(0))
    assert np.array_equal(short.predict(x), limited.predict(x))  # 2 passes of 2 steps


def test_a_minibatch_takes_the_memory_of_its_own_rows_however_many_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A shuffled copy of all rows for each member would be 600 MB at 2,000 rows of NAS-Bench-301's paths."""
    sizes = []

    def run(self: _Pass, x: Any, y: Any) -> None:
        sizes.append((x.untyped_storage().nbytes(), y.untyped_storage().nbytes()))

    monkeypatch.setattr(_Pass, "run", run)
    x, y = data(500)
    ensemble(max_steps=20).fit(x, y, np.random.default_rng(0))
    assert len(sizes) == 20
    assert max(sizes) == (5 * 32 * 12 * 4, 5 * 32 * 4)


def test_threads_of_torch_are_left_as_they_were() -> None:
    import torch

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        x, y = data(10)
        ensemble(epochs=1).fit(x, y, np.random.default_rng(0))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_predict_before_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="fit"):
        ensemble().predict(data(3)[0])


def test_torch_is_imported_when_the_first_ensemble_is_fitted_not_before() -> None:
    code = (
        "import sys, numpy as np, nascurve.registry as r\n"
        "from nascurve.optimizers.bananas import Bananas\n"
        "space = r.create_search_space('cell201')\n"
        "Bananas(space, rng=np.random.default_rng(0))\n"
        "assert 'torch' not in sys.modules and 'scipy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
