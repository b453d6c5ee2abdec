// Test support: links into the explorers. The UI keeps a page's state in its address (ui-needs.md 6).

/** A page's state as the UI writes it: base64 of the escaped JSON, in letters that need no escape. */
function pageState(state: object): string {
  const text = Buffer.from(encodeURI(JSON.stringify(state))).toString("base64");
  return `O-${text.replaceAll("=", "").replaceAll("+", "-").replaceAll("/", "_")}`;
}

function option(type: string, name: string): object {
  const value = { option_name: name, context: null };
  return { label: name, group: type, type, key: name, color: "#3E72E7", value };
}

/** What metrics, params, images and scatters have selected; `query` is what stands in the form. */
export function selected(type: "metrics" | "params" | "images", names: readonly string[], query = ""): object {
  return { options: names.map((name) => option(type, name)), query, advancedMode: false, advancedQuery: "" };
}

export const selectLink = (page: "metrics" | "params" | "images", names: readonly string[], query = "") =>
  `/${page}?select=${pageState(selected(page, names, query))}`;

export const runsLink = (query: string) =>
  `/runs?select=${pageState({ query, advancedMode: false, advancedQuery: "" })}`;

/** The newer explorers, which search as they open. */
export function queryLink(page: "figures" | "audios" | "text" | "metrics_v2", name: string, query = ""): string {
  const type = page === "text" ? "texts" : page === "metrics_v2" ? "metric" : page;
  const form = { simpleInput: query, advancedInput: "", selections: [option(type, name)], advancedModeOn: false };
  return `/${page}?query=${pageState({ form, ranges: { isApplyButtonDisabled: true, isValid: true } })}`;
}
