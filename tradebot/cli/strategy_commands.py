"""``strategies``: what there is to run and what can be set about it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tradebot.cli.options import Common, RunOptions
from tradebot.cli.output import Result, show
from tradebot.cli.settings import read_config
from tradebot.core.model.errors import UsageError
from tradebot.plugins.evidence import EvidenceHash, Part, evidence_of
from tradebot.plugins.strategies import StrategyInfo, describe, list_strategies, load_strategy


def strategies(common: Common, name: str | None) -> int:
    """Print all strategies, or the one that was named after checking that it loads."""
    infos = list_strategies() if name is None else [_one(common, name)]
    data = {"strategies": [asdict(info) for info in infos]}
    warnings = [f"{info.name} does not load: {info.error}" for info in infos if info.error]
    result = Result("strategies", data, warnings, text="\n\n".join(map(_in_words, infos)))
    return show(result, as_json=common.json)


def evidence_hash(options: RunOptions) -> int:
    """Print what evidence of a strategy binds to, part by part, and the hash over it.

    What no flag says is the configuration's; its parameters are those of the strategy that it names.
    """
    config = read_config(options.common, options.flags())
    chosen = config.strategy
    spec = load_strategy(chosen.name, config.strategy_dir(), chosen.params)
    found = evidence_of(spec, chosen.timeframe, config.market.symbols)
    data = {"strategy": spec.name, "hash": found.hash, "parts": list(map(asdict, found.parts))}
    result = Result("strategies", data, text="\n".join(_parts_in_words(spec.name, found)))
    return show(result, as_json=options.common.json)


def _parts_in_words(name: str, found: EvidenceHash) -> list[str]:
    parts = [*found.parts, Part("evidence hash", found.hash)]
    width = max(len(part.name) for part in parts)
    head = f"{name}: evidence of it counts under this hash; a change of any part is another one"
    return [head, *(f"  {part.name:<{width}}  {part.value}" for part in parts)]


def _one(common: Common, name: str) -> StrategyInfo:
    known = {info.name: info for info in list_strategies()}
    base = read_config(common).base_dir
    try:
        load_strategy(name, base)
    except UsageError as error:
        # a strategy whose parameters have no defaults is still worth describing
        if not (error.key or "").startswith("strategy.params"):
            raise
    return known.get(name) or describe(name, "file", name.rpartition(":")[0], base)


def _in_words(info: StrategyInfo) -> str:
    lines = [f"{info.name}  ({info.kind}, {info.source})"]
    if info.summary:
        lines.append(f"  {info.summary}")
    width = max((len(param.name) for param in info.params), default=0)
    for param in info.params:
        lines.append(f"  {param.name:<{width}}  {_param_in_words(asdict(param))}")
    return "\n".join(lines)


def _param_in_words(param: dict[str, Any]) -> str:
    bounds = f", {param['bounds']}" if param["bounds"] else ""
    words = f"   {param['description']}" if param["description"] else ""
    return f"{param['type']} = {param['default']}{bounds}{words}"
