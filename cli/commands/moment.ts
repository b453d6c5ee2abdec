// How `--since` is read. Apart from the other options: words for moments are known to a library that takes time to load.
import { parseSince } from "../../server/archive/since.ts";

/** How `--since` is told in help. */
export const sinceHelp =
  "only runs created then or later: 2026-01-31, 2026-01-31T12:00 (local without a zone), 24h, yesterday, 'last monday'";

/** A moment as ISO 8601, whatever words named it: it is noted in archives, where `yesterday` would soon be wrong. */
export function parseMoment(text: string): string {
  const seconds = parseSince(text);
  return /^\s*\d{4}/.test(text) ? text.trim() : new Date(seconds * 1000).toISOString();
}
