"""What a gate asked for and what was measured, as a table and as JSON."""

import dataclasses
import json
import pathlib


@dataclasses.dataclass
class Row:
    """One figure. `ok` is None for figures that are only told."""

    gate: str
    bound: str
    measured: str
    ok: bool | None
    notes: str = ""
    value: float | None = None


def at_most(gate, value, bound, unit, notes=""):
    return Row(gate, f"<= {bound:g} {unit}", f"{value:.4g} {unit}", value <= bound, notes, value)


def at_least(gate, value, bound, unit, notes=""):
    return Row(gate, f">= {bound:g} {unit}", f"{value:.4g} {unit}", value >= bound, notes, value)


def told(gate, value, unit, notes=""):
    return Row(gate, "", f"{value:.4g} {unit}", None, notes, value)


def verdict(row):
    return {True: "pass", False: "FAIL", None: "-"}[row.ok]


def render(rows):
    """The rows as a table of text."""
    table = [("gate", "bound", "measured", "", "notes")]
    table += [(row.gate, row.bound, row.measured, verdict(row), row.notes) for row in rows]
    widths = [max(len(line[column]) for line in table) for column in range(4)]
    lines = []
    for line in table:
        cells = [cell.ljust(width) for cell, width in zip(line, widths)]
        lines.append("  ".join(cells + [line[4]]).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def write_json(rows, path):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([dataclasses.asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
