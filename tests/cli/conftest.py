"""A sample and a bundle for every test, and the command line inside this process."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from tests.cli.child import Done
from tests.cli.samples import Sample, dense, write_by_hand, write_sample

from tradewind.cli.root import run

Quick = Callable[..., Done]
"""Runs a command in this process: quicker than a child, for what needs none."""


@pytest.fixture
def sample(tmp_path: Path, random: np.random.Generator) -> Sample:
    """A model with data in a folder of its own."""
    folder = tmp_path / "sample"
    folder.mkdir()
    return write_sample(folder, random)


@pytest.fixture
def bundle(tmp_path: Path, sample: Sample) -> Path:
    """A bundle of the sample, made without a search."""
    folder = tmp_path / "bundles"
    folder.mkdir()
    return write_by_hand(folder, sample.model)


@pytest.fixture
def quick(capsys: pytest.CaptureFixture[str]) -> Quick:
    """The command line with what it prints."""

    def call(*arguments: object) -> Done:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Done(code, printed.out, printed.err)

    return call


@pytest.fixture
def unwritable(tmp_path: Path) -> Path:
    """A folder into which nothing can be written."""
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    return folder


@pytest.fixture
def custom_operator(tmp_path: Path, random: np.random.Generator) -> str:
    """A model with an operator that only its author's own runtime knows."""
    proto = dense(random)
    proto.graph.node[0].domain = "com.example"
    proto.graph.node[0].op_type = "Blur"
    proto.opset_import.append(helper.make_opsetid("com.example", 1))
    path = tmp_path / "custom.onnx"
    onnx.save(proto, path)
    return str(path)
