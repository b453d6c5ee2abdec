// What is wrong with an archive: all of it, in bounded memory.

export interface Fault {
  /** An error makes an archive invalid; a warning names something odd that it can be used with. */
  readonly severity: "error" | "warning";
  /** Path below the archive's top folder, or the archive itself. */
  readonly file: string;
  /** From 1. */
  readonly line?: number;
  /** Stable, for programs: docs/archive.md lists them. */
  readonly code: string;
  readonly message: string;
}

const perFile = 20;
const maxFiles = 1000;

/** Keeps the first 20 faults of a file and the first 1000 files that have any, and counts the others. */
export class FaultList {
  readonly #files = new Map<string, { kept: Fault[]; errors: number; warnings: number }>();
  #errors = 0;
  #warnings = 0;

  get errors(): number {
    return this.#errors;
  }

  get warnings(): number {
    return this.#warnings;
  }

  error(file: string, code: string, message: string, line?: number): void {
    this.add({ severity: "error", file, code, message, ...(line === undefined ? {} : { line }) });
  }

  warning(file: string, code: string, message: string, line?: number): void {
    this.add({ severity: "warning", file, code, message, ...(line === undefined ? {} : { line }) });
  }

  add(fault: Fault): void {
    if (fault.severity === "error") this.#errors++;
    else this.#warnings++;
    let entry = this.#files.get(fault.file);
    if (entry === undefined) {
      if (this.#files.size >= maxFiles) return;
      entry = { kept: [], errors: 0, warnings: 0 };
      this.#files.set(fault.file, entry);
    }
    if (entry.kept.length < perFile) entry.kept.push(fault);
    else if (fault.severity === "error") entry.errors++;
    else entry.warnings++;
  }

  /** In the order in which files first had one; ends of what was left out say how much it was. */
  list(): Fault[] {
    const faults: Fault[] = [];
    let listed = 0;
    for (const [file, { kept, errors, warnings }] of this.#files) {
      faults.push(...kept);
      listed += kept.length + errors + warnings;
      if (errors + warnings === 0) continue;
      const severity = errors > 0 ? "error" : "warning";
      faults.push({ severity, file, code: "more", message: `and ${errors + warnings} more in this file` });
    }
    const rest = this.#errors + this.#warnings - listed;
    if (rest > 0) {
      faults.push({
        severity: this.#errors > 0 ? "error" : "warning",
        file: "",
        code: "more",
        message: `and ${rest} more in other files`,
      });
    }
    return faults;
  }
}
