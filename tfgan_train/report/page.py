"""report.html: everything a run shows, as one file that needs no network."""

import dataclasses
import importlib.resources
import pathlib

from tfgan_train.common import files
from tfgan_train.report import galleries, sections, templates
from tfgan_train.runs.facts import RunFacts, read_run

STATUSES = ("running", "finished", "stopped")


def write_report(run_dir, status: str | None = None, clock: dict | None = None) -> pathlib.Path:
    """Writes RUN_DIR/report.html from what is in the run directory so far.

    Any of the run's files may be missing. The page holds its pictures, so it can be moved or sent.

    Args:
      run_dir: the run directory.
      status: "running", "finished" or "stopped". A running run's page says so and reloads itself
        while nobody has touched it. None: told from the last step.
      clock: the row of kind "clock" where it isn't in metrics.jsonl yet: it comes last, and tells how long
        this page took too.

    Returns:
      The file's path; it appears whole or not at all.

    Raises:
      ValueError: for another status.
    """
    if status not in (None, *STATUSES):
        raise ValueError(f"status '{status}' is none of {', '.join(STATUSES)}")
    run = read_run(run_dir)
    if clock is not None:
        run = dataclasses.replace(run, clock=clock)
    return files.write_atomically(run.path / "report.html", render(run, status or sections.status_of(run)))


def render(run: RunFacts, status: str) -> str:
    """The page's HTML."""
    doctor = ("doctor", "Doctor", "What the doctor says", sections.doctor(run))
    found = [
        ("samples", "Samples", "Samples", galleries.samples(run)),
        ("curves", "Curves", "Curves", sections.charts(run)),
        ("course", "Course", "From noise to images", galleries.course(run)),
        ("evaluation", "Evaluation", "Evaluation", sections.evaluation(run)),
        ("interpolation", "Latents", "Between latents", galleries.interpolation(run)),
        ("codes", "Codes", "Along each code", galleries.codes(run)),
        ("attributes", "Attributes", "Each attribute off and on", galleries.attributes(run)),
        ("directions", "Directions", "Along the first directions of w", galleries.directions(run)),
        ("nearest", "Neighbours", "Nearest training images", galleries.nearest(run)),
        ("spot", "Game", "Spot the fake", galleries.game(run)),
        ("data", "Data", "Data", sections.data(run)),
        ("advice", "Advice", "Advice for such data", sections.advice(run)),
        ("config", "Configuration", "Configuration", sections.configuration(run)),
    ]
    # Bad news comes first, good news after the pictures.
    found.insert(0 if run.doctor else 1, doctor)
    return page(sections.title(run), sections.headline(run, status), found, status)


def page(title: str, headline: str, found: list[tuple[str, str, str, str]], status: str) -> str:
    """A page with style and script inside.

    Args:
      title: the window's, as plain text.
      headline: HTML of the page's head, from a template.
      found: (anchor, name in the links, heading, HTML) of each section; one without HTML is left out.
      status: one of STATUSES; a running page reloads itself.
    """
    return templates.page(
        title=title,
        css=_resource("page.css"),
        js=_resource("page.js"),
        status=status,
        headline=headline,
        sections=[section for section in found if section[-1]],
    )


def _resource(name: str) -> str:
    return importlib.resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
