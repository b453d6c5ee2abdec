// What the REST API takes from the environment: defaults, accepted forms, and errors that name the variable.
import { expect, test } from "bun:test";
import { MatyanError } from "../../formats/error.ts";
import { apiDefaults, readApiSettings } from "../config.ts";

test("without settings the defaults hold, also for empty ones", () => {
  expect(readApiSettings({})).toEqual(apiDefaults);
  expect(readApiSettings({ CORS_ORIGINS: "", BLOB_URI_SECRET: "", METRICS_ENABLED: "", LOG_LEVEL: " " })).toEqual(
    apiDefaults,
  );
});

test("origins are a JSON list or have commas between", () => {
  const origins = (text: string) => readApiSettings({ CORS_ORIGINS: text }).corsOrigins;
  expect(origins('["http://a:1", "https://b/"]')).toEqual(["http://a:1", "https://b"]);
  expect(origins(" http://a:1 , *")).toEqual(["http://a:1", "*"]);
  expect(origins("[]")).toEqual([]);
});

test("levels and flags are taken in any case", () => {
  expect(readApiSettings({ LOG_LEVEL: "WARN", METRICS_ENABLED: "Off" })).toMatchObject({
    logLevel: "warning",
    metricsEnabled: false,
  });
});

test("a value that is not accepted is an error naming the variable, without the secret", () => {
  const wrong = { CORS_ORIGINS: "[1]", BLOB_URI_SECRET: "hunter2", METRICS_ENABLED: "maybe", LOG_LEVEL: "loud" };
  for (const [name, value] of Object.entries({ ...wrong })) {
    const error = failure(() => readApiSettings({ [name]: value }));
    expect([error.code, error.message.includes(name)]).toEqual(["usage", true]);
    expect(error.message + error.hint).not.toContain("hunter2");
  }
  for (const text of ["not an origin", "http://a/path", '["http://a"', "http://a,,http://b"])
    expect(failure(() => readApiSettings({ CORS_ORIGINS: text })).code).toBe("usage");
});

function failure(work: () => unknown): MatyanError {
  try {
    work();
  } catch (error) {
    if (error instanceof MatyanError) return error;
    throw error;
  }
  throw new Error("it was taken");
}
