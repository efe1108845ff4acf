"""Who is told what of a question: those who asked it by their own ids, everybody else by the room's."""

from dataclasses import replace

from streaming import protocol as say
from streaming.actions import Action, Tell
from streaming.programme.rundown import Card
from streaming.questions import Question


def everybody(message: say.Of, question: Question) -> list[Action]:
    """Tell everybody."""
    return [Tell(message, but=viewers(question)), *askers(message, question)]


def askers(message: say.Of, question: Question) -> list[Action]:
    """Tell the askers only."""
    return [
        Tell(replace(message, id=asker.client_id), asker.viewer)
        for asker in question.askers
        if asker.kind != "comment" and asker.viewer is not None and asker.client_id is not None
    ]


def of_end(message: say.Of, question: Question) -> list[Action]:
    """What an operator never let through is nobody's business but the askers'."""
    return askers(message, question) if question.held else everybody(message, question)


def viewers(question: Question) -> frozenset[str]:
    """Who is told of it by their own id."""
    return frozenset(
        asker.viewer for asker in question.askers if asker.viewer is not None and asker.client_id is not None
    )


def asked(question: Question) -> say.Asked:
    return say.Asked(question.id, question.id, question.text, question.name)


def done(question: Question) -> say.AnswerDone:
    """Its answer, by the room's id."""
    citations = tuple(sorted(question.citations, key=lambda cited: cited.n))
    return say.AnswerDone(question.id, question.id, question.answer, citations, question.refused)


def source(question: Question) -> Card | None:
    """What an answer rests on first, as a card."""
    if not question.citations:
        return None
    cited = question.citations[0]
    return Card(title=cited.title[:80] or cited.locator[:80], text=cited.quote[:400], footer=cited.locator[:80])
