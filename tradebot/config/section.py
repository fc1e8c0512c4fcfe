"""What every table of bot.toml is: strict, frozen, without keys that nobody knows."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

from tradebot.config.values import flag, word, words

Flag = Annotated[bool, BeforeValidator(flag)]
Word = Annotated[str, BeforeValidator(word)]
Words = Annotated[tuple[str, ...], BeforeValidator(words)]


class Section(BaseModel):
    """A table of bot.toml."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, validate_by_name=True, validate_by_alias=True
    )


__all__ = ["Flag", "Section", "Word", "Words"]
