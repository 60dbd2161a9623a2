"""Wanted: facts about a kind of file that a caller gives to the reader. The reader itself knows no key of any file."""

from dataclasses import dataclass

__all__ = ["KeyHint", "Wanted"]


@dataclass(frozen=True, slots=True)
class KeyHint:
    """The sentence about a key that is not accepted, where the caller knows why people write it."""

    words: frozenset[str]
    """The ways to write the key, in lower case."""
    beside: str
    """The sentence is about mappings that accept this key."""
    sentence: str
    meant: str = ""
    """The accepted key that a user meant with this word; empty if there is none."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The expected content of a file, for messages about a file that holds something else."""

    mapping: str
    """Ends the sentence `expected a mapping at the top, …`."""
    empty: str | None = None
    """Ends the sentence `the file is empty; …`. None: an empty file is an empty mapping."""
    merge_key: str | None = None
    """Ends the sentence `the merge key << is refused; …`. None: << is read, as kubectl reads it."""
    hints: tuple[KeyHint, ...] = ()

    def hint(self, key: str, accepted: tuple[str, ...] | None = None) -> KeyHint | None:
        """The first hint about a key.

        Args:
            key: As it is written.
            accepted: The keys that its mapping accepts. None: they are not known yet; then only a hint that names the
                key that is meant is right.
        """
        word = key.lower()
        return next(
            (
                each
                for each in self.hints
                if word in each.words and (bool(each.meant) if accepted is None else each.beside in accepted)
            ),
            None,
        )
