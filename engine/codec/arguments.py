"""The arguments of a call as a JSON object keyed by parameter name, and back to arguments to call with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from engine.codec.fidelity import same
from engine.codec.forms import ENCODER
from engine.codec.hooks import from_json_form
from engine.codec.parameters import Parameters
from engine.codec.reasons import explain
from engine.codec.types import TypeCodec
from engine.errors import CodecError

_NAMES: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class ArgumentsCodec:
    """Writes the arguments of calls of one function, and reads them back ready for calling it.

    The hints of the function are looked at on first use, which raises ``DefinitionError`` if one cannot be resolved, or
    its values cannot be stored.
    """

    __slots__ = ("_function", "_plan")

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._plan: _Plan | None = None

    def encode(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """Return the arguments as the text of a JSON object; parameters left to their defaults are not in it.

        Raises ``ArgumentsError``, which is a ``TypeError``, if the function cannot be called like that, and
        ``CodecError`` if a value is not of its declared type, or would not be read back as it is.
        """
        plan = self._plan or self._prepare()
        given = plan.parameters.bind(args, kwargs)
        try:
            written = ENCODER.encode(plan.write_foreign(given) if plan.foreign else given)
            text = written.decode()
            unchanged = plan.reads_same(given, plan.read(written)) and "null" not in text
        except Exception as error:  # the types of the values have their own code; the codec of each says what is wrong
            plan.check(given)
            raise CodecError(f"{plan.parameters.what}: the arguments cannot be written: {explain(error)}") from error
        if not unchanged:
            plan.check(given)
        return text

    def decode(self, text: str | bytes) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments, positional and by keyword, to call the function with; defaults are filled in.

        Raises ``ArgumentsError`` if a name is missing or unknown, ``CodecError`` if a value is not of its type.
        """
        return (self._plan or self._prepare()).parameters.call(self._read(text))

    def values(self, text: str | bytes) -> dict[str, Any]:
        """Return the values by parameter name, in the order of the function; raises like :meth:`decode`."""
        return dict(zip((self._plan or self._prepare()).parameters.names, self._read(text), strict=True))

    @property
    def hints(self) -> dict[str, Any]:
        """The type hint of each parameter, in the order of the function. Raises ``DefinitionError``."""
        return (self._plan or self._prepare()).parameters.hints

    def _read(self, text: str | bytes) -> tuple[Any, ...]:
        plan = self._plan or self._prepare()
        try:
            return plan.read(text)
        except CodecError:
            raise
        except Exception as error:
            raise plan.unreadable(text, error) from error

    def _prepare(self) -> _Plan:
        plan = self._plan = _Plan(self._function)
        return plan


class _Plan:
    """What is worked out once for a function: the record its arguments are read as, and a codec for each."""

    __slots__ = ("_codecs", "_decoder", "foreign", "parameters")

    def __init__(self, function: Callable[..., Any]) -> None:
        self.parameters = parameters = Parameters(function)
        self._codecs = {
            name: TypeCodec(hint, f"the argument {name!r} of {function.__name__}")
            for name, hint in parameters.hints.items()
        }
        self.foreign = frozenset(name for name, codec in self._codecs.items() if not codec.native)
        """Parameters that msgspec does not read by itself, and whose values are read in a second step."""
        self._decoder = msgspec.json.Decoder(self._record(), dec_hook=from_json_form)

    def read(self, text: str | bytes) -> tuple[Any, ...]:
        """Return a value for each parameter, in their order. Raises whatever goes wrong."""
        values: tuple[Any, ...] = msgspec.structs.astuple(self._decoder.decode(text))
        if not self.foreign:
            return values
        return tuple(
            self._codecs[name].decode(bytes(value)) if isinstance(value, msgspec.Raw) else value
            for name, value in zip(self.parameters.names, values, strict=True)
        )

    def write_foreign(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return ``given`` with the values that msgspec does not write replaced by their JSON."""
        return {
            name: msgspec.Raw(self._codecs[name].write(value)) if name in self.foreign else value
            for name, value in given.items()
        }

    def reads_same(self, given: dict[str, Any], values: tuple[Any, ...]) -> bool:
        """Tell whether what was read is equal to what was given."""
        for name, value in zip(self.parameters.names, values, strict=True):
            if name in given and not same(given[name], value):
                return False
        return True

    def check(self, given: dict[str, Any]) -> None:
        """Raise the ``CodecError`` of the first value that cannot be written as it is, if there is one."""
        for name, value in given.items():
            self._codecs[name].round_trip(value)

    def unreadable(self, text: str | bytes, error: Exception) -> CodecError:
        """Return the error for a text that cannot be read as arguments."""
        what = self.parameters.what
        try:
            names = set(_NAMES.decode(text))
        except (msgspec.MsgspecError, UnicodeError) as failure:
            return CodecError(f"{what}: the stored arguments are no JSON object by parameter name: {explain(failure)}")
        try:
            self.parameters.check_names(names)
        except CodecError as misfit:
            return misfit
        return CodecError(
            f"{what}: the stored arguments cannot be read: {explain(error)}; they do not fit the type hints: "
            f"give new fields a default, and start a new version of a flow whose arguments change"
        )

    def _fields(self) -> list[str]:
        """Return the names of the record's fields, which are free of what a record's own attributes are called."""
        return [f"p{index}" for index in range(len(self.parameters.names))]

    def _record(self) -> type[msgspec.Struct]:
        fields: list[tuple[str, Any, Any]] = []
        renamed: dict[str, str] = {}
        for field, name in zip(self._fields(), self.parameters.names, strict=True):
            hint = msgspec.Raw if name in self.foreign else self._codecs[name].hint
            default = self.parameters.defaults.get(name)
            fields.append((field, hint, msgspec.field() if default is None else msgspec.field(default_factory=default)))
            renamed[field] = name
        return msgspec.defstruct("Arguments", fields, rename=renamed, kw_only=True, forbid_unknown_fields=True)
