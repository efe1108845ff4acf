"""The room's mind. Sans-I/O: events and a clock in, actions out; nobody else decides anything.

A question's way: asked → waiting → answering (sentences arrive and are spoken as they come) → spoken → an outcome,
recorded once. One question is on air at a time.
"""

import itertools
import random
import secrets
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal

from avatar.clock import TICKS_PER_SECOND
from avatar.life import Attention
from avatar.voice import marks
from streaming import protocol as say
from streaming import telling
from streaming.actions import (
    Action,
    Air,
    Answer,
    Attend,
    Duck,
    FinishSpeaking,
    Forget,
    Hold,
    Keep,
    Moderated,
    Mute,
    Play,
    Prepare,
    Record,
    ShowCard,
    Slate,
    Speak,
    Stop,
    Tell,
)
from streaming.announcing import announcement
from streaming.door import Door
from streaming.hearing.ending import asks, keeps_company, repeats, says_goodbye
from streaming.meanwhile import Meanwhile
from streaming.moderation.verdict import FINE, Judged, Verdict
from streaming.programme.choosing import Choosing
from streaming.programme.courtesy import KINDS, Courtesy, Kind
from streaming.programme.programme import Programme
from streaming.programme.rundown import Card
from streaming.questions import TRIES, Outcome, Question, Waiting, is_the_same, may_join
from streaming.questions import Kind as Asked
from streaming.roomfile import Language, RoomFile
from streaming.talkers import Talkers

PAUSE_S: Final = 0.6
"""Between the end of one answer and the beginning of the next."""
PAUSE_AFTER_INTERRUPT_S: Final = 1.2
STALL_S: Final = 60.0
"""An answer that makes no progress for so long, written or spoken, is taken off the air, so that the room goes on."""
GREET_AGAIN_S: Final = 600.0
"""The host greets again when nobody was greeted for so long."""
UTTERED: Final = 6
"""Clauses the host said last: a microphone may hear them."""
REMEMBERED: Final = 20
"""Past answers shown to those who come later."""

REPEATED_S: Final = 60.0
"""The same words under the same id are one question until so long after its answer."""
AGAIN_S: Final = 600.0
"""Who asks what was answered so lately is told that it was."""
TEXTS: Final = 20
"""Texts of an operator that may wait; the oldest are let go."""
TOLD_PLACES: Final = 10
"""So many of those who wait are told when their place changes."""

LABEL_AGAIN_S: Final = 15.0
"""That the host is AI is tried to be said again, when no voice was there."""
HELD: Final = "an operator looks at it first"
SKIPPED: Final = "an operator passed it over"
Decision = Literal["approve", "hold", "pin", "answer", "skip"]
CONTINUED: Final = "continued"
"""Why a question is skipped whose asker goes on with it."""


class Room:
    """All times are Unix seconds, handed in by the caller."""

    def __init__(self, settings: RoomFile, now: float, programme: Programme | None = None) -> None:
        self._settings = settings
        self._programme = programme
        self._courtesy = Courtesy(settings.language, random.Random())  # noqa: S311
        self._told: str | None = None
        """The programme's line on air: a remark, too, but one that a question need not wait behind to be thought of."""
        self._heard = False
        """It has begun to sound."""
        self._music = False
        """It is music: the host is idle, and whatever else there is to say comes instead at once."""
        self._waiting = Waiting(settings)
        self.door = Door(settings)
        self._labelling: str | None = None
        """The remark on air that says that the host is AI;"""
        self._label_at = now
        """when it is said again."""
        self._current: Question | None = None
        self._remark: str | None = None
        """The utterance on air that answers nobody: a greeting, a notice."""
        self._resume_at = now
        self._moved_at = now
        """When the answer or remark on air last made progress."""
        self._talkers = Talkers()
        self._ducked = False
        self._floor = False
        """An operator speaks through the host; nothing else is said."""
        self._texts: deque[tuple[str, Language]] = deque(maxlen=TEXTS)
        """What an operator wants said."""
        self._paused = False
        """Nothing more is begun, but for those."""
        self._cut = self._silenced = False
        """A slate is shown instead of the host."""
        self._card: Card | None = None
        """Shown beside the host."""
        self.choosing = Choosing(settings, programme)
        self._state = Attention.IDLE
        self._speaking = False
        self._uttered: deque[str] = deque(maxlen=UTTERED)
        self._greeted: dict[str, float] = {}
        """When each greeting was said; there are only a few."""
        self._remarks = itertools.count(1)
        self._meanwhile = Meanwhile(now)
        self.recent: deque[Question] = deque(maxlen=REMEMBERED)

    @property
    def state(self) -> Attention:
        return self._state

    @property
    def current(self) -> Question | None:
        return self._current

    @property
    def floor(self) -> bool:
        """An operator speaks through the host."""
        return self._floor

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def oldest_s(self, now: float) -> float:
        """For how long the question has waited that has waited longest, of those that are not an operator's to let
        through; 0 for none.
        """
        return max((now - one.asked_at for one in self._waiting if not one.held), default=0.0)

    @property
    def questions(self) -> Waiting:
        """Those that wait."""
        return self._waiting

    @property
    def paused(self) -> bool:
        return self._paused

    @property
    def cut(self) -> bool:
        """A slate is shown instead of the host."""
        return self._cut

    @property
    def card(self) -> say.Card:
        """Shown beside the host, for those who come."""
        card = self._card
        return say.Card(card.title, card.text, card.footer, card.link) if card else say.Card()

    @property
    def segment(self) -> str:
        """Of the programme, that is being told; "" when there is none."""
        return self._programme.segment if self._programme else ""

    def edited(self, settings: RoomFile, programme: Programme | None) -> None:
        """Another room file, as far as :data:`streaming.roomfile.LIVE` goes."""
        self._settings = self._waiting.settings = self.door.settings = settings
        self._programme = programme
        self.choosing.edited(settings, programme)

    # Viewers

    def commented(self, author: str, ask: say.Ask, now: float, judged: Judged = FINE) -> list[Action]:
        """A comment on a live platform: a question is read out and answered, a guess judged, anything else let pass."""
        judged = self.door.flooded(author, ask.text, now, judged)
        if (stopped := self._stopped(author, ask, now, "comment", judged)) is not None:
            return stopped
        if (guessed := self._guessed(author, ask, now, "comment", judged)) is not None:
            return guessed
        if not asks(ask.text, ask.language or language_of(ask.text, self._settings.language)):
            return []
        return self.asked(author, ask, now, "comment", judged)

    def happened(self, kind: Kind, name: str, what: str, now: float, judged: Judged = FINE) -> list[Action]:
        """Somebody on a live platform gave something, follows, or has come in; no bad name is said aloud."""
        if judged.text or judged.name:
            return self.door.note(judged.name, "name", name) + self.door.note(judged.text, "question", what)
        self._courtesy.came(kind, name, what, now)
        return self._go_on(now)

    def asked(
        self, viewer: str, ask: say.Ask, now: float, kind: Asked = "typed", judged: Judged = FINE
    ) -> list[Action]:
        """Who asks what somebody else is waiting to hear is answered with them; who says once more what they asked,
        since the connection broke before they knew that it was accepted, has asked it once.
        """
        if (known := self._asked_already(viewer, ask, now)) is not None:
            return known
        if (stopped := self._stopped(viewer, ask, now, kind, judged)) is not None:
            return stopped
        text = " ".join(ask.text.split())
        if (guessed := self._guessed(viewer, ask, now, kind, judged)) is not None:
            return guessed
        refused = self.door.mutes.refusal(viewer, now) or self._waiting.refusal(viewer, text, kind, now)
        if refused is not None:
            return [Tell(say.Rejected(ask.id, refused.code, refused.reason), viewer)]
        language = ask.language or language_of(text, self._settings.language)
        name = self.door.name(ask, judged)
        question = Question(f"q{secrets.token_hex(6)}", text, language, viewer, ask.id, name, now, kind)
        noted = self.door.note(judged.name, "name", ask.name, viewer=viewer, question=question.id)
        if judged.text is not None and self._settings.moderation.outcome(judged.text) == "hold":
            question.flagged = judged.text.name
            noted += [Moderated(judged.text, "question", text, "hold", viewer, question.id)]
        question.held = bool(question.flagged) or self._settings.approve_first
        return [*noted, *self._take(question, now)]

    def _asked_already(self, viewer: str, ask: say.Ask, now: float) -> list[Action] | None:
        text = " ".join(ask.text.split())
        if (found := self._find(viewer, ask.id)) is not None and found[1].text == text:
            return self._accepted(found[1], found[0], now)
        for question in self.recent:
            if now - question.ended_at < REPEATED_S and question.of(viewer, ask.id) and question.text == text:
                done = replace(telling.done(question), id=ask.id)
                return [Tell(say.Accepted(ask.id, question.id, 1), viewer), Tell(done, viewer)]
        return None

    def _take(self, question: Question, now: float) -> list[Action]:
        if (other := self._same(question)) is not None:
            other.joined.append(question)
            return [Record(question, None), *self._accepted(question, other, now)]
        self._waiting.add(question)
        actions = [Record(question, None), *self._accepted(question, question, now)]
        if not question.held:
            actions += telling.everybody(telling.asked(question), question)
        return [*actions, *self._go_on(now)]

    def _stopped(self, viewer: str, ask: say.Ask, now: float, kind: Asked, judged: Judged) -> list[Action] | None:
        """What comes of a text that the room does not take; None: it does, or is silent to this viewer anyway."""
        language = ask.language or language_of(ask.text, self._settings.language)
        stopped = self.door.stops(viewer, ask, language, now, kind, judged)
        if stopped is None:
            return None
        actions = list(stopped.actions)
        if stopped.aloud:
            actions += self._remark_on(self._settings.host.answers(stopped.aloud, language), language, now)
        if stopped.muted is not None:
            actions += [Mute(stopped.muted), *self._withdraw_all(viewer, self._waiting, "muted", now, 0.0)]
        return actions

    def _guessed(
        self, viewer: str, ask: say.Ask, now: float, kind: Asked, judged: Judged = FINE
    ) -> list[Action] | None:
        """What comes of a text that is a guess at the host's question; None: it is none."""
        guesses = self._programme.guesses if self._programme else None
        if guesses is None or self.door.mutes.of(viewer, now):
            return None
        text = " ".join(ask.text.split())
        language = ask.language or language_of(text, self._settings.language)
        name = "" if self._settings.approve_first else self.door.name(ask, judged)  # which is said aloud
        right = guesses.guess(viewer, name, text, language, spoken=kind == "spoken")
        return None if right is None else [Tell(say.Guessed(ask.id, right), viewer)]

    def _same(self, question: Question) -> Question | None:
        current = self._current
        if current is not None and not current.written and may_join(question, current):
            return current
        return self._waiting.same(question)

    def _accepted(self, question: Question, asked: Question, now: float) -> list[Action]:
        """Tell who asked ``question`` where it stands, as the room knows it: as ``asked``."""
        if question.viewer is None or question.client_id is None:
            return []
        place = 1 if asked is self._current else self._place(asked, now)
        actions: list[Action] = [Tell(say.Accepted(question.client_id, asked.id, place), question.viewer)]
        if asked.held:
            actions.append(Tell(say.Held(question.client_id, asked.id, HELD), question.viewer))
        return actions

    def _place(self, question: Question, now: float) -> int:
        return self._waiting.position(question, now) + (self._current is not None)

    def restore(self, questions: Iterable[Question], now: float) -> list[Action]:
        """Take up questions accepted before a restart; what was begun too often would only break off again."""
        actions: list[Action] = []
        for question in questions:
            if question.tries >= TRIES:
                actions += self._end(question, "failed", "it could not be answered")
            elif (other := self._waiting.same(question)) is not None:
                other.joined.append(question)
            else:
                self._waiting.add(question)
        return actions + self.tick(now)  # which drops those that have waited too long meanwhile

    def came_back(self, now: float) -> list[Action]:
        """On air again after everhost itself broke off: say so, before anything else is said."""
        language = self._settings.language
        return self._remark_on(self._settings.host.cut_off[language], language, now, optional=True)

    def interrupt(self, viewer: str, question_id: str, now: float) -> list[Action]:
        """The asker stops their own question, by its own id or the room's."""
        if (found := self._find(viewer, question_id)) is not None:
            question, asker = found
            reason = "interrupted" if question is self._current else "withdrawn"
            return self._withdraw(question, asker, reason, now, PAUSE_AFTER_INTERRUPT_S)
        message = "only a question of yours that waits or is being answered can be stopped"
        return [Tell(say.Error("not_yours", message, question_id), viewer)]

    def _find(self, viewer: str, id: str) -> tuple[Question, Question] | None:  # noqa: A002
        """A viewer's own question by its id, and what it is answered with."""
        for question in (self._current, *self._waiting):
            for asker in question.askers if question else ():
                if question and asker.of(viewer, id):
                    return question, asker
        return None

    def here(self, viewer: str) -> None:
        """Somebody stands before this viewer's screen."""
        self._talkers.wake(viewer)

    def gone(self, viewer: str, now: float) -> list[Action]:
        """Nobody stands before this viewer's screen any more: nobody waits for what was asked there."""
        self._talkers.sleep(viewer)
        actions = self.unsaid(viewer, now)
        waiting = [*self._waiting, self._current] if self._current else self._waiting
        actions += self._withdraw_all(viewer, waiting, "the visitor left", now, PAUSE_S)
        if self._settings.hearing.hands_free:  # the next visitor is another
            self._greeted.clear()
            self.choosing.gone(viewer, now)
            actions += self._show_storylines()
        return [*actions, Forget(viewer)]

    def choose(self, viewer: str, choice: say.Choose, now: float) -> list[Action]:
        """A viewer wants a storyline told, or the one that is told left, after the sentence that is on air."""
        refused = self.door.mutes.refusal(viewer, now) or self.choosing.refusal(viewer, choice.storyline, now)
        if refused is not None:
            return [Tell(say.Rejected(choice.id, refused.code, refused.reason), viewer)]
        return self.follow(choice.storyline or "", now, viewer) or []

    def follow(self, storyline: str, now: float, chooser: str = "") -> list[Action] | None:
        """Tell this one from its beginning, "" none any more; None where there is none of this name.

        ``chooser``: a viewer, "" an operator.
        """
        if storyline and storyline not in self.choosing.known:
            return None
        over = self._stop(now) if self._music and (storyline or self.choosing.storyline) else []
        self.choosing.choose(storyline, chooser, now)
        return [*over, *self._show_storylines(), *self._go_on(now)]

    def greet(self, text: str, language: Language, now: float) -> list[Action]:
        """Somebody's picture is up: say ``text``, unless it was said a while ago or there is better to do."""
        if now - self._greeted.get(text, -GREET_AGAIN_S) < GREET_AGAIN_S or self._waiting.any or self._talkers:
            return []
        actions = self._remark_on(text, language, now)
        if actions:
            self._greeted[text] = now
        return actions

    def left(self, viewer: str, now: float) -> list[Action]:
        self._talkers.sleep(viewer)
        return self.unsaid(viewer, now)

    # What viewers say

    def may_talk(self, viewer: str, ask: say.TalkStart, now: float) -> list[Action]:
        """Nothing where this viewer's microphone may be opened; else what to tell them."""
        hearing = self._settings.hearing
        if refused := self.door.mutes.refusal(viewer, now):
            return [Tell(say.Rejected(ask.id, refused.code, refused.reason), viewer)]
        if hearing.microphones == "one" and self._talkers.others(viewer):
            reason = "somebody else is speaking; wait until they have finished"
            return [Tell(say.Rejected(ask.id, "microphone_taken", reason), viewer)]
        if ask.hands_free and not hearing.hands_free:
            reason = "in this room a button is held while speaking (hearing.microphones is not 'open')"
            return [Tell(say.Rejected(ask.id, "not_hands_free", reason), viewer)]
        return []

    def heeds(self, viewer: str) -> bool:
        """Whether what this viewer's microphone hears is meant for the host: where there is a wake word, from then on
        until they leave.
        """
        return not self._settings.hearing.wake_words or self._talkers.awake(viewer)

    def called(self, viewer: str, language: Language, now: float) -> list[Action]:
        """The wake word was said and nothing after it: the host turns to them."""
        if self._current is not None and self._current.viewer != viewer:
            return self.unsaid(viewer, now)  # another screen's answer
        self._talkers.ends(viewer)
        actions = self._stop(now)
        if self._current is not None:
            actions += self._end(self._current, "skipped", "interrupted")
        return [*actions, *self._remark_on(self._settings.host.attending[language], language, now), *self._show()]

    def talking(self, viewer: str) -> list[Action]:
        """A viewer holds the microphone button: the host turns to them."""
        self._talkers.begins(viewer)
        return self._show()

    def speaking(self, viewer: str) -> list[Action]:
        """A viewer's voice is heard."""
        self._talkers.begins(viewer)
        return [*self._give_way(), *self._show()]

    def meant(self, viewer: str) -> list[Action]:
        """It is speech, no cough and no "mm"."""
        self._talkers.begins(viewer, meant=True)
        return [*self._give_way(), *self._show()]

    def unsaid(self, viewer: str, now: float) -> list[Action]:
        """Nothing came of it."""
        self._talkers.ends(viewer)
        return [*self._resume(now), *self._show()] if viewer == self._talkers.over else self._show()

    def said(self, viewer: str, ask: say.Ask, now: float, judged: Judged = FINE) -> list[Action]:
        """What a viewer said: a question, unless it hardly was said while the host spoke, only kept them company, or
        was the host's own voice.
        """
        if self._settings.hearing.hands_free and repeats(ask.text, "".join(self._uttered)):
            return self.unsaid(viewer, now)
        if (guessed := self._guessed(viewer, ask, now, "spoken", judged)) is not None:
            return [*guessed, *self.unsaid(viewer, now)]
        # Who holds a button means it.
        hands_free = self._settings.hearing.hands_free
        hardly = hands_free and viewer == self._talkers.over and not self._talkers.means_it(viewer)
        if hardly or keeps_company(ask.text):
            return [
                Tell(say.Rejected(ask.id, "no_question", "that was no question"), viewer),
                *self.unsaid(viewer, now),
            ]
        self._talkers.ends(viewer)
        if says_goodbye(ask.text) and self._settings.hearing.hands_free:
            language = ask.language or language_of(ask.text, self._settings.language)
            actions = self._stop(now) if self._remark else []
            actions += [*self.gone(viewer, now), Tell(say.Farewell(), viewer)]
            return actions + self._remark_on(self._settings.host.farewell[language], language, now)
        if viewer != self._talkers.over:
            return self.asked(viewer, ask, now, "spoken", judged)
        actions = self._stop(now)
        self._resume_at = now
        if self._current is not None:
            actions += self._end(self._current, "skipped", "interrupted")
        return actions + self.asked(viewer, ask, now, "spoken", judged)

    def take_back(self, viewer: str, client_id: str, now: float) -> list[Action]:
        """A viewer goes on with what was taken for a whole question."""
        self._talkers.begins(viewer)
        if (found := self._find(viewer, client_id)) is not None:
            return self._withdraw(*found, CONTINUED, now, 0.0)
        return self.speaking(viewer)

    def _may_interrupt(self, viewer: str) -> bool:
        if self._settings.hearing.hands_free:
            return True
        return self._current is not None and self._current.viewer == viewer

    def _give_way(self) -> list[Action]:
        """Whoever speaks over the host, and may, makes the host soft, and silent once they mean it."""
        if not self._speaking:
            return []
        silent = self._talkers.spoken_over(self._may_interrupt)
        return [*self._duck(), Hold(True)] if silent else self._duck()

    def _stop(self, now: float, *, thinking: bool = True) -> list[Action]:
        """Take what is being said off the air, and what is thought of as well unless ``thinking`` is False."""
        over = self._line_ended(now) if self._music else []  # it is not played again
        if self._told and self._programme:
            self._programme.interrupted()
        self._remark = self._meanwhile.filler = self._told = None
        self._speaking = False
        return [Stop(thinking), *over, *self._resume(now), *self._duck()]

    def _duck(self) -> list[Action]:
        """The host is soft while somebody speaks over them, and music while anybody speaks."""
        soft = self._talkers.over is not None or (self._music and bool(self._talkers))
        if soft == self._ducked:
            return []
        self._ducked = soft
        return [Duck(soft)]

    def _resume(self, now: float) -> list[Action]:
        """Nobody speaks over the host any more."""
        if self._talkers.over is None:
            return []
        self._moved_at = now
        silent = self._talkers.done()
        return [Hold(False), *self._duck()] if silent else self._duck()

    def take_floor(self, now: float) -> list[Action]:
        """An operator begins to speak through the host. A question not yet answered aloud waits at the head again."""
        self._floor = True
        question = self._current
        actions = self._stop(now)
        if question is not None and not question.sentences:
            self._current = None
            self._wait_again(question)
        elif question is not None:
            actions += self._end(question, "skipped", "an operator is speaking")
        return actions + self._show()

    def leave_floor(self, now: float) -> list[Action]:
        self._floor = False
        self._resume_at = now + PAUSE_AFTER_INTERRUPT_S
        return self._show()

    def _remark_on(self, text: str, language: Language, now: float, *, optional: bool = False) -> list[Action]:
        """Say something that answers nobody; left out while something else than music is on air."""
        if not text or self._current or (self._remark and not self._music) or self._floor:
            return []
        over = self._stop(now) if self._music else []
        self._remark = f"r{next(self._remarks)}"
        self._moved_at = now
        return [*over, Speak(self._remark, text, language, optional), FinishSpeaking(self._remark)]

    # An operator's desk

    def announce(self, text: str, language: Language, now: float, *, at_once: bool) -> list[Action]:
        """Say an operator's text: after the sentence that is on air, before anybody is answered; or at once."""
        self._texts.append((text, language))
        actions: list[Action] = []
        if at_once and not self._cut:
            question = self._current
            actions = self._stop(now)
            self._resume_at = now
            if question is not None:
                actions += self._end(question, "skipped", "an operator is speaking")
        return [*actions, *self._go_on(now)]

    def pause(self, on: bool, now: float) -> list[Action]:
        """Begin nothing more, neither programme nor answers; what is being said is said to its end."""
        self._paused = on
        over = self._stop(now) if on and self._music else []
        return [Keep(self._paused, self._cut), *over, *self._go_on(now)]

    def cut_off(self, on: bool, now: float) -> list[Action]:
        """Off the air at once, behind a slate; or on it again."""
        actions: list[Action] = [Slate(on or self._silenced), Keep(self._paused, on)]
        question, self._cut = self._current, on
        if on:
            self._texts.clear()
            actions += [*self._stop(now), *self._show_card(None)]
            if question is not None:
                actions += self._end(question, "skipped", "the room was taken off the air")
        return [*actions, *self._go_on(now)]

    def silenced(self, on: bool, now: float) -> list[Action]:
        """It is not known any more that nobody else runs this room: nothing is said, behind a slate, until it is. What
        was being answered is answered anew, here or there."""
        self._silenced = on
        actions: list[Action] = [Slate(on or self._cut)]
        if on:
            question, self._current = self._current, None
            actions += [*self._stop(now), *self._show_card(None)]
            if question is not None:
                question.sentences, question.citations, question.written = [], [], False
                self._wait_again(question)
        return [*actions, *self._go_on(now)]

    def switched(self, *, paused: bool, cut: bool) -> None:
        """As an operator left it before a restart."""
        self._paused, self._cut = paused, cut

    def next_segment(self, now: float) -> list[Action]:
        """Leave the segment that is being told."""
        actions = self._stop(now) if self._told else []
        if self._programme:
            self._programme.skip(now)
        return [*actions, *self._go_on(now)]

    def decide(self, question_id: str, decision: Decision, now: float, reply: str = "") -> list[Action] | None:
        """An operator's word on a question; None where nobody waits with it.

        "approve" lets one that is held be answered, "hold" keeps it waiting, "pin" makes it the next, "answer" has
        ``reply`` said, "skip" drops it, also in the middle of its answer.
        """
        question = self._waiting.find(question_id)
        if question is None:
            if decision == "skip" and self._current is not None and self._current.id == question_id:
                return self._drop(self._current, SKIPPED, now, PAUSE_AFTER_INTERRUPT_S)
            return None
        if decision == "skip":
            return self._drop(question, SKIPPED, now, 0.0)
        if decision == "hold":
            if question.held:
                return []
            question.held = True
            return [Record(question, None), *telling.askers(say.Held(question.id, question.id, HELD), question)]
        was_held, question.held = question.held, False
        question.pinned = decision != "approve" or question.pinned
        question.reply = reply or question.reply
        actions: list[Action] = [Record(question, None)]
        if was_held:
            actions += telling.everybody(telling.asked(question), question)
        return [*actions, *self._tell_places(now), *self._go_on(now)]

    def mute(self, viewer: str, until: float, now: float) -> list[Action]:
        """Nothing of a viewer is taken until then (Unix time, s), and what waits of theirs is dropped."""
        actions: list[Action] = [Mute(self.door.mutes.mute(viewer, until))]
        if until > now:
            actions += self._withdraw_all(viewer, self._waiting, "muted", now, 0.0)
        return actions

    # The answer

    def sentence(
        self,
        question_id: str,
        text: str,
        citations: Iterable[say.Cited],
        now: float,
        verdict: Verdict | None = None,
    ) -> list[Action]:
        """The next of an answer. One that may not be said ends the answer, and the host says so."""
        question = self._current
        if question is None or question.id != question_id or question.written:
            return []
        if verdict is not None and self.door.is_bad(verdict):
            return self._withhold(question, text, verdict, now)
        self._moved_at = now
        shown = marks.plain(text)
        joined = shown if not question.sentences or question.language == "zh" else f" {shown}"
        if not (question.sentences or question.reply):
            self._meanwhile.first_sentence(now)
        question.sentences.append(text)
        known = {cited.n for cited in question.citations}
        question.citations += [cited for cited in citations if cited.n not in known]
        source = telling.source(question) if self._settings.cards.sources else None
        return [
            *(self._show_card(source) if source else []),
            *telling.everybody(say.AnswerDelta(question.id, question.id, joined), question),
            *self._speak(question, self._settings.host.answers(text, question.language)),
        ]

    def _withhold(self, question: Question, text: str, verdict: Verdict, now: float) -> list[Action]:
        noted = Moderated(verdict, "answer", text, "decline", None, question.id)
        phrase = self._settings.moderation.phrase(verdict.category, question.language)
        question.citations.clear()
        said = self.sentence(question.id, phrase, (), now)
        return [noted, *self._show_card(None), *said, *self.answered(question.id, refused=True, now=now)]

    def _speak(self, question: Question, text: str, *, optional: bool = False) -> list[Action]:
        """Within its answer."""
        self._meanwhile.spoken()
        return [Speak(question.id, text, question.language, optional)]

    def voiced(self, utterance: str) -> None:
        """The voice has made a sentence, or cannot."""
        if self._current is not None and self._current.id == utterance:
            self._meanwhile.voiced()

    def answered(self, question_id: str, *, refused: bool, now: float) -> list[Action]:
        question = self._current
        if question is None or question.id != question_id or question.written:
            return []
        self._moved_at = now
        question.written, question.refused = True, refused
        return [*telling.everybody(telling.done(question), question), FinishSpeaking(question.id)]

    # The stage

    def speech_started(self, utterance: str, now: float) -> list[Action]:
        if utterance == self._labelling:
            self._label_at = now + 60.0 * self._settings.label.every_minutes
        if utterance == self._meanwhile.filler:
            self._meanwhile.started()
        else:
            self._moved_at = now
        self._heard = utterance == self._told
        self._speaking = not (self._music and self._heard)
        actions = [*self._give_way(), *self._show()]
        if self._current and self._current.id == utterance:
            self._meanwhile.heard(now)
            actions += telling.everybody(say.SpeechStarted(utterance, utterance), self._current)
        return actions

    def captioned(self, utterance: str, text: str, start: int, end: int, now: float) -> list[Action]:
        if utterance != self._meanwhile.filler:
            self._moved_at = now + (end - start) / TICKS_PER_SECOND
            self._meanwhile.sounds_until(self._moved_at)
        self._uttered.append(text)
        return [Tell(say.Caption(utterance, text, start, end))] if text else []

    def played(self, utterance: str, now: float) -> None:
        """Music is on its way, and goes on."""
        if utterance == self._told:
            self._moved_at = now

    def unplayable(self, utterance: str) -> None:
        """A piece of music cannot be read, or not to its end: it counts as played, so that it is not tried at once."""
        self._heard = self._heard or utterance == self._told

    def speech_ended(self, utterance: str, now: float, *, hushed: bool = False) -> list[Action]:
        self._speaking = False
        return [*self._resume(now), *self._speech_ended(utterance, now, hushed=hushed)]

    def _speech_ended(self, utterance: str, now: float, *, hushed: bool) -> list[Action]:
        if utterance == self._meanwhile.filler:
            self._meanwhile.ended(now)
            return self._show()
        self._moved_at = now
        if utterance == self._remark:
            self._remark = None
            if utterance == self._told:
                return [*self._line_ended(now), *self._show(), *self._go_on(now)]
            self._resume_at = max(self._resume_at, now + PAUSE_S)
            return [*self._show(), *self._go_on(now)]
        question = self._current
        if hushed or question is None or question.id != utterance:
            return self._show()
        self._resume_at = now + PAUSE_S
        return [
            *telling.everybody(say.SpeechEnded(utterance, utterance), question),
            *self._end(question, "refused" if question.refused else "answered"),
        ]

    def speech_lost(self, now: float) -> list[Action]:
        """The stage died with what it was saying. An answer is said again from its beginning, once."""
        question = self._current
        if question is None and self._remark is None:
            self._speaking, self._meanwhile.filler = False, None
            return [*self._resume(now), *self._show()]
        self._resume_at = now + PAUSE_S
        if question is None:
            return [*self._stop(now), *self._go_on(now)]
        if question.tries >= TRIES:
            return [*self._stop(now), *self._end(question, "skipped", "the picture was interrupted"), *self._go_on(now)]
        question.tries += 1
        actions = [*self._stop(now, thinking=False), Record(question, None)]
        self._moved_at = now
        if question.sentences:
            host = self._settings.host
            actions += self._say_meanwhile(host.cut_off[question.language], question.language, optional=True)
            self._meanwhile.lost()
            for text in question.sentences:
                actions += self._speak(question, text)
        if question.written:
            actions.append(FinishSpeaking(question.id))
        return [*actions, *self._show()]

    # Time

    def tick(self, now: float) -> list[Action]:
        """Called several times a second."""
        # Whoever is quite sure to speak is not played over.
        actions = self._stop(now) if self._music and self._talkers.mean_it else []
        for question in self._waiting.expired(now):
            actions += self._end(question, "expired", "it waited too long")
        if (self._current or self._remark) and now - self._moved_at > STALL_S:
            self._resume_at = now + PAUSE_S
            actions += self._stop(now)
            if self._current:
                actions += self._end(self._current, "failed", "the answer did not arrive in time")
        return [*actions, *self._go_on(now), *self._fill(now), *self._show_storylines()]

    # Inside

    def _go_on(self, now: float) -> list[Action]:
        if (
            self._cut
            or self._silenced
            or self._current
            or self._floor
            or now < self._resume_at
            or (self._remark and not self._told)
        ):
            return self._show()
        if self._talkers and self._settings.hearing.hands_free:
            return self._show()  # whoever stands before a kiosk is heard out
        if self._texts and (not self._remark or self._music):
            text, language = self._texts.popleft()
            if self._programme:
                self._programme.interrupted()
            return [*self._show(), *self._remark_on(text, language, now)]
        if self._texts or self._paused:
            return self._show()
        if (question := self._waiting.take(now)) is None:
            return [*self._show(), *self._go_on_unasked(now)]
        if self._programme:
            self._programme.interrupted()
        over = self._stop(now) if self._music else []
        return [*over, *self._begin(question, now)]

    def _show_card(self, card: Card | None) -> list[Action]:
        if card == self._card:
            return []
        self._card = card
        return [ShowCard(card), Tell(self.card)]

    def _show_storylines(self) -> list[Action]:
        """Tell when what may be chosen, or what was, is not as viewers know it."""
        news = self.choosing.news()
        return [Tell(news)] if news else []

    def _begin(self, question: Question, now: float) -> list[Action]:
        self._current = question
        self._moved_at = now
        self._meanwhile.begins(question, now)
        question.tries += 1
        actions = [*self._show(), Record(question, None), *self._tell_places(now)]
        if not question.reply:
            actions.append(Answer(question))
        opening = [announcement(question)] if question.announced else []
        if self._was_answered(question, now) and (lines := self._settings.host.again.get(question.language)):
            opening.append(self._meanwhile.one_of(lines))
        if opening:
            text = ("" if question.language == "zh" else " ").join(opening)
            actions += self._say_meanwhile(text, question.language, optional=not question.announced)
        if question.reply:
            actions += self.sentence(question.id, question.reply, (), now)
            actions += self.answered(question.id, refused=False, now=now)
        return [*actions, *self._fill(now)]

    def _was_answered(self, question: Question, now: float) -> bool:
        """Not long ago, to somebody who is still there: a kiosk's next visitor has heard nothing."""
        if question.reply or self._settings.hearing.hands_free:
            return False
        lately = (one for one in self.recent if now - one.ended_at < AGAIN_S and not one.refused)
        return any(is_the_same(question, one) for one in lately)

    def _wait_again(self, question: Question) -> None:
        """It was begun, and not much came of it: the next time it is the first."""
        question.tries -= 1
        question.pinned = True
        self._waiting.add(question)

    def _tell_places(self, now: float) -> list[Action]:
        actions: list[Action] = []
        for question in self._waiting.in_order(now)[:TOLD_PLACES]:
            if not question.held:
                place = self._place(question, now)
                actions += telling.askers(say.Waits(question.id, question.id, place), question)
        return actions

    def _go_on_unasked(self, now: float) -> list[Action]:
        if (self._remark and not self._music) or self._talkers:
            return []
        label = self._settings.label
        if label.spoken and self._programme and now >= self._label_at:
            self._label_at = now + LABEL_AGAIN_S  # unless it is heard, as it is not while no voice is there
            language = self._settings.language
            actions = self._remark_on(label.text[language], language, now, optional=True)
            self._labelling = self._remark
            return actions
        # Who follows or comes in is greeted after the music, if that is soon; a gift is worth more than it.
        if courtesy := self._courtesy.line(now, ("gift",) if self._music else KINDS):
            return self._remark_on(courtesy, self._settings.language, now, optional=True)
        if self._programme is None or self._music:
            return []
        line = self._programme.line(now)
        if line is None:
            return []
        if line.music is not None:
            return self._play(line.music, line.level_db, now)
        if not line.text:  # silence
            return self._line_ended(now)
        language = self._settings.language
        # Left out, and tried again later, while no voice is there.
        actions = self._remark_on(line.said, language, now, optional=True)
        if self._remark:
            actions = [*self._show_card(self._programme.card), *actions]
        self._told, self._heard = self._remark, False
        if upcoming := self._programme.upcoming:
            actions.append(Prepare(upcoming, language))
        return actions

    def _play(self, piece: Path, level_db: float, now: float) -> list[Action]:
        """The programme's line is music."""
        self._remark = self._told = f"r{next(self._remarks)}"
        self._moved_at = now
        self._heard, self._music = False, True
        card = self._show_card(self._programme.card) if self._programme else []
        return [*card, Play(self._remark, piece, level_db), FinishSpeaking(self._remark)]

    def _line_ended(self, now: float) -> list[Action]:
        """Of the programme; one that never sounded was not said."""
        programme, told = self._programme, self._told
        self._told, self._music = None, False
        if programme is None:
            return []
        if told and not self._heard:
            programme.failed(now)
            return []
        aired = programme.ended(now)
        over = [] if programme.segment else self._show_card(None)
        return [*over, Air(aired)] if aired else over

    def _fill(self, now: float) -> list[Action]:
        """Cover the thinking: an acknowledgement, and later a reassurance, also within an answer."""
        question = self._current
        if question is None or self._talkers.holding:
            return []
        line = self._meanwhile.line(question, self._settings.host, now, speaking=self._speaking)
        if not line:
            return []
        if question.sentences:
            return self._speak(question, line, optional=True)
        return self._say_meanwhile(line, question.language, optional=True)

    def _say_meanwhile(self, text: str, language: Language, *, optional: bool = False) -> list[Action]:
        """Say something before the answer, which is being thought of."""
        self._meanwhile.filler = filler = f"r{next(self._remarks)}"
        return [Speak(filler, text, language, optional), FinishSpeaking(filler)]

    def _withdraw(self, question: Question, asker: Question, reason: str, now: float, pause_s: float) -> list[Action]:
        """One asker does not want to hear it any more. Who asked the same with them still does."""
        if not question.joined:
            return self._drop(question, reason, now, pause_s)
        actions: list[Action] = [Record(asker, "skipped")]
        if asker.viewer is not None and asker.client_id is not None:
            actions.append(Tell(say.Skipped(asker.client_id, question.id, reason), asker.viewer))
        if asker is not question:
            question.joined.remove(asker)
        elif question is self._current:
            question.viewer = question.client_id = None  # its answer goes on for the others
            question.withdrawn = True
        else:
            self._waiting.remove(question)
            heir, *rest = question.joined
            heir.joined, heir.held, heir.pinned, heir.reply = rest, question.held, question.pinned, question.reply
            self._waiting.add(heir)
            actions.append(Tell(say.Skipped(question.id, question.id, reason), but=telling.viewers(heir)))
            for one in heir.askers:
                actions += self._accepted(one, heir, now)
            if not heir.held:
                actions += telling.everybody(telling.asked(heir), heir)
        return actions

    def _withdraw_all(
        self, viewer: str, questions: Iterable[Question], reason: str, now: float, pause_s: float
    ) -> list[Action]:
        """All that a viewer has asked, of these."""
        actions: list[Action] = []
        for question in questions:
            for asker in question.askers:
                if asker.viewer == viewer:
                    actions += self._withdraw(question, asker, reason, now, pause_s)
        return actions

    def _drop(self, question: Question, reason: str, now: float, pause_s: float) -> list[Action]:
        """Skip a question, waiting or on air; what is said next is said after ``pause_s``."""
        actions: list[Action] = []
        if question is self._current:
            self._resume_at = now + pause_s
            actions = self._stop(now)
        else:
            self._waiting.remove(question)
        return [*actions, *self._end(question, "skipped", reason)]

    def _end(self, question: Question, outcome: Outcome, reason: str = "") -> list[Action]:
        actions: list[Action] = []
        if question is self._current:
            self._current = self._meanwhile.filler = None
            actions += self._show_card(None)
        for asker in question.askers:
            if asker.withdrawn:
                continue
            asker.sentences, asker.citations = question.sentences, question.citations
            actions.append(Record(asker, outcome))
            if outcome in ("answered", "refused"):
                self._waiting.was_answered(asker.viewer, self._moved_at)
        if outcome in ("answered", "refused"):
            question.ended_at = self._moved_at
            self.recent.append(question)
        elif outcome == "expired":
            actions += telling.of_end(say.Expired(question.id, question.id, reason), question)
        else:
            actions += telling.of_end(say.Skipped(question.id, question.id, reason), question)
        return actions + self._show()

    def _show(self) -> list[Action]:
        """Let the face and the pages show what the host is doing, when it changed."""
        ducked = self._duck()
        state = Attention.IDLE
        if self._floor or (self._speaking and not self._talkers.holding):
            state = Attention.SPEAKING
        elif self._talkers:
            state = Attention.LISTENING
        elif self._current:
            state = Attention.THINKING
        if state == self._state:
            return ducked
        self._state = state
        return [*ducked, Attend(state), Tell(say.HostState(state))]


def language_of(text: str, default: Language) -> Language:
    """Chinese when a quarter of its letters are Han; the room's language when it has no letters."""
    letters = [character for character in text if character.isalpha()]
    if not letters:
        return default
    han = sum("\u4e00" <= character <= "\u9fff" for character in letters)
    return "zh" if han * 4 >= len(letters) else "en"
