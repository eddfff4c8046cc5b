"""Features: equal for isomorphic architectures, finite, batched; and some that are known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from nascurve.benchmarks.cell201 import Cell201Space
from nascurve.benchmarks.nb101.cell import Cell101
from nascurve.benchmarks.nb101.space import NB101Space
from nascurve.benchmarks.nb301.genotype import DartsGenotype
from nascurve.benchmarks.nb301.space import DartsSpace
from nascurve.benchmarks.nbnlp.space import RecurrentSpace
from nascurve.benchmarks.surrogate.features import Featurizer, featurizer
from nascurve.benchmarks.surrogate.features.graphs import graph_form
from nascurve.benchmarks.surrogate.features.recurrent_graph import unrolled_features
from nascurve.benchmarks.surrogate.features.untrained import Untrained
from nascurve.benchmarks.synthetic import SyntheticBenchmark
from nascurve.errors import ConfigError
from nascurve.simulator.types import SearchSpace

SPACES: list[SearchSpace] = [Cell201Space(), NB101Space(), DartsSpace(), RecurrentSpace()]
LSTM_LIKE = {
    "f": {"op": "linear", "input": ["x", "h_prev_0"]},
    "gate": {"op": "activation_sigm", "input": ["f"]},
    "kept": {"op": "elementwise_prod", "input": ["h_prev_1", "gate"]},
    "g": {"op": "linear", "input": ["x", "h_prev_0"]},
    "new": {"op": "activation_tanh", "input": ["g"]},
    "h_new_1": {"op": "elementwise_sum", "input": ["kept", "new"]},
    "h_new_0": {"op": "activation_tanh", "input": ["h_new_1"]},
}
LATE = {
    "a": {"op": "linear", "input": ["x", "h_prev_1"]},
    "h_new_1": {"op": "activation_tanh", "input": ["a"]},
    "b": {"op": "linear", "input": ["h_prev_0", "h_prev_1"]},
    "h_new_0": {"op": "activation_tanh", "input": ["b"]},
}
"""The output sees a token one step late."""


def fresh(space: SearchSpace) -> Featurizer:
    """Without what others have asked before."""
    made = featurizer(space)
    made._rows.clear()
    return made


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_features_are_finite_named_and_do_not_depend_on_the_batch(space: SearchSpace) -> None:
    rng = np.random.default_rng(0)
    archs = [space.sample(rng) for _ in range(20)]
    rows = fresh(space).encode(archs)
    assert rows.shape == (20, len(featurizer(space).names))
    assert len(set(featurizer(space).names)) == rows.shape[1]
    assert np.isfinite(rows).all()
    assert len(np.unique(rows, axis=0)) > 10
    alone = fresh(space)
    np.testing.assert_array_equal([alone.encode([arch])[0] for arch in archs], rows)
    assert featurizer(space).encode([]).shape == (0, rows.shape[1])


def test_isomorphic_architectures_have_equal_features() -> None:
    cells = Cell201Space()
    twins: list[tuple[SearchSpace, object, object]] = [
        (
            cells,
            cells.parse("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_1x1~2|"),
            cells.parse("|skip_connect~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|nor_conv_1x1~2|"),
        )
    ]
    matrix = np.zeros((5, 5), int)
    for edge in ((0, 1), (0, 2), (1, 3), (2, 3), (0, 3), (3, 4), (1, 4)):
        matrix[edge] = 1
    ops = ["input", "conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3", "output"]
    swap = [0, 2, 1, 3, 4]
    twins.append(
        (
            NB101Space(),
            Cell101(matrix.tolist(), ops),
            Cell101(matrix[np.ix_(swap, swap)].tolist(), [ops[place] for place in swap]),
        )
    )
    normal = ((0, 1), (1, 2), (0, 3), (1, 4), (2, 5), (3, 6), (0, 0), (1, 1))
    renamed = ((0, 3), (1, 4), (0, 1), (1, 2), (2, 6), (3, 5), (0, 0), (1, 1))
    twins.append((DartsSpace(), DartsGenotype(normal, normal), DartsGenotype(renamed, normal)))
    for space, one, other in twins:
        assert space.key(one) == space.key(other)
        assert one is not other
        np.testing.assert_array_equal(fresh(space).encode([one]), fresh(space).encode([other]))


def test_kinds_are_chosen_by_name_and_other_spaces_use_their_encoding() -> None:
    graph = featurizer(Cell201Space(), "graph")
    both = featurizer(Cell201Space(), "graph+spectrum")
    assert both.kind == "graph+spectrum"
    assert both.names[: len(graph.names)] == graph.names
    with pytest.raises(ConfigError, match=r"no kind 'grpah'.*Did you mean 'graph'"):
        featurizer(Cell201Space(), "grpah")
    space = SyntheticBenchmark().space
    arch = space.sample(np.random.default_rng(0))
    assert featurizer(space).encode([arch]).shape[0] == 1


def test_paths_over_time_of_known_cells() -> None:
    space = RecurrentSpace()
    lstm = unrolled_features(space.from_recipe(LSTM_LIKE))
    assert lstm["loop least linear"] == 0  # the state is kept by a product alone
    assert lstm["gated state"] == 1
    assert lstm["x-d0 linear"] == 1
    assert lstm["x-d1 linear"] == 1  # through the state, not through the output
    late = unrolled_features(space.from_recipe(LATE))
    assert late["x-d0 nodes"] == 30  # no path in the same step
    assert late["x-d1 linear"] == 2
    assert late["loop least linear"] == 1
    assert late["x-d0 log paths"] == 0
    assert late["x-d1 log paths"] == pytest.approx(np.log(2))


def test_nodes_that_the_output_never_sees_are_dead() -> None:
    recipe = {
        **LATE,
        "c": {"op": "linear", "input": ["x", "h_prev_2"]},
        "h_new_2": {"op": "activation_tanh", "input": ["c"]},
    }
    found = unrolled_features(RecurrentSpace().from_recipe(recipe))
    assert (found["live nodes"], found["dead nodes"], found["live hiddens"]) == (4, 2, 2)


def test_an_untrained_cell_remembers_what_it_can_see() -> None:
    space, sizes = RecurrentSpace(), Untrained(n_layers=1)
    late = sizes.features(space.from_recipe(LATE))
    assert late["l0 memory0"] < 0.2  # the token of this step has not arrived
    assert late["l0 memory1"] > late["l0 memory0"] + 0.3
    assert late["l0 dx1"] < -20  # nor does a change of it
    assert late["l0 dx2"] > -5
    prompt = dict(LATE, b={"op": "linear", "input": ["x", "h_prev_0", "h_prev_1"]})
    assert sizes.features(space.from_recipe(prompt))["l0 memory0"] > 0.3


def test_pooling_hides_fine_structure_from_a_later_convolution() -> None:
    space = Cell201Space()
    chosen = featurizer(space, "spectrum")
    fine = chosen.names.index("spectrum:most fine")
    first = space.parse("|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|none~0|none~1|avg_pool_3x3~2|")
    last = space.parse("|avg_pool_3x3~0|+|none~0|avg_pool_3x3~1|+|none~0|none~1|nor_conv_3x3~2|")
    rows = chosen.encode([first, last])
    assert rows[0, fine] == 0.5
    assert rows[1, fine] < 0.02


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_graphs_fit_their_form(space: SearchSpace) -> None:
    form = graph_form(space)
    rng = np.random.default_rng(1)
    graphs = form.graphs([space.sample(rng) for _ in range(50)])
    assert graphs.kinds.max() <= form.n_kinds
    nodes = graphs.kinds > 0
    assert not graphs.edges[~nodes].any()
    assert not graphs.edges.swapaxes(1, 2)[~nodes].any()
    assert graphs.edges.any()
