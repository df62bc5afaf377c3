"""Numbers as people read them: durations, rates, shares, figures; and whether a value out of a file is one."""

from typing import Any, TypeGuard

_LARGEST = 1e100  # far beyond what float32 can hold, and still fit for arithmetic


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a value out of JSON is a finite number of a size that figures have; true and false are none."""
    return type(value) in (int, float) and abs(value) <= _LARGEST


def is_count(value: Any) -> TypeGuard[int]:
    """Whether a value out of JSON is a whole number from 0 to 2^53."""
    return type(value) is int and 0 <= value <= 2**53


def duration(seconds: float) -> str:
    """12 s, 3 min 20 s, 2 h 05 min."""
    seconds = int(round(seconds))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds // 60 % 60:02d} min"


def flop_rate(flops_per_second: float) -> str:
    """153 GFLOP/s, 1.53 TFLOP/s: three digits."""
    units = ((1e12, "TFLOP/s"), (1e9, "GFLOP/s"), (1e6, "MFLOP/s"))
    scale, unit = next((one for one in units if flops_per_second >= 0.9995 * one[0]), units[-1])
    value = flops_per_second / scale
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f} {unit}"


def percent(share: float) -> str:
    """0.81 -> "81"; below a tenth two digits: "4.2", "0.031"."""
    return f"{100 * share:.0f}" if share >= 0.0995 else f"{100 * share:.2g}"


def number(value: float) -> str:
    """A short form of a number: 0.25, 12.5k, 3M, 1e-5."""
    size = abs(value)
    if size >= 1e9 or 0 < size < 1e-3:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    if size >= 1e6:
        return f"{value / 1e6:.4g}M"
    if size >= 1e4:
        return f"{value / 1e3:.4g}k"
    return f"{value:,.0f}" if size >= 1000 else f"{value:.3g}"
