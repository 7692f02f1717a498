"""The directive ``.. registry::``: a table of the names that a parameter takes.

A constant that is no table is shown with its value.
"""

import importlib
import inspect
import re
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class Registry(SphinxDirective):
    """A table of a registry's names, their classes and what they do in one line."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        module, _, name = self.arguments[0].rpartition(".")
        members = getattr(importlib.import_module(module), name)
        is_table = isinstance(members, dict)
        lines = table(module, members) if is_table else [f"``{name} = {members!r}``"]
        source = StringList(lines, self.get_location())
        return self.parse_text_to_nodes("\n".join(source))


def table(module: str, members: dict[str, Any]) -> list[str]:
    """Return the lines of a list-table."""
    rows = [("name", "stands for", "")]
    rows += [row(module, name, member) for name, member in members.items()]
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for cells in rows:
        bullets = ["*", *" " * (len(cells) - 1)]
        lines += [
            f"   {bullet} - {cell}" for bullet, cell in zip(bullets, cells, strict=True)
        ]
    return lines


def row(module: str, name: str, member: Any) -> tuple[str, str, str]:
    """Return the cells of one member: a class, a function, or a partial of one."""
    member = getattr(member, "func", member)
    summary = (inspect.getdoc(member) or "").split("\n\n")[0].replace("\n", " ")
    summary = re.sub(r",? \[\d+\]_", "", summary)  # references stay where they are
    role = ":class:" if inspect.isclass(member) else ":func:"
    return f'``"{name}"``', f"{role}`~{module}.{member.__name__}`", summary


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("registry", Registry)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
