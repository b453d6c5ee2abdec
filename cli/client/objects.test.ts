// Objects that are tracked, as the messages that the UI and the Python client know.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { compact } from "../../formats/messages/index.ts";
import { Distribution, Figure, Image, Text } from "./objects.ts";

const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, "base64"));
/** A PNG of 5 x 5 pixels as another program wrote it. */
const png = bytes(
  "iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4//8/w38GIAXDIBKE0DHxgljNBAAO9TXL0Y4OHwAAAABJRU5ErkJggg==",
);

test("image messages have the members of the Python client, the size filled in", async () => {
  const media = await new Image(png, { caption: "five" }).describe();
  expect(media.extension).toBe("png");
  expect(compact(media.message("h/seq/i/0.png"))).toBe(
    '{"type":"image","format":"PNG","caption":"five","width":5,"height":5,"s3_key":"h/seq/i/0.png"}',
  );
  await expect(new Image(new Uint8Array(10)).describe()).rejects.toThrow("the bytes are no PNG");
  expect((await new Image(new Uint8Array(10), { format: "tiff" }).describe()).extension).toBe("tiff");
  await expect(new Image("/no/such/file.png").describe()).rejects.toThrow("there is no file");
});

test("a distribution counts every finite sample once, in the bin that its edges say", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ noDefaultInfinity: true, noNaN: true }), { maxLength: 200 }),
      fc.integer({ min: 1, max: 512 }),
      (samples, bins) => {
        const { counts, range } = Distribution.of([...samples, Number.NaN, Number.POSITIVE_INFINITY], bins);
        expect(counts).toHaveLength(bins);
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(samples.length);
        for (const sample of samples) expect(sample >= range[0] && sample <= range[1]).toBe(true);
      },
    ),
  );
  // numpy.histogram([1, 2, 2.5, 4], bins=3): ([1, 2, 1], [1, 2, 3, 4]).
  expect(Distribution.of([1, 2, 2.5, 4], 3)).toEqual(new Distribution([1, 2, 1], [1, 4]));
  // numpy.histogram([7, 7], bins=2): ([0, 2], [6.5, 7, 7.5]).
  expect(Distribution.of([7, 7], 2)).toEqual(new Distribution([0, 2], [6.5, 7.5]));
  expect(() => new Distribution([], [0, 1])).toThrow("1 to 512 bins");
  expect(() => new Distribution([1], [2, 1])).toThrow("no range");
});

test("a figure always has a layout, a text no half of a character", () => {
  expect(compact(new Figure({ data: [{ y: [1, 2.5] }] }).toMessage())).toBe(
    '{"type":"figure","data":{"data":[{"y":[1,2.5]}],"layout":{}}}',
  );
  expect(compact(new Text("a\ud800").toMessage())).toBe('{"type":"text","data":"a\ufffd"}');
});
