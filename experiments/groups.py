"""Hydra's config groups optimizer/, lce/ and benchmark/, made from what is registered.

Every registered id is a choice without a file of its own, and its options are those of its constructor. The
presets of lce/ are files, with an extrapolator's id in their defaults list.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nascurve import registry
from nascurve.errors import ConfigError, UnknownIdError, did_you_mean
from nascurve.experiments.methods import NO_LCE
from nascurve.experiments.options import OptionSchema
from nascurve.experiments.overrides import check_key
from nascurve.experiments.presets import preset_names, read_preset
from nascurve.registry import Group

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

_GROUPS: dict[str, Group] = {"optimizer": "optimizers", "lce": "extrapolators", "benchmark": "benchmarks"}
_KEYS = dict.fromkeys(
    (
        *_GROUPS,
        *("seed", "budget_s", "budget_epochs", "budget_trainings", "workers", "resume", "charge_decisions"),
        *("common_noise", "out", "overwrite"),
    )
)


@contextlib.contextmanager
def groups_hidden() -> Iterator[None]:
    """For as long as another configuration than `run`'s is composed in this process, in which these words are
    options and no groups."""
    from hydra.core.config_store import ConfigStore

    repository = ConfigStore.instance().repo
    hidden = {group: repository.pop(group) for group in _GROUPS if group in repository}
    try:
        yield
    finally:
        repository.update(hidden)


def register_groups(
    chosen: Mapping[str, Sequence[str]], overrides: Sequence[Override], *, own_configs: bool
) -> None:
    """Put the groups into Hydra's ConfigStore, and check overrides against them.

    chosen: the ids of each group that will be used; the others are registered without their options, so that
    nothing of them is imported.  own_configs: the user has a directory of configs, whose names we do not
    know: unknown ids are then left to Hydra. Raises UnknownIdError, ConfigError.
    """
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    known: dict[str, dict[str, Any]] = {group: {} for group in _GROUPS}
    for group, registered in _GROUPS.items():
        valid = {*registry.ids(registered), *registry.ids(registered, versions=True)}
        valid |= {NO_LCE} if group == "lce" else set()
        presets = preset_names() if group == "lce" else ()
        for id_ in chosen[group]:
            if id_ not in valid and id_ not in presets and not own_configs:
                named = valid | set(presets)
                raise UnknownIdError(f"{group}: nothing is called {id_!r}. {did_you_mean(id_, named)}")
        needed = {read_preset(id_)["id"] if id_ in presets else id_ for id_ in chosen[group]}
        for id_ in valid:
            node = _node(group, registered, id_) if id_ in needed else {"id": id_}
            store.store(group=group, name=id_, node=node, provider="nascurve")
            if id_ in needed:
                known[group] |= node
    _check_keys(overrides, known, own_configs=own_configs)


def _node(group: str, registered: Group, id_: str) -> dict[str, Any]:
    if group != "lce":
        return {"id": id_, **OptionSchema.of(registered, id_).plain_defaults()}
    wrapper = OptionSchema.of_lce().plain_defaults()
    # `none` takes the wrapper's options too, and ignores them, for sweeps such as lce=none,last_value lce.k=4
    extrapolator = {} if id_ == NO_LCE else OptionSchema.of(registered, id_).plain_defaults()
    return {"id": id_, **wrapper, "extrapolator": extrapolator}


def _check_keys(
    overrides: Sequence[Override], known: Mapping[str, Mapping[str, Any]], *, own_configs: bool
) -> None:
    for override in overrides:
        root, _, inner = override.key_or_group.partition(".")
        if (
            root.split("/")[0] == "hydra"
            or override.is_add()
            or override.is_force_add()
            or override.is_delete()
        ):
            continue
        check_key(root, _KEYS, command="run")
        if inner and root not in _GROUPS:
            raise ConfigError(f"run: {root} has no options of its own, got {override.input_line!r}.")
        if inner and not own_configs:
            options = {key: value for key, value in known[root].items() if key != "id"}
            name, _, nested = inner.partition(".")
            check_key(name, options, command="run", prefix=f"{root}.")
            if nested and isinstance(options[name], Mapping):
                check_key(nested.split(".")[0], options[name], command="run", prefix=f"{root}.{name}.")


def choices_of(overrides: Sequence[Override]) -> dict[str, list[str]]:
    """What is chosen of each group; several of a sweep."""
    chosen = {"optimizer": ["re"], "lce": ["none"], "benchmark": ["pocket201-mnist"]}
    for override in overrides:
        if override.key_or_group in chosen and override.value() is not None:
            if override.is_sweep_override():
                values = [str(value) for value in override.sweep_string_iterator()]
            else:
                values = [str(override.value())]
            chosen[override.key_or_group] = values
    return chosen
