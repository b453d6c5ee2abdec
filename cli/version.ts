// What `--version` says: which program this is, and what it was built from.
import manifest from "../package.json" with { type: "json" };

/** Set by scripts/build.ts; a checkout that is run as it is has neither. */
declare const MATYAN_COMMIT: string | undefined;
declare const MATYAN_COMMIT_TIME: string | undefined;

export interface BuildInfo {
  readonly version: string;
  /** Abbreviated, with `-dirty` where files differed from it; null when run from sources. */
  readonly commit: string | null;
  /** Time of the commit, ISO 8601; null when run from sources. */
  readonly commit_time: string | null;
  readonly bun: string;
  /** e.g. `linux-x64` */
  readonly platform: string;
}

export function buildInfo(): BuildInfo {
  return {
    version: manifest.version,
    commit: typeof MATYAN_COMMIT === "string" ? MATYAN_COMMIT : null,
    commit_time: typeof MATYAN_COMMIT_TIME === "string" ? MATYAN_COMMIT_TIME : null,
    bun: Bun.version,
    platform: `${process.platform}-${process.arch}`,
  };
}

/** The bare version comes first, for scripts that read one line. */
export function versionText({ version, commit, commit_time: time, bun, platform }: BuildInfo): string {
  const origin = commit === null ? "run from sources" : `commit ${commit}${time === null ? "" : ` of ${time}`}`;
  return `${version}\n${origin}\nBun ${bun}, ${platform}\n`;
}
