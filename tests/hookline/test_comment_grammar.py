"""The grammar of comment commands: what is one, and what never becomes one."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tries import tries

from hookline.commenting.grammar import LONGEST, Command, commands

TEST, RETEST, CANCEL = Command("test"), Command("retest"), Command("cancel")
LINE = re.compile(r"/(?:test(?:[ \t]+[a-z0-9-]{1,63})?|retest|cancel|approve[ \t]+[0-9a-f]{7,64})[ \t]*")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/test", (TEST,)),
        ("/test shop", (Command("test", "shop"),)),
        ("/test \t shop \t", (Command("test", "shop"),)),
        ("/retest\r\n", (RETEST,)),
        ("Looks good.\r\n/test cart\r\n/cancel", (Command("test", "cart"), CANCEL)),
        ("/approve 0123abc", (Command("approve", "0123abc"),)),
        ("/approve " + "a" * 64, (Command("approve", "a" * 64),)),
        ("/test\n/test\n/retest", (TEST, RETEST)),
        ("```\nmake\n```\n/test", (TEST,)),
        ("> quoted\n\n/test", (TEST,)),
        ("<!-- a note -->\n/test", (TEST,)),
        ("a `word` and\n/test", (TEST,)),
        ("<pre>x</pre>\n/test", (TEST,)),
    ],
)
def test_a_command_is_one_whole_line(text: str, found: tuple[Command, ...]) -> None:
    assert commands(text) == found


@pytest.mark.parametrize(
    "text",
    [
        " /test",
        "\t/test",
        "    /test",
        "please /test",
        "/test now please",
        "/Test",
        "/TEST",
        "/tests",
        "/test shop; rm -rf /",
        "/test Shop",
        "/test -shop",
        "/test shop-",
        "/test {{workflow.name}}",
        "/test $(id)",
        "/test " + "a" * 64,
        "/retest all",
        "/cancel shop",
        "/approve",
        "/approve 0123ab",
        "/approve " + "a" * 65,
        "/approve 0123ABC",
        "/approve HEAD",
        "//test",
        "\u200b/test",
        "/te\u200bst",
        "/test\u200b",
        "/test\u00a0shop",
        "/test\u2028",
        "x\u2028/test",
        "x\u0085/test",
        "x\x0b/test",
        "x\x0c/test",
        "\ufeff/test",
        "/t\u0435st",
        "\uff0ftest",
        "\u2044test",
        "/test sh\u043ep",
        "/retest\u0007",
        "/test\x00",
        "```\n/test\n```",
        "```sh\n/test",
        "~~~\n/test\n```\n/test\n~~~",
        "````\n/test\n```\n/test\n````",
        "```\n```x\n/test\n```",
        "```\n    ```\n/test\n```",
        "```\n> ```\n/test\n```",
        "- ```\n  x\n/test\n  ```",
        "1. ```\n/test",
        "> /test",
        ">/test",
        "> quoted\n/test",
        ">> quoted\nmore\n/test",
        "<!--\n/test\n-->",
        "words <!-- x\n/test",
        "<pre>\n/test\n</pre>",
        "<PRE class=x>\n\n/test\n</PRE>",
        "a <code>\n/test\n</code>",
        "`a\n/test\n`",
        "``a ` b\n/test\n``",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert commands(text) == ()


def test_a_text_that_no_host_takes_is_not_read() -> None:
    assert commands("/test\n" + "x" * LONGEST) == ()


WORDS = st.sampled_from(
    [
        "/test",
        "/retest",
        "/cancel",
        "/approve",
        " ",
        "\t",
        "\n",
        "\r\n",
        "\r",
        "```",
        "~~~",
        ">",
        "<!--",
        "-->",
        "`",
        "shop",
        "0123abc",
        "\u200b",
    ]
)
TEXT = st.lists(st.one_of(WORDS, st.text(max_size=5)), max_size=25).map("".join)


@settings(max_examples=tries(3000))
@given(TEXT)
@example("/test\u2028shop")
def test_every_command_of_any_text_is_a_line_of_the_grammar(text: str) -> None:
    lines = set(re.split(r"\r\n|\r|\n", text))
    for each in commands(text):
        said = [line for line in lines if line.split() == [f"/{each.verb}", *each.argument.split()]]
        assert any(LINE.fullmatch(line) for line in said), (text, each)
        assert (each.argument + each.verb).isascii()


@settings(max_examples=tries(1000))
@given(TEXT, st.sampled_from(["```", "~~~~"]))
def test_nothing_inside_a_fence_is_a_command(text: str, fence: str) -> None:
    inside = re.sub(r"[`~]", "", text)
    assert commands(f"{fence}\n{inside}\n{fence}") == ()


@settings(max_examples=tries(1000))
@given(TEXT)
def test_a_quoted_text_commands_nothing(text: str) -> None:
    quoted = "\n".join(f"> {line}" for line in re.split(r"\r\n|\r|\n", text))
    assert commands(quoted) == ()


@settings(max_examples=tries(1000))
@given(TEXT)
def test_line_ends_of_windows_change_nothing(text: str) -> None:
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    assert commands(plain) == commands(plain.replace("\n", "\r\n"))
