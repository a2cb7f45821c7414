"""Times, states and values as short texts for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from engine.model.durations import format_duration

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_US: Final = 86_400_000_000

STYLES: Final = {
    "running": "cyan",
    "claimed": "cyan",
    "ready": "blue",
    "waiting": "yellow",
    "paused": "magenta",
    "parked": "bold magenta",
    "completed": "green",
    "continued": "green",
    "failed": "bold red",
    "dead": "bold red",
    "cancelled": "bright_black",
    "alive": "green",
    "gone": "bright_black",
}
SIGNS: Final = {
    "running": "▶", "claimed": "▶", "ready": "○", "waiting": "◷", "paused": "‖", "parked": "!", "completed": "✓",
    "continued": "↻", "failed": "✗", "dead": "✗", "cancelled": "–",
}  # fmt: skip
ASCII_SIGNS: Final = {
    "running": ">", "claimed": ">", "ready": "o", "waiting": "~", "paused": "|", "parked": "!", "completed": "+",
    "continued": "+", "failed": "x", "dead": "x", "cancelled": "-",
}  # fmt: skip


def state_text(state: str, *, ascii_only: bool = False, wording: str | None = None) -> Text:
    """Return a state with its sign and colour."""
    signs = ASCII_SIGNS if ascii_only else SIGNS
    return Text(f"{signs.get(state, '?')} {wording or state}", style=STYLES.get(state, ""))


def clock(at_us: int, now_us: int) -> str:
    """Return a time in UTC: the time of day, with the date when it is another one than today's."""
    at = _EPOCH + timedelta(microseconds=at_us)
    today = (_EPOCH + timedelta(microseconds=now_us)).date()
    return at.strftime("%H:%M:%S" if at.date() == today else "%Y-%m-%d %H:%M:%S")


def stamp(at_us: int) -> str:
    """Return date and time in UTC."""
    return (_EPOCH + timedelta(microseconds=at_us)).strftime("%Y-%m-%d %H:%M:%S")


def span(duration_us: int) -> str:
    """Return a duration in its two largest units."""
    if duration_us >= 60_000_000:
        return format_duration(duration_us, parts=2)
    if duration_us >= 1_000_000:
        return f"{duration_us / 1e6:.1f}s"
    return f"{max(duration_us, 0) // 1000}ms"


def ago(at_us: int, now_us: int) -> str:
    """Return how long ago, in its largest unit."""
    past = now_us - at_us
    return "now" if past < 1_000_000 else f"{format_duration(past, parts=1)} ago"


def executions(count: int) -> str:
    """Return how many executions, in words."""
    return "1 execution" if count == 1 else f"{count} executions"


def clean(text: str | None) -> str:
    """Return a text on one line, without signs that would steer a terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in " ".join((text or "").split()))


def short(text: str | None, width: int, *, ascii_only: bool = False) -> str:
    """Return a text on one line, cut to a width in cells of the terminal."""
    line = clean(text)
    if ascii_only:
        line = line.encode("ascii", "backslashreplace").decode()
    if cell_len(line) <= width:
        return line
    end = "..." if ascii_only else "…"
    return set_cell_size(line, max(width - len(end), 0)).rstrip() + end if width > len(end) else line[:width]


def fitted(text: str, width: int, *, ascii_only: bool = False) -> str:
    """Return a text that fills a column of this width exactly."""
    return set_cell_size(short(text, width, ascii_only=ascii_only), width)
