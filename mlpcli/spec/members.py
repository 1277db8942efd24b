"""Family tables turned into pydantic types, so that a new member needs nothing here.

In a spec a member is a mapping with its name and its settings, or its bare name.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    create_model,
)

from mlpcli.family import Family


class Section(BaseModel):
    """A mapping in a spec: unknown keys, wrong types and numbers that are not finite are faults."""

    model_config = ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, frozen=True, validate_default=True
    )


class Member(Section):
    """A member of a family with its settings."""

    @property
    def settings(self) -> dict[str, Any]:
        """The settings alone, as keyword arguments of the member's class."""
        return self.model_dump(exclude={"name"})


def build(family: Family, member: Any) -> Any:
    """Return the member's object in the engine."""
    return family[member.name](**member.settings)


def member_models(family: Family, default: str | None = None) -> tuple[type[Member], ...]:
    """Return one pydantic model for each member of a family.

    default  the member that a mapping without a name means: in the JSON Schema all others require
             theirs, or a mapping of settings that two of them share would be either
    """
    models = []
    for name, cls in family.items():
        hints = get_type_hints(cls)
        fields: dict[str, Any] = {"name": (Literal[name], name if name == default else ...)}
        for f in dataclasses.fields(cls):
            info = Field(f.default, description=f.metadata["doc"], **f.metadata["bounds"])
            fields[f.name] = (_listed(hints[f.name]), info)
        doc = (cls.__doc__ or "").strip().splitlines()[0]
        models.append(create_model(cls.__name__, __base__=Member, __doc__=doc, **fields))
    return tuple(models)


def _listed(hint: Any) -> Any:
    """Return a setting's type for a spec: a tuple is written as a list."""
    if get_origin(hint) is not tuple:
        return hint
    shape: Any = list.__class_getitem__(get_args(hint)[0])
    before = BeforeValidator(_as_tuple, json_schema_input_type=shape)
    return Annotated[hint, before]


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def member_type(family: Family, default: str | None) -> Any:
    """Return the type of a spec's key that takes a member of the family.

    default  the name that a mapping without one means; None where a name must be given
    """

    def spelled_out(value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, dict) and "name" not in value and default is not None:
            return {"name": default, **value}
        return value

    models = member_models(family, default)
    union = Annotated[Union[models], Discriminator("name")] if len(models) > 1 else models[0]  # noqa: UP007
    shape = Union[union, Literal[tuple(family)]]  # type: ignore[valid-type] # noqa: UP007
    return Annotated[union, BeforeValidator(spelled_out, json_schema_input_type=shape)]


# One text or a list of them; what is neither is one fault, not two.
text_or_list = Annotated[
    Annotated[str, Tag("text")] | Annotated[list[str], Tag("list")],
    Discriminator(lambda value: "list" if isinstance(value, list) else "text"),
]


def or_auto(inner: Any) -> Any:
    """Return a type that also takes the word `auto`, which reads as None and is written back."""

    def auto(value: Any) -> Any:
        return None if value == "auto" else value

    shape = Union[inner, Literal["auto"]]  # noqa: UP007
    return Annotated[
        inner | None,
        BeforeValidator(auto, json_schema_input_type=shape),
        PlainSerializer(lambda value: "auto" if value is None else value),
    ]
