"""Logs one run of everything with the real matyan-client (any of its versions), closes it, resumes it, closes it again.

Usage: python log_session.py API_URL FOLDER ; MATYAN_FRONTIER_URL and MATYAN_BACKEND_URL are set by the caller.
FOLDER is for the files that become artifacts. Prints one JSON object: {"hash": ...}.
"""

import json
import math
import struct
import sys
import wave
import zlib
from importlib.metadata import version
from pathlib import Path

from matyan_client import Run
from matyan_client.objects import Audio, Distribution, Figure, Image, Text

STEPS = 150


def png(red: int) -> bytes:
    """A picture of one pixel, so that no imaging package is needed."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes([0, red, 0, 0]))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def wav(folder: Path) -> bytes:
    path = folder / "tone.wav"
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(i / 5))) for i in range(800)))
    return path.read_bytes()


def log_all(url: str, folder: Path) -> str:
    run = Run(repo=url, experiment="first thoughts", log_system_params=True)
    run.name = "the name é 名"
    run.description = "a description"
    run.experiment = "baseline"
    run["hparams"] = {"lr": 0.001, "bs": 32, "wd": 1.0, "on": True, "none": None, "name": "é", "deep": {"list": [1, 2.5, "x", {}]}}
    run["dataset.path"] = "/data"
    run["big"] = 2**60
    for step in range(STEPS):
        for subset in ("train", "val"):
            run.track(1 / (step + 1), name="loss", step=step, epoch=step // 10, context={"subset": subset})
        run.track(step, name="count")
    for step, value in enumerate((1.0, math.nan, math.inf, -math.inf, 2.0)):
        run.track(value, name="odd", step=step, context={"é": [1, 2.0, None]})
    if version("matyan-client") < "0.3":
        run.track(1.5, name="one")
        run.track(2, name="two")
    else:
        run.track({"one": 1.5, "two": 2})

    for step in range(3):
        run.track(Image(png(step * 40), caption=f"picture {step}"), name="pics/é 1", step=step, context={"subset": "val"})
    run.track(Audio(wav(folder), format_="wav", caption="a tone", rate=8000), name="tone", step=0)
    for step in range(2):
        run.track(Text(f"text {step} é"), name="words", step=step)
    run.track(Distribution([i / 10 for i in range(100)], bin_count=8), name="weights", step=4, epoch=1)
    run.track(Figure({"data": [{"type": "scatter", "x": [1, 2], "y": [0.5, 2]}], "layout": {"title": "t"}}), name="plot", step=0)

    (folder / "model.bin").write_bytes(bytes(range(256)) * 4000)
    run.log_artifact(str(folder / "model.bin"))
    run.log_artifact(str(folder / "model.bin"), name="renamed ü %41#?+.bin")
    tree = folder / "tree"
    (tree / "a b" / "c").mkdir(parents=True)
    (tree / "top.txt").write_text("top")
    (tree / "a b" / "mid.txt").write_text("mid")
    (tree / "a b" / "c" / "empty").write_text("")
    run.log_artifacts(str(tree), name="folder")

    for tag in ("kept", "gone", "kept"):
        run.add_tag(tag)
    run.remove_tag("gone")
    run.log_debug("debug")
    run.log_info("information", lr=0.5, at=3)
    run.log_warning("warning é")
    run.log_error("error")
    print("a line for the terminal", file=sys.stderr)
    print("another line é", file=sys.stderr)
    run.close()
    return run.hash


def resume(url: str, run_hash: str) -> None:
    run = Run(run_hash, repo=url, force_resume=True, capture_terminal_logs=False)
    for step in range(STEPS, STEPS + 10):
        run.track(1 / (step + 1), name="loss", step=step, epoch=step // 10, context={"subset": "train"})
    run["hparams.resumed"] = True
    run.close()


if __name__ == "__main__":
    api, work = sys.argv[1], Path(sys.argv[2])
    made = log_all(api, work)
    resume(api, made)
    sys.__stdout__.write(json.dumps({"hash": made}) + "\n")
