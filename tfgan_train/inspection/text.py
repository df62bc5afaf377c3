"""The findings as plain text."""

from tfgan_train.inspection.findings import Section

SHOWN = 20  # rows of a section; the page has more


def text(dataset: str, found: list[Section]) -> str:
    """All sections as text, long tables cut."""
    parts = [f"{dataset}"]
    for section in found:
        mark = "! " if section.warn and section.rows else ""
        parts += ["", f"{mark}{section.title}"]
        parts += [f"  {section.lead}"] if section.lead else []
        parts += _table(section)
    return "\n".join(parts)


def _table(section: Section) -> list[str]:
    shown = section.rows[:SHOWN]
    table = [section.head, *shown] if section.head else list(shown)
    if not table:
        return []
    columns = max(map(len, table))
    widths = [max(len(row[i]) for row in table if i < len(row)) for i in range(columns)]
    lines = [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in table
    ]
    if len(section.rows) > SHOWN:
        lines.append(f"  … and {len(section.rows) - SHOWN:,} more")
    return lines
