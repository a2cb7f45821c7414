"""``python -m engine.rules.feel.reference > docs/reference/feel.md``."""

from __future__ import annotations

import sys

from engine.rules.feel.reference.page import reference

if __name__ == "__main__":
    sys.stdout.write(reference())
