"""The JSON Schemas of commands and results, made from the forms; the folder `schemas` keeps them for publishers.

They say what one message can tell about itself; tenants, time zones and midnights in them only the worker knows.
"""

import json
from typing import Annotated, Any

from pydantic import Field, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from consumers.messages.result import ResultEvent
from consumers.messages.wire_models import CancelForm, EndForm, MoveForm, PutForm


class _Plain(GenerateJsonSchema):
    """Without titles, which only repeat the members' names."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False


class _NullIsAbsent(_Plain):
    """An optional member may be null, which is the same as absent."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        described = super().default_schema(schema)
        default = described.pop("default", None)
        if default is None:
            return described
        return {"anyOf": [described, {"type": "null"}], "default": default}


def command_schema() -> dict[str, Any]:
    """The schema of a booking command (docs/contract.md#commands)."""
    command = Annotated[PutForm | MoveForm | EndForm | CancelForm, Field(discriminator="command")]
    return _headed("roomsync booking command", TypeAdapter(command).json_schema(schema_generator=_NullIsAbsent))


def result_schema() -> dict[str, Any]:
    """The schema of a result event (docs/contract.md#results)."""
    return _headed(
        "roomsync result event", ResultEvent.model_json_schema(mode="serialization", schema_generator=_Plain)
    )


def schema_text(schema: dict[str, Any]) -> str:
    """A schema as it is printed and kept."""
    return json.dumps(schema, indent=2) + "\n"


def _headed(title: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": title}
