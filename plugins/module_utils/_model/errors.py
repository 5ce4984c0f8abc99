# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exception for invalid input, raised before anything is changed, and the text of any exception."""

from __future__ import annotations


class InputError(ValueError):
    """An invalid value.

    ``option`` is the path of the option as its author wrote it (``peers[2].endpoint``). ``problem`` says
    what is wrong, ``remedy`` what to do. Values of secret options are never passed in.
    """

    def __init__(self, option: str, value: object, problem: str, remedy: str) -> None:
        self.option = option
        self.value = value
        self.problem = problem
        self.remedy = remedy
        super().__init__(option, value, problem, remedy)

    def inside(self, path: str) -> InputError:
        """The same, the option being part of what is at ``path``."""
        return InputError(f"{path}.{self.option}", self.value, self.problem, self.remedy)

    def __str__(self) -> str:
        shown = "" if self.value is None else f" {self.value!r}"
        return f"{self.option}{shown}: {self.problem}; {self.remedy}"


def tell(error: BaseException) -> str:
    """The error in words, never empty. A fault of ours, which has no message for people, has its type too."""
    told = str(error) if isinstance(error, (OSError, InputError)) else ""
    return told or f"{type(error).__name__}: {error}".rstrip(": ")
