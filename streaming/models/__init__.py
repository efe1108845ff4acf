"""The models: which there are (``catalogue``), where they come from (``sources``), where they lie (``store``)."""

from streaming.models.catalogue import CATALOGUE, Carrier, Model, ModelFile, find
from streaming.models.progress import bars
from streaming.models.store import Progress, Store

__all__ = ["CATALOGUE", "Carrier", "Model", "ModelFile", "Progress", "Store", "bars", "find"]
