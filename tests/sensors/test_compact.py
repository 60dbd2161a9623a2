"""Compact lists: what is left out of an entry comes back as it was."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tries import tries

from events.host import host
from sensors.compact import compacted, patterns, shared
from sensors.program import TemplateFacts, compose

NAME = st.sampled_from(["a", "shop", "a/shop", "acme/a", "acme/shop", "shop-shop", ""])
TEXT = st.lists(st.sampled_from(["a", "shop", "acme/", "https://x/", ".git", "é", "'", '"']), max_size=4).map(
    "".join
)
ENTRY = st.fixed_dictionaries(
    {
        "pipeline": NAME.filter(bool),
        "config": st.sampled_from(["0", "1"]),
        "run": st.sampled_from([{"a": 1}, {"b": 2}]),
        "arguments": st.dictionaries(st.sampled_from(["url", "image", "name"]), TEXT),
        "image_push": st.just({}),
    },
    optional={"repository": NAME.filter(bool), "owner": NAME, "mutex": NAME, "namespace": NAME},
)


@settings(max_examples=tries(200))
@given(st.lists(ENTRY, min_size=1, max_size=6))
def test_a_program_knows_of_each_entry_what_was_written(entries: list[dict[str, Any]]) -> None:
    made = compose(
        host=host("acr"),
        source="acr",
        kinds=frozenset({"image_push"}),
        lines={"base/go": entries},
        templates={"": TemplateFacts()},
        fan_out={"paces": {}},
    )
    read = made.ask(
        "null", 'entry("base/go") | map(. + {arguments: (arguments + derived(patterns; .) + .arguments)})'
    )
    plain = [{**each, "arguments": each["arguments"]} for each in read]
    for each in plain:
        if isinstance(each["run"], str):
            each["run"] = made.ask("null", f'line("{each["run"]}")')
    assert plain == entries


def entries(count: int) -> list[dict[str, Any]]:
    return [
        {
            "pipeline": f"p{number}",
            "config": f"{number:012}",
            "repository": f"acme/p{number}",
            "arguments": {
                "url": f"https://example.com/acme/p{number}.git",
                "image": f"registry/out/p{number}",
            },
            "run": "=1",
        }
        for number in range(count)
    ]


def test_what_follows_from_names_stands_once_and_an_exception_by_itself() -> None:
    some = entries(5)
    some[2]["arguments"]["url"] = "https://elsewhere.example.com/odd.git"
    derived, common = patterns(some), shared(some)
    assert derived == {
        "image": ("registry/out/", "name", ""),
        "url": ("https://example.com/", "repository", ".git"),
    }
    assert common == {"run": "=1"}
    assert compacted(some[0], common, derived) == {
        "pipeline": "p0",
        "config": "000000000000",
        "repository": "acme/p0",
    }
    assert compacted(some[2], common, derived)["arguments"] == {
        "url": "https://elsewhere.example.com/odd.git"
    }


def test_one_entry_has_nothing_in_common() -> None:
    assert (patterns(entries(1)), shared(entries(1))) == ({}, {})
