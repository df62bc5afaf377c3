"""docs/digits.ipynb: every cell runs, and what is committed was executed."""

import os
import pathlib

import pytest

from tests import needs

ROOT = pathlib.Path(__file__).parent.parent
PATH = ROOT / "docs" / "digits.ipynb"
# A run of seconds instead of minutes: text of the notebook -> of the test.
SHORT = {
    "steps=800, log_every=20, sample_every=100": "steps=12, log_every=4, sample_every=4",
    "images(100)": "images(4)",
}


def _outputs(notebook) -> list[str]:
    """The text of every output."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error", output.get("evalue")
            found.append(str(output.get("text", "")) + str(dict(output.get("data", {}))))
    return found


def test_what_is_committed_was_executed_in_order():
    nbformat = needs.module("nbformat", "test")
    notebook = nbformat.read(PATH, 4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert any("largest difference" in text for text in _outputs(notebook))
    assert sum(cell.source.count(text) for cell in code for text in SHORT) == len(SHORT)
    assert PATH.stat().st_size < 2e6


@pytest.mark.export
def test_every_cell_runs(tmp_path, monkeypatch):
    nbclient, nbformat = needs.module("nbclient", "test"), needs.module("nbformat", "test")
    needs.module("ipykernel", "test")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(PATH, 4)
    for cell in notebook.cells:
        for text, short in SHORT.items():
            cell.source = cell.source.replace(text, short)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=500, kernel_name="python3", resources=resources).execute()
    texts = _outputs(notebook)
    assert any("largest difference: 0 of 255" in text or "largest difference: 1 of 255" in text for text in texts)
    # The bar stands at the end, and one grid below it: each state replaced the one before.
    assert sum("<progress" in text and 'value="1.0000"' in text for text in texts) == 1
