"""What the x11 checkpoints are and where the authors publish them."""

from __future__ import annotations

from nascurve.benchmarks.files.card import OfficialCard, OfficialFile

_CITATION = (
    "Yan, White, Savani, Hutter: NAS-Bench-x11 and the Power of Learning Curves. NeurIPS 2021, "
    "arXiv:2111.03602."
)
_LICENCE = "the authors' record on figshare states it (their code: Apache-2.0)"


def x11_card(name: str, folder: str, space: str, epochs: int, description: str) -> OfficialCard:
    """The card of one checkpoint of the pretrained models. folder: its name there. space: id of the search
    space."""
    return OfficialCard(
        id=name,
        kind="surrogate",
        space=space,
        max_epochs=epochs,
        n_seeds=100,
        files=(
            OfficialFile(
                name=folder,
                published="in the pretrained models, pretrained_models.zip, of "
                "https://figshare.com/articles/dataset/pretrained_models_zip/17131955",
            ),
        ),
        licence=_LICENCE,
        citation=_CITATION,
        description=description,
    )


class _RuntimeCard(OfficialCard):
    """The runtime model is given by an option of its own."""

    @property
    def remedy(self) -> str:
        return f"Get {'; '.join(map(str, self.files))}, and give runtime_dir=, its folder."


RUNTIME_CARD = _RuntimeCard(
    id="nb311-runtime",
    kind="surrogate",
    space="darts",
    max_epochs=98,
    n_seeds=1,
    files=(
        OfficialFile(
            name="lgb_runtime_v1.0",
            published="in nasbench301_models_v1_0.zip of "
            "https://figshare.com/articles/software/nasbench301_models_v1_0_zip/13061510",
        ),
    ),
    licence=_LICENCE,
    citation=(
        "Zela, Siems, Zimmer, Lukasik, Keuper, Hutter: Surrogate NAS Benchmarks: Going Beyond the "
        "Limited Search Spaces of Tabular NAS Benchmarks. ICLR 2022."
    ),
    description="Seconds of a training in the DARTS space.",
)
