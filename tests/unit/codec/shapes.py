"""Types that the tests of the codec write and read. They are at the top of a module, like those of users."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Generic, NamedTuple, NotRequired, TypedDict, TypeVar
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, RootModel, SecretStr

T = TypeVar("T")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Tag(enum.StrEnum):
    HOT = "hot"


class Right(enum.Flag):
    READ = 1
    WRITE = 2


class Mixed(enum.Enum):
    TEXT = "text"
    NUMBER = 2


class Odd(enum.Enum):
    PAIR = (1, 2)


class Place(NamedTuple):
    name: str
    since: date


class Size(TypedDict):
    width: int
    height: NotRequired[int]


@dataclass
class Line:
    sku: str
    count: int = 1


@dataclass
class Order:
    id: str
    amount: Decimal
    lines: list[Line] = field(default_factory=list[Line])


@dataclass
class RushOrder(Order):
    hours: int = 24


@dataclass
class Card:
    number: str


@dataclass
class Invoice:
    account: int


@dataclass
class Box(Generic[T]):
    item: T
    count: int = 0


@dataclass
class Node:
    value: int
    next: Node | None = None


@dataclass(eq=False)
class Bare:
    """Two of these are never equal."""

    number: int
    extra: Any = None


@dataclass
class Positive:
    number: int

    def __post_init__(self) -> None:
        if self.number < 0:
            raise KeyError("must not be negative")


@dataclass(eq=False)
class Grumpy:
    """A dataclass whose comparison fails."""

    number: int

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("cannot be compared")

    __hash__ = None


class Point(msgspec.Struct):
    x: int
    y: Decimal = Decimal(0)


class Circle(msgspec.Struct, tag=True):
    radius: float


class Square(msgspec.Struct, tag=True):
    side: float


class Pair(msgspec.Struct, array_like=True):
    left: int
    right: int


class User(BaseModel):
    name: str
    balance: Decimal = Decimal(0)
    joined: datetime | None = None
    score: float = 0.0
    key: bytes = b""


class Admin(User):
    level: int = 1


class Aliased(BaseModel):
    value: int = Field(alias="theValue")


class Renamed(BaseModel):
    value: int = Field(serialization_alias="outValue")


class Binary(BaseModel):
    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    data: bytes


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")

    value: int = 1


class Secret(BaseModel):
    password: SecretStr


class Numbers(RootModel[list[int]]):
    pass


class WithPrivate(BaseModel):
    value: int = 1
    _cache: int = PrivateAttr(default=2)


class Wrapped(BaseModel, Generic[T]):
    item: T


@dataclass
class Account:
    """A dataclass with pydantic models inside."""

    owner: User
    others: list[User] = field(default_factory=list[User])
    by_name: dict[str, User] = field(default_factory=dict[str, User])
    deputy: User | None = None


@dataclass
class Everything:
    """One field of most kinds."""

    id: UUID
    colour: Colour
    level: Level
    place: Place
    size: Size
    order: Order
    point: Point
    counts: dict[int, set[str]]
    parts: tuple[int, str, Decimal | None]
    data: bytes
