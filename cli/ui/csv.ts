// Comma-separated values as RFC 4180 has them.

/** One record with its line end. Fields with commas, quotes or line ends are quoted; so is a lone empty field. */
export function csvRecord(fields: readonly string[]): string {
  if (fields.length === 1 && fields[0] === "") return '""\r\n';
  return `${fields.map((field) => (/[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(",")}\r\n`;
}
