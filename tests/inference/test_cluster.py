"""Ray workers give the bytes of a local run, also when one is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

import landcover

from .models import tiny_model
from .test_resume import hashes, scene

ray = pytest.importorskip("ray", reason="Ray is not installed")


def kill_a_worker() -> None:
    """Kill the first worker that shows up."""
    for _ in range(600):
        found = subprocess.run(["pgrep", "-f", "ray::.*Worker.row"], capture_output=True, text=True).stdout
        if found:
            os.kill(int(found.split()[0]), signal.SIGKILL)
            return
        time.sleep(0.02)
    raise AssertionError("no worker to kill")


def test_two_workers_of_which_one_is_killed_give_the_bytes_of_a_local_run(tmp_path: Path) -> None:
    model, images = tiny_model(tmp_path / "m.onnx"), [scene(tmp_path / f"{n}.tif", n) for n in range(3)]
    landcover.predict(images, tmp_path / "local", model=model, confidence=True)
    ray.init(num_cpus=4, log_to_driver=False, include_dashboard=False)
    try:
        killer = threading.Thread(target=kill_a_worker)
        killer.start()
        landcover.predict(images, tmp_path / "ray", model=model, confidence=True, engine="ray")
        killer.join()
    finally:
        ray.shutdown()
    assert hashes(tmp_path / "ray") == hashes(tmp_path / "local")
