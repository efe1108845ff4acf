"""A row of a table as it is said: each cell with the name of its column."""

from collections.abc import Sequence


def with_columns(head: Sequence[str], cells: Sequence[str]) -> list[str]:
    """The cells that are not empty, also those for which there is no column."""
    said = [f"{name}: {cell}" if name else cell for name, cell in zip(head, cells, strict=False) if cell]
    return said + [cell for cell in cells[len(head) :] if cell]
