// The tree of parameters: kinds visible, any terminal wide enough.
import { expect, test } from "bun:test";
import { mapOf } from "../../formats/value.ts";
import { paramTree } from "./paramTree.ts";
import { createStyle } from "./style.ts";
import { textWidth } from "./text.ts";

const params = mapOf({
  hparams: mapOf({
    lr: 1,
    epochs: 1n,
    name: "1",
    nothing: null,
    layers: [64n, 32n],
    big: 9007199254740993n,
    nan: Number.NaN,
  }),
  blocks: [mapOf({ width: 3n }), "plain"],
  empty: new Map(),
  "line\nbreak": "two\nlines 実験",
  bytes: new Uint8Array(1500),
});

test("an integer, a float and a text of the same digits look different", () => {
  expect(paramTree(params, 80, createStyle(false)).join("\n")).toMatchInlineSnapshot(`
    "├─ hparams
    │  ├─ lr       1.0
    │  ├─ epochs   1
    │  ├─ name     "1"
    │  ├─ nothing  null
    │  ├─ layers   [64, 32]
    │  ├─ big      9007199254740993
    │  └─ nan      nan
    ├─ blocks
    │  ├─ 0
    │  │  └─ width  3
    │  └─ 1  "plain"
    ├─ empty        {}
    ├─ line\\nbreak  "two\\nlines 実験"
    └─ bytes        <1.5 kB>"
  `);
});

test("no line is wider than the terminal", () => {
  for (let width = 1; width < 60; width++)
    for (const line of paramTree(params, width, createStyle(false))) expect(textWidth(line)).toBeLessThanOrEqual(width);
});
