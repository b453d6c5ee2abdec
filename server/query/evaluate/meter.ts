// Step and time budgets. Everything whose cost is not bounded by the length of the query's text charges the meter for it.
import { type BudgetName, QueryBudgetError } from "../errors.ts";

export interface Budget {
  /** Steps for one row; a step is about one evaluated node or one element touched. */
  readonly rowSteps: number;
  readonly rowMs: number;
  readonly querySteps: number;
  readonly queryMs: number;
  /** Size of the largest integer, bits. */
  readonly integerBits: number;
  /** Length of the longest string, UTF-16 units. */
  readonly textLength: number;
  /** Length of the longest list, tuple, set or dict that a query builds. */
  readonly items: number;
}

export const defaultBudget: Budget = {
  rowSteps: 1_000_000,
  rowMs: 250,
  querySteps: 2_000_000_000,
  queryMs: 60_000,
  integerBits: 65_536,
  textLength: 1_000_000,
  items: 200_000,
};

/** Steps between two looks at the clock: a row of ordinary cost never looks. */
const stride = 8192;

export class Meter {
  readonly budget: Budget;
  readonly #clock: () => number;
  #left = stride;
  #rowSteps = 0;
  #querySteps = 0;
  #queryMs = 0;
  #rowStarted = -1;
  #depth = 0;

  constructor(budget: Budget, clock: () => number) {
    this.budget = budget;
    this.#clock = clock;
  }

  startRow(): void {
    this.#querySteps += this.#rowSteps + (stride - this.#left);
    if (this.#rowStarted >= 0) this.#queryMs += this.#clock() - this.#rowStarted;
    this.#rowSteps = 0;
    this.#left = Math.min(stride, this.budget.rowSteps);
    this.#rowStarted = -1;
    this.#depth = 0;
    if (this.#querySteps > this.budget.querySteps) throw new QueryBudgetError("querySteps", this.budget.querySteps);
  }

  /** @throws QueryBudgetError when the row, or the query, has used up its steps or its time. */
  charge(steps: number): void {
    this.#left -= steps;
    if (this.#left < 0) this.#account();
  }

  #account(): void {
    const { budget } = this;
    this.#rowSteps += stride - this.#left;
    if (this.#rowSteps > budget.rowSteps) this.#exceeded("rowSteps");
    const now = this.#clock();
    if (this.#rowStarted < 0) this.#rowStarted = now;
    else if (now - this.#rowStarted > budget.rowMs) this.#exceeded("rowMs");
    if (this.#queryMs + (now - this.#rowStarted) > budget.queryMs) this.#exceeded("queryMs");
    if (this.#querySteps + this.#rowSteps > budget.querySteps) this.#exceeded("querySteps");
    this.#left = stride;
  }

  #exceeded(name: BudgetName): never {
    this.#left = stride;
    throw new QueryBudgetError(name, this.budget[name]);
  }

  /** Says that an integer of this many bits is about to be made. */
  integer(bits: number): void {
    if (bits > this.budget.integerBits) this.#exceeded("integerBits");
    this.charge(bits >> 6);
  }

  /** Says that a string of this length is about to be made. */
  text(length: number): void {
    if (length > this.budget.textLength) this.#exceeded("textLength");
    this.charge(length >> 4);
  }

  /** Says that a container of this length is about to be made. */
  items(length: number): void {
    if (length > this.budget.items) this.#exceeded("items");
    this.charge(length);
  }

  /** Counts nested calls of lambdas; undo with `leave`. */
  enter(maximum: number): boolean {
    return ++this.#depth <= maximum;
  }

  leave(): void {
    this.#depth--;
  }
}
