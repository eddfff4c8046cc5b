"""What all tests rely on."""

from __future__ import annotations

import os
import signal

# A run that was started in the background may have been told to ignore Ctrl-C, and its children with it; the
# tests of interrupts need children that do not.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Tables are cut to the width of the terminal, which is this where there is none.
os.environ.pop("COLUMNS", None)
