"""Frozen, slotted dataclasses that are quick to make and quick to define: values are made by the million.

``dataclass(frozen=True)`` sets each field through ``object.__setattr__`` and compiles six functions for every
class, which is most of what a command's start costs. Here a value is filled as a draft, an object of the same
slots that can be written to, and becomes what nobody can change; one function is compiled, and that when the
first value is made: a command makes values of few of the classes it loads. Everything else is a dataclass's:
arguments, defaults, ``fields``, ``replace``, patterns, comparison, hash, text, copies, pickles.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from inspect import Signature, signature
from operator import attrgetter
from typing import Any, NoReturn, TypeVar, dataclass_transform

C = TypeVar("C")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[C]) -> type[C]:
    """Make a class of annotated fields a frozen, slotted dataclass.

    TypeError where it would have to do more than set its fields (``__post_init__``, ``init=False``), where it
    derives from another class, and for one that is a dataclass already.
    """
    if cls.__bases__ != (object,) or hasattr(cls, "__dataclass_fields__"):
        raise TypeError(f"{cls.__name__} must be a class of its own, and no dataclass yet")
    made: Any = dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    items = fields(made)
    if hasattr(made, "__post_init__") or not all(item.init for item in items):
        raise TypeError(f"{cls.__name__} does more than set its fields")
    made.__new__ = _FirstMaker(made, items)
    made.__reduce__ = _reducer([item.name for item in items])
    made.__repr__ = _shower([item.name for item in items if item.repr])
    made.__eq__, made.__hash__ = _comparer([item.name for item in items if item.compare])
    made.__setattr__, made.__delattr__ = _refuse_to_set, _refuse_to_delete
    made.__init_subclass__ = classmethod(_refuse_a_subclass)
    return made  # type: ignore[no-any-return]


class _FirstMaker:
    """Stands in for a class's maker until its first value is made, or somebody asks for its signature."""

    def __init__(self, made: Any, items: tuple[Field[Any], ...]) -> None:
        self._made = made
        self._items = items

    def __call__(self, cls: Any, /, *args: Any, **kwargs: Any) -> Any:
        return self._compiled()(cls, *args, **kwargs)

    @property
    def __signature__(self) -> Signature:
        return signature(self._compiled())

    def _compiled(self) -> Any:
        self._made.__new__ = maker = _maker(self._made, self._items)
        return maker


def _maker(made: Any, items: tuple[Field[Any], ...]) -> Any:
    """Compile what makes a value of the class."""
    slots = tuple(item.name for item in items)
    names: dict[str, Any] = {"_missing": MISSING, "_Draft": type("Draft", (), {"__slots__": slots})}
    words = [_word(item, names) for item in items]
    head = "".join(f", {word}" for word, _ in words)
    body = "".join(
        f"    _made.{item.name} = {text}\n" for item, (_, text) in zip(items, words, strict=True)
    )
    # as dataclasses does it: the text is made of field names only, which are identifiers
    text = f"def __new__(_cls{head}):\n    _made = _Draft()\n{body}    _made.__class__ = _cls\n    return _made\n"
    exec(text, names)
    maker = names["__new__"]
    maker.__qualname__ = f"{made.__qualname__}.__new__"
    maker.__annotations__ = {item.name: item.type for item in items}
    return maker


def _word(item: Field[Any], names: dict[str, Any]) -> tuple[str, str]:
    """Return a field's parameter and what it is set to; put what they need into ``names``."""
    name = item.name
    if item.default_factory is not MISSING:
        names[f"_make_{name}"] = item.default_factory
        return f"{name}=_missing", f"_make_{name}() if {name} is _missing else {name}"
    if item.default is not MISSING:
        names[f"_default_{name}"] = item.default
        return f"{name}=_default_{name}", name
    return name, name


def _reducer(names: list[str]) -> Any:
    def reduce(self: Any) -> tuple[Any, ...]:
        """Copy and pickle by making it anew."""
        return type(self), tuple(getattr(self, name) for name in names)

    return reduce


def _shower(names: list[str]) -> Any:
    def show(self: Any) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__qualname__}({shown})"

    return show


def _comparer(names: list[str]) -> tuple[Any, Any]:
    """Return what compares two values, and what gives a value its hash."""
    parts: Any = attrgetter(*names) if names else lambda _: ()
    if len(names) == 1:
        (only,) = names

        def parts(value: Any) -> tuple[Any]:
            return (getattr(value, only),)

    def equal(self: Any, other: object) -> Any:
        if type(other) is not type(self):
            return NotImplemented
        return parts(self) == parts(other)

    def hashed(self: Any) -> int:
        return hash(parts(self))

    return equal, hashed


def _refuse_to_set(_: Any, name: str, __: object) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_: Any, name: str) -> NoReturn:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _refuse_a_subclass(cls: type) -> NoReturn:
    raise TypeError(f"{cls.__name__}: nothing derives from a frozen value")


__all__ = ["frozen"]
