"""`tradewind demo`."""

import json
import runpy
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import click
import numpy as np

from tradewind.cli.output import as_json, print_json, told
from tradewind.errors import EngineError, ModelError, OutputError
from tradewind.tensors import Array

# beside the training script in a checkout, beside this package when it is installed
_HOMES = (
    Path(__file__).parents[1] / "demo",
    Path(__file__).parents[3] / "examples" / "digits",
)


@click.command("demo", epilog="Example: tradewind demo --time 30s")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("tradewind-demo"),
    show_default=True,
    help="Folder for what the demo makes.",
)
@click.option("--time", "time_text", default="75s", show_default=True, help="Time for the search.")
@as_json
def command(out: Path, time_text: str, as_json: bool) -> None:
    """See the main job at work: optimize, certify and serve a network that reads digits.

    The network has 67 million multiplications per image; the 1,197 images are those of
    scikit-learn's handwritten digits that its training has not seen. Takes two minutes.
    """
    console = told()
    model, data, bundle = _lay_out(out)
    arguments = ["optimize", model, "--data", data, "--max-drop", "0.01", "--time", time_text]
    arguments += ["--overwrite"] if bundle.exists() else []
    console.print(f"$ tradewind {' '.join(map(str, arguments))}", soft_wrap=True)
    document = _optimize([str(one) for one in arguments], as_json=as_json)
    console.print(f"\n$ tradewind serve {bundle}", soft_wrap=True)
    answer = _ask(bundle, data)
    console.print(_drawing(answer.image))
    console.print(f"The server reads this as {answer.digit}; its label says {answer.label}.")
    story = f"Open {bundle / 'report.html'} in a browser for the whole story."
    console.print(story, soft_wrap=True)
    if as_json:
        print_json({**document, "answer": {"digit": answer.digit, "label": answer.label}})


def _lay_out(out: Path) -> tuple[Path, Path, Path]:
    """Put the model and its data into `out`; return where they are and where the bundle goes."""
    home = _home()
    model, data = out / "digits.onnx", out / "digits.npz"
    try:
        out.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(home / "digits.onnx", model)
        runpy.run_path(str(home / "data.py"))["write_npz"](data)
    except OSError as error:
        hint = "choose another place with `--out DIR`."
        got = error.strerror or str(error)
        raise OutputError(str(out), "a folder that can be written to", got, hint) from error
    return model, data, out / "digits.tw"


def _home() -> Path:
    for home in _HOMES:
        if (home / "digits.onnx").is_file():
            return home
    raise ModelError("demo", "the file digits.onnx", "none", "install Tradewind again.")


def _optimize(arguments: list[str], *, as_json: bool) -> dict[str, object]:
    """Run the main job as a user would; return what it printed for programs."""
    command = [sys.executable, "-m", "tradewind", *arguments]
    if as_json:
        child = subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE)
    else:
        child = subprocess.Popen(command)
    printed = _ended(child)
    if child.returncode:
        click.echo(printed, nl=False)  # it says what went wrong
        raise click.exceptions.Exit(child.returncode)
    return dict(json.loads(printed)) if as_json else {}


def _ended(child: "subprocess.Popen[bytes]") -> bytes:
    """Wait for a child, whatever Ctrl-C makes of it; return what it printed into a pipe."""
    while True:
        try:
            return child.communicate()[0] or b""
        except KeyboardInterrupt:
            continue  # the child got it too, and goes on with what it has finished
        except SystemExit:  # somebody ends this process, and may not know of the child
            child.terminate()
            child.wait()
            raise


class _Answer:
    """One image with what the server and the label say about it."""

    def __init__(self, image: Array, label: int, digit: int) -> None:
        self.image = image
        self.label = label
        self.digit = digit


def _ask(bundle: Path, data: Path) -> _Answer:
    """Serve the bundle, send one image, stop the server."""
    with np.load(data, allow_pickle=False) as archive:
        image, label = archive["image"][:1], int(archive["label"][0])
    command = [sys.executable, "-m", "tradewind", "serve", str(bundle)]
    command += ["--http-port", "0", "--json"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert server.stdout is not None  # a pipe was asked for
        text = b""
        while not text.rstrip().endswith(b"}"):
            line = server.stdout.readline()
            if not line:
                raise EngineError("tradewind serve", "a server", f"exit {server.wait()}")
            text += line
        url = json.loads(text)["url"]
        told().print(f"$ curl {url}/v2/models/digits/infer -d @image.json", soft_wrap=True)
        return _Answer(image[0, 0], label, _infer(url, image))
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def _infer(url: str, image: Array) -> int:
    tensor = {
        "name": "image",
        "shape": list(image.shape),
        "datatype": "FP32",
        "data": image.ravel().tolist(),
    }
    request = urllib.request.Request(
        f"{url}/v2/models/digits/infer",
        json.dumps({"inputs": [tensor]}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        scores = json.load(response)["outputs"][0]["data"]
    return int(np.argmax(scores))


def _drawing(image: Array) -> str:
    """Return an image [32, 32] of 0..1 as 16 lines of characters."""
    shades = " .:-=+*#%@"
    rows = image[::2, ::1]
    return "\n".join("".join(shades[min(int(value * 10), 9)] for value in row) for row in rows)
