"""What is done to a good input: bytes, numbers and words changed, or values in the structure that a format has.

An edit is a tuple of plain values, its name first; numbers choose by their remainder, so that every edit does something to every file.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
import tomllib
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from hypothesis import strategies as st

from fuzzing.values import NODES, NUMBERS, TEXTS, deepened
from napari_crimson.toml import toml_from_dict
from napari_crimson.weights.card import sealed

__all__ = ["EDITS", "apply", "edits"]

Edit = tuple[Any, ...]

_WHERE = st.one_of(st.integers(0, 300), st.integers(0, 2**20))
_FILE = st.integers(0, 11)
_BYTES: dict[str, st.SearchStrategy[Edit]] = {
    "flip": st.tuples(_WHERE, st.integers(1, 255)),
    "number": st.tuples(_WHERE, st.sampled_from("BHIQfd"), st.sampled_from("<>"), st.sampled_from(NUMBERS)),
    "cut": st.tuples(_WHERE),
    "drop": st.tuples(_WHERE, st.integers(1, 64)),
    "copy": st.tuples(_WHERE, _WHERE, st.integers(1, 300)),
    "word": st.tuples(_WHERE, st.sampled_from(TEXTS)),
}
_OTHERS: dict[str, st.SearchStrategy[Edit]] = {
    "node": st.tuples(_WHERE, st.sampled_from(("put", "put", "drop", "twice")), st.sampled_from(NODES)),
    "hdf5": st.tuples(st.integers(0, 40), st.integers(0, 40), st.sampled_from(NODES)),
    "link": st.tuples(st.integers(0, 2)),
}
EDITS = (*_BYTES, *_OTHERS, "packed")


def edits() -> st.SearchStrategy[list[tuple[int, Edit]]]:
    """Some edits, each with the number of the file it is for."""
    named = {name: inner.map(lambda values, name=name: (name, *values)) for name, inner in (_BYTES | _OTHERS).items()}
    of_bytes = st.one_of([named[name] for name in _BYTES])
    one = st.one_of(of_bytes, named["node"], named["hdf5"], st.tuples(st.just("packed"), _WHERE, of_bytes), named["link"], named["word"])
    return st.lists(st.tuples(_FILE, one), min_size=1, max_size=5)


def apply(entry: Path, chosen: list[tuple[int, Edit]]) -> None:
    """Do edits to the files of a case, which is opened by `entry`; what a file has no place for is left out."""
    for number, (name, *values) in sorted(chosen, key=lambda one: one[1][0] in _BYTES):  # structure while there is any
        files = sorted((path for path in entry.parent.rglob("*") if path.is_file() and not path.is_symlink()), key=_order)
        if not files:
            return
        with suppress(Exception):  # an edit may have nothing to hold on to, all the more after others
            file = files[number % len(files)]
            if name in _BYTES:
                file.write_bytes(_changed(file.read_bytes(), name, *values))
            elif name != "link" or not (file == entry or entry.suffix == ".safetensors"):  # what the user chose may be a link
                _STRUCTURED[name](file, *values)
            _seal(file)


def _order(path: Path) -> tuple[bool, str]:
    """What describes comes ahead of what holds the values, of which there may be many files."""
    return path.suffix not in (".json", ".toml", ".csv", ".hdr") and not path.name.startswith(".z"), str(path)


# --- bytes


def _changed(raw: bytes, name: str, *values: Any) -> bytes:
    return _BYTE_EDITS[name](raw, *values) if raw else raw


def _flip(raw: bytes, where: int, mask: int) -> bytes:
    at = where % len(raw)
    return raw[:at] + bytes([raw[at] ^ mask]) + raw[at + 1 :]


def _number(raw: bytes, where: int, code: str, order: str, value: int) -> bytes:
    size = struct.calcsize(code)
    at = where % len(raw) // size * size if where % 2 else where % len(raw)
    packed = struct.pack(order + code, float(value) if code in "fd" else value % 2 ** (8 * size))
    return raw[:at] + packed + raw[at + size :]


def _cut(raw: bytes, where: int) -> bytes:
    return raw[: where % len(raw)]


def _drop(raw: bytes, where: int, length: int) -> bytes:
    at = where % len(raw)
    return raw[:at] + raw[at + length :]


def _copy(raw: bytes, start: int, to: int, length: int) -> bytes:
    start, to = start % len(raw), to % len(raw)
    return raw[:to] + raw[start : start + length] + raw[to:]


def _word(raw: bytes, where: int, text: str) -> bytes:
    words = list(re.finditer(rb"[A-Za-z0-9_.+-]{1,64}", raw))
    if not words:
        return raw
    word = words[where % len(words)]
    return raw[: word.start()] + text.encode("utf-8", "surrogatepass") + raw[word.end() :]


_BYTE_EDITS: dict[str, Callable[..., bytes]] = {
    "flip": _flip, "number": _number, "cut": _cut, "drop": _drop, "copy": _copy, "word": _word,
}  # fmt: skip


# --- structure


def _node(file: Path, where: int, how: str, value: Any) -> None:
    """A value of JSON, TOML, or the header of a safetensors file, replaced, left out, or written twice."""
    if file.suffix == ".safetensors":
        raw = file.read_bytes()
        (length,) = struct.unpack_from("<Q", raw)
        header = _edited(json.loads(raw[8 : 8 + length]), where, how, value)
        text = deepened(json.dumps(header)).encode()
        file.write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + length :])
    elif file.suffix == ".toml":
        file.write_text(deepened(toml_from_dict(_edited(tomllib.loads(file.read_text("utf-8")), where, how, value))), "utf-8")
    else:
        file.write_text(deepened(json.dumps(_edited(json.loads(file.read_bytes()), where, how, value))), "utf-8")


def _edited(tree: Any, where: int, how: str, value: Any) -> Any:
    places = list(_places(tree))
    if not places:
        return deepcopy(value)
    parent, key = places[where % len(places)]
    if how == "put":
        parent[key] = deepcopy(value)  # or the next edit would change it for all cases to come
    elif how == "drop":
        del parent[key]
    elif isinstance(parent, list):
        parent.insert(key, parent[key])
    else:
        parent[f"{key}2"] = parent[key]
    return tree


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(pairs):
        yield tree, key
        yield from _places(value)


def _seal(file: Path) -> None:
    """Give changed weights and their card the checksums they need: an enemy would."""
    card, tensors = file.with_suffix(".toml"), file.with_suffix(".safetensors")
    if file in (card, tensors) and tensors.is_file():
        said = tomllib.loads(card.read_text("utf-8"))
        if file == tensors:
            said["sha256"] = hashlib.sha256(tensors.read_bytes()).hexdigest()
        card.write_text(sealed(said), "utf-8")


def _hdf5(file: Path, where: int, how: int, value: Any) -> None:
    """An attribute set or an item replaced, by a value or by what an item must not be."""
    with h5py.File(file, "r+") as opened:
        items: list[Any] = [opened]
        opened.visititems(lambda _, item: items.append(item))
        item = items[where % len(items)]
        if how < 15 or item is opened:
            keys = list(item.attrs) or ["Spectrometer.calib.ctr_wl"]
            item.attrs[keys[how % len(keys)]] = _plain(value)
            return
        parent, name = item.parent, item.name.rpartition("/")[2]
        del parent[name]
        _ITEMS[how % len(_ITEMS)](parent, name, value)


def _plain(value: Any) -> Any:
    return str(value) if value is None or isinstance(value, dict) or (isinstance(value, int) and abs(value) >= 2**63) else value


def _virtual(parent: h5py.Group, name: str, where: str) -> None:
    layout = h5py.VirtualLayout((4, 5, 6), "u2")
    layout[:] = h5py.VirtualSource(where, "cube", (4, 5, 6))
    parent.create_virtual_dataset(name, layout)


_ITEMS: tuple[Callable[[h5py.Group, str, Any], Any], ...] = (
    lambda parent, name, value: parent.create_dataset(name, data=_plain(value)),
    lambda parent, name, value: parent.create_dataset(name, (2**20, 2**20, 1600), "u2", chunks=(1, 1, 1600), compression="gzip"),
    lambda parent, name, value: parent.create_dataset(name, (2**10, 2**10, 1600), "f8", chunks=(2**10, 2**9, 100), compression="gzip"),
    lambda parent, name, value: parent.create_dataset(name, (4, 5, 0), "u2"),
    lambda parent, name, value: parent.create_dataset(name, (4, 5, 6), "u2", external=[(str(value) if value else "/etc/passwd", 0, 240)]),
    lambda parent, name, value: parent.create_dataset(name, (4, 5, 6), h5py.string_dtype()),
    lambda parent, name, value: parent.create_dataset(name, (4, 5, 6), [("a", "f4"), ("b", "u2")]),
    lambda parent, name, value: parent.create_dataset(name, (4, 5, 6), h5py.ref_dtype),
    lambda parent, name, value: parent.create_dataset(name, (4, 5, 6), "c8"),
    lambda parent, name, value: parent.create_dataset(name, (4, 5, 6), "f2", fillvalue=np.inf),
    lambda parent, name, value: parent.create_dataset(name, (2, 2, 4, 5, 6, 1), "u1"),
    lambda parent, name, value: parent.create_dataset(name, data=h5py.Empty("f4")),
    lambda parent, name, value: parent.__setitem__(name, h5py.ExternalLink("../outside/secret.h5", "/cube")),
    lambda parent, name, value: parent.__setitem__(name, h5py.SoftLink("/")),
    lambda parent, name, value: parent.__setitem__(name, np.dtype("f4")),
    lambda parent, name, value: _virtual(parent, name, "../outside/secret.h5"),
    lambda parent, name, value: _virtual(parent, name, str(value) or "."),
    lambda parent, name, value: parent.create_dataset(str(value) or "a", (4, 5, 6), "u2"),
    lambda parent, name, value: parent.create_group(name),
    lambda parent, name, value: parent.create_dataset(name, data=np.full(6, np.nan)),
)  # fmt: skip


def _packed(file: Path, where: int, inner: Edit) -> None:
    """Bytes within what is packed, which is packed again as it should be."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            members = {info.filename: archive.read(info) for info in archive.infolist()}
            kinds = {info.filename: info.compress_type for info in archive.infolist()}
        name = list(members)[where % len(members)]
        members[name] = _changed(members[name], *inner)
        with zipfile.ZipFile(file, "w") as archive:
            for key, data in members.items():
                archive.writestr(key, data, kinds[key])
        return
    raw = file.read_bytes()
    if file.suffix == ".mat":
        tag, size = struct.unpack_from("<II", raw, 128)
        if tag == 15:
            packed = zlib.compress(_changed(zlib.decompress(raw[136 : 136 + size]), *inner))
            file.write_bytes(raw[:128] + struct.pack("<II", 15, len(packed)) + packed + raw[136 + size :])


def _link(file: Path, how: int) -> None:
    """A file or its folder replaced by a link to what lies outside the folder of the case."""
    outside = Path("../" * 6) / "etc"
    target = [Path("/etc/passwd"), Path("/dev/zero"), outside / "hostname"][how]
    file.unlink()
    file.symlink_to(target)


_STRUCTURED: dict[str, Callable[..., None]] = {"node": _node, "hdf5": _hdf5, "packed": _packed, "link": _link}
