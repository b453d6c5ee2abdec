import { expect, test } from "bun:test";
import { RunOrder } from "./runOrder.ts";

test("a place waits for those before it that hold something, once, and for those of its run alone", async () => {
  const order = new RunOrder();
  const idle = order.enter("a");
  const first = order.enter("a");
  expect([idle.takeTurn(), first.takeTurn()]).toEqual([undefined, undefined]);
  first.hold();
  const second = order.enter("a");
  const other = order.enter("b");
  expect(other.takeTurn()).toBeUndefined();
  const turn = second.takeTurn();
  let isDone = false;
  void turn?.then(() => {
    isDone = true;
  });
  await Bun.sleep(1);
  expect(isDone).toBe(false);
  first.leave();
  await turn;
  expect(second.takeTurn()).toBeUndefined();
  expect(order.enter("a").takeTurn()).toBeUndefined();
});
