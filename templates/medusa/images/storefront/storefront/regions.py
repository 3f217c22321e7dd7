"""The region that the shop sells to: its currency and countries."""

from __future__ import annotations

import time
from dataclasses import dataclass

from .medusa import Medusa, Object, Refused

KEPT_SECONDS = 60


@dataclass(frozen=True)
class Region:
    """``countries``: their names, by lowercase code."""

    id: str
    currency: str
    countries: dict[str, str]


class Regions:
    """Find the region of the shop's country. It hardly ever changes, so it is cached for a minute."""

    def __init__(self, medusa: Medusa, country: str) -> None:
        self._medusa, self._country = medusa, country.lower()
        self._kept: tuple[float, Region] | None = None

    def current(self) -> Region:
        """Return the region of the shop's country, otherwise the first region.

        :raise BackendUnavailable: the backend does not respond.
        :raise Refused: the shop has no region.
        """
        kept = self._kept
        if not kept or time.monotonic() - kept[0] > KEPT_SECONDS:
            kept = self._kept = (time.monotonic(), self._ask())
        return kept[1]

    def _ask(self) -> Region:
        regions = [_region(each) for each in self._medusa.get("regions", limit=100)["regions"]]
        if not regions:
            raise Refused(404, "This shop does not sell anywhere yet.")
        return next((region for region in regions if self._country in region.countries), regions[0])


def _region(region: Object) -> Region:
    countries = {each["iso_2"]: each["display_name"] for each in region.get("countries") or []}
    return Region(region["id"], region["currency_code"], dict(sorted(countries.items(), key=lambda item: item[1])))
