"""What the spectrum dock is made of, without a window: reading, correcting, marks, and work of which the newest is wanted."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
from napari.layers import Image, Labels, Points, Shapes
from numpy.testing import assert_allclose, assert_array_equal

from napari_crimson import open_stack, remove_background, save_stack, simulate_stack
from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.layers import give_axis, layer_data_from_stack
from napari_crimson.plugin.pointing.marks import Mark, find_marks, left_out, tell_apart
from napari_crimson.plugin.pointing.spectra_source import SpectraSource
from napari_crimson.plugin.spectrum.live_remover import LiveRemover
from napari_crimson.plugin.spectrum.looking import MOST_PIXELS, average_band, look_around, look_at, look_at_marks
from napari_crimson.plugin.spectrum.plots import find_lines
from napari_crimson.stack import make_stack

AXIS = np.linspace(2800.0, 3100.0, 12)


def layer_of(stack: Any) -> Image:
    data, attributes, _ = layer_data_from_stack(stack)[0]
    return Image(data, **attributes)


def counts(shape: tuple[int, ...] = (20, 35)) -> np.ndarray:
    return np.random.default_rng(0).integers(100, 60_000, (*shape, AXIS.size), dtype=np.uint16)


@pytest.mark.parametrize("kind", ["memory", "dask", "h5", "zarr"])
def test_spectra_are_those_of_the_stack(kind: str, tmp_path: Path) -> None:
    cars = counts()
    if kind in ("h5", "zarr"):
        stack = open_stack(save_stack(make_stack(cars, AXIS), tmp_path / f"stack.{kind}") or tmp_path / f"stack.{kind}")
    else:
        stack = make_stack(da.from_array(cars, chunks=(7, 9, 12)) if kind == "dask" else cars, AXIS)
    source = SpectraSource(layer_of(stack))
    for pixel in ((0, 0), (19, 34), (16, 15), (15, 16), (0, 0)):
        assert pixel in source
        assert_array_equal(source.spectrum(pixel), cars[pixel])
    assert (20, 0) not in source
    assert (0, -1) not in source
    assert_array_equal(source.spectra(np.array([[3, 4], [19, 0]])), cars[[3, 19], [4, 0]])
    assert_array_equal(source.band(slice(4, 9), slice(2, 5), ()), np.moveaxis(cars[4:9, :, 2:5], -1, 0))


def test_a_layer_that_falls_is_read_upwards() -> None:
    planes = np.moveaxis(counts(), -1, 0)
    layer = Image(planes, rgb=False)
    give_axis(layer, AXIS[::-1])
    source = SpectraSource(layer)
    assert_array_equal(source.wavenumber, AXIS)
    assert_array_equal(source.spectrum((3, 4)), planes[::-1, 3, 4])
    assert source.plane(0) == 11
    assert_array_equal(source.band(slice(0, 2), slice(0, 3), ()), planes[::-1][0:3, 0:2])


def test_a_plane_of_a_time_series() -> None:
    cars = counts((2, 3, 20, 18))
    source = SpectraSource(layer_of(make_stack(cars, AXIS)))
    assert_array_equal(source.spectrum((1, 2, 17, 3)), cars[1, 2, 17, 3])
    rows = list(average_band(source, slice(1, 4), (1, 2)))
    assert_allclose(np.concatenate([part.mean for part in rows]), cars[1, 2, :, :, 1:4].mean(axis=-1), rtol=1e-6)


def test_a_result_that_is_being_written_is_never_kept() -> None:
    growing = np.full((12, 4, 5), np.nan, dtype=np.float32)
    layer = Image(growing, rgb=False)
    give_axis(layer, AXIS)
    source = SpectraSource(layer)
    assert np.isnan(source.spectrum((1, 2))).all()
    growing[:] = 3
    assert_array_equal(source.spectrum((1, 2)), np.full(12, 3))


def test_file_that_is_gone_is_told(tmp_path: Path) -> None:
    save_stack(make_stack(counts(), AXIS), tmp_path / "stack.h5")
    source = SpectraSource(layer_of(open_stack(tmp_path / "stack.h5")))
    (tmp_path / "stack.h5").unlink()
    with pytest.raises(CrimsonError, match=r"stack\.h5"):
        source.spectrum((0, 0))


@pytest.mark.parametrize("kind", ["h5", "zarr"])
def test_a_pixel_of_a_file_is_read_without_a_graph_one_of_a_changed_stack_with_it(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_stack(make_stack(counts(), AXIS), tmp_path / f"stack.{kind}")
    stack = open_stack(tmp_path / f"stack.{kind}")
    as_it_is, halved = (SpectraSource(layer_of(one)) for one in (stack, stack.assign(cars=stack["cars"] // 2)))
    computed: list[Any] = []
    compute = da.Array.compute
    monkeypatch.setattr(da.Array, "compute", lambda self, **kwargs: computed.append(1) or compute(self, **kwargs))
    assert_array_equal(as_it_is.spectrum((3, 4)), counts()[3, 4])
    assert not computed
    assert_array_equal(halved.spectrum((3, 4)), counts()[3, 4] // 2)
    assert computed


def test_neighbours_of_a_pixel_are_read_after_it_and_are_there_then(tmp_path: Path) -> None:
    save_stack(make_stack(counts(), AXIS), tmp_path / "stack.h5")
    source = SpectraSource(layer_of(open_stack(tmp_path / "stack.h5")))
    (looked,) = look_at(source, {}, (0, 0))
    assert_array_equal(looked.raw, counts()[0, 0])
    assert list(look_around(source, (0, 0))) == [None]  # nothing to show, but the work is done
    (tmp_path / "stack.h5").unlink()
    assert_array_equal(source.spectrum((1, 1)), counts()[1, 1])


@pytest.mark.parametrize("remover", ["cnn", "kk"])
def test_live_correction_is_that_of_the_whole_stack(remover: str) -> None:
    stack = simulate_stack((6, 7), seed=1)
    stack["cars"] = stack["cars"].copy(data=stack["cars"].values)
    whole = remove_background(stack[["cars", "dark", "reference"]], remover, device="cpu")["raman"].values
    source = SpectraSource(layer_of(stack))
    first, last = look_at(source, {remover: LiveRemover(source.stack, remover)}, (2, 3))
    assert first.loading
    assert not first.corrected
    assert not last.loading
    assert_array_equal(last.raw, stack["cars"].values[2, 3])
    assert_allclose(last.corrected[remover].raman[0], whole[2, 3], atol=2e-4)
    assert (last.corrected[remover].uncertainty is not None) == (remover == "cnn")


def test_background_has_lost_the_lines_and_kept_the_excitation() -> None:
    stack = simulate_stack((8, 8), seed=0)
    raw, dark, reference = (stack[name].values for name in ("cars", "dark", "reference"))
    raw = raw.reshape(-1, raw.shape[-1])
    background = LiveRemover(stack[["cars", "dark", "reference"]], "cnn")(raw).background

    def unevenness(intensity: np.ndarray) -> float:
        """Of the ratio to what has no lines, over all pixels: what a straight line does not follow."""
        ratio = (intensity - dark) / (reference - dark)
        ratio /= ratio.mean(axis=1, keepdims=True)
        line = np.polynomial.polynomial.polyfit(np.arange(ratio.shape[1]), ratio.T, 1)
        return float((ratio - np.polynomial.polynomial.polyval(np.arange(ratio.shape[1]), line)).std())

    assert background is not None
    assert unevenness(background) < 0.6 * unevenness(raw)


def test_marks_of_shapes_points_and_labels_meet_the_same_pixels() -> None:
    image = Image(np.zeros((12, 20, 35)), scale=(25, 0.5, 0.5), rgb=False)
    box = np.array([[2.0, 3], [2, 9], [6, 9], [6, 3]])
    expected = {(y, x) for y in range(2, 6) for x in range(3, 9)}
    painted = np.zeros((12, 20, 35), dtype=np.uint8)
    painted[4, 2:6, 3:9] = 3
    shapes = Shapes([box - 0.25], shape_type="rectangle", scale=(0.5, 0.5), edge_color="#ff8000")
    other_scale = Shapes([(box - 0.25) * 5], shape_type="polygon", scale=(0.1, 0.1))
    labels = Labels(painted, scale=(25, 0.5, 0.5))
    for layer in (shapes, other_scale, labels):
        (mark,) = find_marks(layer, image, (20, 35), ())()
        assert {tuple(pixel) for pixel in mark.pixels} == expected
    assert find_marks(shapes, image, (20, 35), ())()[0].colour == "#ff8000"
    assert find_marks(labels, image, (20, 35), ())()[0].name == "label 3"
    points = Points([[4, 7, 11], [4, 300, 3]], scale=(25, 0.5, 0.5))
    (mark,) = find_marks(points, image, (20, 35), (1,))()  # the second lies outside
    assert_array_equal(mark.pixels, [[1, 7, 11]])


def test_ellipse_line_and_a_shape_smaller_than_a_pixel() -> None:
    image = Image(np.zeros((3, 40, 40)), rgb=False)
    shapes = Shapes(ndim=2)
    shapes.add_ellipses([np.array([[5.0, 5], [5, 25], [25, 25], [25, 5]])])
    shapes.add_lines([np.array([[30.0, 2], [30, 9]])])
    shapes.add_rectangles([np.array([[3.2, 3.2], [3.2, 3.4], [3.4, 3.4], [3.4, 3.2]])])
    round_one, line, dot = find_marks(shapes, image, (40, 40), ())()
    assert len(round_one.pixels) == pytest.approx(np.pi * 100, rel=0.03)
    assert_array_equal(line.pixels, [[30, x] for x in range(2, 10)])
    assert_array_equal(dot.pixels, [[3, 3]])


@pytest.mark.parametrize("count", [1, 3, 7, 9])
def test_regions_drawn_with_one_colour_have_colours_that_differ(count: int) -> None:
    image = Image(np.zeros((3, 40, 40)), rgb=False)
    boxes = [np.array([[y, 5.0], [y, 9], [y + 2, 9], [y + 2, 5]]) for y in range(0, 4 * count, 4)]
    shapes = Shapes(boxes, shape_type="rectangle")  # as napari's button makes them, grey
    colours = [mark.colour for mark in find_marks(shapes, image, (40, 40), ())()]
    assert "#777777" not in colours
    assert len(set(colours)) == min(count, 7)
    tell_apart(shapes)
    assert [mark.colour for mark in find_marks(shapes, image, (40, 40), ())()] == colours
    assert_allclose(shapes.edge_color[0][:3], [int(colours[0][at : at + 2], 16) / 255 for at in (1, 3, 5)], atol=0.01)
    told: list[Any] = []
    shapes.events.edge_color.connect(told.append)
    tell_apart(shapes)  # once is enough
    assert not told


def test_colours_that_somebody_chose_are_kept() -> None:
    image = Image(np.zeros((3, 40, 40)), rgb=False)
    boxes = [np.array([[y, 5.0], [y, 9], [y + 2, 9], [y + 2, 5]]) for y in (0, 4, 8)]
    shapes = Shapes(boxes, shape_type="rectangle", edge_color=["#b7a4ff", "#777777", "#777777"])
    first, *others = [mark.colour for mark in find_marks(shapes, image, (40, 40), ())()]
    assert first == "#b7a4ff"
    assert len({first, *others}) == 3


@pytest.mark.parametrize("kind", ["shapes", "points", "labels"])
def test_more_marks_than_can_be_told_apart_are_told(kind: str) -> None:
    image = Image(np.zeros((3, 60, 60)), rgb=False)
    corners = [np.array([[y, 5.0], [y, 9], [y + 1, 9], [y + 1, 5]]) for y in range(0, 50, 2)]
    layer: Any = {
        "shapes": lambda: Shapes(corners, shape_type="rectangle"),
        "points": lambda: Points([[y, 5] for y in range(25)]),
        "labels": lambda: Labels(np.repeat(np.arange(60), 60).reshape(60, 60) * (np.arange(60) < 26)[:, None]),
    }[kind]()
    found = find_marks(layer, image, (60, 60), ())()
    assert len(found) == 20
    assert left_out(found) == "first 20 of 25 regions"
    assert not left_out(found[:0])
    assert not left_out([Mark(name="one", colour="#ffffff", pixels=np.zeros((1, 2), dtype=np.int64), of=20)])


def test_mean_and_sd_of_a_mark_leave_saturated_pixels_out() -> None:
    cars = counts()
    cars[2, 3] = 65535
    source = SpectraSource(layer_of(make_stack(cars, AXIS)))
    pixels = np.array([[2, 3], [2, 4], [2, 5], [7, 8]])
    *_, found = look_at_marks(source, None, lambda: [Mark(name="one", colour="#ffffff", pixels=pixels)])
    sound = cars[[2, 2, 7], [4, 5, 8]].astype(float)
    assert_allclose(found["one"].raw.mean, sound.mean(axis=0))
    assert_allclose(found["one"].raw.sd, sound.std(axis=0, ddof=1))


def test_large_marks_are_sampled_and_say_so() -> None:
    source = SpectraSource(layer_of(make_stack(np.ones((60, 60, 12)), AXIS)))
    pixels = np.argwhere(np.ones((60, 60)))
    *_, found = look_at_marks(source, None, lambda: [Mark(name="all", colour="#ffffff", pixels=pixels)])
    assert (found["all"].used, found["all"].pixels) == (MOST_PIXELS, 3600)


def test_lines_are_found_above_noise_and_told_apart() -> None:
    axis = np.linspace(600, 3200, 1300)
    spectrum = sum(height / (1 + ((axis - at) / 8) ** 2) for at, height in ((1004, 0.3), (1655, 0.5), (2850, 1.0), (2860, 0.9)))
    spectrum = spectrum + np.random.default_rng(0).normal(0, 0.01, axis.size)
    found = find_lines(axis, spectrum)
    assert_allclose([at for at, _, _ in found], [1004, 1655, 2853], atol=6)  # two too near for two numbers have one
    assert found[0][2] == f"{found[0][0]:.0f}"
    above = find_lines(axis, spectrum, np.full(axis.size, 0.25))  # numbers stand on the band of uncertainty
    assert_allclose([height for _, height, _ in above], [height + 0.25 for _, height, _ in found])
    assert not find_lines(axis, np.random.default_rng(1).normal(0, 0.01, axis.size))
    assert not find_lines(axis, np.full(axis.size, np.nan))


class Inbox:
    """Answers, in order of arrival."""

    def __init__(self) -> None:
        self.got: list[tuple[Any, Any]] = []

    def __call__(self, key: Any, answer: Any) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.got.append((key, answer))


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def newest(qtbot: Any, inbox: Inbox) -> Iterator[Any]:
    from napari_crimson.plugin.pointing.newest import Newest

    made = Newest(inbox)
    yield made
    made.close()
    qtbot.waitUntil(lambda: not any(thread.name == "crimson-spectra" for thread in threading.enumerate()), timeout=20_000)


@pytest.mark.gui
def test_only_the_newest_is_done(newest: Any, inbox: Inbox, qtbot: Any) -> None:
    gate, begun = threading.Event(), threading.Event()

    def slow() -> Iterator[str]:
        begun.set()
        gate.wait(20)
        yield "slow"

    newest.ask("cursor", slow)
    assert begun.wait(20)
    for number in range(5):
        newest.ask("cursor", lambda number=number: iter([number]))
    gate.set()
    qtbot.waitUntil(lambda: len(inbox.got) == 2, timeout=20_000)
    qtbot.wait(50)
    assert inbox.got == [("cursor", "slow"), ("cursor", 4)]  # the first had begun


@pytest.mark.gui
def test_a_cursor_that_never_rests_sees_spectra(newest: Any, inbox: Inbox, qtbot: Any) -> None:
    """Each step takes longer than the time to the next move."""
    for number in range(30):
        newest.ask("cursor", lambda number=number: (time.sleep(0.03) or number for _ in range(1)), urgent=True)
        qtbot.wait(5)
    during = len(inbox.got)
    qtbot.waitUntil(lambda: not newest.busy, timeout=20_000)
    qtbot.wait(50)
    assert during >= 2
    assert inbox.got[-1] == ("cursor", 29)


@pytest.mark.gui
def test_a_key_that_is_dropped_answers_no_more(newest: Any, inbox: Inbox, qtbot: Any) -> None:
    gate, begun = threading.Event(), threading.Event()

    def slow() -> Iterator[str]:
        begun.set()
        gate.wait(20)
        yield "of the deleted layer"

    newest.ask("cursor", slow)
    assert begun.wait(20)
    newest.drop("cursor")
    newest.ask("cursor", lambda: iter(["of the next"]))
    gate.set()
    qtbot.waitUntil(lambda: bool(inbox.got), timeout=20_000)
    qtbot.wait(50)
    assert inbox.got == [("cursor", "of the next")]


@pytest.mark.gui
def test_urgent_work_goes_between_the_steps_of_the_rest(newest: Any, inbox: Inbox, qtbot: Any) -> None:
    gate = threading.Semaphore(0)

    def long() -> Iterator[int]:
        for step in range(3):
            assert gate.acquire(timeout=20)
            yield step

    newest.ask("regions", long)
    newest.ask("cursor", lambda: iter(["spectrum"]), urgent=True)
    gate.release(3)
    qtbot.waitUntil(lambda: len(inbox.got) == 4, timeout=20_000)
    assert [answer for _, answer in inbox.got].index("spectrum") <= 1
    assert [answer for key, answer in inbox.got if key == "regions"] == [0, 1, 2]


@pytest.mark.gui
def test_errors_arrive_and_the_thread_goes_on(newest: Any, inbox: Inbox, qtbot: Any) -> None:
    def broken() -> Iterator[int]:
        raise CrimsonError("the file has gone")
        yield

    newest.ask("cursor", broken)
    newest.ask("pins", lambda: iter([1]))
    qtbot.waitUntil(lambda: len(inbox.got) == 2, timeout=20_000)
    assert str(dict(inbox.got)["cursor"]) == "the file has gone"


@pytest.mark.gui
def test_nothing_arrives_after_closing(newest: Any, inbox: Inbox, qtbot: Any) -> None:
    gate, begun = threading.Event(), threading.Event()

    def slow() -> Iterator[str]:
        begun.set()
        gate.wait(20)
        yield "late"

    newest.ask("cursor", slow)
    assert begun.wait(20)
    newest.close()
    gate.set()
    newest.ask("cursor", lambda: iter(["never"]))
    qtbot.wait(100)
    assert not inbox.got
