"""What each command tells whoever types it: help that reads well at any width, and where an option stands."""

import inspect
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

from services.cli.commands.reaching import reaching

if TYPE_CHECKING:
    from collections.abc import Callable

_BEFORE_THE_COMMAND = frozenset(f"--{name.replace('_', '-')}" for name in inspect.signature(reaching).parameters)


def teach(app: typer.Typer) -> None:
    """Have an application's commands, and those of its groups, tell what this module is for."""
    app.info.cls = _Group
    for command in app.registered_commands:
        command.cls = _Command
        command.help = _help_of(command.callback)
    for group in app.registered_groups:
        assert group.typer_instance is not None
        teach(group.typer_instance)
        if (callback := group.typer_instance.registered_callback) is not None:
            group.help = _help_of(callback.callback)


def unwrapped(text: str) -> str:
    """Return a text whose paragraphs are a line each; what is indented, such as an example, stays as it is.

    Typer keeps the line breaks of all paragraphs but the first, and the terminal adds its own.
    """
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(each if "\n  " in each else each.replace("\n", " ") for each in paragraphs)


def _help_of(function: "Callable[..., Any] | None") -> str:
    return unwrapped((function and function.__doc__) or "")


class _Command(TyperCommand):
    def get_params(self, ctx: Any) -> Any:
        return _without_types(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        _refuse_misplaced(args, ctx.command_path)
        return super().parse_args(ctx, args)


class _Group(TyperGroup):
    def get_params(self, ctx: Any) -> Any:
        return _without_types(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        _refuse_misplaced(args, ctx.command_path)
        return super().parse_args(ctx, args)


def _without_types(parameters: Any) -> Any:
    """Return a command's parameters; flags take no value, and so show no type of one."""
    for each in parameters:
        if getattr(each, "is_flag", False) and each.metavar is None:
            each.metavar = ""
    return parameters


def _refuse_misplaced(args: list[str], command_path: str) -> None:
    program, _, command = command_path.partition(" ")
    for word in args if command else ():  # the program itself is where they stand
        option = word.partition("=")[0]
        if option in _BEFORE_THE_COMMAND:
            raise typer.BadParameter(
                f"it stands before the command: {program} {option} ... {command}", param_hint=option
            )
