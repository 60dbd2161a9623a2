"""Commands and groups that ignore no option: what is given twice, or has no effect beside another option, is refused."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import click
from click.core import ParameterSource

__all__ = ["StrictCommand", "StrictGroup"]


class _Strict(click.Command):
    """A command that refuses an option which it would ignore.

    Args:
        excludes: Option → the options that have no effect beside it, each by a name that the user writes.
    """

    def __init__(
        self, *args: Any, excludes: Mapping[str, Collection[str]] | None = None, **settings: Any
    ) -> None:
        super().__init__(*args, **settings)
        self.excludes = excludes or {}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments as click does.

        Raises:
            click.UsageError: An option that takes one value is given twice, or two options exclude each other.
        """
        if not ctx.resilient_parsing:
            _, _, order = self.make_parser(ctx).parse_args(args=list(args))
            for parameter, times in Counter(order).items():
                if times > 1 and _takes_one_value(parameter):
                    ctx.fail(f"{_flag(parameter)} is given twice, and takes one value.")
        rest = super().parse_args(ctx, args)
        if not ctx.resilient_parsing:
            given = self._given(ctx)
            for one, others in self.excludes.items():
                for other in others:
                    if one in given and other in given:
                        ctx.fail(f"{other} has no effect beside {one}; leave one of them out.")
        return rest

    def _given(self, ctx: click.Context) -> set[str]:
        """Every name of the options that stand on the command line."""
        return {
            name
            for parameter in self.params
            if ctx.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
            for name in parameter.opts
        }


def _takes_one_value(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Option) and not (
        parameter.multiple or parameter.is_flag or parameter.count
    )


def _flag(parameter: click.Parameter) -> str:
    """The longest name of an option: --file rather than -f."""
    return max(parameter.opts, key=len)


class StrictCommand(_Strict):
    """A command that ignores no option."""


class StrictGroup(_Strict, click.Group):
    """A group that ignores no option."""
