/** Goods to try the shop with, until the owner has their own. */
export type Sample = {
  title: string
  subtitle: string
  description: string
  price: number
  /** An option and its values; empty for goods without options. */
  option?: [string, string[]]
  /** The stock of each variant. */
  stock: number
}

/** In the order in which a new shop shows them. The sold-out product is last: it shows how that looks. */
export const SAMPLES: Sample[] = [
  {
    title: "Linen shirt",
    subtitle: "Washed, with a soft collar",
    description: "A shirt of European linen, washed so that it is soft from the first day. It dries fast and needs no iron.",
    price: 49,
    option: ["Size", ["S", "M", "L", "XL"]],
    stock: 40,
  },
  {
    title: "Stoneware mug",
    subtitle: "Holds 300 ml",
    description: "Thrown by hand and glazed inside and out. For the dishwasher and the microwave.",
    price: 18.5,
    option: ["Colour", ["Sand", "Slate"]],
    stock: 60,
  },
  {
    title: "Canvas tote bag",
    subtitle: "Long handles, an inner pocket",
    description: "Heavy organic cotton that carries a week's groceries. The handles go over a winter coat.",
    price: 22,
    stock: 80,
  },
  {
    title: "Notebook",
    subtitle: "160 pages, A5, opens flat",
    description: "Thread-stitched, so that it lies open by itself. The paper takes a fountain pen.",
    price: 12.9,
    option: ["Pages", ["Lined", "Plain"]],
    stock: 120,
  },
  {
    title: "Wool scarf",
    subtitle: "Lambswool, 180 by 30 cm",
    description: "Woven of undyed and dyed lambswool, brushed once. Warm without weight.",
    price: 39,
    option: ["Colour", ["Grey", "Rust"]],
    stock: 30,
  },
  {
    title: "Beeswax candle",
    subtitle: "Burns for 40 hours",
    description: "Pure beeswax with a cotton wick, poured into a glass that serves on as a tumbler.",
    price: 24,
    stock: 50,
  },
  {
    title: "Oak serving board",
    subtitle: "38 by 22 cm, oiled",
    description: "Cut of one piece of oak. Each has its own grain, and gets better with use.",
    price: 35,
    stock: 25,
  },
  {
    title: "Glass carafe",
    subtitle: "One litre, with a stopper of cork",
    description: "Blown of recycled glass, so that no two are quite the same. It fits a fridge's door.",
    price: 29,
    stock: 35,
  },
  {
    title: "Tea towels",
    subtitle: "Two of half linen",
    description: "They dry a whole dinner's glasses and leave no lint. Wash them as hot as you like.",
    price: 16,
    stock: 0,
  },
]
