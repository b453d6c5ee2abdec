// What is sent to terminals, read back as their specifications say.
import { expect, test } from "bun:test";
import { decode as decodePng, encode as encodePng } from "fast-png";
import { preparePicture } from "./picture.ts";
import { itermText, kittyText, sixelText, throughTmux } from "./protocols.ts";

const room = { columns: 80, rows: 20, cell: { width: 10, height: 20 } };

/** A picture of `width` x `height` pixels whose colours run, with noise so that it does not become small. */
function painted(width: number, height: number, channels: 3 | 4 = 3, noise = 0): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(width * height * channels);
  let random = 7;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      random = (random * 1_103_515_245 + 12_345) % 2_147_483_648;
      const pixel = [
        (x * 255) / width,
        (y * 255) / height,
        90 + (noise * random) / 2_147_483_648,
        x < width / 2 ? 255 : 0,
      ];
      for (let c = 0; c < channels; c++) data[(y * width + x) * channels + c] = pixel[c]!;
    }
  return new Uint8Array(encodePng({ width, height, data, channels, depth: 8 }));
}

test("kitty gets the PNG in chunks of at most 4096 bytes of base64, the last one marked", async () => {
  const picture = await preparePicture(painted(300, 200, 3, 160), room);
  const text = kittyText(picture).join("");
  const codes = [...text.matchAll(/\u001b_G([^;]*);([^\u001b]*)\u001b\\/g)];
  expect(codes.map(([code]) => code).join("")).toBe(text);
  expect(codes.length).toBeGreaterThan(3);
  const keys = codes.map(([, control]) => Object.fromEntries(control!.split(",").map((pair) => pair.split("="))));
  expect(keys[0]).toEqual({ a: "T", f: "100", q: "2", c: "30", r: "10", m: "1" });
  for (const key of keys.slice(1, -1)) expect(key).toEqual({ m: "1" });
  expect(keys.at(-1)).toEqual({ m: "0" });
  for (const [i, [, , data]] of codes.entries()) {
    expect(data!.length).toBeLessThanOrEqual(4_096);
    if (i < codes.length - 1) expect(data!.length % 4).toBe(0);
  }
  const sent = Buffer.from(codes.map(([, , data]) => data).join(""), "base64");
  expect(new Uint8Array(sent)).toEqual(new Uint8Array(picture.png));
  const small = kittyText({ png: new Uint8Array([1, 2, 3]), cells: { columns: 1, rows: 1 } });
  expect(small).toEqual(["\u001b_Ga=T,f=100,q=2,c=1,r=1,m=0;AQID\u001b\\"]);
});

test("iTerm2 gets the file with its size and name, to be shown inline", async () => {
  const picture = await preparePicture(painted(30, 30), room);
  const match = /^\u001b\]1337;File=([^:]*):([A-Za-z0-9+/=]*)\u0007$/.exec(itermText(picture, "a;b: ü.png"))!;
  const fields = Object.fromEntries(match[1]!.split(";").map((pair) => /^([^=]*)=(.*)$/.exec(pair)!.slice(1)));
  expect(fields).toEqual({
    name: Buffer.from("a;b: ü.png").toString("base64"),
    size: String(picture.png.length),
    width: "6",
    height: "3",
    preserveAspectRatio: "1",
    inline: "1",
  });
  expect(new Uint8Array(Buffer.from(match[2]!, "base64"))).toEqual(new Uint8Array(picture.png));
});

/** RGBA of a sixel text, as DEC's manual reads: registers in percent, six rows to a character. */
function readSixel(text: string): { width: number; height: number; at(x: number, y: number): number[] } {
  const match = /^\u001bP([0-9;]*)q"(\d+);(\d+);(\d+);(\d+)([^\u001b]*)\u001b\\$/.exec(text)!;
  const [width, height] = [Number(match[4]), Number(match[5])];
  const registers = new Map<number, number[]>();
  const pixels = new Map<string, number[]>();
  let [x, y, color] = [0, 0, 0];
  for (const [token] of match[6]!.matchAll(/#\d+(?:;\d+)*|!\d+.|[$-]|[?-~]/g)) {
    if (token === "$") x = 0;
    else if (token === "-") [x, y] = [0, y + 6];
    else if (token.startsWith("#")) {
      const [register, space, ...percents] = token.slice(1).split(";").map(Number);
      color = register!;
      if (space === 2)
        registers.set(
          color,
          percents.map((percent) => (percent * 255) / 100),
        );
    } else {
      const count = token.startsWith("!") ? Number.parseInt(token.slice(1), 10) : 1;
      const bits = token.charCodeAt(token.length - 1) - 63;
      for (let i = 0; i < count; i++, x++)
        for (let row = 0; row < 6; row++) if (bits & (1 << row)) pixels.set(`${x} ${y + row}`, registers.get(color)!);
    }
  }
  return { width, height, at: (left, top) => pixels.get(`${left} ${top}`) ?? [0, 0, 0, 0] };
}

test("a sixel picture has the size and, but for its palette, the colours of the image", async () => {
  for (const channels of [3, 4] as const) {
    const image = painted(90, 65, channels);
    const text = sixelText((await preparePicture(image, room, true)).png);
    const read = readSixel(text);
    expect([read.width, read.height]).toEqual([90, 65]);
    const original = decodePng(image);
    let sum = 0;
    let count = 0;
    for (let y = 0; y < 65; y++)
      for (let x = 0; x < 90; x++) {
        const from = (y * 90 + x) * original.channels;
        const isClear = channels === 4 && original.data[from + 3] === 0;
        if (isClear) expect(read.at(x, y)).toEqual([0, 0, 0, 0]);
        else
          for (let c = 0; c < 3; c++, count++) {
            sum += Math.abs(read.at(x, y)[c]! - original.data[from + c]!);
          }
      }
    expect(sum / count).toBeLessThan(6);
  }
});

test("a sixel picture of few colours has exactly these", async () => {
  const [width, height] = [13, 9];
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++)
    data.set(
      [
        [255, 0, 0],
        [0, 0, 255],
        [255, 255, 255],
      ][i % 3]!,
      i * 3,
    );
  const image = new Uint8Array(encodePng({ width, height, data, channels: 3, depth: 8 }));
  const read = readSixel(sixelText((await preparePicture(image, { ...room, columns: 2 }, true)).png));
  expect([read.width, read.height]).toEqual([13, 9]);
  for (let i = 0; i < width * height; i++)
    expect(read.at(i % width, Math.floor(i / width))).toEqual([...data.slice(i * 3, i * 3 + 3)]);
});

test("pictures fit into the room, and small ones are shown larger", async () => {
  const sizeOf = async (width: number, height: number) => {
    const { png, cells, ...size } = await preparePicture(painted(width, height), room);
    expect(decodePng(png)).toMatchObject(size);
    return { ...size, cells };
  };
  expect(await sizeOf(1_600, 400)).toEqual({ width: 800, height: 200, cells: { columns: 80, rows: 10 } });
  expect(await sizeOf(100, 1_000)).toEqual({ width: 40, height: 400, cells: { columns: 4, rows: 20 } });
  expect(await sizeOf(28, 28)).toEqual({ width: 56, height: 56, cells: { columns: 6, rows: 3 } });
  expect(await sizeOf(1, 1)).toEqual({ width: 8, height: 8, cells: { columns: 1, rows: 1 } });
  expect(await sizeOf(4_000, 1)).toEqual({ width: 800, height: 1, cells: { columns: 80, rows: 1 } });
});

test("what is no picture is refused with a reason, a picture of too many pixels before it is read", async () => {
  const png = painted(20, 20);
  const huge = png.slice();
  new DataView(huge.buffer).setUint32(16, 60_000);
  new DataView(huge.buffer).setUint32(20, 60_000);
  for (const bytes of [new Uint8Array(0), Buffer.from("text"), png.slice(0, 60), huge])
    await expect(preparePicture(bytes, room)).rejects.toThrow("it can't be shown");
});

test("tmux hands on what is wrapped, its escapes doubled", () => {
  expect(throughTmux("\u001b_Ga=T;AA==\u001b\\")).toBe("\u001bPtmux;\u001b\u001b_Ga=T;AA==\u001b\u001b\\\u001b\\");
});
