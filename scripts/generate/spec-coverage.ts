// docs/generated/spec-coverage.md: each rule of the specification with the tests that name it, or **missing**.

import { join } from "node:path";
import { collectProofs, coverageDocument } from "../../test/spec-coverage.ts";
import type { GeneratedFile } from "../generate.ts";

export async function generate(): Promise<readonly GeneratedFile[]> {
  const proofs = collectProofs(join(import.meta.dir, "../.."));
  return [{ path: "docs/generated/spec-coverage.md", text: coverageDocument(proofs) }];
}
