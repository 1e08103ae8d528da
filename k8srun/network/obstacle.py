"""What else stands in the way of a connection, beside policies."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing on the way.

    Attributes:
        id: stable name: `service-selector-matches-nothing`.
        message: what it is, a sentence without a final stop.
        where: the object concerned: `Service shop/cart`.
        blocks: whether nothing arrives because of it alone; else it is to be known, and may be part of the trouble.
        do: what to do about it; empty if nothing can be said.
    """

    id: str
    message: str
    where: str
    blocks: bool = False
    do: str = ""
