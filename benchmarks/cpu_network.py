"""One cell network with all its buffers, trained by compiled kernels on one CPU core.

The same function as a pack of one in `packed_network` (a test compares them step by step), about four times
faster than plain torch at this size, which spends its time between its many tiny operations.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nascurve.benchmarks import cpu_passes as passes
from nascurve.benchmarks.compiled import ensure_compiled
from nascurve.benchmarks.cpu_passes import KINDS, Net, Stage
from nascurve.benchmarks.network import Network
from nascurve.benchmarks.skeleton import ParameterLayout, Skeleton

Float32 = NDArray[np.float32]


class CpuNetwork:
    """A network ready to be trained. `network` must not be empty; batches have exactly `batch_size`
    images."""

    def __init__(
        self, network: Network, skeleton: Skeleton, initial_values: Float32, *, batch_size: int
    ) -> None:
        ensure_compiled()
        layout = ParameterLayout(network, skeleton)
        batch = batch_size

        def zeros(*shape: int) -> Float32:
            return np.zeros(shape, dtype=np.float32)

        def stage(number: int) -> Any:
            c, px = skeleton.stage_channels[number], skeleton.stage_px[number]
            n = px * px * batch
            edges = [
                (
                    source,
                    target,
                    KINDS[op],
                    layout.offset.get(f"stage{number}.edge{e}.weight", 0),
                    layout.offset.get(f"stage{number}.edge{e}.gamma", 0),
                    layout.stat_offset.get(f"stage{number}.edge{e}", 0),
                )
                for e, (source, target, op) in enumerate(network.edges)
            ]
            edges.sort(key=lambda edge: edge[1])  # a node is complete before it is read, both ways
            return Stage(
                nodes=zeros(4, c, n), grads=zeros(4, c, n), flat=zeros(3, c, n),
                padded=zeros(3, c, px + 2, (px + 2) * batch), ys=zeros(len(edges), c, n), gy=zeros(c, n),
                gpad=zeros(c, px + 2, (px + 2) * batch), gr=zeros(c, n), wflip=zeros(c, c, 9),
                edges=np.array(edges, dtype=np.int64), px=px, batch=batch, channels=c,
            )  # fmt: skip

        (c1, c2), (px1, px2) = skeleton.stage_channels, skeleton.stage_px
        n1, n2 = px1 * px1 * batch, px2 * px2 * batch
        at, stat = layout.offset, layout.stat_offset
        offsets = (
            at["stem.weight"], at["stem.gamma"], stat["stem"],
            at["reduction.weight"], at["reduction.gamma"], stat["reduction"],
            at["head.gamma"], stat["head"], at["linear.weight"], at["linear.bias"],
        )  # fmt: skip
        self.last = max(target for _, target, _ in network.edges)
        self.net = Net(
            first=stage(0), second=stage(1), x=zeros(skeleton.patch_features, n1), stem_y=zeros(c1, n1),
            pooled=zeros(c1, n2), pooled_grad=zeros(c1, n2), reduction_y=zeros(c2, n2),
            reduction_gy=zeros(c2, n2),
            head=zeros(c2, n2), head_relu=zeros(c2, n2), head_grad=zeros(c2, n2), features=zeros(c2, batch),
            logits=zeros(skeleton.n_classes, batch), params=initial_values.copy(), grad=zeros(layout.size),
            mean=zeros(layout.n_stats), inv_std=zeros(layout.n_stats), running_mean=zeros(layout.n_stats),
            running_var=np.ones(layout.n_stats, dtype=np.float32), offsets=offsets,
        )  # fmt: skip
        self._velocity = zeros(layout.size)

    def train(
        self,
        patches: Float32,
        labels: NDArray[np.int64],
        draws: NDArray[np.int64],
        learning_rates: Float32,
        *,
        momentum: float,
        weight_decay: float,
    ) -> float:
        """One optimizer step for each row of draws (steps, batch). Returns the mean of the batches'
        losses."""
        mu, decay = np.float32(momentum), np.float32(weight_decay)
        return float(  # numba's types are not known to a checker
            passes.train(
                self.net, self.last, self._velocity, patches, labels, draws, learning_rates, mu, decay
            )
        )

    def evaluate(self, patches: Float32, labels: NDArray[np.int64]) -> tuple[int, float]:
        """Number of images classified correctly, and mean cross-entropy."""
        loss, correct = passes.evaluate(self.net, self.last, patches, labels)
        return int(correct), float(loss)
