"""A command that consists of commands, such as `nascurve lce evaluate`: its help, and which one is run."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nascurve.errors import did_you_mean
from nascurve.experiments.usage import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandGroup:
    """name: as in `nascurve NAME COMMAND`. purpose: a sentence for the help. commands: name -> module in
    `nascurve.experiments`, imported on use, whose `main(argv)` returns an exit code; and what it does."""

    name: str
    purpose: str
    commands: Mapping[str, tuple[str, str]]

    def help(self) -> str:
        width = max(map(len, self.commands))
        listed = "\n".join(f"  {name:<{width}}  {text}" for name, (_, text) in self.commands.items())
        return (
            f"usage: nascurve {self.name} COMMAND [OPTION=VALUE ...]\n\n{self.purpose}\n\n"
            f"commands:\n{listed}\n\n"
            f"  nascurve {self.name} COMMAND --help  describes a command and its options\n"
        )

    def run(self, argv: list[str]) -> int:
        """Run the command that `argv` begins with; the help, and exit code 2, where there is none. Raises
        UsageError for an unknown one, and what the command raises."""
        if not argv:
            sys.stderr.write(self.help())
            return 2
        name, *rest = argv
        if name in ("-h", "--help", "help"):
            sys.stdout.write(self.help())
            return 0
        if name not in self.commands:
            raise UsageError(f"{self.name}: unknown command {name!r}. {did_you_mean(name, self.commands)}")
        module = importlib.import_module(f"nascurve.experiments.{self.commands[name][0]}")
        command: Callable[[list[str]], int] = module.main
        return command(rest)
