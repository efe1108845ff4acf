"""The gateway of a bench: ``everhost``, which ends with the bench that started it, however that ends."""

import sys

from streaming.child import die_with_parent
from streaming.cli import main

if __name__ == "__main__":
    die_with_parent()
    sys.exit(main(sys.argv[1:]))
