"""What the journal says of each question: how it was answered, from what, and what of it was heard."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Said:
    """A sentence of an answer."""

    text: str
    by: str
    """"documents": in their words; "model"; "host": a refusal."""
    sources: list[int]
    """Numbers of citations."""
    moderation: str | None = None
    """The rule that stopped it."""


@dataclass(slots=True)
class Account:
    id: str
    room: str
    at: str = ""
    """When it was asked (ISO 8601, UTC)."""
    text: str = ""
    kind: str = ""
    viewer: str | None = None
    """A pseudonym."""
    sentences: list[Said] = field(default_factory=list)
    prompts: list[Mapping[str, Any]] = field(default_factory=list)
    """What language models were asked and said."""
    moderated: list[str] = field(default_factory=list)
    """Rules, and what followed: "spam.link: drop"."""
    heard: list[str] = field(default_factory=list)
    """Clauses, as they were spoken."""
    citations: list[Mapping[str, Any]] = field(default_factory=list)
    answer: str = ""
    outcome: str = ""
    """"": it has none yet."""
    ended: str = ""

    def told(self) -> str:
        """For people."""
        lines = [f"{self.at}  {self.room}  {self.id}  {self.kind}  {self.viewer or '-'}", f"  ? {self.text}"]
        lines += [f"  ! {one}" for one in self.moderated]
        for said in self.sentences:
            sources = "".join(f"[{n}]" for n in said.sources)
            stopped = f"  (not said: {said.moderation})" if said.moderation else ""
            lines.append(f"  > {said.text} {sources} {said.by}{stopped}".rstrip())
        lines += [f"  [{one['n']}] {one['title']}, {one['locator']}: {one['quote']}" for one in self.citations]
        lines.append(f"  = {self.outcome or 'not ended'} {self.ended}, heard: {' '.join(self.heard) or 'nothing'}")
        return "\n".join(lines)


def accounts(entries: Iterable[Mapping[str, Any]]) -> dict[str, Account]:
    """By the questions' ids, in the order in which they were asked."""
    found: dict[str, Account] = {}
    for entry in entries:
        what, name = entry.get("what"), str(entry.get("id") or entry.get("utterance") or "")
        if what == "question" and name not in found and "text" in entry:
            found[name] = Account(
                name, entry["room"], entry["at"], entry["text"], entry.get("kind", ""), entry.get("viewer")
            )
        if name not in found:
            continue
        one = found[name]
        match what:
            case "sentence":
                one.sentences.append(Said(entry["text"], entry["by"], entry["sources"], entry.get("moderation")))
            case "prompt":
                one.prompts.append(entry)
            case "moderated":
                one.moderated.append(f"{entry['of']} {entry['rule']}: {entry['outcome']}")
            case "said":
                one.heard.append(entry["text"])
            case "outcome":
                one.outcome, one.ended = entry["outcome"], entry["at"]
                one.answer, one.citations = entry["answer"], entry["citations"]
    return found
