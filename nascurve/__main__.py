"""`python -m nascurve`: the same as the command `nascurve`."""

from __future__ import annotations

import sys

from nascurve.experiments.cli import main

sys.exit(main())
