"""Moderation: a text in, a verdict out. What live platforms and the law ban is recognised before it is said.

The matching layers alone: they know nothing of rooms, viewers' histories or outcomes, and none of them does I/O after
the lists are read.
"""

from streaming.moderation.flood import Flood
from streaming.moderation.lists import Lists, ListsError, merged, standard
from streaming.moderation.moderator import Moderator
from streaming.moderation.verdict import CATEGORIES, Category, Severity, Verdict, What

__all__ = [
    "CATEGORIES",
    "Category",
    "Flood",
    "Lists",
    "ListsError",
    "Moderator",
    "Severity",
    "Verdict",
    "What",
    "merged",
    "standard",
]
