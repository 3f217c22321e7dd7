"""The shop's products, as the pages show them."""

from __future__ import annotations

from dataclasses import dataclass

from .medusa import Medusa, Object
from .regions import Region

PAGE = 12
MOST_AT_ONCE = 10  # the maximum of one variant per click
FEW = 5  # show how many are left from this number on
FIELDS = (
    "id,title,subtitle,handle,thumbnail,description,images.url,*variants.calculated_price,"
    "variants.title,variants.variant_rank,variants.manage_inventory,variants.allow_backorder,variants.inventory_quantity"
)


@dataclass(frozen=True)
class Variant:
    """``price`` is None if it has none in this region, ``stock`` if it is not counted."""

    id: str
    title: str
    price: float | None
    original_price: float | None
    stock: int | None

    @property
    def for_sale(self) -> bool:
        return self.price is not None and (self.stock is None or self.stock > 0)

    @property
    def most(self) -> int:
        """The highest quantity that can be ordered at once."""
        return MOST_AT_ONCE if self.stock is None else min(self.stock, MOST_AT_ONCE)

    @property
    def availability(self) -> str:
        if self.price is None:
            return "Not for sale here"
        if self.stock == 0:
            return "Sold out"
        return f"Only {self.stock} left" if self.stock is not None and self.stock <= FEW else "In stock"


@dataclass(frozen=True)
class Product:
    """``images``: addresses, the main one first; may be empty."""

    title: str
    subtitle: str
    handle: str
    description: str
    images: list[str]
    currency: str
    variants: list[Variant]

    @property
    def for_sale(self) -> bool:
        return any(variant.for_sale for variant in self.variants)

    @property
    def prices(self) -> list[float]:
        """Return the variants' prices, lowest first; each price once."""
        return sorted({variant.price for variant in self.variants if variant.price is not None})

    @property
    def most(self) -> int:
        return max((variant.most for variant in self.variants), default=1)


@dataclass(frozen=True)
class Page:
    """One page of products.

    ``number`` counts from 1, ``last`` is the last page's number; ``count`` is the number of all matches.
    """

    products: list[Product]
    number: int
    last: int
    count: int


def find(medusa: Medusa, region: Region, text: str, number: int) -> Page:
    """Return page ``number`` of the products that match ``text``, or of all if it is ""."""
    search = {"q": text} if text else {}
    answer = medusa.get(
        "products",
        region_id=region.id,
        fields=FIELDS,
        order="-id",  # ids are unique and grow with time, so pages never overlap
        limit=PAGE,
        offset=(number - 1) * PAGE,
        **search,
    )
    products = [_product(each, region) for each in answer["products"]]
    return Page(products, number, max(1, -(-answer["count"] // PAGE)), answer["count"])


def get(medusa: Medusa, region: Region, handle: str) -> Product | None:
    """Return the product with that handle; None if there is none."""
    found = medusa.get("products", region_id=region.id, fields=FIELDS, handle=handle, limit=1)["products"]
    return _product(found[0], region) if found else None


def _product(product: Object, region: Region) -> Product:
    images = [image["url"] for image in product.get("images") or []]
    thumbnail = product.get("thumbnail")
    return Product(
        title=product["title"],
        subtitle=product.get("subtitle") or "",
        handle=product["handle"],
        description=product.get("description") or "",
        images=list(dict.fromkeys([thumbnail, *images])) if thumbnail else images,
        currency=region.currency,
        variants=[_variant(each) for each in sorted(product.get("variants") or [], key=_rank)],
    )


def _rank(variant: Object) -> tuple[int, str]:
    """Sort by the owner's order, otherwise by creation."""
    return variant.get("variant_rank") or 0, variant["id"]


def _variant(variant: Object) -> Variant:
    price = variant.get("calculated_price") or {}
    counted = variant.get("manage_inventory") and not variant.get("allow_backorder")
    return Variant(
        id=variant["id"],
        title=variant["title"],
        price=price.get("calculated_amount"),
        original_price=price.get("original_amount"),
        stock=max(0, variant.get("inventory_quantity") or 0) if counted else None,
    )
