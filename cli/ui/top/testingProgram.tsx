// Test support: draws the sample's pages on the terminal that it runs in, as `matyan top` would, until it is ended. `1`, `2` and `3`
// show its pages.
import { createStyle } from "../style.ts";
import { screenLines } from "./screen.ts";
import { samplePages, sampleScreen } from "./testSample.ts";
import { mountTop } from "./topView.tsx";

const style = createStyle(!process.env["NO_COLOR"]);
let page = 0;
const draw = () => {
  const { columns, rows } = process.stdout;
  view.draw(screenLines(samplePages[page]!.state(), sampleScreen(columns, rows, style)));
};
const view = mountTop((key) => {
  page = Math.max(0, Math.min(Number(key) - 1, samplePages.length - 1)) || 0;
  draw();
});
process.stdout.on("resize", draw);
draw();
