"""
Watches what common libraries were asked and answered, so that a control reports it without being changed.
"""

from __future__ import annotations

from crossfade.observe._limits import limits

__all__ = ["limits"]
