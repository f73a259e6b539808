"""A reply is untrusted text: it is parsed against a schema, and never executed or obeyed."""

import json
from collections.abc import Sequence
from typing import Any

from altheory.host.source import Label

LONGEST = 100_000
"""Characters of a reply that are looked at."""


def label_schema(classes: Sequence[str]) -> dict[str, Any]:
    """The JSON schema of a reply: an object with one key, `label`, one of the classes."""
    return {
        "type": "object",
        "properties": {"label": {"type": "string", "enum": list(classes)}},
        "required": ["label"],
        "additionalProperties": False,
    }


def read_label(reply: str, classes: Sequence[str]) -> Label:
    """The class that a reply names: a JSON object with `label`, alone or in one code fence. Nothing is guessed.

    A label off the list, two objects, prose around them, or a key twice: no label, and the problem.
    """
    text = reply[:LONGEST].strip()
    if text.startswith("```") and text.endswith("```") and len(text) > 6:
        text = text[3:-3].removeprefix("json").strip()
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        return Label(None, f"not JSON: {str(error)[:80]}")
    if not isinstance(found, dict) or set(found) != {"label"}:
        return Label(None, "not an object with the one key `label`")
    if not isinstance(found["label"], str) or found["label"] not in classes:
        return Label(None, "a label that is not on the list")
    return Label(found["label"])


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)
