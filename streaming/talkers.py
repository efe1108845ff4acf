"""Who speaks to the host, and who of them speaks over the host. Sans-I/O."""

from collections.abc import Callable


class Talkers:
    """Viewers who hold the button or whose voice is heard."""

    def __init__(self) -> None:
        self._meant: dict[str, bool] = {}
        """Whether each means it: it is speech, no cough and no "mm"."""
        self._awake: set[str] = set()
        """Viewers who are here: they said the wake word, or a touch or a sensor told."""
        self.over: str | None = None
        """Who speaks over the host, and may: the host is softer meanwhile,"""
        self.holding = False
        """or silent, since they mean it."""

    def __bool__(self) -> bool:
        return bool(self._meant)

    @property
    def mean_it(self) -> bool:
        """Somebody is quite sure to speak."""
        return any(self._meant.values())

    def means_it(self, viewer: str) -> bool:
        return self._meant.get(viewer, False)

    def others(self, viewer: str) -> bool:
        """Somebody else speaks."""
        return bool(self._meant.keys() - {viewer})

    def begins(self, viewer: str, *, meant: bool = False) -> None:
        self._meant[viewer] = meant

    def ends(self, viewer: str) -> None:
        self._meant.pop(viewer, None)

    def wake(self, viewer: str) -> None:
        self._awake.add(viewer)

    def sleep(self, viewer: str) -> None:
        self._awake.discard(viewer)

    def awake(self, viewer: str) -> bool:
        return viewer in self._awake

    def spoken_over(self, may: Callable[[str], bool]) -> bool:
        """The host speaks, and whoever ``may`` speaks over them; True where the host is silent from now on."""
        held = self.holding
        for viewer, meant in self._meant.items():
            if self.over is None and may(viewer):
                self.over = viewer
            self.holding |= self.over == viewer and meant
        return self.holding and not held

    def done(self) -> bool:
        """Nobody speaks over the host any more; True where the host was silent."""
        held, self.over, self.holding = self.holding, None, False
        return held
