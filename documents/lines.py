"""Lines: text that stays one line wherever it is written, and that no terminal acts on."""

import unicodedata

__all__ = ["check_line", "escaped", "printable", "shows", "visible"]


def _shows(character: str) -> bool:
    """Whether a character is seen, or is a space; it then ends no line, turns no reading direction, moves no cursor."""
    return character.isprintable() or unicodedata.category(character) == "Zs"


def shows(text: str) -> bool:
    """Whether every character of a text is seen, or is a space or a line feed."""
    rest = text.replace("\n", "")
    return rest.isprintable() or all(map(_shows, rest))


def check_line(text: str) -> str:
    """The text itself, if it is one line on which every character shows.

    Raises:
        ValueError: It is not; the message is a sentence for the user.
    """
    if "\n" in text:
        raise ValueError(
            "expected one line; leave line ends out (a text after > ends with one, a text after >- with none)"
        )
    if not shows(text):
        hidden = next(each for each in text if not _shows(each))
        raise ValueError(f"the character U+{ord(hidden):04X} does not print; leave it out")
    return text


def printable(text: str) -> str:
    """Text on one line for a person: whatever cannot be told from a space, or is not seen, is written as an escape."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text
    )


def visible(text: str) -> str:
    """Text for a page, where spaces, tabs and line ends are layout: whatever else is not seen is written as an escape."""
    if text.isprintable():
        return text
    return "".join(each if _shows(each) or each in "\t\n" else _json_escape(each) for each in text)


def escaped(json: str) -> str:
    """JSON that means the same, in which every character shows.

    Args:
        json: Valid JSON: what does not show stands inside of strings only.
    """
    if shows(json):
        return json
    return "".join(each if each == "\n" or _shows(each) else _json_escape(each) for each in json)


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
