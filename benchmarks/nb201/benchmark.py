"""NAS-Bench-201 and NATS-Bench as benchmarks with learning curves, from the authors' files.

Dong & Yang 2020, "NAS-Bench-201"; Dong, Liu, Musial & Gabrys 2021, "NATS-Bench". The options that all six
share are described in `OfficialCurves`.
"""

from __future__ import annotations

from pathlib import Path

from nascurve.benchmarks.nb201.archives import SSS, TSS
from nascurve.benchmarks.nb201.cards import official_card
from nascurve.benchmarks.nb201.official_curves import REPORTS, OfficialCurves


class _Cifar10(OfficialCurves):
    """On CIFAR-10: x-valid after each epoch is the one validation accuracy."""

    dataset = "cifar10-valid"

    def __init__(
        self,
        *,
        data_dir: str | Path | None = None,
        cache_dir: str | Path | None = None,
        epochs: int | None = None,
        report: str = "cifar10-valid",
        charge: str = "auto",
        restrict: bool | None = None,
    ) -> None:
        super().__init__(
            data_dir=data_dir,
            cache_dir=cache_dir,
            epochs=epochs,
            curve="auto",
            report=report,
            charge=charge,
            restrict=restrict,
        )


class _HalvedTest(OfficialCurves):
    """On the other data sets: validation and test accuracy are those on the two halves of the test images."""

    def __init__(
        self,
        *,
        data_dir: str | Path | None = None,
        cache_dir: str | Path | None = None,
        epochs: int | None = None,
        curve: str = "auto",
        charge: str = "auto",
        restrict: bool | None = None,
    ) -> None:
        super().__init__(
            data_dir=data_dir,
            cache_dir=cache_dir,
            epochs=epochs,
            curve=curve,
            report=REPORTS[0],
            charge=charge,
            restrict=restrict,
        )


class NB201Cifar10(_Cifar10):
    """NAS-Bench-201 cells on CIFAR-10. epochs: 200 (default) or 12.

    val_acc: x-valid, the 25,000 training images that are not trained on, after each epoch.
    test_acc: ori-test, the 10,000 test images, of the same weights: after the last epoch only (NaN before) at
        200 epochs, after each at 12.
    report: what `true_test_acc` is: "cifar10-valid": the final test_acc of these very trainings, so that the
        weights that were searched are the weights that are reported; "cifar10": that of the trainings on all
        50,000 images, which the authors' tables report (an optimum of 94.37 %).
    """

    card = official_card("nb201-cifar10")
    family = TSS


class NB201Cifar100(_HalvedTest):
    """NAS-Bench-201 cells on CIFAR-100. epochs: 200 (default) or 12.

    At 200 epochs the files have x-valid and x-test, halves of the test images, after the last epoch only; the
    one full curve is ori-test, both halves together.
    curve: what `val_acc` is: "ori-test": that curve, as the authors' API and NASLib use it, although half of
        its images are those of the final test; "x-valid": the true validation accuracy, after the last epoch
        only at 200 epochs (`info.fidelities` is then (200,)), after each at 12. "auto": x-valid where it is
        there after each epoch, else ori-test.
    test_acc: x-test. `true_test_acc` is its mean final value.
    """

    card = official_card("nb201-cifar100")
    family = TSS
    dataset = "cifar100"


class NB201ImageNet16(_HalvedTest):
    """NAS-Bench-201 cells on ImageNet16-120. epochs: 200 (default) or 12.

    Validation and test as in `NB201Cifar100`, curve too.
    """

    card = official_card("nb201-imagenet16")
    family = TSS
    dataset = "ImageNet16-120"


class SizeCifar10(_Cifar10):
    """NATS-Bench sizes on CIFAR-10. epochs: 90 (default), 12 or 1.

    As `NB201Cifar10`, with test_acc after each epoch. 12 epochs were trained with three seeds, 1 and 90 once.
    """

    card = official_card("nats-sss-cifar10")
    family = SSS


class SizeCifar100(_HalvedTest):
    """NATS-Bench sizes on CIFAR-100. epochs: 90 (default), 12 or 1.

    val_acc: x-valid, test_acc: x-test, the halves of the test images, after each epoch.
    curve: "ori-test" takes both halves together for val_acc; "x-valid" is what "auto" gives.
    """

    card = official_card("nats-sss-cifar100")
    family = SSS
    dataset = "cifar100"


class SizeImageNet16(_HalvedTest):
    """NATS-Bench sizes on ImageNet16-120. epochs: 90 (default), 12 or 1.

    Validation and test as in `SizeCifar100`.
    """

    card = official_card("nats-sss-imagenet16")
    family = SSS
    dataset = "ImageNet16-120"
