"""Which storyline of a programme is told, and who may choose it. Sans-I/O."""

from collections.abc import Mapping
from typing import Final

from streaming import protocol as say
from streaming.programme.programme import Programme
from streaming.programme.rundown import Storyline
from streaming.questions import Refused
from streaming.roomfile import RoomFile

CHOICE_S: Final = 60.0
"""A storyline that one viewer has chosen is theirs for so long, where many may choose."""


class Choosing:
    def __init__(self, settings: RoomFile, programme: Programme | None) -> None:
        self._settings, self._programme = settings, programme
        self._chose: tuple[str, float] | None = None
        """Whoever chose the storyline, "" an operator, and when; None: not known since a restart, or nobody."""
        self._offered = self.storylines
        """As viewers know them."""

    def edited(self, settings: RoomFile, programme: Programme | None) -> None:
        self._settings, self._programme = settings, programme

    @property
    def storyline(self) -> str:
        """That is told or comes next; "" when there is none."""
        return self._programme.storyline if self._programme else ""

    @property
    def storylines(self) -> say.Storylines:
        """For those who come: what they may choose, and what was chosen."""
        offered = self.known.items() if self._viewers_choose else ()
        return say.Storylines(tuple(say.Offered(name, one.title) for name, one in offered), self.storyline or None)

    @property
    def known(self) -> Mapping[str, Storyline]:
        """By their names."""
        return self._programme.rundown.storylines if self._programme else {}

    @property
    def _viewers_choose(self) -> bool:
        by = self._programme.rundown.storylines_by if self._programme else "operators"
        return by == "viewers" or (by is None and self._settings.hearing.hands_free)

    def refusal(self, viewer: str, storyline: str | None, now: float) -> Refused | None:
        """Why a viewer may not have this one told, or None none; None: they may."""
        if not self._viewers_choose:
            return Refused("operators_only", "in this room an operator chooses what is told")
        if storyline is not None and storyline not in self.known:
            there = ", ".join(self.known) or "none"
            return Refused("no_storyline", f"there is no such storyline; there are: {there}")
        if self.storyline and self._chose and not self._settings.hearing.hands_free:
            chooser, at = self._chose
            if chooser != viewer and now - at < CHOICE_S:
                return Refused("too_fast", "somebody else has just chosen; choose again in a moment")
        return None

    def choose(self, storyline: str, chooser: str, now: float) -> None:
        """Tell this one from its beginning, "" none any more. ``chooser``: a viewer, "" an operator."""
        if self._programme is not None and (storyline or self.storyline):
            self._programme.follow(storyline)
            self._chose = (chooser, now) if storyline else None

    def gone(self, viewer: str, now: float) -> None:
        """A kiosk's visitor has left, and with them what they have chosen, or nobody is known to have."""
        if self._chose is None or self._chose[0] == viewer:
            self.choose("", viewer, now)

    def news(self) -> say.Storylines | None:
        """What may be chosen, or what was, where it is not as viewers know it."""
        if (storylines := self.storylines) == self._offered:
            return None
        self._offered = storylines
        return storylines
