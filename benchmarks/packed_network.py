"""Several small cell networks as one, for a GPU: grouped convolutions over a pack of architectures.

A single network of this size leaves a GPU idle between tiny operations. A pack holds the networks side by
side in the channel dimension, so that one grouped convolution, one batch normalisation and one optimizer step
serve them all. No operation mixes channels of different networks: neighbours change a network's numbers by
rounding at most (a test checks it).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 -- torch's own convention
from numpy.typing import NDArray
from torch import Tensor

from nascurve.benchmarks.network import Network
from nascurve.benchmarks.skeleton import BN_EPS, BN_MOMENTUM, KERNEL_PX, ParameterLayout, Skeleton

_INNER_SLOTS = 2
_OUT = _INNER_SLOTS + 1


@dataclass(frozen=True)
class _Edges:
    """Edges of one operation that leave one slot, sorted by target slot: parallel arrays over rows."""

    op: str
    source_rows: Tensor  # (g,) rows in the source slot's tensor
    networks: list[int]
    names: list[str]
    targets: list[
        tuple[int, slice, Tensor]
    ]  # (target slot, rows of this tensor, rows in the target's tensor)


class _Plan:
    """Which rows of which slot feed which: computed once per pack. Slot 0 is the cell's input, 1 and 2 its
    inner nodes, 3 its output; a slot's tensor has a row for each network that has this node."""

    def __init__(self, networks: Sequence[Network], device: torch.device) -> None:
        last = [max(target for _, target, _ in network.edges) for network in networks]
        slot_of = [{node: node if node < m else _OUT for node in range(m + 1)} for m in last]
        self.members = [
            [i for i, slots in enumerate(slot_of) if slot in slots.values()] for slot in range(_OUT + 1)
        ]
        row = [{network: r for r, network in enumerate(members)} for members in self.members]
        self.edges: list[list[_Edges]] = []
        for slot in range(_OUT):
            groups: list[_Edges] = []
            for op in ("nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3", "skip_connect"):
                found = sorted(
                    (slot_of[i][target], i, number)
                    for i, network in enumerate(networks)
                    for number, (source, target, kind) in enumerate(network.edges)
                    if kind == op and slot_of[i][source] == slot
                )
                if not found:
                    continue
                targets = []
                for target in sorted({t for t, _, _ in found}):
                    rows = [r for r, (t, _, _) in enumerate(found) if t == target]
                    into = torch.tensor([row[target][found[r][1]] for r in rows], device=device)
                    targets.append((target, slice(rows[0], rows[-1] + 1), into))
                groups.append(
                    _Edges(
                        op=op,
                        source_rows=torch.tensor([row[slot][i] for _, i, _ in found], device=device),
                        networks=[i for _, i, _ in found],
                        names=[f"edge{number}" for _, _, number in found],
                        targets=targets,
                    )
                )
            self.edges.append(groups)


class PackedNetwork:
    """A pack of networks with all their parameters in one flat vector, `parameters`.

    networks: none of them empty. Logits have shape (pack, batch, classes).
    """

    def __init__(
        self, networks: Sequence[Network], skeleton: Skeleton, *, device: torch.device | str = "cpu"
    ) -> None:
        if not networks or any(not network.edges for network in networks):
            raise ValueError("PackedNetwork: expected at least one network, each with a live path.")
        self.networks = list(networks)
        self.skeleton = skeleton
        self.device = torch.device(device)
        self._plan = _Plan(self.networks, self.device)
        self._shapes: list[tuple[str, tuple[int, ...]]] = []
        self._members: dict[str, list[tuple[int, str]]] = {}
        self._declare()
        sizes = [int(np.prod(shape)) for _, shape in self._shapes]
        self._sizes = sizes
        self.parameters = torch.zeros(sum(sizes), device=self.device, requires_grad=True)
        self._running: dict[str, tuple[Tensor, Tensor]] = {
            name: (torch.zeros(shape, device=self.device), torch.ones(shape, device=self.device))
            for name, shape in self._shapes
            if name.endswith(".gamma")
        }

    def _declare(self) -> None:
        """Lay out the parameters. Each is a stack over (network, place); `_members` names its rows."""
        skeleton, everyone = self.skeleton, [(i, "") for i in range(len(self.networks))]

        def add(name: str, rows: list[tuple[int, str]], shape: tuple[int, ...]) -> None:
            self._shapes.append((name, (len(rows) * shape[0], *shape[1:])))
            self._members[name] = rows

        def add_conv(name: str, rows: list[tuple[int, str]], shape: tuple[int, ...]) -> None:
            add(f"{name}.weight", rows, shape)
            add(f"{name}.gamma", rows, shape[:1])
            add(f"{name}.beta", rows, shape[:1])

        c1, c2 = skeleton.stage_channels
        add_conv("stem", everyone, (c1, skeleton.patch_features))
        for stage, c in enumerate((c1, c2)):
            for slot, groups in enumerate(self._plan.edges):
                for edges in groups:
                    if edges.op in KERNEL_PX:
                        k = KERNEL_PX[edges.op]
                        rows = list(zip(edges.networks, edges.names, strict=True))
                        add_conv(f"stage{stage}.slot{slot}.{edges.op}", rows, (c, c, k, k))
            if stage == 0:
                add_conv("reduction", everyone, (c2, c1, 1, 1))
        add("head.gamma", everyone, (c2,))
        add("head.beta", everyone, (c2,))
        add("linear.weight", everyone, (c2, skeleton.n_classes))
        add("linear.bias", everyone, (skeleton.n_classes,))

    def named_parameters(self, flat: Tensor) -> dict[str, Tensor]:
        pieces = torch.split(flat, self._sizes)
        return {name: piece.view(shape) for (name, shape), piece in zip(self._shapes, pieces, strict=True)}

    def set_parameters(self, values: Sequence[NDArray[np.float32]]) -> None:
        """Set every network's parameters from its own flat vector (see ParameterLayout)."""
        layouts = [ParameterLayout(network, self.skeleton) for network in self.networks]
        pieces = []
        for name, _ in self._shapes:
            stem, kind = name.rsplit(".", 1)
            for network, place in self._members[name]:
                own = f"{stem.split('.')[0]}.{place}.{kind}" if place else name
                start = layouts[network].offset[own]
                pieces.append(values[network][start : start + int(np.prod(layouts[network].shape[own]))])
        with torch.no_grad():
            self.parameters.copy_(torch.from_numpy(np.concatenate(pieces)))

    def logits(self, patches: Tensor, parameters: dict[str, Tensor], *, training: bool) -> Tensor:
        """(batch, patch_features, pixels) -> (pack, batch, classes). In training BN uses the batch's
        statistics and updates the running ones; otherwise the running ones are folded into the
        convolutions."""
        pack, batch = len(self.networks), len(patches)
        p = parameters

        def norm(name: str, x: Tensor) -> Tensor:
            mean, var = self._running[f"{name}.gamma"]
            gamma, beta = p[f"{name}.gamma"], p[f"{name}.beta"]
            return F.batch_norm(x, mean, var, gamma, beta, training, BN_MOMENTUM, BN_EPS)

        def conv(name: str, x: Tensor, groups: int) -> Tensor:
            weight = p[f"{name}.weight"]
            return norm(name, F.conv2d(x, weight, padding=weight.shape[-1] // 2, groups=groups))

        px = self.skeleton.stage_px
        x = norm("stem", torch.matmul(p["stem.weight"], patches).view(batch, -1, px[0], px[0]))
        for stage in (0, 1):
            x = self._cell(stage, x.view(batch, pack, -1), conv)
            if stage == 0:
                x = conv("reduction", F.avg_pool2d(x.view(batch, -1, px[0], px[0]), 2), pack)
        x = norm("head", x.view(batch, -1, px[1], px[1]))
        features = x.relu().view(batch, pack, -1, px[1] ** 2).mean(-1).transpose(0, 1)
        c2, classes = self.skeleton.stage_channels[1], self.skeleton.n_classes
        return torch.bmm(features, p["linear.weight"].view(pack, c2, classes)) + p["linear.bias"].view(
            pack, 1, -1
        )

    def _cell(self, stage: int, x: Tensor, conv: object) -> Tensor:
        px, c = self.skeleton.stage_px[stage], self.skeleton.stage_channels[stage]
        batch = len(x)
        slots: list[Tensor | None] = [x, None, None, None]
        members = self._plan.members
        for slot, groups in enumerate(self._plan.edges):
            source = slots[slot]
            if source is None:
                continue
            rectified = source.relu() if any(edges.op in KERNEL_PX for edges in groups) else source
            for edges in groups:
                rows = edges.source_rows
                taken = _take(rectified if edges.op in KERNEL_PX else source, rows)
                if edges.op in KERNEL_PX:
                    name = f"stage{stage}.slot{slot}.{edges.op}"
                    taken = conv(name, taken.reshape(batch, -1, px, px), len(rows))  # type: ignore[operator]
                elif edges.op == "avg_pool_3x3":
                    image = taken.reshape(batch, -1, px, px)
                    taken = F.avg_pool2d(image, 3, 1, 1, count_include_pad=False)
                taken = taken.view(batch, len(rows), -1)
                for target, own, into in edges.targets:
                    total = slots[target]
                    if total is None:
                        total = x.new_zeros(batch, len(members[target]), c * px * px)
                    slots[target] = total.index_add_(1, into, taken[:, own])
        out = slots[_OUT]
        assert out is not None  # every network has a live path
        return out


def _take(x: Tensor, rows: Tensor) -> Tensor:
    """Rows of (batch, rows, features); the tensor itself when all are taken in order."""
    if len(rows) == x.shape[1] and bool((rows == torch.arange(len(rows), device=rows.device)).all()):
        return x
    return x.index_select(1, rows)
