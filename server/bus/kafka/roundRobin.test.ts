// How a group's partitions are shared out, whoever leads it.
import { expect, test } from "bun:test";
import { shareOut } from "./roundRobin.ts";

const six = () => [3, 0, 5, 1, 4, 2];

test("members take partitions in turn, in the order of their ids", () => {
  const members = [
    { id: "b", topics: ["data"] },
    { id: "a", topics: ["data"] },
  ];
  expect([...shareOut(members, six)]).toEqual([
    ["a", { data: [0, 2, 4] }],
    ["b", { data: [1, 3, 5] }],
  ]);
});

test("a member gets only partitions of topics that it asked for, and one too many gets none", () => {
  const members = [
    { id: "a", topics: ["data"] },
    { id: "b", topics: ["other"] },
    { id: "c", topics: ["data"] },
    { id: "d", topics: ["data"] },
  ];
  const shares = shareOut(members, (topic) => (topic === "data" ? [0, 1] : [0]));
  expect(Object.fromEntries(shares)).toEqual({ a: { data: [0] }, b: { other: [0] }, c: { data: [1] }, d: {} });
});
