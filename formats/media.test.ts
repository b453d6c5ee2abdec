// What the beginnings of images and sounds say, and that anything else does no harm.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { audioFacts, imageFacts } from "./media.ts";

const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, "base64"));
/** Small images as other programs wrote them. */
const images = {
  PNG: bytes(
    "iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4//8/w38GIAXDIBKE0DHxgljNBAAO9TXL0Y4OHwAAAABJRU5ErkJggg==",
  ),
  GIF: bytes("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"),
  WEBP: bytes("UklGRiQAAABXRUJQVlA4IBgAAAAwAQCdASoBAAEAAwA0JaQAA3AA/vuUAAA="),
  VP8L: bytes("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="),
};

test("an image says its format and size itself", () => {
  expect(imageFacts(images.PNG)).toEqual({ format: "png", width: 5, height: 5 });
  expect(imageFacts(images.GIF)).toEqual({ format: "gif", width: 1, height: 1 });
  expect(imageFacts(images.WEBP)).toEqual({ format: "webp", width: 1, height: 1 });
  expect(imageFacts(images.VP8L)).toEqual({ format: "webp", width: 1, height: 1 });
  // JFIF: start, an APP0 segment of 16 bytes, a baseline frame of 3 x 258 pixels.
  const jpeg = [0xff, 0xd8, 0xff, 0xe0, 0, 16, ...new Array<number>(14).fill(0), 0xff, 0xc0, 0, 17, 8, 1, 2, 0, 3, 3];
  expect(imageFacts(Uint8Array.from(jpeg))).toEqual({ format: "jpeg", width: 3, height: 258 });
});

test("bytes that are no image, or the beginning of one, do no harm", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (head) => void [imageFacts(head), audioFacts(head)]));
  for (const image of Object.values(images))
    for (let length = 0; length < image.length; length++) imageFacts(image.subarray(0, length));
});

test("a WAV file says its sampling rate", () => {
  const wave = new DataView(new ArrayBuffer(44));
  new TextEncoder().encodeInto("RIFF", new Uint8Array(wave.buffer, 0));
  new TextEncoder().encodeInto("WAVEfmt ", new Uint8Array(wave.buffer, 8));
  wave.setUint32(16, 16, true);
  wave.setUint32(24, 22_050, true);
  expect(audioFacts(new Uint8Array(wave.buffer))).toEqual({ format: "wav", rate: 22_050 });
});

test("a chunk of an odd size before the format does not hide the sampling rate", () => {
  const wave = Buffer.concat([
    Buffer.from("RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0", "latin1"),
    Buffer.from([1, 0, 1, 0, 0x22, 0x56, 0, 0, ...new Array<number>(8).fill(0)]),
  ]);
  expect(audioFacts(wave)).toEqual({ format: "wav", rate: 22_050 });
});
