"""What was found, as sections of plain rows that the text and the page both show."""

import dataclasses
from collections import Counter

import numpy as np

from tfgan_train.inspection import perceptual, recommend
from tfgan_train.inspection.gather import Facts

_NAMED = 5  # of a pair or group


@dataclasses.dataclass(frozen=True)
class Section:
    """A heading, a sentence and a table.

    Attributes:
      key: an anchor for links.
      title: the heading.
      lead: a sentence; may be empty.
      head: the columns' names; empty: the rows are (name, value) pairs.
      rows: texts.
      warn: whether the user should look at it.
      shares: for each row a share 0..1 to draw as a bar; empty: none.
    """

    key: str
    title: str
    lead: str = ""
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    warn: bool = False
    shares: tuple[float, ...] = ()


def sections(facts: Facts) -> list[Section]:
    """All sections, in the order in which they are read; those with nothing to say are left out."""
    found = [
        _command(facts),
        _notes(facts),
        _counts(facts),
        _sizes(facts),
        _modes(facts),
        _channels(facts),
        _wide(facts),
        _classes(facts),
        _damaged(facts),
        _listed("misnamed", "Misleading endings", facts.misnamed, "They are read all the same."),
        _listed("hidden", "Pictures with an ending that isn't read", facts.hidden, "Rename them to use them."),
        _ignored(facts),
        _exact(facts),
        _near(facts),
        _leaks(facts),
        _contradictions(facts),
        _blank(facts),
    ]
    return [section for section in found if section.rows or section.lead]


def _command(facts: Facts) -> Section:
    reasons = tuple((flag, why) for flag, why in recommend.flags(facts) if why and why != "as given")
    return Section("command", "Recommended", recommend.command(facts), rows=reasons)


def _notes(facts: Facts) -> Section:
    return Section("notes", "What training takes for what", rows=tuple((note,) for note in facts.notes))


def _counts(facts: Facts) -> Section:
    rows = [
        (f"{name} split", f"{len(split.rows):,} pictures" + ("" if name == "train" else ", held out"))
        for name, split in facts.splits.items()
    ]
    if "test" not in facts.splits:
        rows.append(("test split", "none: scores compare with the images that were trained on"))
    rows.append(("classes", f"{len(facts.label_names):,}" if facts.label_names else "none"))
    rows.append(("damaged", f"{len(facts.damaged):,}"))
    rows.append(("ignored files", f"{len(facts.ignored):,}"))
    rows.append(("bytes", f"{int(facts.rows['bytes'].sum()):,}"))
    return Section("counts", "Counts", rows=tuple(rows))


def _sizes(facts: Facts) -> Section:
    heights, widths = facts.rows["height"], facts.rows["width"]
    common = Counter(zip(heights.tolist(), widths.tolist(), strict=True)).most_common(6)
    rows = [(f"{h}x{w} (height x width)", f"{count:,}") for (h, w), count in common]
    shares = [count / len(heights) for _, count in common]
    if len(common) > 1:
        for name, values in (("height", heights), ("width", widths), ("aspect ratio", widths / heights)):
            low, middle, high = np.percentile(values, (0, 50, 100))
            rows.append((name, f"{low:.4g} to {high:.4g}, median {middle:.4g}"))
        rows += _orientations(widths / heights)
    return Section("sizes", "Sizes", rows=tuple(rows), shares=(*shares, *(0.0,) * (len(rows) - len(shares))))


def _orientations(aspects: np.ndarray) -> list[tuple[str, str]]:
    wide, tall = (aspects > 1.05).mean(), (aspects < 0.95).mean()
    return [("shapes", f"{wide:.0%} wide, {1 - wide - tall:.0%} about square, {tall:.0%} tall")]


def _modes(facts: Facts) -> Section:
    pairs = Counter(zip(facts.rows["format"].tolist(), facts.rows["mode"].tolist(), strict=True)).most_common()
    rows = tuple((f"{form.decode()}, {mode.decode()}", f"{count:,}") for (form, mode), count in pairs)
    clear = int(facts.rows["transparent"].sum())
    lead = f"{clear:,} pictures have transparent parts; without --channels=4 they lie on white." if clear else ""
    return Section("modes", "Formats and modes", lead, rows=rows, shares=tuple(n / len(facts.rows) for _, n in pairs))


def _channels(facts: Facts) -> Section:
    """Mean and spread over the training split, a picture counting like any other."""
    rows = facts.splits["train"].rows
    channels = int(facts.config.channels or rows["channels"].max())
    names = {1: ("grey",), 3: ("red", "green", "blue"), 4: ("red", "green", "blue", "alpha")}
    table = []
    for index, name in enumerate(names.get(channels, [f"channel {i + 1}" for i in range(channels)])):
        # A grey picture among coloured ones has its grey in each colour.
        column = np.where(rows["channels"] > 1, index, 0)
        mean = np.take_along_axis(rows["mean"], column[:, None], 1).mean(dtype=np.float64)
        square = np.take_along_axis(rows["square"], column[:, None], 1).mean(dtype=np.float64)
        table.append((name, f"{mean:.4f}", f"{np.sqrt(max(0.0, square - mean**2)):.4f}"))
    lead = "Of 0 (black) to 1 (white)." + (" The colours are premultiplied by alpha." if channels == 4 else "")
    return Section("channels", "Channels", lead, ("channel", "mean", "spread"), tuple(table))


def _wide(facts: Facts) -> Section:
    wide = facts.rows["percentiles"][facts.rows["percentiles"][:, 3] > 0]
    if not len(wide):
        return Section("wide", "")
    low, first, last, high = wide[:, 0].min(), np.median(wide[:, 1]), np.median(wide[:, 2]), wide[:, 3].max()
    return Section(
        "wide",
        "16-bit pictures",
        "Without --value_range, 0 to 65,535 become black to white; auto takes the lowest and highest value.",
        rows=(
            ("pictures", f"{len(wide):,}"),
            ("lowest and highest value", f"{low:,} and {high:,}"),
            ("1 % and 99 % of a picture (medians)", f"{first:,.0f} and {last:,.0f}"),
        ),
    )


def _classes(facts: Facts) -> Section:
    if not facts.label_names:
        return Section("classes", "")
    counts = {
        name: np.bincount(split.labels, minlength=len(facts.label_names))
        for name, split in facts.splits.items()
        if split.labels is not None
    }
    train = counts["train"]
    order = np.argsort(-train, kind="stable")
    smallest, largest = int(train.min()), int(train.max())
    return Section(
        "classes",
        "Classes",
        f"{len(train):,} classes of {smallest:,} to {largest:,} training pictures.",
        ("class", *counts),
        tuple((facts.label_names[i], *(f"{of[i]:,}" for of in counts.values())) for i in order),
        warn=smallest * 10 < largest,
        shares=tuple(train[order] / max(1, largest)),
    )


def _damaged(facts: Facts) -> Section:
    reasons = Counter(_plain(why) for _, why in facts.damaged).most_common()
    lead = "; ".join(f"{count:,} x {why}" for why, count in reasons[:12])
    return Section("damaged", "Damaged files", lead, ("file", "reason"), facts.damaged, warn=True)


def _plain(reason: str) -> str:
    """A reason without the figures that only one file has."""
    return reason.partition(" (")[0]


def _ignored(facts: Facts) -> Section:
    reasons = Counter(why for _, why in facts.ignored).most_common()
    lead = "; ".join(f"{count:,} x {why}" for why, count in reasons[:12])
    return Section("ignored", "Ignored files", lead, ("file", "reason"), facts.ignored)


def _listed(key: str, title: str, found, lead: str) -> Section:
    return Section(key, title, lead if found else "", ("file", "what it is"), tuple(found), warn=True)


def _exact(facts: Facts) -> Section:
    groups = facts.duplicates.exact
    if not groups:
        return Section("exact", "Exact duplicates", "None.")
    return Section(
        "exact",
        "Exact duplicates",
        f"{facts.duplicates.copies:,} pictures have the pixels of another one.",
        ("how", "pictures"),
        tuple((_how(facts, group), _names(facts, group)) for group in groups),
        warn=True,
    )


def _how(facts: Facts, group) -> str:
    return "same file" if len(set(facts.rows["content"][list(group)].tolist())) == 1 else "same pixels"


def _near(facts: Facts) -> Section:
    groups = facts.duplicates.near
    if not groups:
        return Section("near", "Near duplicates", "None.")
    count = sum(len(group) - 1 for group in groups)
    rows = tuple((f"{len(group)}", _names(facts, group, " ~ ")) for group in groups)
    lead = f"{count:,} pictures look like another one: resized, compressed again, brighter, or taken a moment later."
    return Section("near", "Near duplicates", lead, ("alike", "pictures"), rows, warn=True)


def _names(facts: Facts, group, sign: str = " = ") -> str:
    return sign.join([*(facts.name(one) for one in group[:_NAMED]), *("…" for _ in group[_NAMED : _NAMED + 1])])


def _leaks(facts: Facts) -> Section:
    """Test pictures that training sees too."""
    rows = []
    for kind, sign, groups in (("same", " = ", facts.duplicates.exact), ("alike", " ~ ", facts.duplicates.near)):
        for group in groups:
            if len({facts.locate(one)[0] for one in group}) > 1:
                rows.append((kind, _names(facts, group, sign)))
    lead = f"{len(rows):,} pictures are in both splits, so scores on the test split flatter." if rows else ""
    return Section("leaks", "In training and test", lead, ("how", "pictures"), tuple(rows), warn=True)


def _contradictions(facts: Facts) -> Section:
    """Equal pictures with different labels."""
    if not facts.label_names:
        return Section("labels", "")
    labels = np.concatenate([split.labels for split in facts.splits.values()])
    rows = []
    for group in facts.duplicates.exact:
        named = {facts.label_names[labels[one]] for one in group}
        if len(named) > 1:
            rows.append((", ".join(sorted(named)), _names(facts, group)))
    lead = f"{len(rows):,} pictures lie in more than one class." if rows else ""
    return Section("labels", "Contradicting labels", lead, ("classes", "pictures"), tuple(rows), warn=True)


def _blank(facts: Facts) -> Section:
    blank = np.flatnonzero(perceptual.blank(facts.rows["thumb"]))
    rows = tuple((facts.name(int(one)),) for one in blank)
    lead = f"{len(rows):,} pictures have one colour only." if rows else ""
    return Section("blank", "Blank pictures", lead, ("file",), rows, warn=True)
