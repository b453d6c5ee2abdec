// What ours answers other than recorded about the whole project, and in lists.
import type { Amendment } from "./amendment.ts";
import { queryOf } from "./amendment.ts";
import { mapAt } from "./facts.ts";

export const projectDifferences: readonly Amendment[] = [
  {
    name: "sequence types that are asked for",
    only: [82, 83, 85],
    amend: ({ body }, exchange) => {
      const asked = queryOf(exchange).getAll("sequence");
      for (const [name] of mapAt(body)!)
        if (name !== "params" && !asked.includes(name)) mapAt(body)!.set(name, new Map());
      return true;
    },
  },
  {
    name: "a GET has no body",
    only: [87, 88],
    amend: (right, { n }, facts) => {
      right.body = facts.body(n === 87 ? 81 : 84);
      return true;
    },
  },
  {
    name: "negative limits",
    only: [55],
    amend: (right, _, facts) => {
      right.body = facts.body(54);
      return true;
    },
  },
];
