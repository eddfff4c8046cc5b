"""TPE: the tree-structured Parzen estimator, Optuna's, over the choices that make up an architecture."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

import numpy as np

from nascurve import options
from nascurve.errors import ArchitectureError, CapabilityError
from nascurve.optimizers.base import NEW_TRIES, AskTellOptimizer
from nascurve.simulator.types import Architecture, SearchSpace, State

if TYPE_CHECKING:
    import optuna

Choice = str | int | float | bool | None
_MOST_TRIES = 10_000


class ParametricSpace(Protocol):
    """What `TPE` needs of a search space beyond `SearchSpace`: architectures as independent choices."""

    def parameters(self) -> Mapping[str, tuple[Choice, ...]]:
        """The choices of each parameter, by its name. Always the same."""

    def from_parameters(self, values: Mapping[str, Any]) -> Architecture:
        """The architecture of one choice for each parameter; several may give the same. Raises
        ArchitectureError where a combination is none, which must not be the rule."""


class TPE(AskTellOptimizer):
    """Models the choices in the best results and those in the others, and proposes where the ratio of the two
    densities is highest among samples of the first.

    The model is Optuna's `TPESampler`. Each trial gets a sampler of its own, seeded by `rng`, so that the
    state is the history and the generator. Only complete results are learnt from; trials that are out are
    counted among the bad ones (`constant_liar`); a trial that was given up (STOPPED) is forgotten by the
    model, but not proposed again. As in Optuna, trials are random until `n_startup` results are complete.

    Source: Bergstra, Bardenet, Bengio, Kégl, "Algorithms for hyper-parameter optimization" (NeurIPS 2011);
    Optuna's code. Deviation from Optuna: where the sampler proposes a network (by `space.key`) that was
    proposed before, as it often does in small discrete spaces, random choices of the proposal are changed one
    after the other until it is a new one (100 at most). `replacement=True` is Optuna's behaviour.

    space: one with `parameters` and `from_parameters`, see `ParametricSpace`.
    n_startup: complete results before the model is used.
    n_ei_candidates: samples of which the best is taken.
    multivariate: model the parameters jointly; false: each by itself.
    constant_liar: whether trials that are out count as bad, so that parallel ones differ.
    replacement: whether a network may be proposed twice.

    Raises CapabilityError for another space, and without Optuna (extra `tpe`); ConfigError for options.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        rng: np.random.Generator,
        n_startup: int = 10,
        n_ei_candidates: int = 24,
        multivariate: bool = True,
        constant_liar: bool = True,
        replacement: bool = False,
    ) -> None:
        super().__init__(space, rng=rng)
        if not _is_parametric(space):
            raise CapabilityError(
                "tpe works on architectures made of independent choices, but the search space "
                f"{space.name!r} has no parameters() and from_parameters(). Choose another optimizer, such "
                "as re or bananas."
            )
        self._from_parameters = space.from_parameters
        self._choices = {name: tuple(choices) for name, choices in space.parameters().items()}
        self._n_startup = options.integer("n_startup", n_startup, at_least=1)
        self._n_ei_candidates = options.integer("n_ei_candidates", n_ei_candidates, at_least=1)
        self._multivariate = options.flag("multivariate", multivariate)
        self._constant_liar = options.flag("constant_liar", constant_liar)
        self._replacement = options.flag("replacement", replacement)
        self._optuna = _import_optuna()
        self._distributions = {
            name: self._optuna.distributions.CategoricalDistribution(choices)
            for name, choices in self._choices.items()
        }
        self._known: set[str] = set()
        self._start({})

    def _start(self, trials: dict[int, tuple[list[int], float | None]]) -> None:
        """A study of these trials: positions of their choices, and their result unless it is out."""
        optuna = self._optuna
        with _quiet(optuna):
            self._study = optuna.create_study(direction="maximize")
        self._trials = trials
        self._numbers: dict[int, int] = {}  # Optuna's, of the trials that are out
        for number, (trial_id, (places, val_acc)) in enumerate(trials.items()):
            state = optuna.trial.TrialState.RUNNING if val_acc is None else optuna.trial.TrialState.COMPLETE
            self._study.add_trial(
                optuna.trial.create_trial(
                    state=state, value=val_acc, params=self._values(places), distributions=self._distributions
                )
            )
            if val_acc is None:
                self._numbers[trial_id] = number

    def _propose(self, n: int) -> list[Architecture]:
        return [self._propose_one(trial_id) for trial_id in range(self._next_id, self._next_id + n)]

    def _propose_one(self, trial_id: int) -> Architecture:
        self._study.sampler = self._sampler()
        trial = self._study.ask(self._distributions)
        arch = self._build(trial.params)
        if arch is None or (not self._replacement and self._space.key(arch) in self._known):
            self._fail(trial.number)
            values, arch = self._changed(trial.params)
            self._study.enqueue_trial(values)
            trial = self._study.ask(self._distributions)
        self._known.add(self._space.key(arch))
        places = [choices.index(trial.params[name]) for name, choices in self._choices.items()]
        self._trials[trial_id] = places, None
        self._numbers[trial_id] = trial.number
        return arch

    def _build(self, values: Mapping[str, Choice]) -> Architecture | None:
        """None where these choices are no architecture."""
        try:
            return self._from_parameters(values)
        except ArchitectureError:
            return None

    def _changed(self, values: Mapping[str, Choice]) -> tuple[dict[str, Choice], Architecture]:
        """After one random change of a choice, or as many as it takes to get to a new network; after
        NEW_TRIES of them any architecture will do."""
        changed = dict(values)
        names = list(self._choices)
        for tries in range(_MOST_TRIES):
            name = names[int(self._rng.random() * len(names))]
            choices = self._choices[name]
            changed[name] = choices[int(self._rng.random() * len(choices))]
            arch = self._build(changed)
            if arch is not None and (tries >= NEW_TRIES or self._space.key(arch) not in self._known):
                return changed, arch
        raise CapabilityError(
            f"tpe: of {_MOST_TRIES} combinations of the parameters of {self._space.name!r} none is an "
            "architecture. Choose another optimizer, such as re or bananas."
        )

    def _values(self, places: list[int]) -> dict[str, Choice]:
        return {
            name: choices[place] for (name, choices), place in zip(self._choices.items(), places, strict=True)
        }

    def _sampler(self) -> optuna.samplers.TPESampler:
        with warnings.catch_warnings():
            # some options are called experimental in some releases
            warnings.simplefilter("ignore", self._optuna.exceptions.ExperimentalWarning)
            sampler: optuna.samplers.TPESampler = _sampler_class()(
                self._distributions,
                n_startup_trials=self._n_startup,
                n_ei_candidates=self._n_ei_candidates,
                multivariate=self._multivariate,
                constant_liar=self._constant_liar,
                seed=int(self._rng.integers(2**32)),
            )
        return sampler

    def _observe(self, trial_id: int, arch: Architecture, val_acc: float, complete: bool) -> None:
        number = self._numbers.pop(trial_id)
        if complete:
            self._study.tell(number, val_acc)
            self._trials[trial_id] = self._trials[trial_id][0], val_acc
        else:
            self._fail(number)
            del self._trials[trial_id]

    def _fail(self, number: int) -> None:
        """Optuna leaves failed trials out of account."""
        self._study.tell(number, state=self._optuna.trial.TrialState.FAIL)

    def _search_state(self) -> State:
        trials = [[trial_id, places, val_acc] for trial_id, (places, val_acc) in self._trials.items()]
        return {"trials": trials, "known": sorted(self._known)}

    def _restore(self, state: State) -> None:
        self._known = set(state["known"])
        self._start({trial_id: (places, val_acc) for trial_id, places, val_acc in state["trials"]})


def _is_parametric(space: Any) -> TypeGuard[ParametricSpace]:
    return all(callable(getattr(space, name, None)) for name in ("parameters", "from_parameters"))


def _import_optuna() -> ModuleType:
    try:
        import optuna
    except ImportError as error:
        raise CapabilityError(
            "tpe needs the package optuna, which is not installed. Install the extra: "
            "pip install 'nascurve[tpe]'."
        ) from error
    return optuna


@functools.cache
def _sampler_class() -> Any:
    """Optuna's sampler, but told the search space: it would compare those of all trials before each proposal,
    which at 500 trials takes most of its time."""
    import optuna

    class ToldSampler(optuna.samplers.TPESampler):
        def __init__(self, space: Mapping[str, Any], *, multivariate: bool, **options: Any) -> None:
            super().__init__(multivariate=multivariate, **options)
            searched = {name: space[name] for name in sorted(space) if not space[name].single()}
            self._searched = searched if multivariate else {}

        def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
            return self._searched

    return ToldSampler


@contextlib.contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Without Optuna's message for each new study; what the user has set comes back."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(level)
