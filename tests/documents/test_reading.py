"""Reading YAML: what is refused and in which words, what is read, and where everything stands."""

import contextlib
import datetime as dt
import enum
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError
from tries import tries

from documents import composing
from documents.diagnostics import Diagnostic, InvalidInput, Position
from documents.document import Document
from documents.files import read_file
from documents.reading import read_document as read_wanted
from documents.validation import validate_document
from documents.wanted import KeyHint, Wanted

WANTED = Wanted(
    mapping="such as version: 1",
    empty="write a first one",
    merge_key="write the keys out",
    hints=(
        KeyHint(frozenset({"on"}), beside="events", sentence="the key here is events", meant="events"),
        KeyHint(frozenset({"commits"}), beside="branches", sentence="a push names no commits"),
    ),
)


def read_document(text: str | bytes, file: str, wanted: Wanted = WANTED) -> Document:
    return read_wanted(text, file, wanted)


def read(text: str | bytes, model: type[BaseModel] | None) -> None:
    document = read_document(text, "f")
    if model is not None:
        validate_document(document, model)


def refusal(text: str | bytes, model: type[BaseModel] | None = None) -> str:
    with pytest.raises(InvalidInput) as raised:
        read(text, model)
    return str(raised.value)


CLOSED = "the quote that opens in line {} is never closed"
COLON = 'a : is not expected here; check the indentation, or quote the text if ": " is part of it'
KEY = "expected a key with a : here; check the indentation and the quotes"
BRACES = "{{ opens a mapping in YAML; quote text that starts with {{"
TAB = "a tab indents this line; YAML wants spaces"
DEEP = "nested too deeply; at most 100 levels are read"
MANY = "too many values; at most 2,000,000 are read, with every alias written out"
SECOND = "a second YAML document starts here; give each document a file of its own"
UTF8 = "is not UTF-8; save the file as UTF-8"
ESCAPE = r"YAML does not know this \ sequence; write the text in single quotes, or \\ for one \ ".strip()
BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{level}: &a{level} [{','.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 9)
)
LADDER = "a0: &a0 [x]\n" + "".join(f"a{level}: &a{level} [*a{level - 1}]\n" for level in range(1, 100))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # the file
        ("", "f:1:1: error: the file is empty; write a first one"),
        ("# nothing\n", "f:1:1: error: the file is empty; write a first one"),
        ("~", "f:1:1: error: the file is empty; write a first one"),
        ("- a", "f:1:1: error: expected a mapping at the top, such as version: 1, not a list"),
        ("a", "f:1:1: error: expected a mapping at the top, such as version: 1, not a single value"),
        ("---\na: 1\n...\n--- # x\n\nb: 2", f"f:4:1: error: {SECOND}"),
        ("a: 1\n---", f"f:2:1: error: {SECOND}"),
        (
            "a: 1\n---\nb: 2",
            "f:2:1: error: a second YAML document starts here; give each document a file of its own",
        ),
        (b"a: 1\nb: \xc3\xa4\xff", f"f:2:5: error: the byte 0xff {UTF8}"),
        (b"\xef\xbb\xbfa: \xff", f"f:1:4: error: the byte 0xff {UTF8}"),
        ("a: 1".encode("utf-16"), "f:1:1: error: the file is UTF-16 or UTF-32; save it as UTF-8"),
        ("a: 1".encode("utf-32"), "f:1:1: error: the file is UTF-16 or UTF-32; save it as UTF-8"),
        ("a: 1\nb: x\0", "f:2:5: error: the character U+0000 is not allowed in YAML; remove it"),
        ("a: \x1b[31m", "f:1:4: error: the character U+001B is not allowed in YAML; remove it"),
        ("a: \ud800", "f:1:4: error: the character U+D800 is not allowed in YAML; remove it"),
        pytest.param(
            "#" * (32 * 2**20 + 1),
            "f:1:1: error: the file has more than 33,554,432 bytes; no larger one is read",
            id="large",
        ),
        pytest.param("[" * 100_000, f"f:1:1001: error: {DEEP}", id="brackets"),
        pytest.param("{a: " * 100_000, f"f:1:401: error: {DEEP}", id="braces"),
        pytest.param("- " * 100_000, f"f:1:201: error: {DEEP}", id="dashes"),
        pytest.param("? " * 100_000, f"f:1:201: error: {DEEP}", id="questions"),
        pytest.param(f"a: {'[' * 100}{']' * 100}", f"f:1:1: error: {DEEP}", id="one level"),
        pytest.param(LADDER, f"f:1:1: error: {DEEP}", id="aliases that nest"),
        pytest.param(BOMB, f"f:7:5: error: {MANY}", id="aliases that multiply"),
        # keys
        ("a: 1\nb: 2\na: 3", 'f:3:1: error: the key "a" stands here twice; the first is in line 1'),
        ("on: 1", 'f:1:1: error: YAML reads the key "on" as true; the key here is events'),
        ("ON: 1", 'f:1:1: error: YAML reads the key "ON" as true; the key here is events'),
        ("a: {no: 1}", 'f:1:5: error: YAML reads the key "no" as false; quote the key'),
        ("true: 1", 'f:1:1: error: YAML reads the key "true" as a truth value; quote the key'),
        ("8080: 1", 'f:1:1: error: YAML reads the key "8080" as a number; quote the key'),
        ("1.20: 1", 'f:1:1: error: YAML reads the key "1.20" as the number 1.2; quote the key'),
        ("~: 1", 'f:1:1: error: YAML reads the key "~" as nothing; quote the key'),
        ("?\n: 1", "f:1:2: error: a key is missing here; expected text before the :"),
        ("? [a]\n: 1", "f:1:3: error: a key must be text; quote text that starts with [ or {"),
        ("? {a: 1}\n: 1", "f:1:3: error: a key must be text; quote text that starts with [ or {"),
        ("!x a: 1", "f:1:1: error: the tag !x is refused; quote text that starts with !"),
        (
            "<<: {a: 1}",
            "f:1:1: error: the merge key << is refused; write the keys out",
        ),
        # tags, aliases, numbers
        ("a: !foo b", "f:1:4: error: the tag !foo is refused; quote text that starts with !"),
        ("a: [!docs/**, b]", "f:1:5: error: the tag !docs/** is refused; quote text that starts with !"),
        ("a: [!docs/**]", 'f:1:13: error: ! starts a tag in YAML; quote text that starts with !: "!docs/**"'),
        ("a: !!binary aGk=", "f:1:4: error: the tag !!binary is refused; leave the tag out"),
        (
            "a: !!python/object:os.x {}",
            "f:1:4: error: the tag !!python/object:os.x is refused; leave the tag out",
        ),
        ("a: !<tag:b.c,2020:d> {}", "f:1:4: error: the tag !<tag:b.c,2020:d> is refused; leave the tag out"),
        ("a: &b [*b]", "f:1:4: error: an alias inside its own value never ends; write out the value"),
        ("a: !!bool x", "f:1:4: error: YAML cannot read x as true or false; quote it if it is text"),
        (
            "a: 0b_",
            "f:1:4: error: YAML cannot read 0b_ as a number of at most 100 characters; quote it if it is text",
        ),
        (
            f"a: {'1' * 101}",
            f"f:1:4: error: YAML cannot read {'1' * 57}... as a number of at most 100 characters; quote it if it is text",
        ),
        # syntax
        (
            "a: *.go",
            "f:1:5: error: * starts an alias in YAML; put a pattern that starts with * into quotes",
        ),
        (
            "a: [*-rc, b]",
            "f:1:5: error: * starts an alias in YAML; put a pattern that starts with * into quotes",
        ),
        (
            "a:\n- **/*.go",
            "f:2:4: error: * starts an alias in YAML; put a pattern that starts with * into quotes",
        ),
        ("a: @b", 'f:1:4: error: nothing can start with @ in YAML; quote the text: "@b"'),
        ("a: `b`", 'f:1:4: error: nothing can start with ` in YAML; quote the text: "`b`"'),
        ("a: !x!y z", 'f:1:4: error: ! starts a tag in YAML; quote text that starts with !: "!x!y"'),
        ("a: !{b}", 'f:1:5: error: ! starts a tag in YAML; quote text that starts with !: "!{b"'),
        ("a: &b/c", 'f:1:6: error: & starts an anchor in YAML; quote text that starts with &: "&b/c"'),
        ("a: %b", 'f:1:4: error: % starts a directive in YAML; quote text that starts with %: "%b"'),
        ("a: {{ b }}", f"f:1:5: error: {BRACES}"),
        ("a: {{ b }}/c", f"f:1:11: error: {BRACES}"),
        ("a:\n\tb: 1", f"f:2:1: error: {TAB}"),
        ("a:\n  b: 1\n\tc: 2", f"f:3:1: error: {TAB}"),
        ("a: b: c", f"f:1:5: error: {COLON}"),
        ("a: 1\n b: 2", f"f:2:3: error: {COLON}"),
        ("a:\n  b: 1\n c: 2", f"f:3:2: error: {KEY}"),
        ("a: 'b' c", f"f:1:8: error: {KEY}"),
        ("a:\n  - 'b\n", f"f:3:1: error: {CLOSED.format(2)}"),
        ("a: [1, 2\nb: 3", "f:2:2: error: expected , or ] in the list that opens in line 1"),
        ("a: {b: 1", "f:2:1: error: expected , or } in the mapping that opens in line 1"),
        ('a: "\\d"', f"f:1:5: error: {ESCAPE}"),
        ("a: 1\nb\nc: 2", "f:3:1: error: the key in line 2 has no : after it"),
        (
            "a: - b",
            "f:1:4: error: a list cannot start here; start it on a line of its own, or quote the text if - is part of it",
        ),
        ("a: |b", "f:1:5: error: text after | or > starts on the next line, indented"),
    ],
)
def test_refused_text(text: str | bytes, expected: str) -> None:
    assert refusal(text) == expected


def test_every_problem_is_listed_once_and_in_order() -> None:
    assert refusal("b: 1\nb: &x {on: !y z}\nc: *x\n1: 2").splitlines() == [
        'f:2:1: error: the key "b" stands here twice; the first is in line 1',
        'f:2:8: error: YAML reads the key "on" as true; the key here is events',
        "f:2:12: error: the tag !y is refused; quote text that starts with !",
        'f:4:1: error: YAML reads the key "1" as a number; quote the key',
    ]


def _lower(value: str) -> str:
    if value.lower() != value:
        raise ValueError("expected lower case")
    return value


def _whole(value: Any) -> Any:
    if value == "half":
        raise ValueError("half is\nnot \x1b[31mwhole")
    return value


class Block(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Chosen(Block):
    include: list[str] = []
    mapping: str = "x"


class Push(Block):
    branches: (
        Annotated[
            Annotated[list[str], Tag("list")] | Annotated[Chosen, Tag("mapping")],
            Discriminator(lambda value: "list" if isinstance(value, list) else "mapping"),
        ]
        | None
    ) = None
    drafts: bool = False


class Events(Block):
    push: Push | None = None
    except_: list[str] = Field(default=[], alias="except")


class Spot(Block):
    strategy: Literal["cheap", "steady"] = "cheap"

    @model_validator(mode="after")
    def _not_steady(self) -> "Spot":
        if self.strategy == "steady":
            raise PydanticCustomError("steady", "steady is sold out", {"path": "strategy"})
        return self


class Cat(Block):
    kind: Literal["cat"]


class Dog(Block):
    kind: Literal["dog"]


class Colour(enum.Enum):
    RED = "red"


class Pipeline(Block):
    events: Events | None = None
    name: Annotated[str, AfterValidator(_lower)] = "x"
    image: Annotated[str, Field(pattern="^[a-z]+$", max_length=5, examples=["shop"])] = "x"
    tag: Annotated[str, Field(pattern="^[a-z]+$")] = "x"
    short: Annotated[str, Field(min_length=2)] = "xx"
    spot: Spot | Literal[False] | None = None
    parameters: dict[Annotated[str, AfterValidator(_lower)], str | bool | int] = {}
    shards: Annotated[int, Field(ge=1, le=9)] = 1
    ratio: Annotated[float, Field(allow_inf_nan=False, gt=0, lt=1)] = 0.5
    size: Annotated[int, BeforeValidator(_whole)] = 1
    days: Annotated[list[str], Field(min_length=1, max_length=2)] = ["x"]
    switch: Literal["on", "off"] = "on"
    replicas: Literal[1, 3] = 1
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None
    colour: Colour | None = None
    pair: tuple[int, str] | None = None
    nested: list[dict[str, Push]] = []


class File(Block):
    version: Literal[1] = 1
    pipelines: dict[str, Pipeline] = {}
    needed: str


def in_pipeline(line: str) -> str:
    return f"needed: x\npipelines:\n  p: {{{line}}}\n"


NOTHING = 'nothing stands after "events:"; write a value ({} for all defaults), or leave the key out'
KEYS = (
    "events, name, image, tag, short, spot, parameters, shards, ratio, size, days, switch, replicas, pet, colour, "
    "pair, nested"
)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        # keys
        ("evnts: 1", "3:7: error: pipelines.p.evnts: unknown key; did you mean events?"),
        ("Shards: 1", "3:7: error: pipelines.p.Shards: unknown key; did you mean shards?"),
        ('"on": 1', "3:7: error: pipelines.p.on: unknown key; the key here is events"),
        (
            "events: {push: {commits: 1}}",
            "3:23: error: pipelines.p.events.push.commits: a push names no commits",
        ),
        ("zzz: 1", f"3:7: error: pipelines.p.zzz: unknown key; accepted: {KEYS}"),
        ("zzz: ", f"3:7: error: pipelines.p.zzz: unknown key; accepted: {KEYS}"),
        ("events: {excpet: 1}", "3:16: error: pipelines.p.events.excpet: unknown key; did you mean except?"),
        ("events: {zz: 1}", "3:16: error: pipelines.p.events.zz: unknown key; accepted: push, except"),
        (
            "nested: [{a: {zz: 1}}]",
            "3:21: error: pipelines.p.nested.0.a.zz: unknown key; accepted: branches, drafts",
        ),
        (
            "spot: {strategi: x}",
            "3:14: error: pipelines.p.spot.strategi: unknown key; did you mean strategy?",
        ),
        (
            "events: {push: {branches: {mapping: x, includ: 1}}}",
            "3:46: error: pipelines.p.events.push.branches.includ: unknown key; did you mean include?",
        ),
        ("parameters: {A: b}", "3:20: error: pipelines.p.parameters.A: expected lower case"),
        ("pet: {}", "3:12: error: pipelines.p.pet.kind: missing key kind"),
        (
            "events: ",
            f"3:7: error: {NOTHING}",
        ),
        # text that YAML reads as something else
        (
            "name: 1.26",
            '3:13: error: pipelines.p.name: expected text, but YAML reads 1.26 as a number; write "1.26"',
        ),
        (
            "name: 1.20",
            '3:13: error: pipelines.p.name: expected text, but YAML reads 1.20 as the number 1.2; write "1.20"',
        ),
        (
            "name: 12:30",
            '3:13: error: pipelines.p.name: expected text, but YAML reads 12:30 as the number 750; write "12:30"',
        ),
        (
            "name: 0123",
            '3:13: error: pipelines.p.name: expected text, but YAML reads 0123 as the number 83 (octal); write "0123"',
        ),
        (
            "name: 0x1F",
            '3:13: error: pipelines.p.name: expected text, but YAML reads 0x1F as the number 31 (base 16); write "0x1F"',
        ),
        (
            "name: yes",
            '3:13: error: pipelines.p.name: expected text, but YAML reads yes as true; write "yes"',
        ),
        (
            "name: true",
            '3:13: error: pipelines.p.name: expected text, but YAML reads true as a truth value; write "true"',
        ),
        (
            "days: [~]",
            '3:14: error: pipelines.p.days.0: expected text, but YAML reads ~ as nothing; write "~"',
        ),
        (
            "switch: on",
            '3:15: error: pipelines.p.switch: expected one of: on, off, but YAML reads on as true; write "on"',
        ),
        # numbers that are read in another base
        (
            "parameters: {a: 1:05}",
            '3:23: error: YAML reads 1:05 as the number 65; write 65, or "1:05" if it is text',
        ),
        (
            "shards: 007",
            '3:15: error: YAML reads 007 as the number 7 (octal); write 7, or "007" if it is text',
        ),
        (
            "ratio: 0:0.5",
            '3:14: error: YAML reads 0:0.5 as the number 0.5; write 0.5, or "0:0.5" if it is text',
        ),
        (
            "parameters: {a: 0123}",
            '3:23: error: YAML reads 0123 as the number 83 (octal); write 83, or "0123" if it is text',
        ),
        # wrong types
        ("days: x", "3:13: error: pipelines.p.days: expected a list, not text"),
        ("days: {a: b}", "3:13: error: pipelines.p.days: expected a list, not a mapping"),
        ("name: [x]", "3:13: error: pipelines.p.name: expected text, not a list"),
        (
            'events: {push: {drafts: "True"}}',
            '3:31: error: pipelines.p.events.push.drafts: expected true or false, not text "True"; leave the quotes out',
        ),
        ("events: {push: true}", "3:22: error: pipelines.p.events.push: expected a mapping, not true"),
        ('shards: "3"', '3:15: error: pipelines.p.shards: expected a whole number, not text "3"'),
        ("shards: 1.5", "3:15: error: pipelines.p.shards: expected a whole number, not the number 1.5"),
        ("ratio: .inf", "3:14: error: pipelines.p.ratio: expected a finite number, not the number inf"),
        ("ratio: x", '3:14: error: pipelines.p.ratio: expected a number, not text "x"'),
        (
            "events: {push: {branches: main}}",
            "3:33: error: pipelines.p.events.push.branches: expected a list or a mapping, not text",
        ),
        (
            "events: {push: {branches: {include: x}}}",
            "3:43: error: pipelines.p.events.push.branches.include: expected a list, not text",
        ),
        (
            "parameters: {a: [1]}",
            "3:23: error: pipelines.p.parameters.a: expected text, true or false or a whole number, not a list",
        ),
        ("spot: 5", "3:13: error: pipelines.p.spot: expected a mapping or false, not the number 5"),
        # values
        (
            "spot: {strategy: cheep}",
            "3:24: error: pipelines.p.spot.strategy: expected one of: cheap, steady; did you mean cheap?",
        ),
        (
            "spot: {strategy: zzz}",
            "3:24: error: pipelines.p.spot.strategy: expected one of: cheap, steady",
        ),
        ("spot: {strategy: steady}", "3:24: error: pipelines.p.spot.strategy: steady is sold out"),
        (
            'replicas: "3"',
            '3:17: error: pipelines.p.replicas: expected one of: 1, 3, not text "3"; leave the quotes out',
        ),
        ("replicas: 2", "3:17: error: pipelines.p.replicas: expected one of: 1, 3"),
        ("name: Big", "3:13: error: pipelines.p.name: expected lower case"),
        ("size: half", "3:13: error: pipelines.p.size: half is\\nnot \\x1b[31mwhole"),
        ("image: A-1", '3:14: error: pipelines.p.image: "A-1" is not accepted; expected text such as shop'),
        (
            "tag: A-1",
            '3:12: error: pipelines.p.tag: "A-1" is not accepted; expected text that matches ^[a-z]+$',
        ),
        (
            f"tag: {'A' * 70}",
            f'3:12: error: pipelines.p.tag: "{"A" * 57}..." is not accepted; expected text that matches ^[a-z]+$',
        ),
        (
            r'tag: "\e[31m"',
            "3:12: error: pipelines.p.tag: the character U+001B does not print; leave it out",
        ),
        ("image: abcdef", "3:14: error: pipelines.p.image: expected at most 5 characters"),
        ("short: a", "3:14: error: pipelines.p.short: expected at least 2 characters"),
        ("days: []", "3:13: error: pipelines.p.days: expected at least 1 item, not 0"),
        ("days: [a, b, c]", "3:13: error: pipelines.p.days: expected at most 2 items"),
        ("shards: 0", "3:15: error: pipelines.p.shards: expected 1 or more, not 0"),
        ("shards: 10", "3:15: error: pipelines.p.shards: expected 9 or less, not 10"),
        ("ratio: 0", "3:14: error: pipelines.p.ratio: expected more than 0.0, not 0"),
        ("ratio: 1", "3:14: error: pipelines.p.ratio: expected less than 1.0, not 1"),
        ("pet: {kind: cow}", "3:19: error: pipelines.p.pet.kind: expected one of: cat, dog"),
    ],
)
def test_refused_value(line: str, expected: str) -> None:
    assert refusal(in_pipeline(line), File) == f"f:{expected}"


def test_a_missing_key_is_reported_at_its_mapping_with_every_other_problem() -> None:
    assert refusal("version: 2\npipelines: x\n", File).splitlines() == [
        "f:1:1: error: needed: missing key needed",
        "f:1:10: error: version: expected one of: 1",
        "f:2:12: error: pipelines: expected a mapping, not text",
    ]


def test_a_key_that_is_missing_because_it_is_misspelt_is_one_problem() -> None:
    assert refusal("neded: x", File) == "f:1:1: error: neded: unknown key; did you mean needed?"


def test_a_check_of_a_mapping_points_at_the_key_that_it_names() -> None:
    class Priced(Block):
        price: str = ""

        @model_validator(mode="after")
        def _free(self) -> "Priced":
            raise ValueError("price: nothing costs: anything")

    assert refusal("{price: '1'}", Priced) == "f:1:9: error: price: nothing costs: anything"
    assert refusal("{}", Priced) == "f:1:1: error: price: nothing costs: anything"


def test_names_of_the_users_are_not_taken_for_keys_of_the_model() -> None:
    text = "needed: x\npipelines:\n  events: {events: {}, evnts: 1}\n  mapping: {zz: 1}\n"
    assert refusal(text, File).splitlines() == [
        "f:3:24: error: pipelines.events.evnts: unknown key; did you mean events?",
        f"f:4:13: error: pipelines.mapping.zz: unknown key; accepted: {KEYS}",
    ]


def test_a_value_that_is_there_by_alias_is_reported_where_it_is_written() -> None:
    text = "needed: x\npipelines:\n  a: &a {shards: x}\n  b: *a\n"
    assert refusal(text, File).splitlines() == [
        'f:3:18: error: pipelines.a.shards: expected a whole number, not text "x"',
        'f:3:18: error: pipelines.b.shards: expected a whole number, not text "x"',
    ]


def test_an_own_check_that_sees_an_absent_value_does_not_repeat_it() -> None:
    class Strict(Block):
        push: str | None = None

        @model_validator(mode="after")
        def _something(self) -> "Strict":
            if self.push is None:
                raise ValueError("nothing starts this")
            return self

    assert refusal("push:", Strict).startswith('f:1:1: error: nothing stands after "push:"')
    assert refusal("{}", Strict) == "f:1:1: error: nothing starts this"


def test_pydantics_words_stay_inside() -> None:
    jargon = ("pydantic", "Input should", "Value error", "string_", "https://", "Union", "Field required")
    for line in (
        "pair: [x, 1]",
        "pair: 1",
        "colour: x",
        "pet: 1",
        "pet: {kind: 1}",
        "size: [1]",
        "nested: [[1]]",
    ):
        text = refusal(in_pipeline(line), File)
        assert not any(word in text for word in jargon), text


def test_a_valid_file_becomes_the_model() -> None:
    text = in_pipeline(
        "events: {push: {branches: [main]}, except: [2026-12-31]}, spot: false, parameters: {a: yes}"
    )
    checked = validate_document(read_document(text, "f"), File)
    pipeline = checked.pipelines["p"]
    assert pipeline.events is not None
    assert pipeline.events.except_ == ["2026-12-31"]
    assert pipeline.spot is False
    assert pipeline.parameters == {"a": True}


def test_numbers_truth_values_and_dates() -> None:
    text = "a: [1, 0x1F, 012, 12:30, 1_000, 1.5, yes, Off, ~, 2026-12-31, 2026-12-31 10:00:00, =, <<, '1', !!str 2]"
    assert read_document(text, "f").data == {
        "a": [
            1,
            31,
            10,
            750,
            1000,
            1.5,
            True,
            False,
            None,
            "2026-12-31",
            "2026-12-31 10:00:00",
            "=",
            "<<",
            "1",
            "2",
        ]
    }


def test_a_byte_order_mark_aliases_and_foreign_line_ends_are_read() -> None:
    assert read_document(b"\xef\xbb\xbfa: &x [1]\r\nb: *x\r\n", "f").data == {"a": [1], "b": [1]}


def test_one_hundred_levels_are_read() -> None:
    data = read_document(f"a: {'[' * 99}{']' * 99}", "f").data
    for _ in range(99):
        data = next(iter(data.values())) if isinstance(data, dict) else data[0]
    assert data == []


def test_positions() -> None:
    document = read_document("a: 1\nb:\n  c:\n    - x\n    - d: y\n", "f")
    assert document.position(()) == Position("f", 1, 1)
    assert document.position(("b",), key=True) == Position("f", 2, 1)
    assert document.position(("b",)) == Position("f", 3, 3)
    assert document.position(("b", "c", 0)) == Position("f", 4, 7)
    assert document.position(("b", "c", 1, "d"), key=True) == Position("f", 5, 7)
    assert document.position(("b", "c", 1, "d")) == Position("f", 5, 10)
    for absent in (("b", "c", 2), ("b", "c", -1), ("b", "c", "x"), ("b", "c", 2, "d")):
        assert document.position(absent) == Position("f", 4, 5)
        assert document.position(absent, key=True) == Position("f", 4, 5)
    assert document.position(("a", "x")) == Position("f", 1, 4)
    assert document.scalar(("b", "c", 0)) == "x"
    assert document.scalar(("b", "c")) is None
    assert document.scalar(("b", "d")) is None


def test_diagnostics_are_sorted_and_said_once() -> None:
    late = Diagnostic(Position("f", 10, 1), "late", "warning")
    early = Diagnostic(Position("f", 9, 2), "early", field="a.b")
    invalid = InvalidInput((late, early, late))
    assert invalid.diagnostics == (early, late)
    assert str(invalid) == "f:9:2: error: a.b: early\nf:10:1: warning: late"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "version: 1\n" + "".join(f"p{i}: {{a: [main, 'x/*'], b: {{c: d}}}}\n" for i in range(7000)),
            id="long",
        ),
        pytest.param("a: 1" + ":1" * 1_000_000, id="a number without end"),
        pytest.param("a: " + "[" * 1_000_000, id="brackets"),
        pytest.param(BOMB, id="aliases"),
    ],
)
def test_reading_ends(text: str) -> None:
    """With a reader whose cost grows faster than the text, these take minutes and more."""
    with contextlib.suppress(InvalidInput):
        assert read_document(text, "f").data


MANIFEST = Wanted(mapping="such as kind: Pod")
BASES = "x: &x {a: 1, b: &inner {c: 2}}\ny: &y {b: 3, d: 4}\n"


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("m: {<<: *x, e: 5}", {"a": 1, "b": {"c": 2}, "e": 5}),
        ("m: {<<: *x, a: 5}", {"a": 5, "b": {"c": 2}}),
        ("m: {<<: [*x, *y]}", {"a": 1, "b": {"c": 2}, "d": 4}),
        ("m: {<<: [*y, *x]}", {"a": 1, "b": 3, "d": 4}),
        ("m: {<<: {<<: *y, b: 6}, e: 5}", {"b": 6, "d": 4, "e": 5}),
        ('m: {"<<": 7}', {"<<": 7}),
    ],
)
def test_a_merge_key_is_read_where_the_caller_takes_it(text: str, data: dict[str, Any]) -> None:
    assert read_document(BASES + text, "f", MANIFEST).data["m"] == data


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("m: {<<: 1}", "3:9: error: the merge key << takes a mapping, or a list of mappings"),
        ("m: {<<: [*x, 1]}", "3:9: error: the merge key << takes a mapping, or a list of mappings"),
        ("m: {<<: *x, <<: *y}", '3:13: error: the key "<<" stands here twice; the first is in line 3'),
        (
            "m: {a: 1, <<: *x}",
            '3:11: error: << also holds the key "a", which stands before it; programs differ in which one they take, so write << first',
        ),
    ],
)
def test_a_merge_key_that_means_nothing_certain_is_refused(text: str, expected: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        read_document(BASES + text, "f", MANIFEST)
    assert str(raised.value) == f"f:{expected}"


def test_what_was_merged_is_reported_where_it_is_written() -> None:
    document = read_document(BASES + "m: {<<: [*x, *y], e: 5}", "f", MANIFEST)
    assert document.position(("m", "b", "c"), key=True) == Position("f", 1, 25)
    assert document.position(("m", "d")) == Position("f", 2, 17)
    assert document.position(("m", "e"), key=True) == Position("f", 3, 19)


def test_merges_that_multiply_end() -> None:
    """Each line takes in a mapping of 5,000 keys; without a limit this takes a quarter of a minute."""
    large = "x: &x {" + ", ".join(f"k{number}: 1" for number in range(5_000)) + "}\n"
    text = large + "".join(f"m{number}: {{<<: *x}}\n" for number in range(10_000))
    with pytest.raises(InvalidInput, match="too many values"):
        read_document(text, "f", MANIFEST)


def test_an_empty_file_is_an_empty_mapping_where_the_caller_takes_it() -> None:
    for text in ("", "# nothing\n", "~", "---\n"):
        assert read_document(text, "f", MANIFEST).data == {}


def test_hints_come_from_the_caller_alone() -> None:
    with pytest.raises(InvalidInput) as raised:
        read_document("on: 1", "f", MANIFEST)
    assert str(raised.value) == 'f:1:1: error: YAML reads the key "on" as true; quote the key'


def test_one_hundred_problems_are_printed_and_how_many_more_there_are() -> None:
    lines = refusal("".join(f"{number}: x\n" for number in range(150))).splitlines()
    assert len(lines) == 101
    assert lines[99].startswith("f:100:1: ")
    assert lines[100] == "... and 50 more problems"
    assert refusal("".join(f"{number}: x\n" for number in range(101))).endswith("... and 1 more problem")
    assert len(refusal("".join(f"{number}: x\n" for number in range(100))).splitlines()) == 100


def test_what_has_no_end_is_refused_unread(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(InvalidInput) as raised:
            read_file(path)
        assert str(raised.value) == (
            f"{path}:1:1: error: is a device, a pipe or a socket, not a regular file; write its content to a file"
        )


@pytest.mark.parametrize(
    ("name", "reason"),
    [("absent", "no such file or directory"), (".", "is a directory"), ("a\0b", "embedded null byte")],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_reason(
    tmp_path: Path, name: str, reason: str
) -> None:
    with pytest.raises(InvalidInput, match=f":1:1: error: cannot be read: {reason}$"):
        read_file(tmp_path / name)


def test_a_file_is_read_completely_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"x" * 100)
    assert read_file(path, 100) == b"x" * 100
    with pytest.raises(
        InvalidInput, match="large:1:1: error: the file has more than 99 bytes; no larger one is read"
    ):
        read_file(path, 99)
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(InvalidInput, match="the file has more than 33,554,432 bytes; no larger one is read"):
        read_file(path)
    assert (
        refusal(b" " * (composing.LARGEST_BYTES + 1))
        == "f:1:1: error: the file has more than 33,554,432 bytes; no larger one is read"
    )


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False)
    | TEXTS
    | st.sampled_from(
        ["1.26", "on", "12:30", "0123", "<<", "=", "~", "2026-12-31", "*.go", "{{x}}", "!x", "@x", "0b_"]
    )
)
DATA = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)
MAPPINGS = st.dictionaries(TEXTS, DATA, max_size=5)
YAML_LIKE = st.text(
    st.sampled_from(" \t\n\r-:[]{}?*&!|>'\"%@`#,.~\\<=0159abonyx\x85\u2028\ufeff\0"), max_size=60
)


@given(MAPPINGS)
def test_plain_data_reads_back_equal(data: dict[str, Any]) -> None:
    for flow in (False, True, None):
        assert read_document(yaml.safe_dump(data, default_flow_style=flow), "f").data == data


@given(st.dictionaries(TEXTS, st.dates() | st.datetimes(), max_size=5))
def test_dates_read_back_as_text(data: dict[str, dt.date]) -> None:
    expected = {
        key: value.isoformat(" ") if isinstance(value, dt.datetime) else value.isoformat()
        for key, value in data.items()
    }
    assert read_document(yaml.safe_dump(data), "f").data == expected


@pytest.fixture(params=["CSafeLoader", "SafeLoader"])
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    base = getattr(yaml, request.param)
    monkeypatch.setattr(composing, "_Loader", type("_Loader", (composing._Limits, base), {}))


def only_invalid_input(text: str | bytes) -> None:
    diagnostics: tuple[Diagnostic, ...] = ()
    try:
        document = read_document(text, "f")
        assert isinstance(document.data, dict)
        validate_document(document, File)
    except InvalidInput as invalid:
        diagnostics = invalid.diagnostics
    for each in diagnostics:
        assert str(each).isprintable()
        assert each.position.line >= 1
        assert each.position.column >= 1


HARD_TO_READ = (
    'a: "\\U00110000"',
    'a: "\\ud800"',
    "a: !!int ''",
    "a: !!float '-'",
    "a: !!int '-'",
    "a: !!bool x",
    "%TAG ! tag:x,2000:\n---\na: !b c",
    "a: !!map x",
    "a: !!str [x]",
)
"""Texts on which PyYAML raises errors of several types; chance finds none of them."""


def with_hard_ones(test: Callable[..., None]) -> Callable[..., None]:
    """A property test that tries these texts too, as text and as bytes."""
    binary = "content" in inspect.signature(test).parameters
    for each in HARD_TO_READ:
        test = example(each.encode() if binary else each)(test)
    return test


@settings(max_examples=tries(300))
@with_hard_ones
@given(st.text() | YAML_LIKE | YAML_LIKE.map(lambda text: f"a: {text}") | MAPPINGS.map(yaml.safe_dump))
def _any_text(text: str) -> None:
    only_invalid_input(text)


def test_any_text_is_read_or_refused(loader: None) -> None:
    _any_text()


@settings(max_examples=tries(300))
@with_hard_ones
@example(b"a: \xff")
@example(b"\xfe\xff\xd8\x00")
@given(st.binary() | YAML_LIKE.map(str.encode))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    only_invalid_input(content)


@given(st.lists(DATA), st.sampled_from([*sorted(Pipeline.model_fields), "zz"]))
def test_any_data_is_checked_or_refused(values: list[Any], key: str) -> None:
    data = {"pipelines": {str(index): {key: value} for index, value in enumerate(values)}, "needed": "x"}
    only_invalid_input(yaml.safe_dump(data))


NAMES = st.text("abcdefgh", min_size=3, max_size=8).map("k_{}".format)
TREES = st.recursive(
    NAMES, lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=4), max_leaves=12
)


@given(st.dictionaries(NAMES, TREES, min_size=1, max_size=4))
def test_positions_point_at_the_right_line(data: dict[str, Any]) -> None:
    text = yaml.safe_dump(data, default_flow_style=False)
    lines = text.splitlines()
    document = read_document(text, "f")

    def at(position: Position) -> str:
        return lines[position.line - 1][position.column - 1 :]

    def check(path: tuple[str, ...], value: Any) -> None:
        if path:
            assert at(document.position(path, key=True)).startswith(f"{path[-1]}:")
        if isinstance(value, dict):
            assert at(document.position(path)).startswith(f"{min(value)}:")
            for key, inner in value.items():
                check((*path, key), inner)
        else:
            assert at(document.position(path)) == value

    check((), data)
