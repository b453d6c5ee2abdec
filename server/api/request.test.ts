// Query values, headers and bodies in all the forms that FastAPI takes.
import { describe, expect, test } from "bun:test";
import { ApiError } from "./errors.ts";
import { ApiRequest, maxBodyBytes, QueryReader } from "./request.ts";

function query(text: string): QueryReader {
  return new QueryReader(`http://localhost/x?${text}`);
}

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof ApiError && error.status === 422) return error.message;
    throw error;
  }
  throw new Error("it was taken");
}

describe("query values", () => {
  test("true and false have many words, in any case", () => {
    for (const word of ["true", "TRUE", "1", "yes", "on", "t", "y", "True"])
      expect(query(`a=${word}`).bool("a")).toBe(true);
    for (const word of ["false", "False", "0", "no", "OFF", "f", "n"]) expect(query(`a=${word}`).bool("a")).toBe(false);
    for (const word of ["maybe", "2", "constructor", "__proto__"])
      expect(messageOf(() => query(`a=${word}`).bool("a"))).toBe(
        "Input should be a valid boolean, unable to interpret input",
      );
  });

  test("integers are decimal text", () => {
    const read = (text: string) => query(`a=${encodeURIComponent(text)}`).int("a");
    expect([read("7"), read("-1"), read("+3"), read(" 4 "), read("1_000"), read("5.0")]).toEqual([
      7, -1, 3, 4, 1000, 5,
    ]);
    for (const text of ["x", "1.5", "1e3", "0x10", "1__0", "--1", "NaN"])
      expect(messageOf(() => read(text))).toBe("Input should be a valid integer, unable to parse string as an integer");
  });

  test("an empty value is the default, and of several values the last counts", () => {
    expect(query("a=").int("a", 50)).toBe(50);
    expect(query("a=").bool("a", true)).toBe(true);
    expect(query("a=&a=").strings("a")).toEqual([]);
    expect(query("a=1&a=2").int("a")).toBe(2);
    expect(query("a=x&a=&a=y").strings("a")).toEqual(["x", "y"]);
    expect(query("").string("a")).toBeUndefined();
  });

  test("a required value may be empty but not absent", () => {
    expect(query("a=").required("a")).toBe("");
    expect(messageOf(() => query("b=").required("a"))).toBe("Field required");
  });

  test("ranges have open sides; what is none is refused, and text without a colon ignored", () => {
    const range = (text: string) => query(`r=${encodeURIComponent(text)}`).range("r");
    expect(range("3:10")).toEqual({ start: 3n, stop: 10n });
    expect(range("-5:")).toEqual({ start: -5n, stop: undefined });
    expect(range(" : 7 ")).toEqual({ start: undefined, stop: 7n });
    expect(range("9223372036854775808:")).toEqual({ start: 9223372036854775808n, stop: undefined });
    expect([range(""), range("3,4"), range("12")]).toEqual([{}, {}, {}]);
    for (const text of ["a:b", "1:2:3", "1.5:2"]) expect(messageOf(() => range(text))).toContain("range");
  });
});

describe("a request", () => {
  test("has the minutes of its time zone", () => {
    const offset = (value?: string) =>
      new ApiRequest(
        new Request("http://x/", value === undefined ? {} : { headers: { "X-Timezone-Offset": value } }),
        {},
      ).timezoneOffset;
    expect([offset(), offset("-240"), offset("600")]).toEqual([0, -240, 600]);
    expect(messageOf(() => offset("abc"))).toBe(
      "Input should be a valid integer, unable to parse string as an integer",
    );
  });

  test("has a body of JSON with number kinds, whatever its content type", async () => {
    const request = (body: string) => new ApiRequest(new Request("http://x/", { method: "POST", body }), {});
    expect(await request("[1, 1.0, 9007199254740993]").body()).toEqual([1n, 1, 9007199254740993n]);
    expect(request("{not json").body()).rejects.toThrow("JSON decode error");
    expect(request("").body()).rejects.toThrow("Field required");
    expect(await request("").bodyOrNone()).toBeUndefined();
  });

  test("with a body over the limit is refused, told or not", async () => {
    const headers = { "content-length": String(maxBodyBytes + 1) };
    const told = new ApiRequest(new Request("http://x/", { method: "POST", body: "1", headers }), {});
    expect(told.body()).rejects.toMatchObject({ status: 413 });
    const chunk = new Uint8Array(1_000_000).fill(0x20);
    let left = maxBodyBytes / chunk.length + 1;
    const body = new ReadableStream({
      pull(controller) {
        if (left-- > 0) controller.enqueue(chunk);
        else controller.close();
      },
    });
    const untold = new ApiRequest(new Request("http://x/", { method: "POST", body }), {});
    expect(untold.body()).rejects.toMatchObject({ status: 413 });
  });
});

test("a step is read exactly, however large it is", () => {
  const read = (text: string) => new QueryReader(`http://x/?s=${text}`).step("s", -1n);
  expect(["", "7", "%2B7", "-1", "1.0", "1_000", "9007199254740993", "9".repeat(400)].map(read)).toEqual([
    -1n,
    7n,
    7n,
    -1n,
    1n,
    1000n,
    9007199254740993n,
    BigInt("9".repeat(400)),
  ]);
  for (const text of ["x", "1.5", "1e3", "--1"]) expect(() => read(text)).toThrow(ApiError);
});
