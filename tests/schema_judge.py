"""Judges JSON by a JSON Schema: the few keywords that our schemas use, and no others (RFC draft 2020-12)."""

import re
from collections.abc import Callable
from typing import Any

Schema = dict[str, Any]

_TYPES: dict[str, Callable[[object], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}

_SAYS_NOTHING = {"$schema", "$defs", "title", "description", "default", "format", "discriminator"}


def is_valid(value: object, schema: Schema, root: Schema | None = None) -> bool:
    """Whether the value fits the schema. Raises KeyError for a keyword that this judge does not know."""
    root = root or schema
    return all(_RULES[keyword](value, schema, root) for keyword in schema.keys() - _SAYS_NOTHING)


def _ref(value: object, schema: Schema, root: Schema) -> bool:
    return is_valid(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)


def _properties(value: object, schema: Schema, root: Schema) -> bool:
    properties = schema["properties"]
    return not isinstance(value, dict) or all(
        is_valid(member, properties[name], root) for name, member in value.items() if name in properties
    )


def _items(value: object, schema: Schema, root: Schema) -> bool:
    return not isinstance(value, list) or all(is_valid(element, schema["items"], root) for element in value)


_RULES: dict[str, Callable[[object, Schema, Schema], bool]] = {
    "$ref": _ref,
    "anyOf": lambda value, schema, root: any(is_valid(value, each, root) for each in schema["anyOf"]),
    "oneOf": lambda value, schema, root: sum(is_valid(value, each, root) for each in schema["oneOf"]) == 1,
    "type": lambda value, schema, _: _TYPES[schema["type"]](value),
    "const": lambda value, schema, _: value == schema["const"],
    "enum": lambda value, schema, _: value in schema["enum"],
    "properties": _properties,
    "required": lambda value, schema, _: not isinstance(value, dict) or value.keys() >= set(schema["required"]),
    "items": _items,
    "maxItems": lambda value, schema, _: not isinstance(value, list) or len(value) <= schema["maxItems"],
    "pattern": lambda value, schema, _: not isinstance(value, str) or bool(re.search(_exact(schema["pattern"]), value)),
    "maxLength": lambda value, schema, _: not isinstance(value, str) or len(value) <= schema["maxLength"],
    "minimum": lambda value, schema, _: not isinstance(value, int) or value >= schema["minimum"],
    "maximum": lambda value, schema, _: not isinstance(value, int) or value <= schema["maximum"],
}


def _exact(pattern: str) -> str:
    # Python's $ also matches before a last line end; that of JSON Schema (ECMA-262) does not.
    return pattern.removesuffix("$") + r"\Z" if pattern.endswith("$") else pattern
