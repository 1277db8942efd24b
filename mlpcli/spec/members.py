"""Family tables turned into pydantic types, so that a new member needs nothing here.

In a spec a member is a mapping with its name and its settings, or its bare name.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
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
from pydantic_core import SchemaValidator, core_schema

from mlpcli.errors import listing
from mlpcli.family import Family, key_of, settings_of


class Section(BaseModel):
    """A mapping in a spec: unknown keys, wrong types and numbers that are not finite are faults."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        frozen=True,
        validate_default=True,
        defer_build=True,  # most are validated as a part of another one alone
    )


class Member(Section, defer_build=False):
    """A member of a family with its settings."""

    @property
    def settings(self) -> dict[str, Any]:
        """The settings alone, as keyword arguments of the member's class."""
        return self.model_dump(exclude={"name"})


def build(family: Family, member: Any) -> Any:
    """Return the member's object in the engine."""
    cls, settings = family[member.name], member.settings
    return cls(**{f.name: settings[key_of(f)] for f in settings_of(cls)})


def member_model(family: Family, name: str, default: str | None) -> type[Member]:
    """Return the pydantic model of one member of a family.

    default  the one that a mapping without a name means; the others' names have to be there
    """
    cls = family[name]
    hints = get_type_hints(cls)
    fields: dict[str, Any] = {"name": (Literal[name], name if name == default else ...)}
    for f in settings_of(cls):
        info = Field(f.default, description=f.metadata["doc"], **f.metadata["bounds"])
        fields[key_of(f)] = (_listed(hints[f.name]), info)
    doc = (cls.__doc__ or "").strip().splitlines()[0]
    return create_model(cls.__name__, __base__=Member, __doc__=doc, **fields)


def _listed(hint: Any) -> Any:
    """Return a setting's type for a spec: a tuple is written as a list."""
    words = [word for each in get_args(hint) for word in get_args(each) if isinstance(word, str)]
    if words:  # in place of a list
        listed, literal = (_listed(each) for each in get_args(hint))

        def check(value: Any) -> Any:
            if isinstance(value, str | list | tuple):
                return value
            raise ValueError(f"must be a list, or {listing(words)}")

        return Annotated[
            Annotated[listed, Tag("list")] | Annotated[literal, Tag("word")],
            Discriminator(lambda value: "word" if isinstance(value, str) else "list"),
            BeforeValidator(check, json_schema_input_type=Union[listed, literal]),  # noqa: UP007
        ]
    if get_origin(hint) is not tuple:
        return hint
    shape: Any = list.__class_getitem__(get_args(hint)[0])
    as_tuple = BeforeValidator(
        lambda value: tuple(value) if isinstance(value, list) else value,
        json_schema_input_type=shape,
    )
    return Annotated[hint, as_tuple]


def member_type(family: Family, default: str | None, elsewhere: Sequence[str] = ()) -> Any:
    """Return the type of a spec's key that takes a member of the family.

    A spec names a few members of some seventy, and pydantic takes a millisecond for each: so a
    member's model is made when it is named, and all of them for the JSON Schema, or to say what
    is wrong with a name.

    default    the name that a mapping without one means; None where a name must be given
    elsewhere  names that are never offered here, for they fit another key of the same family
    """
    return Annotated[Any, _OneOf(family, default, elsewhere)]


class _OneOf:
    """The annotation that makes a type take the members of a family: pydantic's hooks."""

    def __init__(self, family: Family, default: str | None, elsewhere: Sequence[str]) -> None:
        self.family, self.default, self.elsewhere = family, default, elsewhere
        self.model = functools.cache(lambda name: member_model(family, name, default))
        self.validator = functools.cache(lambda *names: SchemaValidator(self._schema(names)))

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> Any:
        return core_schema.no_info_plain_validator_function(self.member)

    def __get_pydantic_json_schema__(self, _schema: Any, handler: Any) -> Any:
        names = self._offered()
        bare = {"enum": names, "type": "string"} if len(names) > 1 else {"const": names[0]}
        return {"anyOf": [handler(self._schema(names)), {"type": "string", **bare}]}

    def member(self, value: Any) -> Any:
        """Return the member that a value of a spec means.

        Raises ValidationError, which pydantic takes over with the places in it.
        """
        if isinstance(value, str):
            value = {"name": value}
        elif isinstance(value, dict) and "name" not in value and self.default is not None:
            value = {"name": self.default, **value}
        name = value.get("name") if isinstance(value, dict) else None
        known = isinstance(name, str) and name in self.family
        return self.validator(*([name] if known else self._offered())).validate_python(value)

    def _offered(self) -> list[str]:
        return [name for name in self.family if name not in self.elsewhere]

    def _schema(self, names: Sequence[str]) -> Any:
        """Return pydantic's schema of a mapping that is one of the members `names`."""
        choices = {name: self.model(name).__pydantic_core_schema__ for name in names}
        if len(self.family) == 1:
            return choices[names[0]]
        return core_schema.tagged_union_schema(choices, discriminator="name")


# One text or a list of them; what is neither is one fault, not two.
text_or_list = Annotated[
    Annotated[str, Tag("text")] | Annotated[list[str], Tag("list")],
    Discriminator(lambda value: "list" if isinstance(value, list) else "text"),
]


def or_auto(inner: Any) -> Any:
    """Return a type that also takes the word `auto`, which reads as None and is written back."""
    shape = Union[inner, Literal["auto"]]  # noqa: UP007
    return Annotated[
        inner | None,
        BeforeValidator(lambda x: None if x == "auto" else x, json_schema_input_type=shape),
        PlainSerializer(lambda value: "auto" if value is None else value),
    ]
