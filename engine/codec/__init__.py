"""Values to JSON text and back, by type hints. Nothing is lost on the way, or it is refused."""

from __future__ import annotations

from engine.codec.arguments import ArgumentsCodec
from engine.codec.errors import decode_error, encode_error
from engine.codec.results import result_codec
from engine.codec.size import check_size
from engine.codec.types import TypeCodec, encode_payload

__all__ = [
    "ArgumentsCodec",
    "TypeCodec",
    "check_size",
    "decode_error",
    "encode_error",
    "encode_payload",
    "result_codec",
]
