// Long output through a pager, as git and man do it: on a terminal, when it takes more than the screen.
import { MatyanError, messageOf } from "../../formats/error.ts";
import { type Pager, processEnvironment, readPager } from "../../server/config.ts";
import { isBrokenPipe, type Output } from "../output.ts";
import type { Context } from "../runtime.ts";
import { takeInterrupts } from "./interrupts.ts";

/** The prompt, and the line below a list. */
const freeRows = 2;

/**
 * What `work` prints goes through the pager that the environment names. Undefined when its reader had seen enough before
 * the end. @throws MatyanError `usage` when the pager can't be started
 */
export async function paged<T>(
  context: Context,
  isWanted: boolean,
  work: (context: Context) => Promise<T>,
): Promise<T | undefined> {
  const { out } = context;
  const pager = isWanted && out.terminal.stdout && !out.json ? readPager(processEnvironment()) : undefined;
  if (pager === undefined) return work(context);
  const paging = new Paging(out, pager);
  try {
    return await work({ ...context, out: paging.output });
  } catch (error) {
    if (!isBrokenPipe(error)) throw error;
    return undefined;
  } finally {
    await paging.end();
  }
}

class Paging {
  readonly output: Output;
  readonly #out: Output;
  readonly #pager: Pager;
  #held: string[] = [];
  #lines = 0;
  #child: Bun.Subprocess<"pipe", "inherit", "inherit"> | undefined;
  #isGone = false;
  #interrupts: Disposable | undefined;

  constructor(out: Output, pager: Pager) {
    this.#out = out;
    this.#pager = pager;
    const write = (text: string) => this.#write(text);
    this.output = {
      ...out,
      line: (text) => write(`${text}\n`),
      info: (text) => {
        if (!out.quiet) write(`${text}\n`);
      },
      raw: write,
      flush: () => undefined,
      drain: () => this.#drain(),
    };
  }

  #write(text: string): void {
    if (this.#isGone) throw Object.assign(new Error("the pager was closed"), { code: "EPIPE" });
    if (this.#child !== undefined) return void this.#child.stdin.write(text);
    this.#held.push(text);
    this.#lines += text.split("\n").length - 1;
    if (this.#lines > this.#out.rows - freeRows) this.#start();
  }

  #start(): void {
    const { command, isChosen } = this.#pager;
    const env = processEnvironment();
    const [program = ""] = command.split(/\s/, 1);
    if (/^[\w./-]+$/.test(program) && Bun.which(program) === null) {
      if (isChosen) throw this.#notStarted("there is no such program");
      // Nobody asked for it: without less there is no pager.
      this.#letGo();
      this.#lines = Number.NEGATIVE_INFINITY;
      return;
    }
    try {
      this.#child = Bun.spawn(["/bin/sh", "-c", command], {
        ...{ stdin: "pipe", stdout: "inherit", stderr: "inherit" },
        // As git does it: quit where all fits, pass colours on, leave what was shown on the screen.
        env: { ...env, LESS: env["LESS"] ?? "FRX" },
      });
    } catch (error) {
      throw this.#notStarted(messageOf(error));
    }
    // Ctrl-C is the pager's: it ends a search of it, not us.
    this.#interrupts = takeInterrupts(() => undefined);
    void this.#child.exited.then(() => {
      this.#isGone = true;
    });
    this.#child.stdin.write(this.#held.join(""));
    this.#held = [];
  }

  /** Waits for a reader who has not scrolled so far. */
  async #drain(): Promise<void> {
    if (this.#child === undefined) return;
    await Promise.race([this.#child.stdin.flush(), this.#child.exited]);
  }

  #letGo(): void {
    for (const text of this.#held) this.#out.raw(text);
    this.#held = [];
  }

  /** What fits on the screen is printed; else waits until the pager is closed. */
  async end(): Promise<void> {
    if (this.#child === undefined) return this.#letGo();
    try {
      await Promise.race([this.#child.stdin.end(), this.#child.exited]);
    } catch (error) {
      if (!isBrokenPipe(error)) throw error;
    } finally {
      await this.#child.exited;
      this.#interrupts?.[Symbol.dispose]();
    }
    // What a shell says of a program that it does not find, or can't run.
    if (this.#child.exitCode === 127 || this.#child.exitCode === 126)
      throw this.#notStarted("there is no such program");
  }

  #notStarted(reason: string): MatyanError {
    return new MatyanError("usage", `the pager '${this.#pager.command}' can't be started: ${reason}`, {
      hint: "Set PAGER to another one, or say --no-pager.",
    });
  }
}
