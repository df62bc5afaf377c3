"""What docs/distributed/ offers: its TF_CONFIGs are understood, its manifest is legal."""

import os
import pathlib
import subprocess

import pytest

from tfgan_train.training import workers

FOLDER = pathlib.Path(__file__).parent.parent / "docs" / "distributed"


def _check(monkeypatch, text, index):
    monkeypatch.setenv("TF_CONFIG", text)
    assert workers.check_tf_config() == 2
    assert f'"index": {index}' in text and ":2222" in text


@pytest.mark.parametrize("index", [0, 1])
def test_slurm_tasks_get_their_place(tmp_path, monkeypatch, index):
    scontrol = tmp_path / "scontrol"
    scontrol.write_text('#!/bin/sh\n[ "$1 $2 $3" = "show hostnames node[1-2]" ] && printf "node1\\nnode2\\n"\n')
    scontrol.chmod(0o755)
    slurm = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_NODELIST": "node[1-2]", "SLURM_PROCID": str(index)}
    command = [FOLDER / "worker.sh", "printenv", "TF_CONFIG"]
    text = subprocess.run(command, env=os.environ | slurm, check=True, capture_output=True, text=True).stdout
    assert '"node1:2222","node2:2222"' in text
    _check(monkeypatch, text, index)


def _documents():
    yaml = pytest.importorskip("yaml")
    return {document["kind"]: document for document in yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text())}


@pytest.mark.parametrize("index", [0, 1])
def test_pods_get_their_place(monkeypatch, index):
    job, service = _documents()["Job"], _documents()["Service"]
    pod = job["spec"]["template"]["spec"]
    (script,) = pod["containers"][0]["args"]
    shown = script.replace("exec python", "printenv TF_CONFIG; exit #")
    environment = os.environ | {"JOB_COMPLETION_INDEX": str(index)}
    text = subprocess.run(["sh", "-c", shown], env=environment, check=True, capture_output=True, text=True).stdout
    _check(monkeypatch, text, index)
    # A pod of an indexed Job is called <job>-<index>, and <pod>.<service> where its subdomain is a headless Service.
    assert service["spec"]["clusterIP"] == "None" and pod["subdomain"] == service["metadata"]["name"]
    assert f"{job['metadata']['name']}-{index}.{pod['subdomain']}:2222" in text
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    assert job["spec"]["completions"] == job["spec"]["parallelism"] == 2


def test_the_manifest_fits_the_schema_of_kubernetes():
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    for document in _documents().values():
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)
