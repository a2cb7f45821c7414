"""Decision models as DMN files, versions 1.1 to 1.5."""

from __future__ import annotations
