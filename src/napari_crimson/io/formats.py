"""Which formats there are, and which one a path is.

Looks at the suffix and the first bytes only: napari asks this of every file dropped on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_crimson.errors import CrimsonError

__all__ = ["FORMATS", "ZARR_FILES", "Format", "can_open", "formats", "is_zarr", "recognise"]


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format: its name in lists, its suffixes, the module here that reads it, how it begins.

    Attributes
    ----------
    reader : str
        Module in this package with a function ``read(path, name) -> Found``.
    signatures : tuple of bytes
        First bytes, one of which every such file has; none where the format has no signature.
    mark : bytes
        What stands near the beginning of every such file, where the suffix is that of many formats.
    lazy : bool
        Pixels are read when they are needed; if not, the whole file is read on opening.
    extra : str
        The optional dependency it needs, as in ``pip install "napari-crimson[extra]"``.
    """

    title: str
    suffixes: tuple[str, ...]
    reader: str
    signatures: tuple[bytes, ...] = ()
    mark: bytes = b""
    lazy: bool = True
    extra: str = ""

    def __str__(self) -> str:
        needs = f'; needs pip install "napari-crimson[{self.extra}]"' if self.extra else ""
        return f"{self.title}: {' '.join(self.suffixes) or 'a folder'}{'' if self.lazy else '; read whole'}{needs}"


_HDF5 = b"\x89HDF\r\n\x1a\n"
_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")

FORMATS: dict[str, Format] = {
    "hdf5": Format(
        title="HDF5 (NIST BCARS, CRIkit2, ScanCARS, HyperSpy, any)",
        suffixes=(".h5", ".hdf5", ".hdf", ".hspy"),
        reader="hdf5",
        signatures=(_HDF5,),
    ),
    "tiff": Format(title="TIFF, OME-TIFF, ImageJ hyperstack", suffixes=(".tif", ".tiff"), reader="tiff", signatures=_TIFF),
    "tiff folder": Format(title="folder of numbered TIFFs", suffixes=(), reader="tiff_folder"),
    "zarr": Format(title="Zarr, OME-Zarr, xarray or HyperSpy store", suffixes=(".zarr", ".zspy"), reader="zarr_store"),
    "npy": Format(title="NumPy array", suffixes=(".npy",), reader="numpy_files", signatures=(b"\x93NUMPY",)),
    "npz": Format(
        title="NumPy archive (compressed read whole)", suffixes=(".npz",), reader="numpy_files", signatures=(b"PK\x03\x04", b"PK\x05\x06")
    ),
    "matlab": Format(
        title="MATLAB (v7 and structs read whole), WITec export",
        suffixes=(".mat",),
        reader="matlab",
        signatures=(b"MATLAB 5.0 MAT-f", b"MATLAB 7.3 MAT-f"),
    ),
    "envi": Format(title="ENVI header, its data beside it", suffixes=(".hdr",), reader="envi", signatures=(b"ENVI\n", b"ENVI\r", b"ENVI ")),
    "envi data": Format(title="ENVI data, the header beside them", suffixes=(".bsq", ".bil", ".bip"), reader="envi"),
    "winspec": Format(title="Princeton Instruments WinSpec", suffixes=(".spe",), reader="winspec"),
    "andor": Format(title="Andor Solis text", suffixes=(".asc",), reader="andor", lazy=False),
    "renishaw": Format(title="Renishaw WiRE", suffixes=(".wdf",), reader="vendors", signatures=(b"WDF1",), lazy=False, extra="vendor"),
    "horiba": Format(title="Horiba LabSpec XML", suffixes=(".xml",), reader="vendors", mark=b"<LSX_Data", lazy=False, extra="vendor"),
    "trivista": Format(title="S&I TriVista", suffixes=(".tvf",), reader="vendors", mark=b"<XmlMain", lazy=False, extra="vendor"),
    "mountains": Format(
        title="Digital Surf Mountains, map of spectra",
        suffixes=(".sur", ".pro"),
        reader="vendors",
        signatures=(b"DSCOMPRESSED", b"DIGITAL SURF"),
        lazy=False,
        extra="vendor",
    ),
}

ZARR_FILES = ("zarr.json", ".zgroup", ".zarray")
_MOST_BYTES = 16
_MARK_BYTES = 4096  # an XML declaration and a comment fit ahead of the mark


def formats() -> list[Format]:
    """The formats `open_stack` reads, with suffixes and the extra each needs."""
    return list(FORMATS.values())


def can_open(path: str | Path) -> bool:
    """Tell cheaply, by suffix and first bytes, whether `open_stack` would try to read `path`."""
    try:
        recognise(Path(path))
    except (CrimsonError, OSError, ValueError):
        return False
    return True


def recognise(path: Path) -> Format:
    """Find the format of a file or folder, by content first and by suffix where content cannot tell.

    Raises
    ------
    CrimsonError
        If there is no such path, or nothing here reads it.
    """
    if path.is_dir():
        return _recognise_folder(path)
    if not path.exists():
        raise CrimsonError(f"{path}: no such file or folder; check the name and that the drive is connected")
    if not path.is_file():
        raise CrimsonError(f"{path}: is a device or a pipe, no regular file; copy what it gives into a file")
    try:
        with path.open("rb") as file:
            start = file.read(_MOST_BYTES)
    except OSError as error:
        raise CrimsonError(f"{path}: cannot be opened ({error.strerror}); check its permissions") from error
    if not start:
        raise CrimsonError(f"{path}: is empty (0 bytes); copy or acquire it again")
    suffix = path.suffix.lower()
    for form in FORMATS.values():
        if any(start.startswith(signature) for signature in form.signatures):
            return form
    for form in FORMATS.values():
        if suffix in form.suffixes:
            if (form.signatures and not _late_hdf5(path, form)) or not _has_mark(path, form):
                raise CrimsonError(
                    f"{path}: named {suffix} but is no {form.title}: begins with {start[:8]!r}; is it whole? Copy or export it again"
                )
            return form
    raise CrimsonError(f"{path}: suffix '{suffix}' and first bytes {start[:8]!r} are of no format known here; there are {_suffixes()}")


def is_zarr(folder: Path) -> bool:
    """Tell whether a folder is a Zarr array or group."""
    return any((folder / name).is_file() for name in ZARR_FILES)


def _recognise_folder(path: Path) -> Format:
    if is_zarr(path):
        return FORMATS["zarr"]
    if path.suffix.lower() == ".zarr":
        raise CrimsonError(f"{path}: holds none of {', '.join(ZARR_FILES)}, so it is no Zarr group; was it copied whole?")
    if any(child.suffix.lower() in FORMATS["tiff"].suffixes for child in path.iterdir()):
        return FORMATS["tiff folder"]
    raise CrimsonError(f"{path}: a folder, but neither Zarr nor one of numbered TIFFs; give a file of {_suffixes()}, or such a folder")


def _late_hdf5(path: Path, form: Format) -> bool:
    """HDF5 may begin with a block of the user's, of 512 bytes or a doubling of it."""
    if form is not FORMATS["hdf5"]:
        return False
    with path.open("rb") as file:
        for offset in (512, 1024, 2048, 4096):
            file.seek(offset)
            if file.read(len(_HDF5)) == _HDF5:
                return True
    return False


def _has_mark(path: Path, form: Format) -> bool:
    """XML may be of anything, in UTF-8 or UTF-16."""
    if not form.mark:
        return True
    with path.open("rb") as file:
        return form.mark in file.read(_MARK_BYTES).replace(b"\0", b"")


def _suffixes() -> str:
    return " ".join(suffix for form in FORMATS.values() for suffix in form.suffixes)
