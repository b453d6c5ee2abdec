import { expect, test } from "bun:test";
import { MatyanError } from "../../formats/error.ts";
import { presign } from "./presign.ts";

function ask(): Request {
  const body = JSON.stringify({ run_id: "r", artifact_path: "a\\b" });
  return new Request("http://x/api/v1/rest/artifacts/presign", { method: "POST", body });
}

test("a name that the object store cannot hold is the client's fault, and said", async () => {
  const refusing = async () => {
    throw new MatyanError("usage", "the blob key 'r/a\\b' has a backslash, which azure can't hold");
  };
  const response = await presign(ask(), refusing);
  expect(response.status).toBe(422);
  expect(await response.json()).toEqual({
    detail: [
      {
        type: "value_error",
        loc: ["body", "artifact_path"],
        msg: expect.stringContaining("a backslash, which azure can't hold"),
        input: "a\\b",
      },
    ],
  });
});

test("an object store that makes no URL is not, and the operator is told why", async () => {
  const warnings: string[] = [];
  const failing = async () => {
    throw new MatyanError("io", "nobody answers at the account's address");
  };
  const response = await presign(ask(), failing, (text) => warnings.push(text));
  expect(response.status).toBe(500);
  expect(warnings.join()).toContain("nobody answers");
});
