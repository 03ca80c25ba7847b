"""A little that promises a lot or becomes it: refused before the memory is taken."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import h5py
import numcodecs
import numpy as np
import pytest
import tifffile
import zarr

from fuzzing.seeds import SEEDS
from hostile import ANEW, PAGES, STACK, memory_watched, packed_zeros
from napari_crimson import open_stack
from napari_crimson.stack import make_stack
from refusing import refused

# --- headers that promise it, and little that becomes a lot


def npz_zeros(folder: Path) -> Path:
    """320 MiB of zeros in a member: the zip's own sizes are honest."""
    shape = (1024, 1024, 160)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<u2", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(folder / "a.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive, archive.open("cars.npy", "w") as file:
        file.write(header.getvalue())
        for _ in range(20):
            file.write(bytes(2**24))
    return folder / "a.npz"


def npz_header(folder: Path) -> Path:
    """A header that says to be 2 GiB long, and packed it is not even small."""
    with zipfile.ZipFile(folder / "a.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive, archive.open("cars.npy", "w") as file:
        file.write(b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31))
        for _ in range(34):
            file.write(bytes(2**24))
    return folder / "a.npz"


def tiff_strip(folder: Path) -> Path:
    """Pages of 4 × 5 pixels, each packed from over 1 GiB of zeros."""
    path = folder / "a.tif"
    tifffile.imwrite(path, PAGES, photometric="minisblack", compression="zlib", metadata=None)
    bomb = packed_zeros(80)
    with tifffile.TiffFile(path) as tif:
        places = [(page.tags["StripOffsets"].offset, page.tags["StripByteCounts"].offset) for page in tif.pages]
    raw = bytearray(path.read_bytes())
    for offset, count in places:
        struct.pack_into("<HII", raw, offset + 2, 4, 1, len(raw))
        struct.pack_into("<HII", raw, count + 2, 4, 1, len(bomb))
    path.write_bytes(bytes(raw) + bomb)
    return path


def tiff_pages_of_terabytes(folder: Path) -> Path:
    path = folder / "a.tif"
    tifffile.imwrite(path, PAGES, photometric="minisblack", compression="zlib", metadata=None)
    with tifffile.TiffFile(path) as tif:
        places = [page.tags[name].offset for page in tif.pages for name in ("ImageWidth", "ImageLength", "RowsPerStrip")]
    raw = bytearray(path.read_bytes())
    for place in places:
        struct.pack_into("<HII", raw, place + 2, 4, 1, 2**24)
    path.write_bytes(bytes(raw))
    return path


def hdf5_chunk(folder: Path) -> Path:
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("cube", (1024, 1024, 400), "u2", chunks=(1024, 1024, 400), compression="gzip")
    return folder / "a.h5"


def hdf5_terabytes(folder: Path) -> Path:
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("cube", (2**20, 2**20, 1600), "u2", chunks=(1, 64, 1600), compression="gzip")
    return folder / "a.h5"


def zarr_chunk(folder: Path) -> Path:
    zarr.create_array(folder / "a.zarr", shape=(4, 5, 6), dtype="u2", chunks=(4096, 4096, 64), zarr_format=2)
    return folder / "a.zarr"


def matlab_terabytes(folder: Path) -> Path:
    import scipy.io

    scipy.io.savemat(folder / "a.mat", {"cube": STACK}, do_compression=True)
    raw = (folder / "a.mat").read_bytes()
    inside = bytearray(zlib.decompress(raw[136:]))
    struct.pack_into("<iii", inside, 32, 10_000, 10_000, 10_000)
    packed = zlib.compress(bytes(inside))
    (folder / "a.mat").write_bytes(raw[:128] + struct.pack("<II", 15, len(packed)) + packed)
    return folder / "a.mat"


def winspec_terabytes(folder: Path) -> Path:
    from test_io_winspec import write

    write(folder / "a.spe", at1446=("<i", 2**31 - 1), at656=("<H", 65535))
    return folder / "a.spe"


def envi_terabytes(folder: Path) -> Path:
    from test_io_envi import write

    write(folder / "a.hdr", folder / "a.img", samples=10**9, lines=10**9)
    return folder / "a.hdr"


def npy_terabytes(folder: Path) -> Path:
    """A header as numpy writes it, of two terabytes, and 240 bytes of values."""
    with (folder / "a.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<u2", "fortran_order": False, "shape": (1_000_000, 1_000_000, 1000)})
        file.write(STACK.tobytes())
    return folder / "a.npy"


def npy_header(folder: Path, shape: tuple[int, ...], dtype: str = "<f8") -> Path:
    with (folder / "a.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return folder / "a.npy"


def npy_empty_of_gigabytes(folder: Path) -> Path:
    """A stack of no pixels, whose axis would be long."""
    return npy_header(folder, (1, 0, 10**9))


def npy_empty_and_endless(folder: Path) -> Path:
    return npy_header(folder, (0, 99_999_999_999_999_999_999, 30))


def hdf5_complex(folder: Path) -> Path:
    """Nothing was ever written; its axis would take gigabytes."""
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("cube", (1, 1, 3 * 10**8), "c8", chunks=(1, 1, 1000))
    return folder / "a.h5"


def npz_members(folder: Path) -> Path:
    """A minute's work to look through."""
    with zipfile.ZipFile(folder / "a.npz", "w") as archive:
        member = npy_header(folder, (2, 2, 0)).read_bytes()
        for number in range(10_001):
            archive.writestr(f"{number}.npy", member)
    (folder / "a.npy").unlink()
    return folder / "a.npz"


def hdf5_depth(folder: Path) -> Path:
    """Groups in groups, each of which costs more than the one around it."""
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_group("/".join("a" * 2000))
        file["cube"] = STACK
    return folder / "a.h5"


PARTS = r"which no measurement does; if it is one, save it as \.npy, \.h5 or \.zarr, of which parts can be read"
NEVER = "the file is damaged or was never written: acquire or export it again"
HUGE: dict[Callable[[Path], Path], str] = {
    npz_zeros: r"a\.npz: 'cars\.npy' of shape \(1024, 1024, 160\) is said to unpack from .* bytes to 0\.312 GiB, " + PARTS,
    npz_header: r"a\.npz: is no NumPy array that can be read \(.*2147483648 bytes.*\); save it again with numpy\.save",
    tiff_strip: r"a\.tif: cannot be read any more \(.* bytes unpack to more than twice the 40 there should be\); " + ANEW,
    tiff_pages_of_terabytes: r"a\.tif: promises an array of shape \(6, 16777216, 16777216\), 3.07e\+03 TiB, but holds \d+ bytes; " + NEVER,
    hdf5_chunk: r"the chunks of '/cube', \(1024, 1024, 400\), take 800 MiB each; at most 256 are unpacked at once: rechunk it \(h5repack\)",
    hdf5_terabytes: r"promises an array of shape \(1048576, 1048576, 1600\), 3.2e\+03 TiB, but holds \d+ bytes; " + NEVER,
    zarr_chunk: r"its chunks, \(4096, 4096, 64\), take 2,048 MiB each; at most 256 are unpacked at once: rechunk it",
    matlab_terabytes: r"'cube' of shape \(10000, 10000, 10000\) is said to unpack from \d+ bytes to 1.86e\+03 GiB, " + PARTS,
    winspec_terabytes: r"2147483647 frames of 65535 × 6 end at byte 1688824089677840, the file has \d+; copy it again",
    envi_terabytes: r"a\.img: .*'lines': 1000000000.* need 12000000000000000000 bytes, there are 240; it is truncated, or a\.hdr belongs",
    npy_empty_of_gigabytes: r"shape \(1, 0, 1000000000\), expected \(\[t,\] \[z,\] y, x, wavenumber\), none empty",
    npy_empty_and_endless: r"shape \(0, 99999999999999999999, 30\), expected .*, none empty",
    hdf5_complex: r"complex values \(complex64\) are the result of a phase retrieval",
    npz_members: r"holds 10,001 arrays, at most 10,000 are looked at; save the stack on its own",
    hdf5_depth: r"groups nested more than 32 deep; copy the stack into a file of its own",
    npy_terabytes: r"shape \(1000000, 1000000, 1000\) of uint16 needs 2000000000000128 bytes, there are 368; it is truncated, copy",
}


@pytest.mark.parametrize("make", HUGE, ids=lambda make: make.__name__)
def test_little_that_promises_or_becomes_a_lot_is_refused_without_the_memory(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path)
    with refused(tmp_path, HUGE[make]), memory_watched():
        open_stack(path, wavenumber=(1000, 1500))["cars"][0, 0].load()


def test_a_photograph_in_a_renishaw_map_that_unpacks_to_gigabytes(tmp_path: Path) -> None:
    pytest.importorskip("rsciio", reason='no rosettasciio: pip install "napari-crimson[vendor]"')
    pytest.importorskip("PIL", reason="without Pillow it is not unpacked")
    path = tmp_path / SEEDS["renishaw"].name
    SEEDS["renishaw"].write(path)
    header = b"IHDR" + struct.pack(">IIBBBBB", 30_000, 4_000, 8, 2, 0, 0, 0)
    photograph = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)) + b"\0\0\0\4IDAT" + bytes(8)
    path.write_bytes(path.read_bytes() + struct.pack("<4sIQ", b"WHTL", 0, len(photograph) + 16) + photograph)
    with refused(tmp_path, rf"a\.wdf: .*120000000 pixels.*decompression bomb.*; {ANEW}"), memory_watched():
        open_stack(path)


def test_an_image_longer_than_any_is_refused_without_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    endless = da.zeros((1, 2**31, 6), dtype="u1", chunks=(1, 2**20, 6))
    with refused(tmp_path, r"shape \(1, 2147483648, 6\), expected at most 134,217,728 pixels along an axis; cut it"), memory_watched():
        make_stack(endless, np.arange(6.0), step_um={"y": 1.0})


# --- chunks whose own header, or stream, unpacks to far more than their place


def zarr_with_chunk(folder: Path, chunk: bytes, codec: Any) -> Path:
    zarr.create_array(folder / "a.zarr", data=STACK, chunks=(4, 5, 6), compressors=codec)
    (folder / "a.zarr" / "c" / "0" / "0" / "0").write_bytes(chunk)
    return folder / "a.zarr"


def zstd_frame(head: bytes) -> bytes:
    """1 GiB of zeros, in blocks that each repeat one byte 128 KiB times (RFC 8878)."""
    block = ((2**17 << 3) | 0b010).to_bytes(3, "little") + b"\0"
    last = ((2**17 << 3) | 0b011).to_bytes(3, "little") + b"\0"
    return b"\x28\xb5\x2f\xfd" + head + block * (2**13 - 1) + last


ZEROS = zstd_frame(bytes([0b10_1_00000]) + struct.pack("<I", 2**30))


def zstd_of_zeros(folder: Path) -> Path:
    return zarr_with_chunk(folder, ZEROS, zarr.codecs.ZstdCodec())


def zstd_without_size(folder: Path) -> Path:
    return zarr_with_chunk(folder, zstd_frame(bytes([0, 0x38])), zarr.codecs.ZstdCodec())


def zstd_of_two_frames(folder: Path) -> Path:
    return zarr_with_chunk(folder, numcodecs.Zstd().encode(STACK.tobytes()) + ZEROS, zarr.codecs.ZstdCodec())


def zstd_behind_a_skipped_frame(folder: Path) -> Path:
    return zarr_with_chunk(folder, b"\x50\x2a\x4d\x18" + struct.pack("<I", 4) + b"note" + ZEROS, zarr.codecs.ZstdCodec())


def blosc_of_gigabytes(folder: Path) -> Path:
    return zarr_with_chunk(folder, struct.pack("<BBBBIII", 2, 1, 1, 2, 2**31 - 17, 2**20, 20) + bytes(4), zarr.codecs.BloscCodec())


def gzip_of_zeros(folder: Path) -> Path:
    return zarr_with_chunk(folder, packed_zeros(64, 31), zarr.codecs.GzipCodec())


def gzip_behind_a_small_one(folder: Path) -> Path:
    return zarr_with_chunk(folder, gzip.compress(STACK.tobytes()) + bytes(9) + packed_zeros(64, 31), zarr.codecs.GzipCodec())


def gzip_in_gzip(folder: Path) -> Path:
    zarr.create_array(folder / "a.zarr", data=STACK, zarr_format=2, filters=[numcodecs.GZip()], compressors=numcodecs.GZip())
    (folder / "a.zarr" / "0.0.0").write_bytes(gzip.compress(packed_zeros(64, 31)))
    return folder / "a.zarr"


def gzip_in_zstd(folder: Path) -> Path:
    return zarr_with_chunk(folder, numcodecs.Zstd().encode(packed_zeros(64, 31)), [zarr.codecs.GzipCodec(), zarr.codecs.ZstdCodec()])


def shard_of_zeros(folder: Path) -> Path:
    """A shard whose second chunk is the one that grows."""
    zarr.create_array(folder / "a.zarr", data=STACK, chunks=(2, 5, 6), shards=(4, 5, 6), compressors=zarr.codecs.GzipCodec())
    good, bad = gzip.compress(STACK[:2].tobytes()), packed_zeros(64, 31)
    index = struct.pack("<4Q", 0, len(good), len(good), len(bad))
    (folder / "a.zarr" / "c" / "0" / "0" / "0").write_bytes(good + bad + bytes(numcodecs.CRC32C(location="end").encode(index)))
    return folder / "a.zarr"


def shard_of_terabytes(folder: Path) -> Path:
    """A shard whose index tells of more bytes than there are, which would be set aside before they are read."""
    zarr.create_array(folder / "a.zarr", data=STACK, chunks=(2, 5, 6), shards=(4, 5, 6), compressors=zarr.codecs.GzipCodec())
    index = struct.pack("<4Q", 0, 2**41, 0, 2**41)
    (folder / "a.zarr" / "c" / "0" / "0" / "0").write_bytes(STACK.tobytes() + bytes(numcodecs.CRC32C(location="end").encode(index)))
    return folder / "a.zarr"


def hdf5_stream(folder: Path) -> Path:
    """A chunk of 240 bytes, packed from 1 GiB."""
    with h5py.File(folder / "a.h5", "w") as file:
        cube = file.create_dataset("cube", STACK.shape, "u2", chunks=STACK.shape, compression="gzip")
        cube.id.write_direct_chunk((0, 0, 0), packed_zeros(64))
    return folder / "a.h5"


def hdf5_twice(folder: Path) -> Path:
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk(STACK.shape)
    for _ in range(2):
        plist.set_deflate(9)
    with h5py.File(folder / "a.h5", "w") as file:
        h5py.h5d.create(file.id, b"cube", h5py.h5t.NATIVE_UINT16, h5py.h5s.create_simple(STACK.shape), plist)
    return folder / "a.h5"


GROWS = r"a chunk of [\d,]+ bytes unpacks to {} MiB or more, at most 16 are expected of it; is it whole\? Copy it again"
STREAMS: dict[Callable[[Path], Path], str] = {
    zstd_of_zeros: GROWS.format("1,024"),
    blosc_of_gigabytes: GROWS.format("2,048"),
    zstd_without_size: GROWS.format("16"),
    zstd_of_two_frames: GROWS.format("1,024"),
    zstd_behind_a_skipped_frame: GROWS.format("1,024"),
    gzip_of_zeros: GROWS.format("16"),
    gzip_behind_a_small_one: GROWS.format("16"),
    gzip_in_gzip: r"packed 2 times over \(gzip, gzip\), at most once is allowed; save it again with one of them",
    gzip_in_zstd: r"packed 2 times over \(gzip, zstd\), at most once is allowed; save it again with one of them",
    shard_of_zeros: GROWS.format("16"),
    hdf5_stream: "a chunk packed into .* bytes that should unpack to 240; the file is damaged: copy or export it again",
    hdf5_twice: r"'/cube' is packed 2 times over; repack it \(h5repack\)",
}


def test_a_part_of_a_shard_that_promises_terabytes(tmp_path: Path) -> None:
    stack = open_stack(shard_of_terabytes(tmp_path), wavenumber=(1000, 1500))
    with refused(tmp_path, r"its index tells of bytes 0 to 2,199,023,255,552, it has \d+; is it whole\? Copy it again"):
        stack["cars"][0, 0].compute()


@pytest.mark.parametrize("make", STREAMS, ids=lambda make: make.__name__)
def test_chunks_that_would_fill_the_memory(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path)
    with refused(tmp_path, STREAMS[make]), memory_watched():
        open_stack(path, wavenumber=(1000, 1500))["cars"].load()
