// The help of a command on any terminal: paragraphs filled to its width, everything indented left as it is.

/** Columns of help: the terminal's, but no line so long that it is hard to read; 80 in a pipe. */
export function helpColumns(terminalColumns: number | undefined): number {
  return Math.min(terminalColumns || 80, 100);
}

/**
 * Fills paragraphs (lines without indentation that follow each other) to `columns`. Indented lines, examples and tables
 * of options, stay as they are.
 */
export function fillParagraphs(text: string, columns: number): string {
  const lines: string[] = [];
  let paragraph: string[] = [];
  const end = () => {
    if (paragraph.length > 0) lines.push(...fill(paragraph.join(" ").split(/ +/), columns));
    paragraph = [];
  };
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith(" ")) {
      end();
      lines.push(line);
    } else paragraph.push(line);
    // A heading stands alone.
    if (line.endsWith(":")) end();
  }
  end();
  return lines.join("\n");
}

/** Lines of at most `columns`, broken between words; a longer word has a line of its own. */
export function fill(words: readonly string[], columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of words) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  if (line !== "") lines.push(line);
  return lines;
}
