// Lines of other programs' terminals, shown on ours.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { shownLine } from "./terminalLine.ts";

test("of a progress bar that wrote over itself its last state is shown", () => {
  expect(shownLine("  0%|          | 0/10\r 50%|█████     | 5/10\r100%|██████████| 10/10\r", false)).toBe(
    "100%|██████████| 10/10",
  );
  expect(shownLine("1/3 [=>..]\b\b\b\b\b\b\b\b\b\b3/3 [====]", false)).toBe("3/3 [====]");
  expect(shownLine("a long message\r\u001b[Kdone", false)).toBe("done");
  expect(shownLine("a long message\rdone", false)).toBe("doneng message");
  expect(shownLine("abc\u001b[2D_\u001b[5G!", false)).toBe("a_c !");
  expect(shownLine("a\tb", false)).toBe("a       b");
});

test("colours pass where the terminal has them, and are ended", () => {
  const line = "\u001b[1;32mok\u001b[0m \u001b[38;5;208mwarm\u001b[39m plain \u001b[31mred";
  expect(shownLine(line, true)).toBe(
    "\u001b[1;32mok\u001b[0m \u001b[38;5;208mwarm\u001b[0m plain \u001b[31mred\u001b[0m",
  );
  expect(shownLine(line, false)).toBe("ok warm plain red");
});

test("titles, hidden text, answers that a terminal would type and movement are gone", () => {
  expect(shownLine("a\u001b]0;title\u0007b\u001b]8;;http://x\u001b\\c", true)).toBe("abc");
  expect(shownLine("a\u001b[6n\u001b[2J\u001b[5A\u001bcb\u001bPq#0\u001b\\", true)).toBe("ab");
  expect(shownLine("\u001b[8mhidden\u001b[5m", true)).toBe("hidden");
  expect(shownLine("open\u001b]52;c;aGk=", true)).toBe("open");
  expect(shownLine("bell\u0007 \u009b31m \u202e", true)).toBe("bell\\x07 \\x9b31m \\u202e");
  expect(shownLine("\u001b[999999999Cx", false).length).toBeLessThan(10_000);
});

test("nothing but colours ever reaches the terminal", () => {
  const unit = fc.constantFrom(
    "\u001b",
    "[",
    "]",
    "0",
    "1",
    ";",
    "m",
    "K",
    "C",
    "\r",
    "\b",
    "\u0007",
    "a",
    "é",
    "\\",
    "\u009b",
  );
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 60 }), (units) => {
      const shown = shownLine(units.join(""), true);
      expect(shown.replace(/\u001b\[[0-9;]*m/g, "")).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    }),
  );
});
