"""Combinators: rules -> rule."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from altheory.core import leaf, record
from altheory.core.record import is_traced
from altheory.stopping.rule import Reading, StopRule, advance, remembers


def _rules(given: Any) -> tuple[Any, ...]:
    return given if isinstance(given, tuple) else tuple(given)


def _require(name: str, rules: tuple[Any, ...]) -> None:
    for rule in rules:
        if not remembers(rule):
            raise TypeError(
                f"{name} combines rules with init, observe and says; it got {type(rule).__name__}: wrap a function of "
                "readings in `when`, and put a rule on belief and scores into an `Until` of its own"
            )


def _names(rules: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for rule in rules for name in rule.reads))


@record
class AnyOf:
    """Stop when one of the rules says so; without a rule, never."""

    rules: tuple[StopRule, ...] = leaf(default=(), converter=_rules)

    def __check__(self) -> None:
        _require("AnyOf", self.rules)

    @property
    def reads(self) -> tuple[str, ...]:
        return _names(self.rules)

    def init(self) -> tuple[Any, ...]:
        return tuple(rule.init() for rule in self.rules)

    def observe(self, memory: tuple[Any, ...], seen: Reading) -> tuple[Any, ...]:
        return tuple(advance(rule, m, seen) for rule, m in zip(self.rules, memory, strict=True))

    def says(self, memory: tuple[Any, ...]) -> Bool[Array, ""]:
        said = [rule.says(m) for rule, m in zip(self.rules, memory, strict=True)]
        return jnp.stack([*said, jnp.bool_(False)]).any()


@record
class AllOf:
    """Stop when all of the rules, one or more, say so in the same round."""

    rules: tuple[StopRule, ...] = leaf(converter=_rules)

    def __check__(self) -> None:
        _require("AllOf", self.rules)
        if not self.rules:
            raise ValueError("AllOf needs at least one rule; it got none")

    reads, init, observe = AnyOf.reads, AnyOf.init, AnyOf.observe

    def says(self, memory: tuple[Any, ...]) -> Bool[Array, ""]:
        return jnp.stack([rule.says(m) for rule, m in zip(self.rules, memory, strict=True)]).all()


@record
class Patience:
    """Stop when a rule has said so in `rounds` readings in a row."""

    rule: StopRule
    rounds: int | Int[Array, ""] = 3

    def __check__(self) -> None:
        _require("Patience", (self.rule,))
        if not is_traced(self.rounds) and (int(self.rounds) != self.rounds or self.rounds < 1):
            raise ValueError(f"Patience rounds must be a whole number of at least 1; it is {self.rounds}")

    @property
    def reads(self) -> tuple[str, ...]:
        return self.rule.reads

    def init(self) -> tuple[Any, Int[Array, ""]]:
        return self.rule.init(), jnp.int32(0)

    def observe(self, memory: tuple[Any, Int[Array, ""]], seen: Reading) -> tuple[Any, Int[Array, ""]]:
        inner = advance(self.rule, memory[0], seen)
        return inner, jnp.where(self.rule.says(inner), memory[1] + 1, 0)

    def says(self, memory: tuple[Any, Int[Array, ""]]) -> Bool[Array, ""]:
        return memory[1] >= self.rounds
