"""Units as files write them: of lengths, wavelengths and Raman shifts."""

from __future__ import annotations

from typing import Any

__all__ = ["is_per_cm", "nm_per_unit", "um_per_unit"]

_PER_CM = ("cm-1", "cm^-1", "cm**-1", "cm^{-1}", "1/cm", "cm⁻¹", "wavenumber", "wavenumbers", "raman", "raman shift")
_UM_PER_UNIT: dict[str, float] = {
    **dict.fromkeys(("um", "µm", "μm", "micrometer", "micrometre", "micron", "\\u00b5m"), 1.0),
    **dict.fromkeys(("nm", "nanometer", "nanometre"), 1e-3),
    **dict.fromkeys(("mm", "millimeter", "millimetre"), 1e3),
    **dict.fromkeys(("cm", "centimeter", "centimetre"), 1e4),
    **dict.fromkeys(("m", "meter", "metre"), 1e6),
}


def is_per_cm(unit: Any) -> bool:
    """Tell whether a unit is cm⁻¹, however it is written."""
    return _plain(unit) in _PER_CM


def um_per_unit(unit: Any) -> float | None:
    """What a length must be multiplied with to be in µm, or None for no unit that is known."""
    plain = _plain(unit)
    return _UM_PER_UNIT.get(plain.removesuffix("s") if len(plain) > len("nms") else plain)


def nm_per_unit(unit: Any) -> float | None:
    """What a wavelength must be multiplied with to be in nm, or None for no unit that is known."""
    factor = um_per_unit("nm" if _plain(unit) == "wavelength" else unit)
    return None if factor is None else float(round(factor * 1e3))


def _plain(unit: Any) -> str:
    text = unit.decode("utf-8", "replace") if isinstance(unit, bytes) else str(unit or "")
    return text.strip().strip("$[]()").lower()
