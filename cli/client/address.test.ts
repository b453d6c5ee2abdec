// Addresses as people type them.
import { expect, test } from "bun:test";
import { chooseAddresses, parseAddress, socketUrl } from "./address.ts";

test("an address loses its slashes and gets a scheme that requests have", () => {
  expect(parseAddress(" http://host:53800/ ")).toBe("http://host:53800");
  expect(parseAddress("wss://host/prefix//")).toBe("https://host/prefix");
  expect(parseAddress("HTTP://Host")).toBe("http://host");
  expect(socketUrl("https://host/prefix", "a b")).toBe("wss://host/prefix/api/v1/ws/runs/a%20b");
});

test("what is no address is refused with an example of one", () => {
  for (const text of ["", "host:53800", "localhost", "ftp://host", "http://", "http://host?x=1", "http://host#x"])
    expect(() => parseAddress(text)).toThrow("is no address of a server");
});

test("repo stands for both services, its own address comes before it, then the environment, then this machine", () => {
  const env = { MATYAN_BACKEND_URL: "http://b:1/", MATYAN_FRONTIER_URL: "http://f:2" };
  expect(chooseAddresses({}, {})).toEqual({ api: "http://localhost:53800", frontier: "http://localhost:53801" });
  expect(chooseAddresses({}, env)).toEqual({ api: "http://b:1", frontier: "http://f:2" });
  expect(chooseAddresses({ repo: "http://r:3" }, env)).toEqual({ api: "http://r:3", frontier: "http://r:3" });
  expect(chooseAddresses({ repo: "http://r:3", frontier: "http://g:4" }, env).frontier).toBe("http://g:4");
});
