"""Chinese ideographs in a text."""

import re
from typing import Final

HAN: Final = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
HAN_RUN: Final = re.compile(HAN.pattern + "+")
