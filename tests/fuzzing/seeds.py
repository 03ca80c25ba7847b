"""One good input for each thing that reads, by the writers of the round-trip tests; small, so that an edit is likely to matter."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numcodecs
import numpy as np
import scipy.io
import tifffile
import xarray as xr
import zarr

import test_io_andor
import test_io_envi
import test_io_hdf5
import test_io_hyperspy
import test_io_matlab
import test_io_vendors
import test_io_winspec
import test_io_zarr
import test_pipeline
from napari_crimson import save_stack
from napari_crimson.stack import make_stack

__all__ = ["SEEDS", "UNSEEDED", "Seed"]

STACK = np.random.default_rng(0).integers(0, 4000, (4, 5, 6)).astype("u2")
AXIS = np.linspace(1000, 1500, 6)
PAGES = np.moveaxis(STACK, -1, 0)


class Seed(NamedTuple):
    """What reads it, its name in an empty folder, and how it is written there."""

    target: str
    name: str
    write: Callable[[Path], Any]


def _stack_as(path: Path) -> None:
    made = make_stack(STACK, AXIS, dark=np.ones(6), reference=np.full(6, 9.0), step_um={"y": 0.5, "x": 0.5}, history=["made"])
    save_stack(made, path)


def _generic_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("data/cube", data=STACK, chunks=(2, 5, 6), compression="gzip", shuffle=True)
        file["data/wavenumber"], file["data/dark"] = AXIS, np.ones(6)


def _scancars(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["sipcars/track1"] = STACK[None]
        file["sipcars"].attrs.update({"XY Step Size": 0.5, "Z Step Size": 2.0})


def _virtual_hdf5(path: Path) -> None:
    with h5py.File(path.with_name("part.h5"), "w") as file:
        file["cube"] = STACK
    with h5py.File(path, "w") as file:
        layout = h5py.VirtualLayout(STACK.shape, "u2")
        layout[:] = h5py.VirtualSource("part.h5", "cube", STACK.shape)
        file.create_virtual_dataset("cube", layout)
        file["wavenumber"] = AXIS


def _matlab(save: Callable[[Path, dict[str, Any]], None]) -> Callable[[Path], None]:
    return lambda path: save(path, {"cube": STACK, "wavenumber": AXIS, "dark": np.arange(6.0)})


def _witec(path: Path) -> None:
    export = {"data": STACK.reshape(20, 6).astype("f8"), "imagesize": np.array([4.0, 5.0]), "axisscale": test_io_matlab.cell(AXIS)}
    scipy.io.savemat(path, {"Scan_001": export}, do_compression=True)


def _tiff(**options: Any) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        tifffile.imwrite(path, PAGES, photometric="minisblack", **options)
        path.with_suffix(".csv").write_text("Raman\n" + "\n".join(map(str, AXIS)))

    return write


def _tiff_folder(path: Path) -> None:
    path.mkdir()
    for i, page in enumerate(PAGES):
        tifffile.imwrite(path / f"image_{i}.tif", page, photometric="minisblack")
    _wavelength_json(path / "wavelength.json")


def _tiff_set(path: Path) -> None:
    for name, pages in ((path, PAGES[:3]), (path.with_name("b.ome.tif"), PAGES[3:])):
        tifffile.imwrite(name, pages, photometric="minisblack", description=_OME_SET, metadata=None)


_OME_SET = """<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:1">
<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="5" SizeY="4" SizeC="6" SizeZ="1" SizeT="1">
<TiffData IFD="0" FirstC="0" PlaneCount="3"><UUID FileName="a.ome.tif">urn:uuid:1</UUID></TiffData>
<TiffData IFD="0" FirstC="3" PlaneCount="3"><UUID FileName="b.ome.tif">urn:uuid:2</UUID></TiffData>
</Pixels></Image></OME>"""


def _wavelength_json(path: Path) -> None:
    beams = {"tuned_beam": "pump", "fixed_beam_nm": 1031.0, "tuned_min_nm": 780.0, "tuned_max_nm": 800.0, "unit": "nm"}
    path.write_text(json.dumps(beams))


def _ome_zarr(version: int) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        record = [
            {
                "axes": [{"name": axis, "type": "channel" if axis == "c" else "space", "unit": "micrometer"} for axis in "czyx"],
                "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 0.5, 0.5]}]}],
            }
        ]
        attrs: dict[str, Any] = {"multiscales": record} if version == 2 else {"ome": {"version": "0.5", "multiscales": record}}
        group = zarr.create_group(path, zarr_format=version, attributes=attrs)
        group.create_array("0", data=PAGES[:, None])

    return write


def _xarray_store(path: Path) -> None:
    cars = (("y", "x", "wavenumber"), STACK.astype("f8"))
    ds = xr.Dataset({"cars": cars}, {"wavenumber": AXIS, "x": ("x", np.arange(5) * 0.5, {"units": "um"})})
    ds.to_zarr(path, zarr_format=2, consolidated=False, encoding={"cars": {"scale_factor": 0.5, "dtype": "i4", "_FillValue": -1}})


def _zarr_with(**options: Any) -> Callable[[Path], None]:
    return lambda path: zarr.create_array(path, data=STACK, chunks=(2, 5, 6), **options)


def _npz(save: Callable[..., Any]) -> Callable[[Path], None]:
    return lambda path: save(path, cars=STACK, wavenumber=AXIS, dark=np.ones(6))


def _envi(path: Path) -> None:
    test_io_envi.write(path, path.with_suffix(".img"), pixel_size="{0.5, 0.5, units=Micrometers}")


def _winspec(path: Path) -> None:
    test_io_winspec.write(path, label="Raman shift [rel. cm-1]", coefficients=(500.0, 2.0))


def _horiba(path: Path) -> None:
    path.write_text(test_io_vendors.horiba(), encoding="utf-8")


def _wdf(path: Path) -> None:
    """A Renishaw map of 2 × 3 pixels and 4 points, with no more blocks than are looked at."""
    header = struct.pack("<Q4I12sIIIQQIIII24s4H", 0, 1, 2, 3, 4, b"", 0, 0, 4, 6, 6, 1, 1, 4, 2, b"WiRE", 5, 0, 0, 0)
    header += struct.pack("<IIQQIf48s32s160s", 2, 3, 0, 0, 2, 12738.85, b"", b"somebody", b"a map")
    counts = np.arange(24, dtype="<f4").tobytes()
    origins = b"".join(struct.pack("<II16s", kind, 7, name) + np.arange(6, dtype="<f8").tobytes() for kind, name in ((3, b"X"), (4, b"Y")))
    parts = {
        b"WDF1": (1, header.ljust(496, b"\0")),
        b"XLST": (0, struct.pack("<II", 1, 1) + np.linspace(1300, 1000, 4, dtype="<f4").tobytes()),
        b"YLST": (0, struct.pack("<II", 0, 0) + bytes(4)),
        b"ORGN": (0, struct.pack("<I", 2) + origins),
        b"WMAP": (0, struct.pack("<II6f4I", 0, 0, 0, 0, 0, 0.5, 0.5, 1, 3, 2, 1, 1)),
        b"TEXT": (0, b"a note"),
        b"DATA": (0, counts),
    }
    path.write_bytes(b"".join(struct.pack("<4sIQ", name, uid, len(data) + 16) + data for name, (uid, data) in parts.items()))


def _weights(path: Path) -> None:
    import torch

    from napari_crimson import weights
    from napari_crimson.networks import build

    arguments = {"widths": [4, 6], "kernel": 3, "dilations": [1], "inputs": "relative"}
    torch.manual_seed(0)
    card = {"name": "tiny", "network": "cnn", "convention": "relative", "arguments": arguments, "recipe": {"step_cm1": [0.8, 8.0]}}
    weights.save(path, build("cnn", arguments).state_dict(), card)


TRAINING = """network = "rnn"
prior = "wide"
steps = 100
points = [192, 1600]
step_cm1 = [0.8, 8.0]

[arguments]
width = 8
hidden = 8
layers = 1
stride = 5

[bounds]
lines = [1, 15]
hwhm_cm1 = [2.0, 20.0]
with_reference_share = 0.5
excitation = [[900.0, 1.0], [1500.0, 2.0]]
"""


def _text(text: str) -> Callable[[Path], Any]:
    return lambda path: path.write_text(text, encoding="utf-8")


def _result_with_recipe(path: Path) -> None:
    test_io_zarr.ours(path, recipe=test_pipeline.WHOLE.to_toml(), remover="cnn", history=["removed"])


SEEDS: dict[str, Seed] = {
    "nist": Seed("stack", "a.h5", _stack_as),
    "macro raster": Seed("stack", "a.h5", test_io_hdf5.write_macro),
    "hdf5": Seed("stack", "a.h5", _generic_hdf5),
    "hdf5 virtual": Seed("stack", "a.h5", _virtual_hdf5),
    "hyperspy": Seed("stack", "a.hspy", lambda path: test_io_hyperspy.write_hspy(path, test_io_hyperspy.axes("Raman shift", "1/cm"))),
    "hyperspy store": Seed("stack", "a.zspy", lambda path: test_io_hyperspy.write_zspy(path, test_io_hyperspy.axes("Raman shift", "1/cm"))),
    "scancars": Seed("stack", "a.h5", _scancars),
    "matlab v6": Seed("stack", "a.mat", _matlab(test_io_matlab.SAVERS["v6"])),
    "matlab v7": Seed("stack", "a.mat", _matlab(test_io_matlab.SAVERS["v7"])),
    "matlab v7.3": Seed("stack", "a.mat", _matlab(test_io_matlab.SAVERS["v7.3"])),
    "matlab of ours": Seed("stack", "a.mat", _stack_as),
    "witec": Seed("stack", "a.mat", _witec),
    "tiff": Seed("stack", "a.tif", _tiff(metadata=None)),
    "tiff strips": Seed("stack", "a.tif", _tiff(metadata=None, compression="zlib", rowsperstrip=2)),
    "tiff tiles": Seed("stack", "a.tif", _tiff(tile=(16, 16), compression="zlib", byteorder=">")),
    "imagej": Seed("stack", "a.tif", _tiff(imagej=True, metadata={"axes": "CYX", "unit": "um", "spacing": 0.5})),
    "ome-tiff": Seed("stack", "a.ome.tif", _stack_as),
    "ome-tiff set": Seed("stack", "a.ome.tif", _tiff_set),
    "tiff folder": Seed("stack", "scan", _tiff_folder),
    "ours": Seed("stack", "a.zarr", _stack_as),
    "ome-zarr 0.4": Seed("stack", "a.zarr", _ome_zarr(2)),
    "ome-zarr 0.5": Seed("stack", "a.zarr", _ome_zarr(3)),
    "xarray store": Seed("stack", "a.zarr", _xarray_store),
    "zarr gzip": Seed("stack", "a.zarr", _zarr_with(compressors=zarr.codecs.GzipCodec())),
    "zarr zstd": Seed("stack", "a.zarr", _zarr_with(compressors=zarr.codecs.ZstdCodec())),
    "zarr 2 zlib": Seed("stack", "a.zarr", _zarr_with(compressors=numcodecs.Zlib(), filters=[numcodecs.Delta("u2")], zarr_format=2)),
    "zarr shards": Seed("stack", "a.zarr", _zarr_with(shards=(4, 5, 6))),
    "npy": Seed("stack", "a.npy", lambda path: np.save(path, STACK)),
    "npz": Seed("stack", "a.npz", _npz(np.savez)),
    "npz packed": Seed("stack", "a.npz", _npz(np.savez_compressed)),
    "envi": Seed("stack", "a.hdr", _envi),
    "winspec": Seed("stack", "a.spe", _winspec),
    "andor": Seed("stack", "a.asc", lambda path: path.write_text("Exposure (s):\t0.1\n" + test_io_andor.table(), encoding="latin-1")),
    "renishaw": Seed("stack", "a.wdf", _wdf),
    "horiba": Seed("stack", "a.xml", _horiba),
    "trivista": Seed("stack", "a.tvf", lambda path: path.write_text(test_io_vendors.trivista(), encoding="utf-8")),
    "mountains": Seed("stack", "a.sur", lambda path: test_io_vendors.write_surf(path, compressed=False)),
    "mountains packed": Seed("stack", "b.sur", lambda path: test_io_vendors.write_surf(path, compressed=True)),
    "axis json": Seed("axis", "a.json", _wavelength_json),
    "axis text": Seed("axis", "a.csv", _text("pixel;Raman\n" + "\n".join(f"{i};{v}" for i, v in enumerate(AXIS)))),
    "spectrum": Seed("spectrum", "a.txt", _text("wavenumber counts\n" + "\n".join(f"{v} {i}" for i, v in enumerate(AXIS)))),
    "weights": Seed("weights", "a.safetensors", _weights),
    "training recipe": Seed("training", "a.toml", _text(TRAINING)),
    "pipeline recipe": Seed("pipeline", "a.toml", lambda path: test_pipeline.WHOLE.write(path)),
    "recipe of a result": Seed("pipeline", "a.zarr", _result_with_recipe),
}

UNSEEDED = {"envi data": "read as 'envi' is, whose seed is opened by its header; of the data alone any bytes are good"}
