"""A quicker way to make frozen, slotted dataclasses: values are made by the million.

The ``__init__`` that ``dataclass(frozen=True)`` writes looks up and calls ``object.__setattr__`` for each
field; the one made here calls the slots' own setters, which it knows. Everything else stays as it is:
arguments, defaults, comparison, pickling, and that nobody can change the value afterwards.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from typing import Any, TypeVar

C = TypeVar("C")


def swift(cls: type[C]) -> type[C]:
    """Give a frozen, slotted dataclass (all fields in ``__init__``, no ``__post_init__``) a quick one.

    About half the time of the one it replaces. TypeError for any other class.
    """
    shape = getattr(cls, "__dataclass_params__", None)
    if shape is None or not shape.frozen or "__slots__" not in vars(cls):
        raise TypeError(f"{cls.__name__} is no frozen, slotted dataclass")
    if hasattr(cls, "__post_init__") or not all(item.init for item in fields(cls)):  # type: ignore[arg-type]
        raise TypeError(f"{cls.__name__} does more in __init__ than set its fields")
    names: dict[str, Any] = {"MISSING": MISSING}
    words = [_word(item, cls, names) for item in fields(cls)]  # type: ignore[arg-type]
    head = ", ".join(word for word, _ in words)
    body = "\n".join(f"    {line}" for _, line in words)
    # as dataclasses does it: the text is made of field names only, which are identifiers
    exec(f"def __init__(self, {head}):\n{body}\n", names)
    made = names["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    made.__annotations__ = cls.__init__.__annotations__
    cls.__init__ = made  # type: ignore[method-assign]
    return cls


def _word(item: Field[Any], cls: type, names: dict[str, Any]) -> tuple[str, str]:
    """Return a field's parameter and the line that sets it; put what they need into ``names``."""
    name = item.name
    names[f"set_{name}"] = vars(cls)[name].__set__
    if item.default_factory is not MISSING:
        names[f"make_{name}"] = item.default_factory
        return (
            f"{name}=MISSING",
            f"set_{name}(self, make_{name}() if {name} is MISSING else {name})",
        )
    if item.default is not MISSING:
        names[f"default_{name}"] = item.default
        return f"{name}=default_{name}", f"set_{name}(self, {name})"
    return name, f"set_{name}(self, {name})"


__all__ = ["swift"]
