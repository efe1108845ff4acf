"""What of all that is written to a room comes in: nothing of those who are muted, nothing that the room's moderation
stops. Sans-I/O.
"""

from dataclasses import dataclass, replace
from typing import Final

from avatar.voice import marks
from streaming import protocol as say
from streaming.actions import Action, Moderated, Mute, Tell
from streaming.moderation.flood import Flood
from streaming.moderation.policy import NO_STRIKE
from streaming.moderation.verdict import Judged, Verdict, What
from streaming.mutes import Muted, Mutes
from streaming.questions import Kind, Refused
from streaming.roomfile import Language, RoomFile

CARE_AGAIN_S: Final = 60.0
"""What is said to somebody in distress on a platform is said aloud so seldom at most."""
NOT_TAKEN: Final = "this cannot be taken up here"


@dataclass(frozen=True, slots=True)
class Stopped:
    """What comes of a text that the room does not take."""

    actions: list[Action]
    aloud: str = ""
    """What the host says to it; "" for nothing."""
    muted: Muted | None = None
    """Its author, if that was too much."""


class Door:
    def __init__(self, settings: RoomFile) -> None:
        self.settings = settings
        self.mutes = Mutes()
        self._flood = Flood()
        self._cared_at = -CARE_AGAIN_S

    def flooded(self, author: str, text: str, now: float, judged: Judged) -> Judged:
        """``judged``, or that a platform's crowd says this over and over."""
        return replace(judged, text=judged.text or self._flood.seen(text, author, now))

    def stops(
        self, viewer: str, ask: say.Ask, language: Language, now: float, kind: Kind, judged: Judged
    ) -> Stopped | None:
        """None: the room takes it, or is silent to this viewer anyway."""
        verdict, policy = judged.text, self.settings.moderation
        if verdict is None or self.mutes.of(viewer, now):
            return None
        outcome = policy.outcome(verdict)
        if outcome in ("allow", "hold"):
            return None
        actions: list[Action] = [Moderated(verdict, "question", ask.text, outcome, viewer)]
        aloud = ""
        if outcome == "decline":
            phrase = policy.phrase(verdict.category, language)
            actions.append(Tell(say.Rejected(ask.id, "declined", marks.plain(phrase)), viewer))
            aloud = phrase if self._says_so(verdict, kind, now) else ""
        else:
            actions.append(Tell(say.Rejected(ask.id, "not_taken", NOT_TAKEN), viewer))
        if self.settings.hearing.hands_free or verdict.category in NO_STRIKE:
            return Stopped(actions, aloud)  # whoever comes to a kiosk next is another
        muted = self.mutes.stopped(viewer, verdict.name, policy, now, at_once=outcome == "mute")
        return Stopped(actions, aloud, muted)

    def _says_so(self, verdict: Verdict, kind: Kind, now: float) -> bool:
        """Whether it is declined aloud: to whoever spoke or stands there, and to who may be in danger and reads no
        message of ours.
        """
        if kind == "spoken" or self.settings.hearing.hands_free:
            return True
        if verdict.category != "selfharm" or kind != "comment" or now - self._cared_at < CARE_AGAIN_S:
            return False
        self._cared_at = now
        return True

    def name(self, ask: say.Ask, judged: Judged) -> str:
        """As it may be shown and said."""
        return "" if self.is_bad(judged.name) else ask.name.strip()

    def is_bad(self, verdict: Verdict | None) -> bool:
        return verdict is not None and self.settings.moderation.outcome(verdict) != "allow"

    def note(
        self, verdict: Verdict | None, what: What, text: str, *, viewer: str | None = None, question: str | None = None
    ) -> list[Action]:
        """Of what is left out."""
        if verdict is None or not self.is_bad(verdict):
            return []
        return [Moderated(verdict, what, text, "drop", viewer, question)]

    def left_out(self, verdict: Verdict | None, text: str) -> list[Action]:
        """Of a card, which is not shown then; nothing: it may be."""
        if verdict is None or not self.is_bad(verdict):
            return []
        return [Moderated(verdict, "card", text, self.settings.moderation.outcome(verdict))]

    def appeal(self, viewer: str, appeal: say.Appeal, now: float) -> list[Action]:
        """Whoever is muted asks an operator to lift it."""
        if (muted := self.mutes.appeal(viewer, appeal.text, now)) is not None:
            return [Mute(muted), Tell(say.Appealed(appeal.id), viewer)]
        if self.mutes.of(viewer, now):
            refused = Refused("appealed", "you have appealed already; an operator looks at it")
        else:
            refused = Refused("not_muted", "you are not muted")
        return [Tell(say.Rejected(appeal.id, refused.code, refused.reason), viewer)]
