"""The pages' HTML: Jinja2 templates whose macros are called by name, with autoescape."""

import functools
import pathlib

import jinja2

_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(**facts) -> str:
    """page.html, filled in."""
    return _ENVIRONMENT.get_template("page.html").render(**facts)


@functools.cache
def macros(name: str):
    """The macros of a template as functions; each gives HTML that other templates don't escape again."""
    return _ENVIRONMENT.get_template(f"{name}.html").module
