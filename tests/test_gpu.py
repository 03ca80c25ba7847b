"""The same on a GPU, where there is one; what of it runs on any machine is in `test_network_remover`."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_crimson import remove_background, simulate_stack
from napari_crimson.remover import load_remover
from napari_crimson.remover.network import NetworkRemover

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")


@pytest.mark.filterwarnings("ignore:RNN module weights")  # cuDNN has no GRU in bfloat16 whose weights lie together
@pytest.mark.parametrize("name", ["cnn", "rnn"])
@pytest.mark.parametrize(("precision", "share"), [("float32", 1e-4), ("float16", 1e-2), ("bfloat16", 2e-2)])
def test_the_answer_of_the_gpu_is_that_of_the_cpu(name: str, precision: str, share: float) -> None:
    stack = simulate_stack((20, 30))
    here = remove_background(stack, name, device="cpu", precision="float32", uncertainty=True)
    there = remove_background(stack, name, device="cuda", precision=precision, uncertainty=True)
    for variable in ("raman", "uncertainty"):
        peak = float(np.abs(here[variable]).max())
        np.testing.assert_allclose(there[variable].values, here[variable].values, atol=share * peak)


def test_flights_cross_in_order_whatever_their_size() -> None:
    remover = load_remover("cnn", device="cuda", precision="float32")
    assert isinstance(remover, NetworkRemover)
    assert remover._in_flight is not None
    counts = np.random.default_rng(0).integers(200, 5000, (1000, 300)).astype(np.uint16)
    counts[500] = 65535
    axis, dark = np.linspace(600.0, 2400.0, 300), np.full(300, 100.0)
    whole = remover(counts, axis, dark=dark)
    assert np.flatnonzero(np.isnan(whole).any(axis=1)).tolist() == [500]
    for size in (1, 7, 64, 999):
        remover._in_flight._points = size * 451  # points of its grid
        np.testing.assert_allclose(remover(counts, axis, dark=dark), whole, rtol=1e-4, atol=1e-4)
