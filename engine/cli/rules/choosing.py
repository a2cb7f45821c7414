"""Why a version decided and not another, told in a line and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.cli.texts import clean, stamp
from engine.model.rulebook import LATEST
from engine.model.shares import ALL, format_share

if TYPE_CHECKING:
    from engine.model.choice import Choice, Rollout


def choice_text(choice: Choice) -> str:
    """Return what the call asked for, and which shares the key was in."""
    binding = choice.call.binding
    if binding.version == LATEST:
        return "the latest version was asked for, which it was when the step ran"
    if binding.version is not None:
        return f"version {binding.version} was asked for"
    if binding.tag is not None:
        return f"the tag {clean(binding.tag)} was asked for, which it had when the step ran"
    date = "" if binding.as_of_us is None else f" for {stamp(binding.as_of_us).removesuffix(' 00:00:00')}"
    text = f"it was active{date} when the execution began"
    if not choice.rollouts:
        return text
    if choice.call.key is None:
        whose = "for no key"
    else:
        whose = f'for the key "{clean(choice.call.key)}", whose bucket of {ALL} is {choice.bucket}'
    return f"{text}, {whose}: {', '.join(map(_rollout_text, choice.rollouts))}"


def plain_choice(choice: Choice) -> dict[str, Any]:
    """Return the same as JSON values."""
    call, binding = choice.call, choice.call.binding
    return {
        "version": binding.version, "tag": binding.tag, "as_of_us": binding.as_of_us, "begun_us": call.begun_us,
        "key": call.key, "bucket": choice.bucket, "rollouts": [
            {"version": one.number, "share": format_share(one.share), "below": one.share, "is_in": one.is_in}
            for one in choice.rollouts
        ],
    }  # fmt: skip


def _rollout_text(rollout: Rollout) -> str:
    where = "in" if rollout.is_in else "not in"
    return f"{where} the {format_share(rollout.share)} of version {rollout.number}, below {rollout.share}"
